"""Soft blending as fused numba kernels, forward and backward, on all cores.

The canvas is cut into a fixed number of bands of rows. Within a band the strokes are walked in paint order, row by
row over the exact span of pixels that the frame covers. The backward pass walks them in reverse and un-blends, so
nothing per pixel and stroke is kept: h_before = (h - α·s) / (1 - α). The canvas is held in float64, which keeps that
division honest through several nearly opaque layers. Each band has its own partial sums, added up in band order:
the result does not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from renderers.blending.layers import MAX_ALPHA, Layers

BANDS = 16  # fixed: the sums are taken in this many parts
GEOMETRY = 6  # gradients kept per stroke before the colours: six of the transform, then the opacity

_serial = numba.njit(cache=True, error_model="numpy", fastmath={"contract"})
_parallel = numba.njit(cache=True, parallel=True, error_model="numpy", fastmath={"contract"})


def blend_cpu(canvas: Tensor, layers: Layers) -> Tensor:
    """See `renderers.blending.blend`. All tensors on the CPU."""
    maps = layers.maps
    return _Blend.apply(
        canvas,
        layers.transform,
        maps.alpha,
        maps.mix,
        layers.start,
        layers.end,
        layers.opacity,
        maps.offset,
        maps.side,
    )


class _Blend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, canvas: Tensor, *inputs: Tensor) -> Tensor:
        transform, alpha, mix, start, end, opacity, offset, side = (_array(value) for value in inputs)
        texel = texel_transform(transform, side)
        first, last = row_ranges(texel, side, canvas.shape[0])
        painted = _own_doubles(canvas)
        _forward(painted, texel, first, last, alpha, mix, start, end, opacity, offset, side)
        ctx.saved = (painted, texel, first, last, alpha, mix, start, end, opacity, offset, side)
        return torch.from_numpy(painted.astype(np.float32))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        painted, texel, first, last, alpha, mix, start, end, opacity, offset, side = ctx.saved
        gradient = _own_doubles(gradients[0])
        for_maps = ctx.needs_input_grad[2] or ctx.needs_input_grad[3]
        pairs, pair_count = band_pairs(first, last, painted.shape[0])
        sums = np.zeros((pair_count, GEOMETRY + 1 + 2 * painted.shape[2]))
        texels, total = _texel_offsets(pairs, side) if for_maps else (np.zeros(1, np.int64), 1)
        grad_maps = np.zeros((total, 2), np.float32)
        _backward(
            painted.copy(), gradient, texel, first, last, alpha, mix, start, end, opacity, offset, side,
            pairs, sums, texels, grad_maps, for_maps,
        )  # fmt: skip
        per_stroke = np.zeros((len(side), sums.shape[1]))
        _add_pairs(pairs, sums, per_stroke)
        grad_alpha = grad_mix = None
        if for_maps:
            flat = np.zeros((2, len(alpha)), np.float32)
            _add_maps(pairs, texels, grad_maps, offset, side, flat)
            grad_alpha, grad_mix = torch.from_numpy(flat[0]), torch.from_numpy(flat[1])
        return (None, *_unpack(per_stroke, side, painted.shape[2], grad_alpha, grad_mix), None, None)


def _array(value: Tensor) -> np.ndarray:
    return value.detach().contiguous().numpy()


def _own_doubles(value: Tensor) -> np.ndarray:
    """A float64 array to work in: always a copy, and only one."""
    return value.detach().to(torch.float64, copy=True, memory_format=torch.contiguous_format).numpy()


def _unpack(
    sums: np.ndarray, side: np.ndarray, channels: int, grad_alpha: Tensor | None, grad_mix: Tensor | None
) -> tuple[Tensor | None, ...]:
    """Per-stroke sums [N, 7 + 2C] as gradients of transform, maps, start, end and opacity."""
    half = side[:, None] / 2
    transform = np.stack([sums[:, 0:3] * half, sums[:, 3:6] * half], axis=1)
    colors = sums[:, GEOMETRY + 1 :]
    start, end, opacity = colors[:, :channels], colors[:, channels:], sums[:, GEOMETRY]
    as_float = [torch.from_numpy(part.astype(np.float32)) for part in (transform, start, end, opacity)]
    return as_float[0], grad_alpha, grad_mix, as_float[1], as_float[2], as_float[3]


def texel_transform(transform: np.ndarray, side: np.ndarray) -> np.ndarray:
    """[N, 6] float64: pixel (column, row, 1) → texel column and row of each stroke's map."""
    half = side[:, None] / 2.0
    texel = transform.astype(np.float64) * half[:, :, None]
    texel[:, :, 2] += half - 0.5
    return texel.reshape(-1, 6)


def row_ranges(texel: np.ndarray, side: np.ndarray, height: int) -> tuple[np.ndarray, np.ndarray]:
    """First and one past the last canvas row of each stroke: where the map's texel centres reach."""
    a, b, c, d, e, f = texel.T
    determinant = a * e - b * d
    determinant = np.where(determinant == 0, np.nan, determinant)
    reach = (side - 1.0)[:, None] * np.array([[0, 1, 0, 1]]), (side - 1.0)[:, None] * np.array([[0, 0, 1, 1]])
    y = (a[:, None] * (reach[1] - f[:, None]) - d[:, None] * (reach[0] - c[:, None])) / determinant[:, None]
    # A stroke that is nowhere (no number, or no extent) touches no row.
    y = np.where(np.isfinite(y).all(axis=1, keepdims=True) & np.isfinite(texel).all(axis=1, keepdims=True), y, -1.0)
    first = np.clip(np.ceil(y.min(axis=1) - 1e-9), 0, height).astype(np.int64)
    last = np.clip(np.floor(y.max(axis=1) + 1e-9) + 1, 0, height).astype(np.int64)
    return first, np.maximum(first, last)


def band_pairs(first: np.ndarray, last: np.ndarray, height: int) -> tuple[np.ndarray, int]:
    """[N, BANDS] int64: a running number for each pair of a stroke and a band that it touches, else -1."""
    edges = np.array([band * height // BANDS for band in range(BANDS + 1)])
    touches = (first[:, None] < edges[None, 1:]) & (last[:, None] > edges[None, :-1])
    pairs = np.where(touches, np.cumsum(touches.ravel()).reshape(touches.shape) - 1, -1)
    return pairs, int(touches.sum())


def _texel_offsets(pairs: np.ndarray, side: np.ndarray) -> tuple[np.ndarray, int]:
    """Where each pair's own gradient map begins, and how many texels all of them have."""
    sizes = np.repeat(side * side, (pairs >= 0).sum(axis=1))
    ends = np.cumsum(sizes)
    return ends - sizes, int(ends[-1]) if len(ends) else 1


@_serial
def _span(texel: np.ndarray, row: int, reach: float, width: int) -> tuple[int, int]:
    """First and one past the last column of a row whose texel coordinates lie within [0, reach]²."""
    low, high = 0.0, width - 1.0
    for k in range(2):
        slope = texel[3 * k]
        at_zero = texel[3 * k + 1] * row + texel[3 * k + 2]
        if abs(slope) < 1e-12:
            if at_zero < 0.0 or at_zero > reach:
                return 0, 0
            continue
        enter, leave = -at_zero / slope, (reach - at_zero) / slope
        if enter > leave:
            enter, leave = leave, enter
        low, high = max(low, enter), min(high, leave)
    if high < low - 1.0:
        return 0, 0
    return int(np.ceil(low - 1e-9)), int(np.floor(high + 1e-9)) + 1


@_serial
def _corner(texel: np.ndarray, column: int, row: int, size: int) -> tuple[int, float, float]:
    """Where a pixel falls into a size² map: the texel up left of it (flat), and how far beyond it in x and y."""
    x = texel[0] * column + texel[1] * row + texel[2]
    y = texel[3] * column + texel[4] * row + texel[5]
    i, j = min(max(int(y), 0), size - 2), min(max(int(x), 0), size - 2)
    return i * size + j, x - j, y - i


@_serial
def _sample(values: np.ndarray, k: int, size: int, fx: float, fy: float) -> float:
    """Bilinear sample between the texels k, k + 1, k + size and k + size + 1."""
    top = values[k] + fx * (values[k + 1] - values[k])
    low = values[k + size] + fx * (values[k + size + 1] - values[k + size])
    return top + fy * (low - top)


@_serial
def _slope(values: np.ndarray, k: int, size: int, fx: float, fy: float) -> tuple[float, float]:
    """Derivative of that sample in x and y, per texel."""
    right, below_right = values[k + 1] - values[k], values[k + size + 1] - values[k + size]
    down, right_down = values[k + size] - values[k], values[k + size + 1] - values[k + 1]
    return right + fy * (below_right - right), down + fx * (right_down - down)


@_parallel
def _forward(
    canvas: np.ndarray, texel: np.ndarray, first: np.ndarray, last: np.ndarray, alpha: np.ndarray, mix: np.ndarray,
    start: np.ndarray, end: np.ndarray, opacity: np.ndarray, offset: np.ndarray, side: np.ndarray,
) -> None:  # fmt: skip
    height, width, channels = canvas.shape
    for band in numba.prange(BANDS):
        top, bottom = band * height // BANDS, (band + 1) * height // BANDS
        for n in range(len(side)):
            size, base, place = side[n], offset[n], texel[n]
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
                        canvas[row, column, c] += a * (color - canvas[row, column, c])


@_parallel
def _backward(
    canvas: np.ndarray, gradient: np.ndarray, texel: np.ndarray, first: np.ndarray, last: np.ndarray,
    alpha: np.ndarray, mix: np.ndarray, start: np.ndarray, end: np.ndarray, opacity: np.ndarray,
    offset: np.ndarray, side: np.ndarray, pairs: np.ndarray, sums: np.ndarray, texels: np.ndarray,
    grad_maps: np.ndarray, for_maps: bool,
) -> None:  # fmt: skip
    height, width, channels = canvas.shape
    for band in numba.prange(BANDS):
        top, bottom = band * height // BANDS, (band + 1) * height // BANDS
        for n in range(len(side) - 1, -1, -1):
            pair = pairs[n, band]
            if pair < 0:
                continue
            size, base, place = side[n], offset[n], texel[n]
            to_maps = texels[pair] - base if for_maps else 0
            g0 = g1 = g2 = g3 = g4 = g5 = g_opacity = 0.0
            for row in range(max(top, first[n]), min(bottom, last[n])):
                low, high = _span(place, row, size - 1.0, width)
                for column in range(low, high):
                    k, fx, fy = _corner(place, column, row, size)
                    k += base
                    covered = _sample(alpha, k, size, fx, fy)
                    m = _sample(mix, k, size, fx, fy)
                    a = min(opacity[n] * covered, MAX_ALPHA)
                    through = 1.0 - a
                    d_a = d_m = 0.0
                    for c in range(channels):
                        tint = end[n, c] - start[n, c]
                        color = start[n, c] + m * tint
                        # Colours lie near [0, 1]: the bound only stops rounding from running away under a pile
                        # of opaque strokes, where the gradient has long vanished.
                        below = min(max((canvas[row, column, c] - a * color) / through, -4.0), 5.0)
                        g = gradient[row, column, c]
                        d_a += g * (color - below)
                        d_color = a * g
                        d_m += d_color * tint
                        sums[pair, GEOMETRY + 1 + c] += d_color * (1.0 - m)
                        sums[pair, GEOMETRY + 1 + channels + c] += d_color * m
                        canvas[row, column, c] = below
                        gradient[row, column, c] = g * through
                    if opacity[n] * covered > MAX_ALPHA:
                        d_a = 0.0
                    g_opacity += d_a * covered
                    d_a *= opacity[n]
                    a_x, a_y = _slope(alpha, k, size, fx, fy)
                    m_x, m_y = _slope(mix, k, size, fx, fy)
                    d_x, d_y = d_a * a_x + d_m * m_x, d_a * a_y + d_m * m_y
                    g0 += d_x * column
                    g1 += d_x * row
                    g2 += d_x
                    g3 += d_y * column
                    g4 += d_y * row
                    g5 += d_y
                    if for_maps:
                        for dk, weight in (
                            (0, (1.0 - fx) * (1.0 - fy)), (1, fx * (1.0 - fy)),
                            (size, (1.0 - fx) * fy), (size + 1, fx * fy),
                        ):  # fmt: skip
                            grad_maps[to_maps + k + dk, 0] += weight * d_a
                            grad_maps[to_maps + k + dk, 1] += weight * d_m
            sums[pair, 0], sums[pair, 1], sums[pair, 2] = g0, g1, g2
            sums[pair, 3], sums[pair, 4], sums[pair, 5] = g3, g4, g5
            sums[pair, 6] = g_opacity


@_serial
def _add_pairs(pairs: np.ndarray, sums: np.ndarray, total: np.ndarray) -> None:
    """Add up each stroke's bands, in band order."""
    for n in range(len(pairs)):
        for band in range(BANDS):
            if pairs[n, band] >= 0:
                total[n] += sums[pairs[n, band]]


@_parallel
def _add_maps(
    pairs: np.ndarray,
    texels: np.ndarray,
    grad_maps: np.ndarray,
    offset: np.ndarray,
    side: np.ndarray,
    flat: np.ndarray,
) -> None:
    """Add up each stroke's gradient maps, in band order, into [2, T]."""
    for n in numba.prange(len(pairs)):
        for band in range(BANDS):
            if pairs[n, band] >= 0:
                begin = texels[pairs[n, band]]
                for k in range(side[n] * side[n]):
                    flat[0, offset[n] + k] += grad_maps[begin + k, 0]
                    flat[1, offset[n] + k] += grad_maps[begin + k, 1]
