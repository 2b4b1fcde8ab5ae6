"""The plan of a search: how many strokes each level gets, how large they are, where all the steps go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from painter.config import SearchConfig

LARGEST = 0.6  # of any planned stroke, in longer sides


@dataclass(frozen=True)
class PlannedLevel:
    """A level with its numbers worked out for one painting."""

    count: int  # strokes to add
    size: float  # of a stroke, canvas units
    side: int  # long side of the canvas it is optimised on, pixels
    steps: int  # of gradient descent after adding


@dataclass(frozen=True)
class Plan:
    """Everything a search will do, in this order. All steps together are the iterations that were asked for."""

    levels: tuple[PlannedLevel, ...]
    moved: int  # weakest strokes that are placed anew in each round
    move_steps: tuple[int, ...]  # of gradient descent after each round
    full_steps: int  # at full size, at the end


def make_plan(strokes: int, iterations: int, search: SearchConfig) -> Plan:
    """Plan for exactly `strokes` strokes and exactly `iterations` steps.

    Sizes go with the root of the count, so that each level covers the canvas as often at any count. Levels that would
    get no stroke are left out, and so are the moves when they would move none or no step follows.
    """
    counts = split(strokes, [level.share for level in search.levels])
    growth = (search.reference_strokes / strokes) ** 0.5
    levels = [(level, count) for level, count in zip(search.levels, counts, strict=True) if count]
    moved = int(search.move_share * strokes) if iterations else 0
    rounds = search.move_rounds if moved else 0
    shares = [level.steps for level, _ in levels] + [search.move_steps] * rounds
    steps = split(iterations, [*shares, search.full_steps])
    return Plan(
        tuple(
            PlannedLevel(count, min(LARGEST, level.size * growth), level.side, taken)
            for (level, count), taken in zip(levels, steps, strict=False)
        ),
        moved,
        tuple(steps[len(levels) : -1]),
        steps[-1],
    )


def split(total: int, shares: Sequence[float]) -> list[int]:
    """Whole parts of `total` in proportion to `shares`, adding up to it exactly (largest remainders, first wins)."""
    quotas = [total * share / sum(shares) for share in shares]
    parts = [int(quota) for quota in quotas]
    order = sorted(range(len(quotas)), key=lambda k: (parts[k] - quotas[k], k))
    for k in order[: total - sum(parts)]:
        parts[k] += 1
    return parts
