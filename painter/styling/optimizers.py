"""How the pixels move: the optimisers of torch, one step at a time, with a learning rate that falls."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, optim

from painter.styling.config import LEARNING_RATES, TransferConfig

_REMEMBERED = 4  # evaluations of a line search; it ends at one of its last few

Terms = dict[str, float]
Evaluate = Callable[[], tuple[Tensor, Terms]]
"""Returns the loss, [], with its gradient in the picture's `grad`, and what it is made of."""


class Stepper:
    """Moves a picture so that its loss falls.

    L-BFGS searches along each direction until the strong Wolfe conditions hold (Nocedal and Wright 2006, section 3.5),
    so no accepted step raises the loss. It leaves [0, 1] where that helps; the others are kept inside.

    Attributes:
        optimizer: torch's own, with its state.
    """

    def __init__(self, image: Tensor, config: TransferConfig) -> None:
        self.image, self._config = image, config
        self._searches = config.optimizer == "lbfgs"
        self._decay = config.decay or ("constant" if self._searches else "cosine")
        self.rate = config.learning_rate or LEARNING_RATES[config.optimizer]
        self.optimizer = _make(image, config, self.rate)
        # Picture, its loss and gradient, and the terms.
        self._seen: deque[tuple[Tensor, Tensor, Tensor, Terms]] = deque(maxlen=_REMEMBERED)

    def here(self, evaluate: Evaluate) -> tuple[Tensor, Terms]:
        """The loss and its terms here, and the gradient in `image.grad`; places just visited are remembered."""
        for place, loss, gradient, terms in self._seen:
            if torch.equal(place, self.image):
                self.image.grad = gradient.clone()
                return loss, terms
        self.image.grad = None
        with torch.enable_grad():
            loss, terms = evaluate()
        if self._searches and self.image.grad is not None:
            self._seen.append((self.image.detach().clone(), loss, self.image.grad.clone(), terms))
        return loss, terms

    def step(self, evaluate: Evaluate, done: float) -> None:
        """One step from where `here` was called last; `done` is the part of the way that lies behind, in [0, 1]."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * decayed(self._decay, self._config.final_rate, done)
        if self._searches:
            self.optimizer.step(lambda: self.here(evaluate)[0])
            return
        self.optimizer.step()
        with torch.no_grad():
            self.image.clamp_(0, 1)


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


def _make(image: Tensor, config: TransferConfig, rate: float) -> Any:
    beta1, epsilon = config.beta1, config.epsilon
    if config.optimizer == "adam":
        return optim.Adam([image], rate, (beta1, 0.999), epsilon, amsgrad=config.amsgrad == "on")
    if config.optimizer == "nadam":
        return optim.NAdam([image], rate, (beta1, 0.999), epsilon)
    if config.optimizer == "rmsprop":
        return optim.RMSprop([image], rate, eps=epsilon, momentum=beta1)
    if config.optimizer == "sgd":
        return optim.SGD([image], rate, momentum=beta1)
    # One step at a time, so that each is seen; it must not stop by itself, for the loss is in units of our own.
    return optim.LBFGS(
        [image], rate, max_iter=1, max_eval=50, tolerance_grad=0.0, tolerance_change=0.0, history_size=20,
        line_search_fn="strong_wolfe",
    )  # fmt: skip
