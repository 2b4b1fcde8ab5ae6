"""All combinations of traits that the rules allow: how many there are, how likely each value is, and the n-th of them.

They need not be listed for that. Axes are gone through one by one, those that most rules speak of first; all that
matters of the values so far is which bans may still come true, so combinations that agree in that are counted together.
Numbers are whole (weights are scaled to be), so counts and chances are exact, however large.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

from painter.batch.collection.recipe import Exclusion
from painter.errors import RecipeError

Combination = tuple[int, ...]
"""A value of each axis, by position."""

_State = frozenset[int]  # the bans, by position, whose parts have all come true so far
MOST_STATES = 20_000  # of one axis; beyond that rules hang together too much to be counted


class TangledRulesError(RecipeError):
    """Rules that hang together so much that combinations under them cannot be counted."""


class Combinations:
    """The combinations of values with weights above 0 that no ban forbids.

    >>> two = Combinations([[3, 1], [1, 1]], [Ban(((0, frozenset({1})), (1, frozenset({0}))))])
    >>> two.total, two.shares()[1]
    (7, [Fraction(3, 7), Fraction(4, 7)])
    >>> [two.at(n) for n in range(7)]
    [(0, 0), (0, 0), (0, 0), (0, 1), (0, 1), (0, 1), (1, 1)]
    >>> list(two)
    [(0, 0), (0, 1), (1, 1)]

    Args:
        weights: for each axis those of its values, at least 0. A combination weighs their product; with 1 everywhere
            `total` is how many there are.
        bans: what is forbidden.

    Raises:
        TangledRulesError: there are too many to tell apart.
    """

    def __init__(self, weights: Sequence[Sequence[int]], bans: Sequence[Exclusion]) -> None:
        busy = [sum(axis in dict(ban.parts) for ban in bans) for axis in range(len(weights))]
        # In this order axes are gone through: where one is in many rules, its value soon decides which of them matter.
        self._order = sorted(range(len(weights)), key=lambda axis: (-busy[axis], axis))
        self._place = [self._order.index(axis) for axis in range(len(weights))]
        self._weights = [list(weights[axis]) for axis in self._order]
        self._bans = [{self._place[axis]: values for axis, values in ban.parts} for ban in bans]
        self._begins: list[list[int]] = [[] for _ in weights]  # for each axis the bans whose first part it is
        self._goes_on: list[list[int]] = [[] for _ in weights]  # and those that had one before
        self._ends = [max(ban) for ban in self._bans]  # the axis of the last part
        for b, ban in enumerate(self._bans):
            first, *others = sorted(ban)
            self._begins[first].append(b)
            for axis in others:
                self._goes_on[axis].append(b)
        self._steps: list[dict[_State, list[_State | None]]] = []  # axis -> state -> value -> next state, None: banned
        self._walk()
        self._left = self._weigh()  # axis -> state -> weight of all that may follow; one more than there are axes
        self.total = self._left[0].get(frozenset(), 0)

    def _walk(self) -> None:
        """All states, forwards."""
        states: set[_State] = {frozenset()}
        for axis, row in enumerate(self._weights):
            steps = {s: [self._next(s, axis, v) if row[v] else None for v in range(len(row))] for s in states}
            self._steps.append(steps)
            states = {state for following in steps.values() for state in following if state is not None}
            if len(states) > MOST_STATES:
                raise TangledRulesError("the rules hang together too much to count what they allow; use fewer")

    def _next(self, state: _State, axis: int, value: int) -> _State | None:
        """The state after this value; None if it makes a ban come true."""
        alive = {b for b in state if axis not in self._bans[b]}
        for b in self._begins[axis] + [b for b in self._goes_on[axis] if b in state]:
            if value in self._bans[b][axis]:
                if self._ends[b] == axis:
                    return None
                alive.add(b)
        return frozenset(alive)

    def _weigh(self) -> list[dict[_State, int]]:
        """What may follow each state, backwards."""
        left: list[dict[_State, int]] = [{frozenset(): 1}]
        for axis in reversed(range(len(self._weights))):
            row, after = self._weights[axis], left[0]
            left.insert(0, {
                state: sum(w * after[s] for w, s in zip(row, following, strict=True) if s is not None)
                for state, following in self._steps[axis].items()
            })  # fmt: skip
        return left

    def shares(self) -> list[list[Fraction]]:
        """For each axis how likely each value is in a combination drawn by weight. `total` must not be 0."""
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
        """The combination at `n`, 0 to `total` - 1; each has as many places as it weighs."""
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
        return self._in_their_order(found)

    def _in_their_order(self, found: Sequence[int]) -> Combination:
        return tuple(found[place] for place in self._place)

    def weight_of(self, combination: Combination) -> int:
        """What a combination weighs."""
        return math.prod(row[combination[axis]] for row, axis in zip(self._weights, self._order, strict=True))

    def __iter__(self) -> Iterator[Combination]:
        """All of them."""
        yield from self._from(0, frozenset(), ())

    def _from(self, axis: int, state: _State, so_far: Combination) -> Iterator[Combination]:
        if axis == len(self._weights):
            yield self._in_their_order(so_far)
            return
        for v, following in enumerate(self._steps[axis][state]):
            if following is not None and self._left[axis + 1][following]:
                yield from self._from(axis + 1, following, (*so_far, v))


def whole_weights(weights: Sequence[Fraction]) -> list[int]:
    """The same proportions in whole numbers."""
    scale = math.lcm(*(weight.denominator for weight in weights))
    whole = [int(weight * scale) for weight in weights]
    divisor = math.gcd(*whole) or 1
    return [weight // divisor for weight in whole]
