"""The metadata of tokens: JSON in the standards of OpenSea (ERC-721) and Metaplex (Solana).

Both use the layout of the HashLips engine, which collectors' tools read: json/N.json, and all of them in
json/_metadata.json, with `dna`, `edition` and `date` (milliseconds since 1970).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from painter.batch.collection.recipe import PLACEHOLDERS, OneOfOne, Recipe
from painter.batch.collection.recipe_kinds import filled
from painter.batch.collection.sampling import Token
from painter.batch.collection.schemas import read_schema
from painter.batch.collection.tokens import animation_name, image_name
from painter.errors import RecipeError

COMPILER = "Impasto"
MEDIA_TYPES = {"png": "image/png", "gif": "image/gif", "mp4": "video/mp4"}


@dataclass(frozen=True)
class Links:
    """The addresses of the folders images/ and animations/; None before they have been uploaded."""

    images: str | None = None
    animations: str | None = None

    def image(self, name: str) -> str:
        """The link to an image, from its name in the collection's folder."""
        return linked(name, self.images)

    def animation(self, name: str) -> str:
        """The link to an animation, likewise."""
        return linked(name, self.animations)


def linked(name: str, base: str | None) -> str:
    """A file's address: its name without folders, under `base`; `name` itself if there is no base.

    >>> linked("images/7.png", "ipfs://bafy/"), linked("images/7.png", None)
    ('ipfs://bafy/7.png', 'images/7.png')
    """
    return name if base is None else f"{base.rstrip('/')}/{name.rsplit('/', 1)[-1]}"


def token_name(recipe: Recipe, number: int, one: OneOfOne | None) -> str:
    """A token's name."""
    named = recipe.metadata.token_name if one is None or one.name is None else one.name
    return filled(named, _values(recipe, number))


def token_description(recipe: Recipe, token: Token) -> str:
    """A token's description."""
    own = None if token.one_of_one is None else token.one_of_one.description
    text = recipe.about.description if own is None else own
    return filled(text, _values(recipe, token.number))


def _values(recipe: Recipe, number: int) -> dict[str, str]:
    """What stands for each of PLACEHOLDERS."""
    return dict(zip(PLACEHOLDERS, (recipe.about.name, str(number), str(recipe.about.size)), strict=True))


def external_url(recipe: Recipe, number: int) -> str | None:
    """The address of a token's page; None if the recipe has none."""
    url = recipe.metadata.external_url
    return None if url is None else filled(url, {"number": str(number)})


def opensea(recipe: Recipe, token: Token, links: Links, date: int) -> dict[str, Any]:
    """A token's metadata for ERC-721 marketplaces; see schemas/opensea.schema.json.

    Args:
        date: milliseconds since 1970.
    """
    shown = {axis.name: axis for axis in recipe.axes}
    attributes = []
    for name, value in token.traits:
        attribute: dict[str, Any] = {"trait_type": name, "value": value}
        axis = shown.get(name)
        if axis is not None and not isinstance(value, str):
            extras = {"display_type": axis.display_type, "max_value": axis.max_value}
            attribute |= {key: extra for key, extra in extras.items() if extra is not None}
        attributes.append(attribute)
    return {
        **_common(recipe, token, links),
        "background_color": recipe.metadata.background_color,
        **_record(token, date),
        "attributes": attributes,
        "compiler": COMPILER,
    }


def metaplex(recipe: Recipe, token: Token, links: Links, date: int) -> dict[str, Any]:
    """A token's metadata for Solana; see schemas/metaplex.schema.json."""
    common = _common(recipe, token, links)
    files = [{"uri": common["image"], "type": MEDIA_TYPES[recipe.output.images]}]
    if common["animation_url"] is not None:
        files.append({"uri": common["animation_url"], "type": MEDIA_TYPES["mp4"]})
    return {
        **common,
        "symbol": recipe.about.symbol,
        "seller_fee_basis_points": recipe.metadata.seller_fee_basis_points,
        **_record(token, date),
        "attributes": [{"trait_type": name, "value": value} for name, value in token.traits],
        "properties": {
            "files": files,
            "category": "video" if recipe.output.animations else "image",
            "creators": [{"address": creator.address, "share": creator.share} for creator in recipe.creators],
        },
        "compiler": COMPILER,
    }


def _common(recipe: Recipe, token: Token, links: Links) -> dict[str, Any]:
    animation = animation_name(token.number) if recipe.output.animations else None
    return {
        "name": token_name(recipe, token.number, token.one_of_one),
        "description": token_description(recipe, token),
        "image": links.image(image_name(recipe.output, token.number)),
        "animation_url": None if animation is None else links.animation(animation),
        "external_url": external_url(recipe, token.number),
    }


def _record(token: Token, date: int) -> dict[str, Any]:
    return {"dna": token.dna, "edition": token.number, "date": date}


_STANDARDS = {"opensea": opensea, "metaplex": metaplex}


def make_metadata(
    recipe: Recipe, tokens: Sequence[Token], links: Links, date: int, standard: str
) -> dict[int, dict[str, Any]]:
    """The metadata of tokens by number, without unset fields, each checked against the standard's schema.

    Args:
        date: milliseconds since 1970.
        standard: 'opensea' or 'metaplex'.

    Raises:
        RecipeError: the schema does not accept one.
    """
    validate = Validator(standard)
    made = {}
    for token in tokens:
        entry = _STANDARDS[standard](recipe, token, links, date)
        entry = {name: value for name, value in entry.items() if value is not None}
        problem = validate(entry)
        if problem is not None:
            raise RecipeError(f"{recipe.where(1)}: token {token.number}: {problem}")
        made[token.number] = entry
    return made


class Validator:
    """Checks one token's metadata against a schema; returns what is wrong, in one line, or None."""

    def __init__(self, standard: str) -> None:
        from jsonschema import Draft202012Validator

        schema = read_schema(standard)
        Draft202012Validator.check_schema(schema)
        self._schema = Draft202012Validator(schema)
        self._standard = standard

    def __call__(self, entry: Mapping[str, Any]) -> str | None:
        for error in self._schema.iter_errors(entry):
            where = ".".join(map(str, error.absolute_path)) or "it"
            return f"{self._standard} does not accept {where}: {error.message[:200]}"
        return None


def to_json(value: Any) -> bytes:
    """A value as indented JSON in UTF-8."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
