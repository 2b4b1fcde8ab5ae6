"""Dataclass fields that are options: their metadata, their checks and the files that they name."""

from __future__ import annotations

from dataclasses import Field, field, fields
from pathlib import Path
from typing import Any

from painter.errors import OptionError, one_line
from painter.options.kinds import Kind

_LONGEST_SHOWN = 1000  # characters of a value that is refused


def option(default: Any, metavar: str, help: str, kind: Kind) -> Any:
    """A dataclass field that is an option.

    Args:
        default: None if the option may be left out; then None is an allowed value, too.
        metavar: the value's name in the help.
        help: one line; `{}` stands for the values that the kind allows.
        kind: what values are allowed.
    """
    return field(default=default, metadata={"metavar": metavar, "help": help.format(kind.words), "kind": kind})


def same_option(config: type, name: str, **changes: Any) -> Any:
    """A field like that of another dataclass of options, with the same default and metadata except for `changes`.

    Args:
        config: the other dataclass.
        name: the field in it.
        changes: new arguments of `option`, by name.
    """
    spec: Field[Any] = config.__dataclass_fields__[name]  # type: ignore[attr-defined]
    return option(**{"default": spec.default, **spec.metadata, **changes})


def option_name(name: str) -> str:
    """A field's name on the command line: --min-size for min_size."""
    return "--" + name.replace("_", "-")


def check_value(spec: Field[Any], value: Any) -> Any:
    """A value for the field in its canonical form. Raises ValueError, saying what it must be."""
    return None if value is None and spec.default is None else spec.metadata["kind"].check(plain(value))


def plain(value: Any) -> Any:
    """A number of NumPy or torch as Python's own; any other value as it is. Neither library is imported here."""
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value


def check_fields(config: Any) -> None:
    """Bring each field of a frozen dataclass of options into its canonical form.

    Raises:
        OptionError: a value is not allowed; the message names the option.
    """
    for spec in fields(config):
        value = getattr(config, spec.name)
        try:
            object.__setattr__(config, spec.name, check_value(spec, value))
        except ValueError as error:
            shown = one_line(str(value))
            shown = shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
            raise OptionError(f"{option_name(spec.name)} {shown}: {error}") from None


def named_files(config: Any) -> dict[str, Path]:
    """The files that a checked dataclass of options names, by field; they are not opened."""
    files = {}
    for spec in fields(config):
        value = getattr(config, spec.name)
        file = None if value is None else spec.metadata["kind"].file(value)
        if file is not None:
            files[spec.name] = Path(file)
    return files
