"""How rare values of traits are (asked for, expected under the rules, drawn), and how rare tokens are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from painter.batch.collection.recipe import Axis, Recipe, Value
from painter.batch.collection.recipe_kinds import TraitValue
from painter.batch.collection.sampling import Token, combinations_of, count_classes


@dataclass(frozen=True)
class ValueRarity:
    """How often one value of a trait occurs."""

    trait: str
    value: TraitValue
    asked: str  # its share of the weights of its axis, in percent, or its count
    expected: float  # tokens
    drawn: int  # tokens


@dataclass(frozen=True)
class TokenRarity:
    """How rare one token is."""

    number: int
    score: float  # its information over the collection's mean; above 1 is rarer than average
    rank: int  # 1 is the rarest; equal scores share a rank


def expected_counts(recipe: Recipe) -> list[list[float]]:
    """For each axis, the expected number of tokens with each value.

    It is exact for weights under the rules, counts and one-of-ones, but ignores that tokens must differ.
    """
    sums = [[Fraction(0)] * len(axis.values) for axis in recipe.axes]
    for assignment, tokens in count_classes(recipe).items():
        for k, shares in enumerate(combinations_of(recipe, assignment).shares()):
            for v, share in enumerate(shares):
                sums[k][v] += tokens * share
    for one in recipe.one_of_ones:
        for name, value in one.traits:
            for k, axis in enumerate(recipe.axes):
                place = axis.index(value) if axis.name == name else None
                if place is not None:
                    sums[k][place] += 1
    return [[float(part) for part in row] for row in sums]


def rarity_of_values(recipe: Recipe, tokens: Sequence[Token]) -> list[ValueRarity]:
    """All values of all traits; those that only one-of-ones have come last."""
    drawn = Counter((name, str(value)) for token in tokens for name, value in token.traits)
    expected = expected_counts(recipe)
    found = [
        ValueRarity(axis.name, value.name, _asked(axis, value), often, drawn[axis.name, str(value.name)])
        for axis, row in zip(recipe.axes, expected, strict=True)
        for value, often in zip(axis.values, row, strict=True)
    ]
    known = {(entry.trait, str(entry.value)) for entry in found}
    own: dict[tuple[str, str], ValueRarity] = {}
    for token in tokens:
        for name, value in token.traits:
            if (name, str(value)) not in known:
                count = drawn[name, str(value)]
                own[name, str(value)] = ValueRarity(name, value, "one of one", count, count)
    return found + list(own.values())


def _asked(axis: Axis, value: Value) -> str:
    if value.count is not None:
        return f"{value.count} tokens"
    return f"{float(100 * value.weight / sum(v.weight for v in axis.values if v.count is None)):.4g} %"


def rarity_of_tokens(tokens: Sequence[Token]) -> list[TokenRarity]:
    """How rare each token is, by OpenRarity's score.

    A value that c of n tokens have carries -log2(c / n) bits; lacking a trait counts as a value. A token's information
    is the sum over all traits; its score is that over the mean of all tokens (1 if all are equally rare).
    """
    names = list(dict.fromkeys(name for token in tokens for name, _ in token.traits))
    rows = [[named.get(name) for name in names] for named in (dict(token.traits) for token in tokens)]
    counts = [Counter(map(str, column)) for column in zip(*rows, strict=True)]
    information = [
        math.fsum(-math.log2(count[str(value)] / len(rows)) for count, value in zip(counts, row, strict=True))
        for row in rows
    ]
    mean = math.fsum(information) / len(rows) if rows else 0.0
    # Rounded, so that logarithms of different processors give the same ranks.
    scores = [round(bits / mean, 6) if mean else 1.0 for bits in information]
    ranks: dict[float, int] = {}
    for rank, score in enumerate(sorted(scores, reverse=True), 1):
        ranks.setdefault(score, rank)
    return [TokenRarity(token.number, score, ranks[score]) for token, score in zip(tokens, scores, strict=True)]
