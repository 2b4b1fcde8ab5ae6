"""Training of the upscaler on crops of pieces. Noise on what it learns from makes it take away noise as well.

The engine 'dcgan' trains it against a discriminator of crops, as the SRGAN is (C. Ledig et al., 2017). Departures: the
content is compared by pixels, not by a network's features, and the discriminator comes in when crops are good already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from painter.learning.gan_losses import AUGMENTED, discriminator_loss, generator_loss
from painter.learning.gan_networks import Discriminator
from painter.learning.learning_config import GanConfig, TrainingConfig, UpscalerConfig
from painter.learning.muon import Optimizer
from painter.learning.schedule import falling, warmup
from painter.learning.signal import to_signal
from painter.learning.trainer import Order, Trainer
from painter.learning.upscaler import Upscaler

_RATE, _MUON_FACTOR, _LAST_RATE = 1e-3, 2.0, 0.03
_NARROWEST = 12  # channels on both sides, from which Muon takes a kernel
_UNCLIPPED = 1e12


@dataclass(frozen=True)
class Crops:
    """What one thread computes the gradients of."""

    small: Tensor  # signals [b, C, s, s], with noise
    large: Tensor  # signals [b, C, 2 s, 2 s]
    random: Tensor  # [2, b, AUGMENTED] in [0, 1), for what a discriminator sees


def make_crop_discriminator(upscaler: Upscaler, large: Tensor, gan: GanConfig, seed: int) -> Discriminator:
    """The discriminator for an upscaler's crops before training. Arguments as for UpscalerTrainer."""
    parameter = next(upscaler.parameters())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        side, channels = _side(upscaler.config, large), large.shape[3]
        made = Discriminator(side, channels, replace(gan, width=gan.crop_width))
    return made.to(parameter.device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _side(config: UpscalerConfig, large: Tensor) -> int:
    """Pixels of a side of the crops that are to be reached."""
    return min(2 * config.crop, large.shape[1])


class _CropTrainer(Trainer[Crops]):
    """What both trainers share: the crops of a step.

    Args:
        name: in records and messages.
        network: is changed in place.
        upscaler: enlarges the crops.
        large: uint8 [M, S, S, C], pieces at the size that is to be reached.
        total: crops to show.
    """

    def __init__(
        self, name: str, network: Upscaler | Discriminator, optimizer: Optimizer, upscaler: Upscaler, large: Tensor,
        total: int, seed: int, config: TrainingConfig,
    ) -> None:  # fmt: skip
        super().__init__(name, network, optimizer, total, seed, config)
        self.upscaler, self._large = upscaler, large
        self._order = Order(torch.arange(len(large)), seed, name)

    def draw(self, random: torch.Generator) -> Sequence[Crops]:
        config, batch, shards = self.upscaler.config, self.config.batch, self.config.shards
        side = _side(config, self._large)
        pieces = self._large[self._order.take(self.done, batch)]
        corners = torch.randint((self._large.shape[1] - side) // 2 + 1, (batch, 2), generator=random) * 2
        crops = [one[y : y + side, x : x + side] for one, (y, x) in zip(pieces, corners.tolist(), strict=True)]
        large = to_signal(torch.stack(crops))
        small = functional.avg_pool2d(large, 2)
        amount = torch.rand(batch, 1, 1, 1, generator=random) * config.noise
        small = small + amount * torch.randn(small.shape, generator=random)
        numbers = torch.rand(2, batch, AUGMENTED, generator=random)
        parts = zip(small.chunk(shards), large.chunk(shards), numbers.chunk(shards, dim=1), strict=True)
        return [Crops(*part) for part in parts]

    def moved(self, part: Crops) -> tuple[Tensor, Tensor]:
        """Both sizes of crops on the upscaler's device, in the order of memory in which convolutions are fastest."""
        device = next(self.upscaler.parameters()).device
        small, large = (
            one.to(device).contiguous(memory_format=torch.channels_last) for one in (part.small, part.large)
        )
        return small, large


class UpscalerTrainer(_CropTrainer):
    """Trains an upscaler.

    Args:
        upscaler: is changed in place.
        large: uint8 [M, S, S, C], pieces at the size that it is to reach.
        total: crops to show.
        discriminator: counts from the share `config.crops_without` of the crops on; None: there is none.
    """

    def __init__(
        self, upscaler: Upscaler, large: Tensor, total: int, seed: int, config: TrainingConfig,
        discriminator: Discriminator | None = None,
    ) -> None:  # fmt: skip
        optimizer = Optimizer(
            upscaler, lambda name, v: v.dim() == 4 and min(v.shape[:2]) >= _NARROWEST, muon_factor=_MUON_FACTOR
        )
        super().__init__("upscaler", upscaler, optimizer, upscaler, large, total, seed, config)
        self._discriminator = discriminator

    @property
    def uses_discriminator(self) -> bool:
        """Whether the discriminator is used in the next step."""
        return self._discriminator is not None and self.done >= self.config.crops_without * self.total

    def loss_of(self, part: Crops) -> Tensor:
        small, large = self.moved(part)
        made: Tensor = self.upscaler(small)
        loss = (made - large).abs().mean()
        if self.uses_discriminator:
            assert self._discriminator is not None
            of_discriminator = generator_loss([self._discriminator], [large], made, part.random)
            loss = loss + self.config.crop_weight * of_discriminator
        return loss

    def rate(self) -> float:
        rise = warmup(self.done, self.total, self.config.warmup * self.config.batch // 4)
        return _RATE * rise * falling(self.done, self.total, 0.2, _LAST_RATE)


class CropDiscriminatorTrainer(_CropTrainer):
    """Trains a discriminator to tell crops from those that an upscaler made. Arguments as for UpscalerTrainer."""

    def __init__(
        self, discriminator: Discriminator, upscaler: Upscaler, large: Tensor, total: int, seed: int,
        config: TrainingConfig,
    ) -> None:  # fmt: skip
        gan = discriminator.config
        optimizer = Optimizer(discriminator, lambda name, v: False, betas=(gan.momentum, gan.square), decay=0.0)
        config = replace(config, clip=_UNCLIPPED)
        super().__init__("crop discriminator", discriminator, optimizer, upscaler, large, total, seed, config)
        self.discriminator = discriminator

    def loss_of(self, part: Crops) -> Tensor:
        small, large = self.moved(part)
        with torch.no_grad():
            made = self.upscaler(small)
        return discriminator_loss(self.discriminator, large, made, part.random)

    def rate(self) -> float:
        return self.discriminator.config.rate
