"""Lock files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def exclusive_lock(lock: Path) -> Iterator[bool]:
    """Yield whether this program has locked the file `lock`, which is created if missing, until the context ends.

    The system releases the lock of a program that is killed. Where there are no locks (Windows, some network file
    systems) the answer is always yes.

    Raises:
        OSError: the file cannot be created.
    """
    handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o666)
    try:
        yield _lock(handle, lock)
    finally:
        os.close(handle)


def _lock(handle: int, path: Path) -> bool:
    """Lock an open file; False if another program has, or if it is no longer the file at `path`."""
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
