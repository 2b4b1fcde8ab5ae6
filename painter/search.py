"""Gradient descent over all strokes: coarse to fine, on the whole canvas.

Each level adds strokes where the error is largest and then optimises *all* strokes together; afterwards the strokes
that matter least are moved to where the error is largest; last come steps at full size, first with the networks'
maps, then with the engine's own, so that what was optimised is what will be drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from painter.config import PaintConfig, SearchConfig
from painter.losses import TransportLoss, pixel_loss
from painter.picture import fit_size, resize_image
from painter.placement import Scene, place_strokes
from painter.plan import plan_levels
from painter.variables import StrokeVariables
from renderers.blending import Layers, blend
from renderers.blending.relevance import removal_costs
from renderers.brushes import Limits
from renderers.checkpoint import BrushNetworks
from renderers.decoding import EngineMaps, MapSource, NetworkMaps, make_layers
from renderers.strokes import Strokes

PLATEAU = 0.3  # share of a stage at full rate, before the cosine falls


@dataclass(frozen=True)
class Progress:
    """One step of the search has been taken."""

    stage: str  # what is going on, for people
    step: int  # steps taken so far
    steps: int  # steps in all
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
    engine: bool = False  # whether the engine's own maps stand in for the networks'


class Search:
    """Finds the strokes of one painting.

    Args:
        target: [H, W, C] float32, the picture at the largest size searched on; premultiplied RGBA if C = 4.
        ground: [C] float32, the empty canvas.
        networks: of the brush `config.style`.
    """

    def __init__(
        self, target: np.ndarray, ground: np.ndarray, networks: BrushNetworks, config: PaintConfig,
        search: SearchConfig | None = None,
    ) -> None:  # fmt: skip
        self.target, self.ground = target, torch.from_numpy(ground)
        self.config, self.search = config, search or SearchConfig()
        self.networks = NetworkMaps(networks, self.search.small_frame)
        self.rng = np.random.default_rng(config.seed)
        height, width = target.shape[:2]
        longer = max(height, width)
        self.limits = Limits(width=width / longer, height=height / longer)
        self.strokes: Strokes | None = None
        self.backend = "cpu"
        self.step = 0

    def run(self) -> Iterator[Progress]:
        """Search; each step taken yields its progress, the last with the finished strokes."""
        levels = plan_levels(self.config.strokes, self.config.iterations, self.search)
        iterations, search = self.config.iterations, self.search
        for number, level in enumerate(levels, 1):
            self._add(level.count, level.size, level.side)
            yield from self._optimise(Stage(f"level {number}/{len(levels)}", level.side, level.steps))
        for number in range(1, search.move_rounds + 1):
            if self._move_weakest(levels[-1].size):
                stage = f"moving {number}/{search.move_rounds}"
                yield from self._optimise(Stage(stage, search.move_side, round(search.move_steps * iterations)))
        full, engine = round(search.full_steps * iterations), round(search.engine_steps * iterations)
        yield from self._optimise(Stage("full size", search.full_side, full, search.final_rate))
        yield from self._optimise(Stage("last touch", search.full_side, engine, search.final_rate, engine=True))

    def _target_at(self, side: int) -> np.ndarray:
        """The picture with a long side of at most `side` pixels."""
        height, width = self.target.shape[:2]
        if max(height, width) <= side:
            return self.target
        return resize_image(self.target, *fit_size(height, width, side))

    def _canvas(self, target: np.ndarray) -> Tensor:
        return self.ground.expand(*target.shape).contiguous()

    def _render(self, strokes: Strokes, target: np.ndarray, source: MapSource) -> tuple[Tensor, Layers]:
        """The strokes blended onto a canvas like `target`, and the layers that were."""
        layers = make_layers(strokes, 1 / max(target.shape[:2]), target.shape[2], source)
        return blend(self._canvas(target), layers, self.backend), layers

    def _error(self, target: np.ndarray) -> np.ndarray:
        """[h, w] squared error of the painting so far."""
        canvas = self._canvas(target)
        if self.strokes is not None and len(self.strokes):
            with torch.no_grad():
                canvas, _ = self._render(self.strokes, target, self.networks)
        return ((canvas.numpy() - target) ** 2).sum(axis=2)

    def _add(self, count: int, size: float, side: int) -> None:
        """Place new strokes, on top of the others, where the error is largest."""
        target = self._target_at(max(side, min(self.search.full_side, int(4 / size))))
        error = self._error(target)
        new = place_strokes(Scene(target), error, self.config.style, count, size, self.rng)
        self.strokes = Strokes.cat([self.strokes, new]) if self.strokes is not None else new

    def _move_weakest(self, size: float) -> bool:
        """Take the strokes that the painting misses least and place them anew; False if there are too few."""
        assert self.strokes is not None
        count = int(self.search.move_share * len(self.strokes))
        if not count or not self.config.iterations:
            return False
        target = self._target_at(self.search.move_side)
        with torch.no_grad():
            canvas, layers = self._render(self.strokes, target, self.networks)
        order = removal_costs(canvas, torch.from_numpy(target), layers).argsort(stable=True)
        self.strokes = self.strokes[order[count:].sort().values]
        self._add(count, size, self.search.move_side)
        return True

    def _optimise(self, stage: Stage) -> Iterator[Progress]:
        """Descend on all strokes for one stage."""
        assert self.strokes is not None
        target = self._target_at(stage.side)
        pixel = 1 / max(target.shape[:2])
        goal = torch.from_numpy(target)
        source: MapSource = EngineMaps(self.strokes, pixel) if stage.engine else self.networks
        transport = TransportLoss(goal, self.ground, self.search.transport_side) if self.config.ot else None
        variables = StrokeVariables(self.strokes, self.limits, self.search, stage.rate)
        for step in range(stage.steps):
            canvas, _ = self._render(variables.strokes(), target, source)
            loss = pixel_loss(canvas, goal, self.config.loss)
            if transport is not None:
                loss = loss + self.config.ot * transport(canvas)
            variables.descend(loss, stage.rate * _cosine(step / stage.steps))
            self.strokes = variables.strokes().detach()
            self.step += 1
            error = float(((canvas.detach() - goal) ** 2).mean())
            psnr = -10 * math.log10(max(error, 1e-10))
            yield Progress(stage.name, self.step, self.config.iterations, self.strokes, float(loss.detach()), psnr)


def _cosine(done: float) -> float:
    """Rate at a share of a stage: full at first, then falling along half a cosine to a twentieth."""
    falling = max(0.0, (done - PLATEAU) / (1 - PLATEAU))
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * falling))
