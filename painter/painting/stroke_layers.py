"""A painting as layers: from coarse to fine, cut where strokes get smaller, or one for the strokes of each colour.

A layer has 8 bits, and rounding each by itself would add up. So each layer's colours are chosen for what is seen once
it lies on those below it: the composite is the painting to 1/255.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from painter.export.layered_files import Layer
from painter.export.svg import levels
from painter.painting.painting import Painting
from painter.pictures.color import to_hex
from painter.pictures.ground import Color, canvas_color, region_at, to_bytes
from painter.pictures.palette import choose_palette, nearest
from painter.pictures.resizing import fit_size
from renderers.brushes import BRUSHES
from renderers.drawing import Drawing, drawing_threads
from renderers.media.media import medium_of
from renderers.placed import PlacedStrokes
from renderers.strokes import Strokes

MOST_COLORS = 12
"""Layers by colour, at most."""

_BAND_PIXELS = 2**20  # of the rows that are made at a time, at most; 12 colours there take 0.2 GB
_SPOT = 5  # pixels; so that a stroke's colour has a calm middle in a picture of them
_CLEAREST = 1e-4  # what less shines through is not seen
_CLEAR = 1 / 8  # share that shows through what lies below, from which on alpha is chosen for the composite, too


def layers_of(painting: Painting, side: int, by: str = "level") -> tuple[list[Layer], np.ndarray]:
    """The layers, the lowest first, and the picture of them all; without light and texture.

    They are made a band of rows at a time, so that beside the layers themselves little is in memory.

    Args:
        side: the longer side, pixels.
        by: 'level', or 'color': then a layer has what is to be seen of the strokes of one colour, through those above.

    Returns:
        The layers, each cut to where it has paint; an opaque ground is the first, and a region's bare canvas the last.
        The picture is uint8 [H, W, 3], or [H, W, 4] on a transparent ground.
    """
    height, width = fit_size(*painting.aspect, side)
    region, opaque = region_at(painting.region, height, width), painting.ground is not None
    parts = {"level": _levels, "color": _colors}[by](painting.strokes)
    below, above = ["Ground"] * opaque, ["Bare canvas"] * (opaque and region is not None)
    names = [*below, *parts.names, *above]
    planes = np.zeros((len(names), height, width, 4), np.uint8)  # takes no memory where nothing is written
    merged = np.empty((height, width, 3 if opaque else 4), np.uint8)
    margin = medium_of(painting.strokes.brush, None).margin
    placed, rows = PlacedStrokes(painting.strokes, height, width, 4, margin), max(1, _BAND_PIXELS // width)
    with drawing_threads() as pool:
        for top in range(0, height, rows):
            band = slice(top, min(height, top + rows))
            part = None if region is None else region[band]
            drawing = Drawing(placed, np.zeros((band.stop - top, width, 4), np.float32), top=top)
            stack = _Stack(band.stop - top, width)
            for plane, paint in zip(planes, _paints(painting.ground, part, parts, drawing, pool), strict=True):
                pixels = stack.add(paint)
                if pixels.any():
                    plane[band] = pixels
            merged[band] = to_bytes(stack.seen.astype(np.float32))[..., : merged.shape[2]]
    cut = (_cut(name, plane) for name, plane in zip(names, planes, strict=True))
    return [layer for layer in cut if layer is not None], merged


@dataclass(frozen=True)
class _Parts:
    """What of the strokes goes into which layer."""

    names: list[str]  # of the layers
    group: np.ndarray  # [N] the layer of each stroke
    by_color: bool

    @property
    def runs(self) -> Iterator[tuple[int, int, int]]:
        """Strokes of one layer that follow each other: which layer, the first of them, one past the last."""
        cuts = (np.flatnonzero(np.diff(self.group)) + 1).tolist()
        for first, last in pairwise([0, *cuts, len(self.group)]):
            if last > first:
                yield int(self.group[first]), first, last


def _levels(strokes: Strokes) -> _Parts:
    runs = levels(BRUSHES[strokes.brush].size(strokes.params).detach().numpy())
    group = np.repeat(np.arange(len(runs)), [last - first for first, last in runs])
    return _Parts([f"Strokes {first + 1} to {last}" for first, last in runs], group, False)


def _colors(strokes: Strokes) -> _Parts:
    colors, group = color_groups(strokes)
    counts = np.bincount(group, minlength=len(colors)).tolist()
    names = [
        f"{color}, {count} strokes" if count > 1 else f"{color}, a stroke"
        for color, count in zip(colors, counts, strict=True)
    ]
    return _Parts(names, group, True)


def _paints(
    ground: Color | None, region: np.ndarray | None, parts: _Parts, drawing: Drawing, pool: ThreadPoolExecutor
) -> Iterator[np.ndarray]:
    """The paint of each layer on the rows of a drawing, [rows, W, 4] premultiplied, from the ground up."""
    bare, within = np.ones(drawing.canvas.shape[:2], np.float32), region if ground is None else None
    if ground is not None:
        yield _plain(canvas_color(ground), bare)
    painted = _painted(parts, drawing, pool)
    if parts.by_color:
        yield from _by_color(painted, (len(parts.names), *drawing.canvas.shape), within)
    else:
        yield from _by_level(painted, drawing.canvas.shape, within)
    if ground is not None and region is not None:
        yield _plain(canvas_color(ground), 1 - region)


def _painted(
    parts: _Parts, drawing: Drawing, pool: ThreadPoolExecutor
) -> Iterator[tuple[int, tuple[slice, slice], np.ndarray]]:
    """The layer of each run of strokes, the rows and columns that they may reach, and their paint there alone.

    The paint is premultiplied, and gone with the next run.
    """
    placed, height = drawing.placed, len(drawing.canvas)
    for layer, first, last in parts.runs:
        drawing.draw(last, pool)
        top, bottom = placed.top[first:last].min() - drawing.top, placed.bottom[first:last].max() - drawing.top
        rows = slice(*np.clip([top, bottom], 0, height).tolist())
        box = rows, slice(int(placed.left[first:last].min()), int(placed.right[first:last].max()))
        yield layer, box, drawing.canvas[box]
        drawing.canvas[box] = 0


def _by_level(
    painted: Iterator[tuple[int, tuple[slice, slice], np.ndarray]], shape: tuple[int, ...], region: np.ndarray | None
) -> Iterator[np.ndarray]:
    """The paint [rows, W, 4] of the layers from coarse to fine."""
    for _, box, part in painted:
        paint = np.zeros(shape, np.float32)
        paint[box] = part
        yield paint if region is None else paint * region[:, :, None]


def _by_color(
    painted: Iterator[tuple[int, tuple[slice, slice], np.ndarray]], shape: tuple[int, ...], region: np.ndarray | None
) -> Iterator[np.ndarray]:
    """The paint [rows, W, 4] of the layers of each colour, in the order of their first strokes.

    What is seen of a colour is what its strokes leave behind once all that lies on them is painted. So that layers, one
    over the other, show just these parts, each is divided by what those above let through.
    """
    seen = np.zeros(shape, np.float32)
    for layer, box, part in painted:
        own, everywhere = (layer, *box), (slice(None), *box)
        seen[everywhere] *= 1 - part[..., 3:]
        seen[own] += part
    if region is not None:
        seen *= region[:, :, None]
    above = np.cumsum(seen[::-1, ..., 3:], axis=0)[::-1] - seen[..., 3:]
    for layer, paint in enumerate(seen):
        through = 1 - above[layer]
        yield paint / np.maximum(through, _CLEAREST) * (through > _CLEAREST)


def color_groups(strokes: Strokes) -> tuple[list[str], np.ndarray]:
    """The colours that layers are made of, as #rrggbb, and which of them each of N strokes belongs to, [N].

    They are the strokes' own if there are at most MOST_COLORS, or else so many that represent them best.
    """
    means = strokes.colors.detach().cpu().numpy().mean(axis=1)
    spots = means[None].repeat(_SPOT, axis=0).repeat(_SPOT, axis=1)  # a picture of them all
    palette = choose_palette(spots, None, MOST_COLORS, 0) if len(means) else means
    found = nearest(means, palette) if len(means) else np.zeros(0, np.int64)
    kept, first = np.unique(found, return_index=True)
    order = kept[np.argsort(first)]
    place = np.zeros(len(palette), np.int64)
    place[order] = np.arange(len(order))
    return [to_hex(palette[k]) for k in order], place[found]


def _plain(color: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """[H, W, 4]: one colour, premultiplied."""
    return np.concatenate([color * alpha[..., None], alpha[..., None]], axis=2)


class _Stack:
    """Layers of some rows, added up: what is to be seen, and what is seen with 8 bits a layer. Premultiplied."""

    def __init__(self, height: int, width: int) -> None:
        self.wanted, self.seen = (np.zeros((height, width, 4)) for _ in range(2))

    def add(self, paint: np.ndarray) -> np.ndarray:
        """A layer of premultiplied paint [H, W, 4] over the others: its pixels, uint8 with straight alpha."""
        self.wanted = paint + (1 - paint[..., 3:]) * self.wanted
        shows = 1 - self.seen[..., 3]
        needed = (self.wanted[..., 3] - self.seen[..., 3]) / np.maximum(shows, _CLEAR)
        alpha = np.where(shows > _CLEAR, needed, paint[..., 3]).clip(0, 1) * (paint[..., 3] > 0)
        whole = np.rint(255 * alpha)[..., None]
        alpha = whole / 255
        color = (self.wanted[..., :3] - (1 - alpha) * self.seen[..., :3]) / np.maximum(alpha, 1 / 255)
        levels = np.rint(255 * color.clip(0, 1)) * (whole > 0)
        self.seen = np.concatenate([levels / 255 * alpha, alpha], axis=2) + (1 - alpha) * self.seen
        pixels: np.ndarray = np.concatenate([levels, whole], axis=2).astype(np.uint8)
        return pixels


def _cut(name: str, pixels: np.ndarray) -> Layer | None:
    """The layer without empty borders; None if it has no paint."""
    rows, columns = (np.flatnonzero(pixels[..., 3].any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    top, left = int(rows[0]), int(columns[0])
    return Layer(name, pixels[top : rows[-1] + 1, left : columns[-1] + 1], left, top)
