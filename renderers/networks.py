"""The two networks that imitate a brush's engine, and what they read.

The engine is not differentiable, so two small networks replace it during the search (Zou et al., Stylized Neural
Painting, CVPR 2021, section 3.1): the *rasterization network* draws coverage α and the *shading network* the pigment
mix. Both work in the stroke's own frame and do not read its place, angle or size; nor do they read colours, which enter
blending linearly: shape and colour stay disentangled.

A frame is drawn in patches of 4×4 texels, all by the same network, from where the patch's corners lie in the stroke
(`NetworkBrush.coordinates`) and from the stroke's code. As the network reads how far a patch is from the stroke's spine
and ends, it has to learn the paint only and not the geometry: it is sharp after minutes of training and costs a few
matrix products. A frame has as many patches along each side as the canvas can show (`frame_grid`): no work is spent on
texels finer than its pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from renderers.brushes import Frame, NetworkBrush
from renderers.brushes.base import PATCH, texel_footprint

PATCH_CORNERS = 4
OCTAVES = 3  # of the Fourier features of a code
WAVES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)  # frequencies of the features for streaks, periods per unit across a stroke
TURN = 2 * math.pi * WAVES[0]  # phase of the slowest wave, per unit across a stroke
LEAK = 0.02  # slope beyond [0, 1] while training, so that a wrongly saturated texel can come back


def fourier_features(code: Tensor) -> Tensor:
    """[N, K] in [-1, 1] → [N, K·(1 + 2·OCTAVES)]: the numbers and their sines and cosines (Tancik et al. 2020)."""
    phases = [code * (math.pi * 0.5 * 2**octave) for octave in range(OCTAVES)]
    return torch.cat([code] + [wave(phase) for phase in phases for wave in (torch.sin, torch.cos)], dim=1)


def feature_count(brush: NetworkBrush) -> int:
    """How many features a patch has: every field at four corners, sines and cosines for streaks, two texel sizes."""
    return PATCH_CORNERS * brush.field_count + 2 * len(WAVES) + 2


def texel_offsets(grid: Tensor) -> Tensor:
    """[N] int64: index of each frame's first texel among all T, for `grid` [N, 2] patches along u and v."""
    texels = grid[:, 0] * grid[:, 1] * PATCH**2
    return torch.cumsum(texels, 0) - texels


@dataclass(frozen=True)
class Patches:
    """All P patches of N frames, frame after frame and row after row."""

    grid: Tensor  # [N, 2] int64: patches along u and v
    owner: Tensor  # [P] int64: index of its frame
    column: Tensor  # [P] int64: along u
    row: Tensor  # [P] int64: along v

    @staticmethod
    def of(grid: Tensor) -> Patches:
        """The patches of frames with `grid` [N, 2] patches along u and v."""
        counts = grid[:, 0] * grid[:, 1]
        owner = torch.arange(len(grid), device=grid.device).repeat_interleave(counts)
        number = torch.arange(len(owner), device=grid.device) - (torch.cumsum(counts, 0) - counts)[owner]
        columns = grid[owner, 0]
        return Patches(grid, owner, number % columns, number // columns)

    def texels(self) -> tuple[Tensor, Tensor]:
        """[P, PATCH²] int64: index of each patch's texels among all T; and bool: whether they are on a frame's rim."""
        inner = torch.arange(PATCH, device=self.owner.device)
        x = (self.column[:, None] * PATCH + inner)[:, None, :]
        y = (self.row[:, None] * PATCH + inner)[:, :, None]
        width, height = (self.grid[self.owner, k, None, None] * PATCH for k in range(2))
        at = texel_offsets(self.grid)[self.owner, None, None] + y * width + x
        rim = (x == 0) | (x == width - 1) | (y == 0) | (y == height - 1)
        return at.flatten(1), rim.flatten(1)


def patch_features(brush: NetworkBrush, frame: Frame, blur: Tensor, patches: Patches) -> Tensor:
    """What the networks read of every patch of every frame: [P, feature_count].

    Args:
        frame: N strokes.
        blur: [N], the canvas pixel's width in stroke units.
        patches: of the N frames.
    """
    owner, ends = patches.owner, torch.arange(2, device=blur.device)
    p = 2 * (patches.column[:, None] + ends) / patches.grid[owner, :1] - 1
    q = 2 * (patches.row[:, None] + ends) / patches.grid[owner, 1:] - 1
    u = (frame.box[owner, :1] * p)[:, None, :].expand(-1, 2, -1)
    v = (frame.box[owner, 1:] * q)[:, :, None].expand(-1, -1, 2)
    sizes = [size[owner, None, None] for size in texel_footprint(frame.box, patches.grid, blur)]
    fields = brush.coordinates(frame.geometry[owner], u, v, (sizes[0], sizes[1]))
    waves = streak_waves(fields[:, 0].mean(dim=(1, 2)))
    widths = [size[:, 0].clamp(max=1) for size in sizes]
    return torch.cat([fields.flatten(1), *waves, *widths], dim=1)


def streak_waves(across: Tensor) -> list[Tensor]:
    """Sines, then cosines, of a coordinate [P] at all `WAVES`; [P, 1] each.

    All frequencies are multiples of the first, so one sine and one cosine give the rest: (cos + i sin)ᵐ⁺ⁿ is a product.
    """
    phase = across[:, None] * TURN
    known = {1: (phase.cos(), phase.sin())}
    for wave in WAVES[1:]:
        times = round(wave / WAVES[0])
        low = max(multiple for multiple in known if times - multiple in known)
        (c, s), (d, t) = known[low], known[times - low]
        known[times] = (c * d - s * t, s * d + c * t)
    return [sine for _, sine in known.values()] + [cosine for cosine, _ in known.values()]


class PatchNetwork(nn.Module):
    """Patch features and code → texels in [0, 1]; the same weights for every patch."""

    def __init__(self, brush: NetworkBrush, hidden: int) -> None:
        super().__init__()
        features = brush.code_size * (1 + 2 * OCTAVES)
        self.code = nn.Sequential(nn.Linear(features, 64), nn.SiLU(), nn.Linear(64, hidden))
        self.inner = nn.Linear(feature_count(brush), hidden)
        self.middle = nn.Linear(hidden, hidden)
        self.outer = nn.Linear(hidden, PATCH * PATCH)
        nn.init.constant_(self.outer.bias, 0.3)

    def forward(self, code: Tensor, features: Tensor, owner: Tensor) -> Tensor:
        """code [N, K], features [P, F] of patches whose frames are owner [P] → [P, PATCH²]."""
        hidden = torch.relu_(self.inner(features) + self.code(fourier_features(code))[owner])
        texels = self.outer(torch.relu_(self.middle(hidden)))
        bounded: Tensor = texels.clamp(0, 1)
        return bounded + LEAK * (texels - bounded) if self.training else bounded


class RasterizationNetwork(PatchNetwork):
    """Draws coverage α."""

    def __init__(self, brush: NetworkBrush) -> None:
        super().__init__(brush, brush.widths[0])


class ShadingNetwork(PatchNetwork):
    """Draws the pigment mix: 0 where the stroke has its start colour, 1 where it has its end colour."""

    def __init__(self, brush: NetworkBrush) -> None:
        super().__init__(brush, brush.widths[1])


class BrushNetworks(nn.Module):
    """The rasterization and the shading network of one brush."""

    def __init__(self, brush: NetworkBrush) -> None:
        super().__init__()
        self.brush = brush
        self.raster, self.shading = RasterizationNetwork(brush), ShadingNetwork(brush)

    def forward(self, frame: Frame, blur: Tensor, patches: Patches) -> Tensor:
        """α and mix of the texels of N frames, [T, 2], in the order of `FrameMaps`; differentiable in the frame.

        Args:
            frame: N strokes.
            blur: [N], the canvas pixel's width in stroke units.
            patches: of the N frames. α of the outermost texels of a frame is set to zero.
        """
        features = patch_features(self.brush, frame, blur, patches)
        alpha, mix = self.decode(frame.code, features, patches.owner)
        at, rim = patches.texels()
        drawn = torch.stack([alpha.masked_fill(rim, 0), mix], dim=2)
        return torch.zeros(at.numel(), 2, dtype=drawn.dtype, device=drawn.device).index_copy(
            0, at.flatten(), drawn.flatten(0, 1)
        )

    def decode(self, code: Tensor, features: Tensor, owner: Tensor) -> tuple[Tensor, Tensor]:
        """Codes [N, K] and features [P, F] of patches whose frames are owner [P] → α and mix, [P, PATCH²] each."""
        return self.raster(code, features, owner), self.shading(code, features, owner)
