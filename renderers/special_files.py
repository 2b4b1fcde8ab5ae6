"""Files that must not be opened for reading: pipes, sockets and devices."""

from __future__ import annotations

from pathlib import Path


def is_special_file(path: Path) -> bool:
    """Whether `path` exists but is neither an ordinary file nor a folder: a pipe, a socket or a device.

    Reading one may wait for ever or never end, so whoever reads a file that a person names asks this first.

    Raises:
        OSError: the path cannot be looked at, for example because its folder is closed to us.
    """
    return path.exists() and not (path.is_file() or path.is_dir())
