"""The four brushes' media, and that of brushes that have none of their own."""

from __future__ import annotations

import cv2
import numpy as np

from renderers.media.density import Density, SheetFields, densities, in_line
from renderers.media.ink import KEEP as INK_KEEP
from renderers.media.ink import MARGIN as INK_MARGIN
from renderers.media.ink import paint_ink
from renderers.media.layers import fade_margin, lay_hairs, lay_load, lay_sheets
from renderers.media.light import overlap as light_overlap
from renderers.media.light import shine
from renderers.media.medium import (
    Appearance,
    Marks,
    Medium,
    Rows,
    Sheet,
    Texture,
    Textured,
    reference_color,
    within_region,
)
from renderers.media.oil import LEVELED, WEAVE, paint_oil
from renderers.media.plain import Plain
from renderers.media.sheet import fibre_raster, wash_rasters
from renderers.media.tape import BLUR, LEVEL, OFFSET, SHADOW, THICKNESS, VEIL, paint_tape
from renderers.media.tape import MARGIN as TAPE_MARGIN
from renderers.media.wash import KEEP as WASH_KEEP
from renderers.media.wash import MARGIN as WASH_MARGIN
from renderers.media.wash import paint_wash
from renderers.placed import PlacedStrokes
from renderers.relief import REFERENCE


class Pigment(Textured):
    """A medium whose second plane is the pigment load, seen as optical density over the sheet."""

    density: Density
    pointwise = True

    def __init__(self, texture: Texture) -> None:
        super().__init__(texture)
        self._fields: SheetFields | None = None

    def _lay(
        self, placed: PlacedStrokes, marks: Marks, rows: Rows, alpha: np.ndarray, mix: np.ndarray, load: np.ndarray,
        keep: float,
    ) -> None:  # fmt: skip
        n = marks.n
        lay_load(
            _flat(rows), rows.plane.reshape(-1), marks.index, alpha, mix, load, placed.start[n], placed.end[n],
            float(placed.opacity[n]), keep,
        )  # fmt: skip

    def finish(self, rows: Rows, relief: float, appearance: Appearance, shown: slice) -> np.ndarray:
        """See `Medium.finish`."""
        canvas, load = within_region(rows, appearance)
        fields = self._sheet_fields(rows, appearance).rows(shown)
        reference = reference_color(appearance.ground)
        return densities(canvas[shown], load[shown], fields, reference, self.density, self.texture)

    def finish_at(self, rows: Rows, canvas: np.ndarray, appearance: Appearance, pixels: np.ndarray) -> np.ndarray:
        """See `Medium.finish_at`."""
        fields, reference = self._sheet_fields(rows, appearance).at(pixels), reference_color(appearance.ground)
        load = in_line(rows.plane.take(pixels))
        seen = densities(in_line(canvas), load, fields, reference, self.density, self.texture)
        return seen.reshape(-1, seen.shape[2])[: len(pixels)]

    def _sheet_fields(self, rows: Rows, appearance: Appearance) -> SheetFields:
        """What only depends on the sheet; kept for the frames of an animation, which are of these rows or fewer."""
        assert rows.sheet is not None
        fields, count = self._fields, len(rows.canvas)
        if fields is None or not fields.top <= rows.top <= fields.top + len(fields.grain) - count:
            fields = self._fields = SheetFields.of(
                rows.sheet.height, appearance.calm if self.fronts else None, self.density, rows.pixel, rows.top,
                self.texture.margin, rows.full, self.texture.strength,
            )  # fmt: skip
        first = rows.top - fields.top
        return fields.rows(slice(first, first + count))


class Wash(Pigment):
    """Watercolour on cold-pressed paper."""

    margin = WASH_MARGIN
    paper = "cold-press"
    fronts = True
    density = Density(grain=0.28, fine=0.20, shade=0.032, drift=0.030, sparkle=0.35, fronts=0.60, pooling=0.41)

    def sheet(self, top: int, rows: int, width: int, pixel: float) -> Sheet:
        """See `Medium.sheet`."""
        return Sheet(super().sheet(top, rows, width, pixel).height, wash_rasters(top, rows, width, pixel))

    def lay(self, placed: PlacedStrokes, marks: Marks, rows: Rows) -> None:
        """See `Medium.lay`."""
        assert rows.sheet is not None
        n = marks.n
        tooth, wet, rim = (raster.reshape(-1) for raster in rows.sheet.rasters)
        alpha, mix, load = paint_wash(
            placed.geometry[n], marks.u, marks.v, marks.index, tooth, wet, rim, float(placed.scale[n]),
            marks.footprint, int(placed.seed[n]), self.texture.strength,
        )  # fmt: skip
        self._lay(placed, marks, rows, alpha, mix, load, WASH_KEEP)


class Ink(Pigment):
    """Marker on hot-pressed paper."""

    margin = INK_MARGIN
    paper = "hot-press"
    density = Density(grain=0.44, fine=0.05, shade=0.02, saturation=0.5)

    def sheet(self, top: int, rows: int, width: int, pixel: float) -> Sheet:
        """See `Medium.sheet`."""
        return Sheet(super().sheet(top, rows, width, pixel).height, (fibre_raster(top, rows, width, pixel),))

    def lay(self, placed: PlacedStrokes, marks: Marks, rows: Rows) -> None:
        """See `Medium.lay`."""
        assert rows.sheet is not None
        n = marks.n
        alpha, mix, load = paint_ink(
            placed.geometry[n], marks.u, marks.v, marks.index, rows.sheet.rasters[0].reshape(-1),
            rows.sheet.flat_height, float(placed.scale[n]), marks.footprint, int(placed.seed[n]),
            self.texture.strength,
        )  # fmt: skip
        self._lay(placed, marks, rows, alpha, mix, load, INK_KEEP)


class Print(Pigment):
    """What a stamp leaves on paper: its own coverage, caught by the sheet's tops."""

    paper = "cold-press"
    density = Density(grain=0.28, fine=0.05, shade=0.02)

    def lay(self, placed: PlacedStrokes, marks: Marks, rows: Rows) -> None:
        """See `Medium.lay`."""
        assert rows.sheet is not None
        n, footprint = marks.n, (marks.footprint, marks.footprint)
        alpha, mix, _ = placed.brush.engine(placed.geometry[n], marks.u, marks.v, footprint, int(placed.seed[n]))
        caught = 3.2 * self.texture.strength * alpha * (1 - alpha) * rows.sheet.flat_height[marks.index]
        alpha = np.clip(alpha + caught, 0, 1).astype(np.float32)
        self._lay(placed, marks, rows, alpha, mix, np.zeros_like(alpha), 1.0)


class Oil(Textured):
    """Oil on linen. Its second plane is the paint's height."""

    paper = "linen"
    keeps_height = True
    detail = 0.00045  # slopes are those of heights smoothed by this standard deviation, canvas units
    faint = 0.25  # strength of the light where none is asked for: thick paint always shows a little

    def lay(self, placed: PlacedStrokes, marks: Marks, rows: Rows) -> None:
        """See `Medium.lay`."""
        assert rows.sheet is not None
        n, body = marks.n, placed.brush.body
        marked = paint_oil(
            placed.geometry[n], marks.u, marks.v, marks.index, rows.sheet.flat_height, marks.footprint,
            int(placed.seed[n]), self.texture.strength,
        )  # fmt: skip
        thickness = body.thickness * (float(placed.scale[n]) / REFERENCE) ** body.growth
        lay_hairs(
            _flat(rows), rows.plane.reshape(-1), marks.index, *marked, placed.start[n], placed.end[n],
            float(placed.opacity[n]), thickness, body.leveling,
        )  # fmt: skip

    def overlap(self, pixel: float, relief: float) -> int:
        """See `Medium.overlap`."""
        return light_overlap(pixel, self.detail)

    def finish(self, rows: Rows, relief: float, appearance: Appearance, shown: slice) -> np.ndarray:
        """See `Medium.finish`: paint levels the sheet, thin paint shows it, and both are lit."""
        assert rows.sheet is not None
        strength = self.texture.strength
        canvas, height = _within_sheet(rows, appearance, self.texture)
        cloth = rows.sheet.height[1:-1] * np.exp(-height / np.float32(LEVELED)) * np.float32(strength * WEAVE / 0.35)
        return shine(
            canvas, height + cloth, rows.pixel, self.detail, max(relief, self.faint * strength), shown,
            contrast=0.45, gloss=0.5, roughness=0.40, sheen=0.03,
        )  # fmt: skip


class Tape(Textured):
    """Washi tape on smooth card. Its second plane is the tapes' height."""

    margin = TAPE_MARGIN
    keeps_height = True
    detail = 0.0003

    def lay(self, placed: PlacedStrokes, marks: Marks, rows: Rows) -> None:
        """See `Medium.lay`."""
        n = marks.n
        alpha, mix, fibre = paint_tape(
            placed.geometry[n], marks.u, marks.v, float(placed.scale[n]), marks.footprint, int(placed.seed[n]),
            self.texture.strength,
        )  # fmt: skip
        lay_sheets(
            _flat(rows), rows.plane.reshape(-1), marks.index, alpha, mix, fibre, placed.start[n], placed.end[n],
            float(placed.opacity[n]), self.texture.strength * VEIL, THICKNESS, LEVEL,
        )  # fmt: skip

    def overlap(self, pixel: float, relief: float) -> int:
        """See `Medium.overlap`."""
        return len(_shadow_taps(pixel)) // 2 + light_overlap(pixel, self.detail)

    def finish(self, rows: Rows, relief: float, appearance: Appearance, shown: slice) -> np.ndarray:
        """See `Medium.finish`: a shadow falls where what lies to the upper left is higher."""
        assert rows.sheet is not None
        canvas, height = _within_sheet(rows, appearance, self.texture)
        taps = _shadow_taps(rows.pixel)
        cast = cv2.sepFilter2D(height, cv2.CV_32F, taps, taps, borderType=cv2.BORDER_REPLICATE)
        depth = np.clip((cast - height) / np.float32(THICKNESS), 0, 1.5)
        dark = 1 - np.float32(SHADOW * self.texture.strength) * depth / (1 + np.float32(0.5) * depth)
        canvas = canvas.copy()
        canvas[..., :3] *= dark[..., None]
        card = rows.sheet.height[1:-1] * np.exp(-height / np.float32(THICKNESS)) * np.float32(0.3 * WEAVE)
        return shine(
            canvas, height + card, rows.pixel, self.detail, max(relief, self.texture.strength), shown,
            contrast=0.5, gloss=0.10, roughness=0.5, sheen=0.02,
        )  # fmt: skip


MEDIA: dict[str, type[Textured]] = {"oilpaintbrush": Oil, "watercolor": Wash, "markerpen": Ink, "rectangle": Tape}


def medium_of(brush: str, texture: Texture | None) -> Medium:
    """The medium of a brush, by its name in `renderers.brushes.BRUSHES`, for one drawing.

    Args:
        texture: how much it shows; None: not at all.
    """
    return Plain() if texture is None else textured(brush)(texture)


def textured(brush: str) -> type[Textured]:
    """The class of a brush's own medium."""
    return MEDIA.get(brush, Print)


def _shadow_taps(pixel: float) -> np.ndarray:
    """[2 · reach + 1] float32, of sum 1: a Gaussian that takes what lies OFFSET to the left, or above."""
    deviation, offset = max(0.3, BLUR / pixel), OFFSET / pixel
    reach = int(np.ceil(offset + 4 * deviation))
    taps = np.exp(-(((np.arange(-reach, reach + 1) + offset) / deviation) ** 2) / 2)
    normal: np.ndarray = (taps / taps.sum()).astype(np.float32)
    return normal


def _within_sheet(rows: Rows, appearance: Appearance, texture: Texture) -> tuple[np.ndarray, np.ndarray]:
    """Canvas and height within the region and the margin."""
    canvas, height = within_region(rows, appearance)
    if texture.margin > 0 and rows.sheet is not None:
        canvas, height = canvas.copy(), height.copy()
        size = np.array([rows.full[1] * rows.pixel, rows.full[0] * rows.pixel])
        fade_margin(canvas, height, rows.sheet.height, appearance.ground, texture.margin, size, rows.pixel, rows.top)
    return canvas, height


def _flat(rows: Rows) -> np.ndarray:
    return rows.canvas.reshape(-1, rows.canvas.shape[2])
