"""Strokes as unknowns of gradient descent: each parameter measured in units of its own natural step."""

from __future__ import annotations

import torch
from torch import Tensor

from painter.config import SearchConfig
from renderers.brushes import BRUSHES, Limits
from renderers.strokes import Strokes


class StrokeVariables:
    """Leaf tensors from which strokes are made: parameter = base + step·delta.

    Adam moves every unknown by about its rate in each iteration, whatever its unit. So lengths are measured by the
    stroke's own size: a small stroke takes small steps, a large one large steps.
    """

    def __init__(self, strokes: Strokes, limits: Limits, search: SearchConfig, rate: float) -> None:
        strokes = strokes.detach()
        self.start, self.limits, self.search = strokes, limits, search
        self.brush = BRUSHES[strokes.brush]
        frame = self.brush.frame(strokes.shape, 1e-6)
        size = frame.scale * frame.box.prod(dim=1).sqrt() * 2
        rates: dict[str, Tensor | float] = {
            "side": size * search.rate_length,
            "rad": search.rate_angle,
            "1": search.rate_ratio,
        }
        self.step = {parameter.name: rates[parameter.unit] for parameter in self.brush.parameters}
        self.delta = {name: torch.zeros_like(strokes.opacity, requires_grad=True) for name in self.brush.names}
        self.colors = (strokes.colors / search.rate_color).requires_grad_()
        self.opacity = (strokes.opacity / search.rate_opacity).requires_grad_()
        unknowns = [*self.delta.values(), self.colors, self.opacity]
        self.optimizer = torch.optim.Adam(unknowns, lr=rate, betas=(0.9, 0.98), fused=True)

    def strokes(self) -> Strokes:
        """The strokes as they are now, differentiable in the unknowns."""
        shape = {name: self.start.shape[name] + self.step[name] * delta for name, delta in self.delta.items()}
        colors, opacity = self.colors * self.search.rate_color, self.opacity * self.search.rate_opacity
        return Strokes(self.start.brush, shape, colors, opacity, self.start.seed)

    def descend(self, loss: Tensor, rate: float) -> Strokes:
        """One step of Adam at this rate, then back into the allowed ranges: the strokes as they are after it."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return self._constrain()

    @torch.no_grad()
    def _constrain(self) -> Strokes:
        moved = self.strokes()
        allowed = self.brush.constrain(moved.shape, self.limits)
        for name, delta in self.delta.items():
            delta.copy_((allowed[name] - self.start.shape[name]) / self.step[name])
        self.colors.clamp_(0, 1 / self.search.rate_color)
        self.opacity.clamp_(self.search.min_opacity / self.search.rate_opacity, 1 / self.search.rate_opacity)
        colors, opacity = self.colors * self.search.rate_color, self.opacity * self.search.rate_opacity
        return Strokes(self.start.brush, allowed, colors, opacity, self.start.seed)
