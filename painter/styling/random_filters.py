"""A network that was never trained: random filters, scaled so that all its layers have something to say.

Random filters tell textures apart nearly as well as trained ones (Ustyuzhaninov et al. 2016, 'Texture synthesis
using shallow convolutional networks with random filters'; He et al. 2016, 'A powerful generative model using random
weights'), provided that no layer's response is mostly one constant. So each layer is brought to mean 0 and variance 1
per filter before its rectifier (Mishkin and Matas 2016, 'All you need is a good init'), over a picture of random
discs, which has the edges and the spectrum of photographs (Lee, Mumford and Huang 2001, 'dead leaves'). What is left
of a constant after the rectifier is taken off the layers that are handed out, for it would be most of a Gram matrix.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from painter.options.network_layers import NETWORKS, filter_shapes
from painter.styling.features import Features

_SIDE = 160  # of the picture that the scales are set on, pixels
_DISCS = 1500
_WHITENING = 0.25  # how far the first layer evens out what photographs have more of: 0 not at all, 1 wholly
_MEAN = 1 / math.sqrt(2 * math.pi)  # of a rectified normal number: what all filters answer, whatever they see


def random_features(seed: int) -> Features:
    """VGG-19's shape with random filters; the same seed gives the same filters on every machine, up to rounding."""
    rng = np.random.default_rng(seed)
    names, shapes = NETWORKS["random"], filter_shapes("random")
    weights = [
        (torch.from_numpy(_directions(rng, filters, channels)), torch.zeros(filters)) for filters, channels in shapes
    ]
    features = Features("random", weights, _MEAN).eval()
    h = ((torch.from_numpy(dead_leaves(rng)).permute(2, 0, 1) - features.mean) / features.deviation)[None]
    with torch.no_grad():
        for name in names:
            if name.endswith("_1") and name != names[0]:
                h = F.avg_pool2d(h, 2, ceil_mode=True)
            if name == names[0]:
                _whiten(features, h)
            h = _calibrate(features, name, h).relu_()
    return features


def _directions(rng: np.random.Generator, filters: int, channels: int) -> np.ndarray:
    """[filters, channels, 3, 3] float32, each of length 1; orthogonal as far as there is room."""
    size = 9 * channels
    drawn = rng.standard_normal((filters, size), dtype=np.float32)
    if size <= 1152:  # beyond, random directions are as good as orthogonal
        turned = [_orthogonal(drawn[k : k + size]) for k in range(0, filters, size)]
        drawn = np.concatenate(turned).astype(np.float32)
    weights: np.ndarray = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).reshape(filters, channels, 3, 3)
    return weights


def _orthogonal(rows: np.ndarray) -> np.ndarray:
    """[N, D] float32 with N <= D: as they come, each turned away from those before it; by torch, whose QR is faster."""
    turned: np.ndarray = torch.linalg.qr(torch.from_numpy(rows.T)).Q.T.numpy()
    return turned


def _whiten(features: Features, h: Tensor) -> None:
    """Turn the first layer's filters towards what is rare in photographs: detail, and colour against grey.

    A quarter of the way: without it nearly all filters answer to how bright a place is; with all of it, or in deeper
    layers too, noise has the statistics of any style.
    """
    filters = getattr(features, f"{features.names[0]}_filters")
    values, vectors = torch.linalg.eigh(torch.cov(F.unfold(h, 3)[0].double()))
    scale = (values / values.max()).clamp_min(1e-4) ** (-_WHITENING / 2)
    turned = filters.double().flatten(1) @ (vectors * scale) @ vectors.T
    filters.copy_(turned.float().reshape(filters.shape))


def _calibrate(features: Features, name: str, h: Tensor) -> Tensor:
    """Scale and shift a layer's filters so that, over h, each has mean 0 and variance 1; returns the responses."""
    filters, biases = getattr(features, f"{name}_filters"), getattr(features, f"{name}_biases")
    response = features.layer(name, h)
    deviation, mean = torch.std_mean(response, (0, 2, 3), correction=0)
    filters.div_(deviation[:, None, None, None])
    biases.copy_(-mean / deviation)
    return (response - mean[:, None, None]) / deviation[:, None, None]


def dead_leaves(rng: np.random.Generator) -> np.ndarray:
    """[H, W, 3] float32 in [0, 1]: discs of random colours, one over another, small ones far more often than large."""
    import cv2

    image = np.full((_SIDE, _SIDE, 3), 0.5, np.float32)
    radii = np.clip(1.5 / np.sqrt(rng.random(_DISCS)), 1, _SIDE / 3)  # density r^-3: the same look at every scale
    grey = rng.random((_DISCS, 1))
    colors = np.clip(grey + 0.25 * rng.standard_normal((_DISCS, 3)), 0, 1)  # colours are mostly dull
    for radius, color, centre in zip(radii, colors, rng.random((_DISCS, 2)) * _SIDE, strict=True):
        place = (int(centre[0]), int(centre[1]))
        cv2.circle(image, place, round(float(radius)), color.tolist(), thickness=-1, lineType=cv2.LINE_8)
    return image
