"""The kinds of value in a recipe, besides those of painter.options.kinds.

Text     text in metadata and tables
Label    a trait's value: a line of text, or a number
Link     a URI
Color    rrggbb, as marketplaces write it
Moment   a date or a time, kept as milliseconds since 1970
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timezone
from typing import Any

from painter.options.kinds import TextKind

TraitValue = str | int | float
"""The value of a trait."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet reads a cell that starts with one of these as a formula
_HEX = re.compile(r"#?([0-9a-fA-F]{6})")
_LINK = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"<>\\^`{|}]+", re.IGNORECASE)  # without what RFC 3986 excludes
_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_.-]+)\}")


@dataclass(frozen=True)
class Text(TextKind):
    """A string of 1 (or 0, if `empty`) to `longest` characters.

    It goes into CSV files, where a spreadsheet would run what looks like a formula. It cannot be escaped there, because
    marketplaces read the same files literally, so it is refused.
    """

    longest: int
    lines: bool = False  # whether it may have several lines
    empty: bool = False
    placeholders: tuple[str, ...] | None = None  # those that are filled in; None: braces are nothing special

    @property
    def words(self) -> str:
        return f"{'text' if self.lines else 'a line of text'} of at most {self.longest} characters"

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > self.longest or not (self.empty or value.strip()):
            raise ValueError(f"must be {self.words}")
        if not value.replace("\n", "" if self.lines else "\n").isprintable():
            raise ValueError(f"must be {self.words}, without control characters")
        if value.startswith(_FORMULA):
            raise ValueError("a spreadsheet would read it as a formula; start with another character")
        if self.placeholders is not None:
            check_placeholders(value, self.placeholders)
        return value


def check_placeholders(text: str, known: Sequence[str]) -> None:
    """Raise ValueError if a text has a placeholder, such as {number}, that is not among the known ones."""
    for name in _PLACEHOLDER.findall(text):
        if name not in known:
            words = " or ".join(f"{{{one}}}" for one in known)
            raise ValueError(f"there is nothing to fill in for {{{name}}}; write {words}, or leave out the braces")


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text with its placeholders filled in; what is filled in is not looked at again.

    >>> filled("{name} #{number}", {"name": "Coins", "number": "7"})
    'Coins #7'
    """
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


@dataclass(frozen=True)
class Label(TextKind):
    """A line of text or a finite number."""

    longest: int = 200

    @property
    def words(self) -> str:
        return f"{Text(self.longest).words}, or a number"

    def check(self, value: Any) -> TraitValue:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if not abs(value) < 2**53:  # so that NaN fails too
                raise ValueError("must be a finite number below 2^53")
            return value
        if not isinstance(value, str):
            raise ValueError(f"must be {self.words}")
        return Text(self.longest).check(value)


@dataclass(frozen=True)
class Link(TextKind):
    """A URI with its scheme: https://…, ipfs://…, ar://…"""

    words: str = "an address such as https://… or ipfs://…"
    placeholders: tuple[str, ...] = ()

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > 2000 or not value.isprintable():
            raise ValueError(f"must be {self.words}")
        if self.placeholders:
            check_placeholders(value, self.placeholders)
        if not _LINK.fullmatch(filled(value, dict.fromkeys(self.placeholders, "1"))):
            raise ValueError(f"must be {self.words}, without spaces, quotes and brackets")
        return value


@dataclass(frozen=True)
class Color(TextKind):
    """Six hex digits, kept in lower case and without a leading #."""

    words: str = "six hex digits, rrggbb"

    def check(self, value: Any) -> str:
        match = _HEX.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f"must be {self.words}")
        return match[1].lower()


@dataclass(frozen=True)
class Moment(TextKind):
    """A date or time of TOML, in UTC if it has no offset."""

    words: str = "a date such as 2026-11-25, or a time such as 2026-11-25T10:30:00Z"

    def check(self, value: Any) -> int:
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time())
        if isinstance(value, datetime):
            moment = value if value.tzinfo is not None else value.replace(tzinfo=timezone.utc)
            value = round((moment - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds() * 1000)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**53:
            raise ValueError(f"must be {self.words}")
        return value
