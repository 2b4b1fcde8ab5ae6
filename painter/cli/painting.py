"""The command that needs no name: paint a picture."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from painter.cli.commands import COMMANDS, INTERRUPTED
from painter.cli.options import (
    PaintOptions,
    add_common_options,
    add_image,
    add_painting_options,
    new_parser,
    read_painting_options,
)
from painter.cli.paths import DEFAULT_FOLDER, check_inputs, check_overwriting, default_folder
from painter.cli.progress import ProgressBar, announce_compiling, say
from painter.export import FORMATS, check_output, check_place, writing
from painter.usage import Stopwatch, keep_freed_memory, peak_rss_mb

if TYPE_CHECKING:
    from painter.pipeline import Result


@dataclass(frozen=True)
class Request:
    """What one command line asks for."""

    paint: PaintOptions
    outputs: tuple[Path, ...]
    own_folder: bool  # no output was named, so that DEFAULT_FOLDER is ours to make
    report: Path | None
    quiet: bool
    resume: bool = False  # go on where an earlier run left off


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Paint, and write the files; the exit code."""
    request = read_request(make_parser(program), arguments)
    with default_folder(request.own_folder):
        check_paths(request)
        return run(request, watch)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """All options; those of the painting come from PaintConfig, with help and defaults."""
    what = "Turn a picture into a painting made of real, parameterised brush strokes."
    parser = new_parser(what, program, COMMANDS)
    add_image(parser)
    parser.add_argument(
        *("-o", "--output"),
        action="append",
        default=[],
        metavar="FILE",
        help=f"where to, ending in {' or '.join(FORMATS)}; may be repeated "
        "(default: output/NAME-STYLE.png and .gif; with --brush, its name for STYLE)",
    )
    add_painting_options(parser)
    parser.add_argument("--report", metavar="FILE.json", help="write figures and settings to this file")
    parser.add_argument("--resume", action="store_true", help="go on where a run of the same command was cut short")
    add_common_options(parser)
    return parser


def read_request(parser: argparse.ArgumentParser, arguments: list[str]) -> Request:
    """Parse a command line.

    Raises:
        OptionError: for an unknown option or a value outside its range.
    """
    options = parser.parse_args(arguments)
    paint = read_painting_options(options)
    outputs = [Path(name) for name in options.output]
    if not outputs:
        brush = paint.config.style if paint.config.brush is None else Path(paint.config.brush).stem
        outputs = [DEFAULT_FOLDER / f"{paint.image.stem}-{brush}{ending}" for ending in (".png", ".gif")]
    report = None if options.report is None else Path(options.report)
    return Request(paint, tuple(outputs), not options.output, report, options.quiet, options.resume)


def check_paths(request: Request) -> None:
    """Look at all files before any work.

    Raises:
        OptionError: a file that an option reads is not there.
        OutputError: a file cannot be written, or would go over another one or over one that is read.
    """
    check_inputs(request.paint.config)
    for path in request.outputs:
        check_output(path)
    for path in _report(request):
        check_place(path)
    check_overwriting([*request.outputs, *_report(request)], request.paint.inputs)


def _report(request: Request) -> list[Path]:
    return [] if request.report is None else [request.report]


def run(request: Request, watch: Stopwatch) -> int:
    """Paint and write; the exit code."""
    with watch.phase("start"):
        from painter import pipeline
        from painter.autosave import Autosave

        keep_freed_memory()

    subject = pipeline.prepare(request.paint.image, request.paint.config, watch)
    if not request.quiet:
        announce_compiling()
    tell = None if request.quiet else partial(say, sys.stderr)
    autosave = Autosave(request.outputs[0], subject, request.resume, tell)
    with closing(ProgressBar()) as bar:
        found = pipeline.find_strokes(subject, watch, None if request.quiet else bar.show, autosave)
        bar.finish()
    with finishing(found.interrupted) as late:
        result = pipeline.finish(subject, found, watch)
        write(request, result, watch)
    autosave.close(finished=not found.interrupted)
    if not request.quiet:
        _summarise(request, result)
    return INTERRUPTED if found.interrupted or late else 0


def write(request: Request, result: Result, watch: Stopwatch) -> None:
    """Write all outputs and then the report."""
    with watch.phase("write"):
        result.save(*request.outputs)
    if request.report is not None:
        outputs = [str(path) for path in request.outputs]
        final = {**result.report, "outputs": outputs, "seconds": watch.seconds(), "peak_rss_mb": peak_rss_mb()}
        with writing(request.report) as temporary:
            temporary.write_text(json.dumps(final, indent=2, allow_nan=False) + "\n")


@contextmanager
def finishing(stopped: bool) -> Iterator[list[int]]:
    """While a painting is drawn and written: the first Ctrl-C waits (it is in the list), the second does not.

    Args:
        stopped: whether Ctrl-C ended the search; then this was the first one.
    """
    noted: list[int] = []
    in_charge = threading.current_thread() is threading.main_thread()
    if stopped or not in_charge or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield noted
        return

    def note(number: int, _: Any) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(number)

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _summarise(request: Request, result: Result) -> None:
    report = result.report
    verb = "interrupted; wrote" if result.interrupted else "wrote"
    written = [*request.outputs, *_report(request)]
    say(sys.stdout, f"{verb} {', '.join(map(str, written))}")
    ssim = "" if report["ssim"] is None else f", SSIM {report['ssim']:.3f}"
    say(sys.stdout, f"{report['strokes']} strokes, PSNR {report['psnr']:.2f} dB{ssim}")
