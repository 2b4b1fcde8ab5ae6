"""Collects everything that is wrong with a document, each problem with its line, so that all are shown at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import Field
from difflib import get_close_matches
from typing import Any

from painter.batch.collection.toml_lines import KeyPath, Lines
from painter.errors import OptionError, one_line
from painter.options.fields import check_value
from painter.options.kinds import Kind
from painter.options.toml import shown_value

Table = Mapping[str, Any]


class Invalid(Exception):
    """A part of the document is unusable; its problem has been added already."""


class Problems:
    """The problems of one document, and checks of its parts that add to them.

    A check of a part that cannot be used at all adds its problem and raises Invalid; `skipping_invalid` is where
    reading continues with the next part.
    """

    def __init__(self, lines: Lines) -> None:
        self.problems: list[tuple[int, str]] = []  # line, message
        self.lines = lines

    def option(self, spec: Field[Any], value: Any, path: KeyPath) -> Any:
        """The canonical form of an option's value. Raises Invalid."""
        with self.invalid_if_refused(path, value):
            return check_value(spec, value)

    def checked(self, kind: Kind, value: Any, path: KeyPath) -> Any:
        """The canonical form of a value of this kind. Raises Invalid."""
        with self.invalid_if_refused(path, value):
            return kind.check(value)

    def add(self, path: KeyPath, message: str) -> None:
        """Add a problem with what is at `path`."""
        self.problems.append((self.lines.of(*path), one_line(message)))

    def invalid(self, path: KeyPath, message: str) -> Invalid:
        """Add a problem, and return the exception to raise."""
        self.add(path, message)
        return Invalid()

    @contextmanager
    def skipping_invalid(self, path: KeyPath | None = None) -> Iterator[None]:
        """Swallow Invalid; with a path, also turn an OptionError (options that do not go together) into a problem."""
        try:
            yield
        except Invalid:
            pass
        except OptionError as error:
            if path is None:
                raise
            self.add(path, str(error))

    @contextmanager
    def invalid_if_refused(self, path: KeyPath, value: Any) -> Iterator[None]:
        """Turn a ValueError about a value into a problem and Invalid."""
        try:
            yield
        except ValueError as error:
            raise self.invalid(path, f"{path[-1]} = {shown_value(value)}: {error}") from None

    def required(self, table: Table, name: str, path: KeyPath) -> Any:
        """The value under a name. Raises Invalid if it is missing."""
        if name not in table:
            raise self.invalid(path, f"{name} is missing")
        return table[name]

    def table(self, value: Any, path: KeyPath) -> dict[str, Any]:
        """A copy of a table; an empty one if `value` is not a table."""
        if isinstance(value, dict):
            return dict(value)
        self.add(path, f"{path[-1]} must be a table: write [{path[-1]}]")
        return {}

    def tables(self, value: Any, path: KeyPath) -> list[dict[str, Any]]:
        """Copies of the tables in a list; none if `value` is not a list of tables."""
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return [dict(item) for item in value]
        name = ".".join(map(str, path))
        self.add(path, f"{name} must be a list of tables: write [[{name}]]")
        return []

    def check_keys(self, table: Table, known: Sequence[str], path: KeyPath, extra: Sequence[str] = ()) -> None:
        """Add a problem for every unknown key; the suggested names come from `known` and `extra`."""
        for key in table:
            if key not in known:
                suggestion = did_you_mean(key, [*known, *extra])
                self.add((*path, key), f"there is no option {shown_value(key)} here{suggestion}")

    def check_unique(self, names: Sequence[Any], path: KeyPath, what: str) -> None:
        """Add a problem if the last of `names` equals an earlier one, whatever the case of letters."""
        *before, last = (str(name).casefold() for name in names)
        if last in before:
            self.add(path, f"{what} {shown_value(names[-1])} occurs twice; rename or remove one")


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """The end of a message about an unknown name: the most similar known one, or all of them if they are few."""
    close = get_close_matches(name.replace("-", "_"), known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; choose from {', '.join(known)}" if 0 < len(known) < 9 else ""
