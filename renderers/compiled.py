"""Where compiled kernels are kept, and whether they are there already. Found out without importing numba.

Beside the sources if their folder can be written to, which is what numba does by itself. Else in the user's cache
folder, under a digest of the sources, so that other sources never meet them; or, where there is no such folder, as in
containers and services, in one for temporary files that nobody else can write to: what lies there is unpickled. Where
nothing can be written, kernels are compiled anew by each process.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

_SOURCES = Path(__file__).parent
STAMP = "stamp"  # `kernels_are_compiled` for a brush of one's own
_PACKAGES = ("renderers", "painter")  # that have kernels


@cache
def cache_folder() -> Path | None:
    """The folder for numba's cache; None where numba chooses: beside the sources, or nowhere.

    NUMBA_CACHE_DIR comes first, if it can be written to.
    """
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given and _can_write(Path(given)):
        return Path(given)
    if _can_write(_SOURCES / "__pycache__"):
        return None
    name = f"kernels-{_digest_of_sources()}"
    with suppress(RuntimeError):  # nobody is at home
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "impasto", name)
        if _can_write(folder):
            return folder
    with suppress(OSError):  # there is no folder for temporary files
        folder = Path(tempfile.gettempdir(), f"impasto-{_user()}")
        if _is_ours(folder) and _can_write(folder / name):
            return folder / name
    return None


def kernels_are_compiled(brush: str | None = None) -> bool:
    """Whether numba's cache has compiled code, of one brush if it is given."""
    pattern = f"**/{brush or '*'}.*.nbi"
    folder = cache_folder()
    folders = [_SOURCES.parent / package for package in _PACKAGES] if folder is None else [folder]
    return any(next(place.glob(pattern), None) is not None for place in folders)


def _can_write(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _is_ours(folder: Path) -> bool:
    """Whether a folder, made if it is missing, belongs to this user and nobody else can write to it."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == _user() and not found.st_mode & 0o022


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(_SOURCES.glob("**/*.py")):
        digest.update(path.relative_to(_SOURCES).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
