"""The networks' passes over all patches of all strokes, as two numba kernels: `decode` and its way back.

Threads take runs of strokes in turn, and go through each run's patches in tiles that stay in the nearest cache. Rows
are patches, stroke after stroke and row after row of their grids. F fields have 4·F corner features; then come the
sines and cosines of all WAVES, then two widths, as `renderers.networks.patch_features` lays them out. Matrices are
flat, their columns padded to a multiple of LANES.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from renderers.brushes.base import PATCH
from renderers.dual import WIDTH
from renderers.jit import kernel
from renderers.networks import TURN, WAVES
from renderers.products import ROWS, add_product, padded
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

TILE = 256  # patches that go through the networks together; a multiple of ROWS
assert LANES == 2 * PATCH and TILE % ROWS == 0

_TEXELS = PATCH * PATCH
_TIMES = tuple(round(wave / WAVES[0]) for wave in WAVES)  # each wave as a multiple of the slowest
_COUNT = len(WAVES)
_SLOPES = tuple(TURN * times for times in _TIMES)  # of each wave's phase
# Each wave but the slowest turns by two earlier ones together.
_SUMS = tuple(
    next((i, j) for i in range(k - 1, -1, -1) for j in range(k) if _TIMES[i] + _TIMES[j] == _TIMES[k])
    for k in range(1, _COUNT)
)


class Weights(NamedTuple):
    """One PatchNetwork's weights, flat float32, for rows of features from the left; K hidden numbers, F features."""

    inner: np.ndarray  # [F, K]
    middle: np.ndarray  # [K, K]
    middle_bias: np.ndarray  # [1, K]
    outer: np.ndarray  # [K, PATCH²]
    outer_bias: np.ndarray  # [1, PATCH²]
    inner_back: np.ndarray  # [K, F padded]
    middle_back: np.ndarray  # [K, K]
    outer_back: np.ndarray  # [PATCH², K]


class DecoderInput(NamedTuple):
    """N strokes as the networks are told of them, K corners and P patches in all, G runs of strokes."""

    grid: np.ndarray  # [N, 2] int64: patches along u and v
    box: np.ndarray  # [N, 2] float32: half extents, stroke units
    blur: np.ndarray  # [N] float32: the canvas pixel's width, stroke units
    patches: np.ndarray  # [N + 1] int64: how many patches come before each stroke's
    corners: np.ndarray  # [N + 1] int64: how many corners come before each stroke's
    fields: np.ndarray  # [K, F, WIDTH] float32, of `NetworkBrush.corners`
    runs: np.ndarray  # [G + 1] int64: where runs of strokes begin and end


class Kept(NamedTuple):
    """What `decode` leaves for the way back."""

    waves: np.ndarray  # [P, 2] float32: cosine and sine of the slowest wave at each patch
    signs: np.ndarray  # [P, 2 · (both K) / 8] uint8: which numbers of the hidden layers are above 0


class _Tile(NamedTuple):
    """Scratch of one thread for TILE patches; all flat but for the numbers of patches."""

    number: np.ndarray  # [TILE] int64: the patch, of its run
    owner: np.ndarray  # [TILE] int64: the stroke, of its run
    near: np.ndarray  # [TILE] int64: the first corner, of its run
    columns: np.ndarray  # [TILE] int64: patches in a row of the stroke
    texel: np.ndarray  # [TILE] int64: the first texel, of all
    features: np.ndarray  # float32, TILE rows of features
    inner: np.ndarray  # float32, TILE rows of a hidden layer
    middle: np.ndarray  # float32, TILE rows of the other
    alpha: np.ndarray  # [TILE · PATCH²] float32
    mix: np.ndarray  # [TILE · PATCH²] float32
    cosines: np.ndarray  # float32, LANES for each wave
    sines: np.ndarray  # float32, LANES for each wave


@kernel
def _tile(feature_count: int, hidden: int) -> _Tile:
    """Scratch for so many padded features and hidden numbers at most."""
    features = np.zeros(TILE * feature_count, np.float32)
    inner, middle = np.zeros(TILE * hidden, np.float32), np.zeros(TILE * hidden, np.float32)
    alpha, mix = np.zeros(TILE * _TEXELS, np.float32), np.zeros(TILE * _TEXELS, np.float32)
    places = np.zeros((5, TILE), np.int64)
    cosines, sines = np.zeros(_COUNT * LANES, np.float32), np.zeros(_COUNT * LANES, np.float32)
    return _Tile(
        places[0], places[1], places[2], places[3], places[4], features, inner, middle, alpha, mix, cosines, sines
    )  # fmt: skip


@kernel
def runs(counts: np.ndarray, most: int) -> np.ndarray:
    """[G + 1] int64: where runs of strokes begin and end, of `most` patches together or of one stroke; [N] counts."""
    result, found, held = np.zeros(len(counts) + 1, np.int64), 0, 0
    for n in range(len(counts)):
        if n > result[found] and held + counts[n] > most:
            found, held = found + 1, 0
            result[found] = n
        held += counts[n]
    if len(counts):
        found += 1
        result[found] = len(counts)
    return result[: found + 1]


@kernel
def _lay_out(inputs: DecoderInput, first: int, last: int, done: int, tile: _Tile) -> int:
    """Fill the numbers of a tile's patches, from patch `done` of the strokes first … last on: how many there are."""
    start = inputs.patches[first] + done
    n = np.searchsorted(inputs.patches, start, side="right") - 1
    count = min(TILE, inputs.patches[last] - start)
    number, row = start - inputs.patches[n], 0
    while row < count:
        columns = inputs.grid[n, 0]
        near, texel = inputs.corners[n] - inputs.corners[first], inputs.patches[n] * _TEXELS
        i, j = number // columns, number % columns
        for _ in range(min(count - row, inputs.patches[n + 1] - inputs.patches[n] - number)):
            tile.number[row], tile.owner[row], tile.columns[row] = done + row, n - first, columns
            tile.near[row] = near + i * (columns + 1) + j
            tile.texel[row] = texel + (i * columns * PATCH + j) * PATCH
            row += 1
            j += 1
            if j == columns:
                i, j = i + 1, 0
        n, number = n + 1, 0
    return count


@kernel
def _features(inputs: DecoderInput, first: int, count: int, tile: _Tile, waves: np.ndarray) -> None:
    """Fill the tile's rows of features, and their slowest waves' cosines and sines, of those of the run [P, 2]."""
    fields, corner, flat = inputs.fields.shape[1], inputs.corners[first], inputs.fields.reshape(-1)
    width, out = len(tile.features) // TILE, tile.features
    for row in range(count):
        n, at, to = first + tile.owner[row], (corner + tile.near[row]) * fields * WIDTH, row * width
        below, across = at + (tile.columns[row] + 1) * fields * WIDTH, fields * WIDTH
        for f in range(0, fields * WIDTH, WIDTH):
            out[to], out[to + 1] = flat[at + f], flat[at + across + f]
            out[to + 2], out[to + 3] = flat[below + f], flat[below + across + f]
            to += 4
        for c in range(2):
            size = max(2 * inputs.box[n, c] / (PATCH * inputs.grid[n, c]), inputs.blur[n])
            out[to + 2 * _COUNT + c] = min(size, np.float32(1))
        to = row * width
        phase = (out[to] + out[to + 1] + out[to + 2] + out[to + 3]) * np.float32(TURN / 4)
        waves[tile.number[row], 0], waves[tile.number[row], 1] = math.cos(phase), math.sin(phase)
    for row in range(0, count, LANES):
        _turn(tile, row, min(LANES, count - row), waves)
        for k in range(min(LANES, count - row)):
            to = (row + k) * width + 4 * fields
            for wave in range(_COUNT):
                out[to + wave] = tile.sines[wave * LANES + k]
                out[to + _COUNT + wave] = tile.cosines[wave * LANES + k]


@kernel
def _add_feature_gradients(
    inputs: DecoderInput, count: int, tile: _Tile, waves: np.ndarray, d_fields: np.ndarray, d_wide: np.ndarray
) -> None:
    """From the gradient of the tile's features to that of the run's fields at corners [K · F] and widths [N, 2]."""
    fields, width, gradient = inputs.fields.shape[1], len(tile.features) // TILE, tile.features
    for begin in range(0, count, LANES):
        _turn(tile, begin, min(LANES, count - begin), waves)
        for row in range(begin, min(begin + LANES, count)):
            at, across = row * width + 4 * fields, np.float32(0)
            for k in range(_COUNT):
                lane = k * LANES + row - begin
                turned = gradient[at + k] * tile.cosines[lane] - gradient[at + _COUNT + k] * tile.sines[lane]
                across += np.float32(_SLOPES[k] / 4) * turned
            for c in range(2):
                d_wide[tile.owner[row], c] += gradient[at + 2 * _COUNT + c]
            near, at = tile.near[row] * fields, row * width
            below = near + (tile.columns[row] + 1) * fields
            for corner in (near, near + fields, below, below + fields):
                d_fields[corner] += across
            for f in range(fields):
                d_fields[near + f] += gradient[at]
                d_fields[near + fields + f] += gradient[at + 1]
                d_fields[below + f] += gradient[at + 2]
                d_fields[below + fields + f] += gradient[at + 3]
                at += 4


@kernel
def _turn(tile: _Tile, row: int, count: int, waves: np.ndarray) -> None:
    """All waves of LANES rows from the slowest: (cos + i sin)ᵐ⁺ⁿ is a product."""
    cosine, sine = tile.cosines, tile.sines
    for k in range(count):
        number = tile.number[row + k]
        cosine[k], sine[k] = waves[number, 0], waves[number, 1]
    for k in range(1, _COUNT):
        i, j = _SUMS[k - 1]
        a, b, c, d = (
            load(cosine, i * LANES), load(sine, i * LANES), load(cosine, j * LANES), load(sine, j * LANES),
        )  # fmt: skip
        store(cosine, k * LANES, a * c - b * d)
        store(sine, k * LANES, b * c + a * d)


@kernel
def _shape_gradients(
    inputs: DecoderInput, first: int, last: int, d_fields: np.ndarray, d_wide: np.ndarray, result: np.ndarray
) -> None:
    """From the gradients of a run's fields and widths those of box and geometry, rows first … last of result [N, 7]."""
    fields, flat, by_lane = inputs.fields.shape[1], inputs.fields.reshape(-1), np.empty(WIDTH, np.float32)
    start = inputs.corners[first] * fields
    for n in range(first, last):
        added = splat(0)
        for k in range(inputs.corners[n] * fields, inputs.corners[n + 1] * fields):
            added += splat(d_fields[k - start]) * load(flat, k * WIDTH)
        store(by_lane, 0, added)
        result[n] = by_lane[1:]
        for c in range(2):
            share = 2 / (PATCH * inputs.grid[n, c])
            if inputs.blur[n] < inputs.box[n, c] * share < 1:
                result[n, c] += d_wide[n - first, c] * share


@kernel
def _rectify(hidden: np.ndarray, count: int, columns: int, tile: _Tile, signs: np.ndarray, at: int) -> None:
    """hidden [rows · columns] ← max(0, hidden) in place; its signs go to the run's [P, …], from byte `at` on."""
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
def _gate(gradient: np.ndarray, count: int, columns: int, tile: _Tile, signs: np.ndarray, at: int) -> None:
    """The transpose of `_rectify`: gradient [rows · columns] ← 0 in place where the layer was not above 0."""
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
def _write_texels(alpha: np.ndarray, mix: np.ndarray, tile: _Tile, count: int, texels: np.ndarray) -> None:
    """Lay patches alpha and mix [TILE · PATCH²] out as maps in flat `texels` [2 · T], clamp."""
    none, one = splat(0), splat(1)
    for row in range(count):
        at, width = 2 * tile.texel[row], 2 * PATCH * tile.columns[row]
        for k in range(row * _TEXELS, (row + 1) * _TEXELS, LANES):
            a, m = load(alpha, k), load(mix, k)
            a, m = where_less(none, a, a, none), where_less(none, m, m, none)
            upper, lower = split(interleave(where_less(a, one, a, one), where_less(m, one, m, one)))
            store(texels, at, upper)
            store(texels, at + width, lower)
            at += 2 * width


@kernel
def _clear_rims(inputs: DecoderInput, first: int, last: int, texels: np.ndarray) -> None:
    """The outermost α of each map [T, 2] of a run of strokes ← 0."""
    none = np.float32(0)
    for n in range(first, last):
        width, height, start = inputs.grid[n, 0] * PATCH, inputs.grid[n, 1] * PATCH, inputs.patches[n] * _TEXELS
        for x in range(width):
            texels[start + x, 0] = texels[start + (height - 1) * width + x, 0] = none
        for y in range(height):
            texels[start + y * width, 0] = texels[start + y * width + width - 1, 0] = none


@kernel
def _texel_gradients(tile: _Tile, count: int, texels: np.ndarray, gradient: np.ndarray) -> int:
    """The transpose of `_write_texels`, from flat gradient [2 · T]; clamp texels do not move.

    Patches of which none moves, like those outside of the canvas, are taken out of the tile: how many are left.
    """
    none, one, left = splat(0), splat(1), 0
    for row in range(count):
        at, width, moved = 2 * tile.texel[row], 2 * PATCH * tile.columns[row], none
        for k in range(left * _TEXELS, (left + 1) * _TEXELS, LANES):
            t, g = load(texels, at), load(gradient, at)
            upper = where_less(none, t, where_less(t, one, g, none), none)
            t, g = load(texels, at + width), load(gradient, at + width)
            lower = where_less(none, t, where_less(t, one, g, none), none)
            a, m = deinterleave(concat(upper, lower))
            store(tile.alpha, k, a)
            store(tile.mix, k, m)
            moved += upper * upper + lower * lower
            at += 2 * width
        if total(moved) != 0:
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
    queue: np.ndarray, inputs: DecoderInput, kept: Kept, raster: Weights, shading: Weights,
    raster_code: np.ndarray, shading_code: np.ndarray, texels: np.ndarray,
) -> None:  # fmt: skip
    """Draw maps into `texels` [T, 2], run after run, and fill `kept`.

    Args:
        queue: of `renderers.work_queue`, one piece for each run.
        raster_code, shading_code: [N, K], what each stroke's code adds to the first layer of either network.
    """
    features = 4 * inputs.fields.shape[1] + 2 * _COUNT + 2
    broad, narrow = raster_code.shape[1], shading_code.shape[1]
    tile, flat = _tile(padded(features, LANES), max(broad, narrow)), texels.reshape(-1)
    while True:
        run = take_next(queue)
        if run + 1 >= len(inputs.runs):
            return
        first, last = inputs.runs[run], inputs.runs[run + 1]
        start = inputs.patches[first]
        for done in range(0, inputs.patches[last] - start, TILE):
            count = _lay_out(inputs, first, last, done, tile)
            _features(inputs, first, count, tile, kept.waves[start:])
            _draw(features, tile, count, raster, raster_code[first:], kept.signs[start:], 0, tile.alpha)
            _draw(features, tile, count, shading, shading_code[first:], kept.signs[start:], broad // 4, tile.mix)
            _write_texels(tile.alpha, tile.mix, tile, count, flat)
        _clear_rims(inputs, first, last, texels)


@kernel
def _draw(
    features: int, tile: _Tile, count: int, weights: Weights, code: np.ndarray, signs: np.ndarray, at: int,
    out: np.ndarray,
) -> None:  # fmt: skip
    """One network, but for the clamp at its end: from the tile's features to out [TILE · PATCH²]."""
    rows, hidden, codes = padded(count, ROWS), code.shape[1], code.reshape(-1)
    for row in range(count):
        for k in range(0, hidden, LANES):
            store(tile.inner, row * hidden + k, load(codes, tile.owner[row] * hidden + k))
    add_product(
        tile.inner, hidden, tile.features, len(tile.features) // TILE, features, weights.inner, rows, hidden, tile.inner
    )
    _rectify(tile.inner, count, hidden, tile, signs, at)
    add_product(weights.middle_bias, 0, tile.inner, hidden, hidden, weights.middle, rows, hidden, tile.middle)
    _rectify(tile.middle, count, hidden, tile, signs, at + hidden // 8)
    add_product(weights.outer_bias, 0, tile.middle, hidden, hidden, weights.outer, rows, _TEXELS, out)


@kernel
def decode_back(
    queue: np.ndarray, inputs: DecoderInput, kept: Kept, raster: Weights, shading: Weights, texels: np.ndarray,
    gradient: np.ndarray, d_raster_code: np.ndarray, d_shading_code: np.ndarray, d_shape: np.ndarray,
) -> None:  # fmt: skip
    """The transpose of `decode`: from gradient [T, 2] those of both codes [N, K], and of box and geometry [N, 7]."""
    fields = inputs.fields.shape[1]
    broad, narrow = d_raster_code.shape[1], d_shading_code.shape[1]
    tile = _tile(padded(4 * fields + 2 * _COUNT + 2, LANES), max(broad, narrow))
    seen, flat = texels.reshape(-1), gradient.reshape(-1)
    while True:
        run = take_next(queue)
        if run + 1 >= len(inputs.runs):
            return
        first, last = inputs.runs[run], inputs.runs[run + 1]
        start = inputs.patches[first]
        d_raster_code[first:last], d_shading_code[first:last] = 0, 0
        d_fields = np.zeros((inputs.corners[last] - inputs.corners[first]) * fields, np.float32)
        d_wide = np.zeros((last - first, 2), np.float32)
        for done in range(0, inputs.patches[last] - start, TILE):
            count = _lay_out(inputs, first, last, done, tile)
            count = _texel_gradients(tile, count, seen, flat)
            tile.features[:] = 0
            _draw_back(tile.alpha, tile, count, raster, kept.signs[start:], 0, d_raster_code[first:])
            _draw_back(tile.mix, tile, count, shading, kept.signs[start:], broad // 4, d_shading_code[first:])
            _add_feature_gradients(inputs, count, tile, kept.waves[start:], d_fields, d_wide)
        _shape_gradients(inputs, first, last, d_fields, d_wide, d_shape)


@kernel
def _draw_back(
    d_out: np.ndarray, tile: _Tile, count: int, weights: Weights, signs: np.ndarray, at: int, d_code: np.ndarray
) -> None:
    """The transpose of `_draw`: adds to the gradients of the tile's features and of the codes."""
    rows, hidden, codes = padded(count, ROWS), d_code.shape[1], d_code.reshape(-1)
    none = np.zeros(hidden, np.float32)
    add_product(none, 0, d_out, _TEXELS, _TEXELS, weights.outer_back, rows, hidden, tile.middle)
    _gate(tile.middle, count, hidden, tile, signs, at + hidden // 8)
    add_product(none, 0, tile.middle, hidden, hidden, weights.middle_back, rows, hidden, tile.inner)
    _gate(tile.inner, count, hidden, tile, signs, at)
    for row in range(count):
        to = tile.owner[row] * hidden
        for k in range(0, hidden, LANES):
            store(codes, to + k, load(codes, to + k) + load(tile.inner, row * hidden + k))
    width = len(tile.features) // TILE
    add_product(tile.features, width, tile.inner, hidden, hidden, weights.inner_back, rows, width, tile.features)
