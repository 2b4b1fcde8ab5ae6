"""Outlines of strokes as SVG elements: short, and the same bytes for the same strokes.

Points are rounded to a grid of 1/100 of a unit of the drawing, whose longer side has UNITS. What is written is the
difference between one rounded point and the next, so that rounding errors do not add up.
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
FAR = 1e7  # units; strokes farther away, or larger, are left out
_PIXEL = 1 / UNITS  # for which frames are made; their geometry does not depend on it


@dataclass(frozen=True)
class Page:
    """What is drawn on."""

    width: float  # units
    height: float  # units
    mm: float  # millimetres in a unit


@dataclass(frozen=True)
class Transform:
    """Where a stroke lies on the drawing: a rotation, a scale and a shift, from stroke units to UNITS."""

    center: np.ndarray  # [2] units
    axis: np.ndarray  # [2], unit vector of +u
    scale: float  # units in one stroke unit

    def apply(self, points: np.ndarray) -> np.ndarray:
        """[K, 2] stroke units → [K, 2] units."""
        (x, y), scale = self.axis.tolist(), self.scale
        moved: np.ndarray = np.asarray(points) @ (scale * np.array([[x, y], [-y, x]])) + self.center
        return moved


@dataclass(frozen=True)
class Pigment:
    """The colours of a stroke."""

    start: np.ndarray  # [3] sRGB in [0, 1]
    end: np.ndarray  # [3] sRGB in [0, 1]

    def at(self, mix: float) -> str:
        """The colour between them as #rrggbb; `mix` is 0 at the start and 1 at the end."""
        return to_hex(self.start + mix * (self.end - self.start))


class PageStrokes:
    """Strokes on the page, without those whose numbers are not finite or beyond FAR.

    Attributes:
        brush: theirs.
        opacity: [N] float64 in [0, 1].
        sizes: [N] float64, units.
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
        self.sizes = UNITS * self.brush.size(shape)[kept].numpy()
        self._shared = self.brush.outline(self._geometry[0]) if self.brush.alike and len(self) else None

    def __len__(self) -> int:
        return len(self.opacity)

    def outline(self, n: int) -> Outline:
        """Of stroke n, in stroke units."""
        return self._shared or self.brush.outline(self._geometry[n])

    def transform(self, n: int) -> Transform:
        """From stroke n's own units to the page."""
        return Transform(self._center[n], self._axis[n], float(self._scale[n]))

    def pigment(self, n: int) -> Pigment:
        """The colours of stroke n."""
        return Pigment(self._start[n], self._end[n])


def number(value: float, places: int = 2) -> str:
    """The shortest text of a number that is rounded to so many decimal places."""
    text = f"{value:.{places}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    text = text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
    return "0" if text in ("-0", "") else text


def path_data(path: Path, transform: Transform) -> str:
    """The `d` attribute of a path."""
    parts: list[str] = []
    here = start = (0, 0)
    for command, points in path:
        if command == "Z":
            parts.append("z")
            here = start
            continue
        grid = [(x, y) for x, y in np.rint(GRID * transform.apply(points)).astype(np.int64).tolist()]
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
    """Offsets of grid points from the start of their segment of `size` points; `here` is where the first one starts."""
    steps: list[int] = []
    for k, (x, y) in enumerate(points):
        steps += (x - here[0], y - here[1])
        if (k + 1) % size == 0:
            here = (x, y)
    return steps


def _numbers(values: Iterable[int]) -> str:
    """Multiples of 1/GRID, with spaces where numbers would run together."""
    texts = [number(value / GRID) for value in values]
    return "".join(text if k == 0 or text[0] == "-" else " " + text for k, text in enumerate(texts))


def stroke_elements(outline: Outline, transform: Transform, pigment: Pigment, opacity: float, name: str) -> str:
    """One stroke: a path or a group of paths, after the gradients that they use, whose ids begin with `name`."""
    gradients: dict[tuple[str, str], str] = {}
    if len(outline.marks) == 1:
        body = _mark(outline.marks[0], transform, pigment, opacity, name, gradients)
    else:
        marks = "".join(_mark(mark, transform, pigment, 1.0, name, gradients) for mark in outline.marks)
        body = f"<g{_share('opacity', opacity)}>{marks}</g>"
    ends = transform.apply(np.array([[-outline.span, 0.0], [outline.span, 0.0]]))
    return "".join(_gradient(key, colors, ends) for colors, key in gradients.items()) + body


def shared_elements(outline: Outline) -> str:
    """The marks of an outline that all strokes share, UNITS to a stroke unit, without colour: `use_element` sets it."""
    transform = Transform(np.zeros(2), np.array([1.0, 0.0]), UNITS)
    return "".join(
        f'<path d="{path_data(mark.path, transform)}"{_share("opacity", mark.cover * mark.fill.cover)}/>'
        for mark in outline.marks
        if mark.fill is not None
    )


def use_element(name: str, transform: Transform, pigment: Pigment, opacity: float) -> str:
    """A stroke made of `shared_elements`, which are in a group with the id `name`."""
    x, y = (transform.scale / UNITS * transform.axis).tolist()
    matrix = " ".join([*(number(value, 6) for value in (x, y, -y, x)), *(number(value) for value in transform.center)])
    fill = f' fill="{pigment.at(0)}"'
    return f'<use xlink:href="#{name}" transform="matrix({matrix})"{fill}{_share("opacity", opacity)}/>'


def _mark(
    mark: Mark, transform: Transform, pigment: Pigment, opacity: float, name: str, gradients: dict[tuple[str, str], str]
) -> str:
    """A mark as a path. Gradients that it needs are added to `gradients`: their two colours, and their id."""

    def painted(kind: str, paint: Paint) -> str:
        colors = (pigment.at(paint.mix[0]), pigment.at(paint.mix[1]))
        if colors[0] == colors[1]:
            value = colors[0]
        else:
            key = gradients.setdefault(colors, f"{name}{'abcdefgh'[len(gradients)] if gradients else ''}")
            value = f"url(#{key})"
        return f' {kind}="{value}"{_share(f"{kind}-opacity", paint.cover)}'

    text = f'<path d="{path_data(mark.path, transform)}"'
    text += painted("fill", mark.fill) if mark.fill else ' fill="none"'
    if mark.line:
        text += painted("stroke", mark.line) + f' stroke-width="{number(mark.width * transform.scale)}"'
        if mark.dashes:
            text += f' stroke-dasharray="{" ".join(number(dash * transform.scale) for dash in mark.dashes)}"'
    return text + _share("opacity", mark.cover * opacity) + "/>"


def _gradient(name: str, colors: tuple[str, str], ends: np.ndarray) -> str:
    named = zip(("x1", "y1", "x2", "y2"), ends.ravel().tolist(), strict=True)
    places = " ".join(f'{key}="{number(value, 1)}"' for key, value in named)
    stops = "".join(f'<stop offset="{k}" stop-color="{color}"/>' for k, color in enumerate(colors))
    return f'<linearGradient id="{name}" gradientUnits="userSpaceOnUse" {places}>{stops}</linearGradient>'


def _share(name: str, value: float) -> str:
    """An attribute whose default is 1: left out if it is that."""
    text = number(value, 3)
    return "" if text == "1" else f' {name}="{text}"'
