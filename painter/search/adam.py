"""Adam without a second of start-up: making a `torch.optim.Adam` imports torch's compiler, its functional form none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.adam import adam

from painter.system.snapshot import like
from renderers.jit import kernel


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
        """Resume as when `state` was taken."""
        for name, kept in self.state().items():
            for values, value in zip(kept, state[name], strict=True):
                _fill(values, value, signed=name == "means")


Moments = dict[str, tuple[Tensor, ...]]
"""What Adam knows of N strokes, rows all: of each unknown the means of gradients and of their squares; under 'steps',
[N], how many steps each stroke has taken."""


class StrokeAdam:
    """Adam whose moments belong to the strokes and outlive a stage: each stroke has its own count of steps.

    So a stroke that is new among old ones takes full steps from the start, and the old ones need not start again.

    Args:
        unknowns: leaf tensors of N rows by name, changed in place by `step`.
        units: of each unknown, how far it goes in a step of rate 1: [N] or a number. Moments are of the gradients by
            unknowns measured in these.
        moments: of those names, from `fresh_moments`; changed in place, too.
        betas: see `Adam`.
    """

    EPSILON = 1e-9

    def __init__(
        self, unknowns: dict[str, Tensor], units: dict[str, Tensor | float], moments: Moments,
        betas: tuple[float, float],
    ) -> None:  # fmt: skip
        self.unknowns, self.moments, self.betas = unknowns, moments, betas
        rows = {name: torch.ones(len(values), device=values.device) for name, values in unknowns.items()}
        self.units = {name: (ones * units[name]).contiguous() for name, ones in rows.items()}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step down the gradients that the unknowns have; those that have none stay where they are."""
        steps = self.moments["steps"][0].add_(1)
        for name, values in self.unknowns.items():
            if values.grad is None:
                continue
            mean, square = self.moments[name]
            tensors = (values.detach(), values.grad.contiguous(), mean, square, self.units[name], steps)
            if values.device.type == "cpu":
                arrays = [tensor.numpy().reshape(len(values), -1) for tensor in tensors]
                _step(*arrays, rate, *self.betas, self.EPSILON)  # type: ignore[arg-type, call-arg]
            else:
                step_plainly(tensors, rate, *self.betas, self.EPSILON)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for values in self.unknowns.values():
            values.grad = None

    def state(self) -> dict[str, Any]:
        """Where it stands, for `restore`."""
        return moments_state(self.moments)

    def restore(self, state: dict[str, Any]) -> None:
        """Resume as when `state` was taken."""
        restore_moments(self.moments, state)


def step_plainly(
    tensors: tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], rate: float, beta1: float, beta2: float,
    epsilon: float,
) -> None:  # fmt: skip
    """One step of Adam on N rows, in place, on any device.

    Args:
        tensors: values, gradient and both moments [N, …], units [N], and how many steps have been taken [N], this one
            included; all float32.
    """
    values, gradient, mean, square, unit, steps = tensors
    rows = (-1, *[1] * (values.ndim - 1))
    gradient = gradient * unit.view(rows)
    mean.mul_(beta1).add_(gradient, alpha=1 - beta1)
    square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    spread = (square / (1 - beta2**steps).view(rows)).sqrt_().add_(epsilon)
    values.sub_(rate * unit.view(rows) * (mean / (1 - beta1**steps).view(rows)) / spread)


@kernel
def _step(
    values: np.ndarray, gradient: np.ndarray, mean: np.ndarray, square: np.ndarray, unit: np.ndarray,
    steps: np.ndarray, rate: float, beta1: float, beta2: float, epsilon: float,
) -> None:  # fmt: skip
    """`step_plainly` of arrays [N, K], unit and steps [N, 1]."""
    for n in range(len(values)):
        scale = unit[n, 0]
        first, second = 1 - beta1 ** steps[n, 0], 1 - beta2 ** steps[n, 0]
        for k in range(values.shape[1]):
            g = gradient[n, k] * scale
            mean[n, k] = beta1 * mean[n, k] + (1 - beta1) * g
            square[n, k] = beta2 * square[n, k] + (1 - beta2) * g * g
            values[n, k] -= rate * scale * (mean[n, k] / first) / (math.sqrt(square[n, k] / second) + epsilon)


def fresh_moments(unknowns: dict[str, Tensor]) -> Moments:
    """Of strokes that have taken no step."""
    zeros = {name: torch.zeros_like(values).detach() for name, values in unknowns.items()}
    moments: Moments = {name: (values, values.clone()) for name, values in zeros.items()}
    first = next(iter(zeros.values()))
    return {**moments, "steps": (torch.zeros(len(first), device=first.device),)}


def moments_state(moments: Moments) -> dict[str, Any]:
    """For `restore_moments`: a tree for `painter.system.snapshot.pack`."""
    return {name: list(parts) for name, parts in moments.items()}


@torch.no_grad()
def restore_moments(moments: Moments, state: dict[str, Any]) -> None:
    """Fill them as they were when `state` was taken, in place."""
    for name, parts in moments.items():
        for k, (values, value) in enumerate(zip(parts, state[name], strict=True)):
            _fill(values, value, signed=name != "steps" and k == 0)


def _fill(values: Tensor, value: Any, signed: bool) -> None:
    """Set tensor `values` from a damaged file, perhaps. Raises ValueError for what Adam never has."""
    read = like(value, values)
    if not signed and read.lt(0).any():
        raise ValueError("squares of gradients, and steps, are at least 0")
    values.copy_(read)


def cat_moments(first: Moments, second: Moments) -> Moments:
    """Those of the strokes of both, one after the other."""
    return {name: tuple(torch.cat(pair) for pair in zip(first[name], second[name], strict=True)) for name in first}


def select_moments(moments: Moments, index: Tensor) -> Moments:
    """Those of the strokes at `index`."""
    return {name: tuple(part[index] for part in parts) for name, parts in moments.items()}
