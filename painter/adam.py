"""Adam without a second of start-up: making a `torch.optim.Adam` imports torch's compiler, its functional form none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

from painter.state import like


class Adam:
    """What `torch.optim.Adam(unknowns, betas=betas, fused=True)` does (Kingma & Ba 2015), to the bit.

    Args:
        unknowns: leaf tensors, changed in place by `step`.
        betas: how much of the means of gradients and of their squares is kept in each step.
    """

    EPSILON = 1e-8

    def __init__(self, unknowns: Sequence[Tensor], betas: tuple[float, float] = (0.9, 0.98)) -> None:
        self.unknowns, self.betas = list(unknowns), betas
        self.means = [torch.zeros_like(values, requires_grad=False) for values in unknowns]
        self.squares = [torch.zeros_like(values, requires_grad=False) for values in unknowns]
        self.steps = [torch.zeros((), device=values.device) for values in unknowns]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step down the gradients that the unknowns have; those that have none stay where they are."""
        moved = [k for k, values in enumerate(self.unknowns) if values.grad is not None]
        gradients = [values.grad for values in self.unknowns if values.grad is not None]
        unknowns, means, squares, steps = (
            [group[k] for k in moved] for group in (self.unknowns, self.means, self.squares, self.steps)
        )
        adam(
            unknowns, gradients, means, squares, [], steps, fused=True, amsgrad=False, beta1=self.betas[0],
            beta2=self.betas[1], lr=rate, weight_decay=0.0, eps=self.EPSILON, maximize=False,
        )  # fmt: skip

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for values in self.unknowns:
            values.grad = None

    def state(self) -> dict[str, Any]:
        """Where it stands, for `restore`."""
        return {"means": self.means, "squares": self.squares, "steps": self.steps}

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Go on as when `state` was taken."""
        for name, kept in self.state().items():
            for values, value in zip(kept, state[name], strict=True):
                values.copy_(like(value, values))


Moments = dict[str, tuple[Tensor, ...]]
"""What Adam knows of N strokes, rows all: of each unknown the means of gradients and of their squares; under 'steps',
[N], how many steps each stroke has taken."""


class StrokeAdam:
    """Adam whose moments belong to the strokes and outlive a stage: each stroke has its own count of steps.

    So a stroke that is new among old ones takes full steps from the start, and the old ones need not begin anew.

    Args:
        unknowns: leaf tensors of N rows by name, changed in place by `step`.
        moments: of those names, from `fresh_moments`; changed in place, too.
        betas: see `Adam`.
    """

    EPSILON = 1e-9

    def __init__(self, unknowns: dict[str, Tensor], moments: Moments, betas: tuple[float, float]) -> None:
        self.unknowns, self.moments, self.betas = unknowns, moments, betas

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step down the gradients that the unknowns have; those that have none stay where they are."""
        beta1, beta2 = self.betas
        steps = self.moments["steps"][0].add_(1)
        first, second = 1 - beta1**steps, 1 - beta2**steps  # [N], what is missing of the means' weights
        for name, values in self.unknowns.items():
            mean, square = self.moments[name]
            gradient = values.grad
            if gradient is None:
                continue
            rows = (-1, *[1] * (values.ndim - 1))
            mean.lerp_(gradient, 1 - beta1)
            square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
            spread = (square / second.view(rows)).sqrt_().add_(self.EPSILON)
            values.addcdiv_(mean / first.view(rows), spread, value=-rate)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for values in self.unknowns.values():
            values.grad = None

    def state(self) -> dict[str, Any]:
        """Where it stands, for `restore`."""
        return moments_state(self.moments)

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as when `state` was taken."""
        restore_moments(self.moments, state)


def fresh_moments(unknowns: dict[str, Tensor]) -> Moments:
    """Of strokes that have taken no step."""
    zeros = {name: torch.zeros_like(values).detach() for name, values in unknowns.items()}
    moments: Moments = {name: (values, values.clone()) for name, values in zeros.items()}
    first = next(iter(zeros.values()))
    return {**moments, "steps": (torch.zeros(len(first), device=first.device),)}


def moments_state(moments: Moments) -> dict[str, Any]:
    """For `restore_moments`: a tree for `painter.state.pack`."""
    return {name: list(parts) for name, parts in moments.items()}


@torch.no_grad()
def restore_moments(moments: Moments, state: dict[str, Any]) -> None:
    """Fill them as they were when `state` was taken, in place."""
    for name, parts in moments.items():
        for values, value in zip(parts, state[name], strict=True):
            values.copy_(like(value, values))


def cat_moments(first: Moments, second: Moments) -> Moments:
    """Those of the strokes of both, one after the other."""
    return {name: tuple(torch.cat(pair) for pair in zip(first[name], second[name], strict=True)) for name in first}


def select_moments(moments: Moments, index: Tensor) -> Moments:
    """Those of the strokes at `index`."""
    return {name: tuple(part[index] for part in parts) for name, parts in moments.items()}
