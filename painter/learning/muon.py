"""The optimizers of the networks: Muon for matrices and kernels, AdamW for everything else.

Both are written out here, as plain functions of tensors, so that their state can be saved and restored exactly.

Muon: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024. It takes the matrix nearest to
orthogonal for the momentum. Here it halves the pictures that the tokenizer needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import Any

import torch
from torch import Tensor, nn

from painter.system.snapshot import integer, like

_COEFFICIENTS = (3.4445, -4.775, 2.0315)  # of the polynomial that brings singular values near 1
_ITERATIONS = 5
_MOMENTUM = 0.95
_RMS = 0.2  # of an update, which is AdamW's, so that both may have one rate
_EPSILON = 1e-8  # of AdamW


def orthogonalized(matrix: Tensor) -> Tensor:
    """[a, b]: nearly the matrix with the same singular vectors and singular values of 1 (Newton-Schulz).

    Each iteration multiplies the matrix by a polynomial of its Gram matrix. These polynomials commute, so they are
    gathered as squares of the shorter side first: a third to two thirds of the time where the other side is longer.
    """
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (x.norm() + 1e-7)
    gram = x @ x.T
    product = _polynomial(gram)
    factor = product
    for _ in range(_ITERATIONS - 1):
        gram = factor @ gram @ factor
        factor = _polynomial(gram)
        product = factor @ product
    result: Tensor = product @ x
    return result.T if matrix.shape[0] > matrix.shape[1] else result


def _polynomial(gram: Tensor) -> Tensor:
    """[n, n]: a + b * gram + c * gram^2."""
    a, b, c = _COEFFICIENTS
    result = torch.addmm(gram, gram, gram, beta=b, alpha=c)
    result.diagonal().add_(a)
    return result


class Optimizer:
    """Muon for some of a network's parameters and AdamW for the others.

    Args:
        network: whose parameters are changed in place.
        by_muon: whether a parameter of this name is changed by Muon; it has two dimensions or more.
        muon_factor: Muon's rate, as a multiple of AdamW's.
        muon_decay: weight decay of Muon's parameters.
        trained: whether a parameter of this name is changed at all.
        betas, decay: of AdamW; without decay it is Adam.
    """

    def __init__(
        self, network: nn.Module, by_muon: Callable[[str, Tensor], bool], muon_factor: float = 1.0,
        muon_decay: float = 0.01, trained: Callable[[str], bool] = lambda name: True,
        betas: tuple[float, float] = (0.9, 0.95), decay: float = 1e-3,
    ) -> None:  # fmt: skip
        self.muon_factor, self.muon_decay = muon_factor, muon_decay
        self.parameters = {name: values for name, values in network.named_parameters() if trained(name)}
        self.muon = {name for name, values in self.parameters.items() if by_muon(name, values)}
        self.steps, self._betas, self._decay = 0, betas, decay
        self._momentum = {name: torch.zeros_like(values) for name, values in self.parameters.items()}
        self._square = {n: torch.zeros_like(v) for n, v in self.parameters.items() if n not in self.muon}

    @torch.no_grad()
    def step(self, gradients: Mapping[str, Tensor], rate: float, threads: Executor | None = None) -> None:
        """Change the parameters by their gradients.

        Args:
            rate: of AdamW.
            threads: to do them with, each parameter in one; the result is the same without.
        """
        self.steps += 1
        # The slowest first: Muon's parameters, by size.
        names = sorted(self.parameters, key=lambda name: (name not in self.muon, -self.parameters[name].numel()))

        def change(name: str) -> None:
            with torch.no_grad():  # each thread has its own mode
                (self._muon if name in self.muon else self._adamw)(name, gradients[name], rate)

        list(map(change, names) if threads is None else threads.map(change, names))

    def _muon(self, name: str, gradient: Tensor, rate: float) -> None:
        values, momentum, rate = self.parameters[name], self._momentum[name], rate * self.muon_factor
        momentum.lerp_(gradient, 1 - _MOMENTUM)
        direction = gradient.lerp(momentum, _MOMENTUM).flatten(1)
        update = orthogonalized(direction) * (_RMS * max(direction.shape) ** 0.5)
        values.mul_(1 - rate * self.muon_decay).add_(update.view(values.shape), alpha=-rate)

    def _adamw(self, name: str, gradient: Tensor, rate: float) -> None:
        values, momentum, square = self.parameters[name], self._momentum[name], self._square[name]
        betas = self._betas
        momentum.lerp_(gradient, 1 - betas[0])
        square.lerp_(gradient * gradient, 1 - betas[1])
        first, second = 1 - betas[0] ** self.steps, 1 - betas[1] ** self.steps
        values.mul_(1 - rate * self._decay)
        values.addcdiv_(momentum / first, (square / second).sqrt_().add_(_EPSILON), value=-rate)

    def state(self) -> dict[str, Any]:
        """What `restore` takes."""
        return {"steps": self.steps, "momentum": dict(self._momentum), "square": dict(self._square)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`. Raises ValueError, LookupError or TypeError if it is not one of this network's."""
        self.steps = integer(state["steps"], 0, 10**12)
        load_into(self._momentum, state["momentum"])
        load_into(self._square, state["square"])


def load_into(tensors: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> None:
    """Copy saved tensors into those with the same names. Raises ValueError or LookupError if they differ in shape."""
    with torch.no_grad():
        for name, values in tensors.items():
            values.copy_(like(saved[name], values.cpu()))


def clip_gradients(gradients: Mapping[str, Tensor], largest: float) -> dict[str, Tensor]:
    """Gradients scaled so that their common norm is at most `largest`."""
    norm = torch.stack([values.norm() for values in gradients.values()]).norm()
    scale = (largest / (norm + 1e-6)).clamp(max=1.0)
    return {name: values * scale for name, values in gradients.items()}


def mean_gradients(shards: Iterable[tuple[int, Mapping[str, Tensor]]]) -> dict[str, Tensor]:
    """The mean over a batch of the gradients of its parts, each with its number of pictures; added in their order."""
    parts = list(shards)
    total = sum(count for count, _ in parts)
    return {
        name: torch.stack([values[name] * (count / total) for count, values in parts]).sum(0) for name in parts[0][1]
    }
