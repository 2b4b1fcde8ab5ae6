"""A perceptual distance: how differently a trained network sees two pictures.

It is built as LPIPS is (Zhang et al. 2018, 'The unreasonable effectiveness of deep features as a perceptual metric'):
features of unit length, compared place by place. But its network is the edge-trained VGG-16 with average pooling, and
all layers and filters count the same, so its values are ours and not those of LPIPS.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from painter.options.network_files import HED
from painter.pictures.metrics import over_white
from painter.pictures.resizing import fit_size, resize_image
from painter.styling.feature_networks import load_features
from painter.styling.features import Features
from painter.system.devices import ordinary_tensors

LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
SIDE = 256  # long side at which pictures are seen, at most, pixels


def perceptual_distance(image: np.ndarray, other: np.ndarray, network: Features | None = None) -> float | None:
    """How differently two pictures are seen: 0 if alike, at most 4; None where the network is not installed.

    Args:
        image, other: uint8 [H, W, 3], or both [H, W, 4] with straight alpha, which are compared over white.
        network: that sees them; the edge-trained one if not given.

    Raises:
        CheckpointError: the network's file is damaged.
    """
    if image.shape != other.shape or image.dtype != np.uint8 or other.dtype != np.uint8:
        raise ValueError(f"cannot compare {image.dtype} {[*image.shape]} with {other.dtype} {[*other.shape]}")
    if network is None:
        if HED.paths() is None:
            return None
        network = load_features("hed")
    terms = []
    with ordinary_tensors(), torch.no_grad():
        seen = [network(_fitted(each), LAYERS) for each in (image, other)]
        for name in LAYERS:
            ours, theirs = (F.normalize(one[name], dim=0) for one in seen)
            terms.append(float((ours - theirs).square().sum(0).mean()))
    return float(np.mean(terms))


def _fitted(image: np.ndarray) -> torch.Tensor:
    """[h, w, 3] float32 in [0, 1], at most SIDE pixels long."""
    opaque = over_white(image) if image.shape[2] == 4 else image
    rows, columns = image.shape[:2]
    size = fit_size(rows, columns, min(SIDE, max(rows, columns)))
    return torch.from_numpy(resize_image(opaque.astype(np.float32) / 255, *size))
