"""The command `batch`: paint every picture of a folder with one set of options, on as many cores as there are."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from painter.batch.driver import run_jobs
from painter.batch.folder import agree_on_options, find_pictures, folder_jobs
from painter.batch.ledger import Ledger
from painter.cli.arguments import (
    LIST_OF_PRESETS,
    Once,
    add_common_options,
    add_later_pictures,
    add_painting_options,
    given,
    given_name,
    new_parser,
    read_painting_config,
)
from painter.cli.outputs import add_export_options, say_without_effect
from painter.cli.paths import check_inputs, make_folder, same_file
from painter.cli.progress import announce_compiling, say
from painter.cli.running import RunBar, add_running_options, make_pool, print_summary, read_running
from painter.errors import OptionError, OutputError, one_line
from painter.export import FOLDER, FORMATS
from painter.options.export import ExportConfig
from painter.options.paint import PaintConfig
from painter.options.reveal import LaterPictures
from painter.options.running import RunningConfig
from painter.pictures.picture import load_picture
from painter.system.devices import resolve_device
from painter.system.usage import Stopwatch

_ENDINGS = tuple(ending for ending in FORMATS if ending != FOLDER)


@dataclass(frozen=True)
class Request:
    """What one command line asks for."""

    folder: Path
    output: Path
    config: PaintConfig
    later: LaterPictures
    formats: tuple[str, ...]  # endings, with their dots
    export: ExportConfig
    running: RunningConfig
    amend: bool
    quiet: bool


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Paint what is not painted yet; the exit code."""
    return run(read_request(make_parser(program), arguments))


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The options of `batch`."""
    what = (
        "Paint every picture of a folder and its subfolders with one set of options.\n"
        "Run the same command again to continue, and to paint pictures that are new or have changed."
    )
    parser = new_parser(what, program, LIST_OF_PRESETS)
    parser.add_argument(
        "folder", metavar="FOLDER", type=given_name, help="the pictures; hidden files and folders are skipped"
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", required=True, type=given_name, action=Once,
        help="the folder for the paintings; made if missing",
    )  # fmt: skip
    parser.add_argument(
        "--format",
        action="append",
        default=[],
        metavar="F",
        help=f"what to write for each: {', '.join(ending[1:] for ending in _ENDINGS)}; may be repeated (default: png)",
    )
    parser.add_argument(
        "--amend", action="store_true", help="accept options that differ from those OUT was started with, and repaint"
    )
    add_painting_options(parser)
    add_later_pictures(parser, "; of a folder, the one with the same name")
    add_running_options(parser)
    add_export_options(parser)
    add_common_options(parser, "print only errors and failures")
    return parser


def read_request(parser: argparse.ArgumentParser, arguments: list[str]) -> Request:
    """Parse a command line.

    Raises:
        OptionError: for an unknown option or a value outside its range.
    """
    options = parser.parse_args(arguments)
    config, later = read_painting_config(options, None if options.config is None else Path(options.config))
    return Request(
        folder=Path(options.folder),
        output=Path(options.output),
        config=config,
        later=later,
        formats=tuple(dict.fromkeys(map(_ending, options.format or ["png"]))),
        export=ExportConfig(**given(options, ExportConfig)),
        running=read_running(options),
        amend=options.amend,
        quiet=options.quiet,
    )


def run(request: Request) -> int:
    """Check everything, then paint; the exit code."""
    check_inputs(request.config)
    then = [Path(name) for name in request.later.then]
    for path in then:
        if not path.is_dir():
            load_picture(path, request.config.working_side)  # a bad one is refused before anything is painted
    if request.running.ray is None:  # else other machines paint
        resolve_device(request.config.device, request.config.backend)
    found = find_pictures(request.folder, request.output, *then)
    jobs = folder_jobs(request.folder, found.pictures, request.config, request.formats, request.export, request.later)
    _check_output(request.output, request.folder)
    with Ledger.open(request.output) as ledger:
        agree_on_options(ledger, request.config, request.formats, request.export, request.amend, request.later)
        if not request.quiet:
            others = f" (other files skipped: {found.others})" if found.others else ""
            say(sys.stderr, f"{len(jobs)} pictures in {request.folder}{others}")
            announce_compiling()
        named = [f"*{ending}" for ending in request.formats]
        say_without_effect(named, request.export, request.quiet, request.config)
        with make_pool(request.running) as pool, closing(RunBar(request.quiet)) as bar:
            summary = run_jobs(jobs, request.output, ledger, pool, bar.show, request.running.retries)
    return print_summary(summary, request.quiet)


def _ending(text: str) -> str:
    """The ending of a format, from png, .png or PNG. Raises OptionError for an unknown one."""
    ending = "." + text.lower().lstrip(".")
    if ending not in _ENDINGS:
        raise OptionError(f"--format {text}: unknown; choose from {', '.join(ending[1:] for ending in _ENDINGS)}")
    return ending


def _check_output(output: Path, folder: Path) -> None:
    """Make the output folder. Raises OutputError if that fails, or if it is the folder of the pictures."""
    if same_file(output, folder):
        raise OutputError(
            f"cannot write to {one_line(output)}: it is the folder of the pictures; choose another folder with -o"
        )
    make_folder(output, output)
