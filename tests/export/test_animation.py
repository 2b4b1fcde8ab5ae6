"""Animations: their timing, and what players, read by independent readers, make of them."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.paintings import WHITE, make_painting
from PIL import Image, ImageSequence

from painter.errors import OptionError, OutputError
from painter.export.ffmpeg import find_ffmpeg
from painter.export.gif import write_gif
from painter.export.mp4 import write_mp4
from painter.export.timeline import make_timeline
from painter.export.webp import write_animated_webp
from painter.options.export import ExportConfig
from painter.painting.animation import draw_frames, in_reverse
from painter.painting.save import save_painting
from painter.pictures.metrics import over_white


def psnr(image: np.ndarray, expected: np.ndarray) -> float:
    return float(-10 * np.log10(max(1e-9, np.mean((image.astype(np.float64) - expected) ** 2) / 255**2)))


# --- the timeline -------------------------------------------------------------------------------------------


def test_the_default_is_eighty_frames_of_sixty_milliseconds() -> None:
    shots = make_timeline(500, ExportConfig()).shots
    assert [count for count, _ in shots] == [500 * k // 79 for k in range(80)]
    assert [1000 * time for _, time in shots] == [60] * 79 + [2000]


@pytest.mark.parametrize(
    ("asked", "frames", "fps", "duration"),
    [
        ({"duration": 5.0, "fps": 20.0}, 101, 20, 5),
        ({"duration": 4.0, "frames": 41}, 41, 10, 4),
        ({"frames": 61, "fps": 30.0}, 61, 30, 2),
        ({"fps": 25.0}, round(4.74 * 25) + 1, 25, None),
        ({"duration": 3.0}, 51, Fraction(50, 3), 3),
        ({"frames": 26}, 26, Fraction(50, 3), Fraction(3, 2)),
        ({"frames": 101, "fps": 20.0, "duration": 5.0}, 101, 20, 5),
        ({"fps": 29.97, "frames": 3}, 3, Fraction(2997, 100), None),
    ],
)
def test_two_decide_the_third(asked: dict[str, Any], frames: int, fps: Fraction, duration: Fraction | None) -> None:
    timeline = make_timeline(5000, ExportConfig(**asked))
    assert (len(timeline.counts), timeline.fps) == (frames, fps)
    if duration is not None:
        assert sum(time for _, time in timeline.shots[:-1]) == duration
        assert timeline.seconds == sum(time for _, time in timeline.shots) == duration + 2


def test_hold_is_a_frame_at_least() -> None:
    assert make_timeline(9, ExportConfig(fps=4.0, hold=0.0)).shots[-1][1] == Fraction(1, 4)
    assert make_timeline(9, ExportConfig(fps=4.0, hold=0.5)).shots[-1][1] == Fraction(1, 2)


@pytest.mark.parametrize(
    ("asked", "option"),
    [
        ({"frames": 80, "fps": 10.0, "duration": 5.0}, "--frames 80"),
        ({"fps": 120.0, "duration": 600.0}, "--fps 120"),
        ({"frames": 1}, "--frames 1"),
        ({"fps": 0.0}, "--fps 0.0"),
        ({"duration": -1.0}, "--duration -1.0"),
        ({"duration": float("nan")}, "--duration nan"),
        ({"hold": -0.1}, "--hold -0.1"),
        ({"ease": "bounce"}, "--ease bounce"),
        ({"reverse": "maybe"}, "--reverse maybe"),
        ({"loop": -1}, "--loop -1"),
        ({"webp": "moving"}, "--webp moving"),
        ({"svg": "raster"}, "--svg raster"),
        ({"width_mm": 0}, "--width-mm 0"),
    ],
)
def test_conflicts_and_bad_values_are_one_line(asked: dict[str, Any], option: str) -> None:
    with pytest.raises(OptionError) as caught:
        ExportConfig(**asked)
    assert str(caught.value).startswith(option + ":") and "\n" not in str(caught.value)


def test_ease_says_when_strokes_are_laid() -> None:
    counts = {
        ease: make_timeline(1000, ExportConfig(ease=ease, frames=11)).counts for ease in ("linear", "early", "late")
    }
    assert counts["linear"] == tuple(range(0, 1001, 100))
    assert counts["late"] == tuple(10 * k**2 for k in range(11))
    assert counts["early"] == tuple(1000 - 10 * (10 - k) ** 2 for k in range(11))


@pytest.mark.parametrize("ease", ["linear", "early", "late"])
@pytest.mark.parametrize("strokes", [0, 1, 7, 79, 80, 1234])
def test_counts_rise_from_nothing_to_all(strokes: int, ease: str) -> None:
    for full in (False, True):
        counts = make_timeline(strokes, ExportConfig(ease=ease), full=full).counts
        assert counts[0] == 0 and counts[-1] == strokes and list(counts) == sorted(counts)
        assert len(counts) == (80 if full or strokes > 79 else strokes + 1)


def test_few_strokes_take_a_duration_that_is_asked_for() -> None:
    timeline = make_timeline(3, ExportConfig(duration=2.0, fps=10.0))
    assert len(timeline.counts) == 21 and set(timeline.counts) == {0, 1, 2, 3}


def test_backwards_holds_the_finished_painting_first() -> None:
    timeline = make_timeline(40, ExportConfig(reverse=True, frames=5, fps=10.0))
    assert timeline.counts == (40, 30, 20, 10, 0) and timeline.rising == (0, 10, 20, 30, 40)
    assert [time for _, time in timeline.shots] == [2, *[Fraction(1, 10)] * 4]


def test_thinning_keeps_ends_and_time() -> None:
    timeline = make_timeline(500, ExportConfig())
    for frames in (2, 3, 30, 79):
        fewer = timeline.thinned(frames)
        assert len(fewer.counts) == frames and fewer.seconds == timeline.seconds
        assert fewer.counts[0] == 0 and fewer.counts[-1] == 500 and len(set(fewer.counts)) == frames
    assert timeline.thinned(80) is timeline and timeline.thinned(200) is timeline


# --- the pictures -------------------------------------------------------------------------------------------


def test_frames_are_drawn_by_counts() -> None:
    painting = make_painting(10)
    frames = list(painting.drawn_after([0, 3, 3, 10], 48))
    for count, frame in zip([0, 3, 3, 10], frames, strict=True):
        assert np.array_equal(frame, type(painting)(painting.strokes[:count], (3, 4), WHITE, painting.config).draw(48))


@pytest.mark.parametrize("counts", [[3, 2], [11], [-1]])
def test_frames_refuse_counts_that_cannot_be(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="cannot follow"):
        list(make_painting(10).drawn_after(counts, 32))


@pytest.mark.parametrize("ground", [WHITE, None])
def test_backwards_is_forwards_turned_round(ground: tuple[float, float, float] | None) -> None:
    painting = make_painting(20, ground=ground)
    forwards, turned = (
        list(draw_frames(painting, 40, make_timeline(20, ExportConfig(reverse=reverse)))) for reverse in (False, True)
    )
    assert len(forwards) == 21 and np.array_equal(forwards[::-1], turned)
    assert list(in_reverse([])) == []


def test_no_room_for_a_reversed_animation_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __init__(self) -> None:
            self.file = tempfile.SpooledTemporaryFile()  # noqa: SIM115

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, _: bytes) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    monkeypatch.setattr("painter.painting.drawn.MOST_BYTES", 0)  # else its few small frames are kept in memory
    with pytest.raises(OutputError, match="No space left"):
        save_painting(make_painting(5), tmp_path / "a.gif", config=ExportConfig(reverse=True))
    assert not list(tmp_path.iterdir())


# --- GIF and WebP -------------------------------------------------------------------------------------------


def read(path: Path) -> tuple[list[np.ndarray], list[int], int | None]:
    """A file's frames, uint8 [H, W, 4], their milliseconds, and how often it loops as the file has it."""
    with Image.open(path) as image:
        frames, times = [], []
        for frame in ImageSequence.Iterator(image):
            frames.append(np.array(frame.convert("RGBA")))
            times.append(frame.info["duration"])
        return frames, times, image.info.get("loop")


ANIMATED = pytest.mark.parametrize("name", ["a.gif", "a.webp"])


@ANIMATED
def test_animation_keeps_time(name: str, tmp_path: Path) -> None:
    config = ExportConfig(duration=1.0, frames=8, hold=0.7, webp="animated")  # 142.86 ms a frame
    assert save_painting(make_painting(), tmp_path / name, config=config) == []
    frames, times, loop = read(tmp_path / name)
    assert len(frames) == 8 and sum(times) == 1700 and sum(times[:-1]) == pytest.approx(1000, abs=5) and loop == 0
    assert psnr(frames[-1][..., :3], make_painting().draw()) > 30
    assert (frames[0][..., :3] >= 254).all()


@ANIMATED
def test_animation_in_reverse(name: str, tmp_path: Path) -> None:
    painting = make_painting(12, ground=None)
    save_painting(painting, tmp_path / name, config=ExportConfig(reverse=True, webp="animated"))
    frames, times, _ = read(tmp_path / name)
    assert sum(times) == 12 * 60 + 2000 and times[0] >= 2000  # what looks alike is one frame
    assert psnr(over_white(frames[0]), over_white(painting.draw())) > 20 and not frames[-1][..., 3].any()


def test_webp_keeps_alpha_throughout(tmp_path: Path) -> None:
    painting = make_painting(12, ground=None)
    save_painting(painting, tmp_path / "a.webp", config=ExportConfig(webp="animated"))
    frames, times, _ = read(tmp_path / "a.webp")
    ends = np.cumsum(times)
    for k, drawn in enumerate(painting.frames(64, 80)):
        shown = frames[int(np.searchsorted(ends, 60 * k, side="right"))]
        assert np.array_equal(shown[..., 3], drawn[..., 3])


@pytest.mark.parametrize(("loop", "gif", "webp"), [(0, 0, 0), (1, None, 1), (3, 2, 3)])
def test_loop_is_how_often_it_plays(loop: int, gif: int | None, webp: int, tmp_path: Path) -> None:
    """A GIF's number is of repeats; without any it plays once."""
    config = ExportConfig(loop=loop, webp="animated", frames=3)
    for name, expected in (("a.gif", gif), ("a.webp", webp)):
        save_painting(make_painting(4), tmp_path / name, config=config)
        assert read(tmp_path / name)[2] == expected


@pytest.mark.slow
def test_a_gif_shows_at_most_fifty_frames_a_second(tmp_path: Path) -> None:
    painting = make_painting(100)
    (note,) = save_painting(painting, tmp_path / "a.gif", config=ExportConfig(fps=100.0, duration=1.0))
    assert "51 of 101 frames" in note and "\n" not in note
    _, times, _ = read(tmp_path / "a.gif")
    assert sum(times) == 20 * 50 + 2000 and min(times) == 20
    save_painting(painting, tmp_path / "b.gif", config=ExportConfig(fps=100.0, frames=2, hold=0.0))
    assert sum(read(tmp_path / "b.gif")[1]) == 40


def test_gif_side_bounds_gif_and_webp(tmp_path: Path) -> None:
    for name in ("a.gif", "a.webp"):
        save_painting(make_painting(3), tmp_path / name, config=ExportConfig(gif_side=32, webp="animated"))
        with Image.open(tmp_path / name) as image:
            assert image.size == (32, 24)


# --- MP4 ----------------------------------------------------------------------------------------------------


def describe(path: Path) -> str:
    """What ffmpeg says of a file."""
    return subprocess.run([find_ffmpeg(path), "-i", path], capture_output=True, text=True).stderr


def decode(path: Path) -> np.ndarray:
    """All pictures of a file: uint8 [T, H, W, 3]."""
    width, height = map(int, re.search(r"Video: h264.*?, (\d+)x(\d+)", describe(path)).groups())  # type: ignore[union-attr]
    command = [find_ffmpeg(path), "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(data, np.uint8).reshape(-1, height, width, 3)


def boxes(path: Path) -> list[str]:
    """The names of an MP4's outermost boxes, in order."""
    data, names, at = path.read_bytes(), [], 0
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        names.append(name.decode())
        at += size
    return names


@pytest.mark.slow
@pytest.mark.parametrize("ground", [(0.2, 0.3, 0.4), None])
def test_mp4_plays_everywhere(ground: tuple[float, float, float] | None, tmp_path: Path) -> None:
    painting, path = make_painting(30, (133, 181), ground, "rectangle", size=181), tmp_path / "a.MP4"
    config = ExportConfig(duration=1.0, fps=20.0, hold=0.5)
    assert save_painting(painting, path, config=config) == []
    about = describe(path)
    assert "h264 (High)" in about
    assert "yuv420p(tv, bt709" in about and "182x134" in about and "20 fps" in about and "00:00:01.50" in about
    names = boxes(path)
    assert names[0] == "ftyp" and names.index("moov") < names.index("mdat")
    shown, drawn = decode(path), list(painting.frames(181, 21))
    assert shown.shape == (30, 134, 182, 3)
    expected = [over_white(frame) if ground is None else frame for frame in drawn]
    for k in (0, 10, 20):
        assert psnr(shown[k, :133, :181], expected[k]) > 30
    assert psnr(shown[-1, :133, :181], expected[-1]) > 30
    edge = np.array(ground or WHITE) * 255
    assert np.abs(shown[0, -1].mean(axis=0) - edge).max() < 4, "padded with the ground"


@pytest.mark.slow
def test_mp4_by_default(tmp_path: Path) -> None:
    """As long as the GIF at 30 frames a second, even if there are few strokes; the same bytes again."""
    for name in ("a.mp4", "b.mp4"):
        save_painting(make_painting(5), tmp_path / name)
    assert "30 fps" in describe(tmp_path / "a.mp4") and len(decode(tmp_path / "a.mp4")) == 142 + 60
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_mp4_keeps_time_where_frames_are_long(tmp_path: Path) -> None:
    save_painting(make_painting(5), tmp_path / "a.mp4", config=ExportConfig(duration=2.0, frames=9, hold=0.375))
    assert len(decode(tmp_path / "a.mp4")) / 24 == 2.375


def test_mp4_of_one_stroke_and_of_one_pixel(tmp_path: Path) -> None:
    save_painting(make_painting(1, aspect=(1, 100), size=16), tmp_path / "a.mp4", config=ExportConfig(frames=2))
    assert "16x2" in describe(tmp_path / "a.mp4")


def test_mp4_without_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import imageio_ffmpeg

    def missing() -> str:
        raise RuntimeError("No ffmpeg exe could be found.\nInstall it.")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", missing)
    with pytest.raises(OutputError, match=r"a\.mp4: there is no ffmpeg; run pip install") as caught:
        save_painting(make_painting(3), tmp_path / "a.mp4")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("head -c 9 > /dev/null; echo 'av: No space left on device' >&2; exit 1", "No space left on device"),
        ("cat > /dev/null; echo one >&2; echo two >&2; exit 3", "ffmpeg says: two"),
        ("exit 3", "ffmpeg ended with status 3"),
        (None, "does not run"),
    ],
)
def test_mp4_where_ffmpeg_fails(script: str | None, message: str, tmp_path: Path, monkeypatch: Any) -> None:
    program, path = tmp_path / "ffmpeg", tmp_path / "out" / "a.mp4"
    if script:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    path.parent.mkdir()
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match=message) as caught:
        save_painting(make_painting(30, size=256), path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    assert list(path.parent.iterdir()) == [path] and path.read_bytes() == b"old"


def test_mp4_failing_halfway_leaves_nothing(tmp_path: Path) -> None:
    def failing() -> Iterator[np.ndarray]:
        yield np.zeros((16, 16, 3), np.uint8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_mp4(tmp_path / "a.mp4", failing(), [Fraction(1)] * 2, Fraction(10))
    assert not list(tmp_path.iterdir())


# --- memory -------------------------------------------------------------------------------------------------


def rss_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


WRITERS: dict[str, Callable[[Path, Iterator[np.ndarray], int], None]] = {
    "gif": lambda path, frames, n: write_gif(path, frames, [np.zeros((4, 4, 3), np.uint8)]),
    "webp": lambda path, frames, n: write_animated_webp(path, frames, [Fraction(60)] * n, 50),
    "mp4": lambda path, frames, n: write_mp4(path, frames, [Fraction(1, 25)] * n, Fraction(25)),
    "backwards": lambda path, frames, n: [None for _ in in_reverse(frames)] and None,  # type: ignore[dict-item]
}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("name", list(WRITERS))
def test_memory_does_not_grow_with_frames(name: str, tmp_path: Path) -> None:
    """400 frames take 120 MB; what is held by the end is little more than after the first 40."""
    count, seen = 400, []

    def frames() -> Iterator[np.ndarray]:
        for k in range(count):
            frame = np.full((320, 320, 3), 200, np.uint8)
            frame[k % 300 : k % 300 + 20, 20:40] = k % 256
            seen.append(rss_mb())
            yield frame

    WRITERS[name](tmp_path / f"a.{name}", frames(), count)
    assert len(seen) == count
    assert max(seen[40:]) - max(seen[:40]) < 20


def test_replay_holds_one_frame_at_a_time() -> None:
    import tracemalloc

    painting = make_painting(40)
    peaks = []
    for frames in (40, 400):
        timeline = make_timeline(40, ExportConfig(frames=frames, duration=5.0))
        tracemalloc.start()
        for _ in draw_frames(painting, 128, timeline):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2 + 100_000
