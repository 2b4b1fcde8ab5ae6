"""Matrix products in lanes, for kernels: small enough to stay in the cache, with no call out of the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from renderers.jit import inlined, kernel
from renderers.lanes import LANES, load, load_one, splat, store

ROWS = 4  # worked on together: with two columns of lanes, what fits the registers of every processor


@kernel
def padded(count: int, multiple: int) -> int:
    """The least multiple that is not below count."""
    return -(-count // multiple) * multiple


@kernel
def product(a: np.ndarray, width: int, terms: int, b: np.ndarray, columns: int, out: np.ndarray) -> None:
    """out [R, columns] ← a [R, width][:, :terms] · b [terms, columns], all flat float32.

    R is out.size / columns and a multiple of ROWS, columns one of LANES.
    """
    rows = out.size // columns
    for row in range(0, rows, ROWS):
        column = 0
        while column + 2 * LANES <= columns:
            _pair(a, row * width, width, terms, b, columns, column, out, row * columns)
            column += 2 * LANES
        if column < columns:
            _single(a, row * width, width, terms, b, columns, column, out, row * columns)


@inlined
def _pair(
    a: Any, at: int, width: int, terms: int, b: Any, columns: int, column: int, out: Any, to: int
) -> None:  # fmt: skip
    """ROWS rows and two columns of lanes of a product."""
    p0, p1, p2, p3, q0, q1, q2, q3 = (splat(0), splat(0), splat(0), splat(0), splat(0), splat(0), splat(0), splat(0))
    for k in range(terms):
        left, right = load(b, k * columns + column), load(b, k * columns + column + LANES)
        x = load_one(a, at + k)
        p0 += x * left
        q0 += x * right
        x = load_one(a, at + width + k)
        p1 += x * left
        q1 += x * right
        x = load_one(a, at + 2 * width + k)
        p2 += x * left
        q2 += x * right
        x = load_one(a, at + 3 * width + k)
        p3 += x * left
        q3 += x * right
    to += column
    store(out, to, p0)
    store(out, to + LANES, q0)
    store(out, to + columns, p1)
    store(out, to + columns + LANES, q1)
    store(out, to + 2 * columns, p2)
    store(out, to + 2 * columns + LANES, q2)
    store(out, to + 3 * columns, p3)
    store(out, to + 3 * columns + LANES, q3)


@inlined
def _single(
    a: Any, at: int, width: int, terms: int, b: Any, columns: int, column: int, out: Any, to: int
) -> None:  # fmt: skip
    """ROWS rows and one column of lanes of a product."""
    p0, p1, p2, p3 = splat(0), splat(0), splat(0), splat(0)
    for k in range(terms):
        right = load(b, k * columns + column)
        p0 += load_one(a, at + k) * right
        p1 += load_one(a, at + width + k) * right
        p2 += load_one(a, at + 2 * width + k) * right
        p3 += load_one(a, at + 3 * width + k) * right
    to += column
    store(out, to, p0)
    store(out, to + columns, p1)
    store(out, to + 2 * columns, p2)
    store(out, to + 3 * columns, p3)
