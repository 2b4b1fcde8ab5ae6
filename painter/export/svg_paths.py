"""Outlines of strokes as SVG elements: short, and the same bytes for the same strokes.

Places are rounded to a grid of 1/100 of a unit of the drawing, whose longer side has UNITS; what is written is the way
from one rounded place to the next, so that nothing adds up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from painter.pictures.color import to_hex
from renderers.brushes import BRUSHES, Brush
from renderers.brushes.outline import Mark, Outline, Paint, Path
from renderers.strokes import Strokes

UNITS = 1000  # along the longer side of the drawing
GRID = 100  # steps to a unit
FAR = 1e7  # units; strokes that lie beyond, or are larger, show nothing
_PIXEL = 1 / UNITS  # that frames are made for; their geometry does not depend on it


@dataclass(frozen=True)
class Page:
    """What is drawn on."""

    width: float  # units
    height: float
    mm: float  # of a unit


@dataclass(frozen=True)
class Place:
    """Where a stroke lies on the drawing: takes stroke units to UNITS."""

    center: np.ndarray  # [2] units
    axis: np.ndarray  # [2], unit vector of +u
    scale: float  # units in one stroke unit

    def of(self, points: np.ndarray) -> np.ndarray:
        """[K, 2] stroke units → [K, 2] units."""
        (x, y), scale = self.axis.tolist(), self.scale
        return np.asarray(points) @ (scale * np.array([[x, y], [-y, x]])) + self.center


@dataclass(frozen=True)
class Pigment:
    """What a stroke is painted with."""

    start: np.ndarray  # [3] in [0, 1]
    end: np.ndarray  # [3]

    def at(self, mix: float) -> str:
        """The colour as #rrggbb."""
        return to_hex(self.start + mix * (self.end - self.start))


class LaidStrokes:
    """Strokes where they lie on the drawing; without those whose numbers are not finite, or beyond all measure.

    Args:
        strokes: N strokes.
    """

    def __init__(self, strokes: Strokes) -> None:
        self.brush: Brush = BRUSHES[strokes.brush]
        strokes = strokes.map(lambda values: values.detach().cpu())
        shape = {name: values.double() for name, values in strokes.params.items()}
        frame = self.brush.frame(shape, _PIXEL)
        center, scale = UNITS * frame.center, UNITS * frame.scale
        numbers = torch.cat([center, frame.axis, scale[:, None], frame.geometry, strokes.colors.flatten(1)], dim=1)
        kept = (numbers.abs() < FAR).all(dim=1) & strokes.opacity.isfinite()
        self._center, self._axis = center[kept].numpy(), frame.axis[kept].numpy()
        self._scale, self._geometry = scale[kept].numpy(), frame.geometry[kept].numpy()
        self._start, self._end = (color[kept].double().numpy() for color in self.brush.ends(strokes.colors))
        self.opacity = strokes.opacity[kept].double().numpy()
        self.sizes = UNITS * self.brush.size(shape)[kept].numpy()  # [N] units
        self._shared = self.brush.outline(self._geometry[0]) if self.brush.alike and len(self) else None

    def __len__(self) -> int:
        return len(self.opacity)

    def outline(self, n: int) -> Outline:
        return self._shared or self.brush.outline(self._geometry[n])

    def place(self, n: int) -> Place:
        return Place(self._center[n], self._axis[n], float(self._scale[n]))

    def pigment(self, n: int) -> Pigment:
        return Pigment(self._start[n], self._end[n])


def number(value: float, places: int = 2) -> str:
    """As short as it goes at so many decimal places."""
    text = f"{value:.{places}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    text = text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
    return "0" if text in ("-0", "") else text


def path_data(path: Path, place: Place) -> str:
    """The `d` of a path."""
    parts: list[str] = []
    here = start = (0, 0)
    for command, points in path:
        if command == "Z":
            parts.append("z")
            here = start
            continue
        grid = [(x, y) for x, y in np.rint(GRID * place.of(points)).astype(np.int64).tolist()]
        if command == "M":
            here = start = grid[-1]
            parts.append("M" + _numbers(here))
        elif command == "L":
            corners = [there for there, before in zip(grid, [here, *grid], strict=False) if there != before]
            parts += ["l" + _numbers(_steps(corners, here, 1))] if corners else []
            here = grid[-1]
        else:
            parts.append("q" + _numbers(_steps(grid, here, 2)))
            here = grid[-1]
    return "".join(parts)


def _steps(points: list[tuple[int, int]], here: tuple[int, int], size: int) -> list[int]:
    """How far points are from where the piece of `size` points that they belong to began."""
    steps: list[int] = []
    for k, (x, y) in enumerate(points):
        steps += (x - here[0], y - here[1])
        if (k + 1) % size == 0:
            here = (x, y)
    return steps


def _numbers(values: Iterable[int]) -> str:
    """Multiples of 1/GRID, apart where they would run together."""
    texts = [number(value / GRID) for value in values]
    return "".join(text if k == 0 or text[0] == "-" else " " + text for k, text in enumerate(texts))


def stroke_elements(outline: Outline, place: Place, pigment: Pigment, opacity: float, name: str) -> str:
    """One stroke: a path, or a group of several; and before it the gradient that they refer to, called `name`."""
    gradients: dict[tuple[str, str], str] = {}
    if len(outline.marks) == 1:
        body = _mark(outline.marks[0], place, pigment, opacity, name, gradients)
    else:
        marks = "".join(_mark(mark, place, pigment, 1.0, name, gradients) for mark in outline.marks)
        body = f"<g{_share('opacity', opacity)}>{marks}</g>"
    ends = place.of(np.array([[-outline.span, 0.0], [outline.span, 0.0]]))
    return "".join(_gradient(key, colors, ends) for colors, key in gradients.items()) + body


def shared_elements(outline: Outline) -> str:
    """The marks of an outline that all strokes have, UNITS to a stroke unit, in whatever colour they are used."""
    place = Place(np.zeros(2), np.array([1.0, 0.0]), UNITS)
    return "".join(
        f'<path d="{path_data(mark.path, place)}"{_share("opacity", mark.cover * mark.fill.cover)}/>'
        for mark in outline.marks
        if mark.fill is not None
    )


def use_element(name: str, place: Place, pigment: Pigment, opacity: float) -> str:
    """A stroke made of `shared_elements`, which are in a group called `name`."""
    x, y = (place.scale / UNITS * place.axis).tolist()
    matrix = " ".join([*(number(value, 6) for value in (x, y, -y, x)), *(number(value) for value in place.center)])
    fill = f' fill="{pigment.at(0)}"'
    return f'<use xlink:href="#{name}" transform="matrix({matrix})"{fill}{_share("opacity", opacity)}/>'


def _mark(
    mark: Mark, place: Place, pigment: Pigment, opacity: float, name: str, gradients: dict[tuple[str, str], str]
) -> str:
    """A mark as a path; the gradients that it needs are added to those that there are."""

    def painted(kind: str, paint: Paint) -> str:
        colors = (pigment.at(paint.mix[0]), pigment.at(paint.mix[1]))
        if colors[0] == colors[1]:
            value = colors[0]
        else:
            key = gradients.setdefault(colors, f"{name}{'abcdefgh'[len(gradients)] if gradients else ''}")
            value = f"url(#{key})"
        return f' {kind}="{value}"{_share(f"{kind}-opacity", paint.cover)}'

    text = f'<path d="{path_data(mark.path, place)}"'
    text += painted("fill", mark.fill) if mark.fill else ' fill="none"'
    if mark.line:
        text += painted("stroke", mark.line) + f' stroke-width="{number(mark.width * place.scale)}"'
        if mark.dashes:
            text += f' stroke-dasharray="{" ".join(number(dash * place.scale) for dash in mark.dashes)}"'
    return text + _share("opacity", mark.cover * opacity) + "/>"


def _gradient(name: str, colors: tuple[str, str], ends: np.ndarray) -> str:
    named = zip(("x1", "y1", "x2", "y2"), ends.ravel().tolist(), strict=True)
    places = " ".join(f'{key}="{number(value, 1)}"' for key, value in named)
    stops = "".join(f'<stop offset="{k}" stop-color="{color}"/>' for k, color in enumerate(colors))
    return f'<linearGradient id="{name}" gradientUnits="userSpaceOnUse" {places}>{stops}</linearGradient>'


def _share(name: str, value: float) -> str:
    """An attribute that is 1 if it is left out."""
    text = number(value, 3)
    return "" if text == "1" else f' {name}="{text}"'
