"""The combinations of traits that the rules allow: how many there are, how likely each value is, and the n-th of them.

They are counted without listing them, by dynamic programming over the axes, those in most rules first. The state after
an axis is the set of exclusions that the values so far match and that later values may complete; combinations with the
same state are counted together. Weights are scaled to integers, so counts and probabilities are exact, however large.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

from painter.batch.collection.recipe import Exclusion
from painter.errors import RecipeError

Combination = tuple[int, ...]
"""A value of each axis, by position."""

_State = frozenset[int]  # the exclusions, by position, that all values so far match
MAX_STATES = 20_000  # after one axis; with more, counting would take too much time and memory


class RulesTooComplexError(RecipeError):
    """Rules that connect so many axes that their combinations cannot be counted."""


class Combinations:
    """The combinations of values with weights above 0 that no exclusion matches.

    >>> two = Combinations([[3, 1], [1, 1]], [Exclusion(((0, frozenset({1})), (1, frozenset({0}))))])
    >>> two.total, two.shares()[1]
    (7, [Fraction(3, 7), Fraction(4, 7)])
    >>> [two.at(n) for n in range(7)]
    [(0, 0), (0, 0), (0, 0), (0, 1), (0, 1), (0, 1), (1, 1)]
    >>> list(two)
    [(0, 0), (0, 1), (1, 1)]

    Args:
        weights: for each axis the weights of its values, at least 0. A combination's weight is their product; with 1
            everywhere `total` is the number of combinations.
        exclusions: the combinations that are not allowed.

    Raises:
        RulesTooComplexError: there are more than MAX_STATES states after an axis.
    """

    def __init__(self, weights: Sequence[Sequence[int]], exclusions: Sequence[Exclusion]) -> None:
        rules_of = [sum(axis in dict(exclusion.parts) for exclusion in exclusions) for axis in range(len(weights))]
        # The order of axes: values of those in many rules, taken first, soon decide which exclusions can still match.
        self._order = sorted(range(len(weights)), key=lambda axis: (-rules_of[axis], axis))
        self._place = [self._order.index(axis) for axis in range(len(weights))]
        self._weights = [list(weights[axis]) for axis in self._order]
        self._exclusions = [{self._place[axis]: values for axis, values in exclusion.parts} for exclusion in exclusions]
        self._begins: list[list[int]] = [[] for _ in weights]  # for each axis the exclusions that begin with it
        self._continues: list[list[int]] = [[] for _ in weights]  # and those that have it after another axis
        self._ends = [max(exclusion) for exclusion in self._exclusions]  # for each exclusion its last axis
        for b, exclusion in enumerate(self._exclusions):
            first, *others = sorted(exclusion)
            self._begins[first].append(b)
            for axis in others:
                self._continues[axis].append(b)
        self._steps: list[dict[_State, list[_State | None]]] = []  # axis -> state -> value -> next state or None
        self._walk()
        self._left = self._weigh()  # axis -> state -> total weight of the allowed rest; has one entry more than axes
        self.total = self._left[0].get(frozenset(), 0)

    def _walk(self) -> None:
        """Find all states, forwards."""
        states: set[_State] = {frozenset()}
        for axis, row in enumerate(self._weights):
            steps = {s: [self._next(s, axis, v) if row[v] else None for v in range(len(row))] for s in states}
            self._steps.append(steps)
            states = {state for following in steps.values() for state in following if state is not None}
            if len(states) > MAX_STATES:
                raise RulesTooComplexError("the rules connect too many axes to count combinations; use fewer rules")

    def _next(self, state: _State, axis: int, value: int) -> _State | None:
        """The state after this value; None if it completes an exclusion."""
        alive = {b for b in state if axis not in self._exclusions[b]}
        for b in self._begins[axis] + [b for b in self._continues[axis] if b in state]:
            if value in self._exclusions[b][axis]:
                if self._ends[b] == axis:
                    return None
                alive.add(b)
        return frozenset(alive)

    def _weigh(self) -> list[dict[_State, int]]:
        """The total weight of what may follow each state, backwards."""
        left: list[dict[_State, int]] = [{frozenset(): 1}]
        for axis in reversed(range(len(self._weights))):
            row, after = self._weights[axis], left[0]
            left.insert(0, {
                state: sum(w * after[s] for w, s in zip(row, following, strict=True) if s is not None)
                for state, following in self._steps[axis].items()
            })  # fmt: skip
        return left

    def shares(self) -> list[list[Fraction]]:
        """For each axis the probability of each value in a combination drawn by weight. `total` must not be 0."""
        so_far: dict[_State, int] = {frozenset(): 1}
        result = []
        for axis, row in enumerate(self._weights):
            sums, then = [0] * len(row), dict.fromkeys(self._left[axis + 1], 0)
            for state, weight in so_far.items():
                for v, following in enumerate(self._steps[axis][state]):
                    if following is not None:
                        then[following] += weight * row[v]
                        sums[v] += weight * row[v] * self._left[axis + 1][following]
            so_far = {state: weight for state, weight in then.items() if weight}
            result.append([Fraction(part, self.total) for part in sums])
        return [result[place] for place in self._place]

    def at(self, n: int) -> Combination:
        """The combination with index `n` in [0, total); each one has as many indices as its weight."""
        state: _State = frozenset()
        found = []
        for axis, row in enumerate(self._weights):
            for v, following in enumerate(self._steps[axis][state]):
                weight = 0 if following is None else row[v] * self._left[axis + 1][following]
                if n < weight:
                    break
                n -= weight
            assert following is not None
            n //= row[v]
            found.append(v)
            state = following
        return self._in_recipe_order(found)

    def _in_recipe_order(self, found: Sequence[int]) -> Combination:
        return tuple(found[place] for place in self._place)

    def weight_of(self, combination: Combination) -> int:
        """The weight of a combination."""
        return math.prod(row[combination[axis]] for row, axis in zip(self._weights, self._order, strict=True))

    def __iter__(self) -> Iterator[Combination]:
        """All combinations, without repeats."""
        yield from self._from(0, frozenset(), ())

    def _from(self, axis: int, state: _State, so_far: Combination) -> Iterator[Combination]:
        if axis == len(self._weights):
            yield self._in_recipe_order(so_far)
            return
        for v, following in enumerate(self._steps[axis][state]):
            if following is not None and self._left[axis + 1][following]:
                yield from self._from(axis + 1, following, (*so_far, v))


def integer_weights(weights: Sequence[Fraction]) -> list[int]:
    """The smallest integers in the same proportions."""
    scale = math.lcm(*(weight.denominator for weight in weights))
    scaled = [int(weight * scale) for weight in weights]
    divisor = math.gcd(*scaled) or 1
    return [weight // divisor for weight in scaled]
