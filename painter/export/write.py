"""The outcome of a style transfer into a file; the ending picks the format."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from painter.errors import OutputError
from painter.export.encoding import EncodingConfig
from painter.options.export import ExportConfig
from painter.styling.recorder import FrameRecorder

# Ending -> what such a file holds.
FORMATS: dict[str, str] = {
    ".png": "the picture, in 8 or 16 bits a channel",
    ".jpg": "the picture, over white where it is transparent",
    ".jpeg": "the same as .jpg",
    ".webp": "the picture, or the way there if `webp` asks for it",
    ".gif": "the way there",
    ".mp4": "the way there, over white where it is transparent",
}
OPTIONS = ("duration", "hold", "loop", "webp", "bit_depth", "quality")
"""The fields of ExportConfig that mean something here."""


def check_format(path: Path) -> None:
    """Raise OutputError unless the ending is one of FORMATS."""
    if path.suffix.lower() not in FORMATS:
        made = ", ".join(FORMATS)
        raise OutputError(f"cannot write {path}: style transfer makes {made} files; use such a name")


def save_transfer(path: Path, pixels: np.ndarray, film: FrameRecorder, config: ExportConfig | None = None) -> None:
    """Write the picture, or the way there.

    Args:
        path: see FORMATS.
        pixels: [H, W, 3] or [H, W, 4] float32 in [0, 1], straight alpha.
        film: pictures on the way.
        config: how; the defaults if not given.

    Raises:
        OutputError: for another ending, or a file that cannot be written; `path` then keeps what it held.
    """
    check_format(path)
    config = config or ExportConfig()
    ending = path.suffix.lower()
    if ending == ".webp" and config.webp == "animated":
        ending = "animated"
    _WRITERS[ending](path, pixels, film, config)


def _save_png(path: Path, pixels: np.ndarray, film: FrameRecorder, config: ExportConfig) -> None:
    from painter.export.png import write_png

    write_png(path, in_whole(pixels, config.bit_depth))


def _save_jpeg(path: Path, pixels: np.ndarray, film: FrameRecorder, config: ExportConfig) -> None:
    from painter.export.jpeg import write_jpeg

    write_jpeg(path, in_whole(pixels), config.quality)


def _save_webp(path: Path, pixels: np.ndarray, film: FrameRecorder, config: ExportConfig) -> None:
    from painter.export.webp import write_webp

    write_webp(path, in_whole(pixels), config.quality)


def _save_animated_webp(path: Path, pixels: np.ndarray, film: FrameRecorder, config: ExportConfig) -> None:
    from painter.export.webp import write_animated_webp

    frames = film.shown(in_whole(pixels))
    times = [1000 * time for time in _times(len(frames), config)]
    write_animated_webp(path, frames, times, config.quality, config.loop)


def _save_gif(path: Path, pixels: np.ndarray, film: FrameRecorder, config: ExportConfig) -> None:
    from painter.export.gif import write_gif

    frames = film.shown(in_whole(pixels))
    samples = [*frames[:: max(1, len(frames) // EncodingConfig.sample_frames)], frames[-1]]
    times = [1000 * time for time in _times(len(frames), config)]
    write_gif(path, frames, samples, times_ms=times, loop=config.loop)


def _save_mp4(path: Path, pixels: np.ndarray, film: FrameRecorder, config: ExportConfig) -> None:
    from painter.export.mp4 import write_mp4

    frames = film.shown(in_whole(pixels))
    write_mp4(path, frames, _times(len(frames), config), Fraction(EncodingConfig.video_fps))


def in_whole(pixels: np.ndarray, depth: int = 8) -> np.ndarray:
    """uint8 or uint16 of a float picture in [0, 1]."""
    values = np.rint(pixels.astype(np.float64) * (2**depth - 1))
    return values.astype(np.uint8 if depth == 8 else np.uint16)


def _times(frames: int, config: ExportConfig) -> list[Fraction]:
    """Seconds that each frame is shown: `duration` until the last, which is held."""
    each = Fraction(config.duration or EncodingConfig.duration) / max(1, frames - 1)
    return [each] * (frames - 1) + [max(each, Fraction(config.hold))]


_WRITERS: dict[str, Callable[[Path, np.ndarray, FrameRecorder, ExportConfig], None]] = {
    ".png": _save_png,
    ".jpg": _save_jpeg,
    ".jpeg": _save_jpeg,
    ".webp": _save_webp,
    "animated": _save_animated_webp,
    ".gif": _save_gif,
    ".mp4": _save_mp4,
}
