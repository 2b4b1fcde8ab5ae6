"""`collection learn`: learn a collection, or two, into a model."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from painter.cli.arguments import Once, add_common_options, add_options, given, given_name, new_parser
from painter.cli.commands import INTERRUPTED
from painter.cli.progress import StepBar, say
from painter.errors import OptionError, OutputError, PictureError, one_line
from painter.options.learn import LearnConfig

if TYPE_CHECKING:
    from painter.learning.training import LearnProgress

ABOUT = "learn a collection of pictures, to make new ones"
ENDING = ".model"
_SAVED_EVERY = 60.0  # seconds between saves of the progress


@dataclass(frozen=True)
class Request:
    """What one command line asks for."""

    folders: tuple[Path, ...]  # one or two
    output: Path
    config: LearnConfig
    resume: bool = False
    overwrite: bool = False
    quiet: bool = False


def main(arguments: list[str], program: str) -> int:
    """Learn; the exit code."""
    return learn_into_file(read_request(make_parser(program), arguments))


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The options of `learn`."""
    what = (
        "Learn a collection of pictures, from which `collection generate` makes new ones; or two, for\n"
        "`collection blend`. Beside MODEL, it writes samples, which are new every minute, and the losses. Learn only\n"
        "from pictures that you have the right to use."
    )
    parser = new_parser(what, program)
    parser.add_argument(
        "folders", metavar="FOLDER", nargs="+", help="the pictures of a collection; at most two folders"
    )
    parser.add_argument(
        "-o", "--output", metavar="MODEL", required=True, type=given_name, action=Once,
        help=f"the file to write, *{ENDING}",
    )  # fmt: skip
    add_options(parser, LearnConfig)
    parser.add_argument("--resume", action="store_true", help="continue a run that was interrupted or killed")
    parser.add_argument("--overwrite", action="store_true", help="replace MODEL if it exists")
    add_common_options(parser)
    return parser


def read_request(parser: argparse.ArgumentParser, arguments: list[str]) -> Request:
    """Parse a command line.

    Raises:
        OptionError: for an unknown option, a value outside its range, or more than two folders.
        PictureError: a folder is not there.
    """
    options = parser.parse_args(arguments)
    folders, output = tuple(map(Path, options.folders)), Path(options.output)
    if len(folders) > 2:
        raise OptionError(f"{len(folders)} folders: at most two collections can be learned together; name one or two")
    check_folders(folders)
    if output.suffix != ENDING:
        raise OptionError(f"-o {output}: the name of a model ends in {ENDING}; use {output.with_suffix(ENDING).name}")
    config = LearnConfig(**given(options, LearnConfig))
    return Request(folders, output, config, options.resume, options.overwrite, options.quiet)


def check_folders(folders: tuple[Path, ...]) -> None:
    """Raise PictureError unless all of these are folders, and OptionError if one is named twice."""
    for folder in folders:
        if not folder.is_dir():
            what = "it is not a folder" if folder.exists() else "there is no such folder"
            raise PictureError(f"{one_line(folder)}: {what}; name a folder of pictures")
    if len({os.path.realpath(folder) for folder in folders}) < len(folders):
        raise OptionError(f"{one_line(folders[0])}: it is named twice; name another collection to learn two together")


def learn_into_file(request: Request) -> int:
    """Read the pictures, learn them, and write the model; the exit code."""
    _check_output(request)
    from painter.learning.learning import Paths, learn, make_run
    from painter.learning.learning_config import Design
    from painter.learning.training_pictures import read_collection
    from painter.system.autosave import Autosave, AutosaveConfig
    from painter.system.devices import resolve_torch_device

    def tell(line: str) -> None:
        if not request.quiet:
            say(sys.stderr, line)

    device = resolve_torch_device(request.config.device)
    with closing(LearnBar(request.quiet)) as bar:
        collection = read_collection(request.folders, request.config, on_read=bar.show_reading)
    for line in collection.skipped:
        tell(f"skipped: {line}")
    kind = "pixel art" if collection.form.native is not None else "pictures"
    size = " x ".join(map(str, reversed(collection.form.native or collection.form.content)))
    tell(
        f"{len(collection.pixels)} {kind} of {size} pixels"
        + (", transparent" if collection.pixels.shape[3] == 4 else "")
    )
    run = make_run(collection, request.config, Design(), device)
    if run.mirrored:
        tell("each picture is learned mirrored as well")
    autosave = Autosave(request.output, run, request.resume, tell, AutosaveConfig(_SAVED_EVERY))
    autosave.begin(run)
    paths = Paths(request.output)
    with closing(LearnBar(request.quiet)) as bar:
        model = learn(run, paths, autosave, bar.show, tell, bar.show_drawn)
    finished = model is not None and model.finished
    autosave.close(finished)
    if model is not None and not request.quiet:
        read = f", {model.figures['traits']:.0%} of traits read correctly" if "traits" in model.figures else ""
        so_far = "" if finished else " so far"
        say(sys.stdout, f"wrote {paths.model}{so_far}: {_figures(model.figures)}{read}")
        say(sys.stdout, f"see {paths.sheet} and {paths.curves}")
    return 0 if finished else INTERRUPTED


def _figures(figures: Mapping[str, float]) -> str:
    """What a model reaches, in words."""
    if "held_out_bits" in figures:
        return f"held-out pieces take {figures['held_out_bits']:.2f} bits a token, {figures['psnr']:.1f} dB"
    losses = f"generator {figures['generator_loss']:.2f}, discriminator {figures['discriminator_loss']:.2f}"
    return f"last losses: {losses}"


class LearnBar(StepBar):
    """The progress of learning."""

    def __init__(self, quiet: bool) -> None:
        super().__init__()
        self._quiet = quiet
        self._counts = False  # whether the bar is that of pieces whose traits are counted

    def show_reading(self, done: int, count: int) -> None:
        """Show that so many pictures have been read."""
        if not self._quiet:
            self.update(done, count, "reading", "")

    def show_drawn(self, done: int, count: int) -> None:
        """Show that so many pieces have been drawn, whose traits are counted."""
        if not self._quiet:
            if not self._counts:
                self.finish()
                self._counts = True
            self.update(done, count, "rarities", "")

    def show(self, progress: LearnProgress) -> None:
        """Show one more step."""
        if self._quiet:
            return
        figures = [f"{progress.psnr:.1f} dB"] if progress.psnr == progress.psnr else []
        if progress.bits == progress.bits:
            figures.append(f"{progress.bits:.2f} bits a token")
        if progress.held_out_bits == progress.held_out_bits:
            figures.append(f"held-out {progress.held_out_bits:.2f}")
        if progress.generator_loss == progress.generator_loss:
            figures.append(f"losses {progress.generator_loss:.2f}, {progress.discriminator_loss:.2f}")
        figures += [f"{progress.speed:.0f} pictures/s", f"{progress.seconds_left / 60:.1f} min left"]
        self.update(progress.pictures, progress.total, progress.stage, ", ".join(figures))


def _check_output(request: Request) -> None:
    """Raise OutputError if the model cannot be written, or if it exists and may not be replaced."""
    path = request.output
    if path.is_dir() or not path.parent.is_dir():
        why = "it is a folder" if path.is_dir() else "there is no such folder"
        raise OutputError(f"cannot write {one_line(path)}: {why}; choose another name with -o")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"cannot write {one_line(path)}: its folder cannot be written to; choose another with -o")
    if path.exists() and not request.overwrite:
        if not request.resume:
            raise OutputError(f"cannot write {one_line(path)}: it exists; choose another name, or add --overwrite")
        if not has_progress(path):
            raise OutputError(
                f"--resume: {one_line(path)} exists, and no progress is saved beside it; it is complete, unless you "
                "want another with --overwrite"
            )


def has_progress(path: Path) -> bool:
    """Whether progress of learning a model is saved beside it."""
    return any(one.name.startswith(f".{path.name}.") and one.suffix == ".autosave" for one in path.parent.iterdir())
