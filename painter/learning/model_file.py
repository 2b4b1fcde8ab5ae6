"""The file of a model, X.model: a safetensors file whose metadata has a manifest in JSON.

The manifest has the version of the format, the sizes of the networks, the form and the names of the collections, what
was measured on held-out pieces, and a digest of everything. A file of another version, or one that was altered, is
refused. It contains no code, and reading it runs none.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors import numpy as safetensors
from torch import nn

from painter.errors import ModelError, OutputError, one_line
from painter.learning.copies import Originals
from painter.learning.form import Form
from painter.learning.gan_networks import GanNetworks, make_gan_networks
from painter.learning.learning_config import (
    GanConfig,
    JudgeConfig,
    StrokesConfig,
    TokenizerConfig,
    TransformerConfig,
    UpscalerConfig,
)
from painter.learning.muon import load_into
from painter.learning.networks import Networks, Sizes, make_networks
from painter.learning.rarities import Rarities
from painter.system.atomic import replacing
from painter.version import __version__

VERSIONS = {"tokens": 1, "dcgan": 2, "strokes": 3, "pixel art": 4}
"""Of the format, by engine, and of pixel art; the largest is raised whenever an older program could not use a file."""
_LONE = 0.005  # of models that were learned before it was measured
_KIND, _LARGEST = "impasto model", 2**30  # bytes
_WIDTHS = frozenset({"width", "layers", "heads", "hidden", "features", "blocks", "latent", "dims", "count"})


@dataclass(frozen=True, eq=False)
class Model:
    """What was learned from one collection or two."""

    names: tuple[str, ...]  # of the collections
    form: Form
    networks: Networks | GanNetworks
    palettes: tuple[np.ndarray, ...]  # of each collection, float32 [K, C]
    originals: Originals
    counts: tuple[int, ...]  # pieces of each collection
    figures: Mapping[str, float]  # of held-out pieces, see painter.learning.training.LearningRun.learned
    finished: bool = True  # False if Ctrl-C ended the run early
    rarities: Rarities | None = None  # None without a judge of traits

    @property
    def engine(self) -> str:
        """What learned it, one of painter.options.learn.ENGINES."""
        if isinstance(self.networks, GanNetworks):
            return "dcgan"
        return "tokens" if self.networks.strokes is None else "strokes"

    @property
    def kind(self) -> str:
        """Which format its file has, one of VERSIONS."""
        is_art = isinstance(self.networks, Networks) and self.networks.tokenizer.colors is not None
        return "pixel art" if is_art else self.engine

    @property
    def of_tokens(self) -> Networks:
        """The networks of a model of the engine 'tokens' or 'strokes'."""
        assert isinstance(self.networks, Networks)
        return self.networks

    @property
    def channels(self) -> int:
        """3, or 4 with alpha."""
        return int(self.originals.reduced.shape[-1])

    @property
    def pixel_art(self) -> bool:
        """Whether pieces are pixel art."""
        return self.form.native is not None

    @property
    def lone(self) -> float:
        """Of pixel art: the share of learned pixels that differ from all their neighbours."""
        return self.figures.get("lone", _LONE)


def save_model(model: Model, path: Path) -> None:
    """Write a model. Raises OutputError if it cannot be written; then nothing is changed."""
    arrays = {
        **{key: array for name, network in model.networks.named() for key, array in _arrays(name, network).items()},
        **{f"palette.{k}": palette for k, palette in enumerate(model.palettes)},
        "originals": model.originals.reduced,
    }
    if model.rarities is not None:
        arrays |= {f"rarities.{k}": kept.numpy() for k, kept in enumerate(model.rarities.kept)}
    manifest = {
        "version": VERSIONS[model.kind],
        "impasto": __version__,
        "names": list(model.names),
        "counts": list(model.counts),
        "form": asdict(model.form),
        "channels": model.channels,
        "networks": {name: asdict(network.config) for name, network in model.networks.named()},
        "traits": {} if model.networks.judge is None else model.networks.judge.traits,
        "copies": model.originals.threshold,
        "figures": dict(model.figures),
        "finished": model.finished,
    }
    about = {"manifest": manifest, "sha256": _digest(manifest, arrays)}
    metadata = {_KIND: json.dumps(about, sort_keys=True)}  # in one entry: safetensors writes several in any order
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(safetensors.save(arrays, metadata))
    except OSError as error:
        why = error.strerror or error
        raise OutputError(f"cannot write {one_line(path)}: {why}; free some space or choose another name") from error


def load_model(path: str | os.PathLike[str]) -> Model:
    """Read a model.

    Raises:
        ModelError: there is no such file, it is not a model, is of another version, or was altered.
    """
    path = Path(path)
    manifest, arrays = _read(path)
    try:
        _check_widths(manifest["networks"], arrays)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's about odd sizes, which are refused when arrays do not fit
            return _model(manifest, arrays)
    except (LookupError, TypeError, ValueError, RuntimeError, AttributeError, ArithmeticError) as error:
        raise ModelError(f"cannot read {one_line(path)}: it is damaged; learn the collection again") from error


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The manifest and the arrays of a file, once its version and its digest have been checked."""
    name = one_line(path)
    try:
        if not path.is_file():
            what = "it is a folder" if path.is_dir() else "there is no such file"
            raise ModelError(f"cannot read {name}: {what}; `collection learn` makes a model")
        if path.stat().st_size > _LARGEST:
            raise ModelError(f"cannot read {name}: it is too large; name a file of `collection learn`")
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {name}: {error.strerror or error}; check its permissions") from error
    try:
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(json.loads(content[8 : 8 + min(length, _LARGEST)])["__metadata__"][_KIND])
        manifest = metadata["manifest"]
        version = int(manifest["version"])
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ModelError(f"cannot read {name}: it is not a model; `collection learn` makes one") from error
    if version not in VERSIONS.values():
        other = one_line(str(manifest.get("impasto")))
        raise ModelError(
            f"cannot read {name}: it is a model of version {version}, and this Impasto ({__version__}) reads version "
            f"{max(VERSIONS.values())}; learn the collection again, or use Impasto {other}"
        )
    try:
        arrays = safetensors.load(content)
    except (SafetensorError, ValueError, TypeError) as error:
        raise ModelError(f"cannot read {name}: it is damaged or cut short; copy it again") from error
    if _digest(metadata["manifest"], arrays) != metadata.get("sha256"):
        raise ModelError(f"cannot read {name}: it was altered or damaged (its sha256 differs); copy it again")
    return manifest, arrays


def _check_widths(networks: Mapping[str, Mapping[str, Any]], arrays: Mapping[str, np.ndarray]) -> None:
    """Raise ValueError for networks that are wider or deeper than the arrays that are to fill them.

    A manifest that says so could otherwise have any amount of memory allocated.
    """
    most = max(len(arrays), *(side for array in arrays.values() for side in array.shape))
    for sizes in networks.values():
        for name in _WIDTHS & sizes.keys():
            if sizes[name] > most:
                raise ValueError(f"{name} is {sizes[name]}, more than any array has")


def _model(manifest: dict[str, Any], arrays: dict[str, np.ndarray]) -> Model:
    form, names = manifest["form"], tuple(map(str, manifest["names"]))
    native = None if form["native"] is None else (int(form["native"][0]), int(form["native"][1]))
    saved = manifest["networks"]
    traits = {str(name): tuple(map(str, values)) for name, values in manifest["traits"].items()}
    size, channels = int(form["size"]), int(manifest["channels"])
    judge, upscaler = JudgeConfig(**saved.get("judge", {})), UpscalerConfig(**saved.get("upscaler", {}))
    networks: Networks | GanNetworks
    if manifest["version"] == VERSIONS["dcgan"]:
        gan = GanConfig(**saved["generator"])
        networks = make_gan_networks(size, channels, 0, traits, "upscaler" in saved, gan, judge, upscaler)
    else:
        strokes = StrokesConfig(**saved["strokes"]) if manifest["version"] == VERSIONS["strokes"] else None
        tokenizer, transformer = TokenizerConfig(**saved["tokenizer"]), TransformerConfig(**saved["transformer"])
        colors = None
        if manifest["version"] == VERSIONS["pixel art"]:
            colors = torch.from_numpy(arrays["tokenizer.colors"]).reshape(-1, channels)
        upscales = "upscaler" in saved
        networks = make_networks(
            Sizes(
                size, channels, len(names), traits, upscales, tokenizer, transformer, judge, upscaler, strokes, colors
            )
        )
    for prefix, network in networks.named():
        state = dict(network.state_dict())
        load_into(state, {name: torch.from_numpy(arrays[f"{prefix}.{name}"]) for name in state})
        network.eval().requires_grad_(False)
    return Model(
        names,
        Form(int(form["size"]), (int(form["content"][0]), int(form["content"][1])), native),
        networks,
        tuple(arrays[f"palette.{k}"] for k in range(len(names))),
        Originals(arrays["originals"], float(manifest["copies"])),
        tuple(map(int, manifest["counts"])),
        {str(name): float(value) for name, value in manifest["figures"].items()},
        bool(manifest["finished"]),
        _rarities(traits, arrays),
    )


def _rarities(traits: Mapping[str, Sequence[str]], arrays: Mapping[str, np.ndarray]) -> Rarities | None:
    """Those of a file; None where it has none, as of a model that was learned before there were any."""
    if "rarities.0" not in arrays:
        return None
    kept = tuple(torch.from_numpy(arrays[f"rarities.{k}"]) for k in range(len(traits)))
    for one, values in zip(kept, traits.values(), strict=True):
        if one.shape != (len(values),) or not bool(((one > 0) & (one <= 1)).all()):
            raise ValueError("rarities are not probabilities of each value")
    return Rarities(kept)


def _arrays(prefix: str, network: nn.Module) -> dict[str, np.ndarray]:
    return {
        f"{prefix}.{name}": np.ascontiguousarray(values.detach().cpu().numpy())
        for name, values in network.state_dict().items()
    }


def _digest(manifest: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """A sha256 of the manifest and of all arrays with their names, types and shapes."""
    found = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        found.update(f"\n{name} {array.dtype} {array.shape}\n".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
