"""How many strokes a picture needs: the curve, what is read off it, and the search that follows it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from painter import PaintConfig, paint
from painter.export.plots import plot_curve
from painter.pipeline import Result
from painter.search.config import GrowthConfig
from painter.search.staged_run import Progress
from painter.search.stroke_count import (
    Point,
    StrokeCountSearch,
    candidate_counts,
    choose,
    count_for,
    knee,
    slope_at,
    suggest,
)
from painter.search.subject import prepare_subject
from painter.search.time_budget import TimeBudget

DEFAULTS = GrowthConfig()


def by_error(points: list[tuple[int, float]]) -> list[Point]:
    """Root-mean-square errors, in 8-bit steps, as PSNR."""
    return [(count, -20 * math.log10(error / 255)) for count, error in points]


# --- the curve ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("most", "counts"),
    [(1, [1]), (24, [24]), (25, [25]), (26, [25, 26]), (100, [25, 50, 100]), (130, [25, 50, 100, 130])],
)
def test_the_ladder_doubles_up_to_the_most(most: int, counts: list[int]) -> None:
    assert candidate_counts(most) == counts


def test_the_ladder_begins_where_it_is_told_to() -> None:
    assert candidate_counts(13, GrowthConfig(first=3)) == [3, 6, 12, 13]
    assert candidate_counts(DEFAULTS.most)[-2:] == [3200, 6400]


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([(25, 40), (50, 30), (100, 25), (200, 23), (400, 22)], 100),
        ([(25, 40), (50, 38), (100, 20), (200, 10)], 25),  # the first that is little, though there is more to come
        ([(25, 40), (50, 36), (100, 32)], None),  # 3 steps of 255 are little
        ([(25, 40), (50, 36.9), (75, 35.3)], 50),  # less than a doubling counts for what it is: 1.6 of 1.75
        ([(25, 40), (50, 36.9), (75, 35.1)], None),
        ([(25, 20), (50, 21), (100, 5)], 25),  # worse with more
        ([(25, 20)], None),
        ([], None),
    ],
)
def test_a_curve_settles_where_doubling_adds_little(errors: list[tuple[int, float]], expected: int | None) -> None:
    points = by_error(errors)
    assert knee(points) == expected
    if points:
        assert choose(points) == (points[-1][0] if expected is None else expected)


def test_what_is_little_can_be_said() -> None:
    points = by_error([(25, 40), (50, 30), (100, 28)])
    assert knee(points, GrowthConfig(settled_gain=11 / 255)) == 25
    assert choose(points, GrowthConfig(settled_gain=1 / 255)) == 100


CURVE = [(25, 18.0), (50, 20.0), (100, 21.0), (200, 23.0)]


@pytest.mark.parametrize(
    ("goal", "count"),
    [(18, 25), (19, 35), (20, 50), (20.5, 71), (23, 200), (25, 400), (27, 800), (16, 12), (10, 2), (2, 1)],
)
def test_counts_are_read_off_the_curve_and_beyond_it(goal: float, count: int) -> None:
    assert count_for(CURVE, goal) == count


def test_more_is_never_asked_for_less() -> None:
    curves = [CURVE, [(25, 20.0), (50, 19.0), (100, 22.0)], [(25, 20.0), (50, 15.0)], [(25, 20.0)], [(1, 60.0)]]
    for points in curves:
        counts = [count_for(points, goal) for goal in np.linspace(10, 60, 201)]
        assert all(1 <= count <= 2**20 for count in counts)
        assert counts == sorted(counts)


def test_one_point_gives_a_guess() -> None:
    assert slope_at([(25, 20.0)], 30) == 2
    assert [count_for([(25, 20.0)], goal) for goal in (16, 20, 22, 26)] == [6, 25, 50, 200]


@pytest.mark.parametrize(("goal", "slope"), [(10, 2), (19, 2), (20.4, 1), (20.6, 1), (22, 2), (40, 2)])
def test_the_slope_is_that_of_the_nearest_stretch(goal: float, slope: float) -> None:
    assert slope_at(CURVE, goal) == pytest.approx(slope)


def test_slopes_are_kept_within_reason() -> None:
    assert slope_at([(25, 20.0), (50, 18.0)], 20) == 0.3
    assert slope_at([(25, 20.0), (26, 22.0)], 20) == 6
    assert slope_at([(25, 20.0), (100, 24.0)], 20) == 2


@pytest.mark.slow
@pytest.mark.parametrize("points", [CURVE, [(25, 20.0)], [(25, 20.0), (50, 19.0), (60, 60.0)]])
def test_the_curve_is_drawn(points: list[Point], tmp_path: Path) -> None:
    path = tmp_path / "a.partial"  # any name: the command line writes to a temporary file first
    plot_curve(points, points[0][0], path)
    with Image.open(path) as image:
        assert image.format == "PNG" and image.size == (840, 504)
        pixels = np.asarray(image.convert("RGB")).astype(int)
    blue = (np.abs(pixels - (0x1B, 0x5E, 0x8C)).sum(axis=2) < 30).sum()
    red = (np.abs(pixels - (0xD1, 0x49, 0x5B)).sum(axis=2) < 30).sum()
    assert blue > 30 and red > 200


# --- the search for a count, over made-up curves ------------------------------------------------------------


@dataclass(frozen=True)
class MadeUp:
    """Stands for a subject: only its configuration is looked at."""

    config: PaintConfig


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class FakeSearch:
    """Takes its steps, or its time, and leaves `range(count)` for strokes, half of them from the start."""

    clock = Clock()
    cost = 0.0  # seconds a step

    def __init__(self, subject: MadeUp) -> None:
        assert isinstance(subject.config.strokes, int) and subject.config.until_psnr is None
        assert isinstance(subject.config.iterations, int)
        self.count, self.iterations = subject.config.strokes, subject.config.iterations
        self.budget = TimeBudget(subject.config.seconds)
        self.strokes: range | None = None
        self.psnr, self.taken = None, 0

    @staticmethod
    def of(subject: MadeUp) -> FakeSearch:
        """As `Search.of`."""
        return FakeSearch(subject)

    def run(self) -> Iterator[Progress]:
        stage = self.budget.stage(self.iterations)
        while stage.done() < 1:
            self.clock.now += self.cost
            self.taken += 1
            self.strokes, self.psnr = range(max(1, self.count // 2)), 1.0 * self.taken  # type: ignore[assignment]
            if 2 * self.taken >= self.iterations:
                self.strokes = range(self.count)
            shown: Any = self.strokes
            yield Progress("stage", self.taken, self.iterations, shown, 0.0, 1.0 * self.taken)
            stage.step()
        self.strokes = range(self.count)


class Watched(StrokeCountSearch):
    """Keeps a record of its searches: count, iterations, first and last moment."""

    def __init__(self, config: PaintConfig, psnr: Callable[[int], float], misjudged: float = 0.0) -> None:
        super().__init__(MadeUp(config))  # type: ignore[arg-type]
        self.curve, self.misjudged = psnr, misjudged
        self.log: list[tuple[int, int, float, float]] = []

    def _search(self, count: int, iterations: int, stage: str, part: float) -> Iterator[Progress]:
        begin = FakeSearch.clock.now
        yield from super()._search(count, iterations, stage, part)
        self.log.append((count, iterations, begin, FakeSearch.clock.now))

    def _measured(self, strokes: Any = None) -> float:
        strokes = self.strokes if strokes is None else strokes
        if not len(strokes):
            return self.curve(1) - 1  # the bare ground
        psnr = self.curve(len(strokes))
        asked = self.subject.config.iterations
        assert isinstance(asked, int)
        is_try = self.log[-1][1] < asked
        return psnr - DEFAULTS.finishing_gain + self.misjudged if is_try else psnr

    @property
    def painted(self) -> list[int]:
        """The counts that were painted in full."""
        return [count for count, iterations, *_ in self.log if iterations == self.subject.config.iterations]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """For the tests of this section, which ask for it by name through `watched`."""
    if "watched" in request.fixturenames:
        monkeypatch.setattr("painter.search.stroke_count.Search", FakeSearch)
        monkeypatch.setattr(FakeSearch, "clock", Clock())
        monkeypatch.setattr(FakeSearch, "cost", 0.0)
        monkeypatch.setattr("painter.search.time_budget.time.monotonic", lambda: FakeSearch.clock.now)


@pytest.fixture
def watched() -> Callable[..., Watched]:
    def run(psnr: Callable[[int], float], misjudged: float = 0.0, **options: Any) -> Watched:
        search = Watched(PaintConfig(**{"iterations": 30, **options}), psnr, misjudged)
        search.steps = list(search.run())  # type: ignore[attr-defined]
        return search

    return run


def steady(count: int) -> float:
    """2 dB for twice the strokes."""
    return 10 + 2 * math.log2(count)


def endless(count: int) -> float:
    """Errors that fall by 20 steps of 255 for twice the strokes."""
    return by_error([(count, 220 - 20 * math.log2(count / 25))])[0][1]


def stepped(count: int) -> float:
    """Flat over wide ranges, and falling once."""
    return 20 + 3 * (count >= 60) - 1 * (100 <= count < 110) + 3 * (count >= 300)


def test_auto_paints_where_the_curve_settles(watched: Callable[..., Watched]) -> None:
    errors = {25: 60, 50: 40, 100: 30, 200: 28, 400: 27}
    search = watched(lambda count: by_error([(count, errors[count])])[0][1], strokes="auto")
    assert [(count, iterations) for count, iterations, *_ in search.log] == [
        (25, 10), (50, 10), (100, 10), (200, 10), (100, 30)
    ]  # fmt: skip
    assert len(search.strokes) == 100  # type: ignore[arg-type]
    steps: list[Progress] = search.steps  # type: ignore[attr-defined]
    assert [step.step for step in steps] == list(range(1, 71))
    assert [steps[k].steps for k in (0, 10, 40)] == [10, 20, 70]
    assert steps[10].stage == "trying 50 strokes: stage" and steps[40].stage == "stage"


def test_auto_goes_no_further_than_the_most(watched: Callable[..., Watched]) -> None:
    search = watched(endless, strokes="auto")
    assert [count for count, *_ in search.log] == [*candidate_counts(DEFAULTS.most), DEFAULTS.most]


@pytest.mark.parametrize("misjudged", [0.0, -2.0, 2.0])
@pytest.mark.parametrize("goal", [12.0, 15.3, 19.0, 21.4, 25.0, 26.7])
def test_a_quality_is_reached_with_few_strokes(goal: float, misjudged: float, watched: Callable[..., Watched]) -> None:
    search = watched(steady, misjudged, until_psnr=goal, strokes=400)
    fewest = math.ceil(2 ** ((goal - 10) / 2))
    assert search.strokes is not None and fewest <= len(search.strokes) <= math.ceil(1.1 * fewest)
    assert len(search.painted) <= DEFAULTS.tries


@pytest.mark.parametrize("misjudged", [0.0, -1.5, 1.5])
@pytest.mark.parametrize("goal", [13.0, 18.3, 23.5, 27.0])
def test_easy_goals_take_few_strokes(goal: float, misjudged: float, watched: Callable[..., Watched]) -> None:
    # Fast up to ten strokes, long before the first try, and slow from there on.
    def early(count: int) -> float:
        return 11 + 5 * math.log2(min(count, 10)) + 0.8 * math.log2(max(count, 10) / 10)

    search = watched(early, misjudged, until_psnr=goal, strokes=400)
    fewest = next(count for count in itertools.count(1) if early(count) >= goal)
    assert search.strokes is not None and fewest <= len(search.strokes) <= 1.3 * fewest


@pytest.mark.parametrize("goal", [15.0, 19.5, 20.5, 22.5, 23.5, 25.9])
@pytest.mark.parametrize("misjudged", [0.0, -3.0, 3.0])
def test_what_can_be_reached_is_reached(goal: float, misjudged: float, watched: Callable[..., Watched]) -> None:
    search = watched(stepped, misjudged, until_psnr=goal, strokes=700)
    assert search.strokes is not None and stepped(len(search.strokes)) >= goal
    assert len(search.painted) <= DEFAULTS.tries + 5
    assert len(set(search.painted)) == len(search.painted)


@pytest.mark.parametrize("misjudged", [0.0, -9.0, 9.0])
def test_what_cannot_be_reached_takes_the_most(misjudged: float, watched: Callable[..., Watched]) -> None:
    for most in (1, 25, 26, 300):
        search = watched(steady, misjudged, until_psnr=60, strokes=most)
        assert search.strokes is not None and len(search.strokes) == most


def test_a_count_that_is_near_enough_is_painted_once(watched: Callable[..., Watched]) -> None:
    search = watched(steady, until_psnr=steady(50), strokes=400)
    assert search.painted == [50]


@pytest.mark.parametrize("misjudged", [2.0, -2.0])
def test_what_is_finished_is_shown_until_there_is_something_better(
    misjudged: float, watched: Callable[..., Watched]
) -> None:
    # Tries look too good, so that the painting is begun again with more strokes; or too bad, and it is with fewer.
    search = watched(steady, misjudged, strokes=400, until_psnr=24.0)
    assert search.strokes is not None and len(search.painted) >= 2
    shown: dict[int, list[int]] = {}
    for step in search.steps:  # type: ignore[attr-defined]
        shown.setdefault(step.steps, []).append(len(step.strokes))
    finished, reached = 0, False
    for (count, iterations, *_), seen in zip(search.log, shown.values(), strict=True):
        assert min(seen) >= min(finished, count)
        if reached:
            assert set(seen) == {finished}  # what is good enough stays
        good = iterations == 30 and steady(count) >= 24
        finished = count if good or not reached else finished
        reached = reached or good
    assert finished == len(search.strokes) and reached


# --- time ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"strokes": "auto"}, {"strokes": 3000, "until_psnr": 59.0}])
def test_tries_leave_time_for_the_painting(
    options: dict[str, Any], watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeSearch, "cost", 0.05)
    search = watched(endless, seconds=20.0, iterations=3000, **options)
    *tries, (_, iterations, begin, end) = search.log
    assert iterations == 3000 and len(tries) > 5
    assert begin < 8 + 1 and end == pytest.approx(20, abs=0.5)
    assert all(end - begin < 8 / 3 for *_, begin, end in tries)


def test_what_quick_tries_leave_is_the_paintings(
    watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeSearch, "cost", 0.01)
    search = watched(lambda count: 20, seconds=50.0, iterations=300, strokes="auto")
    assert [round(end - begin, 6) for *_, begin, end in search.log] == [1, 1, 3]


# --- with paint ---------------------------------------------------------------------------------------------

SMALL = PaintConfig(style="rectangle", size=64, iterations=30, focus="none", texture=0.0)


@cache
def picture(name: str) -> np.ndarray:
    """uint8 [48, 64, 3]: of one colour, or with a dozen shapes."""
    pixels = np.full((48, 64, 3), (200, 90, 40), np.uint8)
    if name == "busy":
        random = np.random.default_rng(3)
        for _ in range(14):
            top, left, height, width = random.integers(0, (40, 54, 20, 26))
            pixels[top : top + 4 + height, left : left + 4 + width] = random.integers(0, 256, 3)
    return pixels


@cache
def painted(name: str, config: PaintConfig) -> Result:
    return paint(picture(name), config)


def same(one: Result, other: Result) -> bool:
    return np.array_equal(one.image, other.image) and one.report["psnr"] == other.report["psnr"]


AUTO = replace(SMALL, strokes="auto")
REACHED = replace(SMALL, until_psnr=20.0, strokes=200)


@pytest.mark.slow
def test_a_simple_picture_gets_few_strokes_and_a_busy_one_more() -> None:
    flat, busy = painted("flat", AUTO), painted("busy", AUTO)
    assert flat.report["strokes"] == len(flat.painting.strokes) == DEFAULTS.first
    assert busy.report["strokes"] == len(busy.painting.strokes) >= 4 * DEFAULTS.first
    assert busy.report["config"]["strokes"] == "auto" and not busy.interrupted
    assert busy.report["seen_psnr"] is not None


@pytest.mark.slow
def test_auto_is_the_painting_with_that_many_strokes(tmp_path: Path) -> None:
    found = painted("busy", AUTO)
    fixed = paint(picture("busy"), replace(SMALL, strokes=found.report["strokes"]))
    assert same(found, fixed) and found.report["seen_psnr"] == fixed.report["seen_psnr"]
    for result, name in ((found, "a"), (fixed, "b")):
        result.save(tmp_path / f"{name}.png", tmp_path / f"{name}.gif")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


@pytest.mark.slow
def test_a_quality_is_reached_with_fewer_strokes_than_allowed() -> None:
    low, high = painted("busy", REACHED), painted("busy", replace(REACHED, until_psnr=24.0))
    assert low.report["psnr"] >= 20 and high.report["psnr"] >= 24
    assert 1 < low.report["strokes"] < high.report["strokes"] < 200
    assert low.report["strokes"] == len(low.painting.strokes)
    assert low.report["config"]["strokes"] == 200 and low.report["config"]["until_psnr"] == 20
    fixed = paint(picture("busy"), replace(SMALL, strokes=low.report["strokes"]))
    assert same(low, fixed)


@pytest.mark.slow
def test_a_quality_out_of_reach_takes_all_strokes() -> None:
    result = painted("busy", replace(REACHED, until_psnr=60.0, strokes=40))
    assert result.report["strokes"] == 40 and not result.interrupted
    assert same(result, paint(picture("busy"), replace(SMALL, strokes=40)))


@pytest.mark.slow
def test_counts_are_found_without_steps() -> None:
    auto = painted("busy", replace(AUTO, iterations=0))
    assert auto.report["strokes"] >= DEFAULTS.first and auto.report["seen_psnr"] is None
    reached = painted("busy", replace(REACHED, iterations=0, until_psnr=14.0))
    assert reached.report["psnr"] >= 14 and reached.report["strokes"] < 200


@pytest.mark.slow
@pytest.mark.parametrize("config", [AUTO, REACHED], ids=["auto", "until"])
def test_the_same_seed_finds_the_same_count(config: PaintConfig) -> None:
    again = paint(picture("busy"), config)
    assert same(again, painted("busy", config))
    assert again.report["strokes"] == painted("busy", config).report["strokes"]


def interrupted(config: PaintConfig, when: Callable[[Progress], bool]) -> tuple[Result, list[Progress]]:
    """The painting that is left when Ctrl-C comes at a step."""
    steps = []

    def watch(progress: Progress) -> None:
        steps.append(progress)
        if when(progress):
            raise KeyboardInterrupt

    result = paint(picture("busy"), config, watch)
    assert result.interrupted and result.report["strokes"] == len(result.painting.strokes)
    assert (result.image != result.image[0, 0]).any()
    return result, steps


def test_an_interrupted_first_try_is_shown() -> None:
    result, steps = interrupted(replace(AUTO, iterations=150), lambda progress: progress.step == 3)
    assert steps[-1].stage.startswith("trying 25 strokes: ") and 0 < len(result.painting.strokes) < 25


@pytest.mark.slow
@pytest.mark.parametrize("config", [AUTO, REACHED], ids=["auto", "until"])
def test_an_interrupted_later_try_leaves_what_was_finished_before(config: PaintConfig) -> None:
    # So that there is a step among the first few strokes, and that 25 do not reach the quality.
    longer = replace(config, iterations=150, until_psnr=config.until_psnr and 32.0)
    result, _ = interrupted(longer, lambda progress: progress.stage.startswith("trying 50 strokes: level 1"))
    assert len(result.painting.strokes) == 25
    # As well as fifty steps could do, and not four strokes on a bare ground.
    assert result.report["psnr"] > paint(picture("busy"), replace(SMALL, strokes=25, iterations=0)).report["psnr"]


@pytest.mark.slow
def test_an_interrupted_painting_leaves_what_was_finished_before() -> None:
    result, steps = interrupted(replace(AUTO, iterations=60), lambda progress: progress.stage.startswith("level 1"))
    tried = [step.stage.split()[1] for step in steps if step.stage.startswith("trying")]
    assert len(result.painting.strokes) == int(tried[-1]) == len(steps[-1].strokes)
    result, steps = interrupted(REACHED, lambda progress: progress.stage == "full size")
    assert result.report["psnr"] > 17


# --- suggestions --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_suggestions_are_points_of_a_rising_curve() -> None:
    subject = prepare_subject(picture("busy"), replace(SMALL, strokes=120))
    seen: list[Progress] = []
    points = suggest(subject, seen.append)
    assert [count for count, _ in points] == [25, 50, 100, 120]
    assert points[0][1] + 0.5 < points[1][1] < points[3][1] - 1
    assert [step.step for step in seen] == list(range(1, 41))


@pytest.mark.slow
def test_an_interrupted_curve_needs_two_points() -> None:
    subject = prepare_subject(picture("busy"), replace(SMALL, strokes=120))

    def stop_at(last: int) -> Callable[[Progress], None]:
        def watch(progress: Progress) -> None:
            if progress.step == last:
                raise KeyboardInterrupt

        return watch

    assert [count for count, _ in suggest(subject, stop_at(25))] == [25, 50]
    with pytest.raises(KeyboardInterrupt):
        suggest(subject, stop_at(15))


@pytest.mark.slow
def test_a_curve_keeps_to_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = SimpleNamespace(seconds=0.0)

    def tick() -> float:
        now.seconds += 0.01
        return float(now.seconds)

    monkeypatch.setattr("painter.search.time_budget.time.monotonic", tick)
    subject = prepare_subject(picture("busy"), replace(SMALL, strokes=100, iterations=3000, seconds=2.0))
    assert [count for count, _ in suggest(subject)] == [25, 50, 100]
    assert now.seconds < 4
