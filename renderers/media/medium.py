"""A medium: how the strokes of one brush lie on a sheet, and how both are seen.

Coverage and colour are laid much as the brush's engine lays them, so that what the search saw stays nearly right;
beside them a second plane is kept, of pigment load or of height, and one pass at the end turns it into what is seen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from renderers.media.grounds import ground_height
from renderers.placed import PlacedStrokes

LIGHT_PAPER = 0.8  # from this value in all channels on, a ground is paper, without pigment


@dataclass(frozen=True)
class Texture:
    """How much the medium and the sheet show.

    >>> Texture(0.6, "cold-press").strength
    0.6
    """

    strength: float  # in (0, 1]
    ground: str  # of the sheet: one of `renderers.media.grounds.GROUNDS`
    margin: float = 0.0  # of bare sheet around the painting, canvas units
    limited: bool = False  # whether darks are as light as thin layers of pigment on paper are


@dataclass(frozen=True, eq=False)
class Appearance:
    """What decides how a drawing is seen, beside its strokes."""

    ground: np.ndarray  # [C] float32, the bare canvas; C = 3, or 4 for premultiplied RGBA
    calm: np.ndarray | None = None  # [h, w] float32 in [0, 1], of the full canvas: where there is little drawing
    region: np.ndarray | None = None  # [H, W] float32 in [0, 1], of the full canvas: how much of the paint shows
    lines: np.ndarray | None = None  # [h, w] float32 in [0, 1], of the full canvas: see `renderers.media.pencil`
    pencil: float = 0.0  # how strong those lines are, in [0, 1]


@dataclass(frozen=True, eq=False)
class Sheet:
    """Rows of a sheet, as all strokes see them."""

    height: np.ndarray  # [H + 2, W] float32, its relief, with a row more above and below; see `grounds`
    rasters: tuple[np.ndarray, ...] = ()  # [H, W] int8 each: v in [-1, 1] as round(LEVELS · v); a medium's own

    @property
    def flat_height(self) -> np.ndarray:
        """[H · W]: the relief at the rows themselves."""
        return self.height[1:-1].reshape(-1)


@dataclass(frozen=True, eq=False)
class Marks:
    """The pixels of one stroke."""

    n: int  # which of the placed strokes
    index: np.ndarray  # [M] int64, in flat planes of the rows that are drawn
    u: np.ndarray  # [M] float32, where they are, in stroke units
    v: np.ndarray
    footprint: float  # of a pixel, stroke units


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a canvas that are drawn, with their planes."""

    canvas: np.ndarray  # [H, W, C] float32
    plane: np.ndarray  # [H, W] float32: pigment load, or height; [0, 0] where none is needed
    sheet: Sheet | None
    pixel: float  # the width of a pixel, canvas units
    top: int  # the first row's number in the full canvas
    full: tuple[int, int]  # rows and columns of the full canvas

    def part(self, first: int, last: int) -> Rows:
        """The rows first … last - 1 of these, as views."""
        rows = slice(first, last)
        sheet = self.sheet and Sheet(
            self.sheet.height[first : last + 2], tuple(raster[rows] for raster in self.sheet.rasters)
        )
        plane = self.plane[rows] if self.plane.size else self.plane
        return Rows(self.canvas[rows], plane, sheet, self.pixel, self.top + first, self.full)


class Medium(ABC):
    """How one brush's strokes lie on a sheet."""

    margin = 0.0  # stroke units by which paint may leave the stroke's box
    bare_margin = 0.0  # of bare sheet around the painting, canvas units
    keeps_height = False  # whether the second plane is the paint's height
    pointwise = False  # whether `finish` looks at nothing around a pixel, so that there is `finish_at`

    def rows(self, placed: PlacedStrokes, canvas: np.ndarray, top: int, relief: bool) -> Rows:
        """Rows of a canvas before the first stroke, from row `top` of the full one on."""
        full = placed.height, placed.width
        plane = np.zeros(canvas.shape[:2], np.float32)
        return Rows(
            canvas, plane, self.sheet(top, canvas.shape[0], canvas.shape[1], placed.pixel), placed.pixel, top, full
        )

    @abstractmethod
    def sheet(self, top: int, rows: int, width: int, pixel: float) -> Sheet | None:
        """The sheet at the rows of a canvas from `top` on."""

    @abstractmethod
    def lay(self, placed: PlacedStrokes, marks: Marks, rows: Rows) -> None:
        """Lay one stroke on the rows and on their plane."""

    def overlap(self, pixel: float, relief: float) -> int:
        """How many rows above and below a row `finish` looks at."""
        return 0

    @abstractmethod
    def finish(self, rows: Rows, relief: float, appearance: Appearance, shown: slice) -> np.ndarray:
        """Rows as they are seen, [shown, W, C] float32; the array is the caller's.

        Args:
            relief: how much the paint stands out in the light, in [0, 1].
            shown: which rows to return; the others are only looked at, and none further away than `overlap`.
        """

    def finish_at(self, rows: Rows, canvas: np.ndarray, appearance: Appearance, pixels: np.ndarray) -> np.ndarray:
        """Some pixels as `finish` shows them, [M, C] float32; without light and region.

        Args:
            canvas: [M, C] float32, theirs.
            pixels: [M], numbered row by row.
        """
        raise NotImplementedError


class Textured(Medium):
    """A medium whose paint and sheet are seen."""

    paper = "smooth"  # the ground that suits it
    fronts = False  # whether backruns show in calm areas: `Appearance.calm` is looked at

    def __init__(self, texture: Texture) -> None:
        self.texture, self.bare_margin = texture, texture.margin

    def sheet(self, top: int, rows: int, width: int, pixel: float) -> Sheet:
        """See `Medium.sheet`."""
        return Sheet(ground_height(self.texture.ground, top - 1, rows + 2, width, pixel))


def within_region(rows: Rows, appearance: Appearance) -> tuple[np.ndarray, np.ndarray]:
    """Canvas and plane of the rows with the bare ground where the region is 0; themselves where there is none."""
    if appearance.region is None:
        return rows.canvas, rows.plane
    shown = appearance.region[rows.top : rows.top + len(rows.canvas)]
    return limited(rows.canvas, appearance.ground, shown), rows.plane * shown


def limited(canvas: np.ndarray, ground: np.ndarray, region: np.ndarray) -> np.ndarray:
    """A canvas [H, W, C] with the bare ground [C] where `region` [H, W] in [0, 1] is 0."""
    shown: np.ndarray = ground + region[:, :, None] * (canvas - ground)
    return shown


def reference_color(ground: np.ndarray) -> np.ndarray:
    """[3] what is seen without pigment: light paper itself, else white, on which a darker ground is paint like any."""
    if len(ground) == 3 and float(ground.min()) > LIGHT_PAPER:
        return ground
    return np.ones(3, np.float32)
