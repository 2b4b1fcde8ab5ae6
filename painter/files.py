"""Writing files so that a reader never sees half of one, and two programs never write the same one.

A file is written under a temporary name beside its own, ``.NAME.xxxxxxxx.part.ENDING``, and renamed when all of it is
on the disk. What a killed program leaves under such a name is removed when NAME is next written, a day later or more.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

STROKE_ENDINGS = (".strokes.json", ".strokes.json.gz")
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part[^/]*", re.DOTALL)
_ABANDONED = 86400.0  # seconds after which a temporary file belongs to no program that still runs


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
        _flush(temporary, os.O_RDWR)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    with suppress(OSError):  # not every system can flush a folder; the file is whole either way
        _flush(path.parent, os.O_RDONLY)


def temporary_name(path: Path) -> Path:
    """A new name for what becomes `path`: hidden, beside it, with its ending."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part{path.suffix}")


@contextmanager
def free_names(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield these names if nothing is there, else with the first number from 2 that makes them all free.

    Until this ends no other `free_names` yields any of them, in any process: a lock on an empty file beside each,
    ``.NAME.claim``, sees to that. The system drops the lock of a program that is killed. Where there are no locks
    (Windows, some network file systems) only what exists already is minded.

    Raises:
        OSError: no file can be created in one of the folders.
    """
    for number in count(1):
        names = [numbered(path, number) for path in paths]
        with ExitStack() as claims:
            # In one order for all programs, so that of several one gets ahead.
            if all(claims.enter_context(_claiming(name)) for name in sorted(set(names))):
                yield names
                return


def numbered(path: Path, number: int) -> Path:
    """cat.png as cat-2.png; itself for number 1."""
    stem, ending = split_ending(path)
    return path if number == 1 else path.with_name(f"{stem}-{number}{ending}")


def split_ending(path: Path) -> tuple[str, str]:
    """A file's name without its ending, and the ending, which may have several dots: '.strokes.json'."""
    known = max((e for e in STROKE_ENDINGS if path.name.lower().endswith(e)), key=len, default="")
    ending = path.name[len(path.name) - len(known) :] if known and path.name != known else path.suffix
    return path.name[: len(path.name) - len(ending)], ending


@contextmanager
def holding(lock: Path) -> Iterator[bool]:
    """Yield whether the file `lock`, made if it is missing, is ours alone until this ends, among all programs.

    The system drops the lock of a program that is killed. Where there are no locks (Windows, some network file
    systems) everybody is told yes.

    Raises:
        OSError: no file can be created there.
    """
    handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o666)
    try:
        yield _lock(handle, lock)
    finally:
        os.close(handle)


@contextmanager
def _claiming(path: Path) -> Iterator[bool]:
    """Yield whether `path` is free and ours: nothing is there, and nobody else gets it until this ends."""
    claim = path.with_name(f".{path.name}.claim")
    with holding(claim) as ours:
        if not ours:
            yield False
            return
        try:
            yield not os.path.lexists(path)
        finally:
            with suppress(OSError):
                claim.unlink()  # still locked, so that nobody has locked this file after us


def _lock(handle: int, path: Path) -> bool:
    """Lock an open file if nobody has; False, too, if it is no longer the file under the name `path`."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # this file system has no locks
        return True
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _create_temporary(path: Path) -> Path:
    """An empty new file under a temporary name, with the permissions that a new file gets."""
    while True:
        temporary = temporary_name(path)
        with suppress(FileExistsError):
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
            return temporary


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files of `path` that a program left when it was killed, at least a day ago."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.part{re.escape(path.suffix)}", re.DOTALL)
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if not ours.fullmatch(entry.name):
                continue
            with suppress(OSError):
                if time.time() - entry.stat(follow_symlinks=False).st_mtime > _ABANDONED:
                    os.unlink(entry.path)


def sha256_of(path: Path) -> str:
    """The sha256 of a file's content, 64 hexadecimal digits. Raises OSError where it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()


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
