"""The manifest of the checkpoints: which file holds a brush's networks, and its sha256. Read without torch."""

from __future__ import annotations

import errno
import json
from importlib import resources
from pathlib import Path
from typing import Any

from renderers.errors import CheckpointError
from renderers.special_files import is_special_file

MANIFEST = "manifest.json"
_MAX_BYTES = 2**26  # of either file: ten times the largest of ours

_chosen: Path | None = None  # by `use_checkpoints`


def checkpoint_folder() -> Path:
    """Where the checkpoints lie: in the tree, in the installed package, or where `use_checkpoints` says."""
    return Path(str(resources.files("checkpoints"))) if _chosen is None else _chosen


def use_checkpoints(folder: Path | None) -> None:
    """From now on this process reads checkpoints from another folder, which has a manifest; None: from its own."""
    global _chosen
    _chosen = folder


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest's entries by brush.

    Raises:
        CheckpointError: if it is missing or not a manifest.
    """
    path = folder / MANIFEST
    try:
        entries = json.loads(read_bounded(path))["brushes"]
        if not all(_is_name(entry["file"]) and isinstance(entry["sha256"], str) for entry in entries.values()):
            raise ValueError("file, sha256")
        return entries
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); reinstall Impasto to restore it") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path}: is not a checkpoint manifest; reinstall Impasto to restore it") from error


def _is_name(file: Any) -> bool:
    """Whether this is the name of a file in the manifest's own folder."""
    return isinstance(file, str) and file.isprintable() and file == Path(file).name


def read_bounded(path: Path) -> bytes:
    """The bytes of a file. Raises OSError where it is not an ordinary file or far larger than any of ours."""
    if is_special_file(path):
        raise OSError(errno.EINVAL, "not an ordinary file")
    with open(path, "rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise OSError(errno.EFBIG, f"larger than {_MAX_BYTES >> 20} MB")
    return content


def listed_digest(brush: str, folder: Path | None = None) -> str | None:
    """The sha256 that the manifest lists for a brush's checkpoint; None if it lists none. Raises CheckpointError."""
    entry = read_manifest(folder or checkpoint_folder()).get(brush)
    return None if entry is None else str(entry["sha256"])
