"""A brush's four networks on disk: one safetensors file, listed with its sha256 in checkpoints/manifest.json."""

from __future__ import annotations

import errno
import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save

from renderers.brushes import NETWORK_BRUSHES
from renderers.errors import CheckpointError
from renderers.networks import BrushNetworks

MANIFEST = "manifest.json"
_MAX_BYTES = 2**26  # of either file: ten times the largest of ours


def checkpoint_folder() -> Path:
    """Where the shipped checkpoints lie: in the tree, or in the installed package."""
    return Path(str(resources.files("checkpoints")))


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest's entries by brush.

    Raises:
        CheckpointError: if it is missing or not a manifest.
    """
    path = folder / MANIFEST
    try:
        entries = json.loads(_read(path))["brushes"]
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


def _read(path: Path) -> bytes:
    """The bytes of a file. Raises OSError where it is no ordinary file or far larger than any of ours."""
    if path.exists() and not path.is_file():  # a pipe would keep us waiting for ever
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


def load_networks(brush: str, folder: Path | None = None) -> BrushNetworks:
    """The pretrained networks of a brush, checked against the manifest, in float32, ready for use.

    Raises:
        CheckpointError: if the file is missing, truncated, altered, does not fit the networks or is not finite.
    """
    folder = folder or checkpoint_folder()
    entry = read_manifest(folder).get(brush)
    remedy = f"restore it or train it again: python scripts/train_renderer.py --brush {brush}"
    if entry is None:
        raise CheckpointError(f"{folder / MANIFEST}: lists no checkpoint for {brush}; {remedy}")
    path = folder / entry["file"]
    try:
        content = _read(path)
    except OSError as error:
        raise CheckpointError(f"{path}: checkpoint cannot be read ({error.strerror}); {remedy}") from error
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise CheckpointError(f"{path}: checkpoint is truncated or altered (sha256 differs); {remedy}")
    networks = BrushNetworks(NETWORK_BRUSHES[brush])
    try:
        networks.load_state_dict(load(content))
        if not all(tensor.isfinite().all() for tensor in networks.state_dict().values()):
            raise ValueError("NaN or infinity")
    except (SafetensorError, RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: checkpoint does not fit this version of Impasto; {remedy}") from error
    return networks.eval().requires_grad_(False)


def pack_networks(networks: BrushNetworks) -> bytes:
    """The networks as a safetensors file."""
    tensors = {name: tensor.contiguous() for name, tensor in networks.state_dict().items()}
    return save(tensors, {"brush": networks.brush.name})
