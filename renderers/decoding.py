"""From strokes to layers: maps decoded by the networks or painted by the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from renderers.blending import FrameMaps, Layers
from renderers.brushes import BRUSHES, Brush, Frame, MapSource, SearchMaps
from renderers.brushes.base import PATCH, frame_grid
from renderers.engine import paint_patches
from renderers.networks import BrushNetworks, Patches, texel_offsets
from renderers.pigments import Mixing
from renderers.strokes import Strokes
from renderers.threads import core_count

MOST_PATCHES = 128  # along one side of a frame that the engine paints

__all__ = [
    "CorrectedMaps",
    "EngineMaps",
    "MapSource",
    "NetworkMaps",
    "NetworkSource",
    "PaintedMaps",
    "SearchMaps",
    "engine_texels",
    "frame_maps",
    "make_layers",
    "select",
]


class NetworkSource(Protocol):
    """A `SearchMaps` that decodes with a brush's networks."""

    density: float  # texels per pixel

    def texels(self, frame: Frame, pixel: float, grid: Tensor) -> Tensor:
        """[T, 2]: α and mix of N frames of `grid` [N, 2] patches, differentiable in the frame."""


def select(frame: Frame, index: Tensor) -> Frame:
    """The frames at `index` [M]."""
    return replace(frame, **{name: getattr(frame, name)[index] for name in frame.__dataclass_fields__})


class DecodedMaps(ABC):
    """Maps decoded by networks: at `density` texels to a pixel, each way of decoding with `texels` of its own."""

    density: float

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps:
        """The maps of N frames on a canvas whose pixels are `pixel` wide, differentiable in box, geometry and code."""
        grid = frame_grid(frame.box, pixel / frame.scale.detach(), self.density)
        return frame_maps(self.texels(frame, pixel, grid), grid)

    @abstractmethod
    def texels(self, frame: Frame, pixel: float, grid: Tensor) -> Tensor:
        """See `NetworkSource.texels`."""

    def near(self, strokes: Strokes, pixel: float, density: float) -> MapSource:
        """See `SearchMaps.near`."""
        finer = copy(self)
        finer.density = density
        return CorrectedMaps(strokes, pixel, finer)


class NetworkMaps(DecodedMaps):
    """Maps decoded by the networks in plain torch, on any device; `renderers.decoder` is its fast form.

    Args:
        networks: of one brush.
        density: texels per pixel, within `renderers.brushes.base.DENSITY`.
    """

    def __init__(self, networks: BrushNetworks, density: float) -> None:
        self.networks, self.density = networks, density

    def texels(self, frame: Frame, pixel: float, grid: Tensor) -> Tensor:
        """See `NetworkSource.texels`."""
        result: Tensor = self.networks(frame, (pixel / frame.scale).detach(), Patches.of(grid))
        return result


class PaintedMaps:
    """Maps painted by the engine at every step: for brushes that have neither networks nor maps of their own.

    Texels have no gradient: the search optimises only the parameters that place, angle and size of the frame depend on.
    The fine texture is that of seed 0.

    Args:
        brush: of all strokes.
        density: texels per pixel.
    """

    def __init__(self, brush: Brush, density: float) -> None:
        self.brush, self.density = brush, density

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps:
        grid = frame_grid(frame.box, pixel / frame.scale.detach(), self.density, MOST_PATCHES)
        seeds = torch.zeros(len(grid), dtype=torch.int64)
        return frame_maps(engine_texels(self.brush, seeds, frame, pixel, grid), grid)

    def near(self, strokes: Strokes, pixel: float, density: float) -> EngineMaps:
        """See `SearchMaps.near`."""
        return EngineMaps(strokes, pixel, density)


class EngineMaps:
    """The engine's own maps, painted once for given strokes and then fixed: the search sees what will be drawn.

    Args:
        strokes: N strokes; pixel: the width of the canvas' pixels.
        density: texels per pixel.
    """

    def __init__(self, strokes: Strokes, pixel: float, density: float) -> None:
        brush = BRUSHES[strokes.brush]
        with torch.no_grad():
            frame = brush.frame(strokes.params, pixel)
        grid = frame_grid(frame.box, pixel / frame.scale, density, MOST_PATCHES)
        self.maps = frame_maps(engine_texels(brush, strokes.seed, frame, pixel, grid), grid)

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps:
        return self.maps


class CorrectedMaps:
    """The networks' maps plus the difference of the engine's from them for given strokes; see `SearchMaps.near`.

    The difference is fixed, and so is the number of texels; maps still change with the strokes as the networks' do.

    Args:
        strokes: N strokes; pixel: the width of the canvas' pixels.
        source: the networks of their brush.
    """

    def __init__(self, strokes: Strokes, pixel: float, source: NetworkSource) -> None:
        self.source = source
        brush = BRUSHES[strokes.brush]
        with torch.no_grad():
            frame = brush.frame(strokes.params, pixel)
            self.grid = frame_grid(frame.box, pixel / frame.scale, source.density)
            engine = engine_texels(brush, strokes.seed, frame, pixel, self.grid)
            self.correction = engine - source.texels(frame, pixel, self.grid)

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps:
        return frame_maps(self.source.texels(frame, pixel, self.grid) + self.correction, self.grid)


def engine_texels(brush: Brush, seeds: Tensor, frame: Frame, pixel: float, grid: Tensor) -> Tensor:
    """[T, 2]: α and mix as the engine paints them for N frames, made for pixels this wide, of `grid` [N, 2] patches.

    Args:
        seeds: [N] int64, the strokes' textures.
    """
    device = frame.scale.device
    frame = replace(frame, **{name: getattr(frame, name).detach().cpu() for name in frame.__dataclass_fields__})
    patches = Patches.of(grid.cpu())
    with ThreadPoolExecutor(core_count()) as pool:
        alpha, mix = paint_patches(brush, frame, pixel, patches, seeds.cpu(), pool)
    texels = torch.zeros(alpha.numel(), 2)
    texels[patches.texels()[0]] = torch.stack([alpha, mix], dim=2)
    return texels.to(device)


def frame_maps(texels: Tensor, grid: Tensor) -> FrameMaps:
    """The maps of frames of `grid` [N, 2] patches with texels [T, 2], in the order of `Patches.texels`."""
    return FrameMaps(texels, texel_offsets(grid).cpu(), grid.flip(1).cpu() * PATCH)


def make_layers(strokes: Strokes, pixel: float, channels: int, source: MapSource, mixing: Mixing = "srgb") -> Layers:
    """Strokes as layers for a canvas of `channels` whose pixels are `pixel` wide; differentiable in the strokes.

    With four channels the canvas is premultiplied RGBA, and the alpha of paint is 1.
    """
    brush: Brush = BRUSHES[strokes.brush]
    frame = brush.frame(strokes.params, pixel)
    start, end = brush.ends(strokes.colors)
    if channels == 4:
        opaque = torch.ones(len(strokes), 1, device=start.device)
        start, end = torch.cat([start, opaque], dim=1), torch.cat([end, opaque], dim=1)
    return Layers(frame.transform(pixel), source(frame, pixel), start, end, strokes.opacity, mixing)
