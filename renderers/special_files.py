"""Files that must not be opened for reading: pipes, sockets and devices."""

from __future__ import annotations

import errno
from pathlib import Path


def is_special_file(path: Path) -> bool:
    """Whether `path` exists but is neither a regular file nor a folder: a pipe, a socket or a device.

    Reading one may block for ever or never end, so this is asked before reading a file that a person names.

    Raises:
        OSError: the path cannot be inspected, for example because its folder may not be entered.
    """
    return path.exists() and not (path.is_file() or path.is_dir())


def check_regular(path: Path) -> None:
    """Raise OSError if `path` is a pipe, a socket or a device."""
    if is_special_file(path):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def read_regular(path: Path) -> bytes:
    """The bytes of a file. Raises OSError if it cannot be read, or is a pipe, a socket or a device."""
    check_regular(path)
    return path.read_bytes()
