"""A painting as layers: from coarse to fine, cut where strokes get smaller, or one for the strokes of each colour.

A layer has 8 bits, and rounding each by itself would add up. So each layer's colours are chosen for what is seen once
it lies on those below it: the composite is the painting to 1/255.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from painter.export.layered_files import Layer
from painter.export.svg import levels
from painter.painting.painting import Painting
from painter.pictures.color import to_hex
from painter.pictures.ground import canvas_color, region_at, to_bytes
from painter.pictures.palette import choose_palette, nearest
from painter.pictures.resizing import fit_size
from renderers.brushes import BRUSHES
from renderers.drawing import draw
from renderers.strokes import Strokes

MOST_COLORS = 12
"""Layers by colour, at most."""

_SPOT = 5  # pixels; so that a stroke's colour has a calm middle in a picture of them
_CLEAREST = 1e-4  # what less shines through is not seen
_CLEAR = 1 / 8  # share that shows through what lies below, from which on alpha is chosen for the composite, too


def layers_of(painting: Painting, side: int, by: str = "level") -> tuple[list[Layer], np.ndarray]:
    """The layers, the lowest first, and the picture of them all; without light and texture.

    Args:
        side: the longer side, pixels.
        by: 'level', or 'color': then a layer has what is to be seen of the strokes of one colour, through those above.

    Returns:
        The layers, each cut to where it has paint; an opaque ground is the first, and a region's bare canvas the last.
        The picture is uint8 [H, W, 3], or [H, W, 4] on a transparent ground.
    """
    height, width = fit_size(*painting.aspect, side)
    region = region_at(painting.region, height, width)
    stack, layers = _Stack(height, width), []
    if painting.ground is not None:
        layers.append(stack.add("Ground", _plain(canvas_color(painting.ground), np.ones((height, width), np.float32))))
    within = region if painting.ground is None else None
    for name, paint in {"level": _by_level, "color": _by_color}[by](painting, (height, width), within):
        layers.append(stack.add(name, paint))
    if painting.ground is not None and region is not None:
        layers.append(stack.add("Bare canvas", _plain(canvas_color(painting.ground), 1 - region)))
    merged = to_bytes(stack.seen.astype(np.float32))
    return [layer for layer in layers if layer is not None], merged if painting.ground is None else merged[..., :3]


def _by_level(
    painting: Painting, shape: tuple[int, int], region: np.ndarray | None
) -> Iterator[tuple[str, np.ndarray]]:
    """Names and paint [H, W, 4], premultiplied, of the layers from coarse to fine."""
    sizes = BRUSHES[painting.strokes.brush].size(painting.strokes.params).detach().numpy()
    for first, last in levels(sizes):
        paint = draw(painting.strokes[first:last], np.zeros((*shape, 4), np.float32))
        yield f"Strokes {first + 1} to {last}", paint if region is None else paint * region[:, :, None]


def _by_color(
    painting: Painting, shape: tuple[int, int], region: np.ndarray | None
) -> Iterator[tuple[str, np.ndarray]]:
    """Names and paint [H, W, 4], premultiplied, of the layers of each colour, in the order of their first strokes.

    What is seen of a colour is what its strokes leave behind once all that lies on them is painted. So that layers, one
    over the other, show just these parts, each is divided by what those above let through.
    """
    colors, group = color_groups(painting.strokes)
    seen = np.zeros((len(colors), *shape, 4), np.float32)
    cuts = [0, *(np.flatnonzero(np.diff(group)) + 1).tolist(), len(group)]
    for first, last in pairwise(cuts):
        paint = draw(painting.strokes[first:last], np.zeros((*shape, 4), np.float32))
        rows, columns = (np.flatnonzero(paint[..., 3].any(axis=axis)) for axis in (1, 0))
        if rows.size:
            box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            own, everywhere = (group[first], *box), (slice(None), *box)
            seen[everywhere] *= 1 - paint[box][..., 3:]
            seen[own] += paint[box]
    if region is not None:
        seen *= region[:, :, None]
    above = np.cumsum(seen[::-1, ..., 3:], axis=0)[::-1] - seen[..., 3:]
    for k, color in enumerate(colors):
        through = 1 - above[k]
        count = int((group == k).sum())
        name = f"{color}, {count} strokes" if count > 1 else f"{color}, a stroke"
        yield name, seen[k] / np.maximum(through, _CLEAREST) * (through > _CLEAREST)


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
    """Layers that have been added: what is to be seen, and what is seen with 8 bits a layer. Premultiplied."""

    def __init__(self, height: int, width: int) -> None:
        self.wanted, self.seen = (np.zeros((height, width, 4)) for _ in range(2))

    def add(self, name: str, paint: np.ndarray) -> Layer | None:
        """A layer of premultiplied paint [H, W, 4] over the others; None if it has none."""
        self.wanted = paint + (1 - paint[..., 3:]) * self.wanted
        shows = 1 - self.seen[..., 3]
        needed = (self.wanted[..., 3] - self.seen[..., 3]) / np.maximum(shows, _CLEAR)
        alpha = np.where(shows > _CLEAR, needed, paint[..., 3]).clip(0, 1) * (paint[..., 3] > 0)
        whole = np.rint(255 * alpha)[..., None]
        alpha = whole / 255
        color = (self.wanted[..., :3] - (1 - alpha) * self.seen[..., :3]) / np.maximum(alpha, 1 / 255)
        levels = np.rint(255 * color.clip(0, 1)) * (whole > 0)
        self.seen = np.concatenate([levels / 255 * alpha, alpha], axis=2) + (1 - alpha) * self.seen
        return _cut(name, np.concatenate([levels, whole], axis=2).astype(np.uint8))


def _cut(name: str, pixels: np.ndarray) -> Layer | None:
    """The layer without empty borders."""
    rows, columns = (np.flatnonzero(pixels[..., 3].any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    top, left = int(rows[0]), int(columns[0])
    return Layer(name, pixels[top : rows[-1] + 1, left : columns[-1] + 1].copy(), left, top)
