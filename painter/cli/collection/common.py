"""What the actions of `collection` share: where recipe, collection and ledger are."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from painter.batch.collection.recipe import Recipe, folder_name
from painter.batch.ledger import NAME as LEDGER
from painter.cli.arguments import Once, given_name
from painter.cli.paths import DEFAULT_FOLDER
from painter.errors import OutputError, RecipeError, one_line

if TYPE_CHECKING:
    from painter.batch.collection.checking import Checked


@dataclass(frozen=True)
class Place:
    """A recipe and the folder of its collection, with paths relative to the recipe's own folder."""

    file: Path  # the recipe
    home: Path  # the folder in which the command was started
    folder: Path | None  # what -o names; None: the default
    shown: str | None  # the same as it was given, for messages

    def collection_folder(self, recipe: Recipe) -> tuple[Path, str]:
        """The collection's folder, and its name for messages."""
        default = DEFAULT_FOLDER / folder_name(recipe.about.name)
        return self.folder or self.home / default, self.shown or str(default)


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """FILE and -o."""
    parser.add_argument("file", metavar="FILE", type=given_name, help="the recipe, a TOML file")
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", type=given_name, action=Once,
        help="the collection's folder (default: output/ and the collection's name)",
    )  # fmt: skip


@contextmanager
def in_recipe_folder(file: str, folder: str | None) -> Iterator[Place]:
    """Work in the recipe's folder, and yield where things are as seen from there.

    Stroke files keep the names of brushes, masks and so on. So the names, and with them the files' bytes, are the same
    from wherever a collection is painted.

    Raises:
        RecipeError: the recipe's folder does not exist.
    """
    home, recipe = Path.cwd(), Path(file)
    if not recipe.parent.is_dir():
        raise RecipeError(f"{one_line(recipe)}: there is no such file; `collection init` writes one to start from")
    os.chdir(recipe.parent)
    try:
        yield Place(Path(recipe.name), home, None if folder is None else home / folder, folder)
    finally:
        with suppress(OSError):
            os.chdir(home)


def load_checked(file: Path, standard: str | None = None) -> Checked:
    """Read and check a recipe.

    Args:
        standard: of the metadata, instead of the recipe's; the recipe must be valid for both.

    Raises:
        RecipeError: with every problem.
    """
    from painter.batch.collection.checking import check_recipe
    from painter.batch.collection.reading import read_recipe

    checked = check_recipe(read_recipe(file))
    recipe = checked.recipe
    if standard in (None, recipe.metadata.standard):
        return checked
    return check_recipe(replace(recipe, metadata=replace(recipe.metadata, standard=standard)))


def check_ledger(folder: Path, shown: str) -> None:
    """Raise OutputError unless there is a collection's ledger in the folder."""
    if not (folder / LEDGER).is_file():
        raise OutputError(f"{one_line(shown)}: there is no collection in it; name its folder, or run it first")
