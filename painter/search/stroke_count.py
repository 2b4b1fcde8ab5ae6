"""How quality grows with the number of strokes, and so how many a picture needs.

Short searches with twice the strokes each time draw the curve. `--strokes auto` paints with the count after which
doubling it adds little, `--until-psnr` with the fewest that reach a quality: what comes out is the painting that
`--strokes N` gives with that number.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from painter.options.paint import PaintConfig
from painter.painting.painting import Painting
from painter.painting.stroke_columns import strokes_of
from painter.pictures.metrics import compare
from painter.search.config import GrowthConfig, SearchConfig
from painter.search.plan import planned_iterations
from painter.search.search import Search
from painter.search.staged_run import OnProgress, Progress, Run
from painter.search.subject import Subject
from painter.search.time_budget import TimeBudget
from painter.system.devices import one_torch_thread
from painter.system.snapshot import integer, number
from renderers.strokes import Strokes

Point = tuple[int, float]
"""Strokes, and the PSNR in dB that a painting of so many has."""


@dataclass(frozen=True)
class Attempt:
    """A search for so many strokes."""

    count: int
    probing: bool  # a short one, for a point on the curve; else a painting
    part: float  # of the time, where that is limited


class StrokeCountSearch:
    """A `Run` that finds the number of strokes, too.

    Args:
        subject: whose configuration has `strokes` 'auto' or `until_psnr`.
    """

    styled = None  # it finds strokes and leaves it at that

    def __init__(self, subject: Subject, growth: GrowthConfig | None = None) -> None:
        self.subject, self.growth = subject, growth or GrowthConfig()
        self.strokes: Strokes | None = None  # what would be shown if it ended now
        self.psnr: float | None = None  # dB, of the step that they are from
        self.points: list[Point] = []  # the curve, as far as it was needed
        self._painted: list[tuple[int, float | None]] = []  # strokes of each full search, and PSNR where that counts
        self._taken = 0  # steps of searches that are over
        self._best: tuple[Strokes | None, float | None] | None = None  # strokes and psnr that reach the target
        self._attempt: Attempt | None = None  # what is under way, and its search
        self._search_within: Search | None = None
        self.budget = TimeBudget(subject.config.seconds)

    @property
    def taken(self) -> int:
        """Steps taken so far, in all searches."""
        return self._taken + (0 if self._search_within is None else self._search_within.taken)

    def run(self) -> Iterator[Progress]:
        """Search; each step taken yields its progress. In the end `strokes` holds the finished ones."""
        while (attempt := self._attempt or self._next()) is not None:
            yield from self._try(attempt)

    def state(self) -> dict[str, Any]:
        """Where it stands between two steps, until the next: a tree for `painter.system.snapshot.pack`."""
        return {
            "points": self.points,
            "painted": self._painted,
            "taken": self._taken,
            "strokes": self.strokes,
            "psnr": self.psnr,
            "best": self._best,
            "budget": self.budget.state(),
            "attempt": None if self._attempt is None else asdict(self._attempt),
            "within": None if self._search_within is None else self._search_within.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Resume as when `state` was taken, of a search for the same: `run` takes the steps to come.

        Raises:
            ValueError, LookupError, TypeError, AttributeError or RuntimeError: it is not such a state.
        """
        most = self._most()
        self.points = [(integer(count, 1, most), number(psnr)) for count, psnr in state["points"]]
        self._painted = [
            (integer(count, 1, most), None if psnr is None else number(psnr)) for count, psnr in state["painted"]
        ]
        if [count for count, _ in self.points] != candidate_counts(most, self.growth)[: len(self.points)]:
            raise ValueError("the curve has other points")
        self._taken = integer(state["taken"], 0, 10**9)
        self.strokes, self.psnr = self._restored(state["strokes"], state["psnr"])
        if self.strokes is None and (self.points or self._painted):
            raise ValueError("there are no strokes")
        self._best = None if state["best"] is None else self._restored(*state["best"])
        self.budget.restore(state["budget"])
        self._attempt = self._search_within = None
        if (attempt := state["attempt"]) is not None:
            part = number(attempt["part"], 0, 1)
            self._attempt = Attempt(integer(attempt["count"], 1, most), attempt["probing"] is True, part)
        if not self.points and (self._painted or (self._attempt is not None and not self._attempt.probing)):
            raise ValueError("there is no curve")
        if self._attempt is not None:
            self._search_within = self._make_search(
                self._attempt.count, self._iterations(self._attempt), self._attempt.part
            )
            self._search_within.restore(state["within"])

    def _restored(self, strokes: Any, psnr: Any) -> tuple[Strokes | None, float | None]:
        found = None if strokes is None else strokes_of(strokes, self.subject.brush)
        return found, None if psnr is None else number(psnr)

    def _next(self) -> Attempt | None:
        """What comes after all that has been tried; None if there is nothing more to try."""
        target, left = self.subject.config.until_psnr, self.budget.left()
        if not self._painted and (probe := self._next_probe(target, left)) is not None:
            return probe
        if target is not None:
            count = self._next_count(target, left)
        else:
            count = None if self._painted else choose(self.points, self.growth)
        return None if count is None else Attempt(count, False, left)

    def _next_probe(self, target: float | None, left: float) -> Attempt | None:
        """The next point on the curve; None if there are enough, or the time for that is over."""
        counts, tried = candidate_counts(self._most(), self.growth), len(self.points)
        if tried:
            enough = knee(self.points, self.growth) is not None if target is None else self.points[-1][1] >= target
            if enough or tried == len(counts) or left < self.growth.time_to_paint:
                return None
        return Attempt(counts[tried], True, max(0.0, left - self.growth.time_to_paint) / (len(counts) - tried))

    def _next_count(self, target: float, left: float) -> int | None:
        """On the way to the fewest strokes that reach `target` dB, or the most that are allowed; None at the end."""
        painted = [(count, reached) for count, reached in self._painted if reached is not None]
        low = max((count for count, reached in painted if reached < target), default=0)  # too few strokes, and
        high = min((count for count, reached in painted if reached >= target), default=self._most() + 1)  # enough
        points, tries = self._from_bare(), len(painted)
        if not tries:
            return min(count_for(points, target), high - 1)
        count, reached = painted[-1]
        near = 0 <= reached - target < self.growth.spare or high - low < 2
        over = self._best is not None and tries >= self.growth.tries
        if near or over or left < self.growth.time_to_paint:
            return None
        # Aimed at a little more than the target, so that the next one does not miss it by a hair.
        aim = target + self.growth.spare / 3
        count = round(count * 2 ** ((aim - reached) / slope_at(points, target)))
        if tries >= self.growth.tries:  # the curve is not to be trusted
            count = max(count, 2 * low)
        return min(max(count, low + 1), high - 1)

    def probe(self, count: int, part: float = 1.0) -> Iterator[Progress]:
        """Put a point on the curve, in at most this part of the time where that is limited."""
        yield from self._try(Attempt(count, True, part))

    def _try(self, attempt: Attempt) -> Iterator[Progress]:
        """Make an attempt, or resume the one that is under way, and note its result."""
        self._attempt = attempt
        stage = f"trying {attempt.count} strokes: " if attempt.probing else ""
        yield from self._search(attempt.count, self._iterations(attempt), stage, attempt.part)
        target = self.subject.config.until_psnr
        if attempt.probing:
            self.points.append((attempt.count, self._measured() + self.growth.finishing_gain))
        elif target is None:
            self._painted.append((attempt.count, None))
        else:
            reached = self._measured()
            self._painted.append((attempt.count, reached))
            if reached >= target:
                self._best = self.strokes, self.psnr
            else:
                self.strokes, self.psnr = self._best or (self.strokes, self.psnr)
        self._attempt = None

    def _iterations(self, attempt: Attempt) -> int:
        config, search = self.subject.config, SearchConfig()
        if not attempt.probing:
            return planned_iterations(config, search, attempt.count, attempt.part)
        return round(self.growth.probing * planned_iterations(replace(config, seconds=None), search, attempt.count))

    def _from_bare(self) -> list[Point]:
        """The curve with a beginning: one stroke shows little more than the bare ground."""
        assert self.strokes is not None
        bare = [(1, self._measured(self.strokes[:0]))]
        return self.points if self.points[0][0] == 1 else bare + self.points

    def _search(self, count: int, iterations: int, stage: str, part: float) -> Iterator[Progress]:
        if self._search_within is None:
            self._search_within = self._make_search(count, iterations, part)
        search = self._search_within
        # Strokes that an earlier search has finished are shown until as many are there again, or all of these.
        enough = 0 if self.strokes is None else min(len(self.strokes), count)
        for progress in search.run():
            if len(progress.strokes) >= enough and self._best is None:
                self.strokes, self.psnr = progress.strokes, progress.psnr
            shown = progress.strokes if self.strokes is None else self.strokes
            step, steps = self._taken + progress.step, self._taken + progress.steps
            self.budget.begin()
            yield replace(progress, stage=stage + progress.stage, step=step, steps=steps, strokes=shown)
        self.strokes, self.psnr = search.strokes, search.psnr
        self._taken += search.taken
        self._search_within = None

    def _make_search(self, count: int, iterations: int, part: float) -> Search:
        config = replace(self.subject.config, strokes=count, until_psnr=None, iterations=iterations)
        search = Search.of(replace(self.subject, config=config))
        if config.seconds is not None:
            search.budget = TimeBudget(max(part * config.seconds, 1e-3))
        return search

    def _measured(self, strokes: Strokes | None = None) -> float:
        """PSNR in dB of these strokes, or else those found, drawn as they will be."""
        subject = self.subject
        strokes = self.strokes if strokes is None else strokes
        assert strokes is not None
        painting = Painting(strokes, subject.aspect, subject.ground, subject.config, subject.region)
        return float(compare(painting.draw_bare(subject.working_side), subject.picture)["psnr"] or 0.0)

    def _most(self) -> int:
        strokes = self.subject.config.strokes
        return self.growth.most if strokes == "auto" else int(strokes)


def make_search(subject: Subject) -> Run:
    """The search for a subject's strokes, and for how many they are if that is to be found."""
    grows = subject.config.strokes == "auto" or subject.config.until_psnr is not None
    return StrokeCountSearch(subject) if grows else Search.of(subject)


def candidate_counts(most: int, growth: GrowthConfig | None = None) -> list[int]:
    """Counts to try: twice as many each time, up to `most`."""
    growth = growth or GrowthConfig()
    counts = [min(most, growth.first)]
    while counts[-1] < most:
        counts.append(min(most, 2 * counts[-1]))
    return counts


def knee(points: Sequence[Point], growth: GrowthConfig | None = None) -> int | None:
    """The fewest strokes from which twice as many lower the root-mean-square error by less than `settled_gain`.

    None if the curve does not go that far.
    """
    growth = growth or GrowthConfig()
    for (count, psnr), (more, better) in itertools.pairwise(points):
        # A last step that is less than a doubling counts for what it is.
        if _error(psnr) - _error(better) < growth.settled_gain * math.log2(more / count):
            return count
    return None


def choose(points: Sequence[Point], growth: GrowthConfig | None = None) -> int:
    """The count after which more strokes add little; the largest if they always add something."""
    found = knee(points, growth)
    return points[-1][0] if found is None else found


def count_for(points: Sequence[Point], target: float) -> int:
    """Strokes for `target` dB, read off the curve; beyond its ends it goes on as it did."""
    counts, psnr = np.log2([count for count, _ in points]), np.array([psnr for _, psnr in points])
    psnr = np.maximum.accumulate(psnr)
    at = float(np.interp(target, psnr, counts))
    if not psnr[0] <= target <= psnr[-1]:
        at += (target - min(max(target, psnr[0]), psnr[-1])) / slope_at(points, target)
    return max(1, round(2 ** min(at, 20.0)))


def slope_at(points: Sequence[Point], target: float) -> float:
    """dB that twice the strokes bring, where the curve is nearest to `target`; at least 0.3, at most 6."""
    if len(points) < 2:
        return 2.0
    k = min(range(len(points) - 1), key=lambda k: abs(points[k][1] + points[k + 1][1] - 2 * target))
    (count, psnr), (more, better) = points[k], points[k + 1]
    return min(max((better - psnr) / math.log2(more / count), 0.3), 6.0)


def suggest(subject: Subject, on_progress: OnProgress | None = None) -> list[Point]:
    """The curve for this subject, up to `GrowthConfig.suggested` strokes, or to as many as its configuration says.

    Raises:
        KeyboardInterrupt: before there are two points on it; later, Ctrl-C ends it.
    """
    search, growth = StrokeCountSearch(subject), GrowthConfig()
    given = subject.config.strokes
    most = growth.suggested if given in ("auto", PaintConfig.strokes) else int(given)
    counts = candidate_counts(most, growth)
    try:
        with one_torch_thread():
            for tried, count in enumerate(counts):
                for progress in search.probe(count, search.budget.left() / (len(counts) - tried)):
                    if on_progress is not None:
                        on_progress(progress)
    except KeyboardInterrupt:
        if len(search.points) < 2:
            raise
    return search.points


def _error(psnr: float) -> float:
    """Root-mean-square error of colours in [0, 1]."""
    return float(10 ** (-psnr / 20))
