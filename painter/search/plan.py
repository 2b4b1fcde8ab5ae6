"""The plan of a search: how many strokes each level gets, how large they are, where all the steps go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from painter.options.paint import MAX_ITERATIONS, PaintConfig
from painter.search.config import Level, SearchConfig

LARGEST = 0.6  # of any planned stroke, in longer sides
SIDE_STEP = 32  # sides of canvases are multiples of this, pixels


@dataclass(frozen=True)
class PlannedLevel:
    """A level with its numbers worked out for one painting."""

    count: int  # strokes to add
    size: float  # of a stroke (root of length times width), canvas units
    side: int  # long side of the canvas it is optimised on, pixels
    steps: int  # of gradient descent after adding


@dataclass(frozen=True)
class Plan:
    """Everything a search will do, in this order. All steps together are the iterations that were asked for."""

    levels: tuple[PlannedLevel, ...]
    likely: int  # steps that there will be: what the rounds, the places and the rates go with
    moved: int  # weakest strokes that are placed again in each round
    places: int  # that are tried for each new stroke
    move_steps: tuple[int, ...]  # of gradient descent after each round
    move_sides: tuple[int, ...]  # long side of the canvas of each, pixels
    full_steps: int  # at full size
    last_steps: int  # with strokes as the engine draws them
    full_side: int  # long side of the canvas of both, pixels


def make_plan(
    strokes: int, iterations: int, search: SearchConfig, levels: int | None = None, seconds: float | None = None
) -> Plan:
    """Plan for exactly `strokes` strokes and exactly `iterations` steps.

    Sizes go with the root of the count, so that each level covers the canvas as often at any count. Levels that would
    get no stroke are left out, and so are the moves when they would move none or no step follows.

    Args:
        levels: how many from coarse to fine; as many as `search` has if not given.
        seconds: that the search may take. No more rounds and places are planned than go with the steps that fit in.
    """
    likely = iterations
    if seconds is not None:
        likely = min(iterations, steps_within(seconds, search, strokes, search.likely_a_second))
    wanted = spread_levels(search.levels, levels or len(search.levels))
    counts = split(strokes, [level.share for level in wanted])
    growth = (search.reference_strokes / strokes) ** 0.5
    taken = [(level, count) for level, count in zip(wanted, counts, strict=True) if count]
    moved = round(search.move_share * strokes) if iterations else 0
    rounds = round(search.move_rounds * likely**0.5) if moved else 0
    one = 1 / max(1, iterations)  # where there are hardly any steps, each level has one all the same
    shares = [max(level.steps, one) for level, _ in taken] + [search.move_steps / max(1, rounds)] * rounds
    steps = split(iterations, [*shares, search.full_steps, search.last_steps])
    if steps[-1] < search.least_last_steps:  # not worth painting the engine's maps for
        steps[-2:] = [steps[-2] + steps[-1], 0]
    smallest, full_rounds = taken[-1][0].size * growth, round(search.full_moves * rounds)
    full_side = _side_for(smallest, search.full_pixels, *search.full_sides)
    return Plan(
        levels=tuple(
            PlannedLevel(count, min(LARGEST, level.size * growth), level.side, spent)
            for (level, count), spent in zip(taken, steps, strict=False)
        ),
        likely=likely,
        moved=moved,
        places=max(search.least_places, round(search.places * likely**0.5)),
        move_steps=tuple(steps[len(taken) : -2]),
        move_sides=(
            *(
                _side_for(smallest, float(pixels), search.move_side, search.full_sides[1])
                for pixels in np.linspace(*search.move_pixels, rounds - full_rounds)
            ),
            *[full_side] * full_rounds,
        ),
        full_steps=steps[-2],
        last_steps=steps[-1],
        full_side=full_side,
    )


def planned_iterations(config: PaintConfig, search: SearchConfig, strokes: int, part: float = 1.0) -> int:
    """Steps to plan for a search for so many strokes, which may take this part of `config.seconds`."""
    if isinstance(config.iterations, int):
        return config.iterations
    if config.seconds is None:
        return search.usual_iterations
    return steps_within(part * config.seconds, search, strokes, search.iterations_a_second)


def steps_within(seconds: float, search: SearchConfig, strokes: int, a_second: float) -> int:
    """Steps of a search for so many strokes in this time; at least one, and no more than may be asked for.

    Args:
        a_second: how many of a search for `reference_strokes`.
    """
    faster = (search.reference_strokes / strokes) ** search.slowing
    return int(min(max(1, round(a_second * faster * seconds)), MAX_ITERATIONS))


def _side_for(size: float, pixels: float, least: int, most: int) -> int:
    """Long side of the canvas on which strokes of this size (canvas units) are `pixels` large, within limits."""
    return min(max(SIDE_STEP * round(pixels / size / SIDE_STEP), least), most)


def spread_levels(levels: Sequence[Level], count: int) -> list[Level]:
    """`count` levels from coarse to fine, spread evenly over the given ones; together they get the same steps."""
    if count == len(levels):
        return list(levels)
    at = (np.arange(count) + 0.5) * len(levels) / count - 0.5

    def between(values: Sequence[float]) -> np.ndarray:
        return np.exp(np.interp(at, np.arange(len(levels)), np.log(values)))

    share, steps = between([level.share for level in levels]), between([level.steps for level in levels])
    steps = steps * (sum(level.steps for level in levels) / steps.sum())
    sizes, sides = between([level.size for level in levels]), between([level.side for level in levels])
    sides = SIDE_STEP * np.rint(sides / SIDE_STEP)
    return [Level(float(share[k]), float(sizes[k]), int(sides[k]), float(steps[k])) for k in range(count)]


def split(total: int, shares: Sequence[float]) -> list[int]:
    """Whole parts of `total` in proportion to `shares`, adding up to it exactly (largest remainders, first wins)."""
    quotas = [total * share / sum(shares) for share in shares]
    parts = [int(quota) for quota in quotas]
    order = sorted(range(len(quotas)), key=lambda k: (parts[k] - quotas[k], k))
    for k in order[: total - sum(parts)]:
        parts[k] += 1
    return parts
