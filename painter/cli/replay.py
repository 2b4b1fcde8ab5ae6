"""The command `replay`: draw a stroke file again, at any size and in any format."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from painter.cli.arguments import add_common_options, add_options, given, given_name, new_parser
from painter.cli.film_replay import replay_film
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
from painter.cli.progress import announce_compiling
from painter.export.formats import format_of
from painter.options.replay import ReplayConfig
from painter.painting.file_bytes import check_readable
from painter.system.names import FILM_ENDING, split_ending
from painter.system.usage import Stopwatch, keep_freed_memory


@dataclass(frozen=True)
class Request:
    """A parsed command line."""

    file: Path
    config: ReplayConfig
    outputs: Outputs
    quiet: bool


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Draw, and write the files; the exit code."""
    request = read_request(make_parser(program), arguments)
    with default_folder(request.outputs.own_folder):
        if request.file.name.lower().endswith(FILM_ENDING):
            return replay_film(request.file, request.config, request.outputs, request.quiet)
        check_outputs(request.outputs, {"the input stroke file": request.file})
        check_readable(request.file)
        say_without_effect(request.outputs.paintings, request.outputs.export, request.quiet)
        return run(request)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The parser of the command, with the options of ReplayConfig and ExportConfig among others."""
    parser = new_parser("Draw a stroke file again, at any size and in any format.", program)
    parser.add_argument(
        "file", metavar="FILE", type=given_name,
        help="a stroke file (.strokes.json, .strokes.json.gz), the original program's .npz, or a stroke video "
        "(.strokes.jsonl.gz), of which -o FILE.mp4, .gif, .webp, .html or frames/ is drawn",
    )  # fmt: skip
    add_output_options(parser, "output/NAME.png and .gif")
    add_options(parser, ReplayConfig)
    add_export_options(parser, also={"duration": ["--seconds"]})
    add_common_options(parser)
    return parser


def read_request(parser: argparse.ArgumentParser, arguments: list[str]) -> Request:
    """Parse a command line.

    Raises:
        OptionError: an unknown option, or a value outside its range.
    """
    options = parser.parse_args(arguments)
    file = Path(options.file)
    outputs = read_outputs(options, split_ending(file)[0])
    return Request(file, ReplayConfig(**given(options, ReplayConfig)), outputs, options.quiet)


def run(request: Request) -> int:
    """Read the strokes, draw and write; the exit code."""
    from painter.painting.load import load_painting
    from painter.painting.replay import with_overrides
    from painter.painting.save import draw_for, save_painting

    keep_freed_memory()
    painting = with_overrides(load_painting(request.file, request.config.style), request.config)
    if not request.quiet:
        announce_compiling(painting.strokes.brush)
    with claimed(request.outputs) as outputs:
        # Several pictures share one drawing; a single one draws in bands and need not have all of it in memory.
        pictures = [name for name in outputs.paintings if format_of(name).kind in ("still", "animation")]
        drawn = draw_for(painting, pictures, outputs.export) if len(pictures) > 1 else None
        jobs = painting_jobs(outputs, lambda name: save_painting(painting, name, drawn, outputs.export))
        notes = write_in_turn(jobs)
    if not request.quiet:
        print_written(request.outputs, outputs, notes)
    return 0
