"""What the ledger keeps of a collection besides its jobs, and what a collection needs of a ledger."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

from painter.errors import RecipeError, one_line

# Names under which the ledger keeps texts about the collection.
RECIPE, STARTED, STANDARD = "recipe", "started", "standard"  # recipe's digest, ms since 1970, --standard
BASE_URI, ANIMATION_BASE_URI = "base_uri", "animation_base_uri"
CONTACT_SHEET = "contact_sheet"


class FileRecord(Protocol):
    """What a collection needs of a file in the ledger."""

    @property
    def sha256(self) -> str: ...


class JobRecord(Protocol):
    """What a collection needs of a job in the ledger; painter.batch.ledger.Row has it."""

    @property
    def files(self) -> Mapping[str, FileRecord]: ...

    @property
    def state(self) -> str: ...

    @property
    def reason(self) -> str: ...

    @property
    def seconds(self) -> float: ...


class CollectionLedger(Protocol):
    """What a collection needs of a ledger; painter.batch.ledger.Ledger has it."""

    def meta(self, key: str) -> str | None: ...
    def set_meta(self, key: str, value: str) -> None: ...
    def rows(self) -> Mapping[str, JobRecord]: ...


def agree_on_recipe(ledger: CollectionLedger, digest: str, amend: bool, file: str, folder: str) -> None:
    """Keep the recipe's digest in the ledger, or check that it is the one kept there.

    Args:
        ledger: of the collection.
        digest: what `painter.batch.collection.recipe.recipe_digest` returns.
        amend: whether another recipe than before is accepted.
        file: the recipe's name, for messages.
        folder: the collection's name, for messages.

    Raises:
        RecipeError: the collection was started with another recipe, and `amend` is false.
    """
    before = ledger.meta(RECIPE)
    if before is None:
        ledger.set_meta(STARTED, str(round(time.time() * 1000)))
    elif before != digest and not amend:
        raise RecipeError(
            f"{one_line(file)}: the recipe, or a file it names, has changed since {one_line(folder)} was started; "
            "add --amend to repaint the tokens that changed, or choose another folder with -o"
        )
    if before != digest:
        ledger.set_meta(RECIPE, digest)
