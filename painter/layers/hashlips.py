"""A folder of layers as the HashLips engine has it: `Background/Blue#10.png`, a folder a trait, rarity by weight.

Its config.js, if it is there, says in which order layers are stacked and more; it is read as text, never executed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from painter.batch.collection.recipe import Creator
from painter.batch.collection.recipe_kinds import Label, Link, Text
from painter.batch.folder import PICTURE_ENDINGS
from painter.errors import OptionError, PictureError, one_line
from painter.layers.javascript import Name, read_constants
from painter.layers.layered import LayeredCollection, LayerValue, TraitLayer
from painter.pictures.picture import load_picture
from painter.pictures.stacking import BLENDS

CONFIG = "config.js"
DELIMITER = "#"
_LARGEST_CONFIG = 1_000_000  # bytes
_PLACEHOLDERS = ("NewUriToReplace", "YOUR COLLECTION", "Your Collection")
_NUMBERED = re.compile(r"^(\d+)[ ._-]+(?=\S)")  # at the beginning of a folder's name
_PROBE = 48  # pixels, at which it is measured how much a layer covers
_HEAVIEST = 10**9


def read_layers(
    folder: Path, config: Path | None = None, configuration: int = 1, order: Sequence[str] | None = None
) -> LayeredCollection:
    """Read a folder of layers.

    Args:
        config: its config.js; if not given, it is looked for in the folder, beside it and in `src` beside it.
        configuration: which of config.js's layer configurations, from 1.
        order: names of the folders, from the lowest layer to the topmost, instead of what config.js says.

    Raises:
        PictureError: the folder is missing or has no layers, or a layer has no pictures, or two of one name.
        OptionError: config.js or `order` cannot be used.
    """
    if not folder.is_dir():
        what = "it is not a folder" if folder.exists() else "there is no such folder"
        raise PictureError(f"{one_line(folder)}: {what}; name a folder of layers")
    folders = {one.name: one for one in sorted(folder.iterdir()) if one.is_dir() and not one.name.startswith(".")}
    if not folders:
        raise PictureError(f"{one_line(folder)}: it has no folders of layers; make one for each trait")
    config = config or _find_config(folder)
    constants = {} if config is None else _constants(config)
    delimiter = constants.get("rarityDelimiter")
    delimiter = delimiter if isinstance(delimiter, str) and delimiter else DELIMITER
    notes: list[str] = []
    chosen = _configured(constants, config, configuration, notes)
    if order is not None:
        known = {str(one["name"]): one for one in chosen}
        chosen = [known.get(name, {"name": name}) for name in order]
    if chosen:
        layers = _ordered(chosen, folders, folder, delimiter, notes)
        left = [name for name in folders if name not in {str(one["name"]) for one in chosen}]
        notes += [f"{one_line(folders[name])}: it is not in the order of layers, so it is left out" for name in left]
    else:
        layers = _guessed([_layer(one, one.name, delimiter, notes) for one in folders.values()], notes)
    found = LayeredCollection(_title(folder), tuple(layers))
    return _with_constants(replace(found, notes=tuple(notes)), constants, configuration)


def _title(folder: Path) -> str:
    """A name for the collection: that of the folder, or of the one around it if it is called layers."""
    here = folder.resolve()
    return (here.parent.name if here.name.lower() == "layers" else here.name) or "Collection"


# --- config.js ----------------------------------------------------------------------------------------------------


def _find_config(folder: Path) -> Path | None:
    here = folder.resolve()
    places = (folder / CONFIG, here.parent / CONFIG, here.parent / "src" / CONFIG)
    return next((place for place in places if place.is_file()), None)


def _constants(config: Path) -> dict[str, Any]:
    named = one_line(config)
    if not config.is_file():
        raise OptionError(f"{named}: there is no such file; name the config.js of the layers")
    try:
        if config.stat().st_size > _LARGEST_CONFIG:
            raise OptionError(f"{named}: it has more than {_LARGEST_CONFIG} bytes, so it is not a config.js")
        return read_constants(config.read_text("utf-8"))
    except OSError as error:
        raise OptionError(f"{named}: it cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise OptionError(f"{named}: it is not UTF-8 text; save it as UTF-8") from error


def _configured(
    constants: Mapping[str, Any], config: Path | None, configuration: int, notes: list[str]
) -> list[dict[str, Any]]:
    """The layers of one layer configuration, as config.js has them; none if it has none."""
    listed = constants.get("layerConfigurations")
    if not isinstance(listed, list) or not listed:
        if config is not None:
            notes.append(f"{one_line(config)}: it has no layerConfigurations that can be read as text")
        return []
    if configuration > len(listed):
        raise OptionError(f"--configuration {configuration}: {one_line(config or CONFIG)} has {len(listed)}")
    if len(listed) > 1:
        notes.append(
            f"config.js has {len(listed)} layer configurations; this is number {configuration} (--configuration N)"
        )
    one = listed[configuration - 1]
    layers = one.get("layersOrder") if isinstance(one, dict) else None
    if not isinstance(layers, list) or not all(
        isinstance(layer, dict) and isinstance(layer.get("name"), str) for layer in layers
    ):
        raise OptionError(f"{one_line(config or CONFIG)}: layersOrder must list layers by name; or use --order")
    return layers


def _with_constants(found: LayeredCollection, constants: Mapping[str, Any], configuration: int) -> LayeredCollection:
    """The collection with name, size and so on from config.js, where they are usable."""
    solana = constants.get("solanaMetadata")
    solana = solana if isinstance(solana, dict) else {}
    texts = {"description": constants.get("description"), "symbol": solana.get("symbol")}
    kinds = {"description": Text(5000, lines=True), "symbol": Text(10)}
    about = {name: str(text) for name, text in texts.items() if _usable(kinds[name], text)}
    metadata: dict[str, object] = {}
    if constants.get("network") == Name("NETWORK.sol"):
        metadata = _solana(solana)
    base = constants.get("baseUri")
    if _usable(Link(), base):
        metadata["base_uri"] = base
    shape = constants.get("format")
    shape = shape if isinstance(shape, dict) else {}
    sides = [side for side in (shape.get("width"), shape.get("height")) if isinstance(side, int) and side >= 8]
    name = constants.get("namePrefix")
    return replace(
        found,
        name=str(name) if _usable(Text(100), name) else found.name,
        about=about,
        metadata=metadata,
        count=_count(constants, configuration),
        size=max(sides) if sides and max(sides) <= 8192 else None,
        smooth=shape.get("smoothing") is not False,
    )


def _solana(solana: Mapping[str, Any]) -> dict[str, object]:
    """The table [metadata] of a recipe for Solana."""
    metadata: dict[str, object] = {"standard": "metaplex"}
    fee, link, creators = (solana.get(key) for key in ("seller_fee_basis_points", "external_url", "creators"))
    if isinstance(fee, int) and 0 <= fee <= 10_000:
        metadata["seller_fee_basis_points"] = fee
    if _usable(Link(), link):
        metadata["external_url"] = link
    creators = creators if isinstance(creators, list) else []
    pairs = [(one.get("address"), one.get("share")) for one in creators if isinstance(one, dict)]
    valid = not any(Creator.problem(*pair) for pair in pairs)
    if pairs and valid and sum(int(share or 0) for _, share in pairs) == 100:
        metadata["creators"] = [{"address": address, "share": share} for address, share in pairs]
    return metadata


def _usable(kind: Text | Link, value: Any) -> bool:
    """Whether config.js says something that a recipe accepts, and not what its template says."""
    if not isinstance(value, str) or any(text in value for text in _PLACEHOLDERS):
        return False
    try:
        kind.check(value)
    except ValueError:
        return False
    return True


def _count(constants: Mapping[str, Any], configuration: int) -> int | None:
    """How many tokens the layer configuration makes: growEditionSizeTo counts those before as well."""
    listed = constants.get("layerConfigurations")
    listed = listed if isinstance(listed, list) else []
    grown = [one.get("growEditionSizeTo") if isinstance(one, dict) else None for one in listed]
    upto = grown[configuration - 1] if configuration <= len(grown) else None
    before = grown[configuration - 2] if configuration > 1 else 0
    if not isinstance(upto, int) or not isinstance(before, int) or upto <= before:
        return None
    return upto - before


# --- folders ------------------------------------------------------------------------------------------------------


def _ordered(
    chosen: Sequence[Mapping[str, Any]], folders: Mapping[str, Path], folder: Path, delimiter: str, notes: list[str]
) -> list[TraitLayer]:
    """The layers in a given order, with their options."""
    layers: list[TraitLayer] = []
    for one in chosen:
        name = str(one["name"])
        if name not in folders:
            raise OptionError(f"{one_line(folder)}: there is no layer {one_line(name)}; it has {', '.join(folders)}")
        options = one.get("options")
        options = options if isinstance(options, dict) else {}
        shown = options.get("displayName")
        trait = str(shown) if isinstance(shown, str) else name
        if trait in {layer.name for layer in layers}:
            trait = f"{trait} {1 + sum(layer.name.startswith(trait) for layer in layers)}"
        layer = _layer(folders[name], trait, delimiter, notes)
        opacity = options.get("opacity", 1)
        if not isinstance(opacity, (int, float)) or not 0 <= opacity <= 1:
            raise OptionError(f"config.js: the opacity of {one_line(name)} must be a number from 0 to 1")
        layers.append(replace(layer, blend=_blend(options.get("blend"), name), opacity=float(opacity)))
        if options.get("bypassDNA") is True:
            notes.append(f"{one_line(name)}: bypassDNA is passed over; tokens may differ in this trait alone")
    return layers


def _blend(blend: Any, layer: str) -> str:
    """Our name of a blend mode, which config.js has as MODE.colorBurn or 'color-burn'."""
    if blend is None:
        return "normal"
    text = blend.text.rsplit(".", 1)[-1] if isinstance(blend, Name) else str(blend)
    name = re.sub(r"[A-Z]", lambda match: "-" + match[0].lower(), text).replace("source-over", "normal")
    if name not in BLENDS:
        raise OptionError(
            f"config.js: {one_line(layer)} has the blend mode {one_line(name)}; use one of {', '.join(BLENDS)}"
        )
    return name


def _layer(folder: Path, trait: str, delimiter: str, notes: list[str]) -> TraitLayer:
    """The layer in one folder."""
    trait = _checked(trait, Text(100), folder)
    values: list[LayerValue] = []
    names: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or file.is_dir() or file.suffix.lower() not in PICTURE_ENDINGS:
            continue
        name, weight = _value(file.stem, delimiter)
        name = _checked(name, Label(), file)
        if weight < 1:
            notes.append(f"{one_line(file)}: its weight is 0, so it is left out")
            continue
        if name.casefold() in names:
            other = names[name.casefold()]
            raise PictureError(f"{one_line(file)}: {one_line(other.name)} has the same name; rename one of them")
        names[name.casefold()] = file
        values.append(LayerValue(name, weight, file))
    if not values:
        raise PictureError(f"{one_line(folder)}: this layer has no pictures; add some or remove the folder")
    return TraitLayer(trait, tuple(values))


def _value(stem: str, delimiter: str) -> tuple[str, int]:
    """The name and the weight in a file's name; the weight is 1 where there is none, as HashLips has it.

    >>> _value("Blue#10", "#"), _value("Blue", "#"), _value("No. #one", "#")
    (('Blue', 10), ('Blue', 1), ('No. #one', 1))
    """
    name, found, weight = stem.rpartition(delimiter)
    if not found or not name.strip() or not weight.strip().isascii() or not weight.strip().isdigit():
        return stem, 1
    return name.strip(), min(int(weight), _HEAVIEST)


def _checked(name: str, kind: Text | Label, path: Path) -> str:
    try:
        return str(kind.check(name))
    except ValueError as error:
        raise PictureError(f"{one_line(path)}: the name {one_line(name)} {error}; rename it") from None


def _guessed(layers: list[TraitLayer], notes: list[str]) -> list[TraitLayer]:
    """Layers in the order of the numbers that their names begin with, or else by how much they cover."""
    numbers = [_NUMBERED.match(layer.name) for layer in layers]
    if all(numbers):
        pairs = sorted(
            zip([int(match[1]) for match in numbers if match], layers, strict=True), key=lambda pair: pair[0]
        )
        return [replace(layer, name=_NUMBERED.sub("", layer.name)) for _, layer in pairs]
    layers = sorted(layers, key=_coverage, reverse=True)
    shown = " < ".join(layer.name for layer in layers)
    notes.append(f"no order was given: layers that cover more are taken as lower, {shown}; --order changes it")
    return layers


def _coverage(layer: TraitLayer) -> float:
    """The mean alpha of a layer's pictures."""
    total, weights = 0.0, 0
    for value in layer.values:
        if value.file is not None:
            alpha = load_picture(value.file, _PROBE).alpha
            total += value.weight * (1.0 if alpha is None else float(np.mean(alpha)))
            weights += value.weight
    return total / max(1, weights)
