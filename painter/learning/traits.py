"""The traits of a collection's pieces, from the metadata that marketplaces and HashLips' engine put beside pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

FOLDERS = ("json", "metadata")
"""Where metadata is: in a folder of this name beside a picture, its folder or that folder's, as 7.json or 7."""

_LARGEST = 1_000_000  # bytes of a file of metadata
_MOST_VALUES = 200  # of a trait; one with more, such as a birthday, is not learned

Traits = Mapping[str, str]  # values by the trait's name


def traits_of(picture: Path, root: Path) -> Traits | None:
    """The traits of a picture in the folder `root`; None where no metadata of it is found or it cannot be read.

    Every value is a string, as '4' for the number 4. Attributes that are malformed are passed over.
    """
    for path in _candidates(picture, root):
        with suppress(OSError, ValueError, RecursionError):
            if path.is_file() and path.stat().st_size <= _LARGEST:
                return _attributes(json.loads(path.read_text("utf-8")))
    return None


def learnable(traits: list[Traits | None]) -> dict[str, tuple[str, ...]]:
    """The values of each trait that can be learned, sorted, by its name: traits with 2 to 200 values.

    Pieces that lack a trait which others have count as having the value ''.
    """
    names = sorted({name for one in traits if one for name in one})
    values = {name: {one.get(name, "") for one in traits if one is not None} for name in names}
    return {name: tuple(sorted(found)) for name, found in values.items() if 2 <= len(found) <= _MOST_VALUES}


def _candidates(picture: Path, root: Path) -> Iterator[Path]:
    """Where the metadata of a picture may be."""
    places = [picture.parent, picture.parent.parent]
    if root.parent not in places:
        places.append(root.parent)
    for place in places:
        for folder in FOLDERS:
            yield place / folder / f"{picture.stem}.json"
            yield place / folder / picture.stem
    yield picture.with_suffix(".json")


def _attributes(entry: Any) -> Traits | None:
    """The traits in one token's metadata."""
    attributes = entry.get("attributes") if isinstance(entry, dict) else None
    if not isinstance(attributes, list):
        return None
    return {
        one["trait_type"]: str(one["value"])
        for one in attributes
        if isinstance(one, dict)
        and isinstance(one.get("trait_type"), str)
        and isinstance(one.get("value"), (str, int, float))
    }
