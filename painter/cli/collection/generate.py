"""`collection generate`: make new pieces of a collection that was learned."""

from __future__ import annotations

import argparse
from pathlib import Path

from painter.cli.arguments import add_common_options, given, new_parser
from painter.cli.collection.making import add_making_options, make_pieces
from painter.cli.running import read_running
from painter.options.learn import GenerateConfig

ABOUT = "make new pieces of a collection that was learned"


def main(arguments: list[str], program: str) -> int:
    """Make pieces; the exit code."""
    options = make_parser(program).parse_args(arguments)
    config = GenerateConfig(**given(options, GenerateConfig))
    return make_pieces(Path(options.model), config, read_running(options), Path(options.output), options.quiet)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The options of `generate`."""
    what = (
        "Make new pieces of a collection that `collection learn` has learned, with metadata, and paint them if\n"
        "--paint is given. Copies of learned pieces are refused. Run the same command again to continue, or with a\n"
        "larger --count."
    )
    parser = new_parser(what, program)
    parser.add_argument("model", metavar="MODEL", help="the file that `collection learn` has written")
    add_making_options(parser, GenerateConfig)
    add_common_options(parser, "print only errors and failures")
    return parser
