"""Gathering what is wrong with a file, each thing with its line, so that all of it can be told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import Field
from difflib import get_close_matches
from typing import Any

from painter.batch.collection.toml_lines import Lines
from painter.errors import OptionError, one_line
from painter.options.fields import check_value
from painter.options.kinds import Kind
from painter.options.toml import shown_value

Table = Mapping[str, Any]
KeyPath = tuple[str | int, ...]  # to something in the document, for its line


class Invalid(Exception):
    """What has been complained of already, so that nothing can be made of it."""


class Problems:
    """What is wrong with one document, and the looking at its parts that finds it.

    What cannot be read at all raises Bad after it has been complained of; `going_on` is where reading goes on.
    """

    def __init__(self, lines: Lines) -> None:
        self.problems: list[tuple[int, str]] = []  # line, what is wrong
        self.lines = lines

    def option(self, spec: Field[Any], value: Any, way: KeyPath) -> Any:
        """The value of an option in its one form. Raises Bad."""
        with self.explained(way, value):
            return check_value(spec, value)

    def checked(self, kind: Kind, value: Any, way: KeyPath) -> Any:
        """A value of this kind in its one form. Raises Bad."""
        with self.explained(way, value):
            return kind.check(value)

    def complain(self, way: KeyPath, told: str) -> None:
        """Say what is wrong at `way`."""
        self.problems.append((self.lines.of(*way), one_line(told)))

    def bad(self, way: KeyPath, told: str) -> Invalid:
        """The same, to be raised."""
        self.complain(way, told)
        return Invalid()

    @contextmanager
    def going_on(self, way: KeyPath | None = None) -> Iterator[None]:
        """Past what has been complained of, and past options that do not go together, of what is at `way`."""
        try:
            yield
        except Invalid:
            pass
        except OptionError as error:
            if way is None:
                raise
            self.complain(way, str(error))

    @contextmanager
    def explained(self, way: KeyPath, value: Any) -> Iterator[None]:
        """Turn a ValueError about a value into a complaint and Bad."""
        try:
            yield
        except ValueError as error:
            raise self.bad(way, f"{way[-1]} = {shown_value(value)}: {error}") from None

    def needed(self, table: Table, name: str, way: KeyPath) -> Any:
        """What is there under a name. Raises Bad if nothing is."""
        if name not in table:
            raise self.bad(way, f"{name} is missing")
        return table[name]

    def table(self, value: Any, way: KeyPath) -> dict[str, Any]:
        """A copy of a table; an empty one if it is none."""
        if isinstance(value, dict):
            return dict(value)
        self.complain(way, f"{way[-1]} must be a table: write [{way[-1]}]")
        return {}

    def tables(self, value: Any, way: KeyPath) -> list[dict[str, Any]]:
        """Copies of the tables of a list; none if it is no such list."""
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return [dict(item) for item in value]
        name = ".".join(map(str, way))
        self.complain(way, f"{name} must be a list of tables: write [[{name}]]")
        return []

    def check_keys(self, table: Table, known: Sequence[str], way: KeyPath, extra: Sequence[str] = ()) -> None:
        """Complain of all keys that are not known; `extra` may have been did_you_mean, too."""
        for key in table:
            if key not in known:
                told = f"there is no option {shown_value(key)} here{did_you_mean(key, [*known, *extra])}"
                self.complain((*way, key), told)

    def check_same(self, names: Sequence[Any], way: KeyPath, what: str) -> None:
        """Complain if the last of `names` is like one before it; capitals do not tell them apart."""
        *before, last = (str(name).casefold() for name in names)
        if last in before:
            self.complain(way, f"{what} {shown_value(names[-1])} is there twice; rename or remove one")


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """The end of a complaint about an unknown name: which one it may have been, or which there are."""
    close = get_close_matches(name.replace("-", "_"), known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}" if len(known) < 9 else ""
