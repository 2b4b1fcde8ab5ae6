"""The networks' passes over the patches of a group of strokes, as two numba kernels: `decode` and its way back.

Rows are patches, stroke after stroke and row after row of their grids. F fields have 4·F corner features; then come
the sines and cosines of all WAVES, then two widths, as `renderers.networks.patch_features` lays them out. Matrices are
flat, their rows padded to a multiple of ROWS and their columns to one of LANES.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from renderers.brushes.base import PATCH, PATCHES
from renderers.duals import WIDTH
from renderers.jit import kernel
from renderers.lanes import LANES, load, splat, store, store_signs, where_less, where_signs
from renderers.networks import TURN, WAVES
from renderers.products import ROWS, padded, product

_TIMES = tuple(round(wave / WAVES[0]) for wave in WAVES)  # each wave as a multiple of the slowest
_COUNT = len(WAVES)
_SLOPES = tuple(TURN * times for times in _TIMES)  # of each wave's phase
# Each wave but the slowest turns by two earlier ones together.
_SUMS = tuple(
    next((i, j) for i in range(k - 1, -1, -1) for j in range(k) if _TIMES[i] + _TIMES[j] == _TIMES[k])
    for k in range(1, _COUNT)
)


@kernel
def features(told: Told, out: np.ndarray) -> None:
    """Fill the rows of `out` [R, feature_count …], and the waves."""
    grid, corners, box, blur, waves = told.grid, told.corners, told.box, told.blur, told.waves
    fields = corners.shape[1]
    cosine, sine = np.empty(_COUNT, np.float32), np.empty(_COUNT, np.float32)
    row = corner = 0
    for n in range(len(grid)):
        columns, rows = grid[n, 0], grid[n, 1]
        wide = np.float32(min(max(2 * box[n, 0] / (PATCH * columns), blur[n]), 1))
        high = np.float32(min(max(2 * box[n, 1] / (PATCH * rows), blur[n]), 1))
        for i in range(rows):
            for j in range(columns):
                near = corner + i * (columns + 1) + j
                around = (near, near + 1, near + columns + 1, near + columns + 2)
                across = np.float32(0)
                for k in range(4):
                    across += corners[around[k], 0, 0]
                    for f in range(fields):
                        out[row, 4 * f + k] = corners[around[k], f, 0]
                phase = across * np.float32(TURN / 4)
                waves[row, 0], waves[row, 1] = math.cos(phase), math.sin(phase)
                _turn(waves[row, 0], waves[row, 1], cosine, sine)
                for k in range(_COUNT):
                    out[row, 4 * fields + k] = sine[k]
                    out[row, 4 * fields + _COUNT + k] = cosine[k]
                out[row, 4 * fields + 2 * _COUNT] = wide
                out[row, 4 * fields + 2 * _COUNT + 1] = high
                row += 1
        corner += (columns + 1) * (rows + 1)


@kernel
def corner_gradients(told: Told, gradient: np.ndarray, result: np.ndarray) -> None:
    """The transpose of `features`: from the gradient of its rows that of box and geometry, `result` [N, 7]."""
    grid, corners, box, blur, waves = told.grid, told.corners, told.box, told.blur, told.waves
    fields = corners.shape[1]
    at_corners = np.empty((PATCHES[1] + 1) ** 2 * fields, np.float32)
    cosine, sine = np.empty(_COUNT, np.float32), np.empty(_COUNT, np.float32)
    flat, by_lane, d_wide = corners.reshape(-1), np.empty(WIDTH, np.float32), np.empty(2, np.float32)
    row = corner = 0
    for n in range(len(grid)):
        columns, rows = grid[n, 0], grid[n, 1]
        count = (columns + 1) * (rows + 1)
        at_corners[: count * fields] = 0
        d_wide[:] = 0
        for i in range(rows):
            for j in range(columns):
                near = i * (columns + 1) + j
                around = (near, near + 1, near + columns + 1, near + columns + 2)
                _turn(waves[row, 0], waves[row, 1], cosine, sine)
                across = np.float32(0)
                for k in range(_COUNT):
                    to_sine, to_cosine = gradient[row, 4 * fields + k], gradient[row, 4 * fields + _COUNT + k]
                    across += np.float32(_SLOPES[k] / 4) * (to_sine * cosine[k] - to_cosine * sine[k])
                for k in range(4):
                    at_corners[around[k] * fields] += across
                    for f in range(fields):
                        at_corners[around[k] * fields + f] += gradient[row, 4 * f + k]
                for c in range(2):
                    d_wide[c] += gradient[row, 4 * fields + 2 * _COUNT + c]
                row += 1
        added = splat(0)
        for k in range(count * fields):
            added += splat(at_corners[k]) * load(flat, (corner * fields + k) * WIDTH)
        store(by_lane, 0, added)
        result[n] = by_lane[1:]
        for c in range(2):
            share = 2 / (PATCH * grid[n, c])
            if blur[n] < box[n, c] * share < 1:
                result[n, c] += d_wide[c] * share
        corner += count


@kernel
def _turn(real: float, imaginary: float, cosine: np.ndarray, sine: np.ndarray) -> None:
    """All waves from the slowest: (cos + i sin)ᵐ⁺ⁿ is a product."""
    cosine[0], sine[0] = real, imaginary
    for k in range(1, _COUNT):
        i, j = _SUMS[k - 1]
        cosine[k] = cosine[i] * cosine[j] - sine[i] * sine[j]
        sine[k] = sine[i] * cosine[j] + cosine[i] * sine[j]


@kernel
def add_and_rectify(hidden: np.ndarray, bias: np.ndarray, counts: np.ndarray, signs: np.ndarray) -> None:
    """hidden [R · K] ← max(0, hidden + bias) in place; row n of bias [N, K] goes to the next counts[n] rows.

    `signs` [R · K] tells where it is above 0. K is a multiple of LANES.
    """
    width, at, flat = bias.shape[1], 0, bias.reshape(-1)
    for n in range(len(counts)):
        for _ in range(counts[n]):
            for k in range(0, width, LANES):
                value = load(hidden, at + k) + load(flat, n * width + k)
                store_signs(signs, at + k, value)
                store(hidden, at + k, where_less(splat(0), value, value, splat(0)))
            at += width


@kernel
def add_by_stroke(rows: np.ndarray, counts: np.ndarray, sums: np.ndarray) -> None:
    """sums [N, K] of runs of rows [R · K], counts[n] of them each. K is a multiple of LANES."""
    width, at, flat = sums.shape[1], 0, sums.reshape(-1)
    for n in range(len(counts)):
        for k in range(0, width, LANES):
            added = splat(0)
            for row in range(counts[n]):
                added += load(rows, at + row * width + k)
            store(flat, n * width + k, added)
        at += counts[n] * width


@kernel
def gate(gradient: np.ndarray, signs: np.ndarray) -> None:
    """gradient [R · K] ← 0 in place where the layer was not above 0. K is a multiple of LANES."""
    for k in range(0, len(signs), LANES):
        store(gradient, k, where_signs(signs, k, load(gradient, k)))


@kernel
def _bounded(value: float) -> float:
    return min(max(value, np.float32(0)), np.float32(1))


@kernel
def write_texels(
    grid: np.ndarray, start: int, alpha: np.ndarray, alpha_bias: np.ndarray, mix: np.ndarray, mix_bias: np.ndarray,
    texels: np.ndarray,
) -> None:  # fmt: skip
    """Lay patches alpha and mix [R · PATCH²] out as maps in `texels` [T, 2], from texel `start` on.

    The last biases [PATCH²] are added; all is clamped, and the outermost α of each map is 0.
    """
    patch, none = 0, np.float32(0)
    for n in range(len(grid)):
        width, height = grid[n, 0] * PATCH, grid[n, 1] * PATCH
        for i in range(grid[n, 1]):
            for j in range(grid[n, 0]):
                for y in range(PATCH):
                    at = start + (i * PATCH + y) * width + j * PATCH
                    for x in range(PATCH):
                        k = y * PATCH + x
                        texels[at + x, 0] = _bounded(alpha[patch + k] + alpha_bias[k])
                        texels[at + x, 1] = _bounded(mix[patch + k] + mix_bias[k])
                patch += PATCH * PATCH
        for x in range(width):
            texels[start + x, 0] = texels[start + (height - 1) * width + x, 0] = none
        for y in range(height):
            texels[start + y * width, 0] = texels[start + y * width + width - 1, 0] = none
        start += width * height


@kernel
def texel_gradients(
    grid: np.ndarray, start: int, texels: np.ndarray, gradient: np.ndarray, d_alpha: np.ndarray, d_mix: np.ndarray
) -> None:
    """The transpose of `write_texels`, from gradient [T, 2]; clamped texels do not move."""
    patch, none, one = 0, np.float32(0), np.float32(1)
    for n in range(len(grid)):
        width = grid[n, 0] * PATCH
        for i in range(grid[n, 1]):
            for j in range(grid[n, 0]):
                for y in range(PATCH):
                    at = start + (i * PATCH + y) * width + j * PATCH
                    for x in range(PATCH):
                        k = patch + y * PATCH + x
                        d_alpha[k] = gradient[at + x, 0] if none < texels[at + x, 0] < one else none
                        d_mix[k] = gradient[at + x, 1] if none < texels[at + x, 1] < one else none
                patch += PATCH * PATCH
        start += width * grid[n, 1] * PATCH


class Weights(NamedTuple):
    """One PatchNetwork's weights, flat float32, for rows of features from the left; K hidden numbers, F features."""

    inner: np.ndarray  # [F, K]
    middle: np.ndarray  # [K, K]
    middle_bias: np.ndarray  # [1, K]
    outer: np.ndarray  # [K, PATCH²]
    outer_bias: np.ndarray  # [PATCH²]
    inner_back: np.ndarray  # [K, F padded]
    middle_back: np.ndarray  # [K, K]
    outer_back: np.ndarray  # [PATCH², K]


class Told(NamedTuple):
    """N strokes as the networks are told of them, K corners and P patches in all."""

    grid: np.ndarray  # [N, 2] int64: patches along u and v
    counts: np.ndarray  # [N] int64: patches
    corners: np.ndarray  # [K, F, WIDTH] float32, of `NetworkBrush.corners`
    box: np.ndarray  # [N, 2] float32: half extents, stroke units
    blur: np.ndarray  # [N] float32: the canvas pixel's width, stroke units
    waves: np.ndarray  # [P, 2] float32, filled by `decode`: cosine and sine of the slowest wave at each patch


_TEXELS = PATCH * PATCH


@kernel
def decode(
    told: Told, raster: Weights, shading: Weights, raster_code: np.ndarray, shading_code: np.ndarray,
    signs: np.ndarray, start: int, texels: np.ndarray,
) -> None:  # fmt: skip
    """Draw the strokes' maps into `texels` [T, 2], from texel `start` on.

    Args:
        raster_code, shading_code: [N, K], what each stroke's code adds to the first layer of either network.
        signs: [2 · P · (both K)] bool, filled: which numbers of the hidden layers are above 0; raster, then shading.
    """
    patches = told.waves.shape[0]
    rows = padded(patches, ROWS)
    count = 4 * told.corners.shape[1] + 2 * _COUNT + 2
    heard = np.zeros((rows, padded(count, LANES)), np.float32)
    features(told, heard)
    flat = heard.reshape(-1)
    alpha, mix = np.empty(rows * _TEXELS, np.float32), np.empty(rows * _TEXELS, np.float32)
    wide, narrow = raster_code.shape[1], shading_code.shape[1]
    _draw(flat, count, told.counts, raster, raster_code, signs[: 2 * patches * wide], alpha)
    _draw(flat, count, told.counts, shading, shading_code, signs[2 * patches * wide :][: 2 * patches * narrow], mix)
    write_texels(told.grid, start, alpha, raster.outer_bias, mix, shading.outer_bias, texels)


@kernel
def _draw(
    heard: np.ndarray, count: int, counts: np.ndarray, weights: Weights, code: np.ndarray, signs: np.ndarray,
    out: np.ndarray,
) -> None:  # fmt: skip
    """One network, but for its last bias: from features to out [R, PATCH²]."""
    rows, hidden = out.size // _TEXELS, code.shape[1]
    half = signs.size // 2
    inner, middle = np.empty(rows * hidden, np.float32), np.empty(rows * hidden, np.float32)
    product(heard, heard.size // rows, count, weights.inner, hidden, inner)
    add_and_rectify(inner, code, counts, signs[:half])
    product(inner, hidden, hidden, weights.middle, hidden, middle)
    everything = np.array([half // hidden])
    add_and_rectify(middle, weights.middle_bias, everything, signs[half:])
    product(middle, hidden, hidden, weights.outer, _TEXELS, out)


@kernel
def decode_back(
    told: Told, raster: Weights, shading: Weights, signs: np.ndarray, start: int, texels: np.ndarray,
    gradient: np.ndarray, d_raster_code: np.ndarray, d_shading_code: np.ndarray, d_shape: np.ndarray,
) -> None:  # fmt: skip
    """The transpose of `decode`: from gradient [T, 2] those of both codes [N, K], and of box and geometry [N, 7]."""
    patches = told.waves.shape[0]
    rows = padded(patches, ROWS)
    d_alpha, d_mix = np.zeros(rows * _TEXELS, np.float32), np.zeros(rows * _TEXELS, np.float32)
    texel_gradients(told.grid, start, texels, gradient, d_alpha, d_mix)
    width = padded(4 * told.corners.shape[1] + 2 * _COUNT + 2, LANES)
    d_heard, more = np.empty(rows * width, np.float32), np.empty(rows * width, np.float32)
    wide, narrow = d_raster_code.shape[1], d_shading_code.shape[1]
    _draw_back(d_alpha, told.counts, raster, signs[: 2 * patches * wide], d_raster_code, d_heard)
    later = signs[2 * patches * wide :][: 2 * patches * narrow]
    _draw_back(d_mix, told.counts, shading, later, d_shading_code, more)
    for k in range(d_heard.size):
        d_heard[k] += more[k]
    corner_gradients(told, d_heard.reshape(rows, width), d_shape)


@kernel
def _draw_back(
    d_out: np.ndarray, counts: np.ndarray, weights: Weights, signs: np.ndarray, d_code: np.ndarray,
    d_heard: np.ndarray,
) -> None:  # fmt: skip
    """The transpose of `_draw`."""
    rows, hidden = d_out.size // _TEXELS, d_code.shape[1]
    half = signs.size // 2
    inner, middle = np.empty(rows * hidden, np.float32), np.empty(rows * hidden, np.float32)
    product(d_out, _TEXELS, _TEXELS, weights.outer_back, hidden, middle)
    gate(middle, signs[half:])
    product(middle, hidden, hidden, weights.middle_back, hidden, inner)
    gate(inner, signs[:half])
    add_by_stroke(inner, counts, d_code)
    product(inner, hidden, hidden, weights.inner_back, d_heard.size // rows, d_heard)
