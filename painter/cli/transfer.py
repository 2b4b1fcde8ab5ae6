"""The command `transfer`: one picture in the style of another, pixel by pixel."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from painter.cli.commands import INTERRUPTED
from painter.cli.options import add_common_options, new_parser
from painter.cli.painting import finishing
from painter.cli.paths import DEFAULT_FOLDER, check_overwriting, default_folder
from painter.cli.progress import new_bar, say
from painter.config import EncodingConfig, ExportConfig, option_name
from painter.errors import OptionError, OutputError
from painter.export import check_place
from painter.styling.config import TransferConfig
from painter.styling.records import check_records
from painter.usage import Stopwatch, keep_freed_memory

if TYPE_CHECKING:
    from painter.styling.transfer import TransferProgress, TransferResult

ENDINGS = (".png", ".gif")  # of what is written: the picture, and the way there


@dataclass(frozen=True)
class Request:
    """What one command line asks for."""

    content: Path
    styles: tuple[Path, ...]
    config: TransferConfig
    outputs: tuple[Path, ...]
    own_folder: bool  # no output was named, so that DEFAULT_FOLDER is ours to make
    losses: tuple[Path, ...]
    quiet: bool


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Transfer, and write the files; the exit code."""
    request = read_request(make_parser(program), arguments)
    with default_folder(request.own_folder):
        check_paths(request)
        return run(request)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """All options; those of the transfer come from TransferConfig, with help and defaults."""
    parser = new_parser("Give a picture the colours and texture of others, pixel by pixel.", program)
    parser.add_argument("content", metavar="CONTENT", help="the picture")
    parser.add_argument("styles", metavar="STYLE", nargs="+", help="a picture whose style is taken; or several")
    parser.add_argument(
        *("-o", "--output"), action="append", default=[], metavar="FILE",
        help=f"where to, ending in {' or '.join(ENDINGS)}, which shows the way there; may be repeated "
        "(default: output/CONTENT-STYLE.png)",
    )  # fmt: skip
    for spec in fields(TransferConfig):
        default = "" if spec.default is None else f" (default: {spec.default})"
        parser.add_argument(
            option_name(spec.name), type=spec.metadata["kind"].parse, default=argparse.SUPPRESS,
            metavar=spec.metadata["metavar"], help=(spec.metadata["help"] + default).replace("%", "%%"),
        )  # fmt: skip
    parser.add_argument(
        "--losses", action="append", default=[], metavar="FILE",
        help="write the losses at every step to this file, a table (.csv) or a plot (.png); may be repeated",
    )  # fmt: skip
    add_common_options(parser)
    return parser


def read_request(parser: argparse.ArgumentParser, arguments: list[str]) -> Request:
    """Parse a command line. Raises OptionError for an unknown option or a value outside its range."""
    options = parser.parse_args(arguments)
    names = [spec.name for spec in fields(TransferConfig)]
    config = TransferConfig(**{name: getattr(options, name) for name in names if hasattr(options, name)})
    content, styles = Path(options.content), tuple(Path(style) for style in options.styles)
    config.blend(len(styles))
    outputs = [Path(name) for name in options.output] or [DEFAULT_FOLDER / f"{content.stem}-{styles[0].stem}.png"]
    losses = tuple(Path(name) for name in options.losses)
    return Request(content, styles, config, tuple(outputs), not options.output, losses, options.quiet)


def check_paths(request: Request) -> None:
    """Look at all files before any work. Raises OptionError or OutputError."""
    config = request.config
    given = {"--weights": config.weights, "--region": config.region}
    named = {name: Path(path) for name, path in given.items() if path is not None}
    for name, file in named.items():
        if not file.is_file():
            raise OptionError(f"{name} {file}: there is no such file; check the name and the folder")
    for path in request.outputs:
        if path.suffix.lower() not in ENDINGS:
            made = " and ".join(ENDINGS)
            raise OutputError(f"cannot write {path}: style transfer makes {made} files; use such a name")
        check_place(path)
    for path in request.losses:
        check_records(path)
    inputs = {"the picture itself": request.content}
    inputs |= {f"style {k}": style for k, style in enumerate(request.styles, 1)}
    inputs |= {f"what {name} reads": file for name, file in named.items()}
    check_overwriting([*request.outputs, *request.losses], inputs)


def run(request: Request) -> int:
    """Transfer and write; the exit code."""
    from painter.styling.scene import load_sources

    sources = load_sources(request.content, request.styles, request.config)
    from painter.styling.features import load_features  # and with it torch; a bad picture is refused before that
    from painter.styling.transfer import DivergedError, Transfer

    keep_freed_memory()
    config, noisy = request.config, not request.quiet
    weights = None if config.weights is None else Path(config.weights)
    network = load_features(config.features, weights, download=True, progress=noisy, seed=config.seed)
    film = Film(config.iterations) if any(path.suffix.lower() == ".gif" for path in request.outputs) else None
    with closing(TransferBar()) as bar:

        def show(progress: TransferProgress) -> None:
            if film is not None:
                film.watch(progress)
            if noisy:
                bar.show(progress)

        try:
            result = Transfer(sources, config, network, show).run()
        except DivergedError as error:
            bar.close()
            write(request, error.result, film)
            raise
    with finishing(result.interrupted) as late:
        write(request, result, film)
    if noisy:
        verb = "interrupted; wrote" if result.interrupted else "wrote"
        say(sys.stdout, f"{verb} {', '.join(map(str, [*request.outputs, *request.losses]))}")
        say(sys.stdout, f"{bar.told}")
    return INTERRUPTED if result.interrupted or late else 0


class Film:
    """Pictures on the way, for a GIF: more at the beginning, where more happens."""

    FRAMES = 48
    MOST = 480  # pixels of the longer side

    def __init__(self, iterations: int) -> None:
        marks = np.linspace(0, 1, self.FRAMES) ** 1.5 * iterations
        self._marks = sorted({round(float(mark)) for mark in marks})
        self.frames: list[np.ndarray] = []

    def watch(self, progress: TransferProgress) -> None:
        """Keep this picture if one is due."""
        if self._marks and progress.record.iteration >= self._marks[0]:
            while self._marks and progress.record.iteration >= self._marks[0]:
                self._marks.pop(0)
            self.frames.append(progress.picture())

    def finished(self, last: np.ndarray) -> list[np.ndarray]:
        """All frames at one size, the finished picture last: uint8 [H, W, C]."""
        from painter.resizing import fit_size, resize_image

        rows, columns = last.shape[:2]
        height, width = fit_size(rows, columns, min(max(rows, columns), self.MOST))
        shown = [resize_image(frame.astype(np.float32) / 255, height, width) for frame in [*self.frames, last]]
        return [np.rint(frame * 255).astype(np.uint8) for frame in shown]


def write(request: Request, result: TransferResult, film: Film | None) -> None:
    """Write all outputs, then the losses."""
    from painter.export.gif import write_gif
    from painter.export.png import write_png
    from painter.styling.records import write_records

    for path in request.outputs:
        if path.suffix.lower() == ".gif" and film is not None:
            frames = film.finished(result.image)
            samples = frames[:: max(1, len(frames) // EncodingConfig.sample_frames)]
            write_gif(path, frames, [*samples, frames[-1]], hold_ms=round(1000 * ExportConfig.hold))
        else:
            write_png(path, result.image)
    for path in request.losses:
        write_records(path, result.records)


class TransferBar:
    """The losses on standard error, step by step."""

    def __init__(self) -> None:
        self._bar: Any = None
        self.told = ""

    def show(self, progress: TransferProgress) -> None:
        record = progress.record
        terms = {name: getattr(record, name) for name in ("content", "style", "tv", "total")}
        self.told = ", ".join(f"{name} {value:.4g}" for name, value in terms.items())
        with suppress(OSError):
            if self._bar is None:
                self._bar = new_bar(progress.iterations)
            self._bar.set_description_str(f"scale {record.scale} of {progress.scales}", refresh=False)
            self._bar.set_postfix_str(self.told, refresh=False)
            self._bar.update(record.iteration - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            with suppress(OSError):
                self._bar.close()

