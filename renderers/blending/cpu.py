"""Soft blending as fused numba kernels, forward and backward, on all cores.

The canvas is cut into a fixed number of bands of rows. Within a band the strokes are walked in paint order, row by
row over the exact span of pixels that the frame covers, LANES pixels at a time. The forward pass records on a *tape*
what lies below each stroke, so that the backward pass, which walks the strokes in reverse, need not divide by 1 - α to
un-blend them: float32 is then exact enough, and C numbers for each pixel of a stroke are little next to the time that
they save. Each band has its own partial sums, added up in band order: the result does not depend on the number of
threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from renderers.blending.layers import MAX_ALPHA, FrameMaps, Layers
from renderers.blending.spans import AT_A_TIME, BAND_ORDER, BANDS, SpanTable, band_pairs
from renderers.blending.texels import load_sums, load_texels, scatter_add, shift_in_pair
from renderers.jit import inlined, kernel
from renderers.simd import (
    LANES,
    as_float,
    clamp,
    deinterleave,
    interleave,
    iota,
    load,
    load_like,
    splat,
    splat_int,
    split,
    store,
    total,
    truncate,
    where_less,
)
from renderers.threads import share
from renderers.work_queue import take_next, work_queue
from renderers.workspace import ScratchBuffer

GEOMETRY = 6  # a stroke's gradients are 6 of the transform, then the opacity, then the start and the end colour
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
        result, ctx.table, ctx.tape = blend_forward(canvas, layers, record=any(ctx.needs_input_grad))
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        table, for_maps = ctx.table, ctx.needs_input_grad[4]
        height, _, channels = gradients[0].shape
        gradient = planes(gradients[0])
        pairs, pair_count = band_pairs(table, height)
        sums = np.empty((pair_count, GEOMETRY + 1 + 2 * channels))
        slopes = ScratchBuffer(2 * LANES * table.blocks[-1] if for_maps else 1)
        queue, colors, tape = work_queue(), channel_tuple(channels), ctx.tape.array
        share(
            lambda _first, _step: _backward(
                queue, gradient, height, table, tape, pairs, sums, slopes.array, for_maps, colors
            )
        )
        texels = None
        if for_maps:
            texels = torch.empty(len(table.maps) // 2, 2)
            flat = texels.numpy().reshape(-1)
            strokes = work_queue()
            share(lambda _first, _step: _map_gradients(strokes, table, slopes.array, flat))
        return (None, None, None, *_stroke_gradients(pairs, sums, table.size, channels, texels))


def blend_forward(canvas: Tensor, layers: Layers, record: bool) -> tuple[Tensor, SpanTable, ScratchBuffer]:
    """The forward pass: blend `layers` onto a copy of `canvas` [H, W, C].

    Returns:
        The painted canvas [H, W, C]; which pixels each stroke covers; and, if `record`, the tape: what lies below
        block b of LANES pixels in channel c is at (b·C + c)·LANES.
    """
    height, width, channels = canvas.shape
    table = SpanTable.of(layers, height, width)
    tape = ScratchBuffer(table.blocks[-1] * channels * LANES if record else 1)
    painted, queue = planes(canvas), work_queue()
    colors = channel_tuple(channels)
    share(lambda _first, _step: _forward(queue, painted, height, table, tape.array, record, colors))
    rows = painted.reshape(channels, height, -1)[:, :, :width]
    return torch.from_numpy(rows.transpose(1, 2, 0)), table, tape  # a view: planes lie apart in memory


def channel_tuple(channels: int) -> tuple[int, ...]:
    """A tuple of that length: kernels are compiled for a fixed number of channels."""
    return (0,) * channels


def planes(canvas: Tensor) -> np.ndarray:
    """[H, W, C] → flat [C, H, W + LANES] float32, a copy: rows are padded so that blocks of LANES stay within them."""
    height, width, channels = canvas.shape
    planes = np.empty((channels, height, width + LANES), np.float32)
    planes[:, :, width:] = 0
    planes[:, :, :width] = canvas.detach().permute(2, 0, 1).numpy()
    return planes.reshape(-1)


def _stroke_gradients(
    pairs: np.ndarray, sums: np.ndarray, size: np.ndarray, channels: int, texels: Tensor | None
) -> tuple[Tensor | None, ...]:
    """From sums [P, 7 + 2C] by pairs to the gradients of transform, texels (passed through), start, end and opacity."""
    count = len(size)
    transform, opacity = np.empty((count, 2, 3), np.float32), np.empty(count, np.float32)
    start, end = np.empty((2, count, channels), np.float32)
    _add_pairs(pairs, sums, size, transform, start, end, opacity)
    of_transform, *rest = (torch.from_numpy(found) for found in (transform, start, end, opacity))
    return of_transform, texels, *rest


@kernel
def _add_pairs(
    pairs: np.ndarray, sums: np.ndarray, size: np.ndarray, transform: np.ndarray, start: np.ndarray, end: np.ndarray,
    opacity: np.ndarray,
) -> None:  # fmt: skip
    """Fill each stroke's gradients with the sums of its pairs, added up in band order."""
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
    """Where LANES pixels lie in a map of size [2] (rows, columns): the flat index of the texel up left of each, and the
    distance from its centre along x and along y, in texels."""
    x = splat(texel[0] * column + texel[1] * row + texel[2]) + splat(texel[0]) * iota()
    y = splat(texel[3] * column + texel[4] * row + texel[5]) + splat(texel[3]) * iota()
    j = clamp(truncate(x), splat_int(0), splat_int(size[1] - 2))
    i = clamp(truncate(y), splat_int(0), splat_int(size[0] - 2))
    return i * splat_int(size[1]) + j, x - as_float(j), y - as_float(i)


@inlined
def sample(maps: Any, base: int, stride: int, place: Any) -> Any:
    """Bilinear samples at a place from `locate`, in the map that begins at texel `base`, with rows of `stride` texels.

    Returns:
        α, mix, and their derivatives along x and along y per texel, as pairs.
    """
    corner, x, y = place
    x, y = interleave(x, x), interleave(y, y)
    upper_left, upper_right = load_texels(maps, base, corner)
    lower_left, lower_right = load_texels(maps, base + stride, corner)
    upper, lower = upper_right - upper_left, lower_right - lower_left
    top, bottom = upper_left + x * upper, lower_left + x * lower
    down = bottom - top
    alpha, mix = deinterleave(top + y * down)
    return alpha, mix, upper + y * (lower - upper), down


@inlined
def clamp_alpha(value: Any) -> Any:
    """Float lanes, none above MAX_ALPHA."""
    limit = splat(CEILING)
    return where_less(value, limit, value, limit)


@inlined
def mask_tail(count: int, value: Any) -> Any:
    """The first `count` lanes, and 0 in the others, which lie beyond the end of the row."""
    return where_less(iota(), splat(count), value, splat(0))


@kernel
def _forward(
    queue: np.ndarray, canvas: np.ndarray, height: int, table: SpanTable, tape: np.ndarray, record: bool, colors: Any
) -> None:
    """Blend all strokes onto the canvas, a band at a time; fill the tape if `record`. `colors` is a `channel_tuple`."""
    channels = len(colors)
    stride = canvas.size // (channels * height)
    while True:
        piece = take_next(queue)
        if piece >= BANDS:
            return
        band = BAND_ORDER[piece]
        top, bottom = band * height // BANDS, (band + 1) * height // BANDS
        for n in range(len(table.size)):
            size, base, texel, opacity = table.size[n], table.offset[n], table.texel[n], splat(table.opacity[n])
            for row in range(max(top, table.first[n]), min(bottom, table.last[n])):
                k = table.rows[n] + row - table.first[n]
                block = table.blocks[k] * channels * LANES
                for column in range(table.low[k], table.high[k], LANES):
                    covered, mix, _, _ = sample(table.maps, base, size[1], locate(texel, column, row, size))
                    alpha = mask_tail(table.high[k] - column, clamp_alpha(opacity * covered))
                    for c in range(channels):
                        at = (c * height + row) * stride + column
                        below = load(canvas, at)
                        if record:
                            store(tape, block, below)
                            block += LANES
                        color = splat(table.start[n, c]) + mix * splat(table.tint[n, c])
                        store(canvas, at, below + alpha * (color - below))


@kernel
def _backward(
    queue: np.ndarray, gradient: np.ndarray, height: int, table: SpanTable, tape: np.ndarray,
    pairs: np.ndarray, sums: np.ndarray, slopes: np.ndarray, for_maps: bool, colors: Any,
) -> None:  # fmt: skip
    """Fill sums [P, 7 + 2C] for each pair of a stroke and a band: gradients of the texel transform, opacity, start and
    end colour.

    If `for_maps`, also `slopes`: the derivatives of the loss by α and by mix at each pixel of each stroke.
    """
    channels = len(colors)
    stride = gradient.size // (channels * height)
    of_colors = np.zeros(2 * channels * LANES, np.float32)
    none, lane = splat(0), interleave(iota(), iota())
    while True:
        piece = take_next(queue)
        if piece >= BANDS:
            return
        band = BAND_ORDER[piece]
        top, bottom = band * height // BANDS, (band + 1) * height // BANDS
        for n in range(len(table.size) - 1, -1, -1):
            pair = pairs[n, band]
            if pair < 0:
                continue
            size, base, texel, opacity = table.size[n], table.offset[n], table.texel[n], splat(table.opacity[n])
            empty = interleave(none, none)
            x_column, x_row, x_one, y_column, y_row, y_one, of_opacity = empty, empty, empty, empty, empty, empty, none
            of_colors[:] = 0
            for row in range(max(top, table.first[n]), min(bottom, table.last[n])):
                k = table.rows[n] + row - table.first[n]
                block, in_x, in_y = table.blocks[k], empty, empty
                for column in range(table.low[k], table.high[k], LANES):
                    count = table.high[k] - column
                    covered, mix, by_x, by_y = sample(table.maps, base, size[1], locate(texel, column, row, size))
                    alpha = mask_tail(count, clamp_alpha(opacity * covered))
                    d_alpha, d_mix = none, none
                    for c in range(channels):
                        at, below = (c * height + row) * stride + column, (block * channels + c) * LANES
                        start, tint = splat(table.start[n, c]), splat(table.tint[n, c])
                        g = load(gradient, at)
                        d_alpha += g * (start + mix * tint - load(tape, below))
                        d_color = alpha * g
                        d_mix += d_color * tint
                        s, e = c * LANES, (channels + c) * LANES
                        store(of_colors, s, load(of_colors, s) + d_color)
                        store(of_colors, e, load(of_colors, e) + d_color * mix)
                        store(gradient, at, g - d_color)
                    # α at the ceiling has no gradient; beyond the end of the row there are no pixels.
                    d_alpha = mask_tail(count, where_less(splat(CEILING), opacity * covered, none, d_alpha))
                    of_opacity += d_alpha * covered
                    slope = interleave(d_alpha * opacity, d_mix)
                    if for_maps:
                        store(slopes, 2 * block * LANES, slope)
                    far = splat(column)
                    d_x, d_y, columns = slope * by_x, slope * by_y, interleave(far, far)
                    x_column += d_x * columns
                    y_column += d_y * columns
                    in_x += d_x
                    in_y += d_y
                    block += 1
                far = splat(row)
                rows = interleave(far, far)
                x_one += in_x
                y_one += in_y
                x_row += in_x * rows
                y_row += in_y * rows
            x_column += lane * x_one
            y_column += lane * y_one
            for q, part in enumerate((x_column, x_row, x_one, y_column, y_row, y_one)):
                low, high = split(part)
                sums[pair, q] = total(low + high)
            sums[pair, GEOMETRY] = total(of_opacity)
            for c in range(channels):
                of_end = total(load(of_colors, (channels + c) * LANES))
                sums[pair, GEOMETRY + 1 + c] = total(load(of_colors, c * LANES)) - of_end
                sums[pair, GEOMETRY + 1 + channels + c] = of_end


@kernel
def _map_gradients(queue: np.ndarray, table: SpanTable, slopes: np.ndarray, gradient: np.ndarray) -> None:
    """From the slopes at pixels to the gradient of the maps [2·T]: the transpose of `sample`, stroke by stroke.

    What pixels add to the four texels around them is first summed up in one register for each texel up left; then
    these sums are distributed over the map.
    """
    most = broadest = 0
    for n in range(len(table.size)):
        most, broadest = max(most, table.size[n, 0] * table.size[n, 1]), max(broadest, table.size[n, 1])
    around = np.zeros(LANES * (most + broadest), np.float32)
    while True:
        begin = take_next(queue) * AT_A_TIME
        if begin >= len(table.size):
            return
        for n in range(begin, min(begin + AT_A_TIME, len(table.size))):
            size, texel = table.size[n], table.texel[n]
            for row in range(table.first[n], table.last[n]):
                k = table.rows[n] + row - table.first[n]
                block = 2 * LANES * table.blocks[k]
                for column in range(table.low[k], table.high[k], LANES):
                    corner, x, y = locate(texel, column, row, size)
                    slope, across = load_like(interleave(x, x), slopes, block), interleave(x, x)
                    block += 2 * LANES
                    low = slope * interleave(y, y)
                    top = slope - low
                    top_right, low_right = top * across, low * across
                    scatter_add(around, corner, top - top_right, top_right, low - low_right, low_right)
            _add_neighbors(around, size[0], size[1], LANES * most, gradient[2 * table.offset[n] :])


@kernel
def _add_neighbors(around: np.ndarray, rows: int, columns: int, zeros: int, gradient: np.ndarray) -> None:
    """Fill the gradient of one map [rows · columns · 2] from the sums around its texels; `around` is cleared.

    Args:
        around: LANES numbers for each texel: what goes to itself, to its right neighbour, to the texel below it and to
            the right neighbour of that, two each.
        zeros: where a row of zeros begins in `around`.
    """
    last = np.zeros(LANES, np.float32)
    for row in range(rows):
        here, above = LANES * row * columns, LANES * (row - 1) * columns if row else zeros
        to, column, before = 2 * row * columns, 0, splat(0)
        while 2 * column + LANES <= 2 * columns:
            own, following = load_sums(around, here + LANES * column, above + LANES * column + LANES // 2)
            store(gradient, to + 2 * column, own + shift_in_pair(before, following))
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
