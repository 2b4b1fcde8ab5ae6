"""The two networks that imitate a brush's engine, and the features they read.

The brush engine is not differentiable, so two small networks stand in for it during the search (Zou et al., Stylized
Neural Painting, CVPR 2021, section 3.1): the *rasterization network* draws coverage α and the *shading network* the
pigment mix. Both work in the stroke's own frame, so place, angle and size never reach them, and neither do colours,
which enter linearly in blending: shape and colour stay disentangled.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

FRAME_SIDES = (32, 64)  # texels of the small and of the large frame
OCTAVES = 3


def fourier_features(code: Tensor) -> Tensor:
    """[N, K] in [-1, 1] → [N, K·(1 + 2·OCTAVES)]: the numbers and their sines and cosines (Tancik et al. 2020)."""
    phases = [code * (math.pi * 0.5 * 2**octave) for octave in range(OCTAVES)]
    return torch.cat([code] + [wave(phase) for phase in phases for wave in (torch.sin, torch.cos)], dim=1)


class FrameNetwork(nn.Module):
    """Code [N, K] → map [N, S, S] in [0, 1]: fully connected, one convolution on a coarse grid, sub-pixel shuffle.

    The shuffle (Shi et al. 2016) puts all the work on a grid a quarter as wide as the map, which is what makes 500
    strokes cheap on one core.
    """

    UPSCALE = 4

    def __init__(self, code_size: int, side: int, hidden: int, channels: int) -> None:
        super().__init__()
        grid = side // self.UPSCALE
        self.code_size, self.side, self.hidden, self.channels = code_size, side, hidden, channels
        features = code_size * (1 + 2 * OCTAVES)
        self.trunk = nn.Sequential(
            nn.Linear(features, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, channels * grid * grid),
            nn.Unflatten(1, (channels, grid, grid)),
            nn.ReLU(),
        )
        self.head = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * channels, self.UPSCALE**2, 1),
            nn.PixelShuffle(self.UPSCALE),
        )

    def logits(self, code: Tensor) -> Tensor:
        return self.head(self.trunk(fourier_features(code)))[:, 0]

    def forward(self, code: Tensor) -> Tensor:
        if code.ndim != 2 or code.shape[1] != self.code_size:
            raise ValueError(f"code must be [N, {self.code_size}], got {tuple(code.shape)}")
        return torch.sigmoid(self.logits(code))


class RasterizationNetwork(FrameNetwork):
    """Shape in, coverage α out. The outermost texels are zero, so that sampling at the border has one meaning."""

    rim: Tensor

    def __init__(self, code_size: int, side: int, hidden: int = 192, channels: int = 16) -> None:
        super().__init__(code_size, side, hidden, channels)
        self.register_buffer("rim", rim_mask(side), persistent=False)

    def forward(self, code: Tensor) -> Tensor:
        return super().forward(code) * self.rim


class ShadingNetwork(FrameNetwork):
    """Shape in, pigment mix out: 0 where the stroke has its start colour, 1 where it has its end colour."""

    def __init__(self, code_size: int, side: int, hidden: int = 192, channels: int = 16) -> None:
        super().__init__(code_size, side, hidden, channels)


def rim_mask(side: int) -> Tensor:
    """[S, S] float32: 1 inside, 0 on the outermost texels."""
    mask = torch.zeros(side, side)
    mask[1:-1, 1:-1] = 1
    return mask
