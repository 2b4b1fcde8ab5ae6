"""Files that the exports write: read back with Pillow, an independent reader."""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageSequence

from painter.errors import ImpastoError, OptionError, OutputError
from painter.export import FORMATS, check_output, png
from painter.export.gif import LONGEST_MS, make_palette, write_gif
from painter.export.png import write_png

SIDE = 512
PIGMENTS = np.array(
    [
        *([33, 40, 66], [58, 84, 120], [96, 140, 158], [178, 196, 190], [238, 226, 200], [226, 176, 104]),
        *([204, 116, 62], [150, 66, 48], [88, 42, 44], [70, 92, 58], [126, 140, 78], [20, 18, 22]),
    ],
    np.float32,
)


def paint(strokes: int = 500, side: int = SIDE, count: int = 80, seed: int = 7) -> list[np.ndarray]:
    """Return a growing painting of soft translucent ellipses: `count` frames, uint8 [side, side, 3]."""
    random = np.random.default_rng(seed)
    canvas = np.full((side, side, 3), (240, 236, 228), np.float32)
    frames = [canvas.astype(np.uint8)]
    shown_at = set(np.linspace(0, strokes, count).round().astype(int)[1:])
    for number in range(1, strokes + 1):
        size = side * (0.22, 0.11, 0.06, 0.035)[np.searchsorted((0.08, 0.25, 0.55), number / strokes)]
        centre, angle = random.uniform(0, side, 2), random.uniform(0, 180)
        near = [slice(max(0, int(place - 2 * size) - 8), int(place + 2 * size) + 8) for place in centre[::-1]]
        part = canvas[near[0], near[1]]  # the rest stays as it is
        alpha = np.zeros(part.shape[:2], np.float32)
        shifted = (centre - (near[1].start, near[0].start)).tolist()
        cv2.ellipse(alpha, (shifted, (2 * size, 0.7 * size), angle), 1.0, -1, cv2.LINE_AA)
        alpha = cv2.GaussianBlur(alpha, (0, 0), 1 + size * 0.03)[..., None] * random.uniform(0.5, 0.95)
        part += (random.choice(PIGMENTS) - part) * alpha
        if number in shown_at:
            frames.append(np.round(canvas).astype(np.uint8))
    return frames


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return paint()


@pytest.fixture(scope="module")
def gif(frames: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gif") / "painting.gif"
    write_gif(path, frames, samples(frames))
    return path


def samples(frames: list[np.ndarray]) -> list[np.ndarray]:
    return [frame[::2, ::2] for frame in [*frames[::10], frames[-1]]]


def read(path: Path) -> tuple[list[np.ndarray], list[int], dict[str, Any]]:
    """Return a GIF's composited frames, uint8 [H, W, 4], their milliseconds, and the file's info."""
    with Image.open(path) as image:
        pairs = [(np.array(f.convert("RGBA")), f.info["duration"]) for f in ImageSequence.Iterator(image)]
        return [pixels for pixels, _ in pairs], [duration for _, duration in pairs], image.info


def psnr(image: np.ndarray, expected: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((image.astype(np.float64) - expected) ** 2)))


def solid(*colour: int, size: tuple[int, int] = (8, 8)) -> np.ndarray:
    return np.full((*size, len(colour)), colour, np.uint8)


@pytest.mark.slow
def test_gif_times_and_loop(gif: Path, frames: list[np.ndarray]) -> None:
    shown, durations, info = read(gif)
    assert info["loop"] == 0
    assert sum(durations) == 60 * (len(frames) - 1) + 2000
    assert durations[-1] == 2000
    assert len(shown) == len(frames)


@pytest.mark.slow
def test_gif_does_not_flicker(gif: Path, frames: list[np.ndarray]) -> None:
    shown, _, _ = read(gif)
    assert len(shown) == len(frames)
    still = changes = 0
    for index in range(1, len(frames)):
        same = (frames[index] == frames[index - 1]).all(axis=2)
        still += int(same.sum())
        changes += int((shown[index] != shown[index - 1]).any(axis=2)[same].sum())
    assert still > 10**6
    assert changes == 0


@pytest.mark.slow
def test_gif_is_faithful_throughout(gif: Path, frames: list[np.ndarray]) -> None:
    shown, _, _ = read(gif)
    assert psnr(shown[-1][..., :3], frames[-1]) >= 35
    assert psnr(shown[len(frames) // 3][..., :3], frames[len(frames) // 3]) >= 33
    assert all((image[..., 3] == 255).all() for image in shown)


@pytest.mark.slow
def test_gif_stores_differences(gif: Path, frames: list[np.ndarray], tmp_path: Path) -> None:
    whole = 0
    for index in (20, 50, 79):
        write_gif(tmp_path / "one.gif", frames[index : index + 1], samples(frames))
        whole += (tmp_path / "one.gif").stat().st_size
    assert gif.stat().st_size < 3_000_000
    assert gif.stat().st_size < whole / 3 * len(frames) / 5


@pytest.mark.slow
def test_gif_bytes_are_repeatable(gif: Path, frames: list[np.ndarray], tmp_path: Path) -> None:
    def reusing_one_buffer() -> Iterator[np.ndarray]:
        buffer = np.empty_like(frames[0])
        for frame in frames:
            buffer[:] = frame
            yield buffer

    write_gif(tmp_path / "again.gif", reusing_one_buffer(), samples(frames))
    assert (tmp_path / "again.gif").read_bytes() == gif.read_bytes()


def test_gif_keeps_transparency(tmp_path: Path) -> None:
    count, side = 10, 64
    frames = [np.dstack([frame, np.zeros((side, side), np.uint8)]) for frame in paint(60, side, count)]
    for index, frame in enumerate(frames):
        cv2.circle(alpha := np.zeros((side, side), np.uint8), (32, 32), 3 * index, 255, -1, cv2.LINE_AA)
        frame[..., 3] = alpha
    write_gif(tmp_path / "clear.gif", frames, frames)
    shown, durations, _ = read(tmp_path / "clear.gif")
    assert len(shown) == count and sum(durations) == 60 * 9 + 2000
    for image, frame in zip(shown, frames, strict=True):
        assert np.array_equal(image[..., 3] == 255, frame[..., 3] >= 128)
        assert set(np.unique(image[..., 3])) <= {0, 255}
    opaque = frames[-1][..., 3] >= 128
    assert psnr(shown[-1][opaque][:, :3], frames[-1][opaque][:, :3]) >= 35


def test_gif_lets_paint_vanish_again(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    alphas = random.integers(0, 2, (6, 8, 8), np.uint8) * 255
    alphas[4] = 0
    frames = [np.dstack([solid(200, 30, 40), alpha]) for alpha in alphas]
    write_gif(tmp_path / "blink.gif", frames, frames)
    shown, _, _ = read(tmp_path / "blink.gif")
    for image, frame in zip(shown, frames, strict=True):
        assert np.array_equal(image[..., 3], frame[..., 3])
        assert (image[image[..., 3] > 0][:, :3] == (200, 30, 40)).all()


def test_gif_merges_frames_that_look_alike(tmp_path: Path) -> None:
    red, blue = solid(255, 0, 0), solid(0, 0, 255)
    write_gif(tmp_path / "few.gif", [red, red, red, blue, blue], [red, blue], frame_ms=50, hold_ms=1000)
    shown, durations, _ = read(tmp_path / "few.gif")
    assert durations == [150, 1050]
    assert (shown[0] == (255, 0, 0, 255)).all() and (shown[1] == (0, 0, 255, 255)).all()


def test_gif_time_does_not_drift_or_overflow(tmp_path: Path) -> None:
    grey = [solid(level, level, level) for level in range(100)]
    write_gif(tmp_path / "odd.gif", grey, grey, frame_ms=33, hold_ms=2000)
    _, durations, _ = read(tmp_path / "odd.gif")
    assert set(durations[:-1]) == {30, 40} and sum(durations[:-1]) == 3270 and durations[-1] == 2000
    write_gif(tmp_path / "long.gif", [grey[0]] * 3, grey, frame_ms=400_000, hold_ms=LONGEST_MS)
    assert sum(block_delays(tmp_path / "long.gif")) == 80_000 + 65_535


def block_delays(path: Path) -> list[int]:
    """Return the delays, in centiseconds, as stored: Pillow's reader hides frames that change nothing."""
    data, mark = path.read_bytes(), b"\x21\xf9\x04"
    starts = [at for at in range(len(data)) if data.startswith(mark, at)]
    return [struct.unpack_from("<H", data, at + 4)[0] for at in starts]


@pytest.mark.parametrize("shape", [(1, 1), (1, 512), (512, 1), (5, 3)])
@pytest.mark.parametrize("count", [1, 4])
def test_gif_of_any_shape(shape: tuple[int, int], count: int, tmp_path: Path) -> None:
    frames = [solid(10 * index, 255 - index, 99, size=shape) for index in range(count)]
    write_gif(tmp_path / "any.gif", frames, frames)
    shown, durations, _ = read(tmp_path / "any.gif")
    assert durations == [60] * (count - 1) + [2000]
    assert all(np.array_equal(a[..., :3], b) for a, b in zip(shown, frames, strict=True))


def test_gif_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    path, good = tmp_path / "no.gif", solid(1, 2, 3)
    with pytest.raises(OutputError, match="65536 x 1"):
        write_gif(path, [solid(1, 2, 3, size=(1, 65_536))], [good])
    for times in ({"frame_ms": 10}, {"hold_ms": LONGEST_MS + 1}):
        with pytest.raises(OptionError, match="milliseconds"):
            write_gif(path, [good], [good], **times)  # type: ignore[arg-type]
    for frames, colours in (([], [good]), ([good], []), ([good, good[:4]], [good])):
        with pytest.raises(ValueError):
            write_gif(path, frames, colours)
    with pytest.raises(ValueError, match="float32"):
        write_gif(path, [good.astype(np.float32)], [good])
    assert list(tmp_path.iterdir()) == []


def test_gif_failing_halfway_keeps_the_old_file(frames: list[np.ndarray], tmp_path: Path) -> None:
    def failing() -> Iterator[np.ndarray]:
        yield from frames[:5]
        raise RuntimeError("halfway")

    path = tmp_path / "painting.gif"
    with pytest.raises(RuntimeError, match="halfway"):
        write_gif(path, failing(), frames[:1])
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="halfway"):
        write_gif(path, failing(), frames[:1])
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_palette_keeps_up_to_255_colours_exactly() -> None:
    colours = np.random.default_rng(5).integers(0, 256, (255, 3), np.uint8)
    colours[:20] = np.arange(60).reshape(20, 3) // 6  # neighbours, which pooling would merge
    palette = make_palette([colours[:99, None], colours[99:, None]])
    assert {tuple(c) for c in palette} == {tuple(c) for c in colours}


def test_palette_ignores_what_is_transparent_and_weighs_the_last_sample() -> None:
    assert make_palette([solid(9, 9, 9, 0)]).shape == (1, 3)
    assert {tuple(c) for c in make_palette([solid(9, 9, 9, 0), solid(1, 2, 3, 255)])} == {(1, 2, 3)}
    random = np.random.default_rng(6)
    dark, light = (random.integers(low, low + 128, (64, 64, 3), np.uint8) for low in (0, 128))
    share = (make_palette([dark] * 9 + [light]) > 127).all(axis=1).mean()
    assert share == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("channels", [3, 4])
def test_png_round_trip(channels: int, tmp_path: Path) -> None:
    image = np.random.default_rng(1).integers(0, 256, (7, 11, channels), np.uint8)
    image[0, 0, -1] = 0  # colour under full transparency is kept too
    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, image)
    with Image.open(tmp_path / "a.png") as read_back:
        assert read_back.format == "PNG" and read_back.mode == ("RGB", "RGBA")[channels - 3]
        assert np.array_equal(np.array(read_back), image)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_png_refuses_other_arrays(tmp_path: Path) -> None:
    for image in (np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(ValueError, match="expected uint8 or uint16"):
            write_png(tmp_path / "no.png", image)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(png, "_header", full)
    (tmp_path / "a.png").write_bytes(b"old")
    with pytest.raises(OutputError, match="No space left"):
        write_png(tmp_path / "a.png", solid(1, 2, 3))
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize("name", ["a.png", "a.gif", "A.PNG", "with space.gif", "a.b.png", "a.mp4", "a.strokes.json"])
def test_check_output_accepts_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    check_output(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / name).write_bytes(b"old")
    before = (tmp_path / name).stat()
    check_output(tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"old" and (tmp_path / name).stat() == before


def test_check_output_accepts_a_bare_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_output(Path("a.png"))
    assert list(tmp_path.iterdir()) == []


def refuse(path: Path) -> str:
    with pytest.raises(OutputError) as caught:
        check_output(path)
    message = str(caught.value)
    assert isinstance(caught.value, ImpastoError)
    assert str(path) in message and "\n" not in message and ";" in message
    return message


@pytest.mark.parametrize("name", ["a.bmp", "a", ".png", "a.png.", "a.json"])
def test_check_output_names_the_endings(name: str, tmp_path: Path) -> None:
    message = refuse(tmp_path / name)
    assert all(ending in message for ending in FORMATS)


def test_check_output_refuses_folders(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_bytes(b"")
    assert "is a folder" in refuse(tmp_path)
    assert "is a folder" in refuse(tmp_path / "folder.png")
    assert "does not exist" in refuse(tmp_path / "missing" / "a.png")
    assert "is not a folder" in refuse(tmp_path / "file" / "a.png")
    assert "can be created" in refuse(tmp_path / ("long" * 80 + ".png"))


def test_check_output_refuses_read_only_files_and_pipes(tmp_path: Path) -> None:
    (tmp_path / "fixed.png").write_bytes(b"old")
    (tmp_path / "fixed.png").chmod(0o444)
    assert "read-only" in refuse(tmp_path / "fixed.png")
    os.mkfifo(tmp_path / "pipe.gif")
    assert "not a regular file" in refuse(tmp_path / "pipe.gif")


def test_check_output_refuses_a_read_only_folder(ordinary_user: None) -> None:
    assert "can be created" in refuse(Path("locked/a.png"))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's /proc")
def test_check_output_refuses_a_folder_closed_even_to_root() -> None:
    assert "can be created" in refuse(Path("/proc/a.png"))


def test_check_output_believes_the_trial_not_the_permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", read_only)
    assert "Read-only file system" in refuse(tmp_path / "a.gif")
