"""A finished picture as floats, with frames that were recorded while it was made: the result of a style transfer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property

import numpy as np

from painter.export.encoding import EncodingConfig
from painter.export.timeline import Timeline
from painter.options.export import ExportConfig
from painter.pictures.resizing import fit_size, resize_image


class RecordedPicture:
    """Such a picture as an `Artwork`.

    Args:
        pixels: [H, W, 3] or [H, W, 4] float32 in [0, 1], straight alpha.
        frames: makes the frames, uint8 [h, w, C] of one size, the finished picture last; called once at most.
    """

    ground = None  # unknown

    def __init__(self, pixels: np.ndarray, frames: Callable[[], Sequence[np.ndarray]]) -> None:
        self._pixels, self._make_frames = pixels, frames

    @cached_property
    def _frames(self) -> Sequence[np.ndarray]:
        return self._make_frames()

    @property
    def side(self) -> int:
        return int(max(self._pixels.shape[:2]))

    @property
    def frame_side(self) -> int:
        return int(max(self._frames[-1].shape[:2]))

    def still(self, side: int) -> np.ndarray:
        return _resized(to_levels(self._pixels), side)

    def carried(self) -> None:
        """See `Artwork`: it has no strokes."""

    def bands(self, depth: int) -> np.ndarray:
        return to_levels(self._pixels, depth)

    def timeline(self, config: ExportConfig, fps: float | None = None, full: bool = False) -> Timeline:
        """All frames in `config.duration`, whatever the other options; the finished picture for `config.hold`."""
        steps = len(self._frames) - 1
        each = Fraction(config.duration or EncodingConfig.duration) / max(1, steps)
        hold = max(each, Fraction(config.hold))
        return Timeline(tuple(range(steps + 1)), 1 / each, hold, video_fps=Fraction(EncodingConfig.video_fps))

    def frames(self, side: int, timeline: Timeline) -> Iterator[np.ndarray]:
        return (_resized(self._frames[count], side) for count in timeline.counts)

    def samples(self, side: int, timeline: Timeline) -> Sequence[np.ndarray]:
        step = max(1, len(self._frames) // EncodingConfig.sample_frames)
        return [*self._frames[::step], self._frames[-1]]


def to_levels(pixels: np.ndarray, depth: int = 8) -> np.ndarray:
    """A float picture in [0, 1] as integers: uint8, or uint16 for a `depth` of 16 bits, of the same shape."""
    levels: np.ndarray = np.rint(pixels.astype(np.float64) * (2**depth - 1))
    return levels.astype(np.uint8 if depth == 8 else np.uint16)


def _resized(image: np.ndarray, side: int) -> np.ndarray:
    """A picture, uint8 [H, W, C], with a longer side of `side` pixels."""
    rows, columns = image.shape[:2]
    height, width = fit_size(rows, columns, side)
    if (height, width) == (rows, columns):
        return image
    return to_levels(resize_image(image.astype(np.float32) / 255, height, width))
