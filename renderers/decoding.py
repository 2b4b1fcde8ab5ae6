"""From strokes to layers: decoding frames with the networks, or taking the engine's own maps."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

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
        blur = (pixel / frame.scale).detach()
        patches = Patches.of(frame_grid(frame.box, blur, self.density))
        return frame_maps(self.networks(frame, blur, patches), patches.grid)


class EngineMaps:
    """The engine's own maps, painted once for given strokes and then held: what is seen is what will be drawn.

    Args:
        strokes: N strokes; pixel: the width of the canvas' pixels.
        density: texels to a pixel.
    """

    MOST = 128  # patches along one side of a frame

    def __init__(self, strokes: Strokes, pixel: float, density: float) -> None:
        brush = BRUSHES[strokes.brush]
        device = strokes.opacity.device
        strokes = strokes.map(Tensor.cpu)
        with torch.no_grad():
            frame = brush.frame(strokes.shape, pixel)
        patches = Patches.of(frame_grid(frame.box, pixel / frame.scale, density, self.MOST))
        with ThreadPoolExecutor(core_count()) as pool:
            alpha, mix = paint_patches(brush, frame, pixel, patches, strokes.seed, pool)
        texels = torch.zeros(alpha.numel(), 2)
        texels[patches.texels()[0]] = torch.stack([alpha, mix], dim=2)
        self.maps = frame_maps(texels.to(device), patches.grid)

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps:
        return self.maps


def frame_maps(texels: Tensor, grid: Tensor) -> FrameMaps:
    """Texels [T, 2] of frames of `grid` [N, 2] patches, laid out as `Patches.texels` says."""
    return FrameMaps(texels, texel_offsets(grid).cpu(), grid.flip(1).cpu() * PATCH)


def make_layers(strokes: Strokes, pixel: float, channels: int, source: MapSource) -> Layers:
    """Strokes as layers for a canvas of `channels` whose pixels are `pixel` wide; differentiable in the strokes.

    With four channels the canvas is premultiplied RGBA, and paint is opaque but for its coverage.
    """
    brush: Brush = BRUSHES[strokes.brush]
    frame = brush.frame(strokes.shape, pixel)
    start, end = brush.ends(strokes.colors)
    if channels == 4:
        opaque = torch.ones(len(strokes), 1, device=start.device)
        start, end = torch.cat([start, opaque], dim=1), torch.cat([end, opaque], dim=1)
    return Layers(frame.transform(pixel), source(frame, pixel), start, end, strokes.opacity)
