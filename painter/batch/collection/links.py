"""Rewrites the links in metadata on disk, once the files have been uploaded."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from painter.batch.collection.derived import ALL_METADATA, DROP
from painter.batch.collection.metadata import Links, linked, to_json
from painter.batch.collection.tokens import METADATA
from painter.batch.collection.writing import write_all
from painter.errors import OutputError, one_line
from renderers.special_files import read_regular


def set_links(folder: Path, links: Links) -> int:
    """Rewrite all links in a collection's folder. Links without a new base stay; a second call changes nothing.

    Returns:
        The number of files rewritten.

    Raises:
        OutputError: there is no metadata, it is damaged, or it cannot be written.
    """
    names = sorted(f"{METADATA}/{path.name}" for path in (folder / METADATA).glob("*.json"))
    if ALL_METADATA not in names:
        raise OutputError(f"{one_line(folder)}: there is no {ALL_METADATA} in it; run the collection first")
    files = {name: to_json(_relinked(_json(folder / name), links)) for name in names}
    if (folder / DROP).exists():
        files[DROP] = _table(folder / DROP, links)
    return write_all(folder, files)


def _relinked(entry: Any, links: Links) -> Any:
    """The metadata of a token, or a list of them, with new links."""
    if isinstance(entry, list):
        return [_relinked(one, links) for one in entry]
    changed = {**entry, "image": _moved(entry["image"], links.images)}
    if "animation_url" in entry:
        changed["animation_url"] = _moved(entry["animation_url"], links.animations)
    if "properties" in entry:
        bases = {"image": links.images, "video": links.animations}
        files = [
            {**file, "uri": _moved(file["uri"], bases[file["type"].split("/")[0]])}
            for file in entry["properties"]["files"]
        ]
        changed["properties"] = {**entry["properties"], "files": files}
    return changed


def _moved(link: str, base: str | None) -> str:
    return link if base is None else linked(link, base)


def _table(path: Path, links: Links) -> bytes:
    try:
        return _relinked_table(read_regular(path).decode(), links)
    except (OSError, ValueError, LookupError, csv.Error):
        raise OutputError(f"{one_line(path)}: it is damaged; run the collection again to rewrite it") from None


def _relinked_table(text: str, links: Links) -> bytes:
    rows = list(csv.reader(io.StringIO(text, newline="")))
    for k, head in enumerate(rows[0]):
        if head == "animation_url":
            for row in rows[1:]:
                row[k] = _moved(row[k], links.animations)
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue().encode()


def _json(path: Path) -> Any:
    try:
        found = json.loads(read_regular(path))
        _relinked(found, Links())  # fails if a field is missing
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise OutputError(f"{one_line(path)}: it is damaged; run the collection again to rewrite it") from None
    return found
