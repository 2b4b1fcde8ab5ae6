"""A layered collection: its traits from the lowest layer to the topmost, each value with the picture that it stacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class LayerValue:
    """A value of a trait, and its picture."""

    name: str
    weight: int  # how likely, relative to the others of its trait; at least 1
    file: Path | None  # None: it stacks nothing


@dataclass(frozen=True)
class TraitLayer:
    """A trait whose values are pictures of one layer."""

    name: str
    values: tuple[LayerValue, ...]
    blend: str = "normal"  # one of painter.pictures.stacking.BLENDS
    opacity: float = 1.0


class WithValues(Protocol):
    """A trait."""

    @property
    def values(self) -> Sequence[object]: ...


@dataclass(frozen=True)
class LayeredCollection:
    """All layers, and what a recipe says besides."""

    name: str
    layers: tuple[TraitLayer, ...]  # the lowest first
    count: int | None = None  # tokens; None if nothing says how many
    smooth: bool = True  # whether pictures are enlarged smoothly; False for pixel art
    size: int | None = None  # pixels of the longer side of tokens; None: that of the layers
    about: Mapping[str, str] = field(default_factory=dict)  # 'description' and 'symbol'
    metadata: Mapping[str, object] = field(default_factory=dict)  # of the recipe's table [metadata]
    # Pairs of values, each as (trait, value), that no token has together.
    exclusions: tuple[tuple[tuple[str, str], tuple[str, str]], ...] = ()
    taken: tuple[tuple[str, ...], ...] = ()  # combinations, in the order of layers, that new tokens must not repeat
    notes: tuple[str, ...] = ()  # lines for the user

    @property
    def combinations(self) -> int:
        """How many there are, whatever the exclusions."""
        return self.combinations_of(self.layers)

    def combinations_of(self, traits: Sequence[WithValues]) -> int:
        """How many there are of these traits."""
        return prod(len(trait.values) for trait in traits)
