"""How the pixels move: the optimisers of torch, one step at a time, with a learning rate that falls."""

from __future__ import annotations

import inspect
import math
from collections import deque
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, optim

from painter.options.transfer import LEARNING_RATES, TransferConfig
from painter.styling.recycled import Recycled

_REMEMBERED = 4  # evaluations of a line search; it ends at one of its last few
_FIRST_STEP = 0.02  # of L-BFGS, radians: the mean change that its search begins with, as it knows no curvature yet
_PAIRS, _PAIR_BYTES = 20, 2**28  # of gradients and steps that L-BFGS keeps: how many at most, and in how much memory
_MARGIN = 1 / 64  # within it colours begin no nearer to 0 or 1, where they would have no gradient

Terms = dict[str, float]
Evaluate = Callable[[Tensor], tuple[Tensor, Terms]]
"""Takes a picture [H, W, C] in [0, 1]; returns its loss, [], differentiable, and what that is made of."""


class PixelOptimizer:
    """Moves a picture so that its loss falls, within [0, 1].

    L-BFGS searches along each direction until the strong Wolfe conditions hold (Nocedal and Wright 2006, section 3.5),
    so no accepted step raises the loss. Clipping would spoil that, so it moves angles, which may be any number: the
    picture is (1 - cos angle) / 2. The others move the colours themselves and are clipped after each step.

    Args:
        image: [H, W, C] float32 in [0, 1], where it begins; on the device where the steps are taken.

    Attributes:
        optimizer: torch's own, with its state.
    """

    def __init__(self, image: Tensor, config: TransferConfig) -> None:
        self._config = config
        self._searches = config.optimizer == "lbfgs"
        self._decay = config.decay or ("constant" if self._searches else "cosine")
        self.rate = config.learning_rate or LEARNING_RATES[config.optimizer]
        self._moved = (_angles(image) if self._searches else image.clone()).requires_grad_()
        self.optimizer = _make(self._moved, config, self.rate)
        self._memory = Recycled(2 * (_PAIRS + _REMEMBERED))  # for what is kept from step to step
        # Places, their loss and gradient, and the terms.
        self._seen: deque[tuple[Tensor, Tensor, Tensor, Terms]] = deque(maxlen=_REMEMBERED)

    @property
    def image(self) -> Tensor:
        """The picture as it is now, [H, W, C] in [0, 1]; differentiable in what is moved."""
        return _colors(self._moved) if self._searches else self._moved

    def here(self, evaluate: Evaluate) -> tuple[Tensor, Terms]:
        """The loss and its terms here; their gradient is kept for `step`. Places just visited are remembered."""
        for place, loss, gradient, terms in self._seen:
            if torch.equal(place, self._moved):
                self._moved.grad = gradient.clone()
                return loss, terms
        self._moved.grad = None
        with torch.enable_grad():
            loss, terms = evaluate(self.image)
            loss.backward()
        loss = loss.detach()
        if self._searches and self._moved.grad is not None:
            place, gradient = self._memory.copy(self._moved.detach()), self._memory.copy(self._moved.grad)
            self._seen.append((place, loss, gradient, terms))
        return loss, terms

    def step(self, evaluate: Evaluate, done: float) -> None:
        """One step from where it is; `done` is the part of the way that lies behind, in [0, 1]."""
        rate = self.rate * decayed(self._decay, self._config.final_rate, done)
        if not self._searches:
            if self._moved.grad is None:  # it was resumed here
                self.here(evaluate)
            self._set_rate(rate)
            self.optimizer.step()
            with torch.no_grad():
                self._moved.clamp_(0, 1)
            return
        # The modulus of torch's first step sums to this, whatever the gradient: 1 would take many evaluations to grow.
        first = not self.optimizer.state[self._moved]
        self._set_rate(rate * _FIRST_STEP * self._moved.numel() if first else rate)
        self.optimizer.step(lambda: self.here(evaluate)[0])
        self._store_pairs(1)

    def _store_pairs(self, latest: int) -> None:
        """Put the latest pairs of L-BFGS where they do not cut up the memory of all else."""
        state = self.optimizer.state[self._moved]
        for name in ("old_dirs", "old_stps"):
            vectors = state.get(name) or []
            vectors[-latest:] = [self._memory.copy(vector) for vector in vectors[-latest:]]

    def _set_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def state(self) -> dict[str, Any]:
        """Where it stands between two steps, until the next: a tree for `painter.system.snapshot.pack`."""
        # Without L-BFGS' scratch.
        kept = {name: value for name, value in self.optimizer.state[self._moved].items() if name != "al"}
        return {"moved": self._moved, "optimizer": kept}

    def restore(self, state: dict[str, Any]) -> None:
        """Resume as when `state` was taken. Raises ValueError for a picture of another shape."""
        if state["moved"].shape != self._moved.shape:
            raise ValueError(f"expected a picture {[*self._moved.shape]}, got {[*state['moved'].shape]}")
        with torch.no_grad():
            self._moved.copy_(state["moved"])
        groups = self.optimizer.state_dict()["param_groups"]
        kept = {0: state["optimizer"]} if state["optimizer"] else {}
        self.optimizer.load_state_dict({"state": kept, "param_groups": groups})
        self._store_pairs(_PAIRS)
        self._seen.clear()


def decayed(decay: str, final: float, done: float) -> float:
    """The learning rate in parts of the first, when `done` of the way in [0, 1] is behind: from 1 to `final`."""
    done = min(max(done, 0.0), 1.0)
    shapes: dict[str, float] = {
        "constant": 1.0,
        "linear": 1 + (final - 1) * done,
        "cosine": final + (1 - final) * (1 + math.cos(math.pi * done)) / 2,
        "exponential": final**done,
    }
    return shapes[decay]


def _angles(image: Tensor) -> Tensor:
    """What `_colors` makes this picture of, but for colours at the very ends."""
    return torch.acos(1 - 2 * image.clamp(_MARGIN, 1 - _MARGIN))


def _colors(angles: Tensor) -> Tensor:
    return (1 - torch.cos(angles)) / 2


class _PlainLBFGS(optim.LBFGS):
    """torch's, but for what makes these methods import torch's compiler first, in a second and 150 MB."""

    add_param_group = inspect.unwrap(optim.Optimizer.add_param_group)
    state_dict = inspect.unwrap(optim.Optimizer.state_dict)
    load_state_dict = inspect.unwrap(optim.Optimizer.load_state_dict)


def _make(moved: Tensor, config: TransferConfig, rate: float) -> Any:
    beta1, epsilon = config.beta1, config.epsilon
    if config.optimizer == "adam":
        return optim.Adam([moved], rate, (beta1, 0.999), epsilon, amsgrad=config.amsgrad)
    if config.optimizer == "nadam":
        return optim.NAdam([moved], rate, (beta1, 0.999), epsilon)
    if config.optimizer == "rmsprop":
        return optim.RMSprop([moved], rate, eps=epsilon, momentum=beta1)
    if config.optimizer == "sgd":
        return optim.SGD([moved], rate, momentum=beta1)
    pairs = _PAIR_BYTES // (2 * moved.numel() * moved.element_size())
    # One step at a time, so that each is seen; it must not stop by itself, for the loss is in units of our own.
    return _PlainLBFGS(
        [moved], rate, max_iter=1, max_eval=50, tolerance_grad=0.0, tolerance_change=0.0,
        history_size=max(3, min(_PAIRS, pairs)), line_search_fn="strong_wolfe",
    )  # fmt: skip
