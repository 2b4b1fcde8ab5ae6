"""Gradient descent over all strokes: coarse to fine, on the whole canvas.

Each level adds strokes where the error is largest and then optimises *all* strokes together; afterwards the strokes
that matter least are moved to where the error is largest; then come steps at full size, and last some in which only
colours and opacity move, on the engine's own maps: what is seen then is what will be drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from painter.config import PaintConfig, SearchConfig
from painter.fused_loss import measured_loss
from painter.goal import ALPHA_WEIGHT, Goal
from painter.losses import TransportLoss
from painter.pace import Pace
from painter.placement import place_strokes
from painter.plan import make_plan
from painter.variables import Allowed, StrokeVariables
from renderers.blending import Layers, blend
from renderers.blending.relevance import removal_costs
from renderers.brushes import Limits
from renderers.decoding import EngineMaps, MapSource, make_layers
from renderers.strokes import Strokes

PLATEAU = 0.3  # share of a stage at full rate, before the cosine falls


@dataclass(frozen=True)
class Progress:
    """One step of the search has been taken."""

    stage: str  # what is going on, for people
    step: int  # steps taken so far
    steps: int  # steps in all, as planned
    strokes: Strokes  # the painting as it stands
    loss: float
    psnr: float  # dB, of the canvas that is searched on


@dataclass(frozen=True)
class Stage:
    """A run of steps on one canvas."""

    name: str
    side: int  # long side, pixels
    steps: int
    rate: float = 1.0
    shapes: bool = True  # whether shapes move, as the networks see them; else the engine's maps of them are held


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
        self, goal: Goal, maps: MapSource, brush: str, config: PaintConfig,
        search: SearchConfig | None = None, device: str = "cpu", backend: str = "cpu",
    ) -> None:  # fmt: skip
        self.device, self.backend = torch.device(device), backend
        self.goal, self.maps, self.brush = goal, maps, brush
        self.config, self.search = config, search or SearchConfig()
        self.ground = torch.from_numpy(goal.ground).to(self.device)
        self.rng = np.random.default_rng(config.seed)
        height, width = goal.target.shape[:2]
        longer = max(height, width)
        limits = Limits(
            width=width / longer, height=height / longer,
            min_size=config.min_size or 0.0, max_size=config.max_size or math.inf,
        )  # fmt: skip
        palette = None if goal.palette is None else torch.from_numpy(goal.palette).to(self.device)
        self.allowed = Allowed(limits, goal.opacity, palette)
        self.strokes: Strokes | None = None
        self.step = 0
        self.steps = config.iterations
        self.psnr: float | None = None  # dB, of the latest step
        self.pace = Pace(config.seconds)

    def run(self) -> Iterator[Progress]:
        """Search; each step taken yields its progress, the last with the finished strokes.

        With no step to take, `strokes` holds them as they were placed.
        """
        assert isinstance(self.config.strokes, int)
        plan = make_plan(self.config.strokes, self.config.iterations, self.search, self.config.levels)
        stages = [Stage(f"level {k}/{len(plan.levels)}", v.side, v.steps) for k, v in enumerate(plan.levels, 1)]
        moves = [
            Stage(f"moving {k}/{len(plan.move_steps)}", self.search.move_side, steps)
            for k, steps in enumerate(plan.move_steps, 1)
        ]
        last = self.last_stages(plan.full_steps, plan.last_steps)
        self.pace.share_out([stage.steps * stage.side for stage in [*stages, *moves, *last]])
        for stage, level in zip(stages, plan.levels, strict=True):
            self.add(level.count, level.size, level.side)
            yield from self.optimise(stage)
        for stage in moves:
            self.move_weakest(plan.moved, plan.levels[-1].size, stage.side)
            yield from self.optimise(stage)
        for stage in last:
            yield from self.optimise(stage)

    def last_stages(self, full_steps: int, last_steps: int) -> list[Stage]:
        """What ends every search: so many steps at full size, so many of colours and opacity alone."""
        side, rate = self.search.full_side, self.search.final_rate
        return [Stage("full size", side, full_steps, rate), Stage("colours", side, last_steps, rate, shapes=False)]

    def add(self, count: int, size: float, side: int) -> None:
        """Place new strokes, on top of the others, where the error is largest.

        Args:
            size: root of length times width, canvas units.
            side: of the canvas that they will be optimised on, pixels.
        """
        size = min(max(size, self.allowed.limits.min_size), self.allowed.limits.max_size)
        goal = self.goal.at(max(side, min(self.search.full_side, int(4 / size))))
        error = goal.canvas_error(self.painted(goal))
        new = place_strokes(goal.target, error, self.brush, count, size, self.rng).map(self._moved)
        new = self.allowed.strokes(new)
        self.strokes = Strokes.cat([self.strokes, new]) if self.strokes is not None else new

    def move_weakest(self, count: int, size: float, side: int) -> None:
        """Take the strokes that the painting misses least and place them anew; see `add`."""
        assert self.strokes is not None
        goal = self.goal.at(side)
        with torch.no_grad():
            layers = self._layers(self.strokes, goal, self.maps).cpu()
        counts = _pixel_weight(goal)
        canvas, target = self._canvas(goal).cpu(), torch.from_numpy(goal.target)
        weight = None if counts is None else torch.from_numpy(counts)
        costs = removal_costs(canvas, target, layers, weight, ALPHA_WEIGHT)
        kept = costs.argsort(stable=True)[count:].sort().values
        self.strokes = self.strokes[kept.to(self.device)]
        self.add(count, size, side)

    def optimise(self, stage: Stage) -> Iterator[Progress]:
        """Descend on all strokes for one stage, or for as long as its share of the time lasts."""
        assert self.strokes is not None
        pace = self.pace.stage(stage.steps)
        if pace.done() >= 1:
            return
        goal = self.goal.at(stage.side)
        target = _planes(torch.from_numpy(goal.target)).to(self.device)
        weight = None if goal.weight is None else torch.from_numpy(goal.weight).to(self.device)
        transport = TransportLoss(target, self.ground, self.search.transport_side) if self.config.ot else None
        variables = StrokeVariables(self.strokes, self.allowed, self.search, stage.rate, stage.shapes)
        held = None if stage.shapes else self._engine_maps(goal)
        while (done := pace.done()) < 1:
            canvas = self._render(variables.strokes(), goal, held or self.maps)
            loss, error = measured_loss(canvas, target, self.config.loss, weight)
            if transport is not None:
                loss = loss + self.config.ot * transport(canvas)
            self.strokes = variables.descend(loss, stage.rate * _cosine(done))
            self.step += 1
            self.psnr = -10 * math.log10(max(error, 1e-10))
            yield Progress(stage.name, self.step, self.steps, self.strokes, float(loss.detach()), self.psnr)
            pace.step()

    def painted(self, goal: Goal) -> np.ndarray:
        """[H, W, C] float32: the painting so far, as the search sees it, on a canvas like the goal's."""
        if self.strokes is None or not len(self.strokes):
            return self._canvas(goal).cpu().numpy()
        with torch.no_grad():
            return self._render(self.strokes, goal, self.maps).cpu().numpy()

    def _render(self, strokes: Strokes, goal: Goal, maps: MapSource) -> Tensor:
        """The strokes blended onto a canvas like the goal's; what lies outside its region is taken away again."""
        bare = self._canvas(goal)
        canvas = blend(bare, self._layers(strokes, goal, maps), self.backend)
        if goal.region is None:
            return canvas
        return bare + torch.from_numpy(goal.region).to(self.device)[:, :, None] * (canvas - bare)

    def _layers(self, strokes: Strokes, goal: Goal, maps: MapSource) -> Layers:
        return make_layers(strokes, 1 / max(goal.target.shape[:2]), goal.target.shape[2], maps)

    def _engine_maps(self, goal: Goal) -> MapSource:
        assert self.strokes is not None
        return EngineMaps(self.strokes, 1 / max(goal.target.shape[:2]), self.search.last_density)

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


def _cosine(done: float) -> float:
    """Rate at a share of a stage: full at first, then falling along half a cosine to a twentieth."""
    falling = max(0.0, (done - PLATEAU) / (1 - PLATEAU))
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * falling))
