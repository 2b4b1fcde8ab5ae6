"""Which pixels strokes cover when they are drawn, and how much of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from renderers.drawing import drawing_threads
from renderers.placed import PlacedStrokes
from renderers.strokes import Strokes

_TOGETHER = 8  # strokes in a thread's task: to hand over a small one costs as much as to draw it


class Coverage(NamedTuple):
    """N strokes on a canvas of one size; M pixels of all strokes together."""

    first: np.ndarray  # [N + 1] int64: where each stroke's pixels begin among all M
    pixel: np.ndarray  # [M] int32: of the canvas, numbered row by row
    alpha: np.ndarray  # [M] float32 in (0, 1]: coverage
    mix: np.ndarray  # [M] float32 in [0, 1]: how much of the end colour, against the start colour


class Covered(NamedTuple):
    """What one stroke covers; M pixels, as in `Coverage`."""

    pixel: np.ndarray  # [M] int32
    alpha: np.ndarray  # [M] float32
    mix: np.ndarray  # [M] float32


def coverage_of(strokes: Strokes, height: int, width: int) -> Coverage:
    """The pixels that N strokes cover on a canvas of this size, as `renderers.drawing.draw` lays them."""
    return joined(covered_by(strokes, height, width))


def covered_by(strokes: Strokes, height: int, width: int) -> list[Covered]:
    """The same, stroke by stroke."""
    placed = PlacedStrokes(strokes, height, width, 3)

    def covered(n: int) -> Covered:
        rows, columns = np.arange(placed.top[n], placed.bottom[n]), np.arange(placed.left[n], placed.right[n])
        index, u, v, footprint = placed.points(n, rows, columns)
        alpha, mix, _ = placed.brush.engine(placed.geometry[n], u, v, (footprint, footprint), int(placed.seed[n]))
        seen = alpha > 0
        return Covered(index[seen].astype(np.int32), alpha[seen], mix[seen])

    def all_covered(numbers: range) -> list[Covered]:
        return [covered(n) for n in numbers]

    groups = [range(n, min(n + _TOGETHER, len(placed))) for n in range(0, len(placed), _TOGETHER)]
    with drawing_threads() as pool:
        return [part for group in pool.map(all_covered, groups) for part in group]


def joined(parts: Sequence[Covered]) -> Coverage:
    """What strokes cover together, in the order of `parts`."""
    first = np.cumsum([0, *(len(part.pixel) for part in parts)], dtype=np.int64)
    if not parts:
        return Coverage(first, np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, np.float32))
    return Coverage(first, *(np.concatenate(values) for values in zip(*parts, strict=True)))
