"""Kernels of `winograd`: pictures cut into overlapping tiles and put together again, WIDE channels at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from renderers.jit import inlined, kernel
from renderers.simd import (
    WIDE,
    load_like,
    load_splat_like,
    load_widened,
    store,
    store_rounded,
    store_signs,
    where_less,
    where_signs,
    wide_zero,
)

TILE = 4  # places of the result along a side of a tile
SEEN = TILE + 2  # places of the picture that these are made of
POINTS = SEEN * SEEN  # products for each tile and pair of channels
_FACTORS = np.array([2, 4, 5, 8], np.float32)
_SHARES = np.array([0, 1, 1 / 2, 0, 1 / 4], np.float32)  # of each of some places in their mean


@kernel
def cut(
    image: np.ndarray, signs: np.ndarray, shape: tuple[int, int, int], repeats: bool, means: bool, across: int,
    first: int, tiles: int, step: int, out: np.ndarray, scratch: np.ndarray, places: np.ndarray, counts: np.ndarray,
) -> None:  # fmt: skip
    """Bᵀ d B of some tiles d, SEEN by SEEN each, of a picture; the first begins a row and a column outside it.

    Args:
        image: flat, of shape [H, W, C]; C is a multiple of WIDE.
        signs: as `store_signs` writes them for the picture: where they are 0 it counts as 0. Unless `repeats`.
        shape: (H, W, C).
        repeats: whether the picture's border goes on outside, where there are zeros otherwise.
        means: whether `image` is the gradient of what `join` then makes, one for 2 by 2 places; unless `repeats`.
        across: tiles in a row of them.
        first, tiles: which tiles, row by row.
        step: numbers of `out` from point to point.
        out: flat [POINTS, tiles, C], written; float32, or bfloat16 as uint16.
        scratch: [POINTS * WIDE].
        places: [2 * POINTS] int64.
        counts: [POINTS].
    """
    height, width, channels = shape
    half_width = (width + 1) // 2
    for t in range(tiles):
        down, right = divmod(first + t, across)
        for i in range(SEEN):
            for j in range(SEEN):
                y, x = TILE * down - 1 + i, TILE * right - 1 + j
                inside = 0 <= y < height and 0 <= x < width
                y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
                k = i * SEEN + j
                places[k], counts[k] = (y * width + x) * channels, inside
                places[POINTS + k] = places[k]
                if means:
                    places[POINTS + k] = (y // 2 * half_width + x // 2) * channels
                    counts[k] *= _SHARES[min(2, height - y // 2 * 2) * min(2, width - x // 2 * 2)]
        for c in range(0, channels, WIDE):
            if repeats:
                for k in range(POINTS):
                    store(scratch, k * WIDE, _one(image, places[k] + c))
            else:
                for k in range(POINTS):
                    value = where_signs(signs, (places[k] + c) // 8, _one(image, places[POINTS + k] + c))
                    store(scratch, k * WIDE, value * _every(counts, k))
            for j in range(SEEN):
                at, row = j * WIDE, SEEN * WIDE
                _cut_line(
                    _one(scratch, at), _one(scratch, at + row), _one(scratch, at + 2 * row),
                    _one(scratch, at + 3 * row), _one(scratch, at + 4 * row), _one(scratch, at + 5 * row),
                    scratch, at, row,
                )  # fmt: skip
            for i in range(SEEN):
                at = i * SEEN * WIDE
                _cut_line(
                    _one(scratch, at), _one(scratch, at + WIDE), _one(scratch, at + 2 * WIDE),
                    _one(scratch, at + 3 * WIDE), _one(scratch, at + 4 * WIDE), _one(scratch, at + 5 * WIDE),
                    out, i * SEEN * step + t * channels + c, step,
                )  # fmt: skip


@kernel
def join(
    parts: np.ndarray, biases: np.ndarray, rectified: bool, means: bool, across: int, first: int, tiles: int, step: int,
    shape: tuple[int, int, int], out: np.ndarray, signs: np.ndarray, scratch: np.ndarray,
) -> None:  # fmt: skip
    """Aᵀ m A of some tiles m, which makes TILE by TILE places of the result of each.

    Args:
        parts: flat [POINTS, tiles, C]; float32, or bfloat16 as uint16.
        biases: [C], added.
        rectified: whether numbers below 0 become 0.
        means: whether `out` gets for 2 by 2 places of the result their mean; of fewer at the end of an odd side.
        across, first, tiles: see `cut`.
        step: numbers of `parts` from point to point.
        shape: of the result, (H, W, C).
        out: flat, the result.
        signs: [H * W * C / 8] uint8, of the result if it is rectified.
        scratch: [TILE * SEEN * WIDE].
    """
    height, width, channels = shape
    zero, half_width = wide_zero(), (width + 1) // 2
    for t in range(tiles):
        down, right = divmod(first + t, across)
        rows, columns = min(TILE, height - TILE * down), min(TILE, width - TILE * right)
        for c in range(0, channels, WIDE):
            bias = _one(biases, c)
            for j in range(SEEN):
                at, row = j * step + t * channels + c, SEEN * step
                _join_line(
                    _part(parts, at), _part(parts, at + row), _part(parts, at + 2 * row),
                    _part(parts, at + 3 * row), _part(parts, at + 4 * row), _part(parts, at + 5 * row),
                    scratch, j * WIDE, SEEN * WIDE,
                )  # fmt: skip
            for i in range(rows):
                at = i * SEEN * WIDE
                _join_line(
                    _one(scratch, at), _one(scratch, at + WIDE), _one(scratch, at + 2 * WIDE),
                    _one(scratch, at + 3 * WIDE), _one(scratch, at + 4 * WIDE), _one(scratch, at + 5 * WIDE),
                    scratch, at, WIDE,
                )  # fmt: skip
                for j in range(columns):
                    to = ((TILE * down + i) * width + TILE * right + j) * channels + c
                    value = _one(scratch, at + j * WIDE) + bias
                    if rectified:
                        store_signs(signs, to // 8, value)
                        value = where_less(value, zero, zero, value)
                    if means:
                        store(scratch, at + j * WIDE, value)
                    else:
                        store(out, to, value)
            if means:
                for i in range(0, rows, 2):
                    for j in range(0, columns, 2):
                        at, total = (i * SEEN + j) * WIDE, zero
                        high, wide = min(2, rows - i), min(2, columns - j)
                        for k in range(high):
                            for m in range(wide):
                                total = total + _one(scratch, at + (k * SEEN + m) * WIDE)
                        to = ((TILE * down + i) // 2 * half_width + (TILE * right + j) // 2) * channels + c
                        store(out, to, total * load_splat_like(zero, _SHARES, high * wide))


@inlined
def _one(array: Any, at: int) -> Any:
    return load_like(wide_zero(), array, at)


@inlined
def _part(array: Any, at: int) -> Any:
    return load_widened(wide_zero(), array, at)


@inlined
def _every(array: Any, at: int) -> Any:
    return load_splat_like(wide_zero(), array, at)


@inlined
def _cut_line(d0: Any, d1: Any, d2: Any, d3: Any, d4: Any, d5: Any, out: Any, at: int, step: int) -> None:
    """Bᵀ d, WIDE at a time (Lavin and Gray 2016, section 4.2)."""
    two, four = load_splat_like(d0, _FACTORS, 0), load_splat_like(d0, _FACTORS, 1)
    five = load_splat_like(d0, _FACTORS, 2)
    even, odd = d4 - four * d2, d3 - four * d1
    near, far = d4 - d2, two * (d3 - d1)
    store_rounded(out, at, four * d0 - five * d2 + d4)
    store_rounded(out, at + step, even + odd)
    store_rounded(out, at + 2 * step, even - odd)
    store_rounded(out, at + 3 * step, near + far)
    store_rounded(out, at + 4 * step, near - far)
    store_rounded(out, at + 5 * step, four * d1 - five * d3 + d5)


@inlined
def _join_line(m0: Any, m1: Any, m2: Any, m3: Any, m4: Any, m5: Any, out: Any, at: int, step: int) -> None:
    """Aᵀ m, WIDE at a time."""
    two, four, eight = (
        load_splat_like(m0, _FACTORS, 0),
        load_splat_like(m0, _FACTORS, 1),
        load_splat_like(m0, _FACTORS, 3),
    )
    one_sum, one_difference, two_sum, two_difference = m1 + m2, m1 - m2, m3 + m4, m3 - m4
    store(out, at, m0 + one_sum + two_sum)
    store(out, at + step, one_difference + two * two_difference)
    store(out, at + 2 * step, one_sum + four * two_sum)
    store(out, at + 3 * step, one_difference + eight * two_difference + m5)
