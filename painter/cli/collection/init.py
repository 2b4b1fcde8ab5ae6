"""`collection init`: write an example recipe with its pictures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from painter.batch.collection.example import write_example
from painter.cli.arguments import add_common_options, given_name, new_parser
from painter.cli.progress import say

ABOUT = "write an example recipe with its pictures"


def main(arguments: list[str], program: str) -> int:
    """Write the example; the exit code."""
    options = make_parser(program).parse_args(arguments)
    recipe = write_example(Path(options.folder), options.overwrite)
    if not options.quiet:
        say(sys.stdout, f"wrote {recipe} and its pictures; next: {program.rsplit(' ', 1)[0]} check {recipe}")
    return 0


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The options of `init`."""
    parser = new_parser("Write an example recipe with its pictures.", program)
    parser.add_argument(
        "folder", nargs="?", default="collection", metavar="FOLDER", type=given_name,
        help="where to write it (default: collection)",
    )  # fmt: skip
    parser.add_argument(
        "--overwrite", action="store_true", help="replace existing files, instead of writing to FOLDER-2"
    )
    add_common_options(parser)
    return parser
