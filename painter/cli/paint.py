"""The command without a name: paint a picture."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from painter.cli.arguments import (
    LIST_OF_PRESETS,
    Once,
    PaintOptions,
    add_common_options,
    add_image,
    add_later_pictures,
    add_painting_options,
    given_name,
    new_parser,
    read_painting_options,
)
from painter.cli.commands import COMMANDS, INTERRUPTED
from painter.cli.outputs import (
    Notes,
    Outputs,
    SaveJob,
    Saver,
    add_export_options,
    add_losses,
    add_output_options,
    check_outputs,
    losses_jobs,
    painting_jobs,
    print_written,
    read_outputs,
    say_without_effect,
    with_losses,
    with_strokes,
    write_in_turn,
)
from painter.cli.paths import check_inputs, default_folder
from painter.cli.progress import ProgressBar, announce_compiling, say, say_notes
from painter.errors import OptionError
from painter.export import writing
from painter.pictures.looked_at import look_ahead
from painter.pictures.picture import Picture, load_picture
from painter.pictures.proportions import read_fitted
from painter.search.config import searched_side
from painter.system.ahead import Ahead, in_small_steps
from painter.system.interrupts import deferred_interrupts
from painter.system.late_torch import import_torch, load_libraries_ahead
from painter.system.usage import Stopwatch, keep_freed_memory, peak_rss_mb

if TYPE_CHECKING:
    from painter.search.subject import Subject

Report = dict[str, Any]
"""A painting's figures and settings, as `painter.pipeline.measure` returns them."""


@dataclass(frozen=True)
class Request:
    """A parsed command line."""

    paint: PaintOptions
    outputs: Outputs
    quiet: bool
    resume: bool = False  # continue an earlier run


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Paint, and write the files; the exit code."""
    request = read_request(make_parser(program), arguments)
    with default_folder(request.outputs.own_folder):
        check_inputs(request.paint.config)
        check_outputs(request.outputs, request.paint.inputs)
        outputs = request.outputs
        say_without_effect(outputs.paintings, outputs.export, request.quiet, request.paint.config)
        return run(request, watch)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The parser of the command, with the options of PaintConfig and ExportConfig among others."""
    what = "Turn a picture into a painting made of real, parameterised brush strokes."
    parser = new_parser(what, program, {"commands, as the first word": _commands(), **LIST_OF_PRESETS})
    add_image(parser)
    add_output_options(parser, "output/NAME-STYLE.png and .gif; with --brush, its name for STYLE")
    parser.add_argument("--no-strokes", action="store_true", help="leave out the stroke file beside the painting")
    add_painting_options(parser)
    add_later_pictures(parser)
    parser.add_argument(
        "--report", metavar="FILE.json", type=given_name, action=Once, help="write figures and settings to this file"
    )
    add_losses(parser, " of --style-image")
    parser.add_argument("--resume", action="store_true", help="go on where a run of the same command was cut short")
    add_export_options(parser)
    add_common_options(parser)
    return parser


def _commands() -> dict[str, str]:
    return {name: command.help for name, command in COMMANDS.items()}


def read_request(parser: argparse.ArgumentParser, arguments: list[str]) -> Request:
    """Parse a command line.

    Raises:
        OptionError: an unknown option, a value outside its range, or --losses without --style-image.
    """
    options = parser.parse_args(arguments)
    paint = read_painting_options(options)
    outputs = read_outputs(options, f"{paint.image.stem}-{paint.config.brush_name}")
    if options.report is not None:
        outputs = replace(outputs, report=str(Path(options.report)))
    outputs = with_losses(outputs, options)
    if outputs.losses and paint.config.style_image is None:
        raise OptionError(f"--losses {outputs.losses[0]}: only a style has losses; add --style-image")
    outputs = outputs if options.no_strokes else with_strokes(outputs)
    return Request(paint, outputs, options.quiet, options.resume)


def run(request: Request, watch: Stopwatch) -> int:
    """Paint and write; the exit code."""
    keep_freed_memory()
    if request.paint.image.exists():  # else it is refused at once
        load_libraries_ahead()
    with in_small_steps():
        picture, *others = _read(request, watch)  # before torch is imported, so that a bad one is refused at once
        with watch.phase("start"):
            import_torch()  # first: with it the networks can look for faces, while the rest is imported
            from painter import pipeline
            from painter.cli.resuming import Resuming
            from painter.painting.save import save_painting
            from painter.search.revealing import prepare_reveal

            if request.paint.config.focus == "auto":
                pipeline.load_ahead(request.paint.config)
        if others:
            with watch.phase("load"):
                subject: Subject = prepare_reveal([picture, *others], request.paint.config, request.paint.later.shares)
        else:
            subject = pipeline.prepare(picture, request.paint.config, watch, download=True, progress=not request.quiet)
    del picture, others  # the search needs their memory
    say_notes(subject.notes, request.quiet)
    if not request.quiet:
        announce_compiling(subject.brush)
    resuming = Resuming(request.outputs, subject, request.resume, request.quiet)
    with closing(ProgressBar()) as bar:
        found = pipeline.find_strokes(subject, watch, None if request.quiet else bar.show, resuming.autosave)
        bar.finish()
    with deferred_interrupts(found.interrupted) as late:
        drawn = pipeline.draw(found, watch, request.outputs.paintings, request.outputs.export)
        perceptual = request.outputs.report is not None
        measuring = Ahead(lambda: pipeline.measure(subject, found, drawn, watch, perceptual))  # beside the encoders
        with resuming.claimed() as outputs:
            jobs = painting_jobs(outputs, lambda name: save_painting(found.painting, name, drawn, outputs.export))
            notes = write(outputs, [*jobs, *losses_jobs(outputs, found.records)], measuring, watch)
        report = measuring.result()
    if not request.quiet:
        print_written(request.outputs, outputs, notes, "interrupted; wrote" if found.interrupted else "wrote")
        _print_figures(report)
    resuming.close(finished=not found.interrupted)
    if found.failed is not None:
        raise found.failed
    return INTERRUPTED if found.interrupted or late else 0


def _read(request: Request, watch: Stopwatch) -> list[Picture]:
    """The pictures. In the first of them it is begun to look for faces."""
    with watch.phase("load"):
        picture = load_picture(request.paint.image, request.paint.config.working_side)
        others = [read_fitted(name, picture) for name in request.paint.later.then]
        if request.paint.config.focus == "auto":
            look_ahead(picture, searched_side(request.paint.config))
    return [picture, *others]


def write(outputs: Outputs, jobs: Sequence[SaveJob], report: Ahead[Report], watch: Stopwatch) -> list[str]:
    """Write the files of `jobs`, then the report; the notes about them."""
    timed: list[SaveJob] = [(name, partial(_timed, save, watch)) for name, save in jobs]
    if outputs.report is not None:
        timed.append((outputs.report, partial(_write_report, outputs.report, outputs, report, watch)))
    return write_in_turn(timed)


def _timed(save: Saver, watch: Stopwatch) -> Notes:
    with watch.phase("write"):
        return save()


def _write_report(path: str, outputs: Outputs, report: Ahead[Report], watch: Stopwatch) -> None:
    files = [name for name in outputs.files if name != path]
    final = {**report.result(), "outputs": files, "seconds": watch.seconds(), "peak_rss_mb": peak_rss_mb()}
    with writing(Path(path)) as temporary:
        temporary.write_text(json.dumps(final, indent=2, allow_nan=False) + "\n")


def _print_figures(report: Report) -> None:
    ssim = "" if report["ssim"] is None else f", SSIM {report['ssim']:.3f}"
    target = report["config"]["until_psnr"]
    missed = "" if target is None or report["psnr"] >= target else f"; {target:g} dB takes more strokes"
    against = "" if report["compared_with"] == "the picture" else f" against {report['compared_with']}"
    say(sys.stdout, f"{report['strokes']} strokes, PSNR {report['psnr']:.2f} dB{ssim}{against}{missed}")
    for shown in report.get("revealed", ())[:-1]:
        say(sys.stdout, f"the first {shown['strokes']} show {shown['picture']}: PSNR {shown['psnr']:.2f} dB")
    print_style(report["style"])


def print_style(figures: dict[str, dict[str, float]] | None) -> None:
    """Print the losses 'before' and 'after' styling; None, where there are none, prints nothing."""
    if figures is not None:
        before, after = figures["before"], figures["after"]
        say(sys.stdout, f"style loss {before['style']:.3f} -> {after['style']:.3f}, content {after['content']:.4f}")
