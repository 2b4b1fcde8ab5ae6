"""What each stroke is worth: how much the squared error would rise if it were taken away."""

from __future__ import annotations

import numba
import numpy as np
import torch
from torch import Tensor

from renderers.blending.cpu import (
    BANDS,
    _array,
    _corner,
    _own_doubles,
    _parallel,
    _sample,
    _span,
    row_ranges,
    texel_transform,
)
from renderers.blending.layers import MAX_ALPHA, Layers


def removal_costs(canvas: Tensor, target: Tensor, layers: Layers) -> Tensor:
    """Σ (without - target)² - Σ (with - target)² for each stroke taken away alone; exact, in one pass.

    Taking away a stroke changes the finished canvas by Δ = -T·α·(s - h), where h is what lies below it and T the
    share of light that later strokes let through; walking back through the strokes gives both.

    Args:
        canvas: [H, W, C], the finished canvas, as `blend` gave it for these layers.
        target: [H, W, C].

    Returns:
        [N] float64: negative for a stroke that does harm.
    """
    side, offset = layers.maps.side.numpy(), layers.maps.offset.numpy()
    texel = texel_transform(_array(layers.transform), side)
    first, last = row_ranges(texel, side, canvas.shape[0])
    sums = np.zeros((len(side), BANDS))
    _removal(
        _own_doubles(canvas), _own_doubles(canvas - target), texel, first, last,
        _array(layers.maps.alpha), _array(layers.maps.mix), _array(layers.start), _array(layers.end),
        _array(layers.opacity), offset, side, sums,
    )  # fmt: skip
    return torch.from_numpy(sums.sum(axis=1))


@_parallel
def _removal(
    canvas: np.ndarray, error: np.ndarray, texel: np.ndarray, first: np.ndarray, last: np.ndarray,
    alpha: np.ndarray, mix: np.ndarray, start: np.ndarray, end: np.ndarray, opacity: np.ndarray,
    offset: np.ndarray, side: np.ndarray, sums: np.ndarray,
) -> None:  # fmt: skip
    height, width, channels = canvas.shape
    light = np.ones((height, width))
    for band in numba.prange(BANDS):
        top, bottom = band * height // BANDS, (band + 1) * height // BANDS
        for n in range(len(side) - 1, -1, -1):
            size, base, place = side[n], offset[n], texel[n]
            cost = 0.0
            for row in range(max(top, first[n]), min(bottom, last[n])):
                low, high = _span(place, row, size - 1.0, width)
                for column in range(low, high):
                    k, fx, fy = _corner(place, column, row, size)
                    k += base
                    a = min(opacity[n] * _sample(alpha, k, size, fx, fy), MAX_ALPHA)
                    if a == 0.0:
                        continue
                    m = _sample(mix, k, size, fx, fy)
                    for c in range(channels):
                        color = start[n, c] + m * (end[n, c] - start[n, c])
                        below = min(max((canvas[row, column, c] - a * color) / (1.0 - a), -4.0), 5.0)
                        change = -light[row, column] * a * (color - below)
                        cost += change * (change + 2.0 * error[row, column, c])
                        canvas[row, column, c] = below
                    light[row, column] *= 1.0 - a
            sums[n, band] = cost
