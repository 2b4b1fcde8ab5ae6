"""Samples the traits of all tokens from the collection's seed and the tokens' numbers; no two tokens are alike.

This is rejection sampling. At each try a token draws a value by weight on each axis (see `rng`); it takes the first
combination that the rules allow and that no token with a lower number takes. Redrawing on all axes keeps the weights
among the allowed combinations; that tokens must differ distorts them where a collection uses many of its combinations.
A token without success in _TRIES tries draws by weight from the unused combinations, so a collection may use all.

A value with a `count` is first assigned to that many tokens, in an order shuffled for that value; on the other axes
they draw like all tokens.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from painter.batch.collection.combinations import Combination, Combinations, RulesTooComplexError, integer_weights
from painter.batch.collection.recipe import OneOfOne, Recipe, Traits
from painter.batch.collection.rng import bits, key, randbelow, weighted_choice
from painter.errors import RecipeError

_TRIES = 64  # before a token draws from the unused combinations
_MAX_LISTED = 2_000_000  # combinations that may be listed to find the unused ones
_FREE = -1  # instead of a value: the token draws on this axis

Assignment = tuple[int, ...]
"""For each axis the value that a count has assigned to a token, or _FREE."""


@dataclass(frozen=True)
class Token:
    """A token and its traits."""

    number: int
    traits: Traits
    values: Combination | None  # positions on the recipe's axes; None for a one-of-one
    one_of_one: OneOfOne | None = None

    @property
    def dna(self) -> str:
        """SHA-1 over the traits, sorted by name, as JSON without spaces: [["Style","Oil"],…]."""
        text = json.dumps(sorted(map(list, self.traits)), ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def draw_tokens(recipe: Recipe) -> list[Token]:
    """All tokens, in the order of their numbers.

    Raises:
        RecipeError: there are fewer combinations than tokens, or counts that the rules do not allow.
    """
    ones = {one.number: one for one in recipe.one_of_ones}
    numbers = [number for number in recipe.numbers if number not in ones]
    assignments = _assign_counts(recipe, numbers)
    check_room(recipe, assignments)
    combinations = _Sampler(recipe, numbers, assignments).run()
    drawn = {
        number: Token(number, traits_of(recipe, values), values)
        for number, values in zip(numbers, combinations, strict=True)
    }
    listed = {number: Token(number, one_traits(one), None, one) for number, one in ones.items()}
    return [drawn.get(number) or listed[number] for number in recipe.numbers]


def traits_of(recipe: Recipe, values: Combination) -> Traits:
    """The traits of a combination."""
    return tuple((axis.name, axis.values[v].name) for axis, v in zip(recipe.axes, values, strict=True))


def one_traits(one: OneOfOne) -> Traits:
    """The traits of a one-of-one; one without any gets the trait 'One of One'."""
    return one.traits or (("One of One", one.name or f"#{one.number}"),)


def combination_of(recipe: Recipe, traits: Traits) -> Combination | None:
    """The combination with these traits; None if they are not exactly one value of each axis."""
    named = dict(traits)
    if set(named) != {axis.name for axis in recipe.axes}:
        return None
    values = [axis.index(named[axis.name]) for axis in recipe.axes]
    return None if None in values else tuple(v for v in values if v is not None)


def combinations_of(recipe: Recipe, assignment: Assignment | None = None, weighted: bool = True) -> Combinations:
    """The combinations that a token with this assignment can have.

    Args:
        assignment: by axis; if not given, the token draws on all axes.
        weighted: whether by the recipe's weights; otherwise each combination weighs 1.
    """
    rows = []
    for k, axis in enumerate(recipe.axes):
        drawable = [Fraction(0) if value.count is not None else value.weight for value in axis.values]
        if assignment is not None and assignment[k] != _FREE:
            drawable = [Fraction(int(v == assignment[k])) for v in range(len(axis.values))]
        rows.append(integer_weights(drawable) if weighted else [int(weight > 0) for weight in drawable])
    return Combinations(rows, recipe.exclusions)


def count_classes(recipe: Recipe) -> Counter[Assignment]:
    """How many of the drawn tokens have each set of values assigned by counts."""
    ones = {one.number for one in recipe.one_of_ones}
    return Counter(_assign_counts(recipe, [number for number in recipe.numbers if number not in ones]))


def check_room(recipe: Recipe, assignments: Sequence[Assignment]) -> None:
    """Raise RecipeError if there are more tokens than unused combinations for them."""
    used = Counter[Assignment]()  # by one-of-ones
    for one in recipe.one_of_ones:
        values = combination_of(recipe, one.traits)
        if values is not None:
            used[_class_of(recipe, values)] += 1
    for values in recipe.taken:
        if not any(all(values[k] in wanted for k, wanted in one.parts) for one in recipe.exclusions):
            used[_class_of(recipe, values)] += 1
    for assignment, needed in Counter(assignments).items():
        try:
            room = combinations_of(recipe, assignment, weighted=False).total - used[assignment]
        except RulesTooComplexError:
            continue  # sampling raises it
        if room < needed:
            named = [
                f"{axis.name} {axis.values[v].name}" for axis, v in zip(recipe.axes, assignment, strict=True) if v >= 0
            ]
            what = f"tokens with {', '.join(named)}" if named else "tokens to draw"
            wrong = f"there are {needed} {what} but only {room} unique combinations under the rules"
            raise RecipeError(f"{recipe.where(recipe.size_line)}: {wrong}; lower size, or add values or axes")


def _class_of(recipe: Recipe, values: Combination) -> Assignment:
    """What counts must have assigned to a token with this combination."""
    return tuple(v if axis.values[v].count is not None else _FREE for axis, v in zip(recipe.axes, values, strict=True))


def _assign_counts(recipe: Recipe, numbers: Sequence[int]) -> list[Assignment]:
    """Assign each value that has a count to as many tokens, in an order shuffled for it alone."""
    assignments = [[_FREE] * len(recipe.axes) for _ in numbers]
    allowed: dict[Assignment, bool] = {}

    def fits(assignment: Assignment) -> bool:
        if assignment not in allowed:
            allowed[assignment] = combinations_of(recipe, assignment, weighted=False).total > 0
        return allowed[assignment]

    every = np.array(numbers, np.uint64)
    for k, axis in enumerate(recipe.axes):
        for v, value in enumerate(axis.values):
            if value.count is None:
                continue
            start = key(recipe.about.seed, "count", axis.name, value.name)
            left = value.count
            for i in np.argsort(bits(start, every, np.zeros_like(every)), kind="stable").tolist():
                assignment = (*assignments[i][:k], v, *assignments[i][k + 1 :])
                if left and assignments[i][k] == _FREE and fits(assignment):
                    assignments[i][k] = v
                    left -= 1
            if left:
                raise RecipeError(
                    f"{recipe.where(value.line)}: {axis.name} {value.name} has a count of {value.count}, "
                    f"but only {value.count - left} tokens can have it; lower it, or change the rules"
                )
    return [tuple(row) for row in assignments]


class _Sampler:
    """Samples all tokens that are not one-of-ones.

    All tokens try at once, and of those that draw the same combination the one with the lowest number keeps it,
    whichever had it first. The result is the same as if the tokens had drawn one after the other.
    """

    def __init__(self, recipe: Recipe, numbers: Sequence[int], assignments: Sequence[Assignment]) -> None:
        self._recipe = recipe
        self._numbers = np.array(numbers, np.uint64)
        self._assignments = assignments
        self._assigned = np.array(assignments, np.int64).reshape(len(numbers), len(recipe.axes))
        self._exclusions = [
            [(axis, _lookup(recipe, axis, values)) for axis, values in exclusion.parts]
            for exclusion in recipe.exclusions
        ]
        # -> index of the token that has it; -1: a one-of-one, or it may not be had
        self._holders: dict[Combination, int] = dict.fromkeys(recipe.taken, -1)
        for one in recipe.one_of_ones:
            values = combination_of(recipe, one.traits)
            if values is not None:
                self._holders[values] = -1

    def run(self) -> list[Combination]:
        """The combination of each token."""
        self._draw_unused(self._try_all())
        found: list[Combination] = [()] * len(self._numbers)
        for values, i in self._holders.items():
            if i >= 0:
                found[i] = values
        return found

    def _try_all(self) -> list[int]:
        """Try until each token has a combination or no tries left; the indices of those without one."""
        tries = [0] * len(self._numbers)
        pending, left = list(range(len(tries))), list[int]()
        while pending:
            candidates = self._candidates(pending, [tries[i] for i in pending])
            excluded = self._is_excluded(candidates).tolist()
            losers = []
            for i, values, refused in zip(pending, map(tuple, candidates.tolist()), excluded, strict=True):
                holder = i if refused else self._holders.get(values)
                if holder is None or (holder > i and not refused):
                    self._holders[values] = i
                if holder is not None:
                    losers.append(max(holder, i))
            pending = []
            for i in losers:
                tries[i] += 1
                (pending if tries[i] < _TRIES else left).append(i)
        return sorted(left)

    def _candidates(self, rows: list[int], tries: list[int]) -> np.ndarray:
        """What these tokens draw at these tries: [N, axes] int64, positions of values."""
        numbers, attempts = self._numbers[rows], np.array(tries, np.uint64)
        found = self._assigned[rows]
        for k, axis in enumerate(self._recipe.axes):
            free = found[:, k] == _FREE
            drawable = [v for v, value in enumerate(axis.values) if value.count is None]
            if not free.any():
                continue
            starts = [key(self._recipe.about.seed, "trait", axis.name, axis.values[v].name) for v in drawable]
            weights = [axis.values[v].weight for v in drawable]
            found[free, k] = np.array(drawable)[weighted_choice(starts, weights, numbers[free], attempts[free])]
        return found

    def _is_excluded(self, candidates: np.ndarray) -> np.ndarray:
        """Which of [N, axes] combinations the rules exclude: [N] bool."""
        excluded = np.zeros(len(candidates), bool)
        for parts in self._exclusions:
            excluded |= np.logical_and.reduce([table[candidates[:, axis]] for axis, table in parts])
        return excluded

    def _draw_unused(self, rows: list[int]) -> None:
        pools: dict[Assignment, Iterator[Combination]] = {}
        for i in rows:
            assignment = self._assignments[i]
            if assignment not in pools:
                pools[assignment] = self._unused(assignment)
            self._holders[next(pools[assignment])] = i

    def _unused(self, assignment: Assignment) -> Iterator[Combination]:
        """Unused combinations, one after the other, drawn by weight."""
        start = key(self._recipe.about.seed, "left", *assignment)
        weighted = combinations_of(self._recipe, assignment)
        if combinations_of(self._recipe, assignment, weighted=False).total <= _MAX_LISTED:
            free = [values for values in weighted if values not in self._holders]
            yield from _without_repeats(start, free, [weighted.weight_of(values) for values in free])
            return
        # There are far more combinations than tokens, but a few have nearly all of the weight, so that tries collide.
        even = combinations_of(self._recipe, assignment, weighted=False)
        for n in range(2**62):
            source = weighted if n % (2 * _TRIES) < _TRIES else even
            values = source.at(randbelow(start, 0, n, source.total))
            if values not in self._holders:
                yield values


def _lookup(recipe: Recipe, axis: int, values: frozenset[int]) -> np.ndarray:
    """[values of the axis] bool: which of them are in `values`."""
    return np.array([v in values for v in range(len(recipe.axes[axis].values))])


def _without_repeats(start: int, items: Sequence[Combination], weights: Sequence[int]) -> Iterator[Combination]:
    """Items drawn by weight without replacement; a Fenwick tree has the sums of the remaining weights."""
    size = len(items)
    sums = [0, *weights]
    for k in range(1, size + 1):
        parent = k + (k & -k)
        if parent <= size:
            sums[parent] += sums[k]
    total = sum(weights)
    for n in range(size):
        rest, k = randbelow(start, 0, n, total), 0
        for step in (1 << b for b in reversed(range(size.bit_length()))):
            if k + step <= size and sums[k + step] <= rest:
                k += step
                rest -= sums[k]
        yield items[k]
        total -= weights[k]
        place = k + 1
        while place <= size:
            sums[place] -= weights[k]
            place += place & -place
