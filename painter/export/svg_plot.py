"""A painting for a pen plotter: the middle line of each stroke, in its colour and as wide as it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from painter.export.svg_paths import UNITS, Page, PageStrokes, Transform, number, path_data
from renderers.brushes.outline import Path, Segment

CUTS = 64  # parts of a line, each of which is drawn or not where the line leaves the page or the region
SHOWN = 0.5  # the least value of a region at which a pen draws
_IDENTITY = Transform(np.zeros(2), np.array([1.0, 0.0]), 1.0)


def plot_layers(
    strokes: PageStrokes, page: Page, region: np.ndarray | None, few_colors: bool
) -> Iterator[tuple[str, Iterator[str]]]:
    """The layers of a plot: what each is called, and its lines in paint order.

    Args:
        region: [H, W] in [0, 1], over all of the page: lines are drawn where it is at least SHOWN; None is everywhere.
        few_colors: whether strokes have the colours of a palette. Then each start colour has a layer, in the order of
            its first stroke; else all lines are in one layer, each with the colour half-way along its stroke.
    """
    pens: dict[str, list[int]] = {}
    for n in range(len(strokes)):
        pens.setdefault(strokes.pigment(n).at(0) if few_colors else "all strokes", []).append(n)
    for pen, numbers in pens.items():
        lines = (_line(strokes, n, page, region, 0.0 if few_colors else 0.5) for n in numbers)
        yield pen, (line for line in lines if line)


def _line(strokes: PageStrokes, n: int, page: Page, region: np.ndarray | None, mix: float) -> str:
    """The middle line of stroke n; nothing if no piece of it is to be drawn."""
    outline, transform = strokes.outline(n), strokes.transform(n)
    pieces = _pieces(transform.apply(np.array(outline.spine)), page, region)
    color, width = strokes.pigment(n).at(mix), number(outline.width * transform.scale)
    return f'<path d="{path_data(pieces, _IDENTITY)}" stroke="{color}" stroke-width="{width}"/>' if pieces else ""


def _pieces(spine: np.ndarray, page: Page, region: np.ndarray | None) -> Path:
    """The parts of a quadratic Bézier curve [3, 2] (units) that are to be drawn."""
    t = np.linspace(0, 1, CUTS + 1)
    points = np.stack([(1 - t) ** 2, 2 * t * (1 - t), t * t], axis=1) @ spine
    drawn = ((points >= 0) & (points <= [page.width, page.height])).all(axis=1)
    if region is not None:
        sides = np.array(region.shape[::-1])
        columns, rows = (points / [page.width, page.height] * sides).astype(int).clip(0, sides - 1).T
        drawn &= region[rows, columns] >= SHOWN
    edges = np.flatnonzero(np.diff(np.concatenate([[False], drawn, [False]]).astype(int)))
    path: list[Segment] = []
    for first, last in zip(edges[::2], edges[1::2] - 1, strict=True):
        if first < last:
            path += _part(spine, float(t[first]), float(t[last]))
    return tuple(path)


def _part(spine: np.ndarray, a: float, b: float) -> list[Segment]:
    """A quadratic Bézier curve [3, 2] from parameter a to b: the polar form of the curve at (a, a), (a, b), (b, b)."""
    start, control, end = (
        (1 - p) * (1 - q) * spine[0] + (p + q - 2 * p * q) * spine[1] + p * q * spine[2]
        for p, q in ((a, a), (a, b), (b, b))
    )
    straight = np.abs(control - (start + end) / 2).max() < UNITS * 1e-6
    rest: Segment = ("L", end[None]) if straight else ("Q", np.stack([control, end]))
    return [("M", start[None]), rest]
