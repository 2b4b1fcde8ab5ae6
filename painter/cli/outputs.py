"""The files that a command writes: their names, which nobody else gets, and the writing of all of them in turn."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from painter.cli.arguments import add_options, given
from painter.cli.paths import DEFAULT_FOLDER, check_overwriting
from painter.cli.progress import say
from painter.errors import OutputError
from painter.export import FORMATS, check_output, check_place, format_of
from painter.options.export import ExportConfig
from painter.styling.records import Record, check_records, write_records
from painter.system.names import STROKE_ENDINGS, free_number, numbered, split_ending

if TYPE_CHECKING:
    import numpy as np

    from painter.painting.painting import Painting
    from painter.system.journal import Journal

Notes = Sequence[str] | None
"""What there is to say of a file, for the person who asked for it."""
Saver = Callable[[], "Notes"]
"""What writes a file."""


@dataclass(frozen=True)
class Outputs:
    """What one command line writes."""

    paintings: tuple[str, ...]  # the endings pick the formats; a folder of frames ends in a slash
    strokes: str | None = None  # a stroke file beside them
    report: str | None = None
    losses: tuple[str, ...] = ()  # tables and plots
    own_folder: bool = False  # no name was given, so that DEFAULT_FOLDER is ours to make
    overwrite: bool = False
    export: ExportConfig = field(default_factory=ExportConfig)

    @property
    def files(self) -> tuple[str, ...]:
        """All of them, as they are told of."""
        return tuple(name for name in (*self.paintings, self.strokes, self.report, *self.losses) if name is not None)

    def renamed(self, change: Mapping[str, str]) -> Outputs:
        """The same under other names."""
        strokes, report = (None if name is None else change[name] for name in (self.strokes, self.report))
        paintings, losses = (tuple(change[name] for name in names) for names in (self.paintings, self.losses))
        return replace(self, paintings=paintings, strokes=strokes, report=report, losses=losses)


def add_output_options(parser: argparse.ArgumentParser, default: str, endings: Collection[str] = FORMATS) -> None:
    """-o and --overwrite.

    Args:
        default: what is written where no -o is given, for the help.
        endings: what the files may end in, for the help.
    """
    parser.add_argument(
        *("-o", "--output"),
        action="append",
        default=[],
        metavar="FILE",
        help=f"where to, ending in {', '.join(endings)}; may be repeated (default: {default})",
    )
    add_overwrite(parser)


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """--overwrite."""
    parser.add_argument(
        "--overwrite", action="store_true", help="write over files that exist, instead of beside them as NAME-2"
    )


def add_losses(parser: argparse.ArgumentParser, when: str = "") -> None:
    """--losses; `when` says, for the help, when there are any."""
    parser.add_argument(
        "--losses", action="append", default=[], metavar="FILE",
        help=f"write the losses at every step{when} to this file, a table (.csv) or a plot (.png); may be repeated",
    )  # fmt: skip


def with_losses(outputs: Outputs, options: argparse.Namespace) -> Outputs:
    """The same with what `add_losses` has parsed."""
    return replace(outputs, losses=tuple(str(Path(name)) for name in options.losses))


def losses_jobs(records: Sequence[Record], outputs: Outputs) -> list[tuple[str, Saver]]:
    """What is to be written of losses, see `painting_jobs`."""
    return [(name, partial(write_records, Path(name), records)) for name in outputs.losses]


def add_export_options(
    parser: argparse.ArgumentParser,
    also: Mapping[str, Sequence[str]] | None = None,
    only: Collection[str] | None = None,
) -> None:
    """ExportConfig's options; `also` and `only` as in `add_options`."""
    add_options(parser.add_argument_group("files and animation"), ExportConfig, also, only)


def read_outputs(options: argparse.Namespace, stem: str, endings: Sequence[str] = (".png", ".gif")) -> Outputs:
    """What `add_output_options` and `add_export_options` have parsed.

    Args:
        stem: the name of files that are not named, without folder and ending.
        endings: theirs.

    Raises:
        OptionError: for a value outside its range.
    """
    named = options.output or [DEFAULT_FOLDER / f"{stem}{ending}" for ending in endings]
    return Outputs(
        paintings=tuple(map(_tidy, named)),
        own_folder=not options.output,
        overwrite=options.overwrite,
        export=ExportConfig(**given(options, ExportConfig)),
    )


def _tidy(name: str | os.PathLike[str]) -> str:
    """A painting's name as messages have it: without a leading ./, and a slash after a folder of frames."""
    try:
        is_folder = format_of(name).is_folder
    except OutputError:  # refused later
        is_folder = False
    return f"{Path(name)}/" if is_folder else str(Path(name))


def with_strokes(outputs: Outputs) -> Outputs:
    """The same with a stroke file beside the first painting, unless there is one already."""
    if any(split_ending(Path(name))[1].lower() in STROKE_ENDINGS for name in outputs.paintings):
        return outputs
    first = Path(outputs.paintings[0])
    return replace(outputs, strokes=str(first.with_name(split_ending(first)[0] + STROKE_ENDINGS[0])))


def check_outputs(outputs: Outputs, inputs: Mapping[str, Path]) -> None:
    """Look at all files before any work; `inputs` are those that are read, by what they are.

    Raises:
        OutputError: a file cannot be written, or would go over another one or over one that is read.
    """
    paths = [Path(name) for name in outputs.files]
    free = next(n for n in count(1) if not any(os.path.lexists(numbered(path, n)) for path in paths))
    for name, path in zip(outputs.files, paths, strict=True):
        is_folder = name.endswith("/")
        beside = not outputs.overwrite and (os.path.isdir(path) if is_folder else os.path.isfile(path))
        final = numbered(path, free) if beside else path
        if name in outputs.losses:
            check_records(final)
        elif name == outputs.report:
            check_place(final)
        else:
            check_output(_like(name, final))
    check_overwriting(paths, inputs)


def _like(name: str, path: Path) -> str:
    """`path` with the slash that `name` may have."""
    return f"{path}/" if name.endswith("/") else str(path)


@contextmanager
def claimed(outputs: Outputs, journal: Journal | None = None) -> Iterator[Outputs]:
    """Yield the outputs under names that are free, all with one number, until they are written.

    Args:
        journal: where that is noted; names that it has from an earlier run are taken again.

    Raises:
        OutputError: no file can be created in one of the folders.
    """
    if outputs.overwrite:
        yield outputs
        return
    paths = [Path(name) for name in outputs.files]
    with ExitStack() as stack:
        try:
            if journal is None:
                number = stack.enter_context(free_number(paths))
            else:
                number = stack.enter_context(free_number(paths, journal.number, journal.is_ours))
                stack.enter_context(journal.kept(paths, number))
        except OSError as error:
            why = error.strerror or error
            raise OutputError(f"cannot write {outputs.files[0]}: {why}; choose another folder with -o") from error
        yield outputs.renamed({name: _like(name, numbered(Path(name), number)) for name in outputs.files})


def painting_jobs(painting: Painting, outputs: Outputs, image: np.ndarray | None = None) -> list[tuple[str, Saver]]:
    """What is to be written of a painting, the strokes first: all else can be made from them.

    Args:
        image: what `painting.draw()` returns, if that is at hand already.
    """
    from painter.painting.save import save_painting

    first = [] if outputs.strokes is None else [outputs.strokes]
    return [
        (name, partial(save_painting, painting, name, image, outputs.export)) for name in (*first, *outputs.paintings)
    ]


def write_in_turn(jobs: Sequence[tuple[str, Saver]]) -> list[str]:
    """Write files, and return the notes.

    Raises:
        OutputError: one cannot be written; those before it are, and the message names them.
    """
    notes: list[str] = []
    for k, (_, save) in enumerate(jobs):
        try:
            notes += save() or []
        except OutputError as error:
            done = ", ".join(name for name, _ in jobs[:k])
            raise OutputError(f"{error}; written before that: {done}" if done else str(error)) from error
    return notes


def tell_written(asked: Outputs, written: Outputs, notes: Sequence[str], verb: str = "wrote") -> None:
    """One line with the names of all files, and one for each note."""
    why = "" if written.files == asked.files else " (what was there is kept; --overwrite replaces it)"
    say(sys.stdout, f"{verb} {', '.join(written.files)}{why}")
    for note in notes:
        say(sys.stdout, note)
