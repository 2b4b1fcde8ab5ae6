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
from renderers.blending.spans import AT_A_TIME, BAND_ORDER, BANDS, SpanTable, band_pairs
from renderers.jit import inlined, kernel
from renderers.simd import (
    LANES,
    add_around,
    as_float,
    clamped,
    halves,
    interleaved,
    iota,
    load,
    load_like,
    load_sums,
    load_texels,
    moved_up,
    separated,
    splat,
    splat_int,
    store,
    total,
    truncate,
    where_less,
)
from renderers.threads import share
from renderers.turns import take, turns
from renderers.workspace import ScratchBuffer

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
        sums = np.empty((pair_count, GEOMETRY + 1 + 2 * channels))
        slopes = ScratchBuffer(2 * LANES * laid.blocks[-1] if for_maps else 1)
        taken = turns()
        share(
            lambda first, step: _backward(
                taken, gradient, height, laid, ctx.tape.array, pairs, sums, slopes.array, for_maps, each(channels)
            )
        )
        texels = None
        if for_maps:
            texels = torch.empty(len(laid.maps) // 2, 2)
            flat = texels.numpy().reshape(-1)
            spread = turns()
            share(lambda first, step: _spread(spread, laid, slopes.array, flat))
        return (None, None, None, *_unpack(pairs, sums, laid.size, channels, texels))


def lay(canvas: Tensor, layers: Layers, taped: bool) -> tuple[Tensor, SpanTable, ScratchBuffer]:
    """Blend `layers` onto a copy of `canvas` [H, W, C].

    Returns:
        The painted canvas; how the strokes were laid out; if `taped`, what lay below each: block b of LANES pixels,
        channel c, at (b·C + c)·LANES.
    """
    height, width, channels = canvas.shape
    laid = SpanTable.out(layers, height, width)
    tape = ScratchBuffer(laid.blocks[-1] * channels * LANES if taped else 1)
    painted, taken = planes(canvas), turns()
    share(lambda first, step: _forward(taken, painted, height, laid, tape.array, taped, each(channels)))
    rows = painted.reshape(channels, height, -1)[:, :, :width]
    return torch.from_numpy(rows.transpose(1, 2, 0)), laid, tape  # no copy: plane by plane in memory


def each(channels: int) -> tuple[int, ...]:
    """A tuple of so many: kernels are compiled for its length."""
    return (0,) * channels


def planes(canvas: Tensor) -> np.ndarray:
    """[H, W, C] → flat [C, H, W + LANES] float32, a copy: a block that begins inside a row ends inside it."""
    height, width, channels = canvas.shape
    planes = np.empty((channels, height, width + LANES), np.float32)
    planes[:, :, width:] = 0
    planes[:, :, :width] = canvas.detach().permute(2, 0, 1).numpy()
    return planes.reshape(-1)


def _unpack(
    pairs: np.ndarray, sums: np.ndarray, size: np.ndarray, channels: int, texels: Tensor | None
) -> tuple[Tensor | None, ...]:
    """Sums [P, 7 + 2C] by pairs as gradients of transform, texels, start, end and opacity."""
    count = len(size)
    transform, opacity = np.empty((count, 2, 3), np.float32), np.empty(count, np.float32)
    start, end = np.empty((2, count, channels), np.float32)
    _add_pairs(pairs, sums, size, transform, start, end, opacity)
    moved, *rest = (torch.from_numpy(found) for found in (transform, start, end, opacity))
    return moved, texels, *rest


@kernel
def _add_pairs(
    pairs: np.ndarray, sums: np.ndarray, size: np.ndarray, transform: np.ndarray, start: np.ndarray, end: np.ndarray,
    opacity: np.ndarray,
) -> None:  # fmt: skip
    """Fill each stroke's gradients: the sums of its pairs, added up in band order."""
    channels, added = start.shape[1], np.empty(sums.shape[1])
    for n in range(len(pairs)):
        added[:] = 0
        for band in range(BANDS):
            if pairs[n, band] >= 0:
                added += sums[pairs[n, band]]
        for k in range(GEOMETRY):
            transform[n, k // 3, k % 3] = added[k] * (size[n, 1 - k // 3] / 2)
        opacity[n] = added[GEOMETRY]
        for c in range(channels):
            start[n, c], end[n, c] = added[GEOMETRY + 1 + c], added[GEOMETRY + 1 + channels + c]


@inlined
def locate(texel: Any, column: int, row: int, size: Any) -> Any:
    """Where LANES pixels fall into a map of size [2], rows and columns: the texel up left (flat), how far beyond it."""
    x = splat(texel[0] * column + texel[1] * row + texel[2]) + splat(texel[0]) * iota()
    y = splat(texel[3] * column + texel[4] * row + texel[5]) + splat(texel[3]) * iota()
    j = clamped(truncate(x), splat_int(0), splat_int(size[1] - 2))
    i = clamped(truncate(y), splat_int(0), splat_int(size[0] - 2))
    return i * splat_int(size[1]) + j, x - as_float(j), y - as_float(i)


@inlined
def sample(maps: Any, base: int, stride: int, place: Any) -> Any:
    """Bilinear samples at a place from `locate`, in the map at texel `base`, rows `stride` apart.

    Returns:
        α, mix, and their slopes along x and along y per texel, as pairs.
    """
    corner, x, y = place
    x, y = interleaved(x, x), interleaved(y, y)
    upper_left, upper_right = load_texels(maps, base, corner)
    lower_left, lower_right = load_texels(maps, base + stride, corner)
    upper, lower = upper_right - upper_left, lower_right - lower_left
    top, bottom = upper_left + x * upper, lower_left + x * lower
    down = bottom - top
    alpha, mix = separated(top + y * down)
    return alpha, mix, upper + y * (lower - upper), down


@inlined
def clamp_alpha(value: Any) -> Any:
    """Kept at MAX_ALPHA or below."""
    limit = splat(CEILING)
    return where_less(value, limit, value, limit)


@inlined
def mask_tail(count: int, value: Any) -> Any:
    """The first `count` lanes; zero in the others, which lie beyond the row's end."""
    return where_less(iota(), splat(count), value, splat(0))


@kernel
def _forward(
    taken: np.ndarray, canvas: np.ndarray, height: int, laid: SpanTable, tape: np.ndarray, taped: bool, colors: Any
) -> None:
    channels = len(colors)
    stride = canvas.size // (channels * height)
    while True:
        turn = take(taken)
        if turn >= BANDS:
            return
        band = BAND_ORDER[turn]
        top, bottom = band * height // BANDS, (band + 1) * height // BANDS
        for n in range(len(laid.size)):
            size, base, texel, opacity = laid.size[n], laid.offset[n], laid.texel[n], splat(laid.opacity[n])
            for row in range(max(top, laid.first[n]), min(bottom, laid.last[n])):
                k = laid.rows[n] + row - laid.first[n]
                block = laid.blocks[k] * channels * LANES
                for column in range(laid.low[k], laid.high[k], LANES):
                    covered, mix, _, _ = sample(laid.maps, base, size[1], locate(texel, column, row, size))
                    alpha = mask_tail(laid.high[k] - column, clamp_alpha(opacity * covered))
                    for c in range(channels):
                        at = (c * height + row) * stride + column
                        below = load(canvas, at)
                        if taped:
                            store(tape, block, below)
                            block += LANES
                        color = splat(laid.start[n, c]) + mix * splat(laid.tint[n, c])
                        store(canvas, at, below + alpha * (color - below))


@kernel
def _backward(
    taken: np.ndarray, gradient: np.ndarray, height: int, laid: SpanTable, tape: np.ndarray,
    pairs: np.ndarray, sums: np.ndarray, slopes: np.ndarray, for_maps: bool, colors: Any,
) -> None:  # fmt: skip
    """Sums [P, 7 + 2C] for each pair of a stroke and a band: of the texel transform, opacity, start and end colour.

    If `for_maps`, also `slopes`: the loss by α and by mix, at each pixel of each stroke.
    """
    channels = len(colors)
    stride = gradient.size // (channels * height)
    of_colors = np.zeros(2 * channels * LANES, np.float32)
    none, lane = splat(0), interleaved(iota(), iota())
    while True:
        turn = take(taken)
        if turn >= BANDS:
            return
        band = BAND_ORDER[turn]
        top, bottom = band * height // BANDS, (band + 1) * height // BANDS
        for n in range(len(laid.size) - 1, -1, -1):
            pair = pairs[n, band]
            if pair < 0:
                continue
            size, base, texel, opacity = laid.size[n], laid.offset[n], laid.texel[n], splat(laid.opacity[n])
            empty = interleaved(none, none)
            x_column, x_row, x_one, y_column, y_row, y_one, of_opacity = empty, empty, empty, empty, empty, empty, none
            of_colors[:] = 0
            for row in range(max(top, laid.first[n]), min(bottom, laid.last[n])):
                k = laid.rows[n] + row - laid.first[n]
                block, in_x, in_y = laid.blocks[k], empty, empty
                for column in range(laid.low[k], laid.high[k], LANES):
                    count = laid.high[k] - column
                    covered, mix, by_x, by_y = sample(laid.maps, base, size[1], locate(texel, column, row, size))
                    alpha = mask_tail(count, clamp_alpha(opacity * covered))
                    d_alpha, d_mix = none, none
                    for c in range(channels):
                        at, below = (c * height + row) * stride + column, (block * channels + c) * LANES
                        start, tint = splat(laid.start[n, c]), splat(laid.tint[n, c])
                        g = load(gradient, at)
                        d_alpha += g * (start + mix * tint - load(tape, below))
                        d_color = alpha * g
                        d_mix += d_color * tint
                        s, e = c * LANES, (channels + c) * LANES
                        store(of_colors, s, load(of_colors, s) + d_color)
                        store(of_colors, e, load(of_colors, e) + d_color * mix)
                        store(gradient, at, g - d_color)
                    # Where the ceiling holds α, nothing moves it; beyond the row's end there is no pixel.
                    d_alpha = mask_tail(count, where_less(splat(CEILING), opacity * covered, none, d_alpha))
                    of_opacity += d_alpha * covered
                    slope = interleaved(d_alpha * opacity, d_mix)
                    if for_maps:
                        store(slopes, 2 * block * LANES, slope)
                    far = splat(column)
                    d_x, d_y, columns = slope * by_x, slope * by_y, interleaved(far, far)
                    x_column += d_x * columns
                    y_column += d_y * columns
                    in_x += d_x
                    in_y += d_y
                    block += 1
                far = splat(row)
                rows = interleaved(far, far)
                x_one += in_x
                y_one += in_y
                x_row += in_x * rows
                y_row += in_y * rows
            x_column += lane * x_one
            y_column += lane * y_one
            for q, part in enumerate((x_column, x_row, x_one, y_column, y_row, y_one)):
                low, high = halves(part)
                sums[pair, q] = total(low + high)
            sums[pair, GEOMETRY] = total(of_opacity)
            for c in range(channels):
                of_end = total(load(of_colors, (channels + c) * LANES))
                sums[pair, GEOMETRY + 1 + c] = total(load(of_colors, c * LANES)) - of_end
                sums[pair, GEOMETRY + 1 + channels + c] = of_end


@kernel
def _spread(taken: np.ndarray, laid: SpanTable, slopes: np.ndarray, gradient: np.ndarray) -> None:
    """From the slopes at pixels to the gradient of the maps [2·T]: the transpose of `sample`, stroke by stroke.

    What a pixel adds to the four texels around it is kept together at first, one register for each texel up left, and
    spread over the map in the end.
    """
    most = broadest = 0
    for n in range(len(laid.size)):
        most, broadest = max(most, laid.size[n, 0] * laid.size[n, 1]), max(broadest, laid.size[n, 1])
    around = np.zeros(LANES * (most + broadest), np.float32)
    while True:
        turn = take(taken) * AT_A_TIME
        if turn >= len(laid.size):
            return
        for n in range(turn, min(turn + AT_A_TIME, len(laid.size))):
            size, texel = laid.size[n], laid.texel[n]
            for row in range(laid.first[n], laid.last[n]):
                k = laid.rows[n] + row - laid.first[n]
                block = 2 * LANES * laid.blocks[k]
                for column in range(laid.low[k], laid.high[k], LANES):
                    corner, x, y = locate(texel, column, row, size)
                    slope, across = load_like(interleaved(x, x), slopes, block), interleaved(x, x)
                    block += 2 * LANES
                    low = slope * interleaved(y, y)
                    top = slope - low
                    top_right, low_right = top * across, low * across
                    add_around(around, corner, top - top_right, top_right, low - low_right, low_right)
            _add_up(around, size[0], size[1], LANES * most, gradient[2 * laid.offset[n] :])


@kernel
def _add_up(around: np.ndarray, rows: int, columns: int, nothing: int, gradient: np.ndarray) -> None:
    """Texels' shares of what their neighbours hold of them, [rows · columns · 2]; `around` is cleared.

    Of a texel it holds in LANES numbers what goes to itself, to the next, to the one below and to the one after that.
    From `nothing` on it holds a row of zeros.
    """
    last = np.zeros(LANES, np.float32)
    for row in range(rows):
        here, above = LANES * row * columns, LANES * (row - 1) * columns if row else nothing
        to, column, before = 2 * row * columns, 0, splat(0)
        while 2 * column + LANES <= 2 * columns:
            own, following = load_sums(around, here + LANES * column, above + LANES * column + LANES // 2)
            store(gradient, to + 2 * column, own + moved_up(before, following))
            before = following
            column += LANES // 2
        store(last, 0, before)
        alpha, mix = last[LANES - 2], last[LANES - 1]
        for left in range(column, columns):
            at, up = here + LANES * left, above + LANES * left + LANES // 2
            gradient[to + 2 * left] = alpha + (around[at] + around[up])
            gradient[to + 2 * left + 1] = mix + (around[at + 1] + around[up + 1])
            alpha, mix = around[at + 2] + around[up + 2], around[at + 3] + around[up + 3]
    around[: LANES * rows * columns] = 0
