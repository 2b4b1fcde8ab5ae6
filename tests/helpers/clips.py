"""Small clips with known motion, and films of random strokes."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from painter import PaintConfig
from painter.export.mp4 import write_mp4
from painter.video.stroke_video import Film, FilmFrame, FrameWriter, end_line, head_line
from renderers.brushes import BRUSHES
from renderers.strokes import Strokes

HEIGHT, WIDTH = 48, 64


def texture(seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A picture uint8 [H, W, 3] with detail that flow can follow."""
    rng = np.random.default_rng(seed)
    fine, coarse = (
        rng.random((height, width, 3), np.float32),
        rng.random((height // 8 + 2, width // 8 + 2, 3), np.float32),
    )
    smooth = cv2.GaussianBlur(fine, (0, 0), 1.5) - 0.5
    large = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    frame: np.ndarray = np.rint((0.8 * large + 1.6 * smooth + 0.1).clip(0, 1) * 255).astype(np.uint8)
    return frame


def pan(count: int, step: int = 2) -> list[np.ndarray]:
    """What is seen moves left by `step` pixels a frame."""
    wide = texture(1, HEIGHT, WIDTH + step * count)
    return [np.ascontiguousarray(wide[:, step * t : step * t + WIDTH]) for t in range(count)]


def square(count: int) -> list[np.ndarray]:
    """A square moves over something else, to the right by three pixels a frame."""
    ground, thing = texture(2), texture(3)[:20, :20]
    frames = []
    for t in range(count):
        frame = ground.copy()
        frame[12:32, 6 + 3 * t : 26 + 3 * t] = thing
        frames.append(frame)
    return frames


def save_clip(path: Path, frames: Sequence[np.ndarray], rate: int = 10) -> Path:
    """The frames as an MP4."""
    write_mp4(path, frames, [Fraction(1, rate)] * len(frames), Fraction(rate), crf=10)
    return path


def save_folder(path: Path, frames: Sequence[np.ndarray]) -> Path:
    """The frames as a folder of pictures."""
    path.mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(path / f"{number}.png")
    return path


def random_strokes(brush: str, count: int, seed: int = 1) -> Strokes:
    """`count` random strokes."""
    generator = torch.Generator().manual_seed(seed)
    tools = BRUSHES[brush]
    return Strokes(
        brush, tools.sample(count, generator), torch.rand(count, tools.colors, 3, generator=generator),
        0.3 + 0.7 * torch.rand(count, generator=generator), torch.randint(0, 2**31, (count,), generator=generator),
    )  # fmt: skip


def random_film(brush: str = "rectangle") -> tuple[Film, list[FilmFrame]]:
    """Five frames: one stroke moves, one dies and one is born, nothing happens, a cut."""
    film = Film(brush, (3, 4), Fraction(24), PaintConfig(style=brush, size=32, texture=0.0, focus="none"))
    first, others, last = (random_strokes(brush, count, seed) for count, seed in ((4, 1), (4, 2), (3, 3)))
    moved = first.map(torch.Tensor.clone)
    name = BRUSHES[brush].names[0]
    moved.params[name][1] += 0.01
    rows = torch.tensor([0, 1, 3])
    born = Strokes.cat([moved[rows], others[:1]])
    white, grey = (1.0, 1.0, 1.0), (128 / 255, 128 / 255, 128 / 255)
    return film, [
        FilmFrame(first, np.arange(4), white, cut=True),
        FilmFrame(moved, np.arange(4), white),
        FilmFrame(born, np.array([0, 1, 3, 4]), white),
        FilmFrame(born, np.array([0, 1, 3, 4]), white, still=True),
        FilmFrame(last, np.array([5, 6, 7]), grey, cut=True),
    ]


def write_film(path: Path, film: Film, frames: Sequence[FilmFrame]) -> None:
    """A whole stroke video."""
    writer = FrameWriter(film)
    path.write_bytes(b"".join([head_line(film), *map(writer.line, frames), end_line(len(frames))]))


def ffmpeg(*words: str) -> None:
    """Run ffmpeg; it must succeed."""
    subprocess.run([get_ffmpeg_exe(), "-y", "-v", "error", *words], check=True, capture_output=True)


def clip_with_tone(folder: Path) -> Path:
    """An MP4 of five frames at ten a second, with sound."""
    silent, clip = save_clip(folder / "silent.mp4", pan(5)), folder / "clip.mp4"
    tone = ["-f", "lavfi", "-i", "sine=440:duration=0.5"]
    ffmpeg("-i", str(silent), *tone, "-c:v", "copy", "-c:a", "aac", str(clip))
    return clip
