"""Files that lock out other programs."""

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
