"""Checks of input files and folders, made before any work and before torch is imported; the default output folder."""

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
from painter.pictures.palette import check_palette_text

DEFAULT_FOLDER = Path("output")


def check_inputs(config: PaintConfig) -> None:
    """Check the files that options name, and the palette.

    Raises:
        OptionError: a file is missing, unreadable or not a regular file, or the palette has errors.
    """
    check_files(config)
    if config.palette is not None:
        check_palette_text(config.palette)


def check_files(config: Any) -> None:
    """Check the files that a dataclass of options names.

    Raises:
        OptionError: one is missing, unreadable or not a regular file.
    """
    kinds = {spec.name: spec.metadata["kind"] for spec in fields(config)}
    for name, path in named_files(config).items():
        if not os.path.isfile(path):
            what = "it is not a regular file" if os.path.exists(path) else "there is no such file"
            raise OptionError(f"{option_name(name)} {path}: {what}; give {kinds[name].words}")
        if not os.access(path, os.R_OK):
            raise OptionError(f"{option_name(name)} {path}: it cannot be read; change its permissions")


def check_overwriting(outputs: Sequence[Path], inputs: Mapping[str, Path]) -> None:
    """Raise OutputError if an output would replace another output or an input.

    Args:
        inputs: the files that are read, by their description: 'the input picture'.
    """
    for k, path in enumerate(outputs):
        for description, other in inputs.items():
            if same_file(path, other):
                raise OutputError(f"cannot write {path}: it is {description}; choose another name")
        if any(same_file(path, other) for other in outputs[:k]):
            raise OutputError(f"cannot write {path}: two outputs have this name; choose another name")


def make_folder(path: Path, shown: str | os.PathLike[str]) -> None:
    """Make a folder for many files, unless it exists; `shown` is its name in messages. Raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "it is not a folder" if isinstance(error, FileExistsError) else error.strerror
        raise OutputError(f"cannot write to {one_line(shown)}: {why}; choose another folder with -o") from error


def same_file(a: Path, b: Path) -> bool:
    """Whether two paths name the same file or folder, which need not exist."""
    with suppress(OSError, ValueError):  # one of them does not exist
        return os.path.samefile(a, b)
    return os.path.realpath(a) == os.path.realpath(b)


@contextmanager
def default_folder(needed: bool) -> Iterator[None]:
    """Make the default folder if it is needed and missing; remove it at the end if it is still empty."""
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
        with suppress(OSError):  # it is not empty
            DEFAULT_FOLDER.rmdir()
