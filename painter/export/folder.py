"""The growing painting as a folder of numbered PNGs, for video editors: frame-00000.png and so on."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from painter.errors import OutputError
from painter.export.png import write_png

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

    They are written into another folder first. It takes the place of an earlier one, if that holds frames only.

    Raises:
        OutputError: a file cannot be written, or there is something else at `path`, which is left as it is.
    """
    check_folder(path)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        try:
            _write_frames(temporary, path, frames)
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o777 & ~umask)
            check_folder(path)
            _swap(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def _write_frames(folder: Path, path: Path, frames: Iterable[np.ndarray]) -> None:
    """Write the frames into `folder`; complain of `path`, which is to become of it."""
    for number, frame in enumerate(frames):
        file = folder / f"frame-{number:05d}.png"
        try:
            write_png(file, frame)
        except OutputError as error:
            raise OutputError(str(error).replace(str(file), str(path))) from error


def _swap(new: Path, path: Path) -> None:
    """Put the folder `new` at `path`; remove what was there, or put it back if that fails."""
    if not os.path.lexists(path):
        new.rename(path)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".old", dir=path.parent))
    try:
        path.rename(old / path.name)
        try:
            new.rename(path)
        except BaseException:
            with suppress(OSError):
                (old / path.name).rename(path)
            raise
    finally:
        if os.path.lexists(path):  # else the old frames are all there is
            shutil.rmtree(old, ignore_errors=True)
