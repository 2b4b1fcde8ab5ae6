"""The weights of a trained network: from torchvision's own file, or from any file in that format."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from painter.errors import CheckpointError
from painter.options.network_layers import CONVOLUTIONS, filter_shapes
from painter.system.fingerprint import sha256_of
from renderers.special_files import is_special_file

_ELSE = "or choose --features random, which needs no download"


def find_weights(kind: str, download: bool, progress: bool) -> Path:
    """torchvision's ImageNet weights of 'vgg19' or 'vgg16' in torch's hub folder, checked by their hash.

    Raises:
        CheckpointError: they are not there and cannot be had, or are damaged.
    """
    source = _torchvision_weights(kind)
    name = os.path.basename(source.url)
    path: Path = Path(torch.hub.get_dir()) / "checkpoints" / name
    remedy = f"download {source.url} and put it at {path} (or name it with --weights), {_ELSE}"
    if not path.is_file():
        if not download:
            raise CheckpointError(f"--features {kind}: its weights are not on this machine; {remedy}")
        try:
            with redirect_stdout(sys.stderr if progress else io.StringIO()):  # torch says that it begins
                source.get_state_dict(progress=progress, check_hash=True, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError) as error:  # no network, a full disk; a hash that differs
            why = " ".join(str(getattr(error, "reason", error)).split())
            raise CheckpointError(f"--features {kind}: its weights cannot be downloaded ({why}); {remedy}") from error
    _check_hash(path, name.rsplit("-", 1)[1].removesuffix(".pth"))
    return path


def _torchvision_weights(kind: str) -> Any:
    from torchvision import models

    return {"vgg19": models.VGG19_Weights, "vgg16": models.VGG16_Weights}[kind].IMAGENET1K_V1


def _check_hash(path: Path, beginning: str) -> None:
    """torch checks what it downloads, but not what lies in its folder already."""
    if not sha256_of(path).startswith(beginning):
        raise CheckpointError(f"{path}: is damaged or cut short (its sha256 differs); delete it and start again")


def read_weights(kind: str, path: Path) -> Mapping[str, Tensor]:
    """A file of torchvision's 'vgg19' or 'vgg16': a .pth (no code in it is run) or a .safetensors file.

    The classifier's layers may be missing, or there and are ignored.

    Returns:
        Tensors by torchvision's names.

    Raises:
        CheckpointError: no such file, no weights, or those of another network.
    """
    state = _read(path)
    wanted: dict[str, tuple[int, ...]] = {}
    for place, (filters, channels) in zip(CONVOLUTIONS[kind], filter_shapes(kind), strict=True):
        wanted[f"features.{place}.weight"] = (filters, channels, 3, 3)
        wanted[f"features.{place}.bias"] = (filters,)
    shapes = {name: tuple(getattr(tensor, "shape", ())) for name, tensor in state.items()}
    convolutions = {name: shape for name, shape in shapes.items() if not str(name).startswith("classifier.")}
    for name in [*wanted, *convolutions]:
        if convolutions.get(name) != wanted.get(name):
            difference = _difference(name, wanted.get(name), convolutions.get(name))
            remedy = f"name a file of torchvision's {kind}, {_ELSE}"
            raise CheckpointError(f"--weights {path}: are not weights of {kind}: {difference}; {remedy}")
    if not all(torch.isfinite(state[name]).all() for name in wanted):
        raise CheckpointError(f"--weights {path}: has numbers that are not finite; download it again")
    return state


def _difference(name: Any, wanted: Any, found: Any) -> str:
    if found is None:
        return f"there is no {name}"
    expected = "which it does not have" if wanted is None else f"not {list(wanted)}"
    return f"{name!s:.80} is {list(found)}, {expected}"


def _read(path: Path) -> Mapping[str, Any]:
    if path.suffix.lower() not in (".pth", ".pt", ".safetensors"):
        raise CheckpointError(f"--weights {path}: neither .pth nor .safetensors; name such a file")
    remedy = f"name a .pth or .safetensors file, {_ELSE}"
    try:
        if is_special_file(path):
            raise CheckpointError(f"--weights {path}: it is not a regular file; {remedy}")
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        why = error.strerror or "unreadable"
        raise CheckpointError(f"--weights {path}: cannot be read ({why}); {remedy}") from error
    try:
        if path.suffix.lower() == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(path)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about odd files: they are refused below, or are as good as others
                state = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # damaged files raise errors of every type
        wrong = "is damaged or holds no plain tensors"
        if path.suffix.lower() == ".safetensors":
            wrong = "is not a safetensors file, or is cut short"
        raise CheckpointError(f"--weights {path}: {wrong}; {remedy}") from error
    if not isinstance(state, Mapping):
        raise CheckpointError(f"--weights {path}: holds no table of tensors; {remedy}")
    return state
