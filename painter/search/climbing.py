"""Finds where new strokes gain most: hill climbing on candidates, which are then taken best first.

Hill climbing on shapes whose colours are solved for is the way of github.com/fogleman/primitive; here what a shape
gains comes from running sums (`painter.search.candidates`), so hundreds of steps are taken for each of many places.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from painter.search.candidates import (
    ANGLE,
    BEND,
    LENGTH,
    MOMENTS,
    NOTHING,
    WIDTH,
    Scene,
    X,
    Y,
    fit_colors,
    gain,
    lay_candidate,
)
from renderers.jit import inlined, kernel
from renderers.threads import share

WIDEST, NARROWEST = 1.5, 0.15  # a random step, against the first
WIDER, NARROWER = 1.3, 0.97  # it becomes so after one that gained, and after one that did not
PLACE, TURN, SIDES, END, CURVE, BENT = 0.35, 0.4, 0.3, 0.5, 0.05, 0.1  # of a step of 1, see `_change`
BLOCK = 64  # candidates whose best gain is remembered
AGAIN = 0.25  # of the first steps are taken again, where other strokes have changed what a candidate gains


class Bounds(NamedTuple):
    """What candidates may be; lengths in pixels."""

    shortest: float  # of length and width
    longest: float
    smallest: float  # root of length times width
    largest: float
    stoutest: float  # length over width, least and greatest
    slimmest: float
    bend: float  # greatest, over the length; 0: straight
    bend_by_slimness: float  # greatest, over length over width


def best_candidates(
    scene: Scene, seeds: np.ndarray, count: int, tries: int, bounds: Bounds, seed: int, gradient: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The best `count` candidates of those that grow from `seeds`, laid onto the scene's canvas one after the other.

    Args:
        scene: changed.
        seeds: [M, 6] float64, M >= count, as `painter.search.candidates` has candidates.
        tries: steps of hill climbing for each.
        seed: of the random steps. Results do not depend on the number of threads.
        gradient: whether a stroke has a colour at each end.

    Returns:
        [count, 6] float64 as seeds, in the order in which they were laid; [count, 2, 3] colours at start and end.
    """
    found = seeds.astype(np.float64)
    states = (np.arange(1, len(seeds) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) ^ np.uint64(seed)
    gains = np.empty(len(seeds))
    share(lambda mine, step: _climb_all(mine, step, scene, found, gains, states, tries, bounds))
    chosen, colors = np.empty((count, 6)), np.empty((count, 2, 3))
    _choose(scene, found, gains, states, math.ceil(AGAIN * tries), bounds, gradient, chosen, colors)
    return chosen, colors


@kernel
def _fit_bounds(candidate: np.ndarray, bounds: Bounds, height: int, width: int) -> None:
    """Bring a candidate onto the canvas and within its bounds; the size is the last word."""
    candidate[X] = min(max(candidate[X], 0.0), float(width))
    candidate[Y] = min(max(candidate[Y], 0.0), float(height))
    candidate[LENGTH] = min(max(candidate[LENGTH], bounds.shortest), bounds.longest)
    least = max(bounds.shortest, candidate[LENGTH] / bounds.slimmest)
    candidate[WIDTH] = min(max(candidate[WIDTH], least), candidate[LENGTH] / bounds.stoutest)
    bend = min(bounds.bend, bounds.bend_by_slimness * candidate[LENGTH] / candidate[WIDTH])
    candidate[BEND] = min(max(candidate[BEND], -bend), bend)
    size = math.sqrt(candidate[LENGTH] * candidate[WIDTH])
    factor = min(max(size, bounds.smallest), bounds.largest) / size
    candidate[LENGTH] *= factor
    candidate[WIDTH] *= factor


@inlined
def _uniform(states: np.ndarray, m: int) -> float:
    """A random number in [0, 1) (splitmix64: Steele, Lea, Flood 2014)."""
    states[m] += np.uint64(0x9E3779B97F4A7C15)
    z = states[m]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) / 9007199254740992.0


@inlined
def _normal(states: np.ndarray, m: int) -> float:
    """A random number of mean 0 and variance 1, nearly normal: a sum of three uniform ones."""
    return (_uniform(states, m) + _uniform(states, m) + _uniform(states, m) - 1.5) * 2.0


@kernel
def _change(candidate: np.ndarray, step: float, states: np.ndarray, m: int, bends: bool) -> None:
    """Change a candidate at random: its place, its angle, its sides, all of these, one of its ends, or its bend."""
    kind = int(_uniform(states, m) * (6 if bends else 5))
    cosine, sine = math.cos(candidate[ANGLE]), math.sin(candidate[ANGLE])
    if kind == 0 or kind == 3:
        along = _normal(states, m) * step * PLACE * candidate[LENGTH]
        across = _normal(states, m) * step * PLACE * candidate[WIDTH]
        candidate[X] += along * cosine - across * sine
        candidate[Y] += along * sine + across * cosine
    if kind == 1 or kind == 3:
        candidate[ANGLE] += _normal(states, m) * step * TURN
    if kind == 2 or kind == 3:
        candidate[LENGTH] *= math.exp(_normal(states, m) * step * SIDES)
        candidate[WIDTH] *= math.exp(_normal(states, m) * step * SIDES)
    if kind == 4:
        longer = candidate[LENGTH] * (math.exp(_normal(states, m) * step * END) - 1)
        side = 0.5 if _uniform(states, m) < 0.5 else -0.5
        candidate[LENGTH] += longer
        candidate[X] += side * longer * cosine
        candidate[Y] += side * longer * sine
    if kind == 5:
        candidate[BEND] += _normal(states, m) * step * CURVE
        candidate[ANGLE] += _normal(states, m) * step * BENT


@kernel
def _climb(
    scene: Scene, candidate: np.ndarray, best: float, tries: int, states: np.ndarray, m: int, bounds: Bounds
) -> float:
    """Improve a candidate whose gain is `best` by so many random steps, in place; the gain that it has in the end."""
    height, width = scene.weight.shape
    trial, totals, spans = np.empty(6), np.empty(MOMENTS), np.zeros(4, np.int64)
    step = 1.0
    for _ in range(tries):
        trial[:] = candidate
        _change(trial, step, states, m, bounds.bend > 0)
        _fit_bounds(trial, bounds, height, width)
        gained = gain(trial, scene, totals, spans)
        if gained > best:
            best, step = gained, min(WIDEST, step * WIDER)
            candidate[:] = trial
        else:
            step = max(NARROWEST, step * NARROWER)
    return best


@kernel
def _climb_all(
    mine: int, step: int, scene: Scene, found: np.ndarray, gains: np.ndarray, states: np.ndarray, tries: int,
    bounds: Bounds,
) -> None:  # fmt: skip
    height, width = scene.weight.shape
    totals, spans = np.empty(MOMENTS), np.zeros(4, np.int64)
    for m in range(mine, len(found), step):
        _fit_bounds(found[m], bounds, height, width)
        gains[m] = _climb(scene, found[m], gain(found[m], scene, totals, spans), tries, states, m, bounds)


@kernel
def place_of_largest(values: np.ndarray) -> int:
    """As np.argmax, whose compiled form has numba load SciPy's linear algebra: a tenth of a second at the start."""
    place = 0
    for k in range(1, len(values)):
        if values[k] > values[place]:
            place = k
    return place


@kernel
def _set_gain(gains: np.ndarray, best: np.ndarray, m: int, value: float) -> None:
    """Candidate m gains so much; `best` has the most of each BLOCK of candidates."""
    gains[m] = value
    block = m // BLOCK
    of_block = gains[BLOCK * block : BLOCK * (block + 1)]
    best[block] = of_block[place_of_largest(of_block)]


@kernel
def _choose(
    scene: Scene, found: np.ndarray, gains: np.ndarray, states: np.ndarray, tries: int, bounds: Bounds,
    gradient: bool, chosen: np.ndarray, colors: np.ndarray,
) -> None:  # fmt: skip
    """Lay the best candidate, again and again; one that others have since made worse climbs again first.

    Where none is left that covers anything, those that have been laid climb on and may be laid again.
    """
    totals, spans = np.empty(MOMENTS), np.zeros(4, np.int64)
    taken = np.zeros(len(found), np.bool_)
    best = np.full(-(-len(gains) // BLOCK), -np.inf)  # gain of each block of candidates
    for m in range(0, len(gains), BLOCK):
        _set_gain(gains, best, m, gains[m])
    for k in range(len(chosen)):
        if best[place_of_largest(best)] <= NOTHING:
            for m in range(len(found)):
                if taken[m]:
                    now = _climb(scene, found[m], gain(found[m], scene, totals, spans), tries, states, m, bounds)
                    _set_gain(gains, best, m, now if now > NOTHING else gains[m])
        while True:
            block = place_of_largest(best)
            m = BLOCK * block + place_of_largest(gains[BLOCK * block : BLOCK * (block + 1)])
            now = gain(found[m], scene, totals, spans)
            if now >= gains[m] - 1e-9:
                break
            now = _climb(scene, found[m], now, tries, states, m, bounds)
            _set_gain(gains, best, m, min(now, gains[m] - 2e-9))  # so that every candidate has its turn
            if gains[m] >= best[place_of_largest(best)]:
                break
        chosen[k], taken[m] = found[m], True
        _set_gain(gains, best, m, 2 * NOTHING)
        fit_colors(chosen[k], scene, gradient, colors[k], spans)
        lay_candidate(chosen[k], scene, colors[k], spans)
