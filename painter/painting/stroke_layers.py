"""A painting as layers, from coarse to fine: strokes in paint order, cut where they get smaller.

A layer has 8 bits, and rounding each by itself would add up. So each layer's colours are chosen for what is seen once
it lies on those below it: the composite is the painting to 1/255.
"""

from __future__ import annotations

import numpy as np

from painter.export.layered_files import Layer
from painter.export.svg import levels
from painter.painting.painting import Painting
from painter.pictures.ground import canvas_color, region_at, to_bytes
from painter.pictures.resizing import fit_size
from renderers.brushes import BRUSHES
from renderers.drawing import draw

_CLEAR = 1 / 8  # share that shows through what lies below, from which on alpha is chosen for the composite, too


def layers_of(painting: Painting, side: int) -> tuple[list[Layer], np.ndarray]:
    """The layers, the lowest first, and the picture of them all; without light and texture.

    Args:
        side: the longer side, pixels.

    Returns:
        The layers, each cut to where it has paint; an opaque ground is the first, and a region's bare canvas the last.
        The picture is uint8 [H, W, 3], or [H, W, 4] on a transparent ground.
    """
    height, width = fit_size(*painting.aspect, side)
    region = region_at(painting.region, height, width)
    stack, layers = _Stack(height, width), []
    if painting.ground is not None:
        layers.append(stack.add("Ground", _plain(canvas_color(painting.ground), np.ones((height, width), np.float32))))
    sizes = BRUSHES[painting.strokes.brush].size(painting.strokes.params).detach().numpy()
    for first, last in levels(sizes):
        paint = draw(painting.strokes[first:last], np.zeros((height, width, 4), np.float32))
        if painting.ground is None and region is not None:
            paint *= region[:, :, None]
        layers.append(stack.add(f"Strokes {first + 1} to {last}", paint))
    if painting.ground is not None and region is not None:
        layers.append(stack.add("Bare canvas", _plain(canvas_color(painting.ground), 1 - region)))
    merged = to_bytes(stack.seen.astype(np.float32))
    return [layer for layer in layers if layer is not None], merged if painting.ground is None else merged[..., :3]


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
