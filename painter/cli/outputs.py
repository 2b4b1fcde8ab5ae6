"""The files that a command writes: their names, which nobody else gets, and the writing of all of them in turn."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from painter.cli.options import add_options, given
from painter.cli.paths import DEFAULT_FOLDER, check_overwriting
from painter.cli.progress import say
from painter.config import ExportConfig
from painter.errors import OutputError
from painter.export import FORMATS, check_output, check_place
from painter.files import STROKE_ENDINGS, free_names, numbered, split_ending

if TYPE_CHECKING:
    import numpy as np

    from painter.painting import Painting

Notes = Sequence[str] | None
"""What there is to say of a file, for the person who asked for it."""
Saver = Callable[[], "Notes"]
"""What writes a file."""


@dataclass(frozen=True)
class Outputs:
    """What one command line writes."""

    paintings: tuple[Path, ...]  # the endings pick the formats
    strokes: Path | None = None  # a stroke file beside them
    report: Path | None = None
    own_folder: bool = False  # no name was given, so that DEFAULT_FOLDER is ours to make
    overwrite: bool = False
    export: ExportConfig = field(default_factory=ExportConfig)

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them, as they are told of."""
        return tuple(path for path in (*self.paintings, self.strokes, self.report) if path is not None)

    def renamed(self, change: Mapping[Path, Path]) -> Outputs:
        """The same under other names."""
        strokes, report = (None if path is None else change[path] for path in (self.strokes, self.report))
        return replace(self, paintings=tuple(change[path] for path in self.paintings), strokes=strokes, report=report)


def add_output_options(parser: argparse.ArgumentParser, default: str) -> None:
    """-o, --overwrite and ExportConfig's options.

    Args:
        default: what is written where no -o is given, for the help.
    """
    parser.add_argument(
        *("-o", "--output"),
        action="append",
        default=[],
        metavar="FILE",
        help=f"where to, ending in {', '.join(FORMATS)}; may be repeated (default: {default})",
    )
    add_overwrite(parser)


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """--overwrite."""
    parser.add_argument(
        "--overwrite", action="store_true", help="write over files that exist, instead of beside them as NAME-2"
    )


def add_export_options(parser: argparse.ArgumentParser, also: Mapping[str, Sequence[str]] | None = None) -> None:
    """ExportConfig's options; `also` as in `add_options`."""
    add_options(parser.add_argument_group("files and animation"), ExportConfig, also)


def read_outputs(options: argparse.Namespace, stem: str) -> Outputs:
    """What `add_output_options` and `add_export_options` have parsed.

    Args:
        stem: the name of files that are not named, without folder and ending.

    Raises:
        OptionError: for a value outside its range.
    """
    named = [Path(name) for name in options.output]
    return Outputs(
        paintings=tuple(named or [DEFAULT_FOLDER / f"{stem}{ending}" for ending in (".png", ".gif")]),
        own_folder=not named,
        overwrite=options.overwrite,
        export=ExportConfig(**given(options, ExportConfig)),
    )


def with_strokes(outputs: Outputs) -> Outputs:
    """The same with a stroke file beside the first painting, unless there is one already."""
    first = outputs.paintings[0]
    if any(split_ending(path)[1].lower() in STROKE_ENDINGS for path in outputs.paintings):
        return outputs
    return replace(outputs, strokes=first.with_name(split_ending(first)[0] + STROKE_ENDINGS[0]))


def check_outputs(outputs: Outputs, inputs: Mapping[str, Path]) -> None:
    """Look at all files before any work; `inputs` are those that are read, by what they are.

    Raises:
        OutputError: a file cannot be written, or would go over another one or over one that is read.
    """
    free = next(n for n in count(1) if not any(os.path.lexists(numbered(path, n)) for path in outputs.files))
    for path in outputs.files:
        numbers = os.path.isfile(path) and not outputs.overwrite
        check = check_place if path == outputs.report else check_output
        check(numbered(path, free) if numbers else path)
    check_overwriting(outputs.files, inputs)


@contextmanager
def claimed(outputs: Outputs) -> Iterator[Outputs]:
    """Yield the outputs under names that are free, all with one number, until they are written."""
    if outputs.overwrite:
        yield outputs
        return
    with ExitStack() as stack:
        try:
            names = stack.enter_context(free_names(outputs.files))
        except OSError as error:
            why = error.strerror or error
            raise OutputError(f"cannot write {outputs.files[0]}: {why}; choose another folder with -o") from error
        yield outputs.renamed(dict(zip(outputs.files, names, strict=True)))


def painting_jobs(painting: Painting, outputs: Outputs, image: np.ndarray | None = None) -> list[tuple[Path, Saver]]:
    """What is to be written of a painting, the strokes first: all else can be made from them.

    Args:
        image: what `painting.draw()` returns, if that is at hand already.
    """
    from painter.export.save import save_painting

    first = [] if outputs.strokes is None else [outputs.strokes]
    return [
        (path, partial(save_painting, painting, path, image, outputs.export)) for path in (*first, *outputs.paintings)
    ]


def write_in_turn(jobs: Sequence[tuple[Path, Saver]]) -> list[str]:
    """Write files, and return the notes.

    Raises:
        OutputError: one cannot be written; those before it are, and the message names them.
    """
    notes: list[str] = []
    for k, (_, save) in enumerate(jobs):
        try:
            notes += save() or []
        except OutputError as error:
            done = ", ".join(str(path) for path, _ in jobs[:k])
            raise OutputError(f"{error}; written before that: {done}" if done else str(error)) from error
    return notes


def tell_written(asked: Outputs, written: Outputs, notes: Sequence[str], verb: str = "wrote") -> None:
    """One line with the names of all files, and one for each note."""
    there = [str(path) for path, new in zip(asked.files, written.files, strict=True) if path != new]
    why = "" if not there else " (what there was is kept; --overwrite replaces it)"
    say(sys.stdout, f"{verb} {', '.join(map(str, written.files))}{why}")
    for note in notes:
        say(sys.stdout, note)
