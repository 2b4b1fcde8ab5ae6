"""The command that needs no name: paint a picture."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from painter.cli.arguments import (
    LIST_OF_PRESETS,
    PaintOptions,
    add_common_options,
    add_image,
    add_painting_options,
    new_parser,
    read_painting_options,
)
from painter.cli.commands import COMMANDS, INTERRUPTED
from painter.cli.outputs import (
    Notes,
    Outputs,
    Saver,
    add_export_options,
    add_losses,
    add_output_options,
    check_outputs,
    losses_jobs,
    painting_jobs,
    read_outputs,
    tell_written,
    with_losses,
    with_strokes,
    write_in_turn,
)
from painter.cli.paths import check_inputs, default_folder
from painter.cli.progress import ProgressBar, announce_compiling, say
from painter.cli.resuming import Resuming
from painter.errors import OptionError
from painter.export import writing
from painter.system.interrupts import deferred_interrupts
from painter.system.usage import Stopwatch, keep_freed_memory, peak_rss_mb

if TYPE_CHECKING:
    from painter.pipeline import Result, SearchResult


@dataclass(frozen=True)
class Request:
    """What one command line asks for."""

    paint: PaintOptions
    outputs: Outputs
    quiet: bool
    resume: bool = False  # go on where an earlier run left off


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Paint, and write the files; the exit code."""
    request = read_request(make_parser(program), arguments)
    with default_folder(request.outputs.own_folder):
        check_inputs(request.paint.config)
        check_outputs(request.outputs, request.paint.inputs)
        return run(request, watch)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """All options; those of the painting come from PaintConfig, with help and defaults."""
    what = "Turn a picture into a painting made of real, parameterised brush strokes."
    parser = new_parser(what, program, {"commands, as the first word": COMMANDS, **LIST_OF_PRESETS})
    add_image(parser)
    add_output_options(parser, "output/NAME-STYLE.png and .gif; with --brush, its name for STYLE")
    parser.add_argument("--no-strokes", action="store_true", help="leave out the stroke file beside the painting")
    add_painting_options(parser)
    parser.add_argument("--report", metavar="FILE.json", help="write figures and settings to this file")
    add_losses(parser, " of --style-image")
    parser.add_argument("--resume", action="store_true", help="go on where a run of the same command was cut short")
    add_export_options(parser)
    add_common_options(parser)
    return parser


def read_request(parser: argparse.ArgumentParser, arguments: list[str]) -> Request:
    """Parse a command line.

    Raises:
        OptionError: for an unknown option or a value outside its range.
    """
    options = parser.parse_args(arguments)
    paint = read_painting_options(options)
    outputs = read_outputs(options, f"{paint.image.stem}-{paint.config.brush_name}")
    if options.report is not None:
        outputs = replace(outputs, report=str(Path(options.report)))
    outputs = with_losses(outputs, options)
    if outputs.losses and paint.config.style_image is None:
        raise OptionError(f"--losses {outputs.losses[0]}: there are none without a style; name one with --style-image")
    return Request(paint, outputs if options.no_strokes else with_strokes(outputs), options.quiet, options.resume)


def run(request: Request, watch: Stopwatch) -> int:
    """Paint and write; the exit code."""
    with watch.phase("start"):
        from painter import pipeline

        keep_freed_memory()

    subject = pipeline.prepare(
        request.paint.image, request.paint.config, watch, download=True, progress=not request.quiet
    )
    if not request.quiet:
        announce_compiling()
    resuming = Resuming(request.outputs, subject, request.resume, request.quiet)
    with closing(ProgressBar()) as bar:
        found = pipeline.find_strokes(subject, watch, None if request.quiet else bar.show, resuming.autosave)
        bar.finish()
    with deferred_interrupts(found.interrupted) as late:
        result = pipeline.finish(subject, found, watch)
        with resuming.claimed() as outputs:
            notes = write(outputs, result, found, watch)
    if not request.quiet:
        tell_written(request.outputs, outputs, notes, "interrupted; wrote" if result.interrupted else "wrote")
        _tell_figures(result)
    resuming.close(finished=not found.interrupted)
    if found.failed is not None:
        raise found.failed
    return INTERRUPTED if found.interrupted or late else 0


def write(outputs: Outputs, result: Result, found: SearchResult, watch: Stopwatch) -> list[str]:
    """Write all files, the report last; what there is to say of them."""

    def timed(save: Saver) -> Notes:
        with watch.phase("write"):
            return save()

    jobs: list[tuple[str, Saver]] = [
        (name, partial(timed, save))
        for name, save in (
            *painting_jobs(result.painting, outputs, result.image), *losses_jobs(found.records, outputs)
        )
    ]  # fmt: skip
    if outputs.report is not None:
        jobs.append((outputs.report, lambda: _write_report(outputs, result, watch)))
    return write_in_turn(jobs)


def _write_report(outputs: Outputs, result: Result, watch: Stopwatch) -> None:
    assert outputs.report is not None
    files = [name for name in outputs.files if name != outputs.report]
    final = {**result.report, "outputs": files, "seconds": watch.seconds(), "peak_rss_mb": peak_rss_mb()}
    with writing(Path(outputs.report)) as temporary:
        temporary.write_text(json.dumps(final, indent=2, allow_nan=False) + "\n")


def _tell_figures(result: Result) -> None:
    report = result.report
    ssim = "" if report["ssim"] is None else f", SSIM {report['ssim']:.3f}"
    goal = report["config"]["until_psnr"]
    short = "" if goal is None or report["psnr"] >= goal else f"; {goal:g} dB takes more strokes"
    say(sys.stdout, f"{report['strokes']} strokes, PSNR {report['psnr']:.2f} dB{ssim}{short}")
    tell_style(report["style"])


def tell_style(figures: dict[str, dict[str, float]] | None) -> None:
    """What styling brought, if it came to its end."""
    if figures is not None:
        before, after = figures["before"], figures["after"]
        say(sys.stdout, f"style loss {before['style']:.3f} -> {after['style']:.3f}, content {after['content']:.4f}")
