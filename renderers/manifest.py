"""The manifest of the checkpoints: which file has a brush's networks, and its sha256. Read without torch."""

from __future__ import annotations

import errno
import json
from importlib import resources
from pathlib import Path
from typing import Any

from renderers.errors import CheckpointError
from renderers.special_files import check_regular

MANIFEST = "manifest.json"
_MAX_BYTES = 2**26  # of the manifest or a checkpoint: ten times the largest that Impasto ships
_LONGEST_NAME = 255  # characters of a file's name; no file system has longer ones

_chosen: Path | None = None  # by `use_checkpoints`


def checkpoint_folder() -> Path:
    """The folder of the checkpoints: that of the package `checkpoints`, or the one set by `use_checkpoints`."""
    return Path(str(resources.files("checkpoints"))) if _chosen is None else _chosen


def use_checkpoints(folder: Path | None) -> None:
    """Make this process read checkpoints from another folder, which has a manifest; None: from the package's."""
    global _chosen
    _chosen = folder


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest's entries by brush: each a dict with `file`, `sha256` and how the networks were made.

    Raises:
        CheckpointError: the manifest is missing or is not valid.
    """
    path = folder / MANIFEST
    try:
        entries: dict[str, Any] = json.loads(read_bounded(path))["brushes"]
        if not all(_is_name(entry["file"]) and isinstance(entry["sha256"], str) for entry in entries.values()):
            raise ValueError("file, sha256")
        return entries
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); reinstall Impasto to restore it") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path}: is not a checkpoint manifest; reinstall Impasto to restore it") from error


def _is_name(file: Any) -> bool:
    """Whether this is a plain file name, so that the file lies in the manifest's folder."""
    return isinstance(file, str) and len(file) <= _LONGEST_NAME and file.isprintable() and file == Path(file).name


def read_bounded(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        OSError: it cannot be read, is not a regular file, or is larger than 64 MB.
    """
    check_regular(path)
    with open(path, "rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise OSError(errno.EFBIG, f"larger than {_MAX_BYTES >> 20} MB")
    return content


def listed_digest(brush: str, folder: Path | None = None) -> str | None:
    """The sha256 that the manifest lists for a brush's checkpoint; None if it lists none.

    Raises:
        CheckpointError: see `read_manifest`.
    """
    entry = read_manifest(folder or checkpoint_folder()).get(brush)
    return None if entry is None else str(entry["sha256"])
