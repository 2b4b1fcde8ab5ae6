"""A run of steps in stages, on the clock: it can be watched, stopped between two steps, saved and resumed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from torch import Tensor

from painter.pictures.ground import Color, to_bytes
from painter.search.control import Control
from painter.search.time_budget import StageBudget, TimeBudget
from painter.system.autosave import Autosave, Resumable
from painter.system.snapshot import integer
from renderers.strokes import Strokes


@dataclass(frozen=True)
class Progress:
    """One step of the search has been taken."""

    stage: str  # what is going on, for people
    step: int  # steps taken so far
    steps: int  # steps in all, as planned
    strokes: Strokes  # the painting as it stands
    loss: float
    psnr: float  # dB, of the canvas that is searched on
    seen: Callable[[], Tensor] | None = field(default=None, repr=False, compare=False)  # that canvas, premultiplied

    def canvas(self) -> np.ndarray:
        """The painting as the search has just seen it, before its step: uint8 [h, w, 3], or [h, w, 4] with straight
        alpha. Made when it is asked for; ask before the next step.

        Raises:
            ValueError: the run shows none.
        """
        if self.seen is None:
            raise ValueError("this run does not show its canvas")
        return to_bytes(self.seen().numpy())

    @property
    def figures(self) -> str:
        """How it goes, for people."""
        return f"loss {self.loss:.4f}, {self.psnr:.2f} dB"


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, eq=False)
class Styled:
    """What styling has made of strokes so far."""

    strokes: Strokes
    ground: Color | None
    losses: dict[str, dict[str, float]] | None  # 'before' and 'after'; None until it is finished
    records: Sequence[Any]  # the losses, step by step: `painter.styling.records.Record`


class Run(Protocol):
    """What finds the strokes of a painting: a search, one for their number too, or one with styling after it."""

    @property
    def strokes(self) -> Strokes | None:
        """The strokes as they are."""

    @property
    def psnr(self) -> float | None:
        """dB, as the search saw its canvas last; None before the first step, and where the strokes are styled."""

    @property
    def styled(self) -> Styled | None:
        """What styling has made of the strokes, once it has begun."""

    @property
    def budget(self) -> TimeBudget:
        """The time it may take."""

    @property
    def taken(self) -> int:
        """Steps taken so far."""

    def run(self) -> Iterator[Progress]:
        """Take all steps that are left; each yields its progress, the last with the finished strokes."""

    def state(self) -> dict[str, Any]:
        """Where it stands between two steps, until the next: a tree for `painter.system.snapshot.dump`."""

    def restore(self, state: dict[str, Any]) -> None:
        """Resume as when `state` was taken, of a run made with the same arguments."""


class Stage(Protocol):
    """A part of a run: what a `StagedRun` has to know of it."""

    @property
    def steps(self) -> int:
        """That it takes, if the clock does not end it."""

    @property
    def cost(self) -> float:
        """Of all its steps, in any one unit: its share of the time, where that is limited."""


S = TypeVar("S", bound=Stage)
P = TypeVar("P")


class StagedRun(ABC, Generic[S, P]):
    """Takes the steps of all stages, one by one. Subclasses say what begins a stage and what a step is.

    Args:
        seconds: the time it may take; None for as long as it takes.
    """

    def __init__(self, seconds: float | None) -> None:
        self.budget = TimeBudget(seconds)
        self.taken = 0  # steps, in all stages
        self._at = 0  # the stage that is under way or comes next, of `stages`
        self._stage_budget: StageBudget | None = None  # of that stage, once it is under way

    @abstractmethod
    def stages(self) -> Sequence[S]:
        """All stages, in order."""

    @abstractmethod
    def begin(self, stage: S) -> P | None:
        """Make ready for a stage's steps. What it returns is yielded before the first."""

    @abstractmethod
    def step(self, stage: S, done: float) -> P | None:
        """Take one step, when the part `done` in [0, 1) of the stage is over. None: it could not be, for want of time,
        and the stage is over."""

    def end(self, stage: S) -> None:
        """The steps of a stage have been taken."""

    def skips(self, stage: S) -> bool:
        """Whether a stage is left out."""
        return False

    def least_steps(self, stage: S) -> int:
        """Steps that a stage takes even if its time is over before it begins."""
        return 0

    def run(self) -> Iterator[P]:
        """Take all steps that are left; each yields its progress."""
        stages = self.stages()
        if self._at == 0 and self._stage_budget is None:
            self.budget.share_out([stage.cost for stage in stages])
        while self._at < len(stages):
            yield from self.run_stage(stages[self._at])
            self._at += 1

    def run_stage(self, stage: S) -> Iterator[P]:
        """Take the steps of one stage that are left, or as many as its share of the time lasts for."""
        if self._stage_budget is None:
            if self.skips(stage):
                self.budget.stage(0)
                return
            self._stage_budget = self.budget.stage(stage.steps, self.least_steps(stage))
            first = self.begin(stage)
            if first is not None:
                yield first
        while (done := self._stage_budget.done()) < 1:
            progress = self.step(stage, done)
            if progress is None:
                break
            self._stage_budget.step()
            yield progress
        self.end(stage)
        self._stage_budget = None

    def state(self) -> dict[str, Any]:
        """Where it stands between two steps, until the next: a tree for `painter.system.snapshot.dump`."""
        stage = None if self._stage_budget is None else self._stage_budget.state()
        return {"at": self._at, "taken": self.taken, "budget": self.budget.state(), "stage": stage}

    def restore(self, state: dict[str, Any]) -> None:
        """Resume as when `state` was taken, of a run made with the same arguments: `run` takes the steps to come.

        Raises:
            ValueError, LookupError, TypeError, AttributeError or RuntimeError: it is not such a state.
        """
        stages = self.stages()
        self._at = integer(state["at"], 0, len(stages))
        self.taken = integer(state["taken"], 0, sum(stage.steps for stage in stages))
        self.budget.restore(state["budget"])
        self._stage_budget = None
        if state["stage"] is not None:
            stage = stages[self._at]
            self._stage_budget = StageBudget.restored(self.budget, stage.steps, state["stage"], self.least_steps(stage))


def follow(
    run: Run, on_progress: OnProgress | None, autosave: Autosave | None, control: Control | None = None
) -> tuple[Strokes | None, bool]:
    """Run to the end: the strokes, and whether Ctrl-C or `control` cut it short.

    Raises:
        KeyboardInterrupt: before there is a stroke.
    """
    strokes = run.strokes

    def seen(progress: Progress) -> None:
        nonlocal strokes
        if len(progress.strokes) or strokes is not None:  # none: something comes before the search for them
            strokes = progress.strokes  # the run's own may be fewer during a step
        if on_progress is not None:
            on_progress(progress)

    try:
        ended = take_steps(run, seen, autosave, control)
    except KeyboardInterrupt:
        if strokes is None:
            raise
        return strokes, True
    # Not the last step's: without iterations there is none, and strokes are only placed.
    return (run.strokes, False) if ended else (strokes, True)


class Steps(Resumable, Protocol):
    """Whatever takes steps and can be resumed."""

    @property
    def budget(self) -> TimeBudget:
        """The time it may take."""

    @property
    def taken(self) -> int:
        """Steps taken so far."""

    def run(self) -> Iterator[Any]:
        """Take all steps that are left; each yields its progress."""


def take_steps(
    run: Steps, on_progress: Callable[[Any], object] | None, autosave: Autosave | None, control: Control | None = None
) -> bool:
    """Take all steps of a run, and save its progress as it goes; False if `control` ended it before."""
    for progress in run.run():
        if on_progress is not None:
            on_progress(progress)
        if autosave is not None:
            autosave.step(run, run.taken)
        if control is not None and not control.wait(run.budget):
            return False
    if autosave is not None and run.taken:
        autosave.end(run, run.taken)
    return True
