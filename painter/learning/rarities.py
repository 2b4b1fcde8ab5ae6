"""Rarities: pieces whose traits come too often are passed over, so that values are as rare in new pieces as they were.

What a network muddles looks like one of a few faint values, which then come far more often than in the collection. A
piece is kept with a probability that is the product of those of its values; a value that is not too frequent has 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from painter.learning.learning_config import RarityConfig


@dataclass(frozen=True, eq=False)
class Rarities:
    """How likely a piece is kept."""

    kept: tuple[Tensor, ...]  # by the values of each of the judge's traits, float32 [values], above 0, at most 1

    def chances(self, values: Sequence[Tensor]) -> Tensor:
        """The probabilities with which pieces are kept, [n], from the numbers of their values, [n] for each trait."""
        return prod((kept[one] for kept, one in zip(self.kept, values, strict=True)), start=torch.tensor(1.0))


def rarities_of(
    drawn: Sequence[Tensor], learned: Sequence[Tensor], sizes: Sequence[int], config: RarityConfig
) -> Rarities:
    """What brings the frequencies of values in new pieces to those in learned ones.

    Args:
        drawn: the numbers of new pieces' values, int64 [n] for each trait.
        learned: those of learned pieces, int64 [m] for each trait, as the same judge reads them.
        sizes: how many values each trait has.
    """
    kept = []
    for ours, theirs, size in zip(drawn, learned, sizes, strict=True):
        found = torch.bincount(ours, minlength=size).float()
        expected = torch.bincount(theirs, minlength=size).float() * (len(ours) / len(theirs))
        kept.append(((expected + config.smoothing) / (found + config.smoothing)).clamp(max=1))
    return _softened(Rarities(tuple(kept)), drawn, config.least_kept)


def _softened(rarities: Rarities, drawn: Sequence[Tensor], least: float) -> Rarities:
    """The same, or where it would keep less than a share of the drawn pieces, all its probabilities to that power which
    keeps as many."""
    logs = rarities.chances(drawn).log()
    if float(logs.exp().mean()) >= least:
        return rarities
    low, high = 0.0, 1.0
    for _ in range(30):
        power = (low + high) / 2
        low, high = (power, high) if float((logs * power).exp().mean()) >= least else (low, power)
    return Rarities(tuple(kept**low for kept in rarities.kept))
