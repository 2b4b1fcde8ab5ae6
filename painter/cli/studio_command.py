"""The command `studio`: a page on which a picture is painted before one's eyes."""

from __future__ import annotations

import argparse
import sys

from painter.cli.arguments import add_common_options, add_options, given, new_parser
from painter.cli.progress import say
from painter.options.serving import StudioConfig
from painter.system.usage import Stopwatch


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Serve until Ctrl-C; the exit code."""
    options = make_parser(program).parse_args(arguments)
    config = StudioConfig(**given(options, StudioConfig))
    return run(config, quiet=options.quiet, browser=not options.no_browser)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The parser of the command, with the options of StudioConfig."""
    parser = new_parser("Open a page on which pictures are painted stroke by stroke.", program)
    add_options(parser, StudioConfig)
    parser.add_argument("--no-browser", action="store_true", help="do not open the page in a browser")
    add_common_options(parser)
    return parser


def run(config: StudioConfig, quiet: bool, browser: bool) -> int:
    """Serve; the exit code."""
    from painter.studio.serve import serve

    serve(config, (lambda line: None) if quiet else (lambda line: say(sys.stdout, line)), browser)
    return 0
