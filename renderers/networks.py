"""The two networks that imitate a brush's engine, and what they read.

The brush engine is not differentiable, so two small networks stand in for it during the search (Zou et al., Stylized
Neural Painting, CVPR 2021, section 3.1): the *rasterization network* draws coverage α and the *shading network* the
pigment mix. Both work in the stroke's own frame, so place, angle and size never reach them, and neither do colours,
which enter linearly in blending: shape and colour stay disentangled.

A frame is drawn in patches of 4×4 texels, all by the same network, from where the patch's corners lie in the stroke
(`Brush.coordinates`) and from the stroke's code. A patch is told how far it is from the stroke's spine and ends, so the
network has the paint to learn and not the geometry: it is sharp after minutes of training and costs a few matrix
products.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from renderers.brushes import Brush, Frame
from renderers.brushes.base import texel_footprint

FRAME_SIDES = (32, 64)  # texels of the small and of the large frame
PATCH = 4  # texels of a side
PATCH_CORNERS = 4
OCTAVES = 3  # of the Fourier features of a code
WAVES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)  # periods per unit across a stroke, in which streaks are told
CHUNK = 64  # strokes decoded at a time: what one layer makes of them stays in the cache
LEAK = 0.02  # slope beyond [0, 1] while training, so that a wrongly saturated texel can come back


def fourier_features(code: Tensor) -> Tensor:
    """[N, K] in [-1, 1] → [N, K·(1 + 2·OCTAVES)]: the numbers and their sines and cosines (Tancik et al. 2020)."""
    phases = [code * (math.pi * 0.5 * 2**octave) for octave in range(OCTAVES)]
    return torch.cat([code] + [wave(phase) for phase in phases for wave in (torch.sin, torch.cos)], dim=1)


def feature_count(brush: Brush) -> int:
    """How many numbers a patch is told: four corners of every field, the streaks' phases, two footprints."""
    return PATCH_CORNERS * brush.field_count + 2 * len(WAVES) + 2


def patch_features(brush: Brush, frame: Frame, blur: Tensor, side: int) -> Tensor:
    """What the networks are told of every patch of every frame: [N, (S/4)², feature_count].

    Args:
        frame: N strokes.
        blur: [N], the canvas pixel's width in stroke units.
        side: S, texels of a side.
    """
    grid = side // PATCH
    corners = torch.linspace(-1, 1, grid + 1, device=blur.device)
    u = (frame.box[:, 0, None, None] * corners[None, None, :]).expand(-1, grid + 1, -1)
    v = (frame.box[:, 1, None, None] * corners[None, :, None]).expand(-1, -1, grid + 1)
    footprint = texel_footprint(frame.box, side, blur)
    sizes = (footprint[0][:, None, None], footprint[1][:, None, None])
    fields = brush.coordinates(frame.geometry, u, v, sizes)
    told = torch.stack([fields[..., :-1, :-1], fields[..., :-1, 1:], fields[..., 1:, :-1], fields[..., 1:, 1:]], dim=2)
    waves = streak_waves(told[:, 0].mean(dim=1))
    widths = [size.clamp(max=1).expand(-1, grid, grid)[:, None] for size in sizes]
    return torch.cat([told.flatten(1, 2), *waves, *widths], dim=1).flatten(2).transpose(1, 2).contiguous()


def streak_waves(across: Tensor) -> list[Tensor]:
    """Sines, then cosines, of a coordinate [N, h, w] at all `WAVES`; [N, 1, h, w] each.

    All are multiples of the first, so one sine and one cosine give the rest: (cos + i sin)ᵐ⁺ⁿ is a product.
    """
    phase = across[:, None] * (2 * math.pi * WAVES[0])
    turns = {1: (phase.cos(), phase.sin())}
    for wave in WAVES[1:]:
        times = round(wave / WAVES[0])
        low = max(known for known in turns if times - known in turns)
        (c, s), (d, t) = turns[low], turns[times - low]
        turns[times] = (c * d - s * t, s * d + c * t)
    return [sine for _, sine in turns.values()] + [cosine for cosine, _ in turns.values()]


class PatchNetwork(nn.Module):
    """Patch features and code → map [N, S, S] in [0, 1]; the same weights for every patch."""

    def __init__(self, brush: Brush, side: int, hidden: int) -> None:
        super().__init__()
        self.side = side
        features = brush.code_size * (1 + 2 * OCTAVES)
        self.code = nn.Sequential(nn.Linear(features, 64), nn.SiLU(), nn.Linear(64, hidden))
        self.inner = nn.Linear(feature_count(brush), hidden)
        self.middle = nn.Linear(hidden, hidden)
        self.outer = nn.Linear(hidden, PATCH * PATCH)
        nn.init.constant_(self.outer.bias, 0.3)

    def forward(self, code: Tensor, patches: Tensor) -> Tensor:
        """code [N, K], patches [N, (S/4)², F] → [N, S, S]."""
        grid = self.side // PATCH
        if patches.shape[:2] != (len(code), grid * grid):
            raise ValueError(f"patches must be [{len(code)}, {grid * grid}, F], got {tuple(patches.shape)}")
        hidden = torch.relu_(self.inner(patches) + self.code(fourier_features(code))[:, None])
        texels = self.outer(torch.relu_(self.middle(hidden)))
        if self.training:
            bounded = texels.clamp(0, 1)
            bounded = bounded + LEAK * (texels - bounded)
        else:
            bounded = texels.clamp_(0, 1)
        # [N, row of patches, patch, row in it, column in it] → rows and columns of texels.
        tiles = bounded.view(-1, grid, grid, PATCH, PATCH).transpose(2, 3)
        return tiles.reshape(-1, self.side, self.side)


class RasterizationNetwork(PatchNetwork):
    """Shape in, coverage α out. The outermost texels are zero, so that sampling at the border has one meaning."""

    rim: Tensor

    def __init__(self, brush: Brush, side: int) -> None:
        super().__init__(brush, side, brush.widths[side][0])
        self.register_buffer("rim", rim_mask(side), persistent=False)

    def forward(self, code: Tensor, patches: Tensor) -> Tensor:
        return super().forward(code, patches).mul_(self.rim)


class ShadingNetwork(PatchNetwork):
    """Shape in, pigment mix out: 0 where the stroke has its start colour, 1 where it has its end colour."""

    def __init__(self, brush: Brush, side: int) -> None:
        super().__init__(brush, side, brush.widths[side][1])


class BrushNetworks(nn.Module):
    """Rasterization and shading networks of one brush, for the small and the large frame."""

    def __init__(self, brush: Brush) -> None:
        super().__init__()
        self.brush = brush
        self.raster = nn.ModuleDict({str(side): RasterizationNetwork(brush, side) for side in FRAME_SIDES})
        self.shading = nn.ModuleDict({str(side): ShadingNetwork(brush, side) for side in FRAME_SIDES})

    def forward(self, frame: Frame, pixel: float | Tensor, side: int) -> tuple[Tensor, Tensor]:
        """N frames on pixels `pixel` wide (canvas units; a number or [N]) → α and mix, [N, S, S] each."""
        patches = patch_features(self.brush, frame, (pixel / frame.scale).detach(), side)
        return self.decode(frame.code, patches, side)

    def decode(self, code: Tensor, patches: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Codes [N, K] and `patch_features` of N frames → α and mix, [N, S, S] each."""
        parts = [
            (self.raster[str(side)](few, told), self.shading[str(side)](few, told))
            for few, told in zip(code.split(CHUNK), patches.split(CHUNK), strict=True)
        ]
        return torch.cat([alpha for alpha, _ in parts]), torch.cat([mix for _, mix in parts])


def rim_mask(side: int) -> Tensor:
    """[S, S] float32: 1 inside, 0 on the outermost texels."""
    mask = torch.zeros(side, side)
    mask[1:-1, 1:-1] = 1
    return mask
