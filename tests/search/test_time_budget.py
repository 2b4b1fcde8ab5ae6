"""How the time of a search is shared out among its stages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from painter.search.time_budget import TimeBudget


class Clock:
    """Stands for `time.monotonic`: it moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr("painter.search.time_budget.time.monotonic", clock)
    yield clock


def run(pace: TimeBudget, steps: int, clock: Clock, cost: float) -> list[float]:
    """Take a stage's steps at `cost` seconds each, as the search does: how far it was before each."""
    stage, done = pace.stage(steps), []
    while (part := stage.done()) < 1:
        done.append(part)
        clock.now += cost
        stage.step()
    return done


def test_without_a_limit_only_steps_count(clock: Clock) -> None:
    pace = TimeBudget(None)
    pace.share_out([1, 2])
    assert run(pace, 4, clock, 1e6) == [0, 0.25, 0.5, 0.75]
    assert run(pace, 2, clock, -1e7) == [0, 0.5] and pace.left() == 1


def test_a_stage_of_no_steps_is_over(clock: Clock) -> None:
    for pace in (TimeBudget(None), TimeBudget(10)):
        pace.share_out([0, 1])
        assert run(pace, 0, clock, 1) == [] and len(run(pace, 3, clock, 0)) == 3


def test_fast_steps_are_all_taken(clock: Clock) -> None:
    pace = TimeBudget(100)
    pace.share_out([1, 1])
    assert run(pace, 4, clock, 0.1) == [0, 0.25, 0.5, 0.75]
    assert len(run(pace, 50, clock, 0.1)) == 50


def test_slow_stages_get_time_by_their_costs(clock: Clock) -> None:
    pace = TimeBudget(10)
    pace.share_out([1, 3, 1])
    # The clock starts after the first step: seconds 0 to 2, 2 to 8 and 8 to 10.
    assert [len(run(pace, 1000, clock, 0.5)) for _ in range(3)] == [5, 12, 4]
    assert clock.now - 1000 == pytest.approx(10.5) and pace.left() == 0


def test_what_a_fast_stage_leaves_is_the_next_ones(clock: Clock) -> None:
    pace = TimeBudget(10)
    pace.share_out([1, 1])
    run(pace, 3, clock, 0.5)  # 1 of its 5 seconds
    assert len(run(pace, 1000, clock, 0.5)) == 18


def test_the_part_of_a_stage_grows_with_the_clock(clock: Clock) -> None:
    pace = TimeBudget(8)
    pace.share_out([1, 1])
    first = run(pace, 1000, clock, 1.0)
    assert first == pytest.approx([0, 0.001, 0.25, 0.5, 0.75])
    # Steps or time, whichever is further.
    assert run(pace, 8, clock, 0.25) == pytest.approx([k / 8 for k in range(8)])


def test_a_stage_whose_time_is_over_takes_no_step(clock: Clock) -> None:
    pace = TimeBudget(10)
    pace.share_out([1, 1, 8])
    run(pace, 2, clock, 4.0)
    assert run(pace, 5, clock, 1.0) == []  # its time was up at 2
    assert len(run(pace, 500, clock, 1.0)) == 6
    assert run(pace, 5, clock, 1.0) == []  # a stage too many


def test_sharing_out_again_shares_what_is_left(clock: Clock) -> None:
    pace = TimeBudget(10)
    pace.share_out([1, 1])
    run(pace, 1000, clock, 0.5)
    assert pace.left() == pytest.approx(0.5)
    pace.share_out([1, 4])
    assert [len(run(pace, 1000, clock, 0.5)) for _ in range(2)] == [2, 8]


def test_the_clock_starts_once(clock: Clock) -> None:
    pace = TimeBudget(10)
    clock.now += 50  # compiling
    assert pace.left() == 1
    pace.begin()
    clock.now += 4
    pace.begin()
    assert pace.left() == pytest.approx(0.6)
    clock.now += 40
    assert pace.left() == 0
