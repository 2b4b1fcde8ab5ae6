"""`collection run`: paint the tokens of a recipe, and write their metadata."""

from __future__ import annotations

import argparse
import re
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from painter.batch.collection.ledger_meta import STANDARD, agree_on_recipe
from painter.batch.collection.recipe import STANDARDS, recipe_digest
from painter.batch.driver import run_jobs
from painter.batch.ledger import NAME as LEDGER
from painter.batch.ledger import Ledger
from painter.cli.arguments import add_common_options, new_parser
from painter.cli.collection.common import Place, add_place_options, in_recipe_folder, load_checked
from painter.cli.paths import make_folder
from painter.cli.progress import announce_compiling, say
from painter.cli.running import RunBar, add_running_options, make_pool, print_summary, read_running
from painter.errors import OptionError, OutputError, one_line

if TYPE_CHECKING:
    from painter.batch.collection.derived import Edition

ABOUT = "paint all tokens and write their metadata"
_NUMBERS = re.compile(r"[0-9]{1,7}(-[0-9]{1,7})?(,[0-9]{1,7}(-[0-9]{1,7})?)*")


def main(arguments: list[str], program: str) -> int:
    """Paint; the exit code."""
    options = make_parser(program).parse_args(arguments)
    with in_recipe_folder(options.file, options.output) as place:
        return _run(options, place)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The options of `run`."""
    what = "Paint all tokens that are not painted yet, and write their metadata. Run it again to continue."
    parser = new_parser(what, program)
    add_place_options(parser)
    parser.add_argument("--only", metavar="NUMBERS", help="paint only these tokens: 17,20-25")
    parser.add_argument(
        "--amend", action="store_true", help="the recipe was changed on purpose: repaint the tokens that it changes"
    )
    parser.add_argument(
        "--standard", choices=STANDARDS, metavar="S", help=f"override the metadata standard: {', '.join(STANDARDS)}"
    )
    add_running_options(parser)
    add_common_options(parser, "print only errors and failures")
    return parser


def _run(options: argparse.Namespace, place: Place) -> int:
    from painter.batch.collection.finishing import edition_of, finish

    running = read_running(options)
    checked = load_checked(place.file, options.standard)
    recipe = checked.recipe
    wanted = _token_numbers(options.only, recipe.numbers)
    jobs = [job for job in checked.jobs if int(job.key) in wanted]
    folder, shown = place.collection_folder(recipe)
    _make_collection_folder(folder, shown)
    with Ledger.open(folder) as ledger:
        agree_on_recipe(ledger, recipe_digest(recipe), options.amend, str(options.file), shown)
        if options.standard is not None:
            ledger.set_meta(STANDARD, options.standard)
        if not options.quiet and any(job.painted for job in jobs):
            announce_compiling()
        with make_pool(running) as pool, closing(RunBar(options.quiet, "tokens")) as bar:
            summary = run_jobs(jobs, folder, ledger, pool, bar.show, running.retries)
        code = print_summary(summary, options.quiet)
        if summary.interrupted:
            return code
        edition = edition_of(recipe, checked.tokens, ledger)
        written = finish(folder, edition, ledger)
        if not options.quiet:
            _print_edition(edition, ledger, shown, written)
    return code


def _token_numbers(text: str | None, known: range) -> set[int]:
    """The tokens that --only names; all of them if it is not given.

    Raises:
        OptionError: it is malformed, or names tokens that do not exist.
    """
    if text is None:
        return set(known)
    found: set[int] = set()
    if not _NUMBERS.fullmatch(text):
        raise OptionError(f"--only {text}: must be token numbers such as 17,20-25")
    for part in text.split(","):
        first, last = map(int, (part.split("-") * 2)[:2])
        if first not in known or last not in known or first > last:
            raise OptionError(f"--only {part}: tokens are numbered from {known[0]} to {known[-1]}")
        found.update(range(first, last + 1))
    return found


def _make_collection_folder(folder: Path, shown: str) -> None:
    """Make the collection's folder. Raises OutputError if that fails, or if it has files but no ledger."""
    make_folder(folder, shown)
    try:
        names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        why = error.strerror
        raise OutputError(f"cannot write to {one_line(shown)}: {why}; choose another folder with -o") from error
    if names and LEDGER not in names:
        wrong = f"it has other files ({one_line(names[0])})"
        raise OutputError(f"cannot write to {one_line(shown)}: {wrong}; choose a new or empty folder with -o")


def _print_edition(edition: Edition, ledger: Ledger, shown: str, written: list[str]) -> None:
    say(sys.stdout, f"{len(edition.painted)} of {len(edition.tokens)} tokens in {shown}, with {', '.join(written)}")
    known = {str(token.number) for token in edition.tokens}
    left = [key for key in ledger.rows() if key not in known]
    if left:
        more = "tokens of an earlier recipe are still there"
        say(sys.stdout, f"{len(left)} {more}; `collection verify` lists their files")
