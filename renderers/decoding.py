"""From strokes to layers: decoding frames with the networks, or taking the engine's own maps."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from renderers.blending import FrameMaps, Layers
from renderers.brushes import BRUSHES, Brush, Frame
from renderers.brushes.base import PATCH, frame_grid
from renderers.engine import paint_patches
from renderers.networks import BrushNetworks, Patches, texel_offsets
from renderers.strokes import Strokes
from renderers.threads import core_count

# From frames of N strokes on pixels of a given width to their maps.
MapSource = Callable[[Frame, float], FrameMaps]


class SearchMaps(Protocol):
    """The `MapSource` of a search."""

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps: ...

    def near(self, strokes: Strokes, pixel: float, density: float) -> MapSource:
        """Maps that are the engine's own for N given strokes, of `density` texels to a pixel, and nearly so for strokes
        that are a little otherwise: what is seen is what will be drawn."""


class NetworkSource(Protocol):
    """A `SearchMaps` that decodes with a brush's networks."""

    density: float  # texels to a pixel

    def texels(self, frame: Frame, pixel: float, grid: Tensor) -> Tensor:
        """[T, 2]: the texels of N frames of `grid` [N, 2] patches."""


def select(frame: Frame, index: Tensor) -> Frame:
    """The frames at `index` [M]."""
    return replace(frame, **{name: getattr(frame, name)[index] for name in frame.__dataclass_fields__})


class NetworkMaps:
    """Maps decoded by the networks in plain torch, on any device; `renderers.decoder` is its fast form.

    Args:
        networks: of one brush.
        density: texels to a pixel, within `renderers.brushes.base.DENSITY`.
    """

    def __init__(self, networks: BrushNetworks, density: float) -> None:
        self.networks, self.density = networks, density

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps:
        grid = frame_grid(frame.box, pixel / frame.scale.detach(), self.density)
        return frame_maps(self.texels(frame, pixel, grid), grid)

    def texels(self, frame: Frame, pixel: float, grid: Tensor) -> Tensor:
        """See `NetworkSource.texels`."""
        result: Tensor = self.networks(frame, (pixel / frame.scale).detach(), Patches.of(grid))
        return result

    def near(self, strokes: Strokes, pixel: float, density: float) -> CorrectedMaps:
        """See `SearchMaps.near`."""
        return CorrectedMaps(strokes, pixel, NetworkMaps(self.networks, density))


class EngineMaps:
    """The engine's own maps, painted once for given strokes and then held: what is seen is what will be drawn.

    Args:
        strokes: N strokes; pixel: the width of the canvas' pixels.
        density: texels to a pixel.
    """

    MOST = 128  # patches along one side of a frame

    def __init__(self, strokes: Strokes, pixel: float, density: float) -> None:
        with torch.no_grad():
            frame = BRUSHES[strokes.brush].frame(strokes.params, pixel)
        grid = frame_grid(frame.box, pixel / frame.scale, density, self.MOST)
        self.maps = frame_maps(engine_texels(strokes, frame, pixel, grid), grid)

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps:
        return self.maps


class CorrectedMaps:
    """The networks' maps and what the engine's differ from them for given strokes; see `SearchMaps.near`.

    Shapes go on moving as the networks say, in frames of as many texels as at first.

    Args:
        strokes: N strokes; pixel: the width of the canvas' pixels.
        source: the networks of their brush.
    """

    def __init__(self, strokes: Strokes, pixel: float, source: NetworkSource) -> None:
        self.source = source
        with torch.no_grad():
            frame = BRUSHES[strokes.brush].frame(strokes.params, pixel)
            self.grid = frame_grid(frame.box, pixel / frame.scale, source.density)
            engine = engine_texels(strokes, frame, pixel, self.grid)
            self.correction = engine - source.texels(frame, pixel, self.grid)

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps:
        return frame_maps(self.source.texels(frame, pixel, self.grid) + self.correction, self.grid)


def engine_texels(strokes: Strokes, frame: Frame, pixel: float, grid: Tensor) -> Tensor:
    """[T, 2]: the engine's own texels of strokes whose frames, for pixels this wide, have `grid` [N, 2] patches."""
    device = strokes.opacity.device
    frame = replace(frame, **{name: getattr(frame, name).detach().cpu() for name in frame.__dataclass_fields__})
    patches = Patches.of(grid.cpu())
    with ThreadPoolExecutor(core_count()) as pool:
        alpha, mix = paint_patches(BRUSHES[strokes.brush], frame, pixel, patches, strokes.seed.cpu(), pool)
    texels = torch.zeros(alpha.numel(), 2)
    texels[patches.texels()[0]] = torch.stack([alpha, mix], dim=2)
    return texels.to(device)


def frame_maps(texels: Tensor, grid: Tensor) -> FrameMaps:
    """Texels [T, 2] of frames of `grid` [N, 2] patches, laid out as `Patches.texels` says."""
    return FrameMaps(texels, texel_offsets(grid).cpu(), grid.flip(1).cpu() * PATCH)


def make_layers(strokes: Strokes, pixel: float, channels: int, source: MapSource) -> Layers:
    """Strokes as layers for a canvas of `channels` whose pixels are `pixel` wide; differentiable in the strokes.

    With four channels the canvas is premultiplied RGBA, and paint is opaque but for its coverage.
    """
    brush: Brush = BRUSHES[strokes.brush]
    frame = brush.frame(strokes.params, pixel)
    start, end = brush.ends(strokes.colors)
    if channels == 4:
        opaque = torch.ones(len(strokes), 1, device=start.device)
        start, end = torch.cat([start, opaque], dim=1), torch.cat([end, opaque], dim=1)
    return Layers(frame.transform(pixel), source(frame, pixel), start, end, strokes.opacity)
