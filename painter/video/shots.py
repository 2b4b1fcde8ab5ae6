"""Shots: where a clip is cut, found without painting, and one of them as work for any process or machine."""

from __future__ import annotations

import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np

from painter.batch.jobs import OwnWork, Painted
from painter.batch.paint_job import localized, worker_name
from painter.errors import PictureError, one_line
from painter.options.paint import PaintConfig
from painter.video.clip_config import ClipConfig
from painter.video.clip_painter import ClipPainter
from painter.video.clip_source import ClipSource
from painter.video.looking_ahead import Pair, with_ahead
from painter.video.stroke_video import Film, FrameWriter, end_line, head_line

REACH = 9  # pixels, of the blur in which `follow_motion` looks for what it has lost


@dataclass(frozen=True)
class Shot:
    """Frames between two cuts.

    Attributes:
        first: number of its first frame in the clip.
        checks: CRC-32 of each of its frames.
    """

    first: int
    checks: tuple[int, ...]


class CutFinder:
    """Tells at which frames `ClipPainter` begins a shot, from the frames alone."""

    def __init__(self, clip: ClipConfig) -> None:
        self._clip = clip
        self._painted: np.ndarray | None = None  # uint8 [H, W, 3]: the source as it was painted last, pixel by pixel
        self._source: np.ndarray  # uint8 [H, W, 3]: the frame before

    def begins(self, image: np.ndarray) -> bool:
        """Whether a shot begins with the next frame, uint8 [H, W, 3]."""
        if self._painted is None:
            self._painted = self._source = image
            return True
        pair = Pair(self._source, image, self._clip, self._painted)
        cut = self._may_be_lost(pair.changed) and pair.motion.lost > self._clip.shot
        self._painted = image if cut else np.where(pair.changed[..., None], image, self._painted)
        self._source = image
        return cut

    def _may_be_lost(self, changed: np.ndarray) -> bool:
        """Whether it is worth looking where everything went: what is lost has changed, or lies beside it."""
        near = cv2.dilate(changed.astype(np.uint8), np.ones((REACH, REACH), np.uint8))
        return float(near.mean()) > self._clip.shot


def find_shots(
    frames: Iterable[np.ndarray], clip: ClipConfig, on_frame: Callable[[int], object] = lambda count: None
) -> Iterator[Shot]:
    """The shots of a clip, each when it has ended.

    Args:
        frames: uint8 [H, W, 3]. When reading them fails the shot that was under way is yielded before the error.
        on_frame: called with the number of frames that have been looked at.
    """
    finder, first, checks = CutFinder(clip), 0, list[int]()
    failed: PictureError | None = None
    numbered = enumerate(frames)
    while True:
        try:
            number, frame = next(numbered)
        except StopIteration:
            break
        except PictureError as error:
            failed = error
            break
        if finder.begins(frame) and checks:
            yield Shot(first, tuple(checks))
            first, checks = number, []
        checks.append(check_of(frame))
        on_frame(number + 1)
    if checks:
        yield Shot(first, tuple(checks))
    if failed is not None:
        raise failed


class _OtherFrameError(Exception):
    """A frame is not the one that was there when shots were looked for."""


@dataclass(frozen=True)
class ShotWork(OwnWork):
    """A shot to be painted into a stroke video of its own, whose frames and identities begin at 0.

    Attributes:
        config: of its paintings, at the size that they are searched at; film: what its file says.
        clip, exact: see `ClipPainter`.
        ahead: CRC-32 of the frames after the shot that its painter looks at.
    """

    key: str
    config: PaintConfig
    files: tuple[str, ...]
    source: ClipSource
    shot: Shot
    film: Film
    clip: ClipConfig
    exact: bool
    ahead: tuple[int, ...]

    @property
    def pictures(self) -> tuple[Path, ...]:
        """See `Work`."""
        return self.source.pictures(self.shot.first, len(self._checks))

    def about(self, of_file: Callable[[Path], str]) -> dict[str, Any]:
        """See `OwnWork`: its frames count, wherever they come from."""
        return {
            "shot": asdict(self.shot), "clip": asdict(self.clip), "exact": self.exact, "film": repr(self.film),
            "ahead": self.ahead,
        }  # fmt: skip

    def carry_out(self, local_paths: Mapping[Path, Path], scratch: str | None) -> Painted:
        """See `OwnWork`. Raises PictureError: a frame cannot be read, or is another one than before."""
        start = time.perf_counter()
        source, config = self.source.relocated(local_paths), localized(self.config, local_paths)
        with tempfile.TemporaryFile(dir=scratch) as file:
            if not (self._paint(file, source, config, seek=True) or self._paint(file, source, config, seek=False)):
                raise PictureError(f"cannot read {one_line(self.source.path)}: it has changed; begin anew")
            file.seek(0)
            content = file.read()
        figures = {"frames": float(len(self.shot.checks))}
        return Painted(self.key, {self.files[0]: content}, figures, time.perf_counter() - start, worker_name())

    def _paint(self, file: BinaryIO, source: ClipSource, config: PaintConfig, seek: bool) -> bool:
        """Write the stroke video; whether all its frames were found as they were when shots were looked for."""
        file.seek(0)
        file.truncate()
        painter, writer = ClipPainter(config, self.clip, self.exact, self.shot.first), FrameWriter(self.film)
        file.write(head_line(self.film))
        try:
            for frame, ahead in islice(with_ahead(self._frames(source, seek), painter.ahead), len(self.shot.checks)):
                file.write(writer.line(painter.next(frame, ahead)))
        except _OtherFrameError:
            return False
        except PictureError:
            if seek:  # some formats cannot be read from every frame on
                return False
            raise
        file.write(end_line(len(self.shot.checks)))
        return True

    def _frames(self, source: ClipSource, seek: bool) -> Iterator[np.ndarray]:
        """Its frames and those ahead. Raises _OtherFrameError at one that is not as it was."""
        count = 0
        for frame in islice(source.frames(self.shot.first, seek), len(self._checks)):
            if check_of(frame) != self._checks[count]:
                raise _OtherFrameError
            count += 1
            yield frame
        if count < len(self._checks):
            raise _OtherFrameError

    @property
    def _checks(self) -> tuple[int, ...]:
        return self.shot.checks + self.ahead


def check_of(frame: np.ndarray) -> int:
    """CRC-32 of a frame."""
    return zlib.crc32(np.ascontiguousarray(frame).data)
