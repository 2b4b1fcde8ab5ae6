"""The command `collection`: many unique paintings with metadata, from a recipe."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from painter.batch.ledger import NAME as LEDGER
from painter.cli.arguments import add_common_options, new_parser
from painter.cli.commands import BAD_INPUT
from painter.cli.paths import DEFAULT_FOLDER, make_folder
from painter.cli.progress import announce_compiling, new_bar, say
from painter.errors import ImpastoError, OptionError, OutputError, RecipeError, one_line
from painter.system.usage import Stopwatch

if TYPE_CHECKING:
    from painter.batch.collection.checking import Checked
    from painter.batch.collection.derived import Edition
    from painter.batch.collection.finishing import Row
    from painter.batch.collection.recipe import Recipe
    from painter.batch.ledger import Ledger

ACTIONS = {
    "init": "write a recipe to start from, with its pictures",
    "check": "look at all of a recipe, and say how rare things will be and how long it takes",
    "run": "paint all tokens, and write their metadata",
    "verify": "hash all files again, and say what is missing, changed or foreign",
    "set-base-uri": "rewrite the links in the metadata, once the files have been uploaded",
}
NOT_AS_IT_SHOULD_BE = 1  # exit code of `verify`
_FILE_HELP = "the recipe, a TOML file"
_NUMBERS = re.compile(r"[0-9]{1,7}(-[0-9]{1,7})?(,[0-9]{1,7}(-[0-9]{1,7})?)*")


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Do one of ACTIONS; the exit code."""
    doing: dict[str, Callable[[list[str], str], int]] = {
        "init": init, "check": check, "run": run, "verify": verify, "set-base-uri": set_base_uri,
    }  # fmt: skip
    if arguments and arguments[0] in doing:
        return doing[arguments[0]](arguments[1:], f"{program} {arguments[0]}")
    make_parser(program).parse_args(arguments)
    return BAD_INPUT


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """Where it says nothing that can be done: what can be."""
    parser = new_parser("Paint a collection of unique tokens from a recipe.", program, {"what to do": ACTIONS})
    parser.add_argument("action", metavar="WHAT", choices=list(ACTIONS), help="see WHAT --help")
    return parser


# --- init ---------------------------------------------------------------------------------------------------------


def init(arguments: list[str], program: str) -> int:
    """Write the example."""
    from painter.batch.collection.example import write_example

    parser = new_parser(ACTIONS["init"].capitalize() + ".", program)
    parser.add_argument("folder", nargs="?", default="collection", metavar="FOLDER", help="(default: collection)")
    parser.add_argument("--overwrite", action="store_true", help="write over files that exist, not into FOLDER-2")
    add_common_options(parser)
    options = parser.parse_args(arguments)
    recipe = write_example(Path(options.folder), options.overwrite)
    if not options.quiet:
        say(sys.stdout, f"wrote {recipe} and its pictures; next: {program.rsplit(' ', 1)[0]} check {recipe}")
    return 0


# --- check --------------------------------------------------------------------------------------------------------


def check(arguments: list[str], program: str) -> int:
    """Say all that is wrong, or what is to be expected."""
    from painter.batch.collection.planning import combinations_line, rarity_table, time_line
    from renderers.threads import core_count

    parser = new_parser(ACTIONS["check"].capitalize() + ".", program)
    _add_place(parser)
    parser.add_argument("--processes", type=int, default=core_count(), metavar="N", help="that paint (default: cores)")
    add_common_options(parser, "print nothing but what is wrong")
    options = parser.parse_args(arguments)
    if options.processes < 1:
        raise OptionError(f"--processes {options.processes}: must be at least 1")
    with _beside(options.file, options.output) as (place, home):
        try:
            checked = _checked(place.file)
        except RecipeError as error:
            for problem in error.problems:
                say(sys.stderr, problem)
            return BAD_INPUT
        if not options.quiet:
            say(sys.stdout, f"{checked.recipe.about.name}: {combinations_line(checked)}")
            for line in rarity_table(checked):
                say(sys.stdout, line)
            say(sys.stdout, time_line(checked.jobs, _rows(place.of(checked.recipe, home)[0]), options.processes))
    for warning in checked.warnings:
        say(sys.stderr, f"warning: {warning}")
    return 0


def _rows(folder: Path) -> Mapping[str, Row]:
    """What the ledger of a collection knows already, unless there is none or a run has it."""
    if not (folder / LEDGER).is_file():
        return {}
    from painter.batch.ledger import Ledger

    with suppress(ImpastoError), Ledger.open(folder) as ledger:
        return ledger.rows()
    return {}


def _checked(file: Path) -> Checked:
    from painter.batch.collection.checking import check_recipe
    from painter.batch.collection.reading import read_recipe

    return check_recipe(read_recipe(file))


# --- run ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A recipe and the folder of its collection, as seen from the recipe's own folder."""

    file: Path
    folder: Path | None  # None: the default
    shown: str | None  # the folder as it was given

    def of(self, recipe: Recipe, home: Path) -> tuple[Path, str]:
        """The folder, and how it is told of."""
        from painter.batch.collection.planning import folder_name

        default = DEFAULT_FOLDER / folder_name(recipe.about.name)
        return self.folder or home / default, self.shown or str(default)


@contextmanager
def _beside(file: str, folder: str | None) -> Iterator[tuple[Place, Path]]:
    """Work in the recipe's folder, and yield what was named as it is seen from there, and the folder before.

    Stroke files keep the names of brushes, masks and so on. So they are the same, and with them the files' bytes, from
    wherever a collection is painted.
    """
    home, recipe = Path.cwd(), Path(file)
    if not recipe.parent.is_dir():
        raise RecipeError(f"{one_line(recipe)}: there is no such file; `collection init` writes one to start from")
    os.chdir(recipe.parent)
    try:
        yield Place(Path(recipe.name), None if folder is None else home / folder, folder), home
    finally:
        with suppress(OSError):
            os.chdir(home)


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help=_FILE_HELP)
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", help="the collection's folder (default: output/ and the collection's name)"
    )


def run_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The options of `run`."""
    from painter.batch.collection.recipe import STANDARDS
    from painter.cli.running import add_running_options

    parser = new_parser(
        "Paint all tokens that are not painted yet, and write their metadata. Running the same again goes on.", program
    )
    _add_place(parser)
    parser.add_argument("--only", metavar="NUMBERS", help="paint these tokens alone: 17,20-25")
    parser.add_argument(
        "--amend", action="store_true", help="the recipe was changed on purpose: paint the tokens that it changes anew"
    )
    parser.add_argument(
        "--standard", choices=STANDARDS, metavar="S", help=f"of the metadata: {', '.join(STANDARDS)}; over the recipe's"
    )
    add_running_options(parser)
    add_common_options(parser, "print nothing but errors and what failed")
    return parser


def run(arguments: list[str], program: str) -> int:
    """Paint; the exit code."""
    options = run_parser(program).parse_args(arguments)
    with _beside(options.file, options.output) as (place, home):
        return _run(options, place, home)


def _run(options: argparse.Namespace, place: Place, home: Path) -> int:
    from painter.batch.collection.finishing import edition_of, finish
    from painter.batch.collection.recipe import recipe_digest
    from painter.batch.driver import run_jobs
    from painter.batch.ledger import Ledger
    from painter.cli.running import RunBar, make_pool, read_running, tell_summary

    running = read_running(options)
    checked = _checked(place.file)
    recipe = checked.recipe
    if options.standard is not None:
        checked = _checked_standard(checked, options.standard)
    wanted = _numbers(options.only, recipe.numbers)
    jobs = [job for job in checked.jobs if int(job.key) in wanted]
    folder, shown = place.of(recipe, home)
    _make_folder(folder, shown)
    with Ledger.open(folder) as ledger:
        agree_on_recipe(ledger, recipe_digest(recipe), options.amend, str(options.file), shown)
        if options.standard is not None:
            ledger.set_meta("standard", options.standard)
        if not options.quiet:
            announce_compiling()
        with make_pool(running) as pool, closing(RunBar(options.quiet, "tokens")) as bar:
            summary = run_jobs(jobs, folder, ledger, pool, bar.show, running.retries)
        code = tell_summary(summary, options.quiet)
        if summary.interrupted:
            return code
        edition = edition_of(recipe, checked.tokens, ledger)
        written = finish(folder, edition, ledger)
        if not options.quiet:
            _tell(edition, ledger, shown, written)
    return code


def _checked_standard(checked: Checked, standard: str) -> Checked:
    """The same, looked at again for another standard of metadata."""
    from painter.batch.collection.checking import check_recipe

    recipe = checked.recipe
    if standard == recipe.metadata.standard:
        return checked
    return check_recipe(replace(recipe, metadata=replace(recipe.metadata, standard=standard)))


def _numbers(text: str | None, known: range) -> set[int]:
    """The tokens that --only names; all if it is not there."""
    if text is None:
        return set(known)
    found: set[int] = set()
    if not _NUMBERS.fullmatch(text):
        raise OptionError(f"--only {text}: must be numbers of tokens such as 17,20-25")
    for part in text.split(","):
        first, last = map(int, (part.split("-") * 2)[:2])
        if first not in known or last not in known or first > last:
            raise OptionError(f"--only {part}: tokens go from {known[0]} to {known[-1]}")
        found.update(range(first, last + 1))
    return found


def _make_folder(folder: Path, shown: str) -> None:
    """Make the collection's folder, or see that it is one. Raises OutputError."""
    make_folder(folder, shown)
    try:
        strangers = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        why = error.strerror
        raise OutputError(f"cannot write to {one_line(shown)}: {why}; choose another folder with -o") from error
    if strangers and LEDGER not in strangers:
        told = f"{one_line(sorted(strangers)[0])} lies there already"
        raise OutputError(f"cannot write to {one_line(shown)}: {told}; choose a new or empty folder with -o")


def agree_on_recipe(ledger: Ledger, digest: str, amend: bool, file: str, folder: str) -> None:
    """Keep what the recipe is, and refuse another one.

    Raises:
        RecipeError: the folder was begun with another recipe, and `amend` is not given.
    """
    from painter.batch.collection.finishing import RECIPE, STARTED

    before = ledger.meta(RECIPE)
    if before is None:
        ledger.set_meta(STARTED, str(round(time.time() * 1000)))
    elif before != digest and not amend:
        raise RecipeError(
            f"{one_line(file)}: it, or a file it names, has changed since {one_line(folder)} was begun; --amend paints "
            "the tokens that changed anew, and keeps the others; or choose another folder with -o"
        )
    if before != digest:
        ledger.set_meta(RECIPE, digest)


def _tell(edition: Edition, ledger: Ledger, shown: str, written: list[str]) -> None:
    say(sys.stdout, f"{len(edition.painted)} of {len(edition.tokens)} tokens in {shown}, with {', '.join(written)}")
    known = {str(token.number) for token in edition.tokens}
    left = [key for key in ledger.rows() if key not in known]
    if left:
        more = "tokens of an earlier recipe lie there, too"
        say(sys.stdout, f"{len(left)} {more}; `collection verify` names their files")


# --- verify -------------------------------------------------------------------------------------------------------


def verify(arguments: list[str], program: str) -> int:
    """Hash everything again; 0 only if all is well."""
    parser = new_parser(ACTIONS["verify"].capitalize() + ".", program)
    _add_place(parser)
    add_common_options(parser, "print nothing but what is wrong")
    options = parser.parse_args(arguments)
    with _beside(options.file, options.output) as (place, home):
        return _verify(options, place, home)


def _verify(options: argparse.Namespace, place: Place, home: Path) -> int:
    from painter.batch.collection import verifying
    from painter.batch.collection.finishing import RECIPE
    from painter.batch.collection.recipe import recipe_digest
    from painter.batch.ledger import Ledger

    checked = _checked(place.file)
    folder, shown = place.of(checked.recipe, home)
    _check_ledger(folder, shown)
    with Ledger.open(folder) as ledger, closing(HashBar(options.quiet)) as bar:
        findings = verifying.verify(checked.recipe, checked.tokens, folder, ledger, bar.show)
        if ledger.meta(RECIPE) != recipe_digest(checked.recipe):
            why = f"the recipe is not the one that {shown} was painted by"
            findings.append(verifying.Finding(verifying.CHANGED, options.file, why))
    for finding in findings:
        say(sys.stdout, f"{finding.kind} {finding.name}" + (f": {finding.why}" if finding.why else ""))
    if not findings and not options.quiet:
        say(sys.stdout, f"all is well: {len(checked.tokens)} tokens in {shown}")
    return NOT_AS_IT_SHOULD_BE if findings else 0


class HashBar:
    """How many files have been hashed, on standard error."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None

    def show(self, done: int, count: int) -> None:
        """So many of so many."""
        with suppress(OSError):
            if self._bar is None and not self._quiet:
                self._bar = new_bar(count)
            if self._bar is not None:
                self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            with suppress(OSError):
                self._bar.close()


def _check_ledger(folder: Path, shown: str) -> None:
    if not (folder / LEDGER).is_file():
        raise OutputError(f"{one_line(shown)}: there is no collection in it; name its folder, or run it first")


# --- set-base-uri -------------------------------------------------------------------------------------------------


def set_base_uri(arguments: list[str], program: str) -> int:
    """Rewrite links, and keep them for later runs."""
    from painter.batch.collection.recipe_kinds import Link

    parser = new_parser(ACTIONS["set-base-uri"].capitalize() + ".", program)
    parser.add_argument("uri", metavar="URI", help="of the folder images/: ipfs://CID, https://…, ar://…")
    parser.add_argument("folder", metavar="FOLDER", help="the collection's folder")
    parser.add_argument("--animations", metavar="URI", help="of the folder animations/, where there is one")
    add_common_options(parser)
    options = parser.parse_args(arguments)
    for name, uri in (("URI", options.uri), ("--animations", options.animations)):
        try:
            if uri is not None:
                Link().check(uri)
        except ValueError as error:
            raise OptionError(f"{name} {uri}: {error}") from None
    return _set_base_uri(Path(options.folder), options)


def _set_base_uri(folder: Path, options: argparse.Namespace) -> int:
    from painter.batch.collection.finishing import ANIMATION_BASE_URI, BASE_URI
    from painter.batch.collection.links import set_links
    from painter.batch.collection.metadata import Links
    from painter.batch.ledger import Ledger

    _check_ledger(folder, str(folder))
    if (folder / "animations").is_dir() and options.animations is None:
        raise OptionError("--animations is missing: the collection has animations/; give the URI it was uploaded to")
    with Ledger.open(folder) as ledger:
        changed = set_links(folder, Links(options.uri, options.animations))
        ledger.set_meta(BASE_URI, options.uri)
        if options.animations is not None:
            ledger.set_meta(ANIMATION_BASE_URI, options.animations)
    if not options.quiet:
        say(sys.stdout, f"rewrote {changed} files in {folder}" if changed else "all links were like this already")
    return 0
