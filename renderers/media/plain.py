"""Paint as the engines alone lay it: no sheet, no texture; lit where relief is wanted."""

from __future__ import annotations

import numpy as np

from renderers.media.layers import lay_paint
from renderers.media.medium import Appearance, Marks, Medium, Rows, limited
from renderers.placed import PlacedStrokes
from renderers.relief import Surface, light, overlap


class Plain(Medium):
    """What every brush is drawn in where no texture is wanted. Its second plane is the paint's height."""

    keeps_height = True

    def __init__(self) -> None:
        self._surface: Surface | None = None

    def rows(self, placed: PlacedStrokes, canvas: np.ndarray, top: int, relief: bool) -> Rows:
        """See `Medium.rows`."""
        height, width = canvas.shape[:2]
        if relief:
            self._surface = Surface(placed.brush.body, placed.scale, height, width, placed.pixel, top)
        plane = np.empty((0, 0), np.float32) if self._surface is None else self._surface.height
        return Rows(canvas, plane, None, placed.pixel, top, (placed.height, placed.width))

    def sheet(self, top: int, rows: int, width: int, pixel: float) -> None:
        """See `Medium.sheet`."""

    def lay(self, placed: PlacedStrokes, marks: Marks, rows: Rows) -> None:
        """See `Medium.lay`."""
        n, footprint = marks.n, (marks.footprint, marks.footprint)
        alpha, mix, relief = placed.brush.engine(
            placed.geometry[n], marks.u, marks.v, footprint, int(placed.seed[n])
        )  # fmt: skip
        flat = rows.canvas.reshape(-1, placed.channels)
        lay_paint(flat, marks.index, alpha, mix, placed.start[n], placed.end[n], placed.opacity[n])
        if self._surface is not None:
            self._surface.add(n, marks.index, alpha, relief, placed.opacity[n])

    def overlap(self, pixel: float, relief: float) -> int:
        """See `Medium.overlap`."""
        return overlap(pixel) if relief > 0 else 0

    def finish(self, rows: Rows, relief: float, appearance: Appearance, shown: slice) -> np.ndarray:
        """See `Medium.finish`."""
        seen = rows.canvas[shown]
        if relief > 0:
            seen = light(rows.canvas, rows.plane, relief, rows.pixel, rows=shown)
        if appearance.region is None:
            return seen
        first, last, _ = shown.indices(len(rows.canvas))
        region = appearance.region[rows.top + first : rows.top + last]
        return limited(seen, appearance.ground, region)
