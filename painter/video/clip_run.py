"""A clip painted from its first frame to its last, into a stroke video that grows: it can be stopped and resumed."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from painter.errors import AutosaveError, OutputError, PictureError, one_line
from painter.options.paint import PaintConfig
from painter.options.video import VideoConfig
from painter.system.atomic import replacing
from painter.system.interrupts import deferred_interrupts
from painter.system.snapshot import dump_into, integer, load
from painter.version import __version__
from painter.video.clip_config import ClipConfig, under_camera
from painter.video.clip_painter import ClipPainter
from painter.video.clip_source import ClipSource
from painter.video.looking_ahead import with_ahead
from painter.video.stroke_video import Film, FilmFrame, FrameWriter, end_line, head_line

SAVE_SECONDS = 2.0  # at least, between two saves of the state
_NOT_OF_STROKES = ("frames", "seconds", "mute", "processes", "ray")  # options that a run can be resumed without
LIVES = {
    "calm": ClipConfig(),
    "lively": ClipConfig(
        camera=under_camera(rate=0.8), hold=0.0045, turnover=0.1, gain_over_cost=(1.0, 0.85), fade=(2, 2)
    ),
}
"""What `VideoConfig.life` stands for."""


@dataclass(frozen=True, eq=False)
class ClipProgress:
    """One more frame has been painted."""

    frame: int  # how many there are
    frames: int | None  # how many there will be, about
    shown: FilmFrame


@dataclass(frozen=True, eq=False)
class PaintedClip:
    """What a run has painted.

    Attributes:
        path: of a complete stroke video, in the run's folder.
        frames: how many it has.
        ended: whether that is all of the clip.
        interrupted: whether Ctrl-C ended it before.
        failed: what cut the clip short.
    """

    path: Path
    film: Film
    frames: int
    ended: bool
    interrupted: bool
    failed: PictureError | None
    unpainted: str = ""  # why a shot could not be painted; what comes after it is left out


class FolderRun:
    """What both ways to paint a clip share: a folder of its own, which may hold the progress of an earlier run.

    Args and errors as for `ClipRun`.
    """

    def __init__(self, source: ClipSource, config: VideoConfig, folder: Path, resume: bool) -> None:
        self.source, self.config, self.folder = source, config, folder
        self.film, self.identity = film_of(source, config), fingerprint(source, config)
        self.state, self.shots = folder / "state", folder / "shots.json"  # of runs frame by frame, and shot by shot
        self.resumed = 0  # frames that an earlier run had painted
        if not resume and (self.state.exists() or self.shots.exists()):
            raise AutosaveError(
                f"{folder} has the progress of an earlier run; --resume goes on, or delete the folder to begin anew"
            )

    @property
    def frames(self) -> int | None:
        """How many frames there will be, about."""
        both = [n for n in (self.source.count, self.config.frames) if n is not None]
        return min(both, default=None)

    def close(self, finished: bool) -> None:
        """Remove the folder, unless there is something to resume."""
        if finished:
            shutil.rmtree(self.folder, ignore_errors=True)

    def check_identity(self, identity: object, path: Path) -> None:
        """Raise AutosaveError if what is to be resumed, kept at a path, is not of this run."""
        if identity != self.identity:
            raise AutosaveError(
                f"--resume: {path}: it is of another clip or other options; resume it by the command that started it"
            )


class ClipRun(FolderRun):
    """Paints a clip into a folder of its own.

    Args:
        folder: for the stroke video as it grows, and for the state to resume from; made if it is missing.
        resume: whether to go on where an earlier run of the same was cut short.

    Raises:
        AutosaveError: what is to be resumed is damaged, or of another clip; or there is something to resume, and it is
            not to be. It is left alone.
        OutputError: the folder cannot be made.
        PictureError: the clip cannot be read.
    """

    def __init__(self, source: ClipSource, config: VideoConfig, folder: Path, resume: bool = False) -> None:
        super().__init__(source, config, folder, resume)
        self.painter = ClipPainter(seen_config(source, config), LIVES[config.life], config.exact)
        self._lines = folder / "strokes.jsonl.gz"
        self._length = 0  # bytes of the lines
        if resume and self.shots.exists():
            raise AutosaveError(f"--resume: {folder} is of a run with --processes or --ray; resume it with one of them")
        if not (resume and self._resume()):
            self._begin()

    def run(self, on_frame: Callable[[ClipProgress], object] | None = None) -> PaintedClip:
        """Paint all frames that are left, or as many as Ctrl-C and the time allow; the first Ctrl-C ends with a frame.

        Raises:
            PictureError: the first frame cannot be read.
            OutputError: the stroke video cannot be written; what was saved before can be resumed.
            KeyboardInterrupt: at the second Ctrl-C, or before the first frame.
        """
        begun = saved = time.monotonic()
        before = self.painter.shown() if self.resumed else None
        writer = FrameWriter(self.film, self.resumed, before)
        count, ended, failed = self.resumed, False, None
        with (
            full_disk_explained(self._lines),
            open(self._lines, "ab") as lines,
            deferred_interrupts() as received,
            closing(self._images()) as images,
        ):
            while not received and not self._late(begun, count):
                try:
                    image, ahead = next(images)
                except StopIteration:
                    ended = True
                    break
                except PictureError as error:
                    failed = error
                    break
                frame = self.painter.next(image, ahead)
                self._length += lines.write(writer.line(frame))
                count += 1
                if time.monotonic() - saved >= SAVE_SECONDS:
                    lines.flush()
                    self._save(count)
                    saved = time.monotonic()
                if on_frame is not None:
                    on_frame(ClipProgress(count, self.frames, frame))
            lines.flush()
            if count and (received or not ended):
                self._save(count)
        return self._finished(count, ended, bool(received), failed)

    def _images(self) -> Generator[tuple[np.ndarray, tuple[np.ndarray, ...]], None, None]:
        """The frames that are left, up to the last one wanted, each with those after it: that may be more."""
        left = islice(self.source.frames(), self.resumed, None)
        wanted = None if self.config.frames is None else self.config.frames - self.resumed
        yield from islice(with_ahead(left, self.painter.ahead), wanted)

    def _late(self, begun: float, count: int) -> bool:
        limit = self.config.seconds
        return limit is not None and count > self.resumed and time.monotonic() - begun > limit

    def _finished(self, count: int, ended: bool, interrupted: bool, failed: PictureError | None) -> PaintedClip:
        if not count:
            self.close(finished=True)
            if failed is not None:
                raise failed
            if ended:
                raise PictureError(f"cannot read {one_line(self.source.path)}: there is no frame in it; name a clip")
            raise KeyboardInterrupt
        path = self.folder / "film.strokes.jsonl.gz"
        with full_disk_explained(path):
            shutil.copyfile(self._lines, path)
            with open(path, "ab") as file:
                file.write(end_line(count))
        return PaintedClip(path, self.film, count, ended, interrupted, failed)

    # --- saved and resumed -----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        try:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            head = head_line(self.film)
            self._lines.write_bytes(head)
        except OSError as error:
            raise OutputError(
                f"cannot write {self.folder}: {error.strerror or error}; choose another folder"
            ) from error
        self._length = len(head)

    def _save(self, count: int) -> None:
        """A full disk is not the end of a run: it goes on unsaved."""
        state = {"identity": self.identity, "count": count, "length": self._length, "painter": self.painter.state()}
        with suppress(OSError), replacing(self.state) as temporary:
            dump_into(temporary, state)

    def _resume(self) -> bool:
        """Whether there was a state to resume from."""
        try:
            content = self.state.read_bytes()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise AutosaveError(f"--resume: {self.state}: {error.strerror or error}; it was left alone") from error
        try:
            state = load(content)
            self.check_identity(state["identity"], self.state)
            self.resumed = integer(state["count"], 1, 10**9)
            self._length = integer(state["length"], 1, self._lines.stat().st_size)
            self.painter.restore(state["painter"])
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, OSError) as error:
            if isinstance(error, AutosaveError):
                raise
            raise AutosaveError(
                f"--resume: {self.state}: it is damaged; delete it to start from the beginning"
            ) from error
        wanted = self.config.frames
        if wanted is not None and self.resumed > wanted:
            raise AutosaveError(f"--frames {wanted}: {self.resumed} frames are painted already; name at least as many")
        with full_disk_explained(self._lines), open(self._lines, "r+b") as lines:
            lines.truncate(self._length)
        return True


def film_of(source: ClipSource, config: VideoConfig) -> Film:
    """What all frames of the painted clip share."""
    painting = config.painting()
    return Film(painting.style, source.size, source.rate, painting)


def seen_config(source: ClipSource, config: VideoConfig) -> PaintConfig:
    """Of the paintings as the search sees them."""
    return replace(config.painting(), size=max(source.size), relief=0.0, texture=0.0)


def fingerprint(source: ClipSource, config: VideoConfig) -> str:
    """What tells a run from others, a sha256. Raises PictureError: the clip cannot be read."""
    options = {name: value for name, value in asdict(config).items() if name not in _NOT_OF_STROKES}
    about = json.dumps([__version__, options, source.fingerprint()], sort_keys=True)
    return hashlib.sha256(about.encode()).hexdigest()


@contextmanager
def full_disk_explained(path: Path) -> Iterator[None]:
    """Turn what the machine refuses to write into an OutputError."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; free some space") from error
