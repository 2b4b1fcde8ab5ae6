"""Kinds of option value that only style transfer has: lists. Kept as strings, in the form of painter.options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class _Text:
    def parse(self, text: str) -> Any:
        return text

    def file(self, value: Any) -> str | None:
        return None


@dataclass(frozen=True)
class Numbers(_Text):
    """Numbers from `low` to `high`, with commas between; whole ones if `whole`."""

    low: float
    high: float
    whole: bool = False

    @property
    def words(self) -> str:
        kind = "whole numbers" if self.whole else "numbers"
        return f"{kind} from {self.low:g} to {self.high:g} with commas between"

    def check(self, value: Any) -> str:
        given = value if isinstance(value, (list, tuple)) else str(value).split(",")
        try:
            numbers = [float(number) for number in given]
        except (TypeError, ValueError):
            numbers = []
        inside = all(self.low <= number <= self.high for number in numbers)
        if not numbers or not inside or (self.whole and not all(number.is_integer() for number in numbers)):
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
