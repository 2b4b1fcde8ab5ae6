"""The files that a command writes: their options, their names, the check that they can be written, the writing."""

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

from painter.cli.arguments import add_options, given, given_name
from painter.cli.paths import DEFAULT_FOLDER, check_overwriting
from painter.cli.progress import say, say_notes
from painter.errors import DivergedError, OutputError
from painter.export import FORMATS, check_named, check_output, check_place, format_of, without_effect
from painter.options.export import ExportConfig
from painter.options.fields import option_name
from painter.options.paint import PaintConfig
from painter.styling.records import Record, check_records, write_records
from painter.system.journal import Journal
from painter.system.names import STROKE_ENDINGS, free_number, numbered, split_ending

Notes = Sequence[str] | None
"""Lines about a file for the user, such as options that were lowered to keep it small."""
Saver = Callable[[], "Notes"]
"""Writes one file."""
SaveJob = tuple[str, Saver]
"""A file's name and what writes it."""


@dataclass(frozen=True)
class Outputs:
    """The files that one command line writes."""

    paintings: tuple[str, ...]  # the endings select the formats; a folder of frames ends in a slash
    strokes: str | None = None  # a stroke file beside the first of them
    report: str | None = None
    losses: tuple[str, ...] = ()  # tables and plots
    own_folder: bool = False  # no name was given, so DEFAULT_FOLDER is made if it is missing
    overwrite: bool = False
    export: ExportConfig = field(default_factory=ExportConfig)

    @property
    def files(self) -> tuple[str, ...]:
        """All of them, in the order in which messages list them."""
        return tuple(name for name in (*self.paintings, self.strokes, self.report, *self.losses) if name is not None)

    def renamed(self, names: Mapping[str, str]) -> Outputs:
        """The same with new names; `names` maps each old name to its new one."""
        strokes, report = (None if name is None else names[name] for name in (self.strokes, self.report))
        paintings, losses = (tuple(names[name] for name in files) for files in (self.paintings, self.losses))
        return replace(self, paintings=paintings, strokes=strokes, report=report, losses=losses)


def add_output_options(parser: argparse.ArgumentParser, default: str, endings: Collection[str] = FORMATS) -> None:
    """-o and --overwrite.

    Args:
        default: the files that are written without -o, for the help.
        endings: those that the files may have, for the help.
    """
    parser.add_argument(
        *("-o", "--output"),
        action="append",
        default=[],
        type=given_name,
        metavar="FILE",
        help=f"an output file, ending in {', '.join(endings)}; may be repeated (default: {default})",
    )
    add_overwrite(parser)


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """--overwrite."""
    parser.add_argument(
        "--overwrite", action="store_true", help="replace existing files, instead of writing NAME-2 beside them"
    )


def add_losses(parser: argparse.ArgumentParser, when: str = "") -> None:
    """--losses; `when` says in the help when there are any."""
    parser.add_argument(
        "--losses", action="append", default=[], type=given_name, metavar="FILE",
        help=f"write the losses{when} at every step to this file, a table (.csv) or a plot (.png); may be repeated",
    )  # fmt: skip


def with_losses(outputs: Outputs, options: argparse.Namespace) -> Outputs:
    """The outputs with the files given to --losses."""
    return replace(outputs, losses=tuple(str(Path(name)) for name in options.losses))


def add_export_options(
    parser: argparse.ArgumentParser,
    also: Mapping[str, Sequence[str]] | None = None,
    only: Collection[str] | None = None,
) -> None:
    """ExportConfig's options; `also` and `only` as in `add_options`."""
    add_options(parser.add_argument_group("files and animation"), ExportConfig, also, only)


def read_outputs(options: argparse.Namespace, stem: str, endings: Sequence[str] = (".png", ".gif")) -> Outputs:
    """The values of the options of `add_output_options` and `add_export_options`.

    Args:
        stem: the name of the files that are written without -o, without folder and ending.
        endings: the endings of these files.

    Raises:
        OptionError: a value outside its range.
    """
    named = options.output or [DEFAULT_FOLDER / f"{stem}{ending}" for ending in endings]
    return Outputs(
        paintings=tuple(map(_shown_name, named)),
        own_folder=not options.output,
        overwrite=options.overwrite,
        export=ExportConfig(**given(options, ExportConfig)),
    )


def _shown_name(name: str | os.PathLike[str]) -> str:
    """A painting's name as messages show it: without a leading ./, and with a slash after a folder of frames."""
    try:
        is_folder = format_of(name).is_folder
    except OutputError:  # refused later
        is_folder = False
    return f"{Path(name)}/" if is_folder else str(Path(name))


def with_strokes(outputs: Outputs) -> Outputs:
    """The outputs with a stroke file beside the first painting, unless a stroke file is among them already."""
    if any(split_ending(Path(name))[1].lower() in STROKE_ENDINGS for name in outputs.paintings):
        return outputs
    check_named(outputs.paintings[0])
    first = Path(outputs.paintings[0])
    return replace(outputs, strokes=str(first.with_name(split_ending(first)[0] + STROKE_ENDINGS[0])))


def check_outputs(outputs: Outputs, inputs: Mapping[str, Path]) -> None:
    """Check all files before any work.

    Args:
        inputs: the files that are read, by their description, as for `check_overwriting`.

    Raises:
        OutputError: a file cannot be written, or would replace another one of them or an input.
    """
    for name in outputs.files:
        check_named(name)
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
            check_output(_with_slash_of(name, final))
    check_overwriting(paths, inputs)


def say_without_effect(
    files: Sequence[str], export: ExportConfig, quiet: bool, painted: PaintConfig | None = None
) -> None:
    """Say which options change nothing.

    Args:
        files: what is written, or endings of it.
        painted: the options of the painting, if there is to be one.
    """
    shown = ", ".join(files)
    notes = [f"{option_name(name)} has no effect on {shown}" for name in without_effect(files, export)]
    if painted is not None and painted.texture == 0:
        sheet = [name for name in ("ground", "margin") if getattr(painted, name) != getattr(PaintConfig, name)]
        notes += [f"{option_name(name)} has no effect with --texture 0" for name in sheet]
    say_notes(notes, quiet)


def _with_slash_of(name: str, path: Path) -> str:
    """`path`, with a slash at the end if `name` has one."""
    return f"{path}/" if name.endswith("/") else str(path)


@contextmanager
def claimed(outputs: Outputs, journal: Journal | None = None) -> Iterator[Outputs]:
    """Yield the outputs under free names, all with the same number; the names are reserved meanwhile.

    Args:
        journal: where the names are noted; those noted by an earlier run are used again.

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
                stack.enter_context(journal.recording(paths, number))
        except OSError as error:
            why = error.strerror or error
            raise OutputError(f"cannot write {outputs.files[0]}: {why}; choose another folder with -o") from error
        yield outputs.renamed({name: _with_slash_of(name, numbered(Path(name), number)) for name in outputs.files})


def painting_jobs(outputs: Outputs, save: Callable[[str], Notes]) -> list[SaveJob]:
    """The jobs that write a painting, the stroke file first: everything else can be made from it.

    Args:
        save: writes the painting to a file of this name.
    """
    first = [] if outputs.strokes is None else [outputs.strokes]
    return [(name, partial(save, name)) for name in (*first, *outputs.paintings)]


def losses_jobs(outputs: Outputs, records: Sequence[Record]) -> list[SaveJob]:
    """The jobs that write losses."""
    return [(name, partial(write_records, Path(name), records)) for name in outputs.losses]


def write_in_turn(jobs: Sequence[SaveJob]) -> list[str]:
    """Write files one after the other; their notes.

    Raises:
        OutputError: a file cannot be written; those before it have been, and the message names them.
    """
    notes: list[str] = []
    for k, (_, save) in enumerate(jobs):
        try:
            notes += save() or []
        except OutputError as error:
            written = ", ".join(name for name, _ in jobs[:k])
            raise OutputError(f"{error}; written before that: {written}" if written else str(error)) from error
    return notes


def written_verb(interrupted: bool, diverged: DivergedError | None) -> str:
    """How `print_written` begins after styling that ended like this."""
    return "stopped; wrote" if diverged is not None else "interrupted; wrote" if interrupted else "wrote"


def print_written(requested: Outputs, written: Outputs, notes: Sequence[str], verb: str = "wrote") -> None:
    """Print one line with the names of all files, and one for each note."""
    kept = "" if written.files == requested.files else " (existing files were kept; --overwrite replaces them)"
    say(sys.stdout, f"{verb} {', '.join(written.files)}{kept}")
    for note in notes:
        say(sys.stdout, note)
