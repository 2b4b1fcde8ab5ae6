"""The command `suggest`: how the quality grows with the number of strokes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from painter.cli.arguments import (
    LIST_OF_PRESETS,
    Once,
    PaintOptions,
    add_common_options,
    add_image,
    add_painting_options,
    given_name,
    new_parser,
    read_painting_options,
)
from painter.cli.outputs import Outputs, add_overwrite, check_outputs, claimed, print_written
from painter.cli.paths import DEFAULT_FOLDER, check_inputs, default_folder
from painter.cli.progress import ProgressBar, announce_compiling, say, say_notes
from painter.errors import OptionError, OutputError
from painter.export import writing
from painter.pictures.picture import load_picture
from painter.system.late_torch import load_libraries_ahead
from painter.system.usage import Stopwatch, keep_freed_memory


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Measure, print the table and draw the curve; the exit code."""
    options = make_parser(program).parse_args(arguments)
    paint = read_painting_options(options)
    if paint.later.then:
        raise OptionError(
            f"--config {paint.config_file}: `suggest` is about paintings of one picture; leave out its then"
        )
    curve = _curve_name(options.output, f"{paint.image.stem}-{paint.config.brush_name}-curve.png")
    outputs = Outputs((curve,), own_folder=options.output is None, overwrite=options.overwrite)
    with default_folder(outputs.own_folder):
        check_inputs(paint.config)
        check_outputs(outputs, paint.inputs)
        return run(paint, outputs, options.quiet, watch)


def run(paint: PaintOptions, outputs: Outputs, quiet: bool, watch: Stopwatch) -> int:
    """Measure, print and draw; the exit code."""
    keep_freed_memory()
    if paint.image.exists():  # else it is refused at once
        load_libraries_ahead()
    picture = load_picture(paint.image, paint.config.working_side)  # a bad one is refused before torch is imported
    from painter import pipeline
    from painter.export.plots import plot_curve
    from painter.search import stroke_count

    subject = pipeline.prepare(picture, paint.config, watch)
    del picture  # the searches need its memory
    say_notes(subject.notes, quiet)
    if not quiet:
        announce_compiling(subject.brush)
    with closing(ProgressBar()) as bar:
        points = stroke_count.suggest(subject, on_progress=None if quiet else bar.show)
        bar.finish()
    chosen = stroke_count.choose(points)
    _print_table(points, chosen)
    with claimed(outputs) as named, writing(Path(named.files[0])) as temporary:
        plot_curve(points, chosen, temporary)
    print_written(outputs, named, [])
    return 0


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The parser of the command, with the options of PaintConfig among others."""
    what = "Show how the quality of a painting grows with the number of its strokes."
    parser = new_parser(what, program, LIST_OF_PRESETS)
    add_image(parser)
    where = "the file of the curve (default: output/NAME-STYLE-curve.png)"
    parser.add_argument(*("-o", "--output"), metavar="CURVE.png", type=given_name, action=Once, help=where)
    add_overwrite(parser)
    add_painting_options(parser)
    add_common_options(parser, quiet="print nothing but the table and errors")
    return parser


def _curve_name(name: str | None, default: str) -> str:
    """The curve's file. Raises OutputError unless it is a .png."""
    if name is None:
        return str(DEFAULT_FOLDER / default)
    if Path(name).suffix.lower() != ".png":
        raise OutputError(f"cannot write {name}: a curve is written as .png; choose a name with this ending")
    return str(Path(name))


def _print_table(points: Sequence[tuple[int, float]], chosen: int) -> None:
    say(sys.stdout, "strokes  PSNR, dB")
    for strokes, psnr in points:
        say(sys.stdout, f"{strokes:7d}  {psnr:8.2f}{'  <- auto' if strokes == chosen else ''}")
    more = " or more" if chosen == points[-1][0] else ""
    say(sys.stdout, f"--strokes auto would use {chosen}{more}")
