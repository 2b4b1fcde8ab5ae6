"""Gradient descent over all strokes: coarse to fine, on the whole canvas.

Each level adds strokes where the error is largest and then optimises *all* strokes together; afterwards the strokes
that matter least are moved to where the error is largest; then come steps at full size, the last of them on maps that
are the engine's own: what is seen then is what will be drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from painter.adam import Moments, cat_moments, moments_state, restore_moments, select_moments
from painter.config import PaintConfig, SearchConfig
from painter.fused_loss import measured_loss
from painter.goal import ALPHA_WEIGHT, Goal
from painter.losses import TransportLoss
from painter.pace import Pace, StagePace, falling_rate
from painter.placement import CLIMBED_OPACITY, Climbing, edge_direction, place_climbed
from painter.plan import Plan, make_plan, planned_iterations
from painter.state import real, strokes_of, whole
from painter.variables import Allowed, StrokeVariables
from renderers.blending import Layers, blend
from renderers.blending.relevance import removal_costs
from renderers.decoding import MapSource, SearchMaps, make_layers
from renderers.strokes import Strokes

LOOKS = 2  # of the moves, the last ones, look closely at the focus
LEAST_PIXELS = 4  # size of new strokes on the canvas that is looked at for their places


@dataclass(frozen=True)
class Progress:
    """One step of the search has been taken."""

    stage: str  # what is going on, for people
    step: int  # steps taken so far
    steps: int  # steps in all, as planned
    strokes: Strokes  # the painting as it stands
    loss: float
    psnr: float  # dB, of the canvas that is searched on

    @property
    def figures(self) -> str:
        """How it goes, for people."""
        return f"loss {self.loss:.4f}, {self.psnr:.2f} dB"


@dataclass(frozen=True)
class Stage:
    """A run of steps on one canvas, and what is done to the strokes before it."""

    name: str
    side: int  # long side, pixels
    steps: int
    drawn: bool = False  # whether strokes are seen as the engine draws them, not as the networks imitate it
    added: int = 0  # strokes, before it
    moved: int = 0  # weakest strokes that are placed anew, before it
    size: float = 0.0  # of those strokes (root of length times width), canvas units
    close: bool = False  # whether they go to the focus above all


@dataclass(frozen=True, eq=False)
class _Descent:
    """A stage that is underway."""

    pace: StagePace
    variables: StrokeVariables

    def state(self) -> dict[str, Any]:
        start, variables = self.variables.start, self.variables.state()
        return {"pace": self.pace.state(), "start": start, "variables": variables}


class Search:
    """Finds the strokes of one painting.

    Args:
        goal: the picture at the largest size searched on, and what is to be made of it.
        maps: how strokes of the brush `brush` look, as the search sees them.
        brush: a name in `renderers.brushes.BRUSHES`.
        device: 'cpu' or 'cuda'.
        backend: of `renderers.blending.blend`, one that works on this device.
    """

    def __init__(
        self, goal: Goal, maps: SearchMaps, brush: str, config: PaintConfig,
        search: SearchConfig | None = None, device: str = "cpu", backend: str = "cpu",
    ) -> None:  # fmt: skip
        self.device, self.backend = torch.device(device), backend
        self.goal, self.maps, self.brush = goal, maps, brush
        self.config, self.search = config, search or SearchConfig()
        self.ground = torch.from_numpy(goal.ground).to(self.device)
        self.rng = np.random.default_rng(config.seed)
        palette = None if goal.palette is None else torch.from_numpy(goal.palette).to(self.device)
        height, width = goal.target.shape[:2]
        self.allowed = Allowed.of(config, (height, width), goal.opacity, palette)
        self.strokes: Strokes | None = None
        self.moments: Moments | None = None  # what the optimiser knows of those strokes
        self.step = 0
        assert isinstance(config.strokes, int)
        self.steps = planned_iterations(config, self.search, config.strokes)
        self.psnr: float | None = None  # dB, of the latest step
        self.pace = Pace(config.seconds)
        self._at = 0  # the stage that is underway or comes next, of `stages`
        self._moved_at = 0  # the step at which strokes were moved last
        self._descent: _Descent | None = None  # of that stage, once it is underway
        self._goals: dict[int, Goal] = {}
        self._directions: dict[tuple[int, float], tuple[np.ndarray, np.ndarray]] = {}

    def run(self) -> Iterator[Progress]:
        """Search; each step taken yields its progress, the last with the finished strokes.

        With no step to take, `strokes` holds them as they were placed.
        """
        stages = self.stages()
        if self._at == 0 and self._descent is None:
            self.pace.share_out([stage.steps * stage.side for stage in stages])
        while self._at < len(stages):
            stage = stages[self._at]
            if self._descent is None:
                if stage.moved and self.pace.late():  # a move without steps would be worse than none
                    self.pace.stage(0)
                    self._at += 1
                    continue
                self._begin(stage)
            yield from self.optimise(stage)
            self._at += 1

    def _begin(self, stage: Stage) -> None:
        """Add or move strokes, as a stage wants it before its steps."""
        if stage.moved and not self._moved_just_now():
            self.move_weakest(stage.moved, stage.size, stage.side, stage.close)
            self._moved_at = self.step
        elif stage.added:
            self.add(stage.added, stage.size, stage.side)

    def _moved_just_now(self) -> bool:
        """Whether the strokes that were moved last need more steps before others are: on a slow machine, if timed."""
        apart = min(self.search.steps_between_moves, *self._plan.move_steps)
        return self.pace.seconds is not None and self.step < self._moved_at + apart

    def stages(self) -> list[Stage]:
        """All that the search does, in this order."""
        plan = self._plan
        levels = [
            Stage(f"level {k}/{len(plan.levels)}", level.side, level.steps, added=level.count, size=level.size)
            for k, level in enumerate(plan.levels, 1)
        ]
        size, rounds = plan.levels[-1].size, len(plan.move_steps)
        moves = [
            Stage(f"moving {k}/{rounds}", side, steps, moved=plan.moved, size=size)
            for k, (side, steps) in enumerate(zip(plan.move_sides, plan.move_steps, strict=True), 1)
        ]
        if self.goal.weight is not None and rounds > LOOKS:
            size *= self.search.look_size
            moves[-LOOKS:] = [replace(move, size=size, close=True) for move in moves[-LOOKS:]]
        full = Stage("full size", plan.full_side, plan.full_steps)
        last = Stage("as drawn", plan.full_side, plan.last_steps, drawn=True)
        return [*levels, *moves, full, last]

    @cached_property
    def _plan(self) -> Plan:
        assert isinstance(self.config.strokes, int)
        return make_plan(self.config.strokes, self.steps, self.search, self.config.levels, self.config.seconds)

    def state(self) -> dict[str, Any]:
        """Where it stands between two steps, until the next: a tree for `painter.state.pack`."""
        return {
            "at": self._at,
            "moved_at": self._moved_at,
            "step": self.step,
            "psnr": self.psnr,
            "rng": self.rng.bit_generator.state,
            "pace": self.pace.state(),
            "strokes": self.strokes,
            # Those of a stage that is underway are part of its own state.
            "moments": None if self.moments is None or self._descent is not None else moments_state(self.moments),
            "descent": None if self._descent is None else self._descent.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as when `state` was taken, of a search made with the same arguments: `run` takes the steps to come.

        Raises:
            ValueError, LookupError, TypeError, AttributeError or RuntimeError: it is no such state.
        """
        stages = self.stages()
        self._at = whole(state["at"], 0, len(stages))
        self.step = whole(state["step"], 0, self.steps)
        self._moved_at = whole(state["moved_at"], 0, self.step)
        self.psnr = None if state["psnr"] is None else real(state["psnr"])
        self.rng.bit_generator.state = state["rng"]
        self.pace.restore(state["pace"])
        descent = state["descent"]
        count = sum(stage.added for stage in stages[: self._at + (descent is not None)])
        self.strokes, self.moments = None, None
        if count:
            self.strokes = self._restored(state["strokes"], count)
            self.moments = self._fresh_moments(self.strokes)
            if descent is None:
                restore_moments(self.moments, state["moments"])
        self._descent = None
        if descent is not None:
            stage = stages[self._at]
            variables = self._variables(self._restored(descent["start"], count))
            variables.restore(descent["variables"])
            pace = StagePace.restored(self.pace, stage.steps, descent["pace"], self._least(stage))
            self._descent = _Descent(pace, variables)

    def _restored(self, strokes: Any, count: int) -> Strokes:
        if len(strokes_of(strokes, self.brush)) != count:
            raise ValueError(f"expected {count} strokes")
        return strokes_of(strokes, self.brush).map(self._moved)

    def add(self, count: int, size: float, side: int, close: bool = False) -> None:
        """Place new strokes, on top of the others, where the error is largest.

        Args:
            size: root of length times width, canvas units.
            side: of the canvas that they will be optimised on, pixels.
            close: whether to look for places in the focus above all.
        """
        size = self._within_limits(size)
        goal = self._placing_goal(size, side)
        self._place(count, size, goal, self.painted(goal), close)

    def _within_limits(self, size: float) -> float:
        return min(max(size, self.allowed.limits.min_size), self.allowed.limits.max_size)

    def _placing_goal(self, size: float, side: int) -> Goal:
        """The goal as it is looked at for places of strokes of this size, which a canvas of this side is to get."""
        least = min(self.search.full_sides[0], int(LEAST_PIXELS / size))
        return self._goal(max(min(side, int(self.search.place_pixels / size)), least))

    def _place(self, count: int, size: float, goal: Goal, canvas: np.ndarray, close: bool) -> None:
        """`add` where the painting so far is known: `canvas` [H, W, C], like the goal's."""
        limits, search = self.allowed.limits, self.search
        weight = _pixel_weight(goal)
        error = goal.canvas_error(canvas)
        if close and goal.weight is not None:
            error = error * goal.weight  # once more
        if weight is None:
            weight = np.ones(canvas.shape[:2], np.float32)
        low, high = self.allowed.opacity
        new = place_climbed(
            goal.target, canvas, error, weight, self.brush, count, size,
            min(max(CLIMBED_OPACITY, low), high), Climbing(search.tries, self._plan.places, search.place_spread),
            self.rng, self._edge_direction(goal, size), (limits.min_size, limits.max_size),
        ).map(self._moved)  # fmt: skip
        new, moments = self._settled(self.allowed.strokes(new), goal, canvas)
        if self.strokes is None:
            self.strokes, self.moments = new, moments
        else:
            self.moments = cat_moments(self.moments or self._fresh_moments(self.strokes), moments)
            self.strokes = Strokes.cat([self.strokes, new])

    def _settled(self, new: Strokes, goal: Goal, below: np.ndarray) -> tuple[Strokes, Moments]:
        """New strokes after some steps of their own, on a canvas [H, W, C] that stays as it is; and their moments.

        Such a step costs as much as there are new strokes, and what climbed as a band becomes a stroke of the brush.
        """
        variables = StrokeVariables(new, self.allowed, self.search)
        canvas, target, weight = self._moved(_planes(torch.from_numpy(below))), *self._aim(goal)
        rate = self._rate()
        for _ in range(self.search.settling_steps):
            seen = self._lay(canvas, self._layers(variables.strokes(), goal, self.maps), goal)
            loss, _error = measured_loss(seen, target, self.config.loss, weight)
            new = variables.descend(loss, rate)
        return new, variables.moments

    def _goal(self, side: int) -> Goal:
        """The goal with a long side of at most `side` pixels."""
        if side not in self._goals:
            self._goals[side] = self.goal.at(side)
        return self._goals[side]

    def _edge_direction(self, goal: Goal, size: float) -> tuple[np.ndarray, np.ndarray]:
        """`edge_direction` for strokes of this size; the same in every round of moves."""
        side = max(goal.target.shape[:2])
        if (side, size) not in self._directions:
            self._directions = {(side, size): edge_direction(goal.target, size * side / 4)}
        return self._directions[side, size]

    def _fresh_moments(self, strokes: Strokes) -> Moments:
        return StrokeVariables(strokes, self.allowed, self.search).moments

    def move_weakest(self, count: int, size: float, side: int, close: bool = False) -> None:
        """Take the strokes that the painting misses least and place them anew; see `add`."""
        assert self.strokes is not None
        size = self._within_limits(size)
        goal = self._placing_goal(size, side)
        bare, counts = self._canvas(goal), _pixel_weight(goal)
        with torch.no_grad():
            layers = self._layers(self.strokes, goal, self.maps)
        weight = None if counts is None else torch.from_numpy(counts)
        costs = removal_costs(bare.cpu(), torch.from_numpy(goal.target), layers.cpu(), weight, ALPHA_WEIGHT)
        kept = costs.argsort(stable=True)[count:].sort().values.to(self.device)
        self.moments = select_moments(self.moments or self._fresh_moments(self.strokes), kept)
        self.strokes = self.strokes[kept]
        with torch.no_grad():
            canvas = self._lay(bare, layers.select(kept), goal).cpu().numpy()
        self._place(count, size, goal, canvas, close)

    def optimise(self, stage: Stage) -> Iterator[Progress]:
        """Descend on all strokes for one stage, or for as long as its share of the time lasts."""
        assert self.strokes is not None
        if self._descent is None:
            pace = self.pace.stage(stage.steps, self._least(stage))
            self._descent = _Descent(pace, self._variables(self.strokes))
        pace, variables = self._descent.pace, self._descent.variables
        if pace.done() < 1:
            yield from self._descend(stage, pace, variables)
        self._descent = None

    def _descend(self, stage: Stage, pace: StagePace, variables: StrokeVariables) -> Iterator[Progress]:
        goal = self._goal(stage.side)
        target, weight = self._aim(goal)
        transport = TransportLoss(target, self.ground, self.search.transport_side) if self.config.ot else None
        held: MapSource | None = None
        if stage.drawn and self.pace.seconds_left() > self.search.last_seconds * len(variables.start):
            held = self.maps.near(variables.start, 1 / max(goal.target.shape[:2]), self.search.last_density)
        while pace.done() < 1:
            canvas = self._render(variables.strokes(), goal, held or self.maps)
            loss, error = measured_loss(canvas, target, self.config.loss, weight)
            if transport is not None:
                loss = loss + self.config.ot * transport(canvas)
            self.strokes = variables.descend(loss, self._rate())
            self.step += 1
            self.psnr = -10 * math.log10(max(error, 1e-10))
            pace.step()
            yield Progress(stage.name, self.step, self.steps, self.strokes, float(loss.detach()), self.psnr)

    def _aim(self, goal: Goal) -> tuple[Tensor, Tensor | None]:
        """The goal's target and weight for `measured_loss`."""
        weight = None if goal.weight is None else self._moved(torch.from_numpy(goal.weight))
        return self._moved(_planes(torch.from_numpy(goal.target))), weight

    def _rate(self) -> float:
        """Full at first, then falling over the rest of the search."""
        search = self.search
        full = min(search.most_rate, (self._plan.likely / search.rate_iterations) ** 0.25)
        over = max(self.step / max(1, self.steps), 1 - self.pace.left())
        return full * falling_rate(over, search.hold, search.lowest_rate)

    def painted(self, goal: Goal) -> np.ndarray:
        """[H, W, C] float32: the painting so far, as the search sees it, on a canvas like the goal's."""
        if self.strokes is None or not len(self.strokes):
            return self._canvas(goal).cpu().numpy()
        with torch.no_grad():
            return self._render(self.strokes, goal, self.maps).cpu().numpy()

    def _render(self, strokes: Strokes, goal: Goal, maps: MapSource) -> Tensor:
        """The strokes blended onto a bare canvas like the goal's."""
        return self._lay(self._canvas(goal), self._layers(strokes, goal, maps), goal)

    def _lay(self, bare: Tensor, layers: Layers, goal: Goal) -> Tensor:
        """Layers blended onto a canvas like the goal's; what lies outside its region is taken away again."""
        canvas = blend(bare, layers, self.backend)
        if goal.region is None:
            return canvas
        return bare + self._moved(torch.from_numpy(goal.region))[:, :, None] * (canvas - bare)

    def _layers(self, strokes: Strokes, goal: Goal, maps: MapSource) -> Layers:
        return make_layers(strokes, 1 / max(goal.target.shape[:2]), goal.target.shape[2], maps)

    def _least(self, stage: Stage) -> int:
        """Steps that a stage takes even if placing strokes took all of its time."""
        return self.search.least_move_steps if stage.moved else 1

    def _variables(self, start: Strokes) -> StrokeVariables:
        return StrokeVariables(start, self.allowed, self.search, self.moments)

    def _canvas(self, goal: Goal) -> Tensor:
        return self.ground.expand(*goal.target.shape)

    def _moved(self, values: Tensor) -> Tensor:
        return values.to(self.device)


def _pixel_weight(goal: Goal) -> np.ndarray | None:
    """[H, W] what the squared error that strokes make counts at each pixel; None: the same everywhere."""
    if goal.region is None:
        return goal.weight
    # Of a stroke's effect, as much is seen as the region lets through.
    return goal.region**2 if goal.weight is None else goal.region**2 * goal.weight


def _planes(image: Tensor) -> Tensor:
    """The same [H, W, C] with its channels apart in memory, as blending leaves a canvas."""
    return image.permute(2, 0, 1).contiguous().permute(1, 2, 0)
