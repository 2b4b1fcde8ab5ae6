"""Gradient descent over all strokes: coarse to fine, on the whole canvas.

Each level adds strokes where the error is largest and then optimises *all* strokes together; afterwards the strokes
that matter least are moved to where the error is largest; then come steps at full size, the last of them on maps that
are the engine's own, and at the very end all colours and opacities are fitted to what will be drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from painter.options.paint import PaintConfig
from painter.painting.stroke_columns import strokes_of
from painter.search.adam import Moments, cat_moments, moments_state, restore_moments, select_moments
from painter.search.color_fit import can_fit, fit_colors
from painter.search.config import SearchConfig
from painter.search.parameters import Constraints, StrokeParameters
from painter.search.pixel_losses import TransportLoss
from painter.search.placer import Placer
from painter.search.plan import Plan, make_plan, planned_iterations
from painter.search.staged_run import Progress, StagedRun
from painter.search.subject import Subject
from painter.search.target import Target
from painter.search.time_budget import falling_rate
from painter.search.view import Runtime, View
from painter.system.devices import one_torch_thread
from painter.system.snapshot import integer, number
from renderers.decoding import MapSource, SearchMaps
from renderers.strokes import Strokes

LUMA = (0.299, 0.587, 0.114)  # what red, green and blue tell in lightness
LOOKS = 2  # of the moves, the last ones, look closely at the focus


@dataclass(frozen=True)
class SearchStage:
    """A run of steps on one canvas, and what is done to the strokes before it."""

    name: str
    side: int  # long side, pixels
    steps: int
    drawn: bool = False  # whether strokes are seen as the engine draws them, not as the networks imitate it
    added: int = 0  # strokes, before it
    moved: int = 0  # weakest strokes that are placed again, before it
    size: float = 0.0  # of those strokes (root of length times width), canvas units
    close: bool = False  # whether they go to the focus above all
    fitted: bool = False  # whether its one step finds the best colours and opacities: `painter.search.color_fit`
    effort: float = 1.0  # of one of its steps, against one of gradient descent
    picture: int = 0  # that the added ones are for, where there are several: `painter.search.revealing`

    @property
    def cost(self) -> float:
        """Of its steps, against those of the others."""
        return self.steps * self.side * self.effort


@dataclass(frozen=True, eq=False)
class _Scenery:
    """What all steps of one stage share."""

    view: View
    maps: MapSource
    transport: TransportLoss | None


class Search(StagedRun[SearchStage, Progress]):
    """Finds the strokes of one painting.

    Args:
        target: the picture at the largest size searched on, and how it is to be painted.
        maps: how strokes of the brush `brush` look, as the search sees them.
        brush: a name in `renderers.brushes.BRUSHES`.
        runtime: where it runs; the CPU if not given.
    """

    styled = None  # it finds strokes and leaves it at that

    def __init__(
        self, target: Target, maps: SearchMaps, brush: str, config: PaintConfig,
        search: SearchConfig | None = None, runtime: Runtime | None = None,
    ) -> None:  # fmt: skip
        super().__init__(config.seconds)
        assert isinstance(config.strokes, int)
        self.target, self.maps, self.brush = target, maps, brush
        self.config, self.search = config, search or SearchConfig()
        self.runtime = runtime or Runtime(torch.device("cpu"), "cpu")
        palette = None if target.palette is None else self._moved(torch.from_numpy(target.palette))
        height, width = target.image.shape[:2]
        self.constraints = Constraints.of(config, (height, width), target.opacity, palette)
        self.strokes: Strokes | None = None
        self.moments: Moments | None = None  # what the optimiser knows of those strokes
        self.psnr: float | None = None  # dB, of the latest step
        self.rng = np.random.default_rng(config.seed)
        self.steps = planned_iterations(config, self.search, config.strokes)
        self._placer = Placer(self.view, self.constraints, brush, maps, config, self.search, self.rng)
        self._views: dict[int, View] = {}
        self._moved_at = 0  # the step at which strokes were moved last
        self._parameters: StrokeParameters | None = None  # of the stage that is under way
        self._scenery: _Scenery | None = None  # of the same, once it has taken a step

    @staticmethod
    def of(subject: Subject) -> Search:
        """The search for the strokes of a subject whose configuration says how many they are."""
        runtime = Runtime(torch.device(subject.device), subject.backend)
        return Search(subject.target, subject.maps, subject.brush, subject.config, runtime=runtime)

    @one_torch_thread()  # small products of two threads differ from one call to the next in their last bits
    def begin(self, stage: SearchStage) -> None:
        """Add strokes, or move the weakest, as the stage wants it before its steps."""
        if stage.moved and not self._moved_just_now():
            self.move_weakest(stage.moved, stage.size, stage.side, stage.close)
            self._moved_at = self.taken
        elif stage.added:
            self.add(stage.added, stage.size, stage.side)
        assert self.strokes is not None
        if self.config.glazes:
            self._sort_by_lightness()
        self._parameters = StrokeParameters(self.strokes, self.constraints, self.search, self.moments)

    @one_torch_thread()
    def step(self, stage: SearchStage, done: float) -> Progress:
        """One step of gradient descent on all strokes, or the fit of their colours."""
        assert self._parameters is not None
        if stage.fitted:
            return self._fit(stage)
        view, maps, transport = self._stage_scenery(stage, self._parameters.start)
        canvas = view.render(self._parameters.strokes(), maps)
        loss, error = view.loss(canvas, self.config.loss)
        if transport is not None:
            loss = loss + self.config.ot * transport(canvas)
        self.strokes = self._parameters.descend(loss, self._rate())
        return self._seen(stage, loss, error, canvas)

    def _fit(self, stage: SearchStage) -> Progress:
        assert self.strokes is not None
        view = self.view(stage.side)
        limits, sweeps = self.constraints.opacity, self.search.fit_sweeps
        self.strokes, canvas = fit_colors(self.strokes, view.target, self.config.loss, sweeps, limits)
        seen = view.on_device(canvas)
        loss, error = view.loss(seen, self.config.loss)
        return self._seen(stage, loss, error, seen)

    def _seen(self, stage: SearchStage, loss: Tensor, error: float, canvas: Tensor) -> Progress:
        """A step has been taken, with this loss and mean squared error of the canvas."""
        self.taken += 1
        self.psnr = -10 * math.log10(max(error, 1e-10))
        assert self.strokes is not None
        seen = canvas.detach().cpu
        return Progress(stage.name, self.taken, self.steps, self.strokes, float(loss.detach()), self.psnr, seen)

    def end(self, stage: SearchStage) -> None:
        """What the optimiser knows of the strokes outlasts a stage, all else does not."""
        self._parameters = self._scenery = None

    def skips(self, stage: SearchStage) -> bool:
        """Moves whose time is over before they begin: a move without steps would be worse than none. And the fit of
        colours, if it would take too long."""
        if stage.fitted:
            return self.budget.seconds_left() < self._fit_seconds / 2
        return bool(stage.moved) and self.budget.late()

    def least_steps(self, stage: SearchStage) -> int:
        """Steps that a stage takes even if placing strokes took all of its time."""
        return self.search.least_move_steps if stage.moved else 1

    def stages(self) -> list[SearchStage]:
        """All that the search does, in this order."""
        plan = self._plan
        levels = [
            SearchStage(f"level {k}/{len(plan.levels)}", level.side, level.steps, added=level.count, size=level.size)
            for k, level in enumerate(plan.levels, 1)
        ]
        size, rounds = plan.levels[-1].size, len(plan.move_steps)
        moves = [
            SearchStage(f"moving {k}/{rounds}", side, steps, moved=plan.moved, size=size)
            for k, (side, steps) in enumerate(zip(plan.move_sides, plan.move_steps, strict=True), 1)
        ]
        if self.target.weight is not None and rounds > LOOKS:
            size *= self.search.look_size
            moves[-LOOKS:] = [replace(move, size=size, close=True) for move in moves[-LOOKS:]]
        fits = int(self.fits)
        full = SearchStage("full size", plan.full_side, plan.full_steps - fits)
        last = SearchStage("as drawn", plan.full_side, plan.last_steps, drawn=True)
        found = [*levels, *moves, full, last]
        return [*found, self._fitting(found)] if fits else found

    def _fitting(self, before: Sequence[SearchStage]) -> SearchStage:
        """The stage that fits colours; where the time is limited it gets what it is likely to take."""
        side, seconds, share = self._plan.full_side, self._fit_seconds, 0.0
        if self.config.seconds is not None:
            share = seconds / (self.config.seconds - seconds)
        return SearchStage("colours", side, 1, fitted=True, effort=share * sum(stage.cost for stage in before) / side)

    @property
    def _fit_seconds(self) -> float:
        """That fitting colours is likely to take."""
        a_stroke, a_pixel = self.search.fit_seconds
        height, width = self.target.image.shape[:2]
        smaller = min(1.0, self._plan.full_side / max(height, width))
        seconds: float = a_stroke * int(self.config.strokes) + a_pixel * height * width * smaller**2
        return seconds

    @property
    def fits(self) -> bool:
        """Whether colours and opacities are fitted in the end: where they can be, and it does not take too long."""
        most = math.inf if self.config.seconds is None else self.search.most_fit * self.config.seconds
        return self._plan.full_steps > 1 and self._fit_seconds < most and can_fit(self.config, self.target)

    @cached_property
    def _plan(self) -> Plan:
        assert isinstance(self.config.strokes, int)
        return make_plan(self.config.strokes, self.steps, self.search, self.config.levels, self.config.seconds)

    def _moved_just_now(self) -> bool:
        """Whether the strokes that were moved last need more steps before others are: on a slow machine, if timed."""
        apart = min(self.search.steps_between_moves, *self._plan.move_steps)
        return self.budget.seconds is not None and self.taken < self._moved_at + apart

    def _stage_scenery(self, stage: SearchStage, start: Strokes) -> tuple[View, MapSource, TransportLoss | None]:
        """What the stage's steps share, made at the first of them."""
        if self._scenery is None:
            view, transport = self.view(stage.side), None
            maps: MapSource = self.maps
            if self.config.ot:
                ground = self._moved(torch.from_numpy(self.target.ground))
                transport = TransportLoss(view.image, ground, self.search.transport_side)
            if stage.drawn and self.budget.seconds_left() > self.search.last_seconds * len(start):
                maps = self.maps.near(start, view.pixel, self.search.last_density)
            self._scenery = _Scenery(view, maps, transport)
        return self._scenery.view, self._scenery.maps, self._scenery.transport

    def _rate(self) -> float:
        """Full at first, then falling over the rest of the search."""
        search = self.search
        full = min(search.most_rate, (self._plan.likely / search.rate_iterations) ** 0.25)
        over = max(self.taken / max(1, self.steps), 1 - self.budget.left())
        lowest = search.lowest_before_fit if self.fits else search.lowest_rate
        rate: float = full * falling_rate(over, search.hold, lowest)
        return rate

    def view(self, side: int) -> View:
        """The target with a long side of at most `side` pixels."""
        if side not in self._views:
            self._views[side] = View(self.target.at(side), self.runtime)
        return self._views[side]

    def painted(self, view: View) -> np.ndarray:
        """[H, W, C] float32: the painting so far, as the search sees it."""
        if self.strokes is None or not len(self.strokes):
            return view.bare.cpu().numpy()
        with torch.no_grad():
            return view.render(self.strokes, self.maps).cpu().numpy()

    def add(self, count: int, size: float, side: int, close: bool = False) -> None:
        """Place new strokes, on top of the others, where the error is largest.

        Args:
            size: root of length times width, canvas units.
            side: of the canvas that they will be optimised on, pixels.
            close: whether to look for places in the focus above all.
        """
        size = self._placer.within_limits(size)
        view = self._placer.view(size, side)
        self._place(count, size, view, self.painted(view), close)

    def move_weakest(self, count: int, size: float, side: int, close: bool = False) -> None:
        """Take the strokes that the painting misses least and place them anew; see `add`."""
        assert self.strokes is not None
        size = self._placer.within_limits(size)
        view = self._placer.view(size, side)
        with torch.no_grad():
            layers = view.layers(self.strokes, self.maps)
        costs = view.removal_costs(layers, view.target.paint_weight())
        kept = costs.argsort(stable=True)[count:].sort().values.to(self.runtime.device)
        self.moments = select_moments(self.moments or self._fresh_moments(self.strokes), kept)
        self.strokes = self.strokes[kept]
        with torch.no_grad():
            canvas = view.composite(view.bare, layers.select(kept)).cpu().numpy()
        self._place(count, size, view, canvas, close)

    def _place(self, count: int, size: float, view: View, canvas: np.ndarray, close: bool) -> None:
        """`add` where the painting so far is known: `canvas` [H, W, C], like the view's."""
        new, moments = self._placer.place(count, size, view, canvas, self._plan.places, self._rate(), close)
        if self.strokes is None:
            self.strokes, self.moments = new, moments
        else:
            self.moments = cat_moments(self.moments or self._fresh_moments(self.strokes), moments)
            self.strokes = Strokes.cat([self.strokes, new])

    def _sort_by_lightness(self) -> None:
        """Put light strokes below dark ones, as glazes are laid."""
        assert self.strokes is not None
        lightness = self.strokes.colors.mean(dim=1) @ self.strokes.colors.new_tensor(LUMA)
        order = lightness.argsort(descending=True, stable=True)
        self.moments = select_moments(self.moments or self._fresh_moments(self.strokes), order)
        self.strokes = self.strokes[order]

    def state(self) -> dict[str, Any]:
        """See `StagedRun.state`."""
        parameters = self._parameters
        return {
            **super().state(),
            "moved_at": self._moved_at,
            "psnr": self.psnr,
            "rng": self.rng.bit_generator.state,
            "strokes": self.strokes,
            # Those of a stage that is under way are part of its parameters.
            "moments": None if self.moments is None or parameters is not None else moments_state(self.moments),
            "start": None if parameters is None else parameters.start,
            "parameters": None if parameters is None else parameters.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """See `StagedRun.restore`."""
        super().restore(state)
        self._moved_at = integer(state["moved_at"], 0, self.taken)
        self.psnr = None if state["psnr"] is None else number(state["psnr"])
        self.rng.bit_generator.state = state["rng"]
        underway = self._stage_budget is not None
        count = sum(stage.added for stage in self.stages()[: self._at + underway])
        self.strokes = self.moments = self._parameters = self._scenery = None
        if count:
            self.strokes = self._restored(state["strokes"], count)
            self.moments = self._fresh_moments(self.strokes)
        if underway:
            start = self._restored(state["start"], count)
            self._parameters = StrokeParameters(start, self.constraints, self.search, self.moments)
            self._parameters.restore(state["parameters"])
            with torch.no_grad():
                self._restored(self._parameters.strokes(), count)  # they are what goes on, not `strokes`
        elif self.moments is not None:
            restore_moments(self.moments, state["moments"])

    def _restored(self, strokes: Any, count: int) -> Strokes:
        if len(strokes_of(strokes, self.brush)) != count:
            raise ValueError(f"expected {count} strokes")
        return strokes_of(strokes, self.brush).map(self._moved)

    def _fresh_moments(self, strokes: Strokes) -> Moments:
        return StrokeParameters(strokes, self.constraints, self.search).moments

    def _moved(self, values: Tensor) -> Tensor:
        return values.to(self.runtime.device)
