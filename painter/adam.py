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
