"""Strokes as vector graphics have them: areas and lines that, laid over each other, come near to what engines paint.

All lengths are in stroke units, so an outline holds wherever its stroke lies and however large it is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Point = tuple[float, float]
Curve = Callable[[float], Point]
Segment = tuple[str, np.ndarray]
"""A command of SVG paths and its points [K, 2]: 'M' moves, 'L' draws lines, 'Q' quadratic Bézier curves (a control
point and an end point each), 'Z' closes and has none."""
Path = tuple[Segment, ...]

CLOSE: Segment = ("Z", np.empty((0, 2)))


@dataclass(frozen=True)
class Paint:
    """The pigment of a mark."""

    mix: Point  # 0 start colour, 1 end colour: at u = -span and u = span of the outline, and even between
    cover: float = 1.0  # in [0, 1]


@dataclass(frozen=True)
class Mark:
    """A path, filled (non-zero rule), drawn along, or first filled and then drawn along."""

    path: Path
    fill: Paint | None = None
    line: Paint | None = None
    width: float = 0.0  # of the line; its ends are cut off straight, its corners are mitred
    dashes: tuple[float, ...] = ()  # lengths along the line, drawn and left out by turns; empty is all drawn
    cover: float = 1.0  # of fill and line together


@dataclass(frozen=True)
class Outline:
    """One stroke. Its marks are laid one over the other, and the result is as opaque as the stroke is."""

    marks: tuple[Mark, ...]
    spine: tuple[Point, Point, Point]  # the middle line: a quadratic Bézier curve
    width: float  # of the whole
    span: float  # where mixes end


def polygon(points: Sequence[Point] | np.ndarray) -> Path:
    """The closed polygon of [K, 2] points."""
    corners = np.asarray(points, dtype=np.float64)
    return (("M", corners[:1]), ("L", corners[1:]), CLOSE)


def curve(along: Curve, first: float, last: float, pieces: int) -> list[Segment]:
    """A line to where a curve begins, and the curve: quadratic pieces through it at their ends and in their middles.

    Args:
        along: the curve, by a parameter.
        first, last: values of that.
        pieces: at least 1.
    """
    at = np.array([along(t) for t in np.linspace(first, last, 2 * pieces + 1).tolist()])
    controls = 2 * at[1::2] - (at[:-2:2] + at[2::2]) / 2
    return [("L", at[:1]), ("Q", np.stack([controls, at[2::2]], axis=1).reshape(-1, 2))]


def closed(*sides: list[Segment]) -> Path:
    """The area within sides (of `curve`, or lines) that follow one another."""
    (_, start), *rest = [segment for side in sides for segment in side]
    return (("M", start[:1]), *([("L", start[1:])] if len(start) > 1 else []), *rest, CLOSE)


def opened(side: list[Segment]) -> Path:
    """A line that is not closed."""
    (_, start), *rest = side
    return (("M", start), *rest)
