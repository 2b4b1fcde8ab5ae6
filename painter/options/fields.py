"""Dataclass fields that can be asked for as options: their metadata, their check, the files that they name."""

from __future__ import annotations

from dataclasses import Field, field, fields
from pathlib import Path
from typing import Any

from painter.errors import OptionError
from painter.options.kinds import (
    Kind,
)


def option(default: Any, metavar: str, help: str, kind: Kind) -> Any:
    """A dataclass field that can be asked for.

    Args:
        default: None if it need not be asked for; then None is allowed.
        metavar: what the help calls the value.
        help: one line; `{}` becomes what the kind takes.
    """
    return field(default=default, metadata={"metavar": metavar, "help": help.format(kind.words), "kind": kind})


def same_option(config: type, name: str, **changes: Any) -> Any:
    """The field that another dataclass has, with its default and all, but for `changes` of its metadata.

    `default` among them is the new default.
    """
    spec = config.__dataclass_fields__[name]  # type: ignore[attr-defined]
    default = changes.pop("default", spec.default)
    return field(default=default, metadata={**spec.metadata, **changes})


def option_name(name: str) -> str:
    """A field's name as the command line has it: --min-size for min_size."""
    return "--" + name.replace("_", "-")


def check_value(spec: Field[Any], value: Any) -> Any:
    """The value in the form that PaintConfig keeps. Raises ValueError, saying what it must be."""
    return None if value is None and spec.default is None else spec.metadata["kind"].check(value)


def check_fields(config: Any) -> None:
    """Bring each field of a frozen dataclass of options into its one form. Raises OptionError, naming the option."""
    for spec in fields(config):
        value = getattr(config, spec.name)
        try:
            object.__setattr__(config, spec.name, check_value(spec, value))
        except ValueError as error:
            raise OptionError(f"{option_name(spec.name)} {value}: {error}") from None


def named_files(config: Any) -> dict[str, Path]:
    """The files that a checked dataclass of options names, by the field's name; they are not looked at here."""
    files = {}
    for spec in fields(config):
        value = getattr(config, spec.name)
        file = None if value is None else spec.metadata["kind"].file(value)
        if file is not None:
            files[spec.name] = Path(file)
    return files
