"""Writing many small files at once, none of which is ever seen half written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from painter.errors import OutputError, one_line

_STAGE = ".writing"  # a folder for files that are not whole yet


def write_all(folder: Path, files: Mapping[str, bytes]) -> int:
    """Write files whose content is not there yet, and return how many that were.

    All are written aside, brought to the disk together (one by one that takes minutes for ten thousand), and then
    renamed. After a kill each is what it was or what it is to be, and the next call makes up for the rest.

    Args:
        folder: there already; the folders within it that names mention are made.
        files: contents by names within it, with /.

    Raises:
        OutputError: the disk is full, say.
    """
    stage = folder / _STAGE
    changed = [name for name, content in files.items() if not _is_there(folder / name, content)]
    try:
        if changed:
            shutil.rmtree(stage, ignore_errors=True)
            stage.mkdir()
        for k, name in enumerate(changed):
            (stage / str(k)).write_bytes(files[name])
        if changed and hasattr(os, "sync"):
            os.sync()
        for parent in {(folder / name).parent for name in changed}:
            parent.mkdir(parents=True, exist_ok=True)
        for k, name in enumerate(changed):
            (stage / str(k)).replace(folder / name)
        if changed and hasattr(os, "sync"):
            os.sync()  # the new names, too
    except OSError as error:
        where = one_line(error.filename or folder)
        raise OutputError(f"cannot write {where}: {error.strerror or error}; make room and run again") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return len(changed)


def _is_there(path: Path, content: bytes) -> bool:
    with suppress(OSError):
        return path.stat().st_size == len(content) and path.read_bytes() == content
    return False
