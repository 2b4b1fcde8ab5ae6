"""The command `restyle`: give a painting that is kept as strokes the style of a picture."""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from painter.cli.arguments import add_common_options, add_options, given, new_parser
from painter.cli.commands import INTERRUPTED
from painter.cli.outputs import (
    Outputs,
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
from painter.cli.paint import tell_style
from painter.cli.paths import check_files, default_folder
from painter.cli.progress import ProgressBar, announce_compiling
from painter.cli.resuming import Resuming
from painter.errors import DivergedError, OptionError
from painter.options.restyle import RestyleConfig
from painter.system.interrupts import deferred_interrupts
from painter.system.names import split_ending
from painter.system.usage import Stopwatch, keep_freed_memory

if TYPE_CHECKING:
    from painter.styling.restyle import Restyled


@dataclass(frozen=True)
class Request:
    """What one command line asks for."""

    file: Path
    style_image: Path
    config: RestyleConfig
    outputs: Outputs
    quiet: bool
    resume: bool = False  # go on where an earlier run left off

    @property
    def inputs(self) -> dict[str, Path]:
        """The files that are read, by what they are."""
        found = {"the stroke file itself": self.file, "what --style-image reads": self.style_image}
        weights = self.config.weights
        return found if weights is None else {**found, "what --weights reads": Path(weights)}


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Restyle, and write the files; the exit code."""
    request = read_request(make_parser(program), arguments)
    with default_folder(request.outputs.own_folder):
        check_files(request.config)
        check_outputs(request.outputs, request.inputs)
        return run(request)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The options of `restyle`: what strokes take on and how, where to, and how files are made."""
    parser = new_parser("Give the strokes of a painting the style of a picture; they stay strokes.", program)
    parser.add_argument(
        "file", metavar="FILE", help="a stroke file (.strokes.json, .strokes.json.gz), or the original program's .npz"
    )
    add_output_options(parser, "output/NAME-STYLE.png and .gif, STYLE being the style picture's name")
    parser.add_argument("--no-strokes", action="store_true", help="leave out the stroke file beside the painting")
    add_options(parser, RestyleConfig)
    add_losses(parser)
    parser.add_argument("--resume", action="store_true", help="go on where a run of the same command was cut short")
    add_export_options(parser)
    add_common_options(parser)
    return parser


def read_request(parser: argparse.ArgumentParser, arguments: list[str]) -> Request:
    """Parse a command line.

    Raises:
        OptionError: for an unknown option, a value outside its range, or no style picture.
    """
    options = parser.parse_args(arguments)
    config = RestyleConfig(**given(options, RestyleConfig))
    if config.style_image is None:
        raise OptionError("--style-image is missing: name the picture whose style the strokes take on; see --help")
    file, style_image = Path(options.file), Path(config.style_image)
    outputs = read_outputs(options, f"{split_ending(file)[0]}-{style_image.stem}")
    outputs = with_losses(outputs if options.no_strokes else with_strokes(outputs), options)
    return Request(file, style_image, config, outputs, options.quiet, options.resume)


def run(request: Request) -> int:
    """Read the strokes, restyle and write; the exit code."""
    from painter.painting.stroke_file import load_strokes

    keep_freed_memory()
    painting = load_strokes(request.file, request.config.style)
    from painter.styling.restyle import RestylingFingerprint, finish_styling, prepare_styling

    noisy = not request.quiet
    styling = prepare_styling(painting, request.style_image, request.config, download=True, progress=noisy)
    if noisy:
        announce_compiling()
    fingerprint = RestylingFingerprint(request.file, request.config, styling)
    resuming = Resuming(request.outputs, fingerprint, request.resume, request.quiet)
    with closing(ProgressBar()) as bar:
        try:
            restyled = finish_styling(styling, bar.show if noisy else None, resuming.autosave)
        except DivergedError as error:
            bar.close()
            write(request, resuming, error.result, "stopped; wrote")
            resuming.close(finished=True)  # to go on would come to the same end
            raise
        bar.finish()
    with deferred_interrupts(restyled.interrupted) as late:
        write(request, resuming, restyled, "interrupted; wrote" if restyled.interrupted else "wrote")
    resuming.close(finished=not restyled.interrupted)
    if noisy:
        tell_style(restyled.style)
    return INTERRUPTED if restyled.interrupted or late else 0


def write(request: Request, resuming: Resuming, restyled: Restyled, verb: str) -> None:
    """Write all files, and say so."""
    painting = restyled.painting
    image = painting.draw()
    with resuming.claimed() as outputs:
        notes = write_in_turn([*painting_jobs(painting, outputs, image), *losses_jobs(restyled.records, outputs)])
    if not request.quiet:
        tell_written(request.outputs, outputs, notes, verb)
