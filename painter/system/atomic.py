"""Writing files so that a reader never sees half of one, and two programs never write the same one.

A file is written under a temporary name beside its own, ``.NAME.xxxxxxxx.part.ENDING``, and renamed when all of it is
on the disk; a folder, or what needs one, under ``.NAME.xxxxxxxx.part``. What a killed program leaves under such names
is removed when NAME is next written, a day later or more.
"""

from __future__ import annotations

import ctypes
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part[^/]*", re.DOTALL)
_ABANDONED = 86400.0  # seconds after which a temporary file belongs to no program that still runs
_HERE, _RENAME_EXCHANGE = -100, 2  # Linux's AT_FDCWD, and a flag of its renameat2

Note = Callable[[Path, Path], None]
_noted: ContextVar[Note] = ContextVar("noted", default=lambda path, temporary: None)


@contextmanager
def replacing(path: Path, tidy: bool = True) -> Iterator[Path]:
    """Yield a temporary name beside `path`, for the body to write; it becomes `path` on success.

    Content, then name, are on the disk when this ends. On any failure, and on Ctrl-C, the temporary file is removed
    and `path` is what it was. A kill leaves the temporary file, never half of `path`.

    Args:
        tidy: whether to look through the folder for what killed programs left of `path`. That takes longer the more
            files there are; who writes many calls `remove_temporary` once instead.

    Raises:
        OSError: the file cannot be written, or not all of it.
    """
    if tidy:
        _remove_abandoned(path)
    temporary = _create_temporary(path)
    try:
        yield temporary
        flush_file(temporary)
        move_into_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    flush_folder(path.parent)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path`, for what becomes it; with all that is still in it, it is gone afterwards.

    Raises:
        OSError: it cannot be made.
    """
    _remove_abandoned(path)
    folder = _create_folder(path)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove(path: Path) -> None:
    """Remove a file that nobody writes any more, with what killed programs left of it. It is no error if that fails."""
    _remove_abandoned(path, age=0)
    with suppress(OSError):
        path.unlink()


def move_into_place(temporary: Path, path: Path) -> None:
    """Give what is whole and on the disk its name. A folder that has it gets the temporary one in exchange."""
    _noted.get()(path, temporary)
    if temporary.is_dir() and os.path.lexists(path):
        _exchange(temporary, path)
    else:
        temporary.replace(path)


@contextmanager
def before_rename(note: Note) -> Iterator[None]:
    """Call `note(path, temporary)` whenever, within this, a file or folder is about to get its name."""
    before = _noted.set(note)
    try:
        yield
    finally:
        _noted.reset(before)


def flush_file(path: Path) -> None:
    """Have the system bring a file's content to the disk. Raises OSError if it cannot."""
    _flush(path, os.O_RDWR)


def flush_folder(path: Path) -> None:
    """Have the system bring the names in a folder to the disk. Not every one can; the files are whole either way."""
    with suppress(OSError):
        _flush(path, os.O_RDONLY)


def temporary_name(path: Path) -> Path:
    """A new name for what becomes `path`: hidden, beside it, with its ending."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part{path.suffix}")


def _create_temporary(path: Path) -> Path:
    """An empty new file under a temporary name, with the permissions that a new file gets."""
    while True:
        temporary = temporary_name(path)
        with suppress(FileExistsError):
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
            return temporary


def _create_folder(path: Path) -> Path:
    """An empty new folder under a temporary name, with the permissions that a new folder gets."""
    while True:
        folder = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        with suppress(FileExistsError):
            folder.mkdir()
            return folder


def _exchange(new: Path, old: Path) -> None:
    """Have two folders change names, at one blow where the system can (Linux)."""
    with suppress(AttributeError, TypeError):
        if ctypes.CDLL(None).renameat2(_HERE, os.fsencode(new), _HERE, os.fsencode(old), _RENAME_EXCHANGE) == 0:
            return
    aside = old.with_name(f".{old.name}.{secrets.token_hex(4)}.old")  # where a kill may leave it: never removed
    old.replace(aside)
    try:
        new.replace(old)
    except BaseException:
        aside.replace(old)
        raise
    aside.replace(new)


def _remove_abandoned(path: Path, age: float = _ABANDONED) -> None:
    """Remove temporary files and folders of `path` that a program left when it was killed, so many seconds ago."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.part(?:{re.escape(path.suffix)})?", re.DOTALL)
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if not ours.fullmatch(entry.name):
                continue
            with suppress(OSError):
                if time.time() - entry.stat(follow_symlinks=False).st_mtime < age:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    os.unlink(entry.path)


def remove_temporary(folder: Path, names: Collection[str]) -> None:
    """Remove what killed programs left of the files with these names in `folder`, however young.

    Only for who knows that no other program writes them now.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _TEMPORARY.fullmatch(entry.name)
            if match is not None and match[1] in names:
                with suppress(OSError):
                    os.unlink(entry.path)


def _flush(path: Path, flags: int) -> None:
    """Have the system bring what it holds of a file or folder to the disk."""
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
