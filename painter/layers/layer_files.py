"""A folder for a layered collection that was made here: its layers, a recipe, and what its tokens must not repeat.

collection.toml               the recipe
layers/1 Ground/Night#41.png  the picture of a value, with its weight
taken.csv                     combinations that there are already
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from painter.batch.collection.example import RECIPE_NAME
from painter.batch.collection.taken import write_taken
from painter.batch.collection.writing import write_all
from painter.errors import OutputError, one_line
from painter.layers.layered import LayeredCollection, LayerValue, TraitLayer
from painter.layers.recipe_text import recipe_text
from painter.options.layers import ImportConfig

LAYERS, TAKEN = "layers", "taken.csv"
_UNSAFE = re.compile(r'[\\/:*?"<>|#\x00-\x1f\x7f]+')
_LONGEST = 80  # characters of a file's name


@dataclass(frozen=True, eq=False)
class Drawn:
    """A trait, with the pictures of its values."""

    name: str
    values: tuple[str, ...]
    weights: tuple[int, ...]  # at least 1
    pictures: np.ndarray  # [values, H, W, 4] uint8, straight sRGB


def write_layered(folder: Path, about: LayeredCollection, traits: Sequence[Drawn], config: ImportConfig) -> Path:
    """Write layers and recipe.

    Args:
        folder: exists.
        about: everything but the layers.
        traits: from the lowest layer to the topmost.

    Returns:
        The recipe's path.

    Raises:
        OutputError: a file cannot be written.
    """
    files: dict[str, bytes] = {}
    layers = []
    for number, trait in enumerate(traits, 1):
        values, used = [], set[str]()
        for name, weight, picture in zip(trait.values, trait.weights, trait.pictures, strict=True):
            file = f"{LAYERS}/{number} {_file_name(trait.name)}/{_unused(_file_name(name), used)}#{weight}.png"
            files[file] = _png(picture)
            values.append(LayerValue(name, weight, folder / file))
        layers.append(TraitLayer(trait.name, tuple(values)))
    found = replace(about, layers=tuple(layers))
    if about.taken:
        files[TAKEN] = write_taken([layer.name for layer in layers], about.taken).encode()
    files[RECIPE_NAME] = recipe_text(found, config, folder, TAKEN if about.taken else None).encode()
    write_all(folder, files)
    return folder / RECIPE_NAME


def check_empty(folder: Path) -> None:
    """Raise OutputError if the folder has anything in it."""
    if folder.is_dir() and any(not one.name.startswith(".") for one in folder.iterdir()):
        raise OutputError(
            f"cannot write to {one_line(folder)}: it has other files; choose a new or empty folder with -o"
        )


def usable_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names that a recipe accepts and that all differ, as near to these as can be."""
    used: set[str] = set()
    return tuple(_unused(_usable(name) or f"Value {number}", used) for number, name in enumerate(names, 1))


def _usable(name: str) -> str:
    """A line of text that no spreadsheet reads as a formula; '' if nothing is left."""
    line = "".join(c if c.isprintable() else " " for c in name)
    return re.sub(r"^[=+\-@\s]+", "", line)[:_LONGEST].strip()


def _file_name(name: str) -> str:
    """A name that every file system accepts."""
    return _UNSAFE.sub("_", name)[:_LONGEST].strip(" .") or "_"


def _unused(name: str, used: set[str]) -> str:
    """The name, with a number if it is used; whatever the case of letters. It is used then."""
    number, found = 1, name
    while found.casefold() in used:
        number += 1
        found = f"{name} {number}"
    used.add(found.casefold())
    return found


def _png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="PNG")
    return content.getvalue()
