"""The command `transfer`: one picture in the style of another, pixel by pixel."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from painter.cli.arguments import add_common_options, add_options, given, new_parser
from painter.cli.commands import INTERRUPTED
from painter.cli.outputs import (
    Outputs,
    Saver,
    add_export_options,
    add_losses,
    add_output_options,
    check_outputs,
    losses_jobs,
    read_outputs,
    tell_written,
    with_losses,
    write_in_turn,
)
from painter.cli.paths import check_files, default_folder
from painter.cli.progress import TransferBar, say
from painter.cli.resuming import Resuming
from painter.export.transfers import OPTIONS, check_transfer_ending, transfer_endings
from painter.options.fields import named_files, option_name
from painter.options.transfer import TransferConfig
from painter.system.interrupts import deferred_interrupts
from painter.system.usage import Stopwatch, keep_freed_memory

if TYPE_CHECKING:
    from painter.styling.inputs import Sources
    from painter.styling.transfer import TransferResult


@dataclass(frozen=True)
class Request:
    """What one command line asks for."""

    content: Path
    styles: tuple[Path, ...]
    config: TransferConfig
    outputs: Outputs
    quiet: bool
    resume: bool = False  # go on where an earlier run left off

    @property
    def inputs(self) -> dict[str, Path]:
        """The files that are read, by what they are."""
        styles = {f"style {k}": style for k, style in enumerate(self.styles, 1)}
        named = {f"what {option_name(name)} reads": file for name, file in named_files(self.config).items()}
        return {"the picture itself": self.content, **styles, **named}


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Transfer, and write the files; the exit code."""
    request = read_request(make_parser(program), arguments)
    with default_folder(request.outputs.own_folder):
        check_files(request.config)
        for name in request.outputs.paintings:
            check_transfer_ending(Path(name))
        check_outputs(request.outputs, request.inputs)
        return run(request)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """All options; those of the transfer come from TransferConfig, with help and defaults."""
    parser = new_parser("Give a picture the colours and texture of others, pixel by pixel.", program)
    parser.add_argument("content", metavar="CONTENT", help="the picture")
    parser.add_argument("styles", metavar="STYLE", nargs="+", help="a picture whose style is taken; or several")
    add_output_options(parser, "output/CONTENT-STYLE.png", transfer_endings())
    add_options(parser, TransferConfig)
    add_losses(parser)
    parser.add_argument("--resume", action="store_true", help="go on where a run of the same command was cut short")
    add_export_options(parser, only=OPTIONS)
    add_common_options(parser)
    return parser


def read_request(parser: argparse.ArgumentParser, arguments: list[str]) -> Request:
    """Parse a command line. Raises OptionError for an unknown option or a value outside its range."""
    options = parser.parse_args(arguments)
    config = TransferConfig(**given(options, TransferConfig))
    content, styles = Path(options.content), tuple(Path(style) for style in options.styles)
    config.blend(len(styles))
    outputs = with_losses(read_outputs(options, f"{content.stem}-{styles[0].stem}", [".png"]), options)
    return Request(content, styles, config, outputs, options.quiet, options.resume)


def run(request: Request) -> int:
    """Transfer and write; the exit code."""
    from painter.styling.inputs import load_sources

    sources = load_sources(request.content, request.styles, request.config)
    resuming = make_resuming(request, sources)  # and with it torch; a bad picture is refused before that
    from painter.styling.transfer import DivergedError, load_network, transfer

    keep_freed_memory()
    network = load_network(request.config, download=True, progress=not request.quiet)
    with closing(TransferBar()) as bar:
        try:
            result = transfer(sources, request.config, network, None if request.quiet else bar.show, resuming.autosave)
        except DivergedError as error:
            bar.close()
            write(request, resuming, error.result, "stopped; wrote")
            resuming.close(finished=True)  # to go on would come to the same end
            raise
        bar.finish()
    with deferred_interrupts(result.interrupted) as late:
        write(request, resuming, result, "interrupted; wrote" if result.interrupted else "wrote")
    resuming.close(finished=not result.interrupted)
    if not request.quiet:
        say(sys.stdout, bar.told)
    return INTERRUPTED if result.interrupted or late else 0


def make_resuming(request: Request, sources: Sources) -> Resuming:
    """What is kept for `--resume`."""
    from painter.styling.transfer_fingerprint import TransferFingerprint
    from painter.system.devices import resolve_torch_device

    fingerprint = TransferFingerprint(sources, request.config, resolve_torch_device(request.config.device))
    return Resuming(request.outputs, fingerprint, request.resume, request.quiet)


def write(request: Request, resuming: Resuming, result: TransferResult, verb: str) -> None:
    """Write all outputs, then the losses, under names that are free."""
    from painter.export.write import save_transfer

    with resuming.claimed() as outputs:
        frames = partial(result.film.shown, result.image)
        jobs: list[tuple[str, Saver]] = [
            (name, partial(save_transfer, Path(name), result.pixels, frames, outputs.export))
            for name in outputs.paintings
        ]
        notes = write_in_turn([*jobs, *losses_jobs(result.records, outputs)])
    if not request.quiet:
        tell_written(request.outputs, outputs, notes, verb)
