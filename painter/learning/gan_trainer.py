"""Training of a generator against one discriminator or two. Each takes a step in turn."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from painter.learning.gan_losses import AUGMENTED, discriminator_loss, generator_loss
from painter.learning.gan_networks import Discriminator, Generator
from painter.learning.learning_config import GanConfig, TrainingConfig
from painter.learning.muon import Optimizer, load_into
from painter.learning.signal import to_signal
from painter.learning.trainer import Gradients, Order, Trainer

_EARLY = 20  # steps in which the average follows faster
_UNCLIPPED = 1e12


@dataclass(frozen=True)
class Batch:
    """What one thread computes the gradients of."""

    reals: tuple[Tensor, ...]  # of each collection, uint8 [b, S, S, C]
    latents: Tensor  # [b, latent]
    random: Tensor  # [2, b, AUGMENTED], for the augmentation


class _GanTrainer(Trainer[Batch]):
    """What both trainers share: pictures and latents of a step.

    Args:
        pixels: of each collection, uint8 [N, S, S, C].
        total: pictures to show.
    """

    def __init__(
        self, name: str, network: Generator | Discriminator, pixels: Sequence[Tensor], total: int, seed: int,
        gan: GanConfig, config: TrainingConfig,
    ) -> None:  # fmt: skip
        optimizer = Optimizer(network, lambda name, values: False, betas=(gan.momentum, gan.square), decay=0.0)
        super().__init__(name, network, optimizer, total, seed, replace(config, batch=gan.batch, clip=_UNCLIPPED))
        self.gan, self._pixels = gan, pixels
        self._orders = [Order(torch.arange(len(one)), seed, f"{name} {k}") for k, one in enumerate(pixels)]

    def draw(self, random: torch.Generator) -> Sequence[Batch]:
        batch, shards = self.config.batch, self.config.shards
        reals = [
            one[order.take(self.done, batch)].chunk(shards)
            for one, order in zip(self._pixels, self._orders, strict=True)
        ]
        latents = torch.randn(batch, self.gan.latent, generator=random).chunk(shards)
        numbers = torch.rand(2, batch, AUGMENTED, generator=random).chunk(shards, dim=1)
        return [Batch(tuple(real[k] for real in reals), latents[k], numbers[k]) for k in range(shards)]

    def rate(self) -> float:
        return self.gan.rate


class DiscriminatorTrainer(_GanTrainer):
    """Trains a discriminator to tell pictures of one collection from those that the generator makes."""

    def __init__(
        self, number: int, discriminator: Discriminator, generator: Generator, pixels: Tensor, total: int, seed: int,
        config: TrainingConfig,
    ) -> None:  # fmt: skip
        name, gan = f"discriminator {number + 1}", discriminator.config
        super().__init__(name, discriminator, [pixels], total, seed, gan, config)
        self.discriminator, self._generator = discriminator, generator

    def loss_of(self, part: Batch) -> Tensor:
        device = next(self.discriminator.parameters()).device
        with torch.no_grad():
            fake = self._generator(part.latents.to(device))
        return discriminator_loss(self.discriminator, to_signal(part.reals[0].to(device)), fake, part.random)


class GeneratorTrainer(_GanTrainer):
    """Trains a generator.

    Attributes:
        average: the moving average of the generator.
    """

    def __init__(
        self, generator: Generator, discriminators: Sequence[Discriminator], pixels: Sequence[Tensor], total: int,
        seed: int, config: TrainingConfig,
    ) -> None:  # fmt: skip
        super().__init__("generator", generator, pixels, total, seed, generator.config, config)
        self.generator, self._discriminators = generator, discriminators
        self.average = copy.deepcopy(generator)

    def loss_of(self, part: Batch) -> Tensor:
        device = next(self.generator.parameters()).device
        fake = self.generator(part.latents.to(device))
        reals = [to_signal(real.to(device)) for real in part.reals]
        return generator_loss(self._discriminators, reals, fake, part.random)

    def apply(self, parts: Sequence[Gradients], threads: Executor | None) -> None:
        super().apply(parts, threads)
        steps = self.optimizer.steps
        decay = 0.0 if self.gan.plain else min(self.gan.average, steps / (steps + _EARLY))  # plain: no average
        with torch.no_grad():
            for mean, values in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                mean.lerp_(values, 1 - decay)

    def state(self) -> dict[str, Any]:
        return {**super().state(), "average": dict(self.average.state_dict())}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        load_into(dict(self.average.state_dict()), state["average"])
