"""Clips, read: videos, animations and folders; what is damaged or may not be read."""

from __future__ import annotations

import os
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from helpers.clips import HEIGHT, WIDTH, clip_with_tone, ffmpeg, pan, save_clip, save_folder
from PIL import Image

from painter.errors import PictureError
from painter.video import clip_source
from painter.video.clip_source import open_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip_with_tone(tmp_path_factory.mktemp("clip"))


@pytest.mark.slow
def test_a_video_is_read(clip: Path) -> None:
    source = open_clip(clip, 64)
    assert source.size == (HEIGHT, WIDTH) and source.rate == 10 and source.count == 5 and source.sound
    found = list(source.frames())
    assert len(found) == 5  # colours are halved in an MP4, lightness is not
    assert max(np.abs(a.mean(axis=2) - b.mean(axis=2)).mean() for a, b in zip(found, pan(5), strict=True)) < 5
    assert open_clip(clip, 32).size == (24, 32)


def test_a_folder_is_read_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "folder", pan(11))
    source = open_clip(folder, 64, 12.5)
    assert source.rate == Fraction(25, 2) and not source.sound
    assert all(np.array_equal(*pair) for pair in zip(source.frames(), pan(11), strict=True))


@pytest.mark.parametrize("ending", [".gif", ".webp", ".png"])
def test_animations_keep_their_times(ending: str, tmp_path: Path) -> None:
    first, *others = (Image.fromarray(np.full((20, 30, 3), 60 * k, np.uint8)) for k in range(3))
    first.save(tmp_path / f"a{ending}", save_all=True, append_images=others, duration=[100, 300, 100], lossless=True)
    source = open_clip(tmp_path / f"a{ending}", 64)
    assert source.rate == 10
    assert [int(round(frame.mean() / 60)) for frame in source.frames()] == [0, 1, 1, 1, 2]


@pytest.mark.parametrize("ending", [".gif", ".webp", ".png"])
def test_a_rate_comes_from_the_shortest_time(ending: str, tmp_path: Path) -> None:
    first, *others = (Image.fromarray(np.full((20, 30, 3), 60 * k, np.uint8)) for k in range(3))
    first.save(tmp_path / f"a{ending}", save_all=True, append_images=others, duration=[40, 120, 40], lossless=True)
    source = open_clip(tmp_path / f"a{ending}", 64)
    assert source.rate == 25 and source.count == 5
    assert [int(round(frame.mean() / 60)) for frame in source.frames()] == [0, 1, 1, 1, 2]
    half = open_clip(tmp_path / f"a{ending}", 64, 12.5)
    assert half.count == len(list(half.frames()))


def test_what_no_animation_is_starts_no_other_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.gif").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n")
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a program was started"))
    with pytest.raises(PictureError, match="not a picture that can be read"):
        open_clip(tmp_path / "a.gif", 64)


@pytest.mark.parametrize("ending", [".gif", ".webp", ".png"])
def test_damaged_animations_are_refused_or_read_to_there(ending: str, tmp_path: Path) -> None:
    path, rng = tmp_path / f"a{ending}", np.random.default_rng(0)
    first, *others = (Image.fromarray(frame) for frame in pan(3))
    first.save(path, save_all=True, append_images=others, duration=100)
    whole = path.read_bytes()
    refused = 0
    for at in [0, 9, len(whole) // 2, *rng.integers(0, len(whole), 20).tolist()]:
        path.write_bytes(whole[:at] + bytes(rng.integers(0, 256, 8, np.uint8)) + whole[at + 20 :])
        try:
            list(open_clip(path, 64).frames())
        except PictureError as error:
            refused += 1
            assert "\n" not in str(error) and str(path) in str(error)
    assert refused >= 2


def test_only_files_of_a_folder_are_read(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "in", pan(2))
    (folder / "sub.png").mkdir()
    (folder / "broken.png").symlink_to("nothing")
    (folder / ".hidden.png").write_bytes(b"")
    os.mkfifo(folder / "pipe.png")
    for name in ("²1.png", "A.png", "a.png"):
        shutil.copyfile(folder / "0.png", folder / name)
    assert [path.name for path in clip_source._pictures_of(folder)] == ["A.png", "a.png", "²1.png", "0.png", "1.png"]
    assert open_clip(folder, 64).count == 5


def test_what_may_not_be_read_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_clip(save_folder(tmp_path / "in", pan(2)), 64)
    (tmp_path / "in/1.png").unlink()
    (tmp_path / "in/1.png").mkdir()
    monkeypatch.setattr(clip_source, "_pictures_of", lambda folder: [folder / "0.png", folder / "1.png"])
    with pytest.raises(PictureError, match=r"cannot read .*1\.png: .*; check its name"):
        source.fingerprint()
    with pytest.raises(PictureError, match="File name too long"):
        open_clip(tmp_path / ("a" * 300), 64)


def test_pixels_become_square(tmp_path: Path) -> None:
    save_clip(tmp_path / "a.mp4", pan(2))
    ffmpeg("-i", str(tmp_path / "a.mp4"), "-vf", "setsar=2", "-c:v", "libx264", str(tmp_path / "wide.mp4"))
    source = open_clip(tmp_path / "wide.mp4", 128)
    assert source.size == (HEIGHT, 2 * WIDTH)
    assert next(source.frames()).shape == (HEIGHT, 2 * WIDTH, 3)


def test_without_ffmpeg_it_is_said_what_to_do(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise RuntimeError("none")

    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", missing)
    with pytest.raises(PictureError, match=r"cannot read .*: there is no ffmpeg; run pip install imageio-ffmpeg$"):
        open_clip(clip, 64)
