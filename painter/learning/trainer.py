"""What the trainers of all networks share: a step is drawn, its parts are computed side by side, and it is applied."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from painter.errors import DivergedError
from painter.learning.learning_config import TrainingConfig
from painter.learning.muon import Optimizer, clip_gradients, load_into, mean_gradients
from painter.learning.seeds import generator
from painter.system.snapshot import integer

Part = TypeVar("Part")  # what one thread computes gradients of


@dataclass(frozen=True)
class Gradients:
    """The gradients of one part of a step."""

    count: int  # pictures in it
    loss: float
    of: Mapping[str, Tensor]  # by the parameter's name


class Trainer(ABC, Generic[Part]):
    """Trains one network.

    Args:
        name: in records and messages.
        network: is changed in place.
        optimizer: of its parameters.
        total: pictures to show, a multiple of `config.batch`.
        seed: of all that is random.

    Attributes:
        done: pictures shown so far.
        loss: of the last step.
    """

    def __init__(
        self, name: str, network: nn.Module, optimizer: Optimizer, total: int, seed: int, config: TrainingConfig
    ) -> None:
        self.name, self.network, self.optimizer, self.total = name, network, optimizer, total
        self.seed, self.config = seed, config
        self.done, self.loss = 0, float("nan")

    @abstractmethod
    def draw(self, random: torch.Generator) -> Sequence[Part]:
        """The parts of the next step. All that is random in it is drawn here."""

    @abstractmethod
    def loss_of(self, part: Part) -> Tensor:
        """The mean loss of a part, a scalar. Called in any thread."""

    @abstractmethod
    def rate(self) -> float:
        """The rate of the next step."""

    @property
    def finished(self) -> bool:
        """Whether all pictures have been shown."""
        return self.done >= self.total

    def parts(self) -> Sequence[Part]:
        """The parts of the next step, which depend on its number alone."""
        return self.draw(generator(self.seed, self.name, self.done))

    def gradients(self, part: Part) -> Gradients:
        """The gradients of a part. Called in any thread."""
        with torch.enable_grad():
            loss = self.loss_of(part)
            of = torch.autograd.grad(loss, list(self.optimizer.parameters.values()))
        count = self.config.batch // self.config.shards
        return Gradients(count, float(loss.detach()), dict(zip(self.optimizer.parameters, of, strict=True)))

    def apply(self, parts: Sequence[Gradients], threads: Executor | None) -> None:
        """Take a step with the gradients of its parts.

        Raises:
            DivergedError: the loss became NaN or infinite.
        """
        count = sum(part.count for part in parts)
        self.loss = sum(part.loss * part.count for part in parts) / count
        if not abs(self.loss) < float("inf"):
            raise DivergedError(self.done // self.config.batch, "model", "choose another --seed")
        mean = clip_gradients(mean_gradients((part.count, part.of) for part in parts), self.config.clip)
        self.optimizer.step(mean, self.rate(), threads)
        self.done += self.config.batch

    def state(self) -> dict[str, Any]:
        """What `restore` takes."""
        return {
            "done": self.done,
            "loss": repr(self.loss),
            "network": dict(self.network.state_dict()),
            "optimizer": self.optimizer.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`. Raises ValueError, LookupError or TypeError if it is not one of this trainer's."""
        self.done, self.loss = integer(state["done"], 0, 10**12), float(state["loss"])
        load_into(dict(self.network.state_dict()), state["network"])
        self.optimizer.restore(state["optimizer"])


def take_step(trainers: Sequence[Trainer[Any]], threads: Executor) -> None:
    """Take one step of each trainer; the parts of all of them are computed side by side."""
    tasks = [[(trainer, part) for part in trainer.parts()] for trainer in trainers]
    waiting = [[threads.submit(trainer.gradients, part) for trainer, part in parts] for parts in tasks]
    for trainer, futures in zip(trainers, waiting, strict=True):
        trainer.apply([future.result() for future in futures], threads)


class Order:
    """Which pictures come next: all of them in a random order, then all of them in another one, and so on.

    Args:
        pictures: their numbers, [n] int64.
        seed: of the orders.
        name: of what they are for.
    """

    def __init__(self, pictures: Tensor, seed: int, name: str) -> None:
        self._pictures, self._seed, self._name = pictures, seed, name
        self._epoch, self._shuffled = -1, pictures

    def take(self, first: int, count: int) -> Tensor:
        """[count] numbers of pictures, from place `first` of this endless order."""
        n = len(self._pictures)
        taken: list[Tensor] = []
        while count:
            epoch, start = divmod(first, n)
            step = min(count, n - start)
            taken.append(self._in(epoch)[start : start + step])
            first, count = first + step, count - step
        return torch.cat(taken)

    def _in(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            random = generator(self._seed, self._name, "order", epoch)
            self._epoch = epoch
            self._shuffled = self._pictures[torch.randperm(len(self._pictures), generator=random)]
        return self._shuffled


def balanced(sources: Tensor, pictures: Tensor) -> Tensor:
    """Numbers of pictures in which each collection occurs equally often: the smaller ones are repeated.

    Args:
        sources: [N] int64, of all pictures.
        pictures: [n] int64, numbers of some of them.
    """
    groups = [pictures[sources[pictures] == source] for source in sources.unique()]
    most = max(len(group) for group in groups)
    return torch.cat([group.repeat(-(-most // len(group)))[:most] for group in groups])
