"""Matrix products for kernels, in SIMD lanes: of matrices that fit the cache, without a call out of the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from renderers.jit import inlined, kernel
from renderers.simd import WIDE, load_like, load_splat_like, splat, store, wide_zero

ROWS = 8  # computed together for one column of lanes, or half as many for two: as many as fit in the registers


@kernel
def round_up(count: int, multiple: int) -> int:
    """The least multiple of `multiple` that is not below `count`."""
    return -(-count // multiple) * multiple


@kernel
def add_product(
    start: np.ndarray, step: int, a: np.ndarray, width: int, terms: int, b: np.ndarray, rows: int, columns: int,
    out: np.ndarray,
) -> None:  # fmt: skip
    """out [rows, columns] ← start + a [rows, width][:, :terms] · b [terms, columns], all flat float32.

    `rows` is a multiple of ROWS, `columns` one of LANES. Rows of `start` lie `step` numbers apart, 0 where
    all are the same. `start` may be `out`.
    """
    half = ROWS // 2
    for row in range(0, rows, ROWS):
        column = 0
        while column + 2 * WIDE <= columns:
            for k in (row, row + half):
                to = k * columns + column
                _pair(
                    wide_zero(),
                    WIDE,
                    start,
                    k * step + column,
                    step,
                    a,
                    k * width,
                    width,
                    terms,
                    b,
                    columns,
                    column,
                    out,
                    to,
                )
            column += 2 * WIDE
        begin, at, to = row * step, row * width, row * columns
        while column + WIDE <= columns:
            _single(wide_zero(), start, begin + column, step, a, at, width, terms, b, columns, column, out, to + column)
            column += WIDE
        if column < columns:
            _single(splat(0), start, begin + column, step, a, at, width, terms, b, columns, column, out, to + column)


@inlined
def _pair(
    like: Any, count: int, start: Any, begin: int, step: int, a: Any, at: int, width: int, terms: int, b: Any,
    columns: int, column: int, out: Any, to: int,
) -> None:  # fmt: skip
    """ROWS / 2 rows and two columns of `count` lanes of a product."""
    p0, q0 = load_like(like, start, begin), load_like(like, start, begin + count)
    p1, q1 = load_like(like, start, begin + step), load_like(like, start, begin + step + count)
    p2, q2 = load_like(like, start, begin + 2 * step), load_like(like, start, begin + 2 * step + count)
    p3, q3 = load_like(like, start, begin + 3 * step), load_like(like, start, begin + 3 * step + count)
    for k in range(terms):
        left, right = load_like(like, b, k * columns + column), load_like(like, b, k * columns + column + count)
        x = load_splat_like(like, a, at + k)
        p0 += x * left
        q0 += x * right
        x = load_splat_like(like, a, at + width + k)
        p1 += x * left
        q1 += x * right
        x = load_splat_like(like, a, at + 2 * width + k)
        p2 += x * left
        q2 += x * right
        x = load_splat_like(like, a, at + 3 * width + k)
        p3 += x * left
        q3 += x * right
    store(out, to, p0)
    store(out, to + count, q0)
    store(out, to + columns, p1)
    store(out, to + columns + count, q1)
    store(out, to + 2 * columns, p2)
    store(out, to + 2 * columns + count, q2)
    store(out, to + 3 * columns, p3)
    store(out, to + 3 * columns + count, q3)


@inlined
def _single(
    like: Any, start: Any, begin: int, step: int, a: Any, at: int, width: int, terms: int, b: Any, columns: int,
    column: int, out: Any, to: int,
) -> None:  # fmt: skip
    """ROWS rows and one column of lanes of a product."""
    half, low, four = at + 4 * width, begin + 4 * step, to + 4 * columns
    p0, p1 = load_like(like, start, begin), load_like(like, start, begin + step)
    p2, p3 = load_like(like, start, begin + 2 * step), load_like(like, start, begin + 3 * step)
    q0, q1 = load_like(like, start, low), load_like(like, start, low + step)
    q2, q3 = load_like(like, start, low + 2 * step), load_like(like, start, low + 3 * step)
    for k in range(terms):
        right = load_like(like, b, k * columns + column)
        p0 += load_splat_like(like, a, at + k) * right
        p1 += load_splat_like(like, a, at + width + k) * right
        p2 += load_splat_like(like, a, at + 2 * width + k) * right
        p3 += load_splat_like(like, a, at + 3 * width + k) * right
        q0 += load_splat_like(like, a, half + k) * right
        q1 += load_splat_like(like, a, half + width + k) * right
        q2 += load_splat_like(like, a, half + 2 * width + k) * right
        q3 += load_splat_like(like, a, half + 3 * width + k) * right
    store(out, to, p0)
    store(out, to + columns, p1)
    store(out, to + 2 * columns, p2)
    store(out, to + 3 * columns, p3)
    store(out, four, q0)
    store(out, four + columns, q1)
    store(out, four + 2 * columns, q2)
    store(out, four + 3 * columns, q3)
