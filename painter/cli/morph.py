"""The command `morph`: let the strokes of one painting become those of another."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from painter.cli.arguments import add_common_options, add_options, given, given_name, new_parser
from painter.cli.outputs import (
    Outputs,
    add_export_options,
    add_output_options,
    check_outputs,
    claimed,
    painting_jobs,
    print_written,
    read_outputs,
    say_without_effect,
    write_in_turn,
)
from painter.cli.paths import default_folder
from painter.cli.progress import announce_compiling, say_notes
from painter.export.formats import format_of, moves
from painter.options.export import ExportConfig
from painter.options.morph import MorphConfig
from painter.painting.file_bytes import check_readable
from painter.system.names import split_ending
from painter.system.usage import Stopwatch, keep_freed_memory

OF_FILES = (
    "duration", "fps", "loop", "gif_side", "max_bytes", "bit_depth", "quality", "embed", "layers", "svg", "svg_grain",
    "width_mm",
)  # fmt: skip
"""The options of ExportConfig that the command has; MorphConfig has others of these names."""


@dataclass(frozen=True)
class Request:
    """A parsed command line."""

    files: tuple[Path, Path]
    config: MorphConfig
    outputs: Outputs
    quiet: bool


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Move the strokes, and write the files; the exit code."""
    request = read_request(make_parser(program), arguments)
    first, second = request.files
    with default_folder(request.outputs.own_folder):
        check_outputs(request.outputs, {"the first stroke file": first, "the second stroke file": second})
        for file in request.files:
            check_readable(file)
        say_unheeded(request)
        return run(request)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The parser of the command, with the options of MorphConfig and some of ExportConfig among others."""
    parser = new_parser("Let the strokes of one painting become those of another.", program)
    for name, which in (
        ("first", "the stroke file to begin with"),
        ("second", "the one to end with, of the same brush"),
    ):
        parser.add_argument(name, metavar=name.upper(), type=given_name, help=which)
    add_output_options(parser, "output/FIRST-SECOND.gif")
    add_options(parser, MorphConfig)
    add_export_options(parser, only=OF_FILES)
    add_common_options(parser)
    return parser


def read_request(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> Request:
    """Parse a command line.

    Raises:
        OptionError: an unknown option, or a value outside its range.
    """
    options = parser.parse_args(arguments)
    files = Path(options.first), Path(options.second)
    config = MorphConfig(**given(options, MorphConfig))
    outputs = read_outputs(options, "-".join(split_ending(file)[0] for file in files), (".gif",))
    export = replace(outputs.export, ease=ExportConfig.ease, frames=config.frames, hold=config.hold)
    return Request(files, config, replace(outputs, export=export), options.quiet)


def say_unheeded(request: Request) -> None:
    """Say which options change nothing."""
    names, config = request.outputs.paintings, request.config
    moving = [name for name in names if moves(name, config.webp)]
    notes = []
    if config.at is not None and len(moving) == len(names):
        notes.append(f"--at has no effect on {', '.join(names)}")
    if not moving:
        said = [word for word in ("ease", "one_way") if getattr(config, word) != getattr(MorphConfig, word)]
        notes += [f"--{word.replace('_', '-')} has no effect on {', '.join(names)}" for word in said]
    say_notes(notes, request.quiet)
    webp = any(format_of(name).ending == ".webp" for name in moving)
    export = replace(request.outputs.export, webp="animated" if webp else "still")
    hold = ExportConfig.hold if config.hold == MorphConfig.hold else config.hold
    say_without_effect(names, replace(export, hold=hold), request.quiet)


def run(request: Request) -> int:
    """Read the strokes, draw and write; the exit code."""
    from painter.painting.load import load_painting
    from painter.painting.morph import morph

    keep_freed_memory()
    first, second = (load_painting(file, request.config.style) for file in request.files)
    turning = morph(first, second, request.config)
    if not request.quiet:
        announce_compiling(first.strokes.brush)
    with claimed(request.outputs) as outputs:
        jobs = painting_jobs(outputs, lambda name: turning.save(name, config=outputs.export))
        notes = write_in_turn(jobs)
    if not request.quiet:
        print_written(request.outputs, outputs, notes)
    return 0
