"""Writes what follows painting: the files derived from tokens and digests, and the contact sheet."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from painter.batch.collection.contact import MAX_SHOWN, contact_sheet, shown_on_sheet
from painter.batch.collection.derived import CONTACT, PROVENANCE, Edition, derive
from painter.batch.collection.ledger_meta import (
    ANIMATION_BASE_URI,
    BASE_URI,
    CONTACT_SHEET,
    STANDARD,
    STARTED,
    CollectionLedger,
)
from painter.batch.collection.metadata import Links
from painter.batch.collection.recipe import Recipe
from painter.batch.collection.sampling import Token
from painter.batch.collection.tokens import METADATA, file_names, image_name
from painter.batch.collection.writing import write_all
from renderers.special_files import read_regular


def edition_of(recipe: Recipe, tokens: Sequence[Token], ledger: CollectionLedger) -> Edition:
    """The collection as its ledger has it. Links and a standard that the ledger keeps override the recipe's."""
    rows = ledger.rows()
    digests: dict[str, str] = {}
    for token in tokens:
        row = rows.get(str(token.number))
        names = file_names(recipe.output, token.number)
        if row is not None and row.state == "done" and all(name in row.files for name in names):
            digests |= {name: row.files[name].sha256 for name in names}
    links = Links(
        ledger.meta(BASE_URI) or recipe.metadata.base_uri,
        ledger.meta(ANIMATION_BASE_URI) or recipe.metadata.animation_base_uri,
    )
    standard = ledger.meta(STANDARD) or recipe.metadata.standard
    return Edition(recipe, tokens, digests, links, int(ledger.meta(STARTED) or 0), standard)


def finish(folder: Path, edition: Edition, ledger: CollectionLedger) -> list[str]:
    """Write all files that are not painted, and remove outdated ones.

    Returns:
        The names of the files that describe the whole collection.

    Raises:
        RecipeError: metadata that the standard does not accept.
        OutputError: a file cannot be written.
        PictureError: an image cannot be read.
    """
    files = derive(edition)
    for path in (folder / METADATA).glob("*.json"):
        if re.fullmatch(r"[0-9]+\.json", path.name) and f"{METADATA}/{path.name}" not in files:
            path.unlink()
    if PROVENANCE not in files:
        (folder / PROVENANCE).unlink(missing_ok=True)
    write_all(folder, files)
    written = [name for name in files if not re.fullmatch(rf"{METADATA}/[0-9]+\.json", name)]
    if edition.painted:
        _write_sheet(folder, edition, ledger)
        written.append(CONTACT)
    return written


def sheet_digest(ledger: CollectionLedger) -> str | None:
    """SHA-256 of the contact sheet as it was written, in hex; None if it was not."""
    digest: str | None = json.loads(ledger.meta(CONTACT_SHEET) or "{}").get("sha256")
    return digest


def _write_sheet(folder: Path, edition: Edition, ledger: CollectionLedger) -> None:
    """Write the contact sheet, unless it is there and shows the same images."""
    output = edition.recipe.output
    numbers = shown_on_sheet([token.number for token in edition.painted], MAX_SHOWN[output.images])
    names = [image_name(output, number) for number in numbers]
    shown = hashlib.sha256("".join(f"{name} {edition.digests[name]}\n" for name in names).encode()).hexdigest()
    known = json.loads(ledger.meta(CONTACT_SHEET) or "{}")
    with suppress(OSError):
        there = hashlib.sha256(read_regular(folder / CONTACT)).hexdigest()
        if known == {"shown": shown, "sha256": there}:
            return
    content = io.BytesIO()
    sheet = contact_sheet([(number, folder / name) for number, name in zip(numbers, names, strict=True)])
    sheet.save(content, format="PNG", optimize=True)
    write_all(folder, {CONTACT: content.getvalue()})
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    ledger.set_meta(CONTACT_SHEET, json.dumps({"shown": shown, "sha256": digest}))
