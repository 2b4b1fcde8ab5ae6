"""The upscaler: a small network that doubles a piece's size.

It adds what is missing to the bicubic enlargement, as in C. Ledig et al., 2017 (SRResNet), without normalization.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from painter.learning.learning_config import UpscalerConfig


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


@torch.no_grad()
def enlarged(upscaler: Upscaler, signal: Tensor, times: int) -> Tensor:
    """A signal [B, C, H, W] enlarged 2 or 4 times."""
    while times > 1:
        signal, times = upscaler(signal).clamp(-1, 1), times // 2
    return signal
