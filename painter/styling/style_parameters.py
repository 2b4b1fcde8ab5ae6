"""Strokes as unknowns of a style: they start as they are, and what nothing pulls stays to the bit."""

from __future__ import annotations

import torch
from torch import Tensor

from painter.search.adam import Adam
from painter.search.config import StepRates
from painter.search.parameters import Constraints, Parameters, natural_steps
from renderers.strokes import Strokes


class StyleParameters(Parameters):
    """Strokes as unknowns: parameter = start + step · delta. Those that nothing pulls stay to the bit.

    Args:
        start: N strokes, as they are.
        constraints: what they may become.
        search: the natural steps.
        shapes: whether all parameters move, or colours only.
    """

    def __init__(self, start: Strokes, constraints: Constraints, search: StepRates, shapes: bool) -> None:
        self.start, self.constraints, self.search = start.detach(), constraints, search
        self.step = natural_steps(self.start, search)
        self.delta = {name: torch.zeros_like(start.opacity).requires_grad_(shapes) for name in self.step}
        self.colors = torch.zeros_like(start.colors).requires_grad_()
        self.opacity = torch.zeros_like(start.opacity).requires_grad_(shapes)
        self.tensors = [self.colors, *((*self.delta.values(), self.opacity) if shapes else ())]
        self.optimizer = Adam(self.tensors)

    def strokes(self, shapes: bool = True) -> Strokes:
        """The strokes as they are now, differentiable in the unknowns; but in colours only if not `shapes`."""
        opacity = self.start.opacity + self.search.rate_opacity * self.opacity
        shape = {name: self.start.params[name] + self.step[name] * delta for name, delta in self.delta.items()}
        if not shapes:
            shape, opacity = {name: values.detach() for name, values in shape.items()}, opacity.detach()
        colors = self._wanted_colors()
        if self.constraints.palette is not None:  # straight through, see `StrokeParameters`
            colors = colors + (self.constraints.colors(colors) - colors).detach()
        return Strokes(self.start.brush, shape, colors, opacity, self.start.seed)

    def _wanted_colors(self) -> Tensor:
        return self.start.colors + self.search.rate_color * self.colors

    @torch.no_grad()
    def recolor(self, colors: Tensor) -> Strokes:
        """Give the strokes these colours, [N, K, 3]."""
        self.colors.copy_((colors - self.start.colors) / self.search.rate_color)
        return self._constrain(shapes=False)

    def descend(self, loss: Tensor, rate: float, shapes: bool = True) -> Strokes:
        """One step of Adam at this rate, then back into the allowed ranges: the strokes as they are after it.

        Args:
            shapes: whether all that may move has moved, or colours only.
        """
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step(rate)
        return self._constrain(shapes)

    @torch.no_grad()
    def _constrain(self, shapes: bool) -> Strokes:
        """Bring the unknowns into the allowed ranges. What has not moved is not looked at."""
        start = self.start
        self.colors.copy_((self._wanted_colors().clamp(0, 1) - start.colors) / self.search.rate_color)
        strokes = self.strokes()
        allowed = self.constraints.strokes(strokes, shapes)
        colors = torch.where((self.colors != 0).any(dim=2, keepdim=True), allowed.colors, start.colors)
        shape, opacity = strokes.params, strokes.opacity
        if shapes:
            moved = torch.stack([delta != 0 for delta in self.delta.values()]).any(dim=0)
            shape = {name: torch.where(moved, values, start.params[name]) for name, values in allowed.params.items()}
            opacity = torch.where(self.opacity != 0, allowed.opacity, start.opacity)
            for name, delta in self.delta.items():
                delta.copy_((shape[name] - start.params[name]) / self.step[name])
            self.opacity.copy_((opacity - start.opacity) / self.search.rate_opacity)
        return Strokes(start.brush, shape, colors, opacity, start.seed).map(Tensor.contiguous)
