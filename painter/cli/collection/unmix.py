"""`collection unmix`: find the layers of a collection whose pictures are stacked parts."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from painter.cli.arguments import add_common_options, add_options, given, new_parser
from painter.cli.paths import make_folder
from painter.cli.progress import StepBar, say
from painter.errors import OptionError, PictureError, one_line
from painter.options.layers import UnmixConfig

if TYPE_CHECKING:
    from painter.layers.unmixing import Unmixed

ABOUT = "find the layers of a collection whose pictures are stacked parts"
_GOOD_DB, _GOOD_SHARE = 40.0, 0.95
_SHEET = "compared.png"


def main(arguments: list[str], program: str) -> int:
    """Find the layers, and write them with a recipe; the exit code."""
    options = make_parser(program).parse_args(arguments)
    config = UnmixConfig(**given(options, UnmixConfig))
    folder, output = Path(options.folder), Path(options.output)
    from painter.layers.layer_files import check_empty, write_layered
    from painter.layers.tokens_read import ReadingLimits, read_tokens
    from painter.layers.unmixing import as_layers, comparison, unmix
    from painter.learning.sheets import write_sheet

    def tell(line: str) -> None:
        if not options.quiet:
            say(sys.stderr, line)

    check_empty(output)
    limits = ReadingLimits()
    with closing(ReadingBar(options.quiet)) as bar:
        tokens = read_tokens(folder, limits, config.traits != "find", bar.show)
    for line in tokens.skipped:
        tell(f"skipped: {line}")
    if config.traits == "metadata" and not tokens.has_traits:
        raise PictureError(
            f"{one_line(folder)}: it has no metadata in json/ or metadata/; add it, or find traits with --traits find"
        )
    found = unmix(tokens, limits, tell)
    about, drawn = as_layers(found, folder.resolve().name)
    room = max(1, about.combinations_of(drawn) - len(about.taken))
    if config.count is not None and config.count > room:
        raise OptionError(f"--count {config.count}: there are only {room} combinations besides those in the folder")
    make_folder(output, output)
    recipe = write_layered(output, about, drawn, replace(config, count=config.count or min(100, room)))
    write_sheet(comparison(found), output / _SHEET)
    if not options.quiet:
        _print_found(found, room, tokens.has_traits)
        say(sys.stdout, f"wrote {recipe}; see {output / _SHEET}; next: {program.rsplit(' ', 1)[0]} run {recipe}")
    return 0


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The options of `unmix`."""
    what = (
        "Find the layers of a collection whose pictures are stacked parts: a picture for each value of each trait,\n"
        "and their order; and write a recipe of new combinations at full size. Traits are taken from metadata beside\n"
        "the pictures, or found in them. Take apart only what you have the right to use."
    )
    parser = new_parser(what, program)
    parser.add_argument("folder", metavar="FOLDER", help="the pictures of the collection")
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="the folder to write; new or empty")
    add_options(parser, UnmixConfig)
    add_common_options(parser)
    return parser


class ReadingBar(StepBar):
    """The progress of reading pictures."""

    def __init__(self, quiet: bool) -> None:
        super().__init__()
        self._quiet = quiet

    def show(self, done: int, count: int) -> None:
        """Show that so many pictures have been read."""
        if not self._quiet:
            self.update(done, count, "reading", "")


def _print_found(found: Unmixed, room: int, has_traits: bool) -> None:
    counts = ", ".join(f"{one_line(trait.name)} ({len(trait.values)})" for trait in found.traits)
    say(sys.stdout, f"{len(found.traits)} layers, from the lowest: {counts}; {room} new combinations")
    sure = "" if has_traits else f"; the traits were found in the pictures, {found.sure:.0%} sure"
    say(sys.stdout, f"pictures held out: {found.psnr:.1f} dB, {found.equal:.1%} of pixels equal{sure}")
    if found.psnr < _GOOD_DB or found.equal < _GOOD_SHARE:
        say(sys.stderr, "these layers do not explain all: perhaps a trait changes what another looks like")
