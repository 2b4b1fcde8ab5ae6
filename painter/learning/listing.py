"""The list of the pieces in a folder: what each was drawn from, and which were refused. Also what a run continues from.

The file is pieces.csv, a line for each number. Its refusals are the report on copies.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from painter.errors import OutputError, one_line

NAME = "pieces.csv"


@dataclass(frozen=True)
class Entry:
    """One number."""

    number: int
    sha256: str  # of the PNG file as it was drawn; '' if every try was refused
    source: str  # its collection, of the larger part in a child
    part: str  # what is of the other parent; '' if it is not a child
    share: float  # of the second collection in a child
    tries: int  # all of them, with those that were refused or passed over
    distance: float  # to the nearest learned piece, in steps of 1/255
    neighbour: int  # the number of that piece, from 1, in the order in which the collection was read
    refused: str  # why earlier tries were refused, with '; ' between them
    passed_over: int = 0  # tries whose traits come too often


def write_text(entries: Sequence[Entry]) -> bytes:
    """The file's content."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([spec.name for spec in fields(Entry)])
    for entry in entries:
        writer.writerow(list(asdict(entry).values()))
    return text.getvalue().encode()


def read_entries(folder: Path) -> list[Entry]:
    """The entries in a folder's file, in order; none if there is no file.

    Raises:
        OutputError: it is damaged.
    """
    path = folder / NAME
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return [_entry(row) for row in csv.DictReader(stream)]
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise OutputError(f"{one_line(path)}: it is damaged; delete it to draw the pieces again") from error


def _entry(row: dict[str, str]) -> Entry:
    """The entry in a row; `passed_over` may be missing, as in files of earlier versions."""
    row.setdefault("passed_over", "0")
    values = {
        spec.name: {"int": int, "float": float}.get(str(spec.type), str)(row[spec.name]) for spec in fields(Entry)
    }
    return Entry(**values)


def still_there(entries: Sequence[Entry], folder: Path, file_of: str) -> list[Entry]:
    """The first entries, up to one that is missing or whose file is not there as it was written.

    Args:
        file_of: the name of a piece's file in the folder, with {} for its number.
    """
    kept: list[Entry] = []
    for number, entry in enumerate(entries, 1):
        if entry.number != number:
            break
        if entry.sha256:
            content = b""
            with suppress(OSError):
                content = (folder / file_of.format(number)).read_bytes()
            if hashlib.sha256(content).hexdigest() != entry.sha256:
                break
        kept.append(entry)
    return kept
