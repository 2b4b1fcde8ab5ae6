"""The files derived from a collection's tokens and the digests of their paintings: metadata, tables, provenance.

All of them can be made again at any time without painting, with the same bytes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from painter.batch.collection.metadata import Links, make_metadata, to_json
from painter.batch.collection.provenance import provenance_text
from painter.batch.collection.rarity import rarity_of_tokens, rarity_of_values
from painter.batch.collection.recipe import Recipe
from painter.batch.collection.sampling import Token
from painter.batch.collection.tokens import METADATA, image_name

ALL_METADATA, DROP, RARITY, RANKING = f"{METADATA}/_metadata.json", "drop.csv", "rarity.csv", "ranking.csv"
PROVENANCE, CONTACT = "provenance.txt", "contact.png"


@dataclass(frozen=True)
class Edition:
    """A collection and the digests of what is painted of it."""

    recipe: Recipe
    tokens: Sequence[Token]  # all of the collection
    digests: Mapping[str, str]  # SHA-256 of the painted files, in hex, by their names in the folder
    links: Links
    date: int  # milliseconds since 1970; used if the recipe has none
    standard: str

    @property
    def painted(self) -> list[Token]:
        """The tokens whose image is painted."""
        return [token for token in self.tokens if image_name(self.recipe.output, token.number) in self.digests]

    @property
    def is_complete(self) -> bool:
        return len(self.painted) == len(self.tokens)


def derive(edition: Edition) -> dict[str, bytes]:
    """The content of all derived files, by their names in the folder.

    Metadata and the drop table list the painted tokens, the rarity tables all tokens; provenance is there only once
    all tokens are painted.

    Raises:
        RecipeError: metadata that the standard does not accept.
    """
    recipe = edition.recipe
    date = edition.date if recipe.metadata.date is None else recipe.metadata.date
    entries = make_metadata(recipe, edition.painted, edition.links, date, edition.standard)
    files = {f"{METADATA}/{number}.json": to_json(entry) for number, entry in entries.items()}
    files[ALL_METADATA] = to_json(list(entries.values()))
    files[DROP] = drop_table(edition, entries)
    files[RARITY] = _table(
        ("trait", "value", "asked", "expected", "drawn", "share"),
        (
            (entry.trait, entry.value, entry.asked, f"{entry.expected:.2f}", entry.drawn, share)
            for entry in rarity_of_values(recipe, edition.tokens)
            for share in [f"{100 * entry.drawn / len(edition.tokens):.4g} %"]
        ),
    )
    files[RANKING] = _table(
        ("tokenID", "score", "rank"),
        ((entry.number, f"{entry.score:.6f}", entry.rank) for entry in rarity_of_tokens(edition.tokens)),
    )
    if edition.is_complete:
        files[PROVENANCE] = provenance_text(recipe, edition.digests).encode()
    return files


def drop_table(edition: Edition, entries: Mapping[int, Mapping[str, Any]]) -> bytes:
    """The CSV that marketplaces read for a drop: a line for each painted token, a column for each trait.

    No cell looks like a formula to a spreadsheet: `painter.batch.collection.recipe_kinds.Text` refuses that.
    """
    recipe = edition.recipe
    traits = list(dict.fromkeys(name for token in edition.tokens for name, _ in token.traits))
    optional = [name for name in ("external_url", "animation_url") if any(name in e for e in entries.values())]
    heads = ["tokenID", "name", "description", "file_name", *optional, *(f"attributes[{name}]" for name in traits)]
    rows = []
    for token in edition.painted:
        entry, named = entries[token.number], dict(token.traits)
        file = image_name(recipe.output, token.number).rsplit("/", 1)[-1]
        fixed = [token.number, entry["name"], entry["description"], file]
        rows.append([*fixed, *(entry.get(name, "") for name in optional), *(named.get(name, "") for name in traits)])
    return _table(heads, rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(rows)
    return text.getvalue().encode()
