"""A layered collection as the text of a recipe."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from painter.layers.layered import LayeredCollection, LayerValue, TraitLayer
from painter.options.layers import ImportConfig

_HEAD = """\
# A collection of stacked layers, for Impasto.
#
#   python paint.py collection check collection.toml    shows problems, rarity and the expected time
#   python paint.py collection run collection.toml      makes the tokens; run it again to continue
#
# docs/collections.md explains every line.
"""


def recipe_text(collection: LayeredCollection, config: ImportConfig, folder: Path, taken: str | None = None) -> str:
    """The recipe.

    Args:
        config: how many tokens, and whether they are painted.
        folder: the recipe's own, to which the names of layers are relative.
        taken: the name of a table of combinations that tokens must not have, relative to it.
    """
    count = config.count or collection.count or 100
    top = {"name": collection.name, **collection.about, "seed": config.seed, "size": count}
    parts = [_HEAD, _table(None, top)]
    if config.paint is not None:
        parts.append(_table("paint", {"style": config.paint, "size": config.size, "strokes": config.strokes}))
    layers: dict[str, object] = {"paint": config.paint is not None}
    if config.paint is None and collection.size is not None:
        layers["size"] = collection.size
    if not collection.smooth:
        layers["smooth"] = False
    if taken is not None:
        layers["taken"] = taken
    parts.append(_table("layers", layers))
    if collection.metadata:
        parts.append(_table("metadata", collection.metadata))
    parts.append("# Traits, from the lowest layer to the topmost.\n")
    parts += [_axis(layer, folder) for layer in collection.layers]
    parts += [
        f"[[rule]]\nwhen = {{{_key(a)} = {_text(b)}}}\nexcludes = {{{_key(c)} = {_text(d)}}}\n"
        for (a, b), (c, d) in collection.exclusions
    ]
    return "\n".join(parts)


def _table(name: str | None, values: Mapping[str, object]) -> str:
    head = "" if name is None else f"[{name}]\n"
    return head + "".join(f"{key} = {_value(value)}\n" for key, value in values.items())


def _axis(layer: TraitLayer, folder: Path) -> str:
    lines = ["[[axis]]", f"name = {_text(layer.name)}"]
    if layer.blend != "normal":
        lines.append(f"blend = {_text(layer.blend)}")
    if layer.opacity != 1:
        lines.append(f"opacity = {layer.opacity}")
    lines += ["values = [", *(f"  {_entry(value, folder)}," for value in layer.values), "]"]
    return "\n".join(lines) + "\n"


def _entry(value: LayerValue, folder: Path) -> str:
    parts = [f"name = {_text(value.name)}", f"weight = {value.weight}"]
    if value.file is not None:
        parts.append(f"layer = {_text(Path(os.path.relpath(value.file, folder)).as_posix())}")
    return "{" + ", ".join(parts) + "}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(str(key))} = {_value(one)}" for key, one in value.items()) + "}"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(text: str) -> str:
    """A text of TOML, whose escapes are those of JSON but for the slash."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if name.isascii() and name.replace("_", "a").replace("-", "a").isalnum() else _text(name)
