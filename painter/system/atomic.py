"""Atomic writing of files: a reader sees all of a file or none of it.

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
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part[^/]*", re.DOTALL)
_ABANDONED = 86400.0  # age in seconds from which no running program is assumed to use a temporary file
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of Linux's renameat2: names are relative to the current folder; swap them

RenameHook = Callable[[Path, Path], None]
_rename_hook: ContextVar[RenameHook] = ContextVar("rename_hook", default=lambda path, temporary: None)


@contextmanager
def replacing(path: Path, tidy: bool = True) -> Iterator[Path]:
    """Yield a temporary file beside `path` for the body to write; on success it replaces `path`.

    Afterwards its content and its name are on the disk. On any error, and on Ctrl-C, the temporary file is removed and
    `path` is unchanged. If the program is killed, the temporary file remains, and `path` is unchanged or complete.

    Args:
        tidy: whether to remove temporary files of `path` that killed programs left in its folder. This takes longer
            the more files are there; to write many, call `remove_temporary` once instead.

    Raises:
        OSError: the file cannot be written completely.
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
    """Yield a new temporary folder beside `path`. It is removed at the end, with all that is still in it.

    Raises:
        OSError: it cannot be created.
    """
    _remove_abandoned(path)
    folder = _create_folder(path)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove(path: Path) -> None:
    """Remove a file that no program writes any more, and its temporary files. Failures are ignored."""
    _remove_abandoned(path, age=0)
    with suppress(OSError):
        path.unlink()


def remove_abandoned_folders(prefix: str) -> None:
    """Remove folders for temporary files that begin so, and that programs left which were killed a day ago or more."""
    remove_abandoned(Path(tempfile.gettempdir()).glob(f"{prefix}*"))


def remove_abandoned(paths: Iterable[Path], age: float = _ABANDONED) -> None:
    """Remove files and folders that are a day old, or this many seconds, and older. Failures are ignored."""
    for path in paths:
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime < age:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def move_into_place(temporary: Path, path: Path) -> None:
    """Rename a complete temporary file or folder to `path`, replacing a file; a folder there takes the old name."""
    _rename_hook.get()(path, temporary)
    if temporary.is_dir() and os.path.lexists(path):
        _exchange(temporary, path)
    else:
        temporary.replace(path)


@contextmanager
def before_rename(hook: RenameHook) -> Iterator[None]:
    """Within this context, call `hook(path, temporary)` just before a file or folder is moved into place."""
    token = _rename_hook.set(hook)
    try:
        yield
    finally:
        _rename_hook.reset(token)


def flush_file(path: Path) -> None:
    """Flush a file's content to the disk. Raises OSError if that fails."""
    _flush(path, os.O_RDWR)


def flush_folder(path: Path) -> None:
    """Flush the names in a folder to the disk, on systems that can; files are complete in any case."""
    with suppress(OSError):
        _flush(path, os.O_RDONLY)


def temporary_name(path: Path) -> Path:
    """A new temporary name for `path`: hidden, beside it, with its ending."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part{path.suffix}")


def _create_temporary(path: Path) -> Path:
    """A new, empty file under a temporary name, with the usual permissions of new files."""
    while True:
        temporary = temporary_name(path)
        with suppress(FileExistsError):
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
            return temporary


def _create_folder(path: Path) -> Path:
    """A new, empty folder under a temporary name, with the usual permissions of new folders."""
    while True:
        folder = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        with suppress(FileExistsError):
            folder.mkdir()
            return folder


def _exchange(new: Path, old: Path) -> None:
    """Exchange the names of two folders, atomically on Linux."""
    with suppress(AttributeError, TypeError):
        if ctypes.CDLL(None).renameat2(_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(old), _RENAME_EXCHANGE) == 0:
            return
    aside = old.with_name(f".{old.name}.{secrets.token_hex(4)}.old")  # a kill may leave it here: never removed
    old.replace(aside)
    try:
        new.replace(old)
    except BaseException:
        aside.replace(old)
        raise
    aside.replace(new)


def _remove_abandoned(path: Path, age: float = _ABANDONED) -> None:
    """Remove temporary files and folders of `path` that killed programs left, from an age of so many seconds on."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.part(?:{re.escape(path.suffix)})?", re.DOTALL)
    with suppress(OSError), os.scandir(path.parent) as entries:
        remove_abandoned([Path(entry.path) for entry in entries if ours.fullmatch(entry.name)], age)


def remove_temporary(folder: Path, names: Collection[str]) -> None:
    """Remove the temporary files of the files with these names in `folder`, of whatever age.

    Call it only when no other program can be writing them.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _TEMPORARY.fullmatch(entry.name)
            if match is not None and match[1] in names:
                with suppress(OSError):
                    os.unlink(entry.path)


def _flush(path: Path, flags: int) -> None:
    """Flush a file or folder to the disk."""
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
