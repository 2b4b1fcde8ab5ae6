"""What each stroke is worth: how much the squared error would rise if it were taken away."""

from __future__ import annotations

import numba
import numpy as np
import torch
from torch import Tensor

from renderers.blending.cpu import BANDS, _array, _parallel, _span, row_ranges, texel_transform
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
        canvas.detach().double().numpy().copy(), (canvas - target).detach().double().numpy(), texel, first, last,
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
            size, base = side[n], offset[n]
            cost = 0.0
            for row in range(max(top, first[n]), min(bottom, last[n])):
                low, high = _span(texel[n], row, size - 1.0, width)
                for column in range(low, high):
                    x = texel[n, 0] * column + texel[n, 1] * row + texel[n, 2]
                    y = texel[n, 3] * column + texel[n, 4] * row + texel[n, 5]
                    i, j = min(max(int(y), 0), size - 2), min(max(int(x), 0), size - 2)
                    fy, fx = y - i, x - j
                    k = base + i * size + j
                    a_top = alpha[k] + fx * (alpha[k + 1] - alpha[k])
                    a_low = alpha[k + size] + fx * (alpha[k + size + 1] - alpha[k + size])
                    a = min(opacity[n] * (a_top + fy * (a_low - a_top)), MAX_ALPHA)
                    if a == 0.0:
                        continue
                    m_top = mix[k] + fx * (mix[k + 1] - mix[k])
                    m_low = mix[k + size] + fx * (mix[k + size + 1] - mix[k + size])
                    m = m_top + fy * (m_low - m_top)
                    for c in range(channels):
                        color = start[n, c] + m * (end[n, c] - start[n, c])
                        below = min(max((canvas[row, column, c] - a * color) / (1.0 - a), -4.0), 5.0)
                        change = -light[row, column] * a * (color - below)
                        cost += change * (change + 2.0 * error[row, column, c])
                        canvas[row, column, c] = below
                    light[row, column] *= 1.0 - a
            sums[n, band] = cost
