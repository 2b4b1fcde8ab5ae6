"""The features of patches and their gradients, tile by tile: what `renderers.decoder_kernels` feeds to the networks.

A tile is TILE patches that go through the networks together. F fields have 4·F corner features; then come the sines and
cosines of all WAVES, then two sizes, as `renderers.networks.patch_features` lays them out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from renderers.brushes.base import PATCH
from renderers.dual import WIDTH
from renderers.jit import kernel
from renderers.networks import TURN, WAVES
from renderers.products import ROWS
from renderers.simd import LANES, load, splat, store

TILE = 256  # patches that go through the networks together; a multiple of ROWS
assert LANES == 2 * PATCH and TILE % ROWS == 0

TEXELS = PATCH * PATCH
_TIMES = tuple(round(wave / WAVES[0]) for wave in WAVES)  # each wave as a multiple of the slowest
WAVE_COUNT = len(WAVES)
_SLOPES = tuple(TURN * times for times in _TIMES)  # of each wave's phase
# For each wave but the first, two earlier ones whose frequencies add up to its own.
_SUMS = tuple(
    next((i, j) for i in range(k - 1, -1, -1) for j in range(k) if _TIMES[i] + _TIMES[j] == _TIMES[k])
    for k in range(1, WAVE_COUNT)
)


class DecoderInput(NamedTuple):
    """N strokes as the networks read them, with K corners and P patches in all, in G runs of strokes."""

    grid: np.ndarray  # [N, 2] int64: patches along u and v
    box: np.ndarray  # [N, 2] float32: half extents, stroke units
    blur: np.ndarray  # [N] float32: the canvas pixel's width, stroke units
    patches: np.ndarray  # [N + 1] int64: index of each stroke's first patch, then P
    corners: np.ndarray  # [N + 1] int64: index of each stroke's first corner, then K
    fields: np.ndarray  # [K, F, WIDTH] float32, of `NetworkBrush.corners`
    runs: np.ndarray  # [G + 1] int64: where runs of strokes begin and end


class Tile(NamedTuple):
    """Scratch memory of one thread for TILE patches; arrays are flat."""

    number: np.ndarray  # [TILE] int64: the patch's index in its run
    owner: np.ndarray  # [TILE] int64: its stroke's index in the run
    near: np.ndarray  # [TILE] int64: its first corner's index in the run
    columns: np.ndarray  # [TILE] int64: patches in a row of the stroke
    texel: np.ndarray  # [TILE] int64: its first texel's index among all T
    features: np.ndarray  # float32, TILE rows of features
    inner: np.ndarray  # float32, TILE rows of the first hidden layer
    middle: np.ndarray  # float32, TILE rows of the second hidden layer
    alpha: np.ndarray  # [TILE · PATCH²] float32
    mix: np.ndarray  # [TILE · PATCH²] float32
    cosines: np.ndarray  # float32, LANES for each wave
    sines: np.ndarray  # float32, LANES for each wave


@kernel
def new_tile(feature_count: int, hidden: int) -> Tile:
    """A tile for `feature_count` features (padded) and at most `hidden` numbers in a hidden layer."""
    features = np.zeros(TILE * feature_count, np.float32)
    inner, middle = np.zeros(TILE * hidden, np.float32), np.zeros(TILE * hidden, np.float32)
    alpha, mix = np.zeros(TILE * TEXELS, np.float32), np.zeros(TILE * TEXELS, np.float32)
    places = np.zeros((5, TILE), np.int64)
    cosines, sines = np.zeros(WAVE_COUNT * LANES, np.float32), np.zeros(WAVE_COUNT * LANES, np.float32)
    return Tile(
        places[0], places[1], places[2], places[3], places[4], features, inner, middle, alpha, mix, cosines, sines
    )  # fmt: skip


@kernel
def runs(counts: np.ndarray, most: int) -> np.ndarray:
    """Cut N strokes of counts [N] patches into runs of at most `most` patches, or of one stroke.

    Returns:
        [G + 1] int64: where runs begin, then N.
    """
    result, found, patches = np.zeros(len(counts) + 1, np.int64), 0, 0
    for n in range(len(counts)):
        if n > result[found] and patches + counts[n] > most:
            found, patches = found + 1, 0
            result[found] = n
        patches += counts[n]
    if len(counts):
        found += 1
        result[found] = len(counts)
    return result[: found + 1]


@kernel
def _stroke_of(patches: np.ndarray, first: int, last: int, patch: int) -> int:
    """The last of the strokes first … last - 1 that begins with this patch or an earlier one.

    As np.searchsorted, whose compiled form has numba load SciPy's linear algebra: a tenth of a second at the start.
    """
    low, high = first, last
    while high - low > 1:
        middle = (low + high) // 2
        if patches[middle] <= patch:
            low = middle
        else:
            high = middle
    return low


@kernel
def fill_tile(inputs: DecoderInput, first: int, last: int, done: int, tile: Tile) -> int:
    """Fill a tile with the patches from number `done` on of the strokes first … last - 1; returns their count."""
    start = inputs.patches[first] + done
    n = _stroke_of(inputs.patches, first, last, start)
    count = min(TILE, inputs.patches[last] - start)
    number, row = start - inputs.patches[n], 0
    while row < count:
        columns = inputs.grid[n, 0]
        near, texel = inputs.corners[n] - inputs.corners[first], inputs.patches[n] * TEXELS
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
    filled: int = count
    return filled


@kernel
def write_features(inputs: DecoderInput, first: int, count: int, tile: Tile, waves: np.ndarray) -> None:
    """Fill the tile's rows of features, and cosines and sines of their slowest waves in those of the run [P, 2]."""
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
            out[to + 2 * WAVE_COUNT + c] = min(size, np.float32(1))
        to = row * width
        phase = (out[to] + out[to + 1] + out[to + 2] + out[to + 3]) * np.float32(TURN / 4)
        waves[tile.number[row], 0], waves[tile.number[row], 1] = math.cos(phase), math.sin(phase)
    for row in range(0, count, LANES):
        _harmonics(tile, row, min(LANES, count - row), waves)
        for k in range(min(LANES, count - row)):
            to = (row + k) * width + 4 * fields
            for wave in range(WAVE_COUNT):
                out[to + wave] = tile.sines[wave * LANES + k]
                out[to + WAVE_COUNT + wave] = tile.cosines[wave * LANES + k]


@kernel
def add_feature_gradients(
    inputs: DecoderInput, count: int, tile: Tile, waves: np.ndarray, d_fields: np.ndarray, d_sizes: np.ndarray
) -> None:
    """From the gradient of the tile's features, add to those of the run's fields [K · F] and texel sizes [N, 2]."""
    fields, width, gradient = inputs.fields.shape[1], len(tile.features) // TILE, tile.features
    for begin in range(0, count, LANES):
        _harmonics(tile, begin, min(LANES, count - begin), waves)
        for row in range(begin, min(begin + LANES, count)):
            at, across = row * width + 4 * fields, np.float32(0)
            for k in range(WAVE_COUNT):
                lane = k * LANES + row - begin
                turned = gradient[at + k] * tile.cosines[lane] - gradient[at + WAVE_COUNT + k] * tile.sines[lane]
                across += np.float32(_SLOPES[k] / 4) * turned
            for c in range(2):
                d_sizes[tile.owner[row], c] += gradient[at + 2 * WAVE_COUNT + c]
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
def _harmonics(tile: Tile, row: int, count: int, waves: np.ndarray) -> None:
    """Fill the tile's cosines and sines of all waves of `count` rows, at most LANES, from those of the slowest: as
    (cos + i sin)ᵐ⁺ⁿ is a product, no further sine is computed."""
    cosine, sine = tile.cosines, tile.sines
    for k in range(count):
        number = tile.number[row + k]
        cosine[k], sine[k] = waves[number, 0], waves[number, 1]
    for k in range(1, WAVE_COUNT):
        i, j = _SUMS[k - 1]
        a, b, c, d = (
            load(cosine, i * LANES), load(sine, i * LANES), load(cosine, j * LANES), load(sine, j * LANES),
        )  # fmt: skip
        store(cosine, k * LANES, a * c - b * d)
        store(sine, k * LANES, b * c + a * d)


@kernel
def write_frame_gradients(
    inputs: DecoderInput, first: int, last: int, d_fields: np.ndarray, d_sizes: np.ndarray, result: np.ndarray
) -> None:
    """From the gradients of a run's fields [K · F] and texel sizes [N, 2] to those of box and geometry: fill the rows
    first … last - 1 of result [N, 7]."""
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
                result[n, c] += d_sizes[n - first, c] * share
