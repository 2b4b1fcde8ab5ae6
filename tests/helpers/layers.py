"""Layers to blend, and how two results are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from renderers.blending import FrameMaps, Layers
from renderers.brushes import BRUSHES
from renderers.decoding import EngineMaps, make_layers
from renderers.evaluation import random_strokes

FIELDS = ("transform", "texels", "start", "end", "opacity")


VALUE_ERROR = 1e-4


GRADIENT_ERROR = 1e-3  # of a tensor's largest gradient


def gathered(banks: Sequence[tuple[Tensor, Tensor, Tensor]], count: int) -> FrameMaps:
    """From banks (positions [M], α [M, R, C], mix [M, R, C]) that together cover positions 0 … count - 1."""
    offset = torch.zeros(count, dtype=torch.int64)
    size = torch.zeros(count, 2, dtype=torch.int64)
    start = 0
    for positions, alpha, _ in banks:
        positions, texels = positions.cpu(), alpha[0].numel()
        offset[positions] = start + torch.arange(len(positions)) * texels
        size[positions] = torch.tensor(alpha.shape[1:])
        start += len(positions) * texels
    # There may be no strokes at all.
    parts = [torch.stack([alpha.flatten(), mix.flatten()], dim=1) for _, alpha, mix in banks]
    return FrameMaps(torch.cat(parts or [torch.zeros(0, 2)]), offset, size)


def rim_mask(rows: int, columns: int | None = None) -> Tensor:
    """[R, C]: 1 inside, 0 on the outermost texels."""
    mask = torch.zeros(rows, columns or rows)
    mask[1:-1, 1:-1] = 1
    return mask


def random_layers(
    sides: list[int | tuple[int, int]], canvas: tuple[int, int, int], seed: int = 0, spread: float = 1.3
) -> Layers:
    """Turned and stretched quads, some of them partly or wholly off the canvas."""
    generator = torch.Generator().manual_seed(seed)
    height, width, channels = canvas
    count = len(sides)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    angle, reach = uniform(-3.2, 3.2), uniform(0.05, 0.6, 2) * max(height, width)
    center = torch.tensor([width / 2, height / 2]) + (uniform(-0.5, 0.5, 2) * spread * torch.tensor([width, height]))
    cos, sin = angle.cos(), angle.sin()
    rows = torch.stack([torch.stack([cos, sin], 1), torch.stack([-sin, cos], 1)], 1) / reach[:, :, None]
    transform = torch.cat([rows, -(rows @ center[:, :, None])], dim=2)
    opacity = uniform(0.1, 1.0)
    colors = uniform(0, 1, 2, channels)
    return Layers(transform, random_maps(sides, generator), colors[:, 0], colors[:, 1], opacity)


def brush_layers(brush: str, count: int, canvas: tuple[int, int, int], seed: int = 0) -> Layers:
    """Random strokes of a brush with the engine's maps."""
    strokes = random_strokes(BRUSHES[brush], count, torch.Generator().manual_seed(seed))
    pixel = 1 / max(canvas[:2])
    return make_layers(strokes, pixel, canvas[2], EngineMaps(strokes, pixel, 1.0))


def with_alpha(maps: FrameMaps, alpha: Tensor) -> FrameMaps:
    """The same maps, of one size all, with this α [S, S] for every stroke."""
    return replace(maps, texels=torch.stack([alpha.flatten().repeat(len(maps.size)), maps.texels[:, 1]], dim=1))


def random_canvas(size: tuple[int, int, int], seed: int = 1) -> Tensor:
    return torch.rand(size, generator=torch.Generator().manual_seed(seed))


def tensors(layers: Layers) -> list[Tensor]:
    maps = layers.maps
    return [layers.transform, maps.texels, layers.start, layers.end, layers.opacity]


def with_tensors(layers: Layers, values: list[Tensor] | tuple[Tensor, ...]) -> Layers:
    transform, texels, start, end, opacity = values
    return Layers(transform, replace(layers.maps, texels=texels), start, end, opacity)


def random_maps(sides: list[int | tuple[int, int]], generator: torch.Generator) -> FrameMaps:
    """Rough maps of mixed sizes (a side, or rows and columns), α with its rim of zeros, in an order of their own."""
    sizes = [(side, side) if isinstance(side, int) else side for side in sides]
    banks = []
    for size in sorted(set(sizes)):
        positions = torch.tensor([n for n, other in enumerate(sizes) if other == size])
        alpha, mix = torch.rand(2, len(positions), *size, generator=generator)
        banks.append((positions, alpha * rim_mask(*size), mix))
    return gathered(banks[::-1], len(sides))
