"""Cases of recipes, palettes, weights, journals and ledgers: each returns the message if it was refused."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from painter.batch.collection.checking import check_recipe
from painter.batch.collection.reading import read_recipe
from painter.batch.ledger import Ledger
from painter.pictures.palette import read_palette
from painter.styling.weights import read_weights
from painter.system.journal import Journal
from scripts.fuzz.cases.picture_files import pictures
from scripts.fuzz.cases.record_files import (
    COMMAND,
    LEDGER,
    PICTURE,
    journal,
    ledger,
    palette_file,
    recipe_file,
    weights_file,
)
from scripts.fuzz.watch import Opened, Wrong, refusal

MOST_TOKENS = 1000  # of a recipe that is checked


def read_recipe_case(rng: random.Random, opened: Opened) -> str | None:
    """A recipe is read, and checked if it is not of very many tokens."""
    opened.write(PICTURE, pictures()[0][1])
    name = Path(opened.write(*recipe_file(rng)))

    def read() -> None:
        recipe = read_recipe(name)
        if recipe.about.size <= MOST_TOKENS:  # drawing a million takes its time
            check_recipe(recipe)

    return refusal(read)


def read_palette_case(rng: random.Random, opened: Opened) -> str | None:
    """A file of colours is read."""
    name = opened.write(*palette_file(rng))
    return refusal(lambda: read_palette(name, np.zeros((2, 2, 3), np.float32), None, 0))


def read_weights_case(rng: random.Random, opened: Opened) -> str | None:
    """A file of a network's weights is read."""
    name = Path(opened.write(*weights_file(rng)))
    return refusal(lambda: read_weights("vgg19", name))


def read_journal_case(rng: random.Random, opened: Opened) -> str | None:
    """A journal that is damaged is ignored."""
    found = Journal(Path(opened.write("a.journal", journal(rng))), COMMAND, resume=True)
    if type(found.number) is not int or found.is_ours(Path("a-2.png")) or found.is_ours(Path("a-2.gif")):
        raise Wrong("the journal calls files its own that are not there")
    return None if found.number == 2 else "ignored"


def open_ledger_case(rng: random.Random, opened: Opened) -> str | None:
    """A ledger that is refused is left as it is; one that is not can be worked with."""
    content = ledger(rng)
    opened.write(LEDGER, content)
    opened.ours = True  # SQLite writes to it, and to files beside it

    def work_with() -> None:
        with Ledger.open(Path()) as found:
            rows = found.rows()
            found.file_names(), found.meta("batch")
            found.add([("new.png", "0" * 64, ["new.png"])])
            found.requeue(rows)
            found.begin("new.png")
            found.fail("new.png", "why", "me")

    return refusal(work_with)
