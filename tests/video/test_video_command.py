"""The command `video`: its files, sound, Ctrl-C, kill and --resume, and what it refuses."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.clips import (
    HEIGHT,
    WIDTH,
    clip_with_tone,
    ffmpeg,
    pan,
    random_film,
    save_clip,
    save_folder,
    square,
    texture,
    write_film,
)
from PIL import Image

from painter import cli
from painter.cli.video import _say_beginning
from painter.errors import AutosaveError, OptionError, OutputError, PictureError
from painter.options.video import VideoConfig
from painter.video import clip_run
from painter.video.clip_run import ClipProgress, ClipRun
from painter.video.clip_source import open_clip
from painter.video.film_files import FilmCut, write_film_file
from painter.video.stroke_video_reader import count_frames, read_film, read_frames

pytestmark = pytest.mark.slow

QUICK = ["--strokes", "10", "--size", "64", "--style", "rectangle", "--iterations", "4"]
CONFIG = VideoConfig(style="rectangle", strokes=10, size=64, iterations=4)


def frames_of(path: Path) -> list[np.ndarray]:
    return list(open_clip(path, 64).frames())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["paint.py"])
    return tmp_path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip_with_tone(tmp_path_factory.mktemp("clip"))


# --- files --------------------------------------------------------------------------------------------------


def test_every_format(clip: Path, here: Path) -> None:
    names = ("a.mp4", "a.gif", "a.webp", "frames/", "a.strokes.jsonl.gz", "a.html")
    assert cli.main(["video", str(clip), "--quiet", *QUICK, *(word for name in names for word in ("-o", name))]) == 0
    assert sorted(path.name for path in here.iterdir()) == sorted(name.rstrip("/") for name in names)
    film = read_film(here / "a.strokes.jsonl.gz")
    assert film.rate == 10 and film.aspect == (HEIGHT, WIDTH) and count_frames(here / "a.strokes.jsonl.gz") == 5
    pictures = [np.asarray(Image.open(file)) for file in sorted((here / "frames").iterdir())]
    assert len(pictures) == 5 and pictures[0].shape == (HEIGHT, WIDTH, 3)
    for name in ("a.mp4", "a.gif", "a.webp"):
        found = frames_of(here / name)
        assert len(found) == 5, name
        assert max(np.abs(a.astype(int) - b).mean() for a, b in zip(found, pictures, strict=True)) < 6, name
    assert open_clip(here / "a.mp4", 64).sound
    page = (here / "a.html").read_text()
    assert "ImpastoPaint" in page and '"rate":10.0' in page and "http://" not in page


def test_a_stroke_video_is_drawn_again(clip: Path, here: Path) -> None:
    assert cli.main(["video", str(clip), "--quiet", *QUICK, "-o", "a.strokes.jsonl.gz", "-o", "frames/"]) == 0
    replay = ["replay", "a.strokes.jsonl.gz", "--quiet"]
    assert cli.main([*replay, "-o", "again-frames/"]) == 0
    for one in (here / "frames").iterdir():
        assert one.read_bytes() == (here / "again-frames" / one.name).read_bytes()
    assert cli.main([*replay, "-o", "b.mp4", "--size", "32", "--fps", "20"]) == 0
    assert open_clip(here / "b.mp4", 64).size == (24, 32)
    assert len(frames_of(here / "b.mp4")) == 10
    assert cli.main([*replay, "-o", "red-frames/", "--canvas", "#ff0000", "--relief", "0.5"]) == 0
    assert (here / "red-frames/frame-00000.png").read_bytes() != (here / "frames/frame-00000.png").read_bytes()


NOT_OF_FILMS = (["--strokes", ":3"], ["--style", "oil"], ["--canvas", "transparent"], ["-o", "a.png"])


@pytest.mark.parametrize("words", NOT_OF_FILMS)
def test_what_replay_cannot_do_with_a_film(words: list[str], clip: Path, here: Path) -> None:
    assert cli.main(["video", str(clip), "--quiet", *QUICK, "--frames", "1", "-o", "a.strokes.jsonl.gz"]) == 0
    before = sorted(here.iterdir())
    assert cli.main(["replay", "a.strokes.jsonl.gz", *(["-o", "b.mp4"] if words[0] != "-o" else []), *words]) == 2
    assert sorted(here.iterdir()) == before


def test_options_do_what_they_say(clip: Path, here: Path) -> None:
    def film(*words: str) -> Path:
        name = f"{len(list(here.iterdir()))}.strokes.jsonl.gz"
        assert cli.main(["video", str(clip), "--quiet", *QUICK, *words, "-o", name]) == 0
        return here / name

    assert count_frames(film("--frames", "2")) == 2
    assert {len(frame.id) for frame in read_frames(film("--exact", "--frames", "3"))} == {10}
    assert read_film(film("--relief", "0.5", "--frames", "1")).config.relief == 0.5
    white = next(read_frames(film("--canvas", "white", "--frames", "1")))
    assert white.ground == (1.0, 1.0, 1.0)
    short = ["--frames", "2"]
    glass = read_film(film(*short, "--preset", "portrait"))
    assert (glass.config.style, glass.config.relief) == ("rectangle", 0.4)  # what is given goes before a preset
    one, other = (film(*short).read_bytes() for _ in range(2))
    assert one == other != film(*short, "--seed", "2").read_bytes()
    assert film(*short, "--life", "lively").read_bytes() != one
    cli.main(["video", str(clip), "--quiet", *QUICK, "--mute", "--frames", "2", "-o", "mute.mp4"])
    assert not open_clip(here / "mute.mp4", 64).sound


def test_sound_that_an_mp4_cannot_hold_is_kept_as_aac(clip: Path, here: Path) -> None:
    ffmpeg("-i", str(clip), "-c:v", "copy", "-c:a", "pcm_s16le", "odd.mkv")
    assert cli.main(["video", "odd.mkv", "--quiet", *QUICK, "-o", "a.mp4"]) == 0
    assert open_clip(here / "a.mp4", 64).sound


def test_a_film_is_not_cut_where_its_sound_ends(here: Path) -> None:
    save_clip(here / "silent.mp4", pan(8))
    tone = ["-f", "lavfi", "-i", "sine=440:duration=0.3"]
    ffmpeg("-i", "silent.mp4", *tone, "-c:v", "copy", "-c:a", "aac", "clip.mp4")
    assert cli.main(["video", "clip.mp4", "--quiet", *QUICK, "-o", "a.mp4"]) == 0
    found = open_clip(here / "a.mp4", 64)
    assert found.sound and len(list(found.frames())) == 8


def test_what_has_no_effect_on_a_film_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_film(here / "a.strokes.jsonl.gz", *random_film())
    files = ["-o", "b.html", "-o", "c.strokes.jsonl.gz", "-o", "d.gif"]
    words = ["--fps", "24", "--canvas", "#ff0000", "--size", "32", "--hold", "1"]
    assert cli.main(["replay", "a.strokes.jsonl.gz", *files, *words]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "--size has no effect on c.strokes.jsonl.gz",
        "--canvas has no effect on b.html, c.strokes.jsonl.gz",
        "--fps has no effect on b.html, c.strokes.jsonl.gz",
        "--hold has no effect on b.html, c.strokes.jsonl.gz, d.gif",
    ]


def test_a_size_that_an_mp4_does_not_get_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("painter.video.film_files.EncodingConfig.video_side", 32)
    film, frames = random_film()
    write_film(tmp_path / "a.strokes.jsonl.gz", film, frames)
    shown = FilmCut(tmp_path / "a.strokes.jsonl.gz", film, len(frames), 64)
    (note,) = write_film_file(str(tmp_path / "a.mp4"), shown)
    assert "32 pixels" in note and open_clip(tmp_path / "a.mp4", 64).size == (24, 32)


# --- Ctrl-C, kill, --resume ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The stroke video of a run that nothing stops."""
    folder = tmp_path_factory.mktemp("whole")
    run = ClipRun(open_clip(save_folder(folder / "in", square(5)), 64), CONFIG, folder / "run")
    return run.run().path.read_bytes()


def begun(folder: Path, resume: bool = False, config: VideoConfig = CONFIG) -> ClipRun:
    source = folder / "in"
    return ClipRun(
        open_clip(source if source.exists() else save_folder(source, square(5)), 64), config, folder / "run", resume
    )


def stop(progress: ClipProgress) -> None:
    """Ctrl-C in the third frame."""
    if progress.frame == 3:
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_keeps_what_is_done_and_resume_ends_with_the_same_bytes(tmp_path: Path, whole: bytes) -> None:
    painted = begun(tmp_path).run(stop)
    assert (painted.frames, painted.ended, painted.interrupted) == (3, False, True)
    assert count_frames(painted.path) == 3
    run = begun(tmp_path, resume=True)
    assert run.resumed == 3
    painted = run.run()
    assert painted.ended and painted.path.read_bytes() == whole


class KilledError(Exception):
    """Stands for `kill -9`: nothing is done after it."""


@pytest.mark.parametrize("rest", [b"", b"half a line"])
def test_a_killed_run_ends_with_the_same_bytes(
    rest: bytes, tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(progress: ClipProgress) -> None:
        monkeypatch.setattr(clip_run, "SAVE_SECONDS", 1e9)  # the second frame is the last that is saved
        if progress.frame == 4:
            raise KilledError

    monkeypatch.setattr(clip_run, "SAVE_SECONDS", 0.0)
    with pytest.raises(KilledError):
        begun(tmp_path).run(kill)
    with open(tmp_path / "run/strokes.jsonl.gz", "ab") as file:
        file.write(rest)
    run = begun(tmp_path, resume=True)
    assert run.resumed == 1
    assert run.run().path.read_bytes() == whole


def test_time_that_is_over_ends_with_a_frame(tmp_path: Path, whole: bytes) -> None:
    painted = begun(tmp_path, config=VideoConfig(**{**vars(CONFIG), "seconds": 0.1})).run()
    assert 1 <= painted.frames <= 5 and not painted.interrupted
    assert begun(tmp_path, resume=True).run().path.read_bytes() == whole


def test_what_is_not_ours_is_not_resumed(tmp_path: Path) -> None:
    run = begun(tmp_path)
    run.run(lambda progress: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(AutosaveError, match="progress of an earlier run; --resume goes on"):
        begun(tmp_path)
    with pytest.raises(AutosaveError, match="another clip or other options"):
        begun(tmp_path, True, VideoConfig(**{**vars(CONFIG), "seed": 3}))
    state = tmp_path / "run/state"
    state.write_bytes(state.read_bytes()[:-5])
    with pytest.raises(AutosaveError, match="damaged"):
        begun(tmp_path, True)


def test_fewer_frames_than_are_painted_are_refused(tmp_path: Path, whole: bytes) -> None:
    begun(tmp_path).run(stop)
    with pytest.raises(AutosaveError, match="--frames 2: 3 frames are painted already; name at least as many"):
        begun(tmp_path, True, VideoConfig(**{**vars(CONFIG), "frames": 2}))
    assert begun(tmp_path, True).run().path.read_bytes() == whole


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk is made of /dev/full")
@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_a_full_disk_is_told_in_one_line(seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_run, "SAVE_SECONDS", seconds)
    run = begun(tmp_path)
    run._lines = Path("/dev/full")
    with pytest.raises(OutputError, match="cannot write /dev/full: No space left on device; free some space"):
        run.run()


def test_the_command_writes_what_is_painted_and_goes_on(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_folder(here / "in", square(4))
    words = ["video", "in", *QUICK, "-o", "a.strokes.jsonl.gz"]
    assert cli.main([*words, "--seconds", "0.1"]) == 0
    said = capsys.readouterr().out
    assert "--resume goes on" in said and said.startswith("wrote a.strokes.jsonl.gz")
    assert 1 <= count_frames(here / "a.strokes.jsonl.gz") < 4
    assert cli.main([*words, "--resume", "--overwrite"]) == 0
    assert count_frames(here / "a.strokes.jsonl.gz") == 4
    assert sorted(path.name for path in here.iterdir()) == ["a.strokes.jsonl.gz", "in"]


# --- bad input ----------------------------------------------------------------------------------------------


def text_file(folder: Path) -> Path:
    (folder / "a.mp4").write_text("no video")
    return folder / "a.mp4"


def sound_only(folder: Path) -> Path:
    ffmpeg("-f", "lavfi", "-i", "sine=440:duration=0.2", str(folder / "a.m4a"))
    return folder / "a.m4a"


def no_frames(folder: Path) -> Path:
    ffmpeg(
        "-f", "lavfi", "-i", "color=red:size=64x48:rate=10", "-frames:v", "0", "-c:v", "libx264", str(folder / "a.mkv")
    )
    return folder / "a.mkv"


def beginning_only(folder: Path) -> Path:
    path = save_clip(folder / "whole.mp4", pan(5))
    (folder / "a.mp4").write_bytes(path.read_bytes()[:400])
    return folder / "a.mp4"


def empty_folder(folder: Path) -> Path:
    (folder / "in").mkdir()
    return folder / "in"


def tiny(folder: Path) -> Path:
    return save_folder(folder / "in", [texture(0, 16, 16)[:8, :8]])


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "text": (text_file, "there is no video in this file"),
    "sound": (sound_only, "there is no video in this file"),
    "no frames": (no_frames, "there is no"),
    "beginning": (beginning_only, "there is no"),
    "empty folder": (empty_folder, "there is no picture in this folder"),
    "tiny": (tiny, "smaller than 16 pixels"),
    "missing": (lambda folder: folder / "a.mp4", "there is no such file"),
    "gif": (lambda folder: text_file(folder).rename(folder / "a.gif"), "not a picture that can be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_clip_is_refused_in_one_line(name: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make, said = BAD[name]
    path = make(here)
    before = sorted(here.iterdir())
    assert cli.main(["video", str(path), *QUICK, "-o", "out.mp4"]) == 2
    error = capsys.readouterr().err
    assert said in error and str(path) in error and error.count("\n") == 1
    assert sorted(here.iterdir()) == before


def test_a_size_that_changes_ends_the_clip_and_what_was_painted_is_kept(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_folder(here / "in", [*pan(3), texture(0, 32, 40)])
    assert cli.main(["video", "in", *QUICK, "-o", "a.strokes.jsonl.gz", "--quiet"]) == 2
    error = capsys.readouterr().err
    assert sorted(path.name for path in here.iterdir()) == ["a.strokes.jsonl.gz", "in"]
    assert "3.png: this frame has 40x32 pixels, and those before it 64x48" in error and error.count("\n") == 1
    assert count_frames(here / "a.strokes.jsonl.gz") == 3


def test_a_video_that_breaks_off_is_read_to_there(here: Path) -> None:
    about = "testsrc=size=64x48:rate=10:duration=3"
    ffmpeg("-f", "lavfi", "-i", about, "-c:v", "libx264", "-g", "5", "-movflags", "+faststart", "a.mp4")
    content = Path("a.mp4").read_bytes()
    Path("a.mp4").write_bytes(content[: len(content) // 2])
    found = []
    with pytest.raises(PictureError, match="breaks off") as error:
        for frame in open_clip(Path("a.mp4"), 64).frames():
            found.append(frame)
    assert 1 <= len(found) < 30 and "\n" not in str(error.value)


REFUSED = (
    ["--canvas", "transparent"], ["--strokes", "auto"], ["--life", "wild"], ["--fps", "0"], ["-o", "a.png"],
    ["--preset", "none"], ["-o", "a.strokes.json"],
)  # fmt: skip


@pytest.mark.parametrize("words", REFUSED)
def test_options_that_a_clip_does_not_take(
    words: list[str], clip: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["video", str(clip), *(["-o", "a.mp4"] if words[0] != "-o" else []), *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(here.iterdir())


def test_the_configuration() -> None:
    painting = VideoConfig(style="oil", strokes=300, palette="#ff0000,#00ff00").painting()
    assert (painting.style, painting.strokes, painting.focus, painting.texture) == ("oilpaintbrush", 300, "none", 0.0)
    with pytest.raises(OptionError, match="--life"):
        VideoConfig(life="slow")


def test_a_long_clip_is_estimated_first(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("painter.cli.video.LONG", 2)
    save_folder(here / "in", square(3))
    assert cli.main(["video", "in", *QUICK, "-o", "a.gif"]) == 0
    assert "about 3 frames are left: some 1 minutes" in capsys.readouterr().err


@pytest.mark.parametrize("processes, some", [(None, "10.0 hours"), (2, "5.0 hours"), (99, "2.5 hours")])
def test_the_estimate_counts_processes_that_have_a_core(
    processes: int | None, some: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("painter.cli.video.core_count", lambda: 4)
    config = VideoConfig(strokes=500, size=512, processes=processes)
    _say_beginning(SimpleNamespace(config=config, frames=72_000, resumed=0, folder=Path("f")), False)  # type: ignore[arg-type]
    assert f"72,000 frames are left: some {some}" in capsys.readouterr().err
