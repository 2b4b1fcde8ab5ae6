"""Gradient descent over all strokes: coarse to fine, on the whole canvas.

Each level adds strokes where the error is largest and then optimises *all* strokes together; afterwards the strokes
that matter least are moved to where the error is largest; last come steps at full size.
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
from painter.losses import TransportLoss
from painter.placement import place_strokes
from painter.plan import make_plan
from painter.resizing import fit_size, resize_image
from painter.variables import StrokeVariables
from renderers.blending import Layers, blend
from renderers.blending.relevance import removal_costs
from renderers.brushes import Limits
from renderers.decoder import Decoder
from renderers.decoding import NetworkMaps, make_layers
from renderers.networks import BrushNetworks
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


class Search:
    """Finds the strokes of one painting.

    Args:
        target: [H, W, C] float32, the picture at the largest size searched on; premultiplied RGBA if C = 4.
        ground: [C] float32, the empty canvas.
        networks: of the brush `config.style`.
        device: 'cpu' or 'cuda'.
        backend: of `renderers.blending.blend`, one that works on this device.
    """

    def __init__(
        self, target: np.ndarray, ground: np.ndarray, networks: BrushNetworks, config: PaintConfig,
        search: SearchConfig | None = None, device: str = "cpu", backend: str = "cpu",
    ) -> None:  # fmt: skip
        self.device = torch.device(device)
        self.backend = backend
        self.target, self.ground = target, torch.from_numpy(ground).to(self.device)
        self.config, self.search = config, search or SearchConfig()
        source = Decoder if backend == "cpu" else NetworkMaps
        self.maps = source(networks.to(self.device), self.search.density)
        self.rng = np.random.default_rng(config.seed)
        height, width = target.shape[:2]
        longer = max(height, width)
        self.limits = Limits(width=width / longer, height=height / longer)
        self.strokes: Strokes | None = None
        self.step = 0

    def run(self) -> Iterator[Progress]:
        """Search; each step taken yields its progress, the last with the finished strokes.

        With no step to take, `strokes` holds them as they were placed.
        """
        plan = make_plan(self.config.strokes, self.config.iterations, self.search)
        for number, level in enumerate(plan.levels, 1):
            self._add(level.count, level.size, level.side)
            yield from self._optimise(Stage(f"level {number}/{len(plan.levels)}", level.side, level.steps))
        side = self.search.move_side
        for number, steps in enumerate(plan.move_steps, 1):
            self._move_weakest(plan.moved, plan.levels[-1].size, side)
            yield from self._optimise(Stage(f"moving {number}/{len(plan.move_steps)}", side, steps))
        last = Stage("full size", self.search.full_side, plan.full_steps, self.search.final_rate)
        yield from self._optimise(last)

    def _target_at(self, side: int) -> np.ndarray:
        """The picture with a long side of at most `side` pixels."""
        height, width = self.target.shape[:2]
        if max(height, width) <= side:
            return self.target
        return resize_image(self.target, *fit_size(height, width, side))

    def _canvas(self, target: np.ndarray) -> Tensor:
        return self.ground.expand(*target.shape)

    def _layers(self, strokes: Strokes, target: np.ndarray) -> Layers:
        """The strokes for a canvas like `target`."""
        return make_layers(strokes, 1 / max(target.shape[:2]), target.shape[2], self.maps)

    def _render(self, strokes: Strokes, target: np.ndarray) -> Tensor:
        """The strokes blended onto a canvas like `target`."""
        return blend(self._canvas(target), self._layers(strokes, target), self.backend)

    def _error(self, target: np.ndarray) -> np.ndarray:
        """[h, w] squared error of the painting so far, where paint can lower it."""
        canvas = self._canvas(target)
        if self.strokes is not None and len(self.strokes):
            with torch.no_grad():
                canvas = self._render(self.strokes, target)
        error = ((canvas.cpu().numpy() - target) ** 2).sum(axis=2)
        # Paint that lies where the picture is transparent cannot be covered with more of it.
        return error * target[:, :, 3] if target.shape[2] == 4 else error

    def _add(self, count: int, size: float, side: int) -> None:
        """Place new strokes, on top of the others, where the error is largest."""
        target = self._target_at(max(side, min(self.search.full_side, int(4 / size))))
        new = place_strokes(target, self._error(target), self.config.style, count, size, self.rng)
        new = new.map(lambda values: values.to(self.device))
        self.strokes = Strokes.cat([self.strokes, new]) if self.strokes is not None else new

    def _move_weakest(self, count: int, size: float, side: int) -> None:
        """Take the strokes that the painting misses least and place them anew."""
        assert self.strokes is not None
        target = self._target_at(side)
        with torch.no_grad():
            layers = self._layers(self.strokes, target)
        costs = removal_costs(self._canvas(target).cpu(), torch.from_numpy(target), layers.cpu())
        kept = costs.argsort(stable=True)[count:].sort().values
        self.strokes = self.strokes[kept.to(self.device)]
        self._add(count, size, side)

    def _optimise(self, stage: Stage) -> Iterator[Progress]:
        """Descend on all strokes for one stage."""
        assert self.strokes is not None
        target = self._target_at(stage.side)
        goal = _planes(torch.from_numpy(target)).to(self.device)
        transport = TransportLoss(goal, self.ground, self.search.transport_side) if self.config.ot else None
        variables = StrokeVariables(self.strokes, self.limits, self.search, stage.rate)
        for step in range(stage.steps):
            canvas = self._render(variables.strokes(), target)
            loss, error = measured_loss(canvas, goal, self.config.loss)
            if transport is not None:
                loss = loss + self.config.ot * transport(canvas)
            self.strokes = variables.descend(loss, stage.rate * _cosine(step / stage.steps))
            self.step += 1
            psnr = -10 * math.log10(max(error, 1e-10))
            yield Progress(stage.name, self.step, self.config.iterations, self.strokes, float(loss.detach()), psnr)


def _planes(image: Tensor) -> Tensor:
    """The same [H, W, C] with its channels apart in memory, as blending leaves a canvas."""
    return image.permute(2, 0, 1).contiguous().permute(1, 2, 0)


def _cosine(done: float) -> float:
    """Rate at a share of a stage: full at first, then falling along half a cosine to a twentieth."""
    falling = max(0.0, (done - PLATEAU) / (1 - PLATEAU))
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * falling))
