"""Files that are read, and the default folder, looked at before any work and before anything heavy is imported."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from painter.errors import OptionError, OutputError, one_line
from painter.options.fields import named_files, option_name
from painter.options.paint import PaintConfig

DEFAULT_FOLDER = Path("output")


def check_inputs(config: PaintConfig) -> None:
    """Look at the files that options name, and at the palette.

    Raises:
        OptionError: one is missing or no plain file, or the palette is no good.
    """
    check_files(config)
    if config.palette is not None:
        from painter.pictures.palette import check_palette_text

        check_palette_text(config.palette)


def check_files(config: Any) -> None:
    """Look at the files that a dataclass of options names. Raises OptionError: one is missing or no plain file."""
    kinds = {spec.name: spec.metadata["kind"] for spec in fields(config)}
    for name, path in named_files(config).items():
        if not os.path.isfile(path):
            what = "it is not a plain file" if os.path.exists(path) else "there is no such file"
            raise OptionError(f"{option_name(name)} {path}: {what}; give {kinds[name].words}")
        if not os.access(path, os.R_OK):
            raise OptionError(f"{option_name(name)} {path}: it cannot be read; change its permissions")


def check_overwriting(outputs: Sequence[Path], inputs: Mapping[str, Path]) -> None:
    """Raise OutputError if an output would go over another one, or over an input; `inputs` are by what they are."""
    for k, path in enumerate(outputs):
        for what, other in inputs.items():
            if same_file(path, other):
                raise OutputError(f"cannot write {path}: it is {what}; choose another name")
        if any(same_file(path, other) for other in outputs[:k]):
            raise OutputError(f"cannot write {path}: two outputs have this name; choose another name")


def make_folder(path: Path, shown: str | os.PathLike[str]) -> None:
    """Make a folder for many files, unless it is there; `shown` is its name for people. Raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "it is not a folder" if isinstance(error, FileExistsError) else error.strerror
        raise OutputError(f"cannot write to {one_line(shown)}: {why}; choose another folder with -o") from error


def same_file(a: Path, b: Path) -> bool:
    """Whether two names are of one file or folder, there or not."""
    with suppress(OSError, ValueError):  # one of them does not exist
        return os.path.samefile(a, b)
    return os.path.realpath(a) == os.path.realpath(b)


@contextmanager
def default_folder(needed: bool) -> Iterator[None]:
    """Make the default folder if it is needed and missing; take it away again if nothing comes into it."""
    if not needed or DEFAULT_FOLDER.exists():
        yield
        return
    try:
        DEFAULT_FOLDER.mkdir()
    except OSError as error:
        raise OutputError(f"cannot make the folder {DEFAULT_FOLDER}: {error.strerror}; name a file with -o") from error
    try:
        yield
    finally:
        with suppress(OSError):  # it is not empty: all is well
            DEFAULT_FOLDER.rmdir()
