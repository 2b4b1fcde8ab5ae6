"""Paintings into files: the endings we write, and the test of an output path before any work is done.

Every writer goes through `writing`, so that a reader never sees half a file and a failure keeps the old one.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from painter.errors import OutputError
from painter.system.atomic import (
    replacing,
)

# Ending -> what such a file holds. This is the registry: a new format adds its line here, and its writer in save.py.
FORMATS: dict[str, str] = {
    ".png": "the finished painting, in 8 or 16 bits a channel",
    ".jpg": "the finished painting, over white where it is transparent",
    ".jpeg": "the same as .jpg",
    ".webp": "the finished painting, or an animation if `webp` asks for it",
    ".gif": "the painting as it grows, stroke by stroke",
    ".mp4": "the painting as it grows, over white where it is transparent",
    ".svg": "the strokes as vector paths",
    ".strokes.json": "the strokes themselves, to be replayed",
    ".strokes.json.gz": "the same, compressed",
    "frames/": "the painting as it grows, as a folder of numbered PNGs",
}
FOLDER = "frames/"


@dataclass(frozen=True)
class Format:
    """A line of FORMATS."""

    ending: str
    holds: str

    @property
    def is_folder(self) -> bool:
        return self.ending == FOLDER


def format_of(path: str | os.PathLike[str]) -> Format:
    """The format that a path's ending names, in either case; the longest of several.

    >>> format_of("box.STROKES.json").holds
    'the strokes themselves, to be replayed'

    A folder of frames is what ends in a slash, or has no ending and a name that ends in 'frames' (a Path keeps no
    slash). Raises OutputError, in one line, for anything else.
    """
    text = os.fspath(path)
    name = os.path.basename(text).lower()
    matching = [ending for ending in FORMATS if name.endswith(ending) and name != ending]
    if text.endswith(("/", os.sep)) or (name.endswith("frames") and not Path(text).suffix):
        ending = FOLDER
    elif matching:
        ending = max(matching, key=len)
    else:
        suffix = Path(text).suffix
        what = f"there is no format '{suffix}'" if suffix else "the name has no ending"
        raise OutputError(f"cannot write {text}: {what}; use {_endings()}")
    return Format(ending, FORMATS[ending])


def check_output(path: str | os.PathLike[str]) -> None:
    """Raise OutputError unless a file of a format we write can be put at `path`; leave nothing behind.

    The message is one line: the path, what is wrong with it, what to do.
    """
    place = Path(path)
    if os.path.isdir(place) and not _names_frames(path):
        raise OutputError(f"cannot write {place}: it is a folder; give a file name ending in {_endings()}")
    found = format_of(path)
    if found.is_folder:
        from painter.export.folder import check_folder

        check_folder(place)
        _check_folder(place)
        return
    if found.ending == ".mp4":
        from painter.export.mp4 import find_ffmpeg

        find_ffmpeg(place)
    check_place(place)


def _names_frames(path: str | os.PathLike[str]) -> bool:
    try:
        return format_of(path).is_folder
    except OutputError:
        return False


def check_place(path: Path) -> None:
    """Raise OutputError unless a file, of whatever ending, can be put at `path`; leave nothing behind."""
    if os.path.isdir(path):
        raise OutputError(f"cannot write {path}: it is a folder; give a file name")
    _check_folder(path)
    if os.path.exists(path):
        _check_existing(path)


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary name that becomes `path` on success; OSError (a full disk) becomes OutputError."""
    try:
        with replacing(path) as temporary:
            yield temporary
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def _endings() -> str:
    *most, last = FORMATS
    return f"{', '.join(most)} or {last}"


def _check_folder(path: Path) -> None:
    folder = path.parent
    if not os.path.exists(folder):
        raise OutputError(f"cannot write {path}: the folder {folder} does not exist; create it first")
    if not os.path.isdir(folder):
        raise OutputError(f"cannot write {path}: {folder} is not a folder; choose another one")
    try:
        # os.access says yes to root where nobody can write, so try it: with a name as long as `replacing`'s.
        with tempfile.NamedTemporaryFile(prefix=f".{path.name}.", suffix=f".part{path.suffix}", dir=folder):
            pass
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise OutputError(
            f"cannot write {path}: no file can be created in {folder} ({why}); choose another folder or name"
        ) from error


def _check_existing(path: Path) -> None:
    if not os.path.isfile(path):
        raise OutputError(f"cannot write {path}: it exists and is not a plain file; choose another name")
    # Renaming over a read-only file would succeed; whoever made it read-only did not want that.
    if not os.access(path, os.W_OK) or not path.stat().st_mode & 0o222:
        raise OutputError(f"cannot write {path}: the file there is read-only; choose another name")
