"""A clip whose shots are painted side by side, by processes of this machine or of many, and then joined."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import chain, islice, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from painter.batch.driver import Event, run_jobs
from painter.batch.ledger import Ledger
from painter.batch.pools import Pool
from painter.errors import AutosaveError, OutputError, PictureError, WorkersError, one_line
from painter.options.video import VideoConfig
from painter.system.atomic import replacing
from painter.video.clip_painter import frames_ahead
from painter.video.clip_run import LIVES, FolderRun, PaintedClip, full_disk_explained, seen_config
from painter.video.clip_source import ClipSource
from painter.video.shots import Shot, ShotWork, check_of, find_shots
from painter.video.stroke_video import FilmFrame, FrameWriter, end_line, head_line
from painter.video.stroke_video_reader import read_frames


@dataclass(frozen=True)
class ShotProgress:
    """How far a clip is.

    Attributes:
        stage: 'looking for shots' or 'painting shots'.
        frames: that are done, of `total`, if it is known.
        shots: that have been found, or are painted.
        problem: a line about a shot that failed; '' if none has just failed.
    """

    stage: str
    frames: int
    total: int | None
    shots: int
    problem: str = ""


@dataclass(frozen=True)
class _Found:
    """The shots of a clip, and what ended the search for them, if it was not its end.

    Attributes:
        after: CRC-32 of frames after the last one that is wanted, as many as a painter looks ahead.
    """

    shots: tuple[Shot, ...]
    failed: str | None
    after: tuple[int, ...]

    def ahead(self, number: int, count: int) -> tuple[int, ...]:
        """CRC-32 of the `count` frames that come after the first `number` shots, or as many as there are."""
        later = chain(*(shot.checks for shot in self.shots[number:]), self.after)
        return tuple(islice(later, count))


class _Report:
    """Turns the events of `run_jobs` into progress.

    Attributes:
        failed: a line about the first shot that could not be painted.
    """

    def __init__(self, works: list[ShotWork], ledger: Ledger, on_progress: Callable[[ShotProgress], object]) -> None:
        self._sizes = {work.key: len(work.shot.checks) for work in works}
        self._ledger, self._on_progress = ledger, on_progress
        self._frames, self.failed = 0, ""

    def show(self, event: Event) -> None:
        """This is `on_event`."""
        problem = f"{event.key}: {event.reason}" if event.kind in ("failed", "retrying") else ""
        if event.kind == "started":
            self._frames = sum(self._sizes.get(key, 0) for key in self._ledger.done())
        elif event.kind == "painted":
            self._frames += self._sizes[event.key]
        elif event.kind == "failed":
            self.failed = self.failed or problem
        shots, total = event.summary.kept + event.summary.painted, sum(self._sizes.values())
        self._on_progress(ShotProgress("painting shots", self._frames, total, shots, problem))


class ShotRun(FolderRun):
    """Paints a clip into a folder of its own, shot by shot: the strokes are those that `ClipRun` finds.

    Args:
        folder: for the shots and a ledger of them; made if it is missing.
        resume: whether to go on where an earlier run of the same was cut short. Shots that were not complete are begun
            anew.

    Raises:
        AutosaveError: what is to be resumed is damaged, or of another clip; or there is something to resume, and it is
            not to be. It is left alone.
        OutputError: the folder cannot be made.
        PictureError: the clip cannot be read.
    """

    def __init__(self, source: ClipSource, config: VideoConfig, folder: Path, resume: bool = False) -> None:
        super().__init__(source, config, folder, resume)
        self._found: _Found | None = None
        try:
            if not resume:
                shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write {folder}: {error.strerror or error}; choose another folder") from error
        if resume:
            self._resume()

    def run(self, pool: Pool, on_progress: Callable[[ShotProgress], object] = lambda progress: None) -> PaintedClip:
        """Paint all shots that are left, or as many as Ctrl-C and the time allow, and join those that follow each other
        from the beginning on.

        Args:
            pool: open.

        Raises:
            PictureError: there is no frame that can be read.
            OutputError: a file cannot be written; what was painted before can be resumed.
            WorkersError: no workers are left, or the first shot could not be painted, or not in time.
            KeyboardInterrupt: at the second Ctrl-C, or before the first shot is painted.
        """
        begun = time.monotonic()
        found = self._found or self._look(on_progress)
        works = self._works(found)
        with Ledger.open(self.folder) as ledger:
            report = _Report(works, ledger, on_progress)
            seconds = None if self.config.seconds is None else self.config.seconds - (time.monotonic() - begun)
            summary = run_jobs(works, self.folder, ledger, pool, report.show, seconds=seconds)
            rows = ledger.rows()
        together = list(takewhile(lambda work: rows[work.key].state == "done", works))
        if not together:
            if summary.interrupted:
                raise KeyboardInterrupt
            late = "the time was over before the first shot was painted; --resume goes on, with more of it"
            raise WorkersError(report.failed or late)
        path, count = self._join(together)
        all_of_it = len(together) == len(works)
        failed = PictureError(found.failed) if found.failed and all_of_it else None
        return PaintedClip(
            path, self.film, count, all_of_it and failed is None, summary.interrupted, failed, report.failed
        )

    # --- shots -----------------------------------------------------------------------------------------------------

    def _look(self, on_progress: Callable[[ShotProgress], object]) -> _Found:
        """Find the shots, and keep them for a run that resumes this one."""
        try:
            found = self._search(on_progress)
        except BaseException:
            with suppress(OSError):  # it is not empty: there is something to resume
                self.folder.rmdir()
            raise
        with full_disk_explained(self.shots), replacing(self.shots) as temporary:
            temporary.write_text(json.dumps(self._document(found)))
        return found

    def _search(self, on_progress: Callable[[ShotProgress], object]) -> _Found:
        """Find the shots. Ctrl-C ends it at once: nothing can be painted before all are known."""
        shots, failed, after, begun = list[Shot](), None, list[int](), time.monotonic()

        def count(frames: int) -> None:
            on_progress(ShotProgress("looking for shots", frames, self.frames, len(shots)))
            if self.config.seconds is not None and time.monotonic() - begun > self.config.seconds:
                raise WorkersError("the time was over before all shots were found; allow more")

        with closing(self._images()) as images:
            try:
                for shot in find_shots(islice(images, self.config.frames), LIVES[self.config.life], count):
                    shots.append(shot)
            except PictureError as error:
                if not shots:
                    raise
                failed = str(error)
            with suppress(PictureError):  # nobody wants these frames themselves
                after.extend(map(check_of, islice(images, 0 if failed else self._ahead)))
        if not shots:
            raise PictureError(f"cannot read {one_line(self.source.path)}: there is no frame in it; name a clip")
        return _Found(tuple(shots), failed, tuple(after))

    def _images(self) -> Generator[np.ndarray, None, None]:
        yield from self.source.frames()

    @property
    def _ahead(self) -> int:
        """How many frames to come a painter looks at."""
        return frames_ahead(LIVES[self.config.life], self.config.exact)

    def _works(self, found: _Found) -> list[ShotWork]:
        config, clip = seen_config(self.source, self.config), LIVES[self.config.life]
        return [
            ShotWork(
                f"shot {number}, from frame {shot.first} on", config, (f"shot-{number:06d}.strokes.jsonl.gz",),
                self.source, shot, self.film, clip, self.config.exact, found.ahead(number, self._ahead),
            )
            for number, shot in enumerate(found.shots, 1)
        ]  # fmt: skip

    def _document(self, found: _Found) -> dict[str, Any]:
        shots = [[shot.first, *shot.checks] for shot in found.shots]
        return {
            "identity": self.identity, "frames": self.config.frames, "shots": shots, "failed": found.failed,
            "after": found.after,
        }  # fmt: skip

    def _resume(self) -> None:
        if not self.shots.exists():
            if self.state.exists():
                raise AutosaveError(
                    f"--resume: {self.folder} is of a run without --processes and --ray; resume it without them"
                )
            return
        try:
            document = json.loads(self.shots.read_text())
            self.check_identity(document["identity"], self.shots)
            shots = tuple(Shot(int(first), tuple(map(int, checks))) for first, *checks in document["shots"])
            found = _Found(shots, document["failed"], tuple(map(int, document["after"])))
            there = [work for work in self._works(found) if (self.folder / work.files[0]).exists()]
            self.resumed = sum(len(work.shot.checks) for work in there)
            if document["frames"] == self.config.frames:  # else other frames are looked at
                self._found = found
        except (LookupError, TypeError, ValueError, OSError) as error:
            raise AutosaveError(
                f"--resume: {self.shots}: it is damaged; delete {self.folder} to start from the beginning"
            ) from error

    # --- joined ----------------------------------------------------------------------------------------------------

    def _join(self, works: list[ShotWork]) -> tuple[Path, int]:
        """Write a stroke video of shots that follow each other; its path and how many frames it has."""
        path = self.folder / "film.strokes.jsonl.gz"
        count, writer = 0, FrameWriter(self.film)
        with full_disk_explained(path), open(path, "wb") as file:
            file.write(head_line(self.film))
            for frame in self._frames(works):
                file.write(writer.line(frame))
                count += 1
            file.write(end_line(count))
        return path, count

    def _frames(self, works: list[ShotWork]) -> Iterator[FilmFrame]:
        """The frames of shots in turn; nobody in one of them is somebody in another."""
        offset = 0
        for work in works:
            last = -1
            for frame in read_frames(self.folder / work.files[0]):
                last = max(last, int(frame.id.max(initial=-1)))
                yield replace(frame, id=frame.id + offset)
            offset += last + 1
