"""The program that makes MP4s, which imageio-ffmpeg brings along."""

from __future__ import annotations

from pathlib import Path

from painter.errors import OutputError


def find_ffmpeg(path: Path) -> str:
    """Where the program is. Raises OutputError, naming `path`, if there is none."""
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        program: str = get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        raise OutputError(
            f"cannot write {path}: there is no ffmpeg; run pip install imageio-ffmpeg, or choose another format"
        ) from error
    return program
