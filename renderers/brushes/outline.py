"""Strokes as vector graphics: areas and lines that, drawn over each other, approximate what engines paint.

All lengths are in stroke units, so an outline does not depend on where its stroke lies and at what size it is drawn.
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

    mix: Point  # 0 start colour, 1 end colour: at u = -span and u = span of the outline, and linear between
    cover: float = 1.0  # coverage in [0, 1]


@dataclass(frozen=True)
class Mark:
    """A path that is filled (non-zero rule), stroked with a line, or both, in this order."""

    path: Path
    fill: Paint | None = None
    line: Paint | None = None
    width: float = 0.0  # of the line; with butt ends and mitred corners
    dashes: tuple[float, ...] = ()  # lengths along the line, alternately drawn and left out; empty: all drawn
    cover: float = 1.0  # coverage of fill and line together


@dataclass(frozen=True)
class Outline:
    """One stroke: its marks are drawn one over the other, and the result has the stroke's opacity."""

    marks: tuple[Mark, ...]
    spine: tuple[Point, Point, Point]  # the middle line: a quadratic Bézier curve
    width: float  # of the stroke
    span: float  # the u at which `Paint.mix` ends


def polygon(points: Sequence[Point] | np.ndarray) -> Path:
    """The closed polygon through [K, 2] points."""
    corners = np.asarray(points, dtype=np.float64)
    return (("M", corners[:1]), ("L", corners[1:]), CLOSE)


def curve(along: Curve, first: float, last: float, pieces: int) -> list[Segment]:
    """A line to the start of a curve, and the curve as quadratic pieces, which meet it at their ends and middles.

    Args:
        along: from a parameter to a point of the curve.
        first, last: the parameter at both ends.
        pieces: at least 1.
    """
    at = np.array([along(t) for t in np.linspace(first, last, 2 * pieces + 1).tolist()])
    controls = 2 * at[1::2] - (at[:-2:2] + at[2::2]) / 2
    return [("L", at[:1]), ("Q", np.stack([controls, at[2::2]], axis=1).reshape(-1, 2))]


def closed(*sides: list[Segment]) -> Path:
    """The area within successive sides (of `curve`, or lines)."""
    (_, start), *rest = [segment for side in sides for segment in side]
    return (("M", start[:1]), *([("L", start[1:])] if len(start) > 1 else []), *rest, CLOSE)


def opened(side: list[Segment]) -> Path:
    """The side (of `curve`) as an open path."""
    (_, start), *rest = side
    return (("M", start), *rest)
