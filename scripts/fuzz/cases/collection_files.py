"""Damaged and hostile models of collections, folders of layers with a configuration, and requests of pages."""

from __future__ import annotations

import json
import random
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import numpy as safetensors

from painter.learning import model_file
from painter.learning.copies import Originals
from painter.learning.form import Form
from painter.learning.learning_config import JudgeConfig, TokenizerConfig, TransformerConfig, UpscalerConfig
from painter.learning.model_file import Model, save_model
from painter.learning.networks import Sizes, make_networks
from painter.learning.rarities import Rarities
from scripts.fuzz.cases.mutations import HOSTILE, TRICKS, mutate_text, mutated, rearranged

# --- models -------------------------------------------------------------------------------------------------


@cache
def good_model() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The manifest and the arrays of a tiny model."""
    sizes = Sizes(
        16, 3, 1, {"Hat": ("None", "Top")}, False, TokenizerConfig(width=8, dims=4),
        TransformerConfig(width=16, layers=1, heads=2, hidden=8), JudgeConfig(width=16, features=16),
        UpscalerConfig(width=12, blocks=1, crop=16),
    )  # fmt: skip
    originals = Originals(np.zeros((3, 8, 8, 3), np.uint8), 0.1)
    palettes = (np.zeros((4, 3), np.float32),)
    rarities = Rarities((torch.tensor([1.0, 0.5]),))
    model = Model(
        ("tiny",), Form(16, (16, 16)), make_networks(sizes), palettes, originals, (3,), {"loss": 1.0}, True, rarities
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tiny.model")
        save_model(model, path)
        manifest, arrays = model_file._read(path)
    return manifest, arrays


def model(rng: random.Random) -> bytes:
    """A model: bytes changed, or its manifest or arrays, with a digest that is right again."""
    manifest, arrays = good_model()
    way = rng.random()
    if way > 0.3:
        manifest = rearranged(manifest, rng)
    if 0.15 < way < 0.4 or way > 0.9:
        arrays = dict(arrays)
        name = rng.choice(sorted(arrays))
        changed = (arrays[name][:0], arrays[name].astype(np.float16), arrays[name].ravel(), arrays[name] * np.nan)
        arrays[name] = rng.choice(changed) if rng.random() < 0.8 else np.zeros((1, 1), np.int64)
    content = packed(manifest, arrays)
    return mutated(content, rng) if way < 0.15 else content


def packed(manifest: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """A model's file, with its digest."""
    digest = model_file._digest(manifest, arrays)
    metadata = {model_file._KIND: json.dumps({"manifest": manifest, "sha256": digest})}
    return safetensors.save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata)


# --- layers -------------------------------------------------------------------------------------------------

_CONFIG = b"""\
const network = NETWORK.eth;
const namePrefix = "Little Faces";
const description = "Faces, drawn";
const baseUri = "ipfs://cid";
const solanaMetadata = { symbol: "LF", seller_fee_basis_points: 500, external_url: "https://example.org",
  creators: [{ address: "7fX", share: 100 }] };
// a comment
const layerConfigurations = [
  { growEditionSizeTo: 5, layersOrder: [{ name: "Ground" }, { name: "Eyes", options: { displayName: "Look",
    opacity: 0.7, blend: MODE.multiply, bypassDNA: true } }] },
];
const shuffleLayerConfigurations = false;
const format = { width: 512, height: 512, smoothing: false };
const rarityDelimiter = "#";
module.exports = { format, baseUri, description };
"""


def layer_files(rng: random.Random, good: bytes) -> dict[str, bytes]:
    """Files of a folder of layers with its config.js, one of them damaged or hostile, by name.

    Args:
        good: a picture.
    """
    names = ["Ground/Sea#10.png", "Ground/Sand#3.png", "Eyes/Round.png", "Eyes/None#20.png"]
    files = dict.fromkeys(names, good) | {"config.js": _CONFIG}
    way = rng.random()
    if way < 0.7:
        files["config.js"] = mutate_text(_CONFIG, rng) if way < 0.45 else mutated(_CONFIG, rng)
    elif way < 0.8:
        files[rng.choice(names)] = mutated(good, rng)
    elif way < 0.95:
        odd = rng.choice(("#", "a#", "a#-1", "a#1e9", "a#" + "9" * 200, "\x1b[2J", "..#1", "a" * 240, "A", "\u202eb#2"))
        files[f"Eyes/{odd}.png"] = good
    return files


# --- requests -----------------------------------------------------------------------------------------------

_PAINT = {"style": "oilpaintbrush", "strokes": 20, "size": 64, "iterations": 4, "canvas": "#ffffff", "seed": 1}


def paint_request_of(rng: random.Random, picture: str) -> Any:
    """What a page asks to paint, an object from JSON: one in four as it should be, the others hostile."""
    good = {"picture": picture, "config": {**_PAINT, "focus": "auto"}, "files": {"region": picture}}
    if rng.random() < 0.25:
        return good
    asked = rearranged(good, rng)
    if rng.random() < 0.3 and isinstance(asked.get("config"), dict):
        name = rng.choice(("palette", "brush", "style_image", "weights", "focus", "device", "tones", *TRICKS))
        asked["config"][name] = rng.choice(HOSTILE)
    return asked


def restyle_request_of(rng: random.Random, picture: str) -> Any:
    """What a page asks to restyle; see `paint_request_of`."""
    good = {"picture": picture, "config": {"style_mode": "color", "style_weight": 1.0, "iterations": 9, "seed": 1}}
    return good if rng.random() < 0.25 else rearranged(good, rng)


def export_request_of(rng: random.Random) -> Any:
    """Options of a file that a page asks for, hostile."""
    good = {"duration": 3.0, "fps": 20, "frames": 61, "quality": 80, "svg": "paint", "gif_side": 64}
    return rearranged(good, rng) if rng.random() < 0.5 else good
