"""Which traits each token has: drawn from the collection's seed and the token's number, no two tokens alike.

A token tries: each axis draws a value by weight (see `chance`), anew at every try. It takes the first combination that
the rules allow and that no token with a lower number takes. Redrawing whole combinations keeps the weights as they are
among allowed ones; that tokens must differ bends them where a collection takes many of the combinations that there are.
A token whose tries are used up draws from the combinations that nobody has, by weight: so a collection may take all.

A value with a `count` is given to that many tokens first, whose place in a shuffle of their own decides; they draw the
rest as others do.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from painter.batch.collection.combinations import Combination, Combinations, TangledRulesError, whole_weights
from painter.batch.collection.recipe import OneOfOne, Recipe, Traits
from painter.batch.collection.rng import below, bits, key, pick
from painter.errors import RecipeError

_TRIES = 64  # before a token draws from what is left
_LISTED = 2_000_000  # combinations that may be listed to see which are left
_FREE = -1  # on this axis a token draws

Fixed = tuple[int, ...]
"""For each axis the value that a count has given a token, or _FREE."""


@dataclass(frozen=True)
class Token:
    """One of the collection, before it is painted."""

    number: int
    traits: Traits
    values: Combination | None  # by position along the recipe's axes; None for a one-of-one
    one: OneOfOne | None = None

    @property
    def dna(self) -> str:
        """SHA-1 over the traits, sorted by name, as JSON without spaces: [["Style","Oil"],…]."""
        text = json.dumps(sorted(map(list, self.traits)), ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def draw_tokens(recipe: Recipe) -> list[Token]:
    """All tokens, by number.

    Raises:
        RecipeError: more are asked for than there can be.
    """
    ones = {one.number: one for one in recipe.ones}
    numbers = [number for number in recipe.numbers if number not in ones]
    fixed = _give_counted(recipe, numbers)
    check_room(recipe, fixed)
    combinations = _Drawing(recipe, numbers, fixed).run()
    drawn = {
        number: Token(number, traits_of(recipe, values), values)
        for number, values in zip(numbers, combinations, strict=True)
    }
    said = {number: Token(number, one_traits(one), None, one) for number, one in ones.items()}
    return [drawn.get(number) or said[number] for number in recipe.numbers]


def traits_of(recipe: Recipe, values: Combination) -> Traits:
    """The traits that a combination stands for."""
    return tuple((axis.name, axis.values[v].name) for axis, v in zip(recipe.axes, values, strict=True))


def one_traits(one: OneOfOne) -> Traits:
    """A one-of-one's traits; one that has none is at least that."""
    return one.traits or (("One of One", one.name or f"#{one.number}"),)


def combination_of(recipe: Recipe, traits: Traits) -> Combination | None:
    """The combination that has these traits; None if they are not one value of each axis."""
    named = dict(traits)
    if set(named) != {axis.name for axis in recipe.axes}:
        return None
    values = [axis.index(named[axis.name]) for axis in recipe.axes]
    return None if None in values else tuple(v for v in values if v is not None)


def combinations_of(recipe: Recipe, fixed: Fixed | None = None, weighted: bool = True) -> Combinations:
    """The combinations that a token can have to which counts have given `fixed`.

    Args:
        fixed: by axis; all free if not given.
        weighted: by the recipe's weights; else each counts once.
    """
    rows = []
    for k, axis in enumerate(recipe.axes):
        drawable = [Fraction(0) if value.count is not None else value.weight for value in axis.values]
        if fixed is not None and fixed[k] != _FREE:
            drawable = [Fraction(int(v == fixed[k])) for v in range(len(axis.values))]
        rows.append(whole_weights(drawable) if weighted else [int(weight > 0) for weight in drawable])
    return Combinations(rows, recipe.bans)


def classes(recipe: Recipe) -> Counter[Fixed]:
    """How many of the tokens that are drawn have been given each set of values by counts."""
    ones = {one.number for one in recipe.ones}
    return Counter(_give_counted(recipe, [number for number in recipe.numbers if number not in ones]))


def check_room(recipe: Recipe, fixed: Sequence[Fixed]) -> None:
    """Raise RecipeError if there are more tokens than combinations."""
    taken = Counter[Fixed]()  # by one-of-ones
    for one in recipe.ones:
        values = combination_of(recipe, one.traits)
        if values is not None:
            taken[_class_of(recipe, values)] += 1
    for given, needed in Counter(fixed).items():
        try:
            room = combinations_of(recipe, given, weighted=False).total - taken[given]
        except TangledRulesError:
            continue  # it shows in the drawing
        if room < needed:
            named = [f"{axis.name} {axis.values[v].name}" for axis, v in zip(recipe.axes, given, strict=True) if v >= 0]
            what = f"tokens with {', '.join(named)}" if named else "tokens to draw"
            told = f"there are {needed} {what} but only {room} unique combinations under the rules"
            raise RecipeError(f"{recipe.where(recipe.size_line)}: {told}; lower size, or add values or axes")


def _class_of(recipe: Recipe, values: Combination) -> Fixed:
    """What counts must have given a token that has this combination."""
    return tuple(v if axis.values[v].count is not None else _FREE for axis, v in zip(recipe.axes, values, strict=True))


def _give_counted(recipe: Recipe, numbers: Sequence[int]) -> list[Fixed]:
    """Give each value that has a count to as many tokens, in an order drawn for it alone."""
    fixed = [[_FREE] * len(recipe.axes) for _ in numbers]
    allowed: dict[Fixed, bool] = {}

    def fits(given: Fixed) -> bool:
        if given not in allowed:
            allowed[given] = combinations_of(recipe, given, weighted=False).total > 0
        return allowed[given]

    every = np.array(numbers, np.uint64)
    for k, axis in enumerate(recipe.axes):
        for v, value in enumerate(axis.values):
            if value.count is None:
                continue
            start = key(recipe.about.seed, "count", axis.name, value.name)
            left = value.count
            for i in np.argsort(bits(start, every, np.zeros_like(every)), kind="stable").tolist():
                given = (*fixed[i][:k], v, *fixed[i][k + 1 :])
                if left and fixed[i][k] == _FREE and fits(given):
                    fixed[i][k] = v
                    left -= 1
            if left:
                raise RecipeError(
                    f"{recipe.where(value.line)}: {axis.name} {value.name} has a count of {value.count}, "
                    f"but only {value.count - left} tokens can have it; lower it, or change the rules"
                )
    return [tuple(row) for row in fixed]


class _Drawing:
    """The draw of all tokens that are not said.

    Every token goes through its tries in order, and of those that meet in a combination the lowest number keeps it,
    whoever came first. What comes out is the same as if each in turn had taken what those before it left.
    """

    def __init__(self, recipe: Recipe, numbers: Sequence[int], fixed: Sequence[Fixed]) -> None:
        self._recipe = recipe
        self._numbers = np.array(numbers, np.uint64)
        self._fixed = fixed
        self._given = np.array(fixed, np.int64).reshape(len(numbers), len(recipe.axes))
        self._bans = [[(axis, _lookup(recipe, axis, values)) for axis, values in ban.parts] for ban in recipe.bans]
        self._holders: dict[Combination, int] = {}  # which token has it; -1, a one-of-one, is never ousted
        for one in recipe.ones:
            values = combination_of(recipe, one.traits)
            if values is not None:
                self._holders[values] = -1

    def run(self) -> list[Combination]:
        """The combination of each token."""
        self._take_leftovers(self._try_all())
        found: list[Combination] = [()] * len(self._numbers)
        for values, i in self._holders.items():
            if i >= 0:
                found[i] = values
        return found

    def _try_all(self) -> list[int]:
        """Try until everybody has a combination or no try left; those who have none."""
        tries = [0] * len(self._numbers)
        pending, left = list(range(len(tries))), list[int]()
        while pending:
            candidates = self._candidates(pending, [tries[i] for i in pending])
            banned = self._banned(candidates).tolist()
            losers = []
            for i, values, bad in zip(pending, map(tuple, candidates.tolist()), banned, strict=True):
                holder = i if bad else self._holders.get(values)
                if holder is None or (holder > i and not bad):
                    self._holders[values] = i
                if holder is not None:
                    losers.append(max(holder, i))
            pending = []
            for i in losers:
                tries[i] += 1
                (pending if tries[i] < _TRIES else left).append(i)
        return sorted(left)

    def _candidates(self, rows: list[int], tries: list[int]) -> np.ndarray:
        """What these tokens draw at these tries: [N, axes] int64."""
        numbers, attempts = self._numbers[rows], np.array(tries, np.uint64)
        found = self._given[rows]
        for k, axis in enumerate(self._recipe.axes):
            free = found[:, k] == _FREE
            drawable = [v for v, value in enumerate(axis.values) if value.count is None]
            if not free.any():
                continue
            starts = [key(self._recipe.about.seed, "trait", axis.name, axis.values[v].name) for v in drawable]
            weights = [axis.values[v].weight for v in drawable]
            found[free, k] = np.array(drawable)[pick(starts, weights, numbers[free], attempts[free])]
        return found

    def _banned(self, candidates: np.ndarray) -> np.ndarray:
        """Which of [N, axes] combinations the rules forbid: [N] bool."""
        banned = np.zeros(len(candidates), bool)
        for parts in self._bans:
            banned |= np.logical_and.reduce([table[candidates[:, axis]] for axis, table in parts])
        return banned

    def _take_leftovers(self, rows: list[int]) -> None:
        pools: dict[Fixed, Iterator[Combination]] = {}
        for i in rows:
            given = self._fixed[i]
            if given not in pools:
                pools[given] = self._leftovers(given)
            self._holders[next(pools[given])] = i

    def _leftovers(self, given: Fixed) -> Iterator[Combination]:
        """Combinations that nobody has, one by one, drawn by weight."""
        start = key(self._recipe.about.seed, "left", *given)
        weighted = combinations_of(self._recipe, given)
        if combinations_of(self._recipe, given, weighted=False).total <= _LISTED:
            free = [values for values in weighted if values not in self._holders]
            yield from _without_repeats(start, free, [weighted.weight_of(values) for values in free])
            return
        # There are far more than tokens, but a few outweigh the others by so much that tries keep meeting in them.
        even = combinations_of(self._recipe, given, weighted=False)
        for n in range(2**62):
            source = weighted if n % (2 * _TRIES) < _TRIES else even
            values = source.at(below(start, 0, n, source.total))
            if values not in self._holders:
                yield values


def _lookup(recipe: Recipe, axis: int, values: frozenset[int]) -> np.ndarray:
    """[values of the axis] bool: which are in `values`."""
    return np.array([v in values for v in range(len(recipe.axes[axis].values))])


def _without_repeats(start: int, items: Sequence[Combination], weights: Sequence[int]) -> Iterator[Combination]:
    """Items drawn by weight, none twice: a Fenwick tree has the sums of the weights that are left."""
    size = len(items)
    sums = [0, *weights]
    for k in range(1, size + 1):
        parent = k + (k & -k)
        if parent <= size:
            sums[parent] += sums[k]
    total = sum(weights)
    for n in range(size):
        rest, k = below(start, 0, n, total), 0
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
