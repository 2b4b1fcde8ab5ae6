"""Larger pieces: by the network that was learned with them, or by regions of colour, whose edges are crisp."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from painter.learning.cleaning import cleaned
from painter.learning.collection_palette import own_palette
from painter.learning.learning_config import CleaningConfig
from painter.learning.mixtures import mixtures
from painter.learning.model_file import Model
from painter.learning.signal import premultiplied, straight, to_pixels, to_signal
from painter.learning.upscaler import enlarged

_BLUR = 0.5  # standard deviation of the blur of a region's border, in pixels of the piece
_SAMPLES = 2  # along a side of each pixel of the result
_STEPS = 2  # enlargements by 2 with the network, before regions


def upscaled(model: Model, piece: np.ndarray, times: int, cleaning: CleaningConfig) -> np.ndarray:
    """A piece 2 or 4 times as large, uint8: by the model's network, then cleaned up; of pixel art each pixel a square.

    Args:
        piece: uint8 [H, W, C].
        times: 1, 2 or 4.

    Raises:
        ValueError: the model has no network for it.
    """
    if times == 1:
        return piece
    if model.pixel_art:
        return piece.repeat(times, 0).repeat(times, 1)
    if model.networks.upscaler is None:
        raise ValueError("the model has no upscaler")
    with torch.no_grad():
        large = to_pixels(enlarged(model.networks.upscaler, to_signal(torch.from_numpy(piece)[None]), times))[0]
    return cleaned(large, straight(own_palette(piece, cleaning)), False, cleaning)


def to_paint(model: Model, piece: np.ndarray, long_side: int, cleaning: CleaningConfig) -> np.ndarray:
    """A piece as regions of colour at a size to paint from: uint8, about `long_side` pixels on its longer side."""
    large = piece
    if model.networks.upscaler is not None and not model.pixel_art:
        large = upscaled(model, piece, 2**_STEPS, cleaning)
    times = max(1, math.ceil(long_side / max(large.shape[:2])))
    if model.pixel_art:
        return large.repeat(times, 0).repeat(times, 1)
    return in_regions(large, times, own_palette(large, cleaning))


@torch.no_grad()
def in_regions(piece: np.ndarray, times: int, palette: np.ndarray) -> np.ndarray:
    """A piece enlarged as regions of its colours: the share of each colour is enlarged, and the largest share wins.

    Args:
        piece: uint8 [H, W, C].
        times: at least 1.
        palette: float32 [K, C], its colours multiplied by alpha, as `collection_palette.own_palette` has them.

    Returns:
        uint8 [times * H, times * W, C].
    """
    colors = torch.from_numpy(palette)
    shares, _ = mixtures(torch.from_numpy(premultiplied(piece)), colors)
    fine = times * _SAMPLES
    kernel = _gaussian(fine * _BLUR)
    best = torch.full((piece.shape[0] * fine, piece.shape[1] * fine), -1.0)
    chosen = torch.zeros(best.shape, dtype=torch.long)
    for k in range(len(colors)):  # one colour at a time, so that memory stays small
        share = shares[None, None, :, :, k]
        share = functional.interpolate(share, scale_factor=fine, mode="bicubic", align_corners=False)
        blurred = _blurred(share, kernel)[0, 0]
        chosen[blurred > best] = k
        best = torch.maximum(best, blurred)
    image = colors[chosen].permute(2, 0, 1)[None]
    return straight(functional.avg_pool2d(image, _SAMPLES)[0].permute(1, 2, 0).numpy())


def _gaussian(deviation: float) -> Tensor:
    """A kernel of odd length whose sum is 1."""
    half = max(1, round(2 * deviation))
    steps = torch.arange(-half, half + 1).float()
    kernel = torch.exp(-(steps**2) / (2 * deviation**2))
    return kernel / kernel.sum()


def _blurred(image: Tensor, kernel: Tensor) -> Tensor:
    """[1, 1, H, W] blurred along both sides; the border goes on."""
    half = len(kernel) // 2
    padded = functional.pad(image, (half,) * 4, mode="replicate")
    rows = functional.conv2d(padded, kernel.view(1, 1, 1, -1))
    return functional.conv2d(rows, kernel.view(1, 1, -1, 1))
