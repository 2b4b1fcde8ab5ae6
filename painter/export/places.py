"""Whether a file can be put at a path, tried before any work is done; and the writing of one, never in part."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from painter.errors import OutputError, one_line
from painter.system.atomic import replacing

_FRAME = re.compile(r"frame-\d{5,}\.png")


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary name that becomes `path` on success, so that a reader never sees half a file.

    On failure `path` is unchanged.

    Raises:
        OutputError: the system refuses (a full disk).
    """
    try:
        with replacing(path) as temporary:
            yield temporary
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def check_named(path: str | os.PathLike[str]) -> None:
    """Raise OutputError if `path` names no file and no folder of its own: '', '.', '/' or what ends in '..'."""
    if Path(path).name in ("", ".."):
        shown = one_line(path) or "''"
        raise OutputError(f"cannot write {shown}: it names no file and no folder of its own; give a name")


def check_place(path: Path) -> None:
    """Raise OutputError unless a file, of whatever ending, can be put at `path`; leave nothing behind."""
    check_named(path)
    if os.path.isdir(path):
        raise OutputError(f"cannot write {path}: it is a folder; give a file name")
    check_parent(path)
    if os.path.exists(path):
        _check_existing(path)


def check_parent(path: Path) -> None:
    """Raise OutputError unless a file with the name of `path` can be created beside it; leave nothing behind."""
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


def check_frame_folder(path: Path) -> None:
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


def _check_existing(path: Path) -> None:
    if not os.path.isfile(path):
        raise OutputError(f"cannot write {path}: it exists and is not a regular file; choose another name")
    # Renaming over a read-only file would succeed; whoever made it read-only did not want that.
    if not os.access(path, os.W_OK) or not path.stat().st_mode & 0o222:
        raise OutputError(f"cannot write {path}: the file there is read-only; choose another name")
