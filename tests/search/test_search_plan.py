"""The plan of a search: counts, steps, canvases, rounds of moves; and what little time leaves of it."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from helpers.placing import DEFAULTS, make_search, random, scenery

from painter.options.paint import MAX_ITERATIONS, PaintConfig
from painter.search.plan import LARGEST, SIDE_STEP, make_plan, planned_iterations, split, steps_within
from painter.search.search import Search
from painter.system.snapshot import dump, load


@pytest.mark.parametrize("iterations", [0, 1, 2, 7, 30, 420, 100_000])
@pytest.mark.parametrize("strokes", [1, 2, 3, 7, 10, 11, 99, 500, 501, 99_999, 100_000])
def test_a_plan_has_exactly_these_strokes_and_steps(strokes: int, iterations: int) -> None:
    plan = make_plan(strokes, iterations, DEFAULTS)
    steps = [*(level.steps for level in plan.levels), *plan.move_steps, plan.full_steps, plan.last_steps]
    assert sum(level.count for level in plan.levels) == strokes
    assert sum(steps) == iterations
    assert min(steps) >= 0 and all(level.count > 0 for level in plan.levels)
    rounds = round(DEFAULTS.move_rounds * iterations**0.5)
    assert len(plan.move_steps) == len(plan.move_sides) == (rounds if plan.moved else 0)
    assert plan.moved == (round(DEFAULTS.move_share * strokes) if iterations else 0)
    assert plan.last_steps == 0 or plan.last_steps >= DEFAULTS.least_last_steps
    assert 0 <= plan.moved < strokes and bool(plan.moved) == bool(plan.move_steps)
    sizes, sides = [level.size for level in plan.levels], [level.side for level in plan.levels]
    assert sizes == sorted(sizes, reverse=True) and sides == sorted(sides)
    assert 0 < sizes[-1] <= sizes[0] <= LARGEST
    assert all(a > b for a, b in pairwise(sizes) if a < LARGEST)


@pytest.mark.parametrize("levels", [1, 2, 4, 8])
def test_every_level_has_a_step_where_there_are_a_few(levels: int) -> None:
    for iterations in range(20, 200):
        assert all(level.steps for level in make_plan(500, iterations, DEFAULTS, levels).levels)


def test_the_plan_of_the_reference_count_is_the_configuration() -> None:
    plan = make_plan(DEFAULTS.reference_strokes, 1000, DEFAULTS)
    assert [(level.size, level.side) for level in plan.levels] == [
        (level.size, level.side) for level in DEFAULTS.levels
    ]
    total = sum(level.share for level in DEFAULTS.levels)
    for planned, level in zip(plan.levels, DEFAULTS.levels, strict=True):
        assert abs(planned.count - DEFAULTS.reference_strokes * level.share / total) < 1


def test_four_times_the_strokes_are_half_as_large() -> None:
    few, many = (make_plan(count, 420, DEFAULTS) for count in (500, 2000))
    for large, small in zip(few.levels, many.levels, strict=True):
        assert small.size == pytest.approx(large.size / 2)


def test_nothing_moves_without_steps_or_among_few_strokes() -> None:
    assert make_plan(500, 0, DEFAULTS).move_steps == make_plan(5, 420, DEFAULTS).move_steps == ()


@pytest.mark.parametrize(
    ("total", "shares", "parts"),
    [
        (0, [1, 2], [0, 0]),
        (10, [1, 1], [5, 5]),
        (1, [1, 1, 1], [1, 0, 0]),  # the first wins
        (2, [1, 1, 1], [1, 1, 0]),
        (7, [0.5, 0, 0.5], [4, 0, 3]),
        (10, [3, 3, 1], [4, 4, 2]),  # quotas 4.29, 4.29, 1.43
        (3, [0.1], [3]),
    ],
)
def test_split_gives_the_rest_to_the_largest_remainders(total: int, shares: list[float], parts: list[int]) -> None:
    assert split(total, shares) == parts


def test_split_is_exact_and_within_one_of_every_quota() -> None:
    generator = random()
    for _ in range(300):
        total, shares = int(generator.integers(0, 100_000)), generator.random(generator.integers(1, 12))
        parts = np.array(split(total, shares.tolist()))
        assert parts.sum() == total
        assert (np.abs(parts - total * shares / shares.sum()) < 1 + 1e-6).all()


def test_steps_are_planned_as_asked_or_as_usual_or_for_the_time() -> None:
    at = DEFAULTS.reference_strokes

    def planned(strokes: int = at, part: float = 1.0, **options: object) -> int:
        return planned_iterations(PaintConfig(**options), DEFAULTS, strokes, part)  # type: ignore[arg-type]

    assert PaintConfig().iterations == "auto"
    assert planned() == planned(7) == planned(50_000) == DEFAULTS.usual_iterations
    assert planned(iterations=17) == planned(iterations=17, seconds=9.0) == 17
    assert planned(iterations=0, seconds=9.0) == 0
    assert planned(seconds=10.0) == round(10 * DEFAULTS.iterations_a_second)
    assert planned(seconds=10.0, part=0.3) == round(3 * DEFAULTS.iterations_a_second)
    counts = (10, 100, 1000, 10_000, 100_000)
    steps = [planned(count, seconds=10.0) for count in counts]
    assert steps == sorted(steps, reverse=True) and steps[-1] >= 1
    assert steps[0] / steps[2] == pytest.approx(100**DEFAULTS.slowing, rel=0.02)
    assert planned(100_000, 1e-6, seconds=1.0) == 1
    assert planned(25, seconds=86400.0) == MAX_ITERATIONS  # which can be asked for
    search = make_search(scenery(), iterations="auto", strokes=12)  # type: ignore[arg-type]
    assert search.steps == DEFAULTS.usual_iterations


def test_canvases_grow_with_the_count() -> None:
    counts = [1, 10, 100, 500, 700, 1000, 1500, 2000, 4000, 10_000, 100_000]
    plans = [make_plan(count, 100, DEFAULTS) for count in counts]
    (least, most), full = DEFAULTS.full_sides, [plan.full_side for plan in plans]
    assert full == sorted(full) and full[0] == least and full[-1] == most
    for plan in plans:
        sides = list(plan.move_sides)
        assert sides == sorted(sides) and all(DEFAULTS.move_side <= side <= plan.full_side for side in sides)
        whole = round(DEFAULTS.full_moves * len(sides))
        assert sides[len(sides) - whole :] == [plan.full_side] * whole
        pixels = np.linspace(*DEFAULTS.move_pixels, len(sides) - whole)
        size = plan.levels[-1].size
        for side, wanted, lowest in (
            (plan.full_side, DEFAULTS.full_pixels, least),
            *((side, wanted, DEFAULTS.move_side) for side, wanted in zip(sides, pixels, strict=False)),
        ):
            if lowest < side < most:
                assert side % SIDE_STEP == 0 and abs(wanted / size - side) <= SIDE_STEP / 2
    for one, other in pairwise(plan.move_sides for plan in plans if plan.moved):
        assert all(few <= many for few, many in zip(one, other, strict=True))


def test_more_steps_bring_more_rounds_of_moves_and_more_places() -> None:
    roots = (1, 2, 5, 10, 20, 100)
    plans = [make_plan(500, root**2, DEFAULTS) for root in roots]
    assert [len(plan.move_steps) for plan in plans] == [round(DEFAULTS.move_rounds * root) for root in roots]
    assert {plan.moved for plan in plans} == {round(DEFAULTS.move_share * 500)}
    places = [plan.places for plan in plans]
    assert places == sorted(places) and places[0] == DEFAULTS.least_places
    assert places[-1] == round(DEFAULTS.places * 100)


def test_with_little_time_no_more_is_planned_than_fits() -> None:
    many, few = make_plan(500, 50_000, DEFAULTS), make_plan(500, 50_000, DEFAULTS, seconds=2.0)
    like = make_plan(500, steps_within(2.0, DEFAULTS, 500, DEFAULTS.likely_a_second), DEFAULTS)
    assert few.likely == like.likely <= planned_iterations(PaintConfig(seconds=2.0), DEFAULTS, 500)
    assert (len(few.move_steps), few.places) == (len(like.move_steps), like.places)
    assert len(few.move_steps) < len(many.move_steps) and few.places < many.places
    steps = [*(level.steps for level in few.levels), *few.move_steps, few.full_steps, few.last_steps]
    assert sum(steps) == 50_000  # if the machine is so fast
    assert make_plan(500, 50, DEFAULTS, seconds=1000.0) == make_plan(500, 50, DEFAULTS)


class Clock:
    """Stands for `time.monotonic`; moving strokes takes long, a step no time to speak of."""

    def __init__(self) -> None:
        self.now, self.look = 0.0, 1e-4

    def __call__(self) -> float:
        self.now += self.look
        return self.now


@pytest.mark.slow
@pytest.mark.parametrize("slowness", [0.01, 0.2, 0.5])
def test_no_stroke_is_moved_without_steps(slowness: float, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("painter.search.time_budget.time.monotonic", clock)
    search = make_search(scenery(), strokes=30, iterations=250, seconds=3.0)
    moves: list[int] = []
    move = search.move_weakest

    def slow(count: int, size: float, side: int, close: bool = False) -> None:
        moves.append(search.taken)
        clock.now += slowness
        move(count, size, side, close)

    monkeypatch.setattr(search, "move_weakest", slow)
    seen = list(search.run())
    taken = Counter(step.stage for step in seen)
    rounds = [stage for stage in search.stages() if stage.moved]
    assert 0 < len(moves) <= len(rounds) and (slowness > 0.1) == (len(moves) < len(rounds))
    assert [stage.name for stage in rounds if taken[stage.name]] == [s for s in taken if s.startswith("moving")]
    assert len([s for s in taken if s.startswith("moving")]) >= len(moves)
    assert min(np.diff(moves), default=400) >= DEFAULTS.steps_between_moves
    assert min(taken[s] for s in taken if s.startswith("moving")) >= DEFAULTS.least_move_steps
    assert taken["full size"] > 0 and clock.now < 3.0 + slowness
    assert search.strokes is not None and len(search.strokes) == 30


@pytest.mark.slow
def test_a_search_with_little_time_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("painter.search.time_budget.time.monotonic", clock)
    monkeypatch.setattr(clock, "look", 4e-3)

    def made() -> Search:
        return make_search(scenery(), strokes=30, iterations=400, seconds=1.0)

    search = made()
    states = [(progress.step, dump(search.state())) for progress in search.run() if progress.step % 30 == 7]
    for step, state in states:
        again = made()
        again.restore(load(state))
        assert dump(again.state()) == state
        rest = [progress.step for progress in again.run()]
        assert rest == list(range(step + 1, step + 1 + len(rest)))
        assert again.strokes is not None and len(again.strokes) == 30
