"""From strokes to layers: decoding frames with the networks, or taking the engine's own maps."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch
from torch import Tensor

from renderers.blending import FrameMaps, Layers
from renderers.brushes import BRUSHES, Brush, Frame
from renderers.engine import frame_maps
from renderers.networks import FRAME_SIDES, BrushNetworks
from renderers.strokes import Strokes

# From frames of N strokes on pixels of a given width to their maps.
MapSource = Callable[[Frame, float], FrameMaps]
DENSITY = 1.5  # texels of the engine's maps to a pixel, at least, so that sampling them blurs little
ENGINE_SIDES = (16, 32, 64, 128, 256, 512)


def select(frame: Frame, index: Tensor) -> Frame:
    """The frames at `index` [M]."""
    return replace(frame, **{name: getattr(frame, name)[index] for name in frame.__dataclass_fields__})


def reach_in_pixels(frame: Frame, pixel: float) -> Tensor:
    """[N] float32: the larger half extent of each frame on the canvas, in pixels."""
    return (frame.box.amax(dim=1) * frame.scale / pixel).detach()


class NetworkMaps:
    """Maps decoded by the networks: small strokes in the small frame, large ones in the large."""

    def __init__(self, networks: BrushNetworks, small_reach: float) -> None:
        self.networks, self.small_reach = networks, small_reach

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps:
        is_small = reach_in_pixels(frame, pixel) <= self.small_reach
        banks = []
        for side, chosen in zip(FRAME_SIDES, (is_small, ~is_small), strict=True):
            positions = chosen.nonzero()[:, 0]
            if len(positions):
                banks.append((positions, *self.networks(select(frame, positions), pixel, side)))
        return FrameMaps.gather(banks, len(is_small))


class EngineMaps:
    """The engine's own maps, painted once for given strokes and then held: what is seen is what will be drawn."""

    def __init__(self, strokes: Strokes, pixel: float) -> None:
        brush = BRUSHES[strokes.brush]
        device = strokes.opacity.device
        strokes = strokes.map(Tensor.cpu)
        with torch.no_grad():
            frame = brush.frame(strokes.shape, pixel)
        reach = 2 * DENSITY * reach_in_pixels(frame, pixel)
        sides = torch.tensor(ENGINE_SIDES)
        choice = torch.bucketize(reach, sides[:-1].float())
        banks = []
        with ThreadPoolExecutor() as pool:
            for k, side in enumerate(ENGINE_SIDES):
                positions = (choice == k).nonzero()[:, 0]
                if len(positions):
                    part = select(frame, positions)
                    banks.append((positions, *frame_maps(brush, part, pixel, side, strokes.seed[positions], pool)))
        maps = FrameMaps.gather(banks, len(strokes))
        self.maps = FrameMaps(maps.alpha.to(device), maps.mix.to(device), maps.offset, maps.side)

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps:
        return self.maps


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
