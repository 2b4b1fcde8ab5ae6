"""The provenance hash: one hash for all images and their order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from painter.batch.collection.recipe import Recipe
from painter.batch.collection.tokens import IMAGES, image_name


def provenance_hash(digests: Sequence[str]) -> str:
    """SHA-256 of the concatenated SHA-256 digests, in lower-case hex.

    >>> provenance_hash(["00" * 32, "ff" * 32])[:16]
    'e2bd2dcef148b54e'
    """
    return hashlib.sha256("".join(digests).encode("ascii")).hexdigest()


def provenance_text(recipe: Recipe, digests: Mapping[str, str]) -> str:
    """The content of provenance.txt.

    Args:
        digests: SHA-256 of every image, in hex, by its name in the collection's folder.
    """
    names = [image_name(recipe.output, number) for number in recipe.numbers]
    listed = [digests[name] for name in names]
    first, last = recipe.numbers[0], recipe.numbers[-1]
    file = f"{IMAGES}/$n.{recipe.output.images}"
    check = f"for n in $(seq {first} {last}); do sha256sum < {file} | cut -c1-64 | tr -d '\\n'; done | sha256sum"
    lines = "\n".join(f"{digest}  {name}" for digest, name in zip(listed, names, strict=True))
    return f"""\
Provenance of {recipe.about.name}, {len(names)} tokens

{provenance_hash(listed)}

This is the SHA-256 of all images' SHA-256 digests, in hex, one after the other from token {first} to token {last}.
Whoever publishes it before a sale shows by it that no image, and no image's place, was changed afterwards.

Check it with this command, in the folder that this file is in; it must print the same number:

    {check}

Check single images by the list below; this prints nothing if all are as they were:

    tail -n {len(names)} provenance.txt | sha256sum --check --quiet

(On macOS write "shasum -a 256" for "sha256sum".)

{lines}
"""
