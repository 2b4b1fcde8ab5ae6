"""How many strokes each level gets, and how large they are."""

from __future__ import annotations

from dataclasses import dataclass

from painter.config import SearchConfig


@dataclass(frozen=True)
class PlannedLevel:
    """A level with its numbers worked out for one painting."""

    count: int  # strokes to add
    size: float  # of a stroke, canvas units
    side: int  # long side of the canvas it is optimised on, pixels
    steps: int  # of gradient descent after adding


def plan_levels(strokes: int, iterations: int, search: SearchConfig) -> list[PlannedLevel]:
    """Split exactly `strokes` over the levels (largest remainders, coarse first); levels left empty are dropped.

    Sizes go with the root of the count, so that each level covers the canvas as often at any count.
    """
    quotas = [level.share * strokes for level in search.levels]
    counts = [int(quota) for quota in quotas]
    order = sorted(range(len(quotas)), key=lambda k: (counts[k] - quotas[k], k))
    for k in order[: strokes - sum(counts)]:
        counts[k] += 1
    growth = (search.reference_strokes / strokes) ** 0.5
    return [
        PlannedLevel(count, min(0.6, level.size * growth), level.side, round(level.steps * iterations))
        for level, count in zip(search.levels, counts, strict=True)
        if count
    ]
