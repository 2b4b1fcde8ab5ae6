"""The command `transfer`: give a picture the style of others, pixel by pixel."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import dataclass
from functools import partial
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
    write_in_turn,
    written_verb,
)
from painter.cli.paths import check_files, default_folder
from painter.cli.progress import TransferBar, say, say_notes
from painter.errors import DivergedError
from painter.export.transfers import OPTIONS, check_transfer_ending, transfer_endings
from painter.options.network_files import features_note
from painter.options.network_layers import FEATURES
from painter.options.transfer import TransferConfig
from painter.styling.inputs import load_sources
from painter.styling.transfer_fingerprint import TransferFingerprint
from painter.system.devices import resolve_torch_device
from painter.system.interrupts import deferred_interrupts
from painter.system.late_torch import load_libraries_ahead
from painter.system.usage import Stopwatch, keep_freed_memory


@dataclass(frozen=True)
class Request:
    """A parsed command line."""

    content: Path
    styles: tuple[Path, ...]
    config: TransferConfig
    outputs: Outputs
    notes: tuple[str, ...]  # lines about the network that was chosen
    quiet: bool
    resume: bool = False  # continue an earlier run

    @property
    def inputs(self) -> dict[str, Path]:
        """The files that are read, by their description in messages."""
        styles = {f"style picture {k}": style for k, style in enumerate(self.styles, 1)}
        return {"the input picture": self.content, **styles, **named_inputs(self.config)}


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Transfer, and write the files; the exit code."""
    request = read_request(make_parser(program), arguments)
    with default_folder(request.outputs.own_folder):
        check_files(request.config)
        for name in request.outputs.paintings:
            check_transfer_ending(Path(name))
        check_outputs(request.outputs, request.inputs)
        say_without_effect(request.outputs.paintings, request.outputs.export, request.quiet)
        return run(request)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The parser of the command, with the options of TransferConfig among others."""
    parser = new_parser("Give a picture the colours and texture of others, pixel by pixel.", program)
    parser.add_argument("content", metavar="CONTENT", type=given_name, help="the picture that gets the style")
    parser.add_argument(
        "styles", metavar="STYLE", nargs="+", type=given_name, help="a picture that has the style; or several"
    )
    add_output_options(parser, "output/CONTENT-STYLE.png", transfer_endings())
    add_options(parser, TransferConfig)
    add_losses(parser)
    parser.add_argument("--resume", action="store_true", help="go on where a run of the same command was cut short")
    add_export_options(parser, only=OPTIONS)
    add_common_options(parser)
    return parser


def read_request(parser: argparse.ArgumentParser, arguments: list[str]) -> Request:
    """Parse a command line.

    Raises:
        OptionError: an unknown option, or a value outside its range.
    """
    options = parser.parse_args(arguments)
    config = TransferConfig(**given(options, TransferConfig))
    content, styles = Path(options.content), tuple(Path(style) for style in options.styles)
    config.blend(len(styles))
    outputs = with_losses(read_outputs(options, f"{content.stem}-{styles[0].stem}", [".png"]), options)
    chosen = "features" not in given(options, TransferConfig) or options.features == FEATURES[0]
    notes = (features_note(config.features),) if chosen else ()
    return Request(content, styles, config, outputs, notes, options.quiet, options.resume)


def run(request: Request) -> int:
    """Transfer and write; the exit code."""
    keep_freed_memory()
    load_libraries_ahead()
    sources = load_sources(request.content, request.styles, request.config)
    for picture in (sources.content, *sources.styles):
        say_notes(picture.notes, request.quiet)
    say_notes(request.notes, request.quiet)
    from painter.cli.resuming import Resuming  # and with it torch: a bad picture is refused before that
    from painter.export.write import save_transfer
    from painter.styling.transfer import load_network, transfer

    config, noisy = request.config, not request.quiet
    fingerprint = TransferFingerprint(sources, config, resolve_torch_device(config.device))
    resuming = Resuming(request.outputs, fingerprint, request.resume, request.quiet)
    network = load_network(config, download=True, progress=noisy)
    diverged = None
    with closing(TransferBar()) as bar:
        try:
            result = transfer(sources, config, network, bar.show if noisy else None, resuming.autosave)
            bar.finish()
        except DivergedError as error:
            result, diverged = error.result, error
    pixels, frames = result.pixels, partial(result.film.shown, result.image)
    with deferred_interrupts(result.interrupted) as late, resuming.claimed() as outputs:
        jobs = painting_jobs(outputs, lambda name: save_transfer(Path(name), pixels, frames, outputs.export))
        notes = write_in_turn([*jobs, *losses_jobs(outputs, result.records)])
    if noisy:
        print_written(request.outputs, outputs, notes, written_verb(result.interrupted, diverged))
    resuming.close(finished=diverged is not None or not result.interrupted)
    if diverged is not None:
        raise diverged  # resuming would diverge again
    if noisy:
        say(sys.stdout, bar.losses)
    return INTERRUPTED if result.interrupted or late else 0
