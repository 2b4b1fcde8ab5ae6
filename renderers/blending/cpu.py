"""Soft blending as fused numba kernels, forward and backward, on all cores.

The canvas is cut into a fixed number of bands of rows. Within a band the strokes are walked in paint order, row by
row over the exact span of pixels that the frame covers, LANES pixels at a time. What lay below each stroke is kept on
a tape, so that the backward pass, which walks them in reverse, need not divide by 1 - α to un-blend: float32 is then
exact enough, and C numbers for each pixel of a stroke are little next to the time that they save. Each band has its
own partial sums, added up in band order: the result does not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from renderers.blending.layers import MAX_ALPHA, FrameMaps, Layers
from renderers.blending.spans import BAND_ORDER, BANDS, Laid, band_pairs
from renderers.jit import inlined, kernel
from renderers.lanes import (
    LANES,
    add_pairs,
    as_float,
    clamped,
    iota,
    load,
    load_pairs,
    splat,
    splat_int,
    store,
    total,
    where_less,
    whole,
)
from renderers.threads import share
from renderers.workspace import Lent

GEOMETRY = 6  # gradients kept per stroke before the colours: six of the transform, then the opacity
CEILING = np.float32(MAX_ALPHA)


def blend_cpu(canvas: Tensor, layers: Layers) -> Tensor:
    """See `renderers.blending.blend`. All tensors on the CPU."""
    maps = layers.maps
    result: Tensor = _Blend.apply(
        canvas, maps.offset, maps.size, layers.transform, maps.texels, layers.start, layers.end, layers.opacity
    )
    return result


class _Blend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, canvas: Tensor, offset: Tensor, size: Tensor, *inputs: Tensor) -> Tensor:
        transform, texels, start, end, opacity = inputs
        layers = Layers(transform, FrameMaps(texels, offset, size), start, end, opacity)
        result, ctx.laid, ctx.tape = lay(canvas, layers, taped=any(ctx.needs_input_grad))
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        laid, for_maps = ctx.laid, ctx.needs_input_grad[4]
        height, _, channels = gradients[0].shape
        gradient = planes(gradients[0])
        pairs, pair_count = band_pairs(laid, height)
        sums = np.zeros((pair_count, GEOMETRY + 1 + 2 * channels))
        slopes = Lent(2 * LANES * laid.blocks[-1] if for_maps else 1)
        share(
            lambda mine, step: _backward(
                mine, step, gradient, height, laid, ctx.tape.array, pairs, sums, slopes.array, for_maps
            )
        )
        texels = None
        if for_maps:
            texels = torch.empty(len(laid.maps) // 2, 2)
            flat = texels.numpy().reshape(-1)
            share(lambda mine, step: _spread(mine, step, laid, slopes.array, flat))
        return (None, None, None, *_unpack(_add_pairs(pairs, sums), laid.size, channels, texels))


def lay(canvas: Tensor, layers: Layers, taped: bool) -> tuple[Tensor, Laid, Lent]:
    """Blend `layers` onto a copy of `canvas` [H, W, C].

    Returns:
        The painted canvas; how the strokes were laid out; if `taped`, what lay below each: block b of LANES pixels,
        channel c, at (b·C + c)·LANES.
    """
    height, width, channels = canvas.shape
    laid = Laid.out(layers, height, width)
    tape = Lent(laid.blocks[-1] * channels * LANES if taped else 1)
    painted = planes(canvas)
    share(lambda mine, step: _forward(mine, step, painted, height, laid, tape.array, taped))
    rows = painted.reshape(channels, height, -1)[:, :, :width]
    return torch.from_numpy(rows.transpose(1, 2, 0)), laid, tape  # no copy: plane by plane in memory


def planes(canvas: Tensor) -> np.ndarray:
    """[H, W, C] → flat [C, H, W + LANES] float32, a copy: a block that begins inside a row ends inside it."""
    height, width, channels = canvas.shape
    planes = np.zeros((channels, height, width + LANES), np.float32)
    planes[:, :, :width] = canvas.detach().permute(2, 0, 1).numpy()
    return planes.reshape(-1)


def _unpack(sums: np.ndarray, size: np.ndarray, channels: int, texels: Tensor | None) -> tuple[Tensor | None, ...]:
    """Per-stroke sums [N, 7 + 2C] as gradients of transform, texels, start, end and opacity."""
    transform = sums[:, :GEOMETRY].reshape(-1, 2, 3) * (size[:, ::-1, None] / 2)
    colors = sums[:, GEOMETRY + 1 :]
    start, end, opacity = colors[:, :channels], colors[:, channels:], sums[:, GEOMETRY]
    as_float = [torch.from_numpy(part.astype(np.float32)) for part in (transform, start, end, opacity)]
    return as_float[0], texels, *as_float[1:]


def _add_pairs(pairs: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """[P, K] by pairs → [N, K] float64 by strokes, added up in band order."""
    result = np.zeros((len(pairs), sums.shape[1]))
    for band in range(BANDS):
        touched = pairs[:, band] >= 0
        result[touched] += sums[pairs[touched, band]]
    return result


@inlined
def locate(texel: Any, column: int, row: int, size: Any) -> Any:
    """Where LANES pixels fall into a map of size [2], rows and columns: the texel up left (flat), how far beyond it."""
    x = splat(texel[0] * column + texel[1] * row + texel[2]) + splat(texel[0]) * iota()
    y = splat(texel[3] * column + texel[4] * row + texel[5]) + splat(texel[3]) * iota()
    j = clamped(whole(x), splat_int(0), splat_int(size[1] - 2))
    i = clamped(whole(y), splat_int(0), splat_int(size[0] - 2))
    return i * splat_int(size[1]) + j, x - as_float(j), y - as_float(i)


@inlined
def bilinear(upper_left: Any, upper_right: Any, lower_left: Any, lower_right: Any, x: Any, y: Any) -> Any:
    """Bilinear sample, and its slopes in x and y per texel."""
    upper, lower = upper_right - upper_left, lower_right - lower_left
    top, bottom = upper_left + x * upper, lower_left + x * lower
    return top + y * (bottom - top), upper + y * (lower - upper), bottom - top


@inlined
def sample(maps: Any, base: int, stride: int, place: Any) -> Any:
    """α and mix with their slopes at a place from `locate`, in the map at texel `base`, rows `stride` apart."""
    corner, x, y = place
    a0, m0, a1, m1 = load_pairs(maps, base, corner)
    a2, m2, a3, m3 = load_pairs(maps, base + stride, corner)
    return bilinear(a0, a1, a2, a3, x, y), bilinear(m0, m1, m2, m3, x, y)


@inlined
def held(value: Any) -> Any:
    """Kept at MAX_ALPHA or below."""
    limit = splat(CEILING)
    return where_less(value, limit, value, limit)


@inlined
def only(count: int, value: Any) -> Any:
    """The first `count` lanes; zero in the others, which lie beyond the row's end."""
    return where_less(iota(), splat(count), value, splat(0))


@kernel
def _forward(mine: int, step: int, canvas: np.ndarray, height: int, laid: Laid, tape: np.ndarray, taped: bool) -> None:
    channels = laid.start.shape[1]
    stride = canvas.size // (channels * height)
    for turn in range(mine, BANDS, step):
        band = BAND_ORDER[turn]
        top, bottom = band * height // BANDS, (band + 1) * height // BANDS
        for n in range(len(laid.size)):
            size, base, texel, opacity = laid.size[n], laid.offset[n], laid.texel[n], splat(laid.opacity[n])
            for row in range(max(top, laid.first[n]), min(bottom, laid.last[n])):
                k = laid.rows[n] + row - laid.first[n]
                block = laid.blocks[k] * channels * LANES
                for column in range(laid.low[k], laid.high[k], LANES):
                    (covered, _, _), (mix, _, _) = sample(laid.maps, base, size[1], locate(texel, column, row, size))
                    alpha = only(laid.high[k] - column, held(opacity * covered))
                    for c in range(channels):
                        at = (c * height + row) * stride + column
                        below = load(canvas, at)
                        if taped:
                            store(tape, block, below)
                            block += LANES
                        color = splat(laid.start[n, c]) + mix * splat(laid.end[n, c] - laid.start[n, c])
                        store(canvas, at, below + alpha * (color - below))


@kernel
def _backward(
    mine: int, step: int, gradient: np.ndarray, height: int, laid: Laid, tape: np.ndarray,
    pairs: np.ndarray, sums: np.ndarray, slopes: np.ndarray, for_maps: bool,
) -> None:  # fmt: skip
    """Sums [P, 7 + 2C] for each pair of a stroke and a band: of the texel transform, opacity, start and end colour.

    If `for_maps`, also `slopes`: the loss by α and by mix, at each pixel of each stroke.
    """
    channels = laid.start.shape[1]
    stride = gradient.size // (channels * height)
    of_colors = np.zeros(2 * channels * LANES, np.float32)
    none = splat(0)
    for turn in range(mine, BANDS, step):
        band = BAND_ORDER[turn]
        top, bottom = band * height // BANDS, (band + 1) * height // BANDS
        for n in range(len(laid.size) - 1, -1, -1):
            pair = pairs[n, band]
            if pair < 0:
                continue
            size, base, texel, opacity = laid.size[n], laid.offset[n], laid.texel[n], splat(laid.opacity[n])
            x_column, x_row, x_one, y_column, y_row, y_one, of_opacity = none, none, none, none, none, none, none
            of_colors[:] = 0
            for row in range(max(top, laid.first[n]), min(bottom, laid.last[n])):
                k = laid.rows[n] + row - laid.first[n]
                block = laid.blocks[k]
                for column in range(laid.low[k], laid.high[k], LANES):
                    count = laid.high[k] - column
                    place = locate(texel, column, row, size)
                    (covered, a_x, a_y), (mix, m_x, m_y) = sample(laid.maps, base, size[1], place)
                    alpha = only(count, held(opacity * covered))
                    d_alpha, d_mix = none, none
                    for c in range(channels):
                        at, below = (c * height + row) * stride + column, (block * channels + c) * LANES
                        start, tint = splat(laid.start[n, c]), splat(laid.end[n, c] - laid.start[n, c])
                        g = load(gradient, at)
                        d_alpha += g * (start + mix * tint - load(tape, below))
                        d_color = alpha * g
                        d_mix += d_color * tint
                        s, e = c * LANES, (channels + c) * LANES
                        store(of_colors, s, load(of_colors, s) + d_color)
                        store(of_colors, e, load(of_colors, e) + d_color * mix)
                        store(gradient, at, g - d_color)
                    # Where the ceiling holds α, nothing moves it; beyond the row's end there is no pixel.
                    d_alpha = only(count, where_less(splat(CEILING), opacity * covered, none, d_alpha))
                    of_opacity += d_alpha * covered
                    d_alpha *= opacity
                    if for_maps:
                        store(slopes, 2 * block * LANES, d_alpha)
                        store(slopes, (2 * block + 1) * LANES, d_mix)
                    d_x, d_y = d_alpha * a_x + d_mix * m_x, d_alpha * a_y + d_mix * m_y
                    columns, rows = splat(column) + iota(), splat(row)
                    x_column += d_x * columns
                    x_row += d_x * rows
                    x_one += d_x
                    y_column += d_y * columns
                    y_row += d_y * rows
                    y_one += d_y
                    block += 1
            for q, part in enumerate((x_column, x_row, x_one, y_column, y_row, y_one, of_opacity)):
                sums[pair, q] = total(part)
            for c in range(channels):
                of_end = total(load(of_colors, (channels + c) * LANES))
                sums[pair, GEOMETRY + 1 + c] = total(load(of_colors, c * LANES)) - of_end
                sums[pair, GEOMETRY + 1 + channels + c] = of_end


@kernel
def _spread(mine: int, step: int, laid: Laid, slopes: np.ndarray, gradient: np.ndarray) -> None:
    """From the slopes at pixels to the gradient of the maps [2·T]: the transpose of `sample`, stroke by stroke."""
    for n in range(mine, len(laid.size), step):
        size, base, texel = laid.size[n], laid.offset[n], laid.texel[n]
        gradient[2 * base : 2 * (base + size[0] * size[1])] = 0
        for row in range(laid.first[n], laid.last[n]):
            k = laid.rows[n] + row - laid.first[n]
            block = laid.blocks[k]
            for column in range(laid.low[k], laid.high[k], LANES):
                corner, x, y = locate(texel, column, row, size)
                d_alpha, d_mix = load(slopes, 2 * block * LANES), load(slopes, (2 * block + 1) * LANES)
                block += 1
                low_alpha, low_mix = d_alpha * y, d_mix * y
                top_alpha, top_mix = d_alpha - low_alpha, d_mix - low_mix
                count = laid.high[k] - column
                right_alpha, right_mix = top_alpha * x, top_mix * x
                add_pairs(
                    gradient, base, corner,
                    top_alpha - right_alpha, top_mix - right_mix, right_alpha, right_mix, count,
                )  # fmt: skip
                right_alpha, right_mix = low_alpha * x, low_mix * x
                add_pairs(
                    gradient, base + size[1], corner,
                    low_alpha - right_alpha, low_mix - right_mix, right_alpha, right_mix, count,
                )  # fmt: skip
