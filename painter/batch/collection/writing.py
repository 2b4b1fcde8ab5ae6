"""Writes many small files at once, so that none is ever seen half written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from painter.errors import OutputError, one_line

_STAGE = ".writing"  # a folder for incomplete files


def write_all(folder: Path, files: Mapping[str, bytes]) -> int:
    """Write the files whose content has changed.

    All are written to a temporary folder, flushed to the disk together (one by one that takes minutes for ten
    thousand files) and then renamed. After a kill each file has its old or its new content, and the next call writes
    the rest.

    Args:
        folder: must exist; subfolders are made.
        files: contents by name, relative to `folder`, with /.

    Returns:
        The number of files written.

    Raises:
        OutputError: a file cannot be written, as when the disk is full.
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
            os.sync()  # the new names as well
    except OSError as error:
        where = one_line(error.filename or folder)
        raise OutputError(f"cannot write {where}: {error.strerror or error}; free some space and run again") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return len(changed)


def _is_there(path: Path, content: bytes) -> bool:
    with suppress(OSError):
        return path.stat().st_size == len(content) and path.read_bytes() == content
    return False
