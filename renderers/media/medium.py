"""A medium: how the strokes of one brush lie on a sheet when they are drawn with texture, and how the sheet is seen.

Coverage and colour are laid much as the brush's engine lays them, so that what the search saw stays nearly right;
beside them a second plane is kept, of pigment load or of height, and one pass at the end turns it into what is seen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from renderers.media.grounds import ground_height

if TYPE_CHECKING:
    from renderers.drawing import PlacedStrokes


@dataclass(frozen=True)
class Texture:
    """How much the medium shows, and on what sheet.

    >>> Texture(0.6, "cold-press").strength
    0.6
    """

    strength: float  # in (0, 1]
    ground: str  # one of `renderers.media.grounds.GROUNDS`
    margin: float = 0.0  # of bare sheet around the painting, canvas units


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
    plane: np.ndarray  # [H, W] float32: pigment load, or height
    sheet: Sheet
    pixel: float  # the width of a pixel, canvas units
    top: int  # the first row's number in the whole canvas
    whole: tuple[int, int]  # rows and columns of the whole canvas


class Medium(ABC):
    """How one brush's strokes lie on a sheet; it has no state."""

    margin = 0.0  # stroke units by which paint may leave the stroke's box
    ground = "smooth"  # that suits it

    def sheet(self, ground: str, top: int, rows: int, width: int, pixel: float) -> Sheet:
        """The sheet at the rows of a canvas from `top` on."""
        return Sheet(ground_height(ground, top - 1, rows + 2, width, pixel))

    @abstractmethod
    def lay(self, placed: PlacedStrokes, marks: Marks, rows: Rows, texture: Texture) -> None:
        """Lay one stroke on the rows and on their plane."""

    def overlap(self, pixel: float, relief: float) -> int:
        """How many rows above and below a row `finish` looks at."""
        return 0

    @abstractmethod
    def finish(
        self, rows: Rows, texture: Texture, relief: float, ground: np.ndarray, calm: np.ndarray | None
    ) -> np.ndarray:
        """The rows as they are seen, [H, W, C] float32, a new array.

        Args:
            relief: how much the paint stands out in the light, in [0, 1].
            ground: [C] float32, the bare canvas.
            calm: [h, w] float32 in [0, 1], of the whole canvas at any size: where there is little drawing.
        """


def reference_color(ground: np.ndarray) -> np.ndarray:
    """[3] what is seen without pigment: light paper itself, else white, on which a darker ground is paint like any."""
    if len(ground) == 3 and float(ground.min()) > 0.8:
        return ground
    return np.ones(3, np.float32)
