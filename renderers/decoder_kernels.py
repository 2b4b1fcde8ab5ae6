"""The networks' forward and backward passes over all patches of all strokes, as two numba kernels.

Threads take runs of strokes from a work queue, and go through each run's patches in tiles that stay in the L1 or L2
cache. Rows of matrices are patches, stroke after stroke and row after row of their grids. Matrices are flat, their
columns padded to a multiple of LANES.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from renderers.brushes.base import PATCH
from renderers.decoder_features import (
    TEXELS,
    TILE,
    WAVE_COUNT,
    DecoderInput,
    Tile,
    add_feature_gradients,
    fill_tile,
    new_tile,
    write_features,
    write_frame_gradients,
)
from renderers.jit import kernel
from renderers.products import ROWS, add_product, round_up
from renderers.simd import (
    LANES,
    WIDE,
    concat,
    deinterleave,
    interleave,
    load,
    load_like,
    splat,
    split,
    store,
    store_signs,
    total,
    where_less,
    where_signs,
    wide_zero,
)
from renderers.work_queue import take_next


class Weights(NamedTuple):
    """One PatchNetwork's weights, flat float32, to be multiplied from the left by rows of features.

    K numbers in a hidden layer, F features. Those that end in `back` are transposed, for the backward pass.
    """

    inner: np.ndarray  # [F, K]
    middle: np.ndarray  # [K, K]
    middle_bias: np.ndarray  # [1, K]
    outer: np.ndarray  # [K, PATCH²]
    outer_bias: np.ndarray  # [1, PATCH²]
    inner_back: np.ndarray  # [K, F], columns padded
    middle_back: np.ndarray  # [K, K]
    outer_back: np.ndarray  # [PATCH², K]


class Tape(NamedTuple):
    """What the forward pass records for the backward pass."""

    waves: np.ndarray  # [P, 2] float32: cosine and sine of the slowest wave at each patch
    signs: np.ndarray  # [P, B] uint8, a bit for each number of the two networks' two hidden layers: 1 if above 0


@kernel
def _rectify(hidden: np.ndarray, count: int, columns: int, tile: Tile, signs: np.ndarray, at: int) -> None:
    """hidden [rows · columns] ← max(0, hidden) in place; its signs go to the run's rows [P, B], from byte `at` on."""
    flat = signs.reshape(-1)
    for row in range(count):
        k, to = 0, tile.number[row] * signs.shape[1] + at
        while k + WIDE <= columns:
            value = load_like(wide_zero(), hidden, row * columns + k)
            store_signs(flat, to + k // 8, value)
            store(hidden, row * columns + k, where_less(wide_zero(), value, value, wide_zero()))
            k += WIDE
        if k < columns:
            value = load(hidden, row * columns + k)
            store_signs(flat, to + k // 8, value)
            store(hidden, row * columns + k, where_less(splat(0), value, value, splat(0)))


@kernel
def _gate(gradient: np.ndarray, count: int, columns: int, tile: Tile, signs: np.ndarray, at: int) -> None:
    """The transpose of `_rectify`: gradient [rows · columns] ← 0 in place where the layer is not above 0."""
    flat = signs.reshape(-1)
    for row in range(count):
        k, to = 0, tile.number[row] * signs.shape[1] + at
        while k + WIDE <= columns:
            value = load_like(wide_zero(), gradient, row * columns + k)
            store(gradient, row * columns + k, where_signs(flat, to + k // 8, value))
            k += WIDE
        if k < columns:
            value = load(gradient, row * columns + k)
            store(gradient, row * columns + k, where_signs(flat, to + k // 8, value))


@kernel
def _write_texels(alpha: np.ndarray, mix: np.ndarray, tile: Tile, count: int, texels: np.ndarray) -> None:
    """Write a tile's alpha and mix [TILE · PATCH²], clamped to [0, 1], to their maps in flat `texels` [2 · T]."""
    none, one = splat(0), splat(1)
    for row in range(count):
        at, width = 2 * tile.texel[row], 2 * PATCH * tile.columns[row]
        for k in range(row * TEXELS, (row + 1) * TEXELS, LANES):
            a, m = load(alpha, k), load(mix, k)
            a, m = where_less(none, a, a, none), where_less(none, m, m, none)
            upper, lower = split(interleave(where_less(a, one, a, one), where_less(m, one, m, one)))
            store(texels, at, upper)
            store(texels, at + width, lower)
            at += 2 * width


@kernel
def _clear_rims(inputs: DecoderInput, first: int, last: int, texels: np.ndarray) -> None:
    """Set the outermost α of each map of a run of strokes, in texels [T, 2], to 0."""
    none = np.float32(0)
    for n in range(first, last):
        width, height, start = inputs.grid[n, 0] * PATCH, inputs.grid[n, 1] * PATCH, inputs.patches[n] * TEXELS
        for x in range(width):
            texels[start + x, 0] = texels[start + (height - 1) * width + x, 0] = none
        for y in range(height):
            texels[start + y * width, 0] = texels[start + y * width + width - 1, 0] = none


@kernel
def _texel_gradients(tile: Tile, count: int, texels: np.ndarray, gradient: np.ndarray) -> int:
    """The transpose of `_write_texels`, from flat gradient [2 · T]; clamped texels have no gradient.

    Patches without a gradient, like those outside of the canvas, are removed from the tile. Returns the number of
    those that are left.
    """
    none, one, left = splat(0), splat(1), 0
    for row in range(count):
        at, width, squares = 2 * tile.texel[row], 2 * PATCH * tile.columns[row], none
        for k in range(left * TEXELS, (left + 1) * TEXELS, LANES):
            t, g = load(texels, at), load(gradient, at)
            upper = where_less(none, t, where_less(t, one, g, none), none)
            t, g = load(texels, at + width), load(gradient, at + width)
            lower = where_less(none, t, where_less(t, one, g, none), none)
            a, m = deinterleave(concat(upper, lower))
            store(tile.alpha, k, a)
            store(tile.mix, k, m)
            squares += upper * upper + lower * lower
            at += 2 * width
        if total(squares) != 0:
            tile.number[left], tile.owner[left], tile.columns[left] = (
                tile.number[row],
                tile.owner[row],
                tile.columns[row],
            )
            tile.near[left] = tile.near[row]
            left += 1
    return left


@kernel
def decode(
    queue: np.ndarray, inputs: DecoderInput, tape: Tape, raster: Weights, shading: Weights,
    raster_code: np.ndarray, shading_code: np.ndarray, texels: np.ndarray,
) -> None:  # fmt: skip
    """Write all maps to `texels` [T, 2], run after run, and fill the tape.

    Args:
        queue: of `renderers.work_queue`, one piece for each run.
        raster_code, shading_code: [N, K], what each stroke's code adds to the first layer of either network.
    """
    features = 4 * inputs.fields.shape[1] + 2 * WAVE_COUNT + 2
    broad, narrow = raster_code.shape[1], shading_code.shape[1]
    tile, flat = new_tile(round_up(features, LANES), max(broad, narrow)), texels.reshape(-1)
    while True:
        run = take_next(queue)
        if run + 1 >= len(inputs.runs):
            return
        first, last = inputs.runs[run], inputs.runs[run + 1]
        start = inputs.patches[first]
        for done in range(0, inputs.patches[last] - start, TILE):
            count = fill_tile(inputs, first, last, done, tile)
            write_features(inputs, first, count, tile, tape.waves[start:])
            _draw(features, tile, count, raster, raster_code[first:], tape.signs[start:], 0, tile.alpha)
            _draw(features, tile, count, shading, shading_code[first:], tape.signs[start:], broad // 4, tile.mix)
            _write_texels(tile.alpha, tile.mix, tile, count, flat)
        _clear_rims(inputs, first, last, texels)


@kernel
def _draw(
    features: int, tile: Tile, count: int, weights: Weights, code: np.ndarray, signs: np.ndarray, at: int,
    out: np.ndarray,
) -> None:  # fmt: skip
    """One network, without the clamp at its end: from the tile's features to out [TILE · PATCH²]."""
    rows, hidden, codes = round_up(count, ROWS), code.shape[1], code.reshape(-1)
    for row in range(count):
        for k in range(0, hidden, LANES):
            store(tile.inner, row * hidden + k, load(codes, tile.owner[row] * hidden + k))
    add_product(
        tile.inner, hidden, tile.features, len(tile.features) // TILE, features, weights.inner, rows, hidden, tile.inner
    )
    _rectify(tile.inner, count, hidden, tile, signs, at)
    add_product(weights.middle_bias, 0, tile.inner, hidden, hidden, weights.middle, rows, hidden, tile.middle)
    _rectify(tile.middle, count, hidden, tile, signs, at + hidden // 8)
    add_product(weights.outer_bias, 0, tile.middle, hidden, hidden, weights.outer, rows, TEXELS, out)


@kernel
def decode_backward(
    queue: np.ndarray, inputs: DecoderInput, tape: Tape, raster: Weights, shading: Weights, texels: np.ndarray,
    gradient: np.ndarray, d_raster_code: np.ndarray, d_shading_code: np.ndarray, d_frame: np.ndarray,
) -> None:  # fmt: skip
    """The transpose of `decode`: from the gradient of the texels [T, 2] to those of both codes [N, K], and of box and
    geometry [N, 7]."""
    fields = inputs.fields.shape[1]
    broad, narrow = d_raster_code.shape[1], d_shading_code.shape[1]
    tile = new_tile(round_up(4 * fields + 2 * WAVE_COUNT + 2, LANES), max(broad, narrow))
    seen, flat = texels.reshape(-1), gradient.reshape(-1)
    while True:
        run = take_next(queue)
        if run + 1 >= len(inputs.runs):
            return
        first, last = inputs.runs[run], inputs.runs[run + 1]
        start = inputs.patches[first]
        d_raster_code[first:last], d_shading_code[first:last] = 0, 0
        d_fields = np.zeros((inputs.corners[last] - inputs.corners[first]) * fields, np.float32)
        d_sizes = np.zeros((last - first, 2), np.float32)
        for done in range(0, inputs.patches[last] - start, TILE):
            count = fill_tile(inputs, first, last, done, tile)
            count = _texel_gradients(tile, count, seen, flat)
            tile.features[:] = 0
            _draw_backward(tile.alpha, tile, count, raster, tape.signs[start:], 0, d_raster_code[first:])
            _draw_backward(tile.mix, tile, count, shading, tape.signs[start:], broad // 4, d_shading_code[first:])
            add_feature_gradients(inputs, count, tile, tape.waves[start:], d_fields, d_sizes)
        write_frame_gradients(inputs, first, last, d_fields, d_sizes, d_frame)


@kernel
def _draw_backward(
    d_out: np.ndarray, tile: Tile, count: int, weights: Weights, signs: np.ndarray, at: int, d_code: np.ndarray
) -> None:
    """The transpose of `_draw`: adds to the gradients of the tile's features and of the codes."""
    rows, hidden, codes = round_up(count, ROWS), d_code.shape[1], d_code.reshape(-1)
    none = np.zeros(hidden, np.float32)
    add_product(none, 0, d_out, TEXELS, TEXELS, weights.outer_back, rows, hidden, tile.middle)
    _gate(tile.middle, count, hidden, tile, signs, at + hidden // 8)
    add_product(none, 0, tile.middle, hidden, hidden, weights.middle_back, rows, hidden, tile.inner)
    _gate(tile.inner, count, hidden, tile, signs, at)
    for row in range(count):
        to = tile.owner[row] * hidden
        for k in range(0, hidden, LANES):
            store(codes, to + k, load(codes, to + k) + load(tile.inner, row * hidden + k))
    width = len(tile.features) // TILE
    add_product(tile.features, width, tile.inner, hidden, hidden, weights.inner_back, rows, width, tile.features)
