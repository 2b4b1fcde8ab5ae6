"""The command `compile`: compile the kernels of all brushes ahead, so that no painting waits for them."""

from __future__ import annotations

import argparse
import sys

from painter.cli.arguments import add_common_options, new_parser
from painter.cli.progress import say
from painter.options.paint import STYLES
from painter.system.usage import Stopwatch
from renderers.compiled import STAMP, kernels_are_compiled


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Compile what is not compiled yet; the exit code."""
    options = make_parser(program).parse_args(arguments)
    missing = [brush for brush in (*STYLES, STAMP) if not kernels_are_compiled(brush)]
    return run(missing, options.quiet)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The parser of the command."""
    what = (
        "Compile the kernels of all brushes ahead, which takes about a minute. They are kept beside the program, or\n"
        "in the user's cache folder; what is not compiled ahead is compiled when it is first needed."
    )
    parser = new_parser(what, program)
    add_common_options(parser)
    return parser


def run(brushes: list[str], quiet: bool) -> int:
    """Compile the kernels of these brushes; the exit code."""
    from painter.cli.compiling import compile_kernels

    compile_kernels(brushes, lambda text: None if quiet else say(sys.stderr, f"compiling kernels, once: {text}"))
    if not quiet:
        say(sys.stdout, f"compiled the kernels of {', '.join(brushes)}" if brushes else "all kernels are compiled")
    return 0
