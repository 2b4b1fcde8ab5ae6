"""A brush's four networks on disk: one safetensors file, listed with its sha256 in checkpoints/manifest.json."""

from __future__ import annotations

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
        entries = json.loads(path.read_text())["brushes"]
        if not all({"file", "sha256"} <= entry.keys() for entry in entries.values()):
            raise KeyError("file, sha256")
        return entries
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); reinstall Impasto to restore it") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: is not a checkpoint manifest; reinstall Impasto to restore it") from error


def listed_digest(brush: str, folder: Path | None = None) -> str | None:
    """The sha256 that the manifest lists for a brush's checkpoint; None if it lists none. Raises CheckpointError."""
    entry = read_manifest(folder or checkpoint_folder()).get(brush)
    return None if entry is None else str(entry["sha256"])


def load_networks(brush: str, folder: Path | None = None) -> BrushNetworks:
    """The pretrained networks of a brush, checked against the manifest, in float32, ready for use.

    Raises:
        CheckpointError: if the file is missing, truncated, altered, or does not fit the networks.
    """
    folder = folder or checkpoint_folder()
    entry = read_manifest(folder).get(brush)
    remedy = f"restore it or train it again: python scripts/train_renderer.py --brush {brush}"
    if entry is None:
        raise CheckpointError(f"{folder / MANIFEST}: lists no checkpoint for {brush}; {remedy}")
    path = folder / entry["file"]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: checkpoint cannot be read ({error.strerror}); {remedy}") from error
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise CheckpointError(f"{path}: checkpoint is truncated or altered (sha256 differs); {remedy}")
    networks = BrushNetworks(NETWORK_BRUSHES[brush])
    try:
        networks.load_state_dict(load(content))
    except (SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"{path}: checkpoint does not fit this version of Impasto; {remedy}") from error
    return networks.eval().requires_grad_(False)


def pack_networks(networks: BrushNetworks) -> bytes:
    """The networks as a safetensors file."""
    tensors = {name: tensor.contiguous() for name, tensor in networks.state_dict().items()}
    return save(tensors, {"brush": networks.brush.name})
