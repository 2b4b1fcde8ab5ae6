"""What each stroke is worth: how much the squared error would rise if it were taken away."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from renderers.blending.cpu import clamp_alpha, lay, locate, mask_tail, planes, sample
from renderers.blending.layers import Layers
from renderers.blending.spans import BAND_ORDER, BANDS, SpanTable
from renderers.jit import kernel
from renderers.simd import LANES, load, splat, store, total
from renderers.threads import share


def removal_costs(
    canvas: Tensor, target: Tensor, layers: Layers, weight: Tensor | None = None, alpha_weight: float = 1.0
) -> Tensor:
    """Σ w (without - target)² - Σ w (with - target)² for each stroke taken away alone; exact, in one pass.

    Taking away a stroke changes the finished canvas by Δ = -T·α·(s - h), where h is what lies below it and T the
    share of light that later strokes let through: h is on the tape of `lay`, T is found on the way back.

    Args:
        canvas: [H, W, C], the canvas before any of the layers.
        target: [H, W, C].
        weight: [H, W] float32, w of the pixels; 1 if not given.
        alpha_weight: what w is multiplied by in a fourth channel.

    Returns:
        [N] float64: negative for a stroke that does harm.
    """
    height = len(canvas)
    finished, laid, tape = lay(canvas, layers, taped=True)
    error, light = planes(finished - target), planes(torch.ones_like(canvas[:, :, :1]))
    counts = planes(torch.ones_like(canvas[:, :, :1]) if weight is None else weight[:, :, None])
    sums = np.zeros((len(layers), BANDS))
    share(lambda mine, step: _removal(mine, step, error, counts, alpha_weight, light, height, laid, tape.array, sums))
    return torch.from_numpy(sums.sum(axis=1))


@kernel
def _removal(
    mine: int, step: int, error: np.ndarray, counts: np.ndarray, alpha_weight: float, light: np.ndarray, height: int,
    laid: SpanTable, tape: np.ndarray, sums: np.ndarray,
) -> None:  # fmt: skip
    channels, stride = laid.start.shape[1], light.size // height
    for turn in range(mine, BANDS, step):
        band = BAND_ORDER[turn]
        top, bottom = band * height // BANDS, (band + 1) * height // BANDS
        for n in range(len(laid.size) - 1, -1, -1):
            size, base, texel, opacity = laid.size[n], laid.offset[n], laid.texel[n], splat(laid.opacity[n])
            cost = 0.0
            for row in range(max(top, laid.first[n]), min(bottom, laid.last[n])):
                k = laid.rows[n] + row - laid.first[n]
                below = laid.blocks[k] * channels * LANES
                for column in range(laid.low[k], laid.high[k], LANES):
                    covered, mix, _, _ = sample(laid.maps, base, size[1], locate(texel, column, row, size))
                    alpha = mask_tail(laid.high[k] - column, clamp_alpha(opacity * covered))
                    let_through = load(light, row * stride + column)
                    count = load(counts, row * stride + column)
                    seen = let_through * alpha
                    for c in range(channels):
                        color = splat(laid.start[n, c]) + mix * splat(laid.tint[n, c])
                        change = seen * (load(tape, below) - color)
                        off = load(error, (c * height + row) * stride + column)
                        channel = splat(np.float32(alpha_weight if c == 3 else 1.0))
                        cost += total(channel * count * change * (change + off + off))
                        below += LANES
                    store(light, row * stride + column, let_through - seen)
            sums[n, band] = cost
