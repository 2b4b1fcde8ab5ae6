"""The four brushes' media, and that of brushes that have none of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from renderers.media.density import Density, finish
from renderers.media.ink import KEEP as INK_KEEP
from renderers.media.ink import MARGIN as INK_MARGIN
from renderers.media.ink import paint_ink
from renderers.media.layers import lay_hairs, lay_load, lay_sheets
from renderers.media.light import overlap as light_overlap
from renderers.media.light import shine
from renderers.media.medium import Marks, Medium, Rows, Sheet, Texture, reference_color
from renderers.media.oil import LEVELED, WEAVE, paint_oil
from renderers.media.sheet import fibre_raster, wash_rasters
from renderers.media.tape import BLUR, LEVEL, OFFSET, SHADOW, THICKNESS, VEIL, paint_tape
from renderers.media.tape import MARGIN as TAPE_MARGIN
from renderers.media.wash import KEEP as WASH_KEEP
from renderers.media.wash import MARGIN as WASH_MARGIN
from renderers.media.wash import paint_wash
from renderers.relief import REFERENCE

if TYPE_CHECKING:
    from renderers.drawing import PlacedStrokes


class Wash(Medium):
    """Watercolour on cold-pressed paper."""

    margin = WASH_MARGIN
    ground = "cold-press"
    density = Density(grain=0.28, fine=0.10, shade=0.032, drift=0.045, sparkle=0.35, fronts=0.65)

    def sheet(self, ground: str, top: int, rows: int, width: int, pixel: float) -> Sheet:
        """See `Medium.sheet`."""
        relief = super().sheet(ground, top, rows, width, pixel).height
        return Sheet(relief, wash_rasters(top, rows, width, pixel))

    def lay(self, placed: PlacedStrokes, marks: Marks, rows: Rows, texture: Texture) -> None:
        """See `Medium.lay`."""
        n, sheet = marks.n, rows.sheet
        alpha, mix, load = paint_wash(
            placed.geometry[n], marks.u, marks.v, marks.index, *(raster.reshape(-1) for raster in sheet.rasters),
            float(placed.scale[n]), marks.footprint, int(placed.seed[n]), texture.strength,
        )  # fmt: skip
        _lay_load(placed, marks, rows, alpha, mix, load, WASH_KEEP)

    def finish(
        self, rows: Rows, texture: Texture, relief: float, ground: np.ndarray, calm: np.ndarray | None
    ) -> np.ndarray:
        """See `Medium.finish`."""
        return _dense(self.density, rows, texture, ground, calm)


class Ink(Medium):
    """Marker on hot-pressed paper."""

    margin = INK_MARGIN
    ground = "hot-press"
    density = Density(grain=0.44, fine=0.05, shade=0.02, saturation=0.5)

    def sheet(self, ground: str, top: int, rows: int, width: int, pixel: float) -> Sheet:
        """See `Medium.sheet`."""
        relief = super().sheet(ground, top, rows, width, pixel).height
        return Sheet(relief, (fibre_raster(top, rows, width, pixel),))

    def lay(self, placed: PlacedStrokes, marks: Marks, rows: Rows, texture: Texture) -> None:
        """See `Medium.lay`."""
        n = marks.n
        alpha, mix, load = paint_ink(
            placed.geometry[n], marks.u, marks.v, marks.index, rows.sheet.rasters[0].reshape(-1),
            rows.sheet.flat_height, float(placed.scale[n]), marks.footprint, int(placed.seed[n]), texture.strength,
        )  # fmt: skip
        _lay_load(placed, marks, rows, alpha, mix, load, INK_KEEP)

    def finish(
        self, rows: Rows, texture: Texture, relief: float, ground: np.ndarray, calm: np.ndarray | None
    ) -> np.ndarray:
        """See `Medium.finish`."""
        return _dense(self.density, rows, texture, ground, None)


class Oil(Medium):
    """Oil on linen. Its second plane is the paint's height."""

    ground = "linen"
    detail = 0.00045  # slopes are those of heights smoothed by this standard deviation, canvas units
    faint = 0.25  # of light where none is asked for: thick paint always shows a little

    def lay(self, placed: PlacedStrokes, marks: Marks, rows: Rows, texture: Texture) -> None:
        """See `Medium.lay`."""
        n, body = marks.n, placed.brush.body
        marked = paint_oil(
            placed.geometry[n], marks.u, marks.v, marks.index, rows.sheet.flat_height, marks.footprint,
            int(placed.seed[n]), texture.strength,
        )  # fmt: skip
        thickness = body.thickness * (float(placed.scale[n]) / REFERENCE) ** body.growth
        lay_hairs(
            _flat(rows), rows.plane.reshape(-1), marks.index, *marked, placed.start[n], placed.end[n],
            float(placed.opacity[n]), thickness, body.leveling,
        )  # fmt: skip

    def overlap(self, pixel: float, relief: float) -> int:
        """See `Medium.overlap`."""
        return light_overlap(pixel, self.detail)

    def finish(
        self, rows: Rows, texture: Texture, relief: float, ground: np.ndarray, calm: np.ndarray | None
    ) -> np.ndarray:
        """See `Medium.finish`: paint levels the sheet, thin paint shows it, and both are lit."""
        cloth = rows.sheet.height[1:-1] * np.exp(-rows.plane / np.float32(LEVELED)) * np.float32(WEAVE / 0.35)
        strength = max(relief, self.faint * texture.strength)
        return shine(
            rows.canvas, rows.plane + texture.strength * cloth, rows.pixel, self.detail, strength,
            contrast=0.45, gloss=0.5, roughness=0.40, sheen=0.03,
        )  # fmt: skip


class Tape(Medium):
    """Washi tape on smooth card. Its second plane is the tapes' height."""

    margin = TAPE_MARGIN
    ground = "smooth"
    detail = 0.0003

    def lay(self, placed: PlacedStrokes, marks: Marks, rows: Rows, texture: Texture) -> None:
        """See `Medium.lay`."""
        n = marks.n
        alpha, mix, fibre = paint_tape(
            placed.geometry[n], marks.u, marks.v, float(placed.scale[n]), marks.footprint, int(placed.seed[n]),
            texture.strength,
        )  # fmt: skip
        lay_sheets(
            _flat(rows), rows.plane.reshape(-1), marks.index, alpha, mix, fibre, placed.start[n], placed.end[n],
            float(placed.opacity[n]), texture.strength * VEIL, THICKNESS, LEVEL,
        )  # fmt: skip

    def overlap(self, pixel: float, relief: float) -> int:
        """See `Medium.overlap`."""
        return max(light_overlap(pixel, self.detail), int(np.ceil(OFFSET / pixel + 4 * max(0.3, BLUR / pixel))) + 2)

    def finish(
        self, rows: Rows, texture: Texture, relief: float, ground: np.ndarray, calm: np.ndarray | None
    ) -> np.ndarray:
        """See `Medium.finish`: a shadow falls where what lies to the upper left is higher."""
        height, canvas = rows.plane, rows.canvas.copy()
        deviation, offset = max(0.3, BLUR / rows.pixel), OFFSET / rows.pixel
        size = 2 * int(np.ceil(4 * deviation)) + 1
        soft = cv2.GaussianBlur(height, (size, size), deviation, borderType=cv2.BORDER_REPLICATE)
        shift = np.array([[1, 0, offset], [0, 1, offset]], np.float32)
        cast = cv2.warpAffine(soft, shift, height.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        depth = np.clip((cast - height) / np.float32(THICKNESS), 0, 1.5)
        canvas[..., :3] *= (1 - np.float32(SHADOW * texture.strength) * depth / (1 + 0.5 * depth))[..., None]
        strength = max(relief, texture.strength)
        return shine(
            canvas, height, rows.pixel, self.detail, strength, contrast=0.5, gloss=0.10, roughness=0.5, sheen=0.02
        )


class Print(Medium):
    """What a stamp leaves on paper: its own coverage, caught by the sheet's tops."""

    ground = "cold-press"
    density = Density(grain=0.28, fine=0.05, shade=0.02)

    def lay(self, placed: PlacedStrokes, marks: Marks, rows: Rows, texture: Texture) -> None:
        """See `Medium.lay`."""
        n = marks.n
        footprint = (marks.footprint, marks.footprint)
        alpha, mix, _ = placed.brush.engine(placed.geometry[n], marks.u, marks.v, footprint, int(placed.seed[n]))
        caught = 3.2 * texture.strength * alpha * (1 - alpha) * rows.sheet.flat_height[marks.index]
        alpha = np.clip(alpha + caught, 0, 1).astype(np.float32)
        _lay_load(placed, marks, rows, alpha, mix, np.zeros_like(alpha), 1.0)

    def finish(
        self, rows: Rows, texture: Texture, relief: float, ground: np.ndarray, calm: np.ndarray | None
    ) -> np.ndarray:
        """See `Medium.finish`."""
        return _dense(self.density, rows, texture, ground, None)


MEDIA: dict[str, Medium] = {"oilpaintbrush": Oil(), "watercolor": Wash(), "markerpen": Ink(), "rectangle": Tape()}


def medium_of(brush: str) -> Medium:
    """The medium of a brush, by its name in `renderers.brushes.BRUSHES`."""
    return MEDIA.get(brush, Print())


def _flat(rows: Rows) -> np.ndarray:
    return rows.canvas.reshape(-1, rows.canvas.shape[2])


def _lay_load(
    placed: PlacedStrokes, marks: Marks, rows: Rows, alpha: np.ndarray, mix: np.ndarray, load: np.ndarray, keep: float
) -> None:
    n = marks.n
    lay_load(
        _flat(rows), rows.plane.reshape(-1), marks.index, alpha, mix, load, placed.start[n], placed.end[n],
        float(placed.opacity[n]), keep,
    )  # fmt: skip


def _dense(how: Density, rows: Rows, texture: Texture, ground: np.ndarray, calm: np.ndarray | None) -> np.ndarray:
    return finish(
        rows.canvas, rows.plane, rows.sheet.height, calm, reference_color(ground), how, texture.strength, rows.pixel,
        rows.top, texture.margin, rows.whole,
    )  # fmt: skip
