"""Paintings into files: the endings we write, and the test of an output path before any work is done.

Every writer goes through `writing`, so that a reader never sees half a file and a failure keeps the old one.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from painter.errors import OutputError
from painter.files import replacing

# Ending -> what such a file holds. This is the registry: a new format adds its line here.
FORMATS: dict[str, str] = {
    ".png": "the finished painting",
    ".gif": "the painting as it grows, stroke by stroke",
}


def check_output(path: Path) -> None:
    """Raise OutputError unless a file of a format we write can be put at `path`; leave nothing behind.

    Endings count in either case. The message is one line: the path, what is wrong with it, what to do.
    """
    if os.path.isdir(path):
        raise OutputError(f"cannot write {path}: it is a folder; give a file name ending in {_endings()}")
    if path.suffix.lower() not in FORMATS:
        what = f"there is no format '{path.suffix}'" if path.suffix else "the name has no ending"
        raise OutputError(f"cannot write {path}: {what}; use {_endings()}")
    check_place(path)


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
    return " or ".join(FORMATS)


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
