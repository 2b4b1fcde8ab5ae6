"""The command `suggest`: how the quality grows with the number of strokes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from painter.cli.options import (
    LIST_OF_PRESETS,
    add_common_options,
    add_image,
    add_painting_options,
    new_parser,
    read_painting_options,
)
from painter.cli.outputs import Outputs, add_overwrite, check_outputs, claimed, tell_written
from painter.cli.paths import check_inputs
from painter.cli.progress import ProgressBar, announce_compiling, say
from painter.errors import OutputError
from painter.export import writing
from painter.usage import Stopwatch, keep_freed_memory


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Measure, print the table and draw the curve if that is asked for; the exit code."""
    options = make_parser(program).parse_args(arguments)
    asked = read_painting_options(options)
    check_inputs(asked.config)
    outputs = Outputs(_curves(options.output), overwrite=options.overwrite)
    check_outputs(outputs, asked.inputs)

    from painter import pipeline

    keep_freed_memory()
    subject = pipeline.prepare(asked.image, asked.config, watch)
    from painter import growth  # and with it torch; a bad picture is refused before that

    if not options.quiet:
        announce_compiling()
    with closing(ProgressBar()) as bar:
        points = growth.suggest(subject, on_progress=None if options.quiet else bar.show)
        bar.finish()
    chosen = growth.choose(points)
    _print_table(points, chosen)
    if outputs.files:
        with claimed(outputs) as named, writing(Path(named.files[0])) as temporary:
            growth.plot_curve(points, chosen, temporary)
        tell_written(outputs, named, [])
    return 0


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The options of `suggest`: where the curve goes, and those of a painting."""
    what = "Show how the quality of a painting grows with the number of its strokes."
    parser = new_parser(what, program, LIST_OF_PRESETS)
    add_image(parser)
    parser.add_argument(*("-o", "--output"), metavar="CURVE.png", help="draw the curve into this file")
    add_overwrite(parser)
    add_painting_options(parser)
    add_common_options(parser, quiet="print nothing but the table and errors")
    return parser


def _curves(name: str | None) -> tuple[str, ...]:
    """The curve's file, if one is asked for."""
    if name is None:
        return ()
    if Path(name).suffix.lower() != ".png":
        raise OutputError(f"cannot write {name}: a curve is written as .png; choose such a name")
    return (str(Path(name)),)


def _print_table(points: Sequence[tuple[int, float]], chosen: int) -> None:
    say(sys.stdout, "strokes  PSNR, dB")
    for strokes, psnr in points:
        say(sys.stdout, f"{strokes:7d}  {psnr:8.2f}{'  <- auto' if strokes == chosen else ''}")
    say(sys.stdout, f"--strokes auto would use {chosen}")
