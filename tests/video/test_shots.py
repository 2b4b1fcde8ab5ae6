"""Shots: found without painting, painted side by side with the same bytes, stopped, killed and resumed."""

from __future__ import annotations

import gzip
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from helpers.clips import pan, save_clip, save_folder, square, texture

from painter import cli
from painter.batch.digests import Digests
from painter.batch.jobs import Failure, Outcome, Painted, Work
from painter.batch.paint_job import attempt
from painter.batch.ray_pool import Task, _paint
from painter.errors import AutosaveError, PictureError, WorkersError
from painter.options.video import VideoConfig
from painter.video.clip_config import ClipConfig
from painter.video.clip_painter import ClipPainter
from painter.video.clip_run import ClipRun
from painter.video.clip_source import ClipSource, open_clip
from painter.video.shot_run import ShotProgress, ShotRun
from painter.video.shots import ShotWork, find_shots
from painter.video.stroke_video_reader import count_frames, read_frames

pytestmark = pytest.mark.slow

CONFIG = VideoConfig(style="rectangle", strokes=6, size=64, iterations=2)
CUTS = [0, 4, 8]


def clip_frames() -> list[np.ndarray]:
    """Three shots: something moves, everything moves, everything stands still."""
    return [*square(4), *pan(4), *[texture(9)] * 3]


@dataclass
class Here:
    """Workers in this process. From `after` works on, `otherwise` is called instead of painting."""

    after: int = 99
    asked: list[str] = field(default_factory=list)
    waiting: list[Work] = field(default_factory=list)
    capacity: int = 1

    def submit(self, job: Work) -> None:
        self.asked.append(job.key)
        self.waiting.append(job)

    def wait(self, seconds: float) -> list[Outcome]:
        jobs, self.waiting = self.waiting, []
        return [self.otherwise(job) if len(self.asked) > self.after else attempt(job) for job in jobs]

    def otherwise(self, job: Work) -> Outcome:
        raise AssertionError

    def close(self) -> None: ...


@dataclass
class Failing(Here):
    def otherwise(self, job: Work) -> Outcome:
        return Failure(job.key, "its worker burnt down", permanent=True, worker="me:1")


@dataclass
class Stopping(Here):
    """Ctrl-C while the next one is painted, which takes long."""

    def otherwise(self, job: Work) -> Outcome:
        os.kill(os.getpid(), signal.SIGINT)
        return Failure(job.key, "it was given up", permanent=False, worker="me:1")


class KilledError(Exception):
    """Stands for `kill -9`: nothing is done after it."""


@dataclass
class Killed(Here):
    def otherwise(self, job: Work) -> Outcome:
        raise KilledError


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", clip_frames())


@pytest.fixture(scope="module")
def whole(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The stroke video of frames that are painted one after the other."""
    return ClipRun(open_clip(clip, 64), CONFIG, tmp_path_factory.mktemp("whole") / "run").run().path.read_bytes()


def begun(clip: Path, folder: Path, resume: bool = False, config: VideoConfig = CONFIG) -> ShotRun:
    return ShotRun(open_clip(clip, 64), config, folder / "run", resume)


# --- where shots begin --------------------------------------------------------------------------------------


@pytest.mark.parametrize("flashing", [False, True])
def test_cuts_are_found_where_the_painter_finds_them(flashing: bool) -> None:
    frames = clip_frames()
    if flashing:  # half the canvas, all of it for one frame, noise
        noise = np.random.default_rng(1).normal(0, 4, frames[0].shape)
        frames[1][:, :40] = 255
        frames[6] = 255 - frames[6]
        frames[10] = np.rint(frames[10] + noise).clip(0, 255).astype(np.uint8)
    painter = ClipPainter(CONFIG.painting(), ClipConfig())
    cuts = [number for number, frame in enumerate(frames) if painter.next(frame).cut]
    counted: list[int] = []
    shots = list(find_shots(frames, ClipConfig(), counted.append))
    assert [shot.first for shot in shots] == cuts and counted == list(range(1, len(frames) + 1))
    assert [len(shot.checks) for shot in shots] == np.diff([*cuts, len(frames)]).tolist()
    assert cuts == CUTS or (flashing and set(CUTS) < set(cuts))


# --- painted --------------------------------------------------------------------------------------------------


def test_shots_painted_apart_are_those_painted_in_turn(clip: Path, whole: bytes, tmp_path: Path) -> None:
    seen: list[ShotProgress] = []
    pool = Here()
    painted = begun(clip, tmp_path).run(pool, seen.append)
    assert painted.path.read_bytes() == whole and painted.ended and painted.frames == 11
    assert [frame.cut for frame in read_frames(painted.path)] == [n in CUTS for n in range(11)]
    assert pool.asked == [f"shot {n}, from frame {first} on" for n, first in enumerate(CUTS, 1)]
    assert [(p.frames, p.shots) for p in seen if p.stage == "painting shots"] == [(0, 0), (4, 1), (8, 2), (11, 3)]


@pytest.mark.usefixtures("forked_workers")
def test_the_command_paints_them_in_processes(
    clip: Path, whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--strokes", "6", "--size", "64", "--style", "rectangle", "--iterations", "2", "--quiet"]
    assert cli.main(["video", str(clip), *words, "--processes", "1", "-o", "a.strokes.jsonl.gz"]) == 0
    assert (tmp_path / "a.strokes.jsonl.gz").read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["a.strokes.jsonl.gz"]


@pytest.mark.parametrize("shots", [False, True])
def test_fewer_frames_are_the_first_ones_of_all(shots: bool, clip: Path, whole: bytes, tmp_path: Path) -> None:
    """Though the last of them look at those after them; in a shot under a moving camera."""
    few = VideoConfig(**{**vars(CONFIG), "frames": 6})
    run = begun(clip, tmp_path, config=few) if shots else ClipRun(open_clip(clip, 64), few, tmp_path / "run")
    painted = run.run(Here()) if isinstance(run, ShotRun) else run.run()
    assert painted.frames == 6
    first, lines = painted.path.read_bytes(), gzip.decompress(whole).splitlines()
    assert gzip.decompress(first).splitlines()[:-1] == lines[:7]
    if isinstance(run, ShotRun):
        assert begun(clip, tmp_path, resume=True).run(Here()).path.read_bytes() == whole
    else:
        assert ClipRun(open_clip(clip, 64), CONFIG, tmp_path / "run", resume=True).run().path.read_bytes() == whole


def works(clip: ClipSource, folder: Path) -> list[ShotWork]:
    run = ShotRun(clip, CONFIG, folder / "works")
    return run._works(run._look(lambda progress: None))


@pytest.mark.parametrize("kind", ["video", "folder"])
def test_another_machine_needs_no_file_but_those_it_is_sent(kind: str, clip: Path, tmp_path: Path) -> None:
    path = clip if kind == "video" else save_folder(tmp_path / "in", clip_frames())
    work = works(open_clip(path, 64), tmp_path)[1]
    expected = attempt(work)
    assert isinstance(expected, Painted)
    contents = [file.read_bytes() for file in work.pictures]
    assert len(contents) == (1 if kind == "video" else 4 + 3)  # it looks at the frames after it, too
    gone = path.rename(path.with_name(f"gone{path.suffix}"))
    try:
        made = _paint(Task(work, work.pictures, 1), None, *contents)
    finally:
        gone.rename(path)
    assert isinstance(made, Painted) and made.files == expected.files


def test_frames_that_are_not_found_by_their_time_are_counted_instead(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = works(open_clip(clip, 64), tmp_path)[1]
    expected, frames, sought = attempt(work), ClipSource.frames, list[bool]()

    def late(source: ClipSource, first: int = 0, seek: bool = False):  # type: ignore[no-untyped-def]
        sought.append(seek)
        return frames(source, first + seek, seek)

    monkeypatch.setattr(ClipSource, "frames", late)
    made = attempt(work)
    assert isinstance(made, Painted) and isinstance(expected, Painted) and made.files == expected.files
    assert sought == [True, False]

    def broken(source: ClipSource, first: int = 0, seek: bool = False):  # type: ignore[no-untyped-def]
        if seek:
            raise PictureError("cannot read all of it")
        return frames(source, first)

    monkeypatch.setattr(ClipSource, "frames", broken)
    made = attempt(work)
    assert isinstance(made, Painted) and made.files == expected.files
    monkeypatch.setattr(ClipSource, "frames", lambda source, first=0, seek=False: frames(source, first + 1, seek))
    changed = attempt(work)
    assert isinstance(changed, Failure) and changed.permanent and "it has changed; begin anew" in changed.reason


def test_whatever_decides_the_bytes_of_a_shot_is_in_its_digest(clip: Path, tmp_path: Path) -> None:
    first, second, _ = works(open_clip(clip, 64), tmp_path)
    moved = save_clip(tmp_path / "other.mp4", clip_frames())
    again = works(open_clip(moved, 64), tmp_path / "moved")[0]
    digests = Digests()
    assert digests.of(first) == digests.of(again) != digests.of(second)
    run = ShotRun(open_clip(clip, 64), VideoConfig(**{**vars(CONFIG), "exact": True}), tmp_path / "exact")
    assert digests.of(run._works(run._look(lambda progress: None))[0]) != digests.of(first)


# --- stopped, killed, resumed ---------------------------------------------------------------------------------


def test_ctrl_c_while_shots_are_looked_for_is_answered_at_once(tmp_path: Path) -> None:
    looked: list[int] = []

    def stop(progress: ShotProgress) -> None:
        looked.append(progress.frames)
        os.kill(os.getpid(), signal.SIGINT)

    folder = save_folder(tmp_path / "in", [*square(4)])  # one shot
    with pytest.raises(KeyboardInterrupt):
        begun(folder, tmp_path).run(Here(), stop)
    assert looked == [1] and not (tmp_path / "run").exists()


def test_time_counts_while_shots_are_looked_for(clip: Path, tmp_path: Path) -> None:
    config = VideoConfig(**{**vars(CONFIG), "seconds": 0.1})
    with pytest.raises(WorkersError, match="before all shots were found"):
        begun(clip, tmp_path, config=config).run(Here(), lambda progress: time.sleep(0.06))
    assert not (tmp_path / "run").exists()


def test_other_frames_keep_the_shots_that_stay_the_same(clip: Path, whole: bytes, tmp_path: Path) -> None:
    begun(clip, tmp_path).run(Stopping(after=2))
    seen: list[ShotProgress] = []
    run, pool = begun(clip, tmp_path, True, VideoConfig(**{**vars(CONFIG), "frames": 10})), Here()
    assert run.resumed == 8
    assert run.run(pool, seen.append).frames == 10 and pool.asked == ["shot 3, from frame 8 on"]
    assert [(p.frames, p.shots) for p in seen if p.stage == "painting shots"] == [(8, 2), (10, 3)]


def test_ctrl_c_keeps_the_shots_that_are_complete(clip: Path, whole: bytes, tmp_path: Path) -> None:
    painted = begun(clip, tmp_path).run(Stopping(after=2))
    assert (painted.frames, painted.ended, painted.interrupted) == (8, False, True)
    assert count_frames(painted.path) == 8
    run, pool = begun(clip, tmp_path, resume=True), Here()
    assert run.resumed == 8
    assert run.run(pool).path.read_bytes() == whole and pool.asked == ["shot 3, from frame 8 on"]
    with pytest.raises(KeyboardInterrupt):
        begun(clip, tmp_path / "first").run(Stopping(after=0))


def test_a_killed_run_paints_nothing_twice(
    clip: Path, whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KilledError):
        begun(clip, tmp_path).run(Killed(after=1))
    monkeypatch.setattr("painter.video.shot_run.find_shots", None)  # they are known
    pool = Here()
    assert begun(clip, tmp_path, resume=True).run(pool).path.read_bytes() == whole
    assert len(pool.asked) == 2


def test_time_that_is_over_ends_with_a_shot(clip: Path, tmp_path: Path) -> None:
    config = VideoConfig(**{**vars(CONFIG), "seconds": 0.1})
    begun(clip, tmp_path)._look(lambda progress: None)
    with pytest.raises(WorkersError, match="the time was over before the first shot was painted"):
        begun(clip, tmp_path, True, config).run(Slow())
    assert begun(clip, tmp_path, resume=True).run(Here()).frames >= 4


@dataclass
class Slow(Here):
    """Takes longer than there is time, and does not come back."""

    def wait(self, seconds: float) -> list[Outcome]:
        time.sleep(0.12)
        return []


def test_a_shot_that_fails_ends_the_film_and_can_be_tried_again(clip: Path, whole: bytes, tmp_path: Path) -> None:
    seen: list[ShotProgress] = []
    painted = begun(clip, tmp_path).run(Failing(after=2), seen.append)
    assert painted.frames == 8 and not painted.ended
    assert painted.unpainted == "shot 3, from frame 8 on: its worker burnt down" == seen[-1].problem
    assert begun(clip, tmp_path, resume=True).run(Here()).path.read_bytes() == whole
    with pytest.raises(WorkersError, match="shot 1, from frame 0 on: its worker burnt down"):
        begun(clip, tmp_path / "first").run(Failing(after=0))


def test_a_clip_that_breaks_off_is_painted_to_there(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "in", [*square(3), texture(0, 32, 40)])
    painted = begun(folder, tmp_path).run(Here())
    assert painted.frames == 3 and isinstance(painted.failed, PictureError)
    assert "this frame has 40x32 pixels" in str(painted.failed)


def test_runs_of_another_kind_are_not_resumed(clip: Path, tmp_path: Path) -> None:
    run = begun(clip, tmp_path)
    run._look(lambda progress: None)
    source = open_clip(clip, 64)
    with pytest.raises(AutosaveError, match="progress of an earlier run; --resume goes on"):
        begun(clip, tmp_path)
    with pytest.raises(AutosaveError, match="is of a run with --processes or --ray"):
        ClipRun(source, CONFIG, tmp_path / "run", resume=True)
    with pytest.raises(AutosaveError, match="another clip or other options"):
        begun(clip, tmp_path, True, VideoConfig(**{**vars(CONFIG), "seed": 3}))
    (tmp_path / "run/shots.json").write_text("[")
    with pytest.raises(AutosaveError, match="damaged"):
        begun(clip, tmp_path, True)
    (tmp_path / "run/shots.json").unlink()
    (tmp_path / "run/state").write_bytes(b"")
    with pytest.raises(AutosaveError, match="is of a run without --processes and --ray"):
        begun(clip, tmp_path, True)
