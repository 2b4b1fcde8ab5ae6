"""What a writer is given, whatever it is of: a painting, or pixels with frames of their making."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from painter.options.export import ExportConfig

if TYPE_CHECKING:  # for types only
    import numpy as np

    from painter.export.timeline import Timeline


class Artwork(Protocol):
    """A finished picture, and frames of its making. Pictures are [H, W, 3], or [H, W, 4] with straight alpha."""

    @property
    def side(self) -> int:
        """The finished picture's longer side, pixels."""

    @property
    def frame_side(self) -> int:
        """That of its frames, at most."""

    @property
    def ground(self) -> tuple[float, float, float] | None:
        """The colour below it, straight sRGB in [0, 1]; None if it is transparent or none is known."""

    def still(self, side: int) -> np.ndarray:
        """The finished picture, uint8, its longer side `side` pixels."""

    def carried(self) -> str | None:
        """What a picture of it can carry along, so that it can be read back; None if there is nothing."""

    def bands(self, depth: int) -> np.ndarray | Iterable[np.ndarray]:
        """The finished picture, uint8 or uint16 for a `depth` of 8 or 16 bits; or bands of its rows, from the top."""

    def timeline(self, config: ExportConfig, fps: float | None = None, full: bool = False) -> Timeline:
        """Which frame is shown when; `fps` and `full` as for `painter.export.timeline.make_timeline`."""

    def frames(self, side: int, timeline: Timeline) -> Iterator[np.ndarray]:
        """The timeline's frames in the order in which they are shown: uint8, `side` pixels long."""

    def samples(self, side: int, timeline: Timeline) -> Sequence[np.ndarray]:
        """A few pictures, uint8 and of any size, to choose colours from for the timeline's frames, which are `side`
        pixels long; the finished one last."""
