"""The kinds of value that an option may have. Each reads its own text, checks itself and says what it takes.

Integer, Number   within bounds
Choice           one of a few whole numbers
Names            one of a list
Switch           yes or no
ByteSize         5MB
Color            #rrggbb, or one of a list
Address          HOST:PORT, or local
File             the name of a file, which is not looked at here
Pair             LO:HI
Span             A:B, as Python's slices
Palette          a number of colours, a file or colours
OrNames          one of a few names, or another kind's value
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

_HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_ADDRESS = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}")
_COUNT = re.compile(r"[+-]?[0-9]+")
_BYTE_SIZE = re.compile(r"([0-9]*\.?[0-9]+)\s*([kmg]?)(i?)b?", re.IGNORECASE)


class Kind(Protocol):
    """What an option's values have in common."""

    @property
    def words(self) -> str:
        """What it takes, for the help."""

    def parse(self, text: str) -> Any:
        """The value that a command line's `text` means, or `text` itself, which `check` then refuses."""

    def check(self, value: Any) -> Any:
        """`value` in its one form, ready for JSON and TOML. Raises ValueError, saying what it must be."""

    def file(self, value: Any) -> str | None:
        """The file that a checked value names, if it names one; the value is then that name."""


class _NoFile:
    def file(self, value: Any) -> str | None:
        return None


class _Text(_NoFile):
    def parse(self, text: str) -> Any:
        return text


@dataclass(frozen=True)
class Integer(_NoFile):
    """An int from `low` to `high`."""

    low: int
    high: int

    @property
    def words(self) -> str:
        return f"from {self.low} to {self.high}"

    def parse(self, text: str) -> Any:
        try:
            return int(text)
        except ValueError:
            return text

    def check(self, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not self.low <= value <= self.high:
            raise ValueError(f"must be a whole number {self.words}")
        return value


@dataclass(frozen=True)
class Number(_NoFile):
    """A float from `low` to `high`; `low` itself is left out if `above`."""

    low: float
    high: float
    above: bool = False

    @property
    def words(self) -> str:
        return f"above {self.low:g} and up to {self.high:g}" if self.above else f"from {self.low:g} to {self.high:g}"

    def parse(self, text: str) -> Any:
        try:
            return float(text)
        except ValueError:
            return text

    def check(self, value: Any) -> float:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not self.low <= value <= self.high or (self.above and value == self.low):
            raise ValueError(f"must be a number {self.words}")
        return float(value)


@dataclass(frozen=True)
class Choice(_NoFile):
    """One of a few ints."""

    values: Sequence[int]

    @property
    def words(self) -> str:
        return " or ".join(map(str, self.values))

    def parse(self, text: str) -> Any:
        try:
            return int(text)
        except ValueError:
            return text

    def check(self, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value not in self.values:
            raise ValueError(f"must be {self.words}")
        return value


@dataclass(frozen=True)
class Switch(_NoFile):
    """A bool. On a command line its name alone says yes."""

    words: str = "true or false"

    def parse(self, text: str) -> Any:
        return {"true": True, "yes": True, "false": False, "no": False}.get(text.lower(), text)

    def check(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError(f"must be {self.words}")
        return value


@dataclass(frozen=True)
class ByteSize(_Text):
    """A number of bytes, kept as an int: 5MB (5,000,000), 800kB, 1.5MiB (1,572,864) or 123456."""

    low: int
    high: int

    @property
    def words(self) -> str:
        return f"a size such as 5MB, 800kB or 2MiB, from {self.low} bytes to {self.high / 1e9:g} GB"

    def check(self, value: Any) -> int:
        size = self._bytes(value.strip()) if isinstance(value, str) else value
        if isinstance(size, float) and size.is_integer():
            size = int(size)
        if not isinstance(size, int) or isinstance(size, bool) or not self.low <= size <= self.high:
            raise ValueError(f"must be {self.words}")
        return size

    @staticmethod
    def _bytes(text: str) -> int | None:
        """The number of bytes that `text` names; None if it names none."""
        match = _BYTE_SIZE.fullmatch(text)
        if match is None or len(text) > 32 or (match[3] and not match[2]):
            return None
        power = "kmg".index(match[2].lower()) + 1 if match[2] else 0
        return round(Decimal(match[1]) * (1024 if match[3] else 1000) ** power)


@dataclass(frozen=True)
class Names(_Text):
    """One of `names`, or an alias of one."""

    names: Sequence[str]
    aliases: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        return ", ".join(self.names)

    def check(self, value: Any) -> str:
        name = self.aliases.get(value, value) if isinstance(value, str) else value
        if name not in self.names:
            raise ValueError(f"unknown; choose from {self.words}")
        return name


@dataclass(frozen=True)
class Color(_Text):
    """#rrggbb, or one of `names`."""

    names: Sequence[str]

    @property
    def words(self) -> str:
        return ", ".join((*self.names, "#rrggbb"))

    def check(self, value: Any) -> str:
        if value not in self.names and not (isinstance(value, str) and _HEX_COLOR.fullmatch(value)):
            raise ValueError(f"unknown; choose from {self.words}")
        return value


@dataclass(frozen=True)
class Address(_Text):
    """HOST:PORT of a cluster; 'local' starts one on this machine, 'auto' finds the one that this machine is part of."""

    words: str = "HOST:PORT, auto (the one that this machine is part of) or local (one for this run alone)"

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or not (value in ("auto", "local") or _ADDRESS.fullmatch(value)):
            raise ValueError(f"must be {self.words}")
        return value


@dataclass(frozen=True)
class File:
    """The name of a file, as a string; whether there is one is for whoever opens it to say."""

    words: str = "a file"

    def parse(self, text: str) -> Any:
        return text

    def check(self, value: Any) -> str:
        name = os.fspath(value) if isinstance(value, os.PathLike) else value
        if not isinstance(name, str) or not name:
            raise ValueError("must be the name of a file")
        return name

    def file(self, value: Any) -> str | None:
        return value


@dataclass(frozen=True)
class Pair(_Text):
    """LO:HI, two numbers from `low` to `high` with LO <= HI and HI > `low`; kept as a string, e.g. '0.1:1'."""

    low: float
    high: float

    @property
    def words(self) -> str:
        return f"LO:HI, two numbers from {self.low:g} to {self.high:g}"

    def check(self, value: Any) -> str:
        try:
            first, last = self.split(value) if isinstance(value, str) else map(self._number, value)
        except (TypeError, ValueError, OverflowError):
            first, last = 1.0, 0.0
        if not self.low <= first <= last <= self.high or last == self.low:
            raise ValueError(f"must be {self.words}, LO not above HI and HI above {self.low:g}")
        return ":".join(repr(number + 0.0).removesuffix(".0") for number in (first, last))  # + 0.0: no -0.0

    @staticmethod
    def split(text: str) -> tuple[float, float]:
        """The two numbers. Raises ValueError unless that is what `text` is."""
        first, last = text.split(":")
        return float(first), float(last)

    @staticmethod
    def _number(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError
        return float(value)


@dataclass(frozen=True)
class Span(_Text):
    """A:B as Python's slices have it: from 0, B left out; either may be missing, or negative: from the end."""

    words: str = "A:B, whole numbers, either may be left out"

    def check(self, value: Any) -> str:
        try:
            self.split(value)
        except (AttributeError, TypeError, ValueError):
            raise ValueError(f"must be {self.words}") from None
        return value

    @staticmethod
    def split(text: str) -> slice:
        """The slice. Raises ValueError unless that is what `text` is."""
        first, last = (None if part == "" else int(part) for part in text.split(":"))
        return slice(first, last)


@dataclass(frozen=True)
class Palette:
    """A number of colours, a file or a list of #rrggbb, as a string; painter.pictures.palette says what they mean."""

    words: str = "a number of colours, a file or #rrggbb,#rrggbb"

    def parse(self, text: str) -> Any:
        return text

    def check(self, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"must be {self.words}")
        return value.strip()

    def file(self, value: Any) -> str | None:
        return None if value.startswith("#") or _COUNT.fullmatch(value) else value


@dataclass(frozen=True)
class OrNames:
    """One of `names`, or a value of another kind."""

    names: Sequence[str]
    kind: Kind

    @property
    def words(self) -> str:
        return f"{self.kind.words}, or {' or '.join(self.names)}"

    def parse(self, text: str) -> Any:
        return text if text in self.names else self.kind.parse(text)

    def check(self, value: Any) -> Any:
        if isinstance(value, str) and value in self.names:
            return value
        try:
            return self.kind.check(value)
        except ValueError as error:
            raise ValueError(f"{error}, or {' or '.join(self.names)}") from None

    def file(self, value: Any) -> str | None:
        return None if value in self.names else self.kind.file(value)


@dataclass(frozen=True)
class Numbers(_Text):
    """Numbers from `low` to `high`, with commas between; whole ones if `integers`."""

    low: float
    high: float
    integers: bool = False

    @property
    def words(self) -> str:
        kind = "whole numbers" if self.integers else "numbers"
        return f"{kind} from {self.low:g} to {self.high:g} with commas between"

    def check(self, value: Any) -> str:
        given = value if isinstance(value, (list, tuple)) else str(value).split(",")
        try:
            numbers = [float(number) for number in given]
        except (TypeError, ValueError):
            numbers = []
        inside = all(self.low <= number <= self.high for number in numbers)
        if not numbers or not inside or (self.integers and not all(number.is_integer() for number in numbers)):
            raise ValueError(f"must be {self.words}")
        return ",".join(f"{number:g}" for number in numbers)

    @staticmethod
    def split(text: str) -> list[float]:
        """The numbers of a checked value."""
        return [float(number) for number in text.split(",")]


@dataclass(frozen=True)
class Weighted(_Text):
    """NAME or NAME:WEIGHT, with commas between; a weight not given is 1."""

    names: Sequence[str]

    @property
    def words(self) -> str:
        return f"{self.names[0]} to {self.names[-1]}, each with :WEIGHT or without, and commas between"

    def check(self, value: Any) -> str:
        try:
            weights = self.split(value)
        except (AttributeError, TypeError, ValueError):
            raise ValueError(f"must be {self.words}") from None
        for name in weights:
            if name not in self.names:
                raise ValueError(f"there is no layer {name!r}; choose from {self.names[0]} to {self.names[-1]}")
        if len(weights) < value.count(",") + 1:
            raise ValueError("names a layer twice; leave one out")
        if not all(0 <= weight <= 1e6 for weight in weights.values()) or not sum(weights.values()) > 0:
            raise ValueError("weights must be from 0 to 1e+06, and not all 0")
        return ",".join(f"{name}:{weight:g}" for name, weight in weights.items())

    @staticmethod
    def split(text: str) -> dict[str, float]:
        """Weights by name. Raises ValueError for a weight that is no number."""
        parts = [part.strip().partition(":") for part in text.split(",")]
        return {name: float(weight) if colon else 1.0 for name, colon, weight in parts}
