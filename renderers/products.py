"""Matrix products in lanes, for kernels: small enough to stay in the cache, with no call out of the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from renderers.jit import inlined, kernel
from renderers.lanes import WIDE, load_like, load_one_like, splat, store, wide

ROWS = 8  # worked on together with one column of lanes, or half as many with two: what fits every processor's registers


@kernel
def padded(count: int, multiple: int) -> int:
    """The least multiple that is not below count."""
    return -(-count // multiple) * multiple


@kernel
def add_product(a: np.ndarray, width: int, terms: int, b: np.ndarray, rows: int, columns: int, out: np.ndarray) -> None:
    """out [rows, columns] ← out + a [rows, width][:, :terms] · b [terms, columns], all flat float32.

    Rows are a multiple of ROWS, columns one of LANES.
    """
    for row in range(0, rows, ROWS):
        at, to, column = row * width, row * columns, 0
        while column + 2 * WIDE <= columns:
            _pair(wide(), WIDE, a, at, width, terms, b, columns, column, out, to)
            half, low = at + ROWS // 2 * width, to + ROWS // 2 * columns
            _pair(wide(), WIDE, a, half, width, terms, b, columns, column, out, low)
            column += 2 * WIDE
        while column + WIDE <= columns:
            _single(wide(), a, at, width, terms, b, columns, column, out, to)
            column += WIDE
        if column < columns:
            _single(splat(0), a, at, width, terms, b, columns, column, out, to)


@inlined
def _pair(
    like: Any, count: int, a: Any, at: int, width: int, terms: int, b: Any, columns: int, column: int, out: Any, to: int
) -> None:  # fmt: skip
    """Half of ROWS rows and two columns of `count` lanes of a product."""
    one, two = to + column, to + columns + column
    three, four = two + columns, two + 2 * columns
    p0, q0 = load_like(like, out, one), load_like(like, out, one + count)
    p1, q1 = load_like(like, out, two), load_like(like, out, two + count)
    p2, q2 = load_like(like, out, three), load_like(like, out, three + count)
    p3, q3 = load_like(like, out, four), load_like(like, out, four + count)
    for k in range(terms):
        left, right = load_like(like, b, k * columns + column), load_like(like, b, k * columns + column + count)
        x = load_one_like(like, a, at + k)
        p0 += x * left
        q0 += x * right
        x = load_one_like(like, a, at + width + k)
        p1 += x * left
        q1 += x * right
        x = load_one_like(like, a, at + 2 * width + k)
        p2 += x * left
        q2 += x * right
        x = load_one_like(like, a, at + 3 * width + k)
        p3 += x * left
        q3 += x * right
    store(out, one, p0)
    store(out, one + count, q0)
    store(out, two, p1)
    store(out, two + count, q1)
    store(out, three, p2)
    store(out, three + count, q2)
    store(out, four, p3)
    store(out, four + count, q3)


@inlined
def _single(
    like: Any, a: Any, at: int, width: int, terms: int, b: Any, columns: int, column: int, out: Any, to: int
) -> None:  # fmt: skip
    """ROWS rows and one column of lanes of a product."""
    half, low, four = at + 4 * width, to + column, 4 * columns
    p0, p1 = load_like(like, out, low), load_like(like, out, low + columns)
    p2, p3 = load_like(like, out, low + 2 * columns), load_like(like, out, low + 3 * columns)
    q0, q1 = load_like(like, out, low + four), load_like(like, out, low + four + columns)
    q2, q3 = load_like(like, out, low + four + 2 * columns), load_like(like, out, low + four + 3 * columns)
    for k in range(terms):
        right = load_like(like, b, k * columns + column)
        p0 += load_one_like(like, a, at + k) * right
        p1 += load_one_like(like, a, at + width + k) * right
        p2 += load_one_like(like, a, at + 2 * width + k) * right
        p3 += load_one_like(like, a, at + 3 * width + k) * right
        q0 += load_one_like(like, a, half + k) * right
        q1 += load_one_like(like, a, half + width + k) * right
        q2 += load_one_like(like, a, half + 2 * width + k) * right
        q3 += load_one_like(like, a, half + 3 * width + k) * right
    store(out, low, p0)
    store(out, low + columns, p1)
    store(out, low + 2 * columns, p2)
    store(out, low + 3 * columns, p3)
    store(out, low + four, q0)
    store(out, low + four + columns, q1)
    store(out, low + four + 2 * columns, q2)
    store(out, low + four + 3 * columns, q3)
