"""The upscaler: a small network that doubles a piece's size, and its training on the collection.

It adds what is missing to the bicubic enlargement, as in C. Ledig et al., 2017 (SRResNet), without normalization. Noise
on what it learns from makes it take away noise as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from painter.learning.learning_config import TrainingConfig, UpscalerConfig
from painter.learning.muon import Optimizer
from painter.learning.schedule import falling, warmup
from painter.learning.signal import to_signal
from painter.learning.trainer import Order, Trainer

_RATE, _MUON_FACTOR, _LAST_RATE = 1e-3, 2.0, 0.03
_NARROWEST = 12  # channels on both sides, from which Muon takes a kernel


class _Block(nn.Module):
    """x + a small change of it, which is 0 at the start."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.last = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.last(functional.relu(self.first(x)))
        return x + change


class Upscaler(nn.Module):
    """A signal [B, C, H, W] to [B, C, 2 H, 2 W].

    Args:
        channels: 3, or 4 with alpha.
        config: sizes.
    """

    def __init__(self, channels: int, config: UpscalerConfig) -> None:
        super().__init__()
        self.config = config
        width, fine = config.width, 12
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 5, padding=2),
            *(_Block(width) for _ in range(config.blocks)),
            nn.Conv2d(width, 4 * fine, 3, padding=1),
            nn.PixelShuffle(2),
            nn.ReLU(),
            nn.Conv2d(fine, channels, 3, padding=1),
        )
        last = self.layers[-1]
        assert isinstance(last, nn.Conv2d) and last.bias is not None
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, signal: Tensor) -> Tensor:
        bicubic = functional.interpolate(signal, scale_factor=2, mode="bicubic", align_corners=False)
        missing: Tensor = self.layers(signal)
        return bicubic + missing


class UpscalerTrainer(Trainer[tuple[Tensor, Tensor]]):
    """Trains an upscaler on crops.

    Args:
        upscaler: is changed in place.
        large: uint8 [M, S, S, C], pieces at the size that it is to reach.
        total: crops to show.
    """

    def __init__(self, upscaler: Upscaler, large: Tensor, total: int, seed: int, config: TrainingConfig) -> None:
        optimizer = Optimizer(
            upscaler, lambda name, v: v.dim() == 4 and min(v.shape[:2]) >= _NARROWEST, muon_factor=_MUON_FACTOR
        )
        super().__init__("upscaler", upscaler, optimizer, total, seed, config)
        self.upscaler, self._large = upscaler, large
        self._order = Order(torch.arange(len(large)), seed, self.name)

    def draw(self, random: torch.Generator) -> Sequence[tuple[Tensor, Tensor]]:
        config, batch = self.upscaler.config, self.config.batch
        side = min(2 * config.crop, self._large.shape[1])
        pieces = self._large[self._order.take(self.done, batch)]
        corners = torch.randint((self._large.shape[1] - side) // 2 + 1, (batch, 2), generator=random) * 2
        crops = [one[y : y + side, x : x + side] for one, (y, x) in zip(pieces, corners.tolist(), strict=True)]
        wanted = to_signal(torch.stack(crops))
        small = functional.avg_pool2d(wanted, 2)
        amount = torch.rand(batch, 1, 1, 1, generator=random) * config.noise
        small = small + amount * torch.randn(small.shape, generator=random)
        shards = self.config.shards
        return list(zip(small.chunk(shards), wanted.chunk(shards), strict=True))

    def loss_of(self, part: tuple[Tensor, Tensor]) -> Tensor:
        device = next(self.upscaler.parameters()).device
        small, wanted = (one.to(device).contiguous(memory_format=torch.channels_last) for one in part)
        made: Tensor = self.upscaler(small)
        return (made - wanted).abs().mean()

    def rate(self) -> float:
        rise = warmup(self.done, self.total, self.config.warmup * self.config.batch // 4)
        return _RATE * rise * falling(self.done, self.total, 0.2, _LAST_RATE)


@torch.no_grad()
def enlarged(upscaler: Upscaler, signal: Tensor, times: int) -> Tensor:
    """A signal [B, C, H, W] enlarged 2 or 4 times."""
    while times > 1:
        signal, times = upscaler(signal).clamp(-1, 1), times // 2
    return signal
