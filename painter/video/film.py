"""A stroke video as pictures: frames drawn at any size, and frames between frames from the strokes' own motion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from painter.painting.painting import Painting
from painter.pictures.ground import Color
from painter.video.stroke_video import Film, FilmFrame
from renderers.brushes import BRUSHES
from renderers.brushes.base import wrapped
from renderers.strokes import Strokes


def drawn(
    film: Film, frames: Iterable[FilmFrame], size: int | None = None, ground: Color | None = None
) -> Iterator[np.ndarray]:
    """Each frame as a picture, uint8 [H, W, 3]; the same array again for one that is like the one before it.

    Args:
        size: the longer side, pixels; `film.config.size` if not given.
        ground: what is painted on, instead of the frames' own.
    """
    picture: np.ndarray | None = None
    last: FilmFrame | None = None
    for frame in frames:
        same = last is not None and frame.strokes is last.strokes and frame.ground == last.ground
        if picture is None or not (frame.still or same):
            picture = painting_of(film, frame, ground).draw(size)
        yield picture
        last = frame


def painting_of(film: Film, frame: FilmFrame, ground: Color | None = None) -> Painting:
    """A frame as a painting."""
    return Painting(frame.strokes, film.aspect, ground or frame.ground, film.config)


def retimed(frames: Iterable[FilmFrame], rate: Fraction, wanted: Fraction) -> Iterator[FilmFrame]:
    """The frames at another rate: those in between from the motion of the strokes, but for those at a cut.

    Args:
        rate: of `frames`, a second.
        wanted: of what is yielded; it lasts as long, to a frame. At another rate no frame is called still: the one
            yielded before it may be a mix.
    """
    if rate == wanted:
        yield from frames
        return
    step, at, number = rate / wanted, Fraction(0), 0
    before: FilmFrame | None = None
    for after in frames:
        while before is not None and at < number:
            yield between(before, after, float(at - (number - 1)))
            at += step
        before, number = after, number + 1
    while before is not None and at < number:
        yield replace(before, cut=False, still=False)
        at += step


def between(before: FilmFrame, after: FilmFrame, part: float) -> FilmFrame:
    """The frame at `part` in [0, 1) of the way from one to the next: strokes of both move straight and turn the shorter
    way, the others fade; a cut comes with the next."""
    if part == 0.0:
        return replace(before, still=False)
    if after.still or after.cut:
        return replace(before, cut=False, still=False)
    old, new = before.id.tolist(), after.id.tolist()
    in_old, in_new = ({n: k for k, n in enumerate(ids)} for ids in (old, new))
    order = old + [n for n in new if n not in in_old]
    a, b = (torch.tensor([where.get(n, -1) for n in order], dtype=torch.int64) for where in (in_old, in_new))
    strokes = _mixed(before.strokes, after.strokes, a, b, part)
    return FilmFrame(strokes, np.array(order, np.int64), after.ground)


def _mixed(before: Strokes, after: Strokes, a: Tensor, b: Tensor, part: float) -> Strokes:
    """Strokes at rows `a` of the one and `b` of the other; -1 where one of them lacks it, which fades."""
    pool, count = Strokes.cat([before, after]), len(before)
    first, second = pool[torch.where(a >= 0, a, count + b)], pool[torch.where(b >= 0, count + b, a)]

    def blend(x: Tensor, y: Tensor, angle: bool = False) -> Tensor:
        return x + part * (wrapped(y - x) if angle else y - x)

    angles = {parameter.name for parameter in BRUSHES[before.brush].parameters if parameter.unit == "rad"}
    params = {name: blend(first.params[name], second.params[name], name in angles) for name in first.params}
    opacity = torch.where(a >= 0, first.opacity, 0.0) * (1 - part) + torch.where(b >= 0, second.opacity, 0.0) * part
    return Strokes(before.brush, params, blend(first.colors, second.colors), opacity, first.seed)
