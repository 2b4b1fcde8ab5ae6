"""Generators and discriminators: the DCGAN, and networks without normalization for the relativistic loss.

Plain: A. Radford, L. Metz, S. Chintala, "Unsupervised representation learning with deep convolutional generative
adversarial networks", 2016. Relativistic: residual blocks as in Y. Huang et al., "The GAN is dead; long live the GAN! A
modern baseline GAN" (R3GAN), 2024, smaller and without grouped convolutions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from painter.learning.judge import Judge
from painter.learning.learning_config import GanConfig, JudgeConfig, UpscalerConfig
from painter.learning.upscaler import Upscaler

_SLOPE = 0.2
_CALIBRATED = 1024  # latents that a generator's statistics are taken from
_CHUNK = 64


class BatchNorm(nn.Module):
    """Normalization by the statistics of the batch in training, and by fixed ones otherwise.

    The fixed ones are set by `calibrate`, so that no thread changes them and a piece does not depend on others.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return functional.batch_norm(x, None, None, self.weight, self.bias, training=True)
        return functional.batch_norm(x, self.mean, self.variance, self.weight, self.bias)


class _Block(nn.Module):
    """x + a change of it that is 0 at the start."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.last = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.last(functional.leaky_relu(self.first(functional.leaky_relu(x, _SLOPE)), _SLOPE))
        return x + change


class Generator(nn.Module):
    """Latents [B, latent] to signals [B, C, S, S] in [-1, 1].

    Args:
        size: pixels of a side, one of painter.options.learn.GAN_SIZES.
        channels: 3, or 4 with alpha.
        config: sizes, and whether it is the plain one.
    """

    def __init__(self, size: int, channels: int, config: GanConfig) -> None:
        super().__init__()
        self.config, self.size = config, size
        doublings = (size // 4).bit_length() - 1
        widths = [config.width * 2**k for k in range(doublings - 1, -1, -1)]  # from 4 pixels on
        layers: list[nn.Module] = []
        if config.plain:
            layers += [nn.ConvTranspose2d(config.latent, widths[0], 4, bias=False), BatchNorm(widths[0]), nn.ReLU()]
            for wide, narrow in pairwise(widths):
                layers += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False), BatchNorm(narrow), nn.ReLU()]
            layers.append(nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=False))
        else:
            widths = [min(width, 4 * config.width) for width in widths]
            layers += [nn.ConvTranspose2d(config.latent, widths[0], 4), _Block(widths[0])]
            for wide, narrow in pairwise(widths):
                layers += [nn.Conv2d(wide, narrow, 1), nn.Upsample(scale_factor=2, mode="nearest"), _Block(narrow)]
            layers += [nn.LeakyReLU(_SLOPE), nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1)]
        self.layers = nn.Sequential(*layers)
        _initialize(self, config)

    def forward(self, latents: Tensor) -> Tensor:
        made: Tensor = self.layers(latents[:, :, None, None])
        return made.tanh()


class Discriminator(nn.Module):
    """Signals [B, C, S, S] to scores [B]: the higher, the more real."""

    def __init__(self, size: int, channels: int, config: GanConfig) -> None:
        super().__init__()
        self.config = config
        halvings = (size // 4).bit_length() - 1
        widths = [config.width * 2**k for k in range(halvings)]
        layers: list[nn.Module] = []
        if config.plain:
            layers += [nn.Conv2d(channels, widths[0], 4, 2, 1, bias=False), nn.LeakyReLU(_SLOPE)]
            for narrow, wide in pairwise(widths):
                layers += [nn.Conv2d(narrow, wide, 4, 2, 1, bias=False), BatchNorm(wide), nn.LeakyReLU(_SLOPE)]
        else:
            widths = [min(width, 4 * config.width) for width in widths]
            layers.append(nn.Conv2d(channels, widths[0], 4, 2, 1))
            for narrow, wide in pairwise(widths):
                layers += [_Block(narrow), nn.AvgPool2d(2), nn.Conv2d(narrow, wide, 1)]
            layers += [_Block(widths[-1]), nn.LeakyReLU(_SLOPE)]
        layers.append(nn.Conv2d(widths[-1], 1, 4, bias=False))
        self.layers = nn.Sequential(*layers)
        _initialize(self, config)

    def forward(self, signal: Tensor) -> Tensor:
        scores: Tensor = self.layers(signal)
        return scores.flatten()


def _initialize(network: nn.Module, config: GanConfig) -> None:
    """Weights as the DCGAN has them; those of the others are PyTorch's."""
    if config.plain:
        for module in network.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.normal_(module.weight, 0, 0.02)
            elif isinstance(module, BatchNorm):
                nn.init.normal_(module.weight, 1, 0.02)


@torch.no_grad()
def calibrate(generator: Generator, random: torch.Generator) -> Generator:
    """Set the fixed statistics of a generator from many latents, layer by layer; it is ready to be used then."""
    generator.eval()
    if not generator.config.plain:
        return generator
    device = next(generator.parameters()).device
    x = torch.randn(_CALIBRATED, generator.config.latent, 1, 1, generator=random)
    for layer in generator.layers:
        if isinstance(layer, BatchNorm):
            layer.mean.copy_(x.mean((0, 2, 3)))
            layer.variance.copy_(x.var((0, 2, 3), unbiased=False))
        x = torch.cat([layer(part.to(device)).cpu() for part in x.split(_CHUNK)])
    return generator


@dataclass(frozen=True, eq=False)
class GanNetworks:
    """The networks of one model."""

    generator: Generator
    judge: Judge | None
    upscaler: Upscaler | None
    discriminators: tuple[Discriminator, ...] = field(default=())  # one for each collection, in training alone

    def named(self) -> Iterator[tuple[str, Generator | Judge | Upscaler]]:
        """Those that a model keeps, with their names."""
        yield "generator", self.generator
        if self.judge is not None:
            yield "judge", self.judge
        if self.upscaler is not None:
            yield "upscaler", self.upscaler

    def decode(self, latents: Tensor, lone: float | None = None) -> Tensor:
        """Signals [B, C, S, S] of latents [B, latent]; `lone` is of no use here, as colours are not chosen."""
        made: Tensor = self.generator(latents.to(next(self.generator.parameters()).device))
        return made


def make_gan_networks(
    size: int, channels: int, collections: int, traits: Mapping[str, Sequence[str]], upscales: bool, gan: GanConfig,
    judge: JudgeConfig, upscaler: UpscalerConfig, seed: int = 0, device: str = "cpu",
) -> GanNetworks:  # fmt: skip
    """Networks before training, whose weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = Generator(size, channels, gan)
        discriminators = tuple(Discriminator(size, channels, gan) for _ in range(collections))
        reader = Judge(size, channels, traits, judge) if traits else None
        enlarger = Upscaler(channels, upscaler) if upscales else None
    made = GanNetworks(generator, reader, enlarger, discriminators)
    for network in (*(one for _, one in made.named()), *discriminators):
        network.to(device).to(memory_format=torch.channels_last)
    return made
