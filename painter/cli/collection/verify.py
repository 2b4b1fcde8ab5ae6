"""`collection verify`: hash all files of a collection again."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing, suppress
from typing import Any

from painter.batch.collection.ledger_meta import RECIPE
from painter.batch.collection.recipe import recipe_digest
from painter.batch.ledger import Ledger
from painter.cli.arguments import add_common_options, new_parser
from painter.cli.collection.common import Place, add_place_options, check_ledger, in_recipe_folder, load_checked
from painter.cli.progress import new_bar, say

ABOUT = "hash all files again, and list those that are missing, changed or foreign"
FOUND_DIFFERENCES = 1  # exit code


def main(arguments: list[str], program: str) -> int:
    """Hash everything again; the exit code is 0 only if every file is as it was written."""
    options = make_parser(program).parse_args(arguments)
    with in_recipe_folder(options.file, options.output) as place:
        return _verify(options, place)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The options of `verify`."""
    parser = new_parser("Hash all files again, and list those that are missing, changed or foreign.", program)
    add_place_options(parser)
    add_common_options(parser, "print only what is wrong")
    return parser


def _verify(options: argparse.Namespace, place: Place) -> int:
    from painter.batch.collection.verifying import CHANGED, Finding, verify

    checked = load_checked(place.file)
    folder, shown = place.collection_folder(checked.recipe)
    check_ledger(folder, shown)
    with Ledger.open(folder) as ledger, closing(HashBar(options.quiet)) as bar:
        findings = verify(checked.recipe, checked.tokens, folder, ledger, bar.show)
        if ledger.meta(RECIPE) != recipe_digest(checked.recipe):
            why = f"the recipe is not the one that {shown} was painted from"
            findings.append(Finding(CHANGED, options.file, why))
    for finding in findings:
        say(sys.stdout, f"{finding.kind} {finding.name}" + (f": {finding.why}" if finding.why else ""))
    if not findings and not options.quiet:
        say(sys.stdout, f"all is well: {len(checked.tokens)} tokens in {shown}")
    return FOUND_DIFFERENCES if findings else 0


class HashBar:
    """How many files have been hashed, on standard error."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None

    def show(self, done: int, count: int) -> None:
        """Show that `done` of `count` files have been hashed."""
        with suppress(OSError):
            if self._bar is None and not self._quiet:
                self._bar = new_bar(count)
            if self._bar is not None:
                self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            with suppress(OSError):
                self._bar.close()
