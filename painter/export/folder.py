"""The growing painting as a folder of numbered PNGs, for video editors: frame-00000.png and so on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from painter.errors import OutputError
from painter.export.png import encode_png
from painter.system.atomic import flush_file, flush_folder, move_into_place, temporary_folder

_FRAME = re.compile(r"frame-\d{5,}\.png")


def check_folder(path: Path) -> None:
    """Raise OutputError unless a folder of frames may be put at `path`: over nothing, or over frames only."""
    if path.name in ("", ".."):
        raise OutputError(f"cannot write {path}: frames go into a folder of their own; name one")
    if not os.path.lexists(path):
        return
    if not os.path.isdir(path) or os.path.islink(path):
        raise OutputError(f"cannot write {path}: it exists and is not a folder; choose another name")
    try:
        others = sorted(name for name in os.listdir(path) if not _FRAME.fullmatch(name))
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another name") from error
    if others:
        raise OutputError(f"cannot write {path}: the folder holds other files ({others[0]}); choose another name")


def write_folder(path: Path, frames: Iterable[np.ndarray]) -> None:
    """Write `frames`, as `write_png` takes them, into a folder at `path`; each is read once, lazily.

    They are written into another folder first, and brought to the disk together: one by one takes longer. It takes the
    place of an earlier one, if that holds frames only.

    Raises:
        OutputError: a file cannot be written, or there is something else at `path`, which is left as it is.
    """
    check_folder(path)
    try:
        with temporary_folder(path) as temporary:
            for number, frame in enumerate(frames):
                with open(temporary / f"frame-{number:05d}.png", "wb") as file:
                    encode_png(file, frame)
            for written in temporary.iterdir():
                flush_file(written)
            flush_folder(temporary)
            check_folder(path)
            move_into_place(temporary, path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    flush_folder(path.parent)
