"""What each stroke is worth: the rise of the squared error if it were removed; and how much of it is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from renderers.blending.cpu import blend_forward, clamp_alpha, locate, mask_tail, planes, sample
from renderers.blending.layers import Layers
from renderers.blending.mixing import to_colors, to_pigment
from renderers.blending.spans import BAND_ORDER, BANDS, SpanTable
from renderers.jit import kernel
from renderers.simd import LANES, load, splat, store, total
from renderers.spectra import WAVEBANDS
from renderers.threads import share


def removal_costs(
    canvas: Tensor, target: Tensor, layers: Layers, weight: Tensor | None = None, alpha_weight: float = 1.0
) -> Tensor:
    """Σ w (without - target)² - Σ w (with - target)² for each stroke removed alone; exact, in one pass.

    Where pigments are mixed the error is that of their wavebands, weighted by how much of it is seen at the target's
    colours: near enough to tell which strokes are worth least.

    Removing a stroke changes the finished canvas by Δ = -T·α·(s - h), where h is what lies below it and T the
    transmittance of later strokes: h is on the tape of `blend_forward`, T is found by walking strokes in reverse.

    Args:
        canvas: [H, W, C], the canvas before any of the layers.
        target: [H, W, C].
        layers: N strokes, in paint order; all tensors on the CPU.
        weight: [H, W] float32, w of the pixels; 1 if not given.
        alpha_weight: factor of w in a fourth channel.

    Returns:
        [N] float64, negative where the picture is nearer to the target without the stroke.
    """
    alpha_channel = canvas.shape[2] - 1 if canvas.shape[2] == 4 else -1
    if layers.mixing == "pigment":
        seen = _visibility(target) if weight is None else weight * _visibility(target)
        canvas, target, weight = to_pigment(canvas), to_pigment(target), seen
        layers = replace(layers, start=to_pigment(layers.start), end=to_pigment(layers.end))
        alpha_channel = WAVEBANDS if alpha_channel > 0 else -1
    height = len(canvas)
    finished, table, tape = blend_forward(canvas, layers, record=True)
    error, light = planes(finished - target), planes(torch.ones_like(canvas[:, :, :1]))
    counts = planes(torch.ones_like(canvas[:, :, :1]) if weight is None else weight[:, :, None])
    sums = np.zeros((len(layers), BANDS))
    share(
        lambda first, step: _removal(
            first, step, error, counts, alpha_channel, alpha_weight, light, height, table, tape.array, sums
        )
    )
    return torch.from_numpy(sums.sum(axis=1))


def _visibility(target: Tensor) -> Tensor:
    """[H, W]: what a squared error in all wavebands alike counts, as one of colours, near the colours of a target."""
    pigment = to_pigment(target)
    step = torch.zeros_like(pigment)
    step[..., :WAVEBANDS] = 1e-2
    slope = (to_colors(pigment + step) - to_colors(pigment)) / 1e-2
    return slope.square().sum(dim=2) / WAVEBANDS


@kernel
def _removal(
    first: int, step: int, error: np.ndarray, counts: np.ndarray, alpha_channel: int, alpha_weight: float,
    light: np.ndarray, height: int, table: SpanTable, tape: np.ndarray, sums: np.ndarray,
) -> None:  # fmt: skip
    """Fill sums [N, BANDS] for the bands first, first + step …: what each stroke is worth there."""
    channels, stride = table.start.shape[1], light.size // height
    for k in range(first, BANDS, step):
        band = BAND_ORDER[k]
        top, bottom = band * height // BANDS, (band + 1) * height // BANDS
        for n in range(len(table.size) - 1, -1, -1):
            size, base, texel, opacity = table.size[n], table.offset[n], table.texel[n], splat(table.opacity[n])
            cost = 0.0
            for row in range(max(top, table.first[n]), min(bottom, table.last[n])):
                k = table.rows[n] + row - table.first[n]
                below = table.blocks[k] * channels * LANES
                for column in range(table.low[k], table.high[k], LANES):
                    covered, mix, _, _ = sample(table.maps, base, size[1], locate(texel, column, row, size))
                    alpha = mask_tail(table.high[k] - column, clamp_alpha(opacity * covered))
                    let_through = load(light, row * stride + column)
                    count = load(counts, row * stride + column)
                    seen = let_through * alpha
                    for c in range(channels):
                        color = splat(table.start[n, c]) + mix * splat(table.tint[n, c])
                        change = seen * (load(tape, below) - color)
                        off = load(error, (c * height + row) * stride + column)
                        channel = splat(np.float32(alpha_weight if c == alpha_channel else 1.0))
                        cost += total(channel * count * change * (change + off + off))
                        below += LANES
                    store(light, row * stride + column, let_through - seen)
            sums[n, band] = cost


def seen_paint(layers: Layers, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """How much of each stroke's paint is seen in the end, and how much there is, on a canvas of this size.

    Args:
        layers: N strokes, in paint order; all tensors on the CPU.

    Returns:
        Σ T·α and Σ α over the canvas' pixels, [N] float64 each; T is what later strokes let through.
    """
    table, light = SpanTable.of(layers, height, width), planes(torch.ones(height, width, 1))
    sums = np.zeros((len(layers), BANDS, 2))
    share(lambda first, step: _seen(first, step, light, height, table, sums))
    seen, paint = sums.sum(axis=1).T
    return seen, paint


@kernel
def _seen(first: int, step: int, light: np.ndarray, height: int, table: SpanTable, sums: np.ndarray) -> None:
    """Fill sums [N, BANDS, 2] for the bands first, first + step …"""
    stride = light.size // height
    for k in range(first, BANDS, step):
        band = BAND_ORDER[k]
        top, bottom = band * height // BANDS, (band + 1) * height // BANDS
        for n in range(len(table.size) - 1, -1, -1):
            size, base, texel, opacity = table.size[n], table.offset[n], table.texel[n], splat(table.opacity[n])
            of_seen, of_paint = splat(0), splat(0)
            for row in range(max(top, table.first[n]), min(bottom, table.last[n])):
                at = table.rows[n] + row - table.first[n]
                for column in range(table.low[at], table.high[at], LANES):
                    covered, _mix, _, _ = sample(table.maps, base, size[1], locate(texel, column, row, size))
                    alpha = mask_tail(table.high[at] - column, clamp_alpha(opacity * covered))
                    let_through = load(light, row * stride + column)
                    seen = let_through * alpha
                    of_seen += seen
                    of_paint += alpha
                    store(light, row * stride + column, let_through - seen)
            sums[n, band, 0], sums[n, band, 1] = total(of_seen), total(of_paint)
