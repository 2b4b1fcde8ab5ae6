"""How far a search is through each of its stages: by steps, or by the clock where there is a limit on time."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from painter.system.snapshot import integer, number


class TimeBudget:
    """Shares out the seconds that a search may take among its stages.

    Without a limit a stage is over after its steps, and what comes out depends on nothing else. With one it is over
    when its time has come, too; what a fast stage leaves is the next one's. The clock starts with the first stage and
    the first step is not counted: it may have to wait for kernels to be compiled.

    Args:
        seconds: the limit; None for none.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._ends: list[float] = []  # of the stages to come, as shares of all the time
        self._used = 0.0  # seconds, before the clock was last started
        self._start: float | None = None

    def share_out(self, costs: Sequence[float]) -> None:
        """The stages to come will cost this much each, in any one unit."""
        left = 1 - self._part()
        total = sum(costs) or 1.0
        self._ends = [1 - left * (1 - sum(costs[: k + 1]) / total) for k in range(len(costs))]

    def stage(self, steps: int, least: int = 0) -> StageBudget:
        """The next stage begins; it has this many steps, and takes the least of them for as long as there is time."""
        end = self._ends.pop(0) if self._ends else 1.0
        return StageBudget(self, steps, self._part(), end, least)

    def late(self) -> bool:
        """Whether the time of the next stage is over before it begins."""
        return bool(self._ends) and self.seconds is not None and self._part() >= self._ends[0]

    def left(self) -> float:
        """The part of the time that is left: 1 where there is no limit."""
        return 1 - self._part()

    def seconds_left(self) -> float:
        """Infinite where there is no limit."""
        return math.inf if self.seconds is None else self.seconds - self._spent()

    def begin(self) -> None:
        """The clock starts, unless it is running or nobody looks at it."""
        if self._start is None and self.seconds is not None:
            self._start = time.monotonic()

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Within this context the clock stands still."""
        running, self._used, self._start = self._start is not None, self._spent(), None
        try:
            yield
        finally:
            if running:
                self.begin()

    def _part(self) -> float:
        """The part of the time that is over."""
        return 0.0 if self.seconds is None else min(1.0, self._spent() / self.seconds)

    def _spent(self) -> float:
        """Seconds, in all."""
        return self._used + (0.0 if self._start is None else time.monotonic() - self._start)

    def state(self) -> dict[str, Any]:
        """Where it stands, ready for JSON."""
        return {"used": self._spent(), "ends": self._ends.copy()}

    def restore(self, state: dict[str, Any]) -> None:
        """Resume as when `state` was taken, the clock standing still until it starts again."""
        self._used, self._start, self._ends = number(state["used"], 0), None, [number(end) for end in state["ends"]]


class StageBudget:
    """One stage; see `TimeBudget`."""

    def __init__(self, pace: TimeBudget, steps: int, begin: float, end: float, least: int = 0, taken: int = 0) -> None:
        self._pace, self._steps, self._least, self._taken = pace, steps, least, taken
        self._begin, self._end = begin, end

    def state(self) -> dict[str, Any]:
        """Where it stands, ready for JSON."""
        return {"steps": self._steps, "begin": self._begin, "end": self._end, "taken": self._taken}

    @staticmethod
    def restored(pace: TimeBudget, steps: int, state: dict[str, Any], least: int = 0) -> StageBudget:
        """A stage of so many steps, as when `state` was taken."""
        taken = integer(state["taken"], 0, integer(state["steps"], steps, steps))
        return StageBudget(pace, steps, number(state["begin"]), number(state["end"]), least, taken)

    def step(self) -> None:
        """A step has been taken."""
        self._pace.begin()
        self._taken += 1

    def done(self) -> float:
        """The part of the stage that is over: 1 or more when it is."""
        if self._taken >= self._steps:
            return 1.0
        part = self._taken / self._steps
        if self._pace.seconds is None:
            return part
        now = 1 - self._pace.left()
        if now >= 1 or (now >= self._end and self._taken >= self._least):
            return 1.0
        return part if now >= self._end else max(part, (now - self._begin) / max(self._end - self._begin, 1e-9))


def falling_rate(done: float, plateau: float, lowest: float = 0.05) -> float:
    """A rate at a share of the way: 1 up to `plateau`, then along half a cosine down to `lowest`."""
    falling = max(0.0, (done - plateau) / (1 - plateau))
    return lowest + (1 - lowest) * 0.5 * (1 + math.cos(math.pi * falling))
