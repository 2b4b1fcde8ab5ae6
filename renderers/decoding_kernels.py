"""The passes of `renderers.decoder` between its matrix products, as numba kernels.

Rows are patches: of strokes first … last - 1, row by row of their grids. F fields have 4·F corner features; then come
the sines and cosines of all WAVES, then two widths, as `renderers.networks.patch_features` lays them out.
"""

from __future__ import annotations

import math

import numpy as np

from renderers.brushes.base import PATCH, PATCHES
from renderers.duals import WIDTH
from renderers.jit import kernel
from renderers.lanes import load, splat, store
from renderers.networks import TURN, WAVES

_TIMES = tuple(round(wave / WAVES[0]) for wave in WAVES)  # each wave as a multiple of the slowest
_COUNT = len(WAVES)
_SLOPES = tuple(TURN * times for times in _TIMES)  # of each wave's phase
# Each wave but the slowest turns by two earlier ones together.
_SUMS = tuple(
    next((i, j) for i in range(k - 1, -1, -1) for j in range(k) if _TIMES[i] + _TIMES[j] == _TIMES[k])
    for k in range(1, _COUNT)
)


@kernel
def features(
    first: int, last: int, grid: np.ndarray, corners: np.ndarray, box: np.ndarray, blur: np.ndarray,
    waves: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """Fill the rows of `out` [R, feature_count].

    Args:
        grid: [N, 2] patches along u and v.
        corners: [K, F, WIDTH], of `Brush.corners`, of all N strokes.
        box: [N, 2] half extents; blur: [N] the canvas pixel's width; both in stroke units.
        waves: [P, 2], filled: cosine and sine of the slowest wave at each patch of all N strokes.
    """
    fields = corners.shape[1]
    cosine, sine = np.empty(_COUNT, np.float32), np.empty(_COUNT, np.float32)
    patch, corner = _before(first, grid)
    row = 0
    for n in range(first, last):
        columns, rows = grid[n]
        wide = [np.float32(min(max(2 * box[n, c] / (PATCH * grid[n, c]), blur[n]), 1)) for c in range(2)]
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
                waves[patch, 0], waves[patch, 1] = math.cos(phase), math.sin(phase)
                _turn(waves[patch, 0], waves[patch, 1], cosine, sine)
                for k in range(_COUNT):
                    out[row, 4 * fields + k] = sine[k]
                    out[row, 4 * fields + _COUNT + k] = cosine[k]
                out[row, 4 * fields + 2 * _COUNT] = wide[0]
                out[row, 4 * fields + 2 * _COUNT + 1] = wide[1]
                row, patch = row + 1, patch + 1
        corner += (columns + 1) * (rows + 1)


@kernel
def corner_gradients(
    first: int, last: int, grid: np.ndarray, corners: np.ndarray, box: np.ndarray, blur: np.ndarray,
    waves: np.ndarray, gradient: np.ndarray, result: np.ndarray,
) -> None:  # fmt: skip
    """The transpose of `features`: from the gradient of its rows [R, feature_count] that of box and geometry [N, 7]."""
    fields = corners.shape[1]
    at_corners = np.empty((PATCHES[1] + 1) ** 2 * fields, np.float32)
    cosine, sine = np.empty(_COUNT, np.float32), np.empty(_COUNT, np.float32)
    flat, by_lane = corners.reshape(-1), np.empty(WIDTH, np.float32)
    patch, corner = _before(first, grid)
    row = 0
    for n in range(first, last):
        columns, rows = grid[n]
        count = (columns + 1) * (rows + 1)
        at_corners[: count * fields] = 0
        d_wide = np.zeros(2, np.float32)
        for i in range(rows):
            for j in range(columns):
                near = i * (columns + 1) + j
                around = (near, near + 1, near + columns + 1, near + columns + 2)
                _turn(waves[patch, 0], waves[patch, 1], cosine, sine)
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
                row, patch = row + 1, patch + 1
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
def _before(stroke: int, grid: np.ndarray) -> tuple[int, int]:
    """How many patches and how many corners lie before a stroke's."""
    patches = corners = 0
    for n in range(stroke):
        patches += grid[n, 0] * grid[n, 1]
        corners += (grid[n, 0] + 1) * (grid[n, 1] + 1)
    return patches, corners


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
    """hidden [R, K] ← max(0, hidden + bias) in place; row n of bias [N, K] goes to the next counts[n] rows.

    `signs` [R, K] tells where it is above 0.
    """
    row = 0
    for n in range(len(counts)):
        for _ in range(counts[n]):
            for k in range(hidden.shape[1]):
                value = hidden[row, k] + bias[n, k]
                signs[row, k] = value > 0
                hidden[row, k] = value if value > 0 else np.float32(0)
            row += 1


@kernel
def add_by_stroke(rows: np.ndarray, counts: np.ndarray, sums: np.ndarray) -> None:
    """sums [N, K] of runs of rows [R, K], counts[n] of them each."""
    sums[:] = 0
    row = 0
    for n in range(len(counts)):
        for _ in range(counts[n]):
            for k in range(rows.shape[1]):
                sums[n, k] += rows[row, k]
            row += 1


@kernel
def gate(gradient: np.ndarray, signs: np.ndarray) -> None:
    """gradient [R, K] ← 0 in place where the layer was not above 0."""
    for row in range(gradient.shape[0]):
        for k in range(gradient.shape[1]):
            gradient[row, k] = gradient[row, k] if signs[row, k] else np.float32(0)


@kernel
def write_texels(grid: np.ndarray, start: int, drawn: np.ndarray, texels: np.ndarray) -> None:
    """Lay the patches `drawn` [2, R, PATCH²] (α, mix) out as maps in `texels` [T, 2], from texel `start` on.

    They are clamped, and the outermost α of each map is 0.
    """
    row, zero, one = 0, np.float32(0), np.float32(1)
    for n in range(len(grid)):
        width, height = grid[n, 0] * PATCH, grid[n, 1] * PATCH
        for i in range(grid[n, 1]):
            for j in range(grid[n, 0]):
                for y in range(PATCH):
                    at = start + (i * PATCH + y) * width + j * PATCH
                    for x in range(PATCH):
                        texels[at + x, 0] = min(max(drawn[0, row, y * PATCH + x], zero), one)
                        texels[at + x, 1] = min(max(drawn[1, row, y * PATCH + x], zero), one)
                row += 1
        for x in range(width):
            texels[start + x, 0] = texels[start + (height - 1) * width + x, 0] = zero
        for y in range(height):
            texels[start + y * width, 0] = texels[start + y * width + width - 1, 0] = zero
        start += width * height


@kernel
def texel_gradients(
    grid: np.ndarray, start: int, texels: np.ndarray, gradient: np.ndarray, d_drawn: np.ndarray
) -> None:
    """The transpose of `write_texels`: d_drawn [2, R, PATCH²] from gradient [T, 2]; clamped texels do not move."""
    row, zero, one = 0, np.float32(0), np.float32(1)
    for n in range(len(grid)):
        width = grid[n, 0] * PATCH
        for i in range(grid[n, 1]):
            for j in range(grid[n, 0]):
                for y in range(PATCH):
                    at = start + (i * PATCH + y) * width + j * PATCH
                    for x in range(PATCH):
                        for c in range(2):
                            moves = zero < texels[at + x, c] < one
                            d_drawn[c, row, y * PATCH + x] = gradient[at + x, c] if moves else zero
                row += 1
        start += width * grid[n, 1] * PATCH
