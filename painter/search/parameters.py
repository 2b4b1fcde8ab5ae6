"""Strokes as unknowns of gradient descent: each parameter measured in units of its own natural step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from painter.options.paint import PaintConfig
from painter.search.adam import Adam, Moments, StrokeAdam, fresh_moments
from painter.search.config import SearchConfig, StepRates
from painter.system.snapshot import like
from renderers.brushes import BRUSHES, Limits
from renderers.strokes import Strokes


@dataclass(frozen=True, eq=False)
class Constraints:
    """What strokes may be: the artist's limits, and the canvas'."""

    limits: Limits
    opacity: tuple[float, float] = (0.1, 1.0)
    palette: Tensor | None = None  # [K, 3] float32: the only colours that there are

    @staticmethod
    def of(
        config: PaintConfig, size: tuple[int, int], opacity: tuple[float, float], palette: Tensor | None
    ) -> Constraints:
        """What `config` allows on a canvas of this height and width, in any one unit."""
        height, width = size
        longer = max(height, width)
        limits = Limits(
            width=width / longer, height=height / longer,
            min_size=config.min_size or 0.0, max_size=config.max_size or math.inf,
        )  # fmt: skip
        return Constraints(limits, opacity, palette)

    def colors(self, wanted: Tensor) -> Tensor:
        """The nearest colours that there are: [..., 3]."""
        if self.palette is None:
            return wanted.clamp(0, 1)
        flat = wanted.reshape(-1, 3)
        nearest = torch.cdist(flat, self.palette, compute_mode="donot_use_mm_for_euclid_dist").argmin(dim=1)
        return self.palette[nearest].view(wanted.shape)

    def strokes(self, wanted: Strokes, shapes: bool = True) -> Strokes:
        """The nearest strokes that there may be; their shapes as they are if not `shapes`. Not differentiable."""
        shape = BRUSHES[wanted.brush].fit(wanted.params, self.limits) if shapes else wanted.params
        colors, opacity = self.colors(wanted.colors), wanted.opacity.clamp(*self.opacity)
        # Some of torch's functions round otherwise where values lie apart in memory; read from a file they never do.
        return Strokes(wanted.brush, shape, colors, opacity, wanted.seed).map(Tensor.contiguous)


def natural_steps(strokes: Strokes, search: StepRates) -> dict[str, Tensor | float]:
    """How far each shape parameter goes in a step at full rate, by name: a number, or [N] in units of sizes."""
    brush = BRUSHES[strokes.brush]
    frame = brush.frame(strokes.params, 1e-6)
    size = frame.scale * frame.box.prod(dim=1).sqrt() * 2
    rates: dict[str, Tensor | float] = {
        "side": size * search.rate_length,
        "rad": search.rate_angle,
        "1": search.rate_ratio,
    }
    return {parameter.name: rates[parameter.unit] for parameter in brush.parameters}


class Parameters:
    """Leaf tensors and what moves them, which are saved and resumed together."""

    tensors: list[Tensor]
    optimizer: Adam | StrokeAdam

    def state(self) -> dict[str, Any]:
        """Where they stand until the next step: for `restore` of variables made with the same arguments."""
        return {"tensors": self.tensors, "adam": self.optimizer.state()}

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Resume as when `state` was taken."""
        for tensor, value in zip(self.tensors, state["tensors"], strict=True):
            tensor.copy_(like(value, tensor))
        self.optimizer.restore(state["adam"])


class StrokeParameters(Parameters):
    """Leaf tensors that are the strokes' own parameters, and Adam on them, each in units of its natural step.

    Adam moves every unknown by about its rate in each iteration, whatever its unit. So lengths are measured by the
    stroke's own size: a small stroke takes small steps, a large one large steps.

    With a palette the colours seen are always the palette's nearest to the unknown ones, which feel the gradient as if
    they were seen themselves (a straight-through estimator, Bengio et al. 2013): they wander until another of the
    palette's colours is nearer, and everything else is optimised under the colours that will be drawn.

    Args:
        strokes: where to start; N strokes.
        constraints: what they may become.
        search: the natural steps.
        moments: what Adam knows of these strokes; changed in place. None: they have taken no step yet.
    """

    def __init__(
        self, strokes: Strokes, constraints: Constraints, search: SearchConfig, moments: Moments | None = None
    ) -> None:
        strokes = strokes.detach()
        self.start, self.constraints, self.search = strokes, constraints, search
        self.shape = {name: values.clone().requires_grad_() for name, values in strokes.params.items()}
        self.colors = strokes.colors.clone().requires_grad_()
        self.opacity = strokes.opacity.clone().requires_grad_()
        named = {**self.shape, "colors": self.colors, "opacity": self.opacity}
        self.tensors = list(named.values())
        units = {**natural_steps(strokes, search), "colors": search.rate_color, "opacity": search.rate_opacity}
        self.moments = fresh_moments(named) if moments is None else moments
        self.optimizer = StrokeAdam(named, units, self.moments, search.betas)

    def strokes(self) -> Strokes:
        """The strokes as they are now, differentiable in the unknowns."""
        colors = self.colors
        if self.constraints.palette is not None:
            colors = colors + (self.constraints.colors(colors) - colors).detach()
        return Strokes(self.start.brush, self.shape, colors, self.opacity, self.start.seed)

    def descend(self, loss: Tensor, rate: float) -> Strokes:
        """One step of Adam at this rate, then back into the allowed ranges: the strokes as they are after it."""
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step(rate)
        return self._constrain()

    @torch.no_grad()
    def _constrain(self) -> Strokes:
        self.colors.clamp_(0, 1)
        self.opacity.clamp_(*self.constraints.opacity)
        allowed = self.constraints.strokes(self.strokes())
        for name, values in self.shape.items():
            values.copy_(allowed.params[name])
        return allowed.map(Tensor.clone)
