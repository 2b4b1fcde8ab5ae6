"""The command `restyle`: give the strokes of a stroke file the style of a picture."""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from painter.cli.arguments import add_common_options, add_options, given, given_name, named_inputs, new_parser
from painter.cli.commands import INTERRUPTED
from painter.cli.outputs import (
    Outputs,
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
    written_verb,
)
from painter.cli.paint import print_style
from painter.cli.paths import check_files, default_folder
from painter.cli.progress import ProgressBar, announce_compiling, say_notes
from painter.errors import DivergedError, OptionError
from painter.options.restyle import RestyleConfig
from painter.painting.file_bytes import check_readable
from painter.system.interrupts import deferred_interrupts
from painter.system.names import split_ending
from painter.system.usage import Stopwatch, keep_freed_memory


@dataclass(frozen=True)
class Request:
    """A parsed command line."""

    file: Path
    style_image: Path
    config: RestyleConfig
    outputs: Outputs
    quiet: bool
    resume: bool = False  # continue an earlier run

    @property
    def inputs(self) -> dict[str, Path]:
        """The files that are read, by their description in messages."""
        return {"the input stroke file": self.file, **named_inputs(self.config)}


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Restyle, and write the files; the exit code."""
    request = read_request(make_parser(program), arguments)
    with default_folder(request.outputs.own_folder):
        check_files(request.config)
        check_outputs(request.outputs, request.inputs)
        check_readable(request.file)
        say_without_effect(request.outputs.paintings, request.outputs.export, request.quiet)
        return run(request)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The parser of the command, with the options of RestyleConfig and ExportConfig among others."""
    parser = new_parser("Give the strokes of a stroke file the style of a picture; they remain strokes.", program)
    parser.add_argument(
        "file", metavar="FILE", type=given_name,
        help="a stroke file (.strokes.json, .strokes.json.gz), or the original program's .npz",
    )  # fmt: skip
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
        OptionError: an unknown option, a value outside its range, or no style picture.
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
    from painter.cli.resuming import Resuming
    from painter.painting.load import load_painting
    from painter.painting.save import draw_for, save_painting
    from painter.styling.restyle import RestylingFingerprint, finish_styling, prepare_styling

    keep_freed_memory()
    painting = load_painting(request.file, request.config.style)
    noisy = not request.quiet
    styling = prepare_styling(painting, request.style_image, request.config, download=True, progress=noisy)
    say_notes(styling.scene.style.notes, request.quiet)
    if noisy:
        announce_compiling(painting.strokes.brush)
    fingerprint = RestylingFingerprint(request.file, request.config, styling)
    resuming = Resuming(request.outputs, fingerprint, request.resume, request.quiet)
    diverged = None
    with closing(ProgressBar()) as bar:
        try:
            restyled = finish_styling(styling, bar.show if noisy else None, resuming.autosave)
            bar.finish()
        except DivergedError as error:
            restyled, diverged = error.result, error
    with deferred_interrupts(restyled.interrupted) as late:
        painting = restyled.painting
        drawn = draw_for(painting, request.outputs.paintings, request.outputs.export)
        with resuming.claimed() as outputs:
            jobs = painting_jobs(outputs, lambda name: save_painting(painting, name, drawn, outputs.export))
            notes = write_in_turn([*jobs, *losses_jobs(outputs, restyled.records)])
    if noisy:
        print_written(request.outputs, outputs, notes, written_verb(restyled.interrupted, diverged))
    resuming.close(finished=diverged is not None or not restyled.interrupted)
    if diverged is not None:
        raise diverged  # resuming would diverge again
    if noisy:
        print_style(restyled.style)
    return INTERRUPTED if restyled.interrupted or late else 0
