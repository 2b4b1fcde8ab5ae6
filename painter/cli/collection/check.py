"""`collection check`: check a recipe; show how rare its traits will be and how long painting will take."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from painter.batch.ledger import NAME as LEDGER
from painter.batch.ledger import Ledger, Row
from painter.cli.arguments import add_common_options, new_parser
from painter.cli.collection.common import Place, add_place_options, in_recipe_folder, load_checked
from painter.cli.commands import BAD_INPUT
from painter.cli.progress import say
from painter.errors import ImpastoError, OptionError, RecipeError
from renderers.threads import core_count

ABOUT = "check a recipe; show how rare traits will be and how long painting will take"


def main(arguments: list[str], program: str) -> int:
    """Print every problem, or what to expect; the exit code."""
    options = make_parser(program).parse_args(arguments)
    if options.processes < 1:
        raise OptionError(f"--processes {options.processes}: must be at least 1")
    with in_recipe_folder(options.file, options.output) as place:
        try:
            return _check(options, place)
        except RecipeError as error:
            for problem in error.problems:
                say(sys.stderr, problem)
            return BAD_INPUT


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The options of `check`."""
    parser = new_parser("Check a recipe; show how rare traits will be and how long painting will take.", program)
    add_place_options(parser)
    parser.add_argument(
        "--processes", type=int, default=core_count(), metavar="N", help="paintings at a time (default: cores)"
    )
    add_common_options(parser, "print only problems")
    return parser


def _check(options: argparse.Namespace, place: Place) -> int:
    from painter.batch.collection.planning import combinations_line, rarity_table, time_line

    checked = load_checked(place.file)
    if not options.quiet:
        say(sys.stdout, f"{checked.recipe.about.name}: {combinations_line(checked)}")
        for line in rarity_table(checked):
            say(sys.stdout, line)
        folder, _ = place.collection_folder(checked.recipe)
        say(sys.stdout, time_line(checked.jobs, _rows(folder), options.processes))
    for warning in checked.warnings:
        say(sys.stderr, f"warning: {warning}")
    return 0


def _rows(folder: Path) -> Mapping[str, Row]:
    """The rows of a collection's ledger; none if there is no ledger or another run has it open."""
    if (folder / LEDGER).is_file():
        with suppress(ImpastoError), Ledger.open(folder) as ledger:
            return ledger.rows()
    return {}
