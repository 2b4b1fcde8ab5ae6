"""The kinds of option value that hold several numbers or names in one text.

Pair             LO:HI
Span             A:B, as Python's slices
Numbers          1,2,3
Weighted         NAME:WEIGHT,NAME:WEIGHT
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from painter.options.kinds import TextKind


@dataclass(frozen=True)
class Pair(TextKind):
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
        """The two numbers in `text`. Raises ValueError if it is anything else."""
        first, last = text.split(":")
        return float(first), float(last)

    @staticmethod
    def _number(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError
        return float(value)


@dataclass(frozen=True)
class Span(TextKind):
    """A:B as in Python's slices: from 0, without B. Either may be left out, or be negative: counted from the end."""

    words: str = "A:B, two whole numbers, either of which may be left out"

    def check(self, value: Any) -> str:
        try:
            self.split(value)
        except (AttributeError, TypeError, ValueError):
            raise ValueError(f"must be {self.words}") from None
        text: str = value
        return text

    @staticmethod
    def split(text: str) -> slice:
        """The slice in `text`. Raises ValueError if it is anything else."""
        first, last = (None if part == "" else int(part) for part in text.split(":"))
        return slice(first, last)


@dataclass(frozen=True)
class Numbers(TextKind):
    """Numbers from `low` to `high`, separated by commas; whole numbers only if `integers` is set."""

    low: float
    high: float
    integers: bool = False

    @property
    def words(self) -> str:
        kind = "whole numbers" if self.integers else "numbers"
        return f"{kind} from {self.low:g} to {self.high:g}, separated by commas"

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
class Weighted(TextKind):
    """NAME or NAME:WEIGHT, separated by commas; a weight that is not given is 1."""

    names: Sequence[str]

    @property
    def words(self) -> str:
        return f"{self.names[0]} to {self.names[-1]}, separated by commas, each with or without :WEIGHT"

    def check(self, value: Any) -> str:
        try:
            weights = self.split(value)
        except (AttributeError, TypeError, ValueError):
            raise ValueError(f"must be {self.words}") from None
        for name in weights:
            if name not in self.names:
                raise ValueError(f"there is no layer {name!r}; choose from {self.names[0]} to {self.names[-1]}")
        if len(weights) < value.count(",") + 1:
            raise ValueError("names a layer twice; remove one")
        if not all(0 <= weight <= 1e6 for weight in weights.values()) or not sum(weights.values()) > 0:
            raise ValueError("weights must be from 0 to 1e+06, and not all 0")
        return ",".join(f"{name}:{weight:g}" for name, weight in weights.items())

    @staticmethod
    def split(text: str) -> dict[str, float]:
        """Weights by name. Raises ValueError for a weight that is not a number."""
        parts = [part.strip().partition(":") for part in text.split(",")]
        return {name: float(weight) if colon else 1.0 for name, colon, weight in parts}
