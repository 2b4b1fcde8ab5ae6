"""A brush's four networks on disk: one safetensors file, listed with its sha256 in checkpoints/manifest.json."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from renderers.brushes import BRUSHES
from renderers.errors import CheckpointError
from renderers.networks import FRAME_SIDES, RasterizationNetwork, ShadingNetwork

MANIFEST = "manifest.json"
STORED = torch.float16  # halves the files; costs about 0.01 dB


class BrushNetworks(nn.Module):
    """Rasterization and shading networks of one brush, for the small and the large frame."""

    def __init__(self, brush: str) -> None:
        super().__init__()
        self.brush = brush
        size = BRUSHES[brush].code_size
        self.raster = nn.ModuleDict({str(side): RasterizationNetwork(size, side) for side in FRAME_SIDES})
        self.shading = nn.ModuleDict({str(side): ShadingNetwork(size, side) for side in FRAME_SIDES})

    def forward(self, code: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Codes [N, K] → α and mix, [N, S, S] each, for frames of S = `side` texels."""
        return self.raster[str(side)](code), self.shading[str(side)](code)


def checkpoint_folder() -> Path:
    """Where the shipped checkpoints lie: in the tree, or in the installed package."""
    return Path(str(resources.files("checkpoints")))


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest's entries by brush.

    Raises:
        CheckpointError: if it is missing or not JSON.
    """
    path = folder / MANIFEST
    try:
        return json.loads(path.read_text())["brushes"]
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); reinstall Impasto to restore it") from error
    except (ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: is not a checkpoint manifest; reinstall Impasto to restore it") from error


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
    networks = BrushNetworks(brush)
    try:
        networks.load_state_dict({name: tensor.float() for name, tensor in load(content).items()})
    except (SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"{path}: checkpoint does not fit this version of Impasto; {remedy}") from error
    return networks.eval().requires_grad_(False)


def pack_networks(networks: BrushNetworks) -> bytes:
    """The networks as a safetensors file."""
    tensors = {name: tensor.to(STORED).contiguous() for name, tensor in networks.state_dict().items()}
    return save(tensors, {"brush": networks.brush})
