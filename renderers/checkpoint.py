"""A brush's two networks on disk: one safetensors file, listed with its sha256 in checkpoints/manifest.json."""

from __future__ import annotations

import hashlib
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save

from renderers.brushes import NETWORK_BRUSHES
from renderers.errors import CheckpointError
from renderers.manifest import MANIFEST, checkpoint_folder, listed_digest, read_bounded, read_manifest
from renderers.networks import BrushNetworks

__all__ = ["MANIFEST", "checkpoint_folder", "dump_networks", "listed_digest", "load_networks", "read_manifest"]


def load_networks(brush: str, folder: Path | None = None) -> BrushNetworks:
    """The pretrained networks of a brush, checked against the manifest, in evaluation mode, on the CPU, float32.

    Args:
        brush: a name in `renderers.brushes.NETWORK_BRUSHES`.
        folder: of the manifest and the checkpoints; `checkpoint_folder` if not given.

    Raises:
        CheckpointError: the file is missing, truncated or altered, or does not match these networks.
    """
    folder = folder or checkpoint_folder()
    entry = read_manifest(folder).get(brush)
    remedy = f"restore it or train it again: python -m scripts.training.train_renderer --brush {brush}"
    if entry is None:
        raise CheckpointError(f"{folder / MANIFEST}: lists no checkpoint for {brush}; {remedy}")
    path = folder / entry["file"]
    try:
        content = read_bounded(path)
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


def dump_networks(networks: BrushNetworks) -> bytes:
    """The networks as a safetensors file."""
    tensors = {name: tensor.contiguous() for name, tensor in networks.state_dict().items()}
    return save(tensors, {"brush": networks.brush.name})
