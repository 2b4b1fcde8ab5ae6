"""The kinds of option value that hold one thing. Each kind parses text, checks values and describes itself.

Integer, Number  within bounds
Choice           one of a few integers
Switch           true or false
ByteSize         5MB
Names            one of a list of names
Color            #rrggbb, or one of a list of names
Address          HOST:PORT, auto or local
File             the name of a file, which is not opened here
Palette          a number of colours, a file or colours
OrNames          one of a few names, or a value of another kind

Kinds that hold several values are in `painter.options.list_kinds`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol, TypeGuard

_HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_ADDRESS = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}")
_COUNT = re.compile(r"[+-]?[0-9]+")
_BYTE_SIZE = re.compile(r"([0-9]*\.?[0-9]+)\s*([kmg]?)(i?)b?", re.IGNORECASE)


class Kind(Protocol):
    """What all kinds of option value can do."""

    @property
    def words(self) -> str:
        """Which values are allowed, for help texts and messages."""

    def parse(self, text: str) -> Any:
        """The value of a command line's `text`, or `text` itself where it is not one: `check` then refuses it."""

    def check(self, value: Any) -> Any:
        """`value` in its canonical form, ready for JSON and TOML. Raises ValueError, saying what it must be."""

    def file(self, value: Any) -> str | None:
        """The file that a checked value names, or None; a value that names one is that name."""


class ValueKind:
    """A kind whose values name no file."""

    def file(self, value: Any) -> str | None:
        return None


class TextKind(ValueKind):
    """A kind whose values are written in the same way in text as elsewhere."""

    def parse(self, text: str) -> Any:
        return text


class IntegerKind(ValueKind):
    """A kind whose values are ints."""

    def parse(self, text: str) -> Any:
        try:
            return int(text)
        except ValueError:
            return text


def is_hex_color(value: object) -> TypeGuard[str]:
    """Whether this is a colour written as #rrggbb."""
    return isinstance(value, str) and _HEX_COLOR.fullmatch(value) is not None


@dataclass(frozen=True)
class Integer(IntegerKind):
    """An int from `low` to `high`."""

    low: int
    high: int

    @property
    def words(self) -> str:
        return f"from {self.low} to {self.high}"

    def check(self, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not self.low <= value <= self.high:
            raise ValueError(f"must be a whole number {self.words}")
        return value


@dataclass(frozen=True)
class Number(ValueKind):
    """A float from `low` to `high`; `low` itself is not allowed if `above` is set."""

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
class Choice(IntegerKind):
    """One of a few ints."""

    values: Sequence[int]

    @property
    def words(self) -> str:
        return " or ".join(map(str, self.values))

    def check(self, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value not in self.values:
            raise ValueError(f"must be {self.words}")
        return value


@dataclass(frozen=True)
class Switch(ValueKind):
    """A bool. On the command line the option alone means true."""

    words: str = "true or false"

    def parse(self, text: str) -> Any:
        return {"true": True, "yes": True, "false": False, "no": False}.get(text.lower(), text)

    def check(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError(f"must be {self.words}")
        return value


@dataclass(frozen=True)
class ByteSize(TextKind):
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
        """The number of bytes that `text` stands for; None if it is not a size."""
        match = _BYTE_SIZE.fullmatch(text)
        if match is None or len(text) > 32 or (match[3] and not match[2]):
            return None
        power = "kmg".index(match[2].lower()) + 1 if match[2] else 0
        count: int = round(Decimal(match[1]) * (1024 if match[3] else 1000) ** power)
        return count


@dataclass(frozen=True)
class Names(TextKind):
    """One of `names`, or an alias for one of them."""

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
class Color(TextKind):
    """#rrggbb, or one of `names`."""

    names: Sequence[str]

    @property
    def words(self) -> str:
        return ", ".join((*self.names, "#rrggbb"))

    def check(self, value: Any) -> str:
        if value not in self.names and not is_hex_color(value):
            raise ValueError(f"unknown; choose from {self.words}")
        return str(value)


@dataclass(frozen=True)
class Address(TextKind):
    """HOST:PORT of a cluster; 'local' starts one on this machine, 'auto' finds the one that this machine belongs to."""

    words: str = "HOST:PORT, auto (the cluster that this machine belongs to) or local (one for this run alone)"

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or not (value in ("auto", "local") or _ADDRESS.fullmatch(value)):
            raise ValueError(f"must be {self.words}")
        return value


@dataclass(frozen=True)
class File(TextKind):
    """The name of a file, as a string. Whether it exists is checked when it is opened."""

    words: str = "a file"

    def check(self, value: Any) -> str:
        name = os.fspath(value) if isinstance(value, os.PathLike) else value
        if not isinstance(name, str) or not name:
            raise ValueError("must be the name of a file")
        return name

    def file(self, value: Any) -> str | None:
        name: str | None = value
        return name


@dataclass(frozen=True)
class Palette(TextKind):
    """A number of colours, a file, or a list of #rrggbb or tubes, as a string. `painter.pictures.palette` reads it."""

    words: str = "a number of colours, a file or colours: #rrggbb,#rrggbb or tubes:NAME,NAME, which are mixed"

    def check(self, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"must be {self.words}")
        return value.strip()

    def file(self, value: Any) -> str | None:
        return None if value.startswith(("#", "tubes:")) or _COUNT.fullmatch(value) else value


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
