"""The command `suggest`: how the quality grows with the number of strokes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from painter.cli.arguments import (
    LIST_OF_PRESETS,
    PaintOptions,
    add_common_options,
    add_image,
    add_painting_options,
    new_parser,
    read_painting_options,
)
from painter.cli.outputs import Outputs, add_overwrite, check_outputs, claimed, tell_written
from painter.cli.paths import DEFAULT_FOLDER, check_inputs, default_folder
from painter.cli.progress import ProgressBar, announce_compiling, say
from painter.errors import OutputError
from painter.export import writing
from painter.system.usage import Stopwatch, keep_freed_memory


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Measure, print the table and draw the curve; the exit code."""
    options = make_parser(program).parse_args(arguments)
    asked = read_painting_options(options)
    curve = _curve(options.output, f"{asked.image.stem}-{asked.config.brush_name}-curve.png")
    outputs = Outputs((curve,), own_folder=options.output is None, overwrite=options.overwrite)
    with default_folder(outputs.own_folder):
        check_inputs(asked.config)
        check_outputs(outputs, asked.inputs)
        return run(asked, outputs, options.quiet, watch)


def run(asked: PaintOptions, outputs: Outputs, quiet: bool, watch: Stopwatch) -> int:
    """Measure, print and draw; the exit code."""
    from painter import pipeline

    keep_freed_memory()
    subject = pipeline.prepare(asked.image, asked.config, watch)
    from painter.export.plots import plot_curve
    from painter.search import stroke_count as growth  # and with it torch; a bad picture is refused before that

    if not quiet:
        announce_compiling()
    with closing(ProgressBar()) as bar:
        points = growth.suggest(subject, on_progress=None if quiet else bar.show)
        bar.finish()
    chosen = growth.choose(points)
    _print_table(points, chosen)
    with claimed(outputs) as named, writing(Path(named.files[0])) as temporary:
        plot_curve(points, chosen, temporary)
    tell_written(outputs, named, [])
    return 0


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The options of `suggest`: where the curve goes, and those of a painting."""
    what = "Show how the quality of a painting grows with the number of its strokes."
    parser = new_parser(what, program, LIST_OF_PRESETS)
    add_image(parser)
    where = "where the curve goes (default: output/NAME-STYLE-curve.png)"
    parser.add_argument(*("-o", "--output"), metavar="CURVE.png", help=where)
    add_overwrite(parser)
    add_painting_options(parser)
    add_common_options(parser, quiet="print nothing but the table and errors")
    return parser


def _curve(name: str | None, default: str) -> str:
    """The curve's file."""
    if name is None:
        return str(DEFAULT_FOLDER / default)
    if Path(name).suffix.lower() != ".png":
        raise OutputError(f"cannot write {name}: a curve is written as .png; choose such a name")
    return str(Path(name))


def _print_table(points: Sequence[tuple[int, float]], chosen: int) -> None:
    say(sys.stdout, "strokes  PSNR, dB")
    for strokes, psnr in points:
        say(sys.stdout, f"{strokes:7d}  {psnr:8.2f}{'  <- auto' if strokes == chosen else ''}")
    more = " or more" if chosen == points[-1][0] else ""
    say(sys.stdout, f"--strokes auto would use {chosen}{more}")
