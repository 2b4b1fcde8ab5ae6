"""The networks in the loop, fast on CPUs: what `NetworkMaps` computes, values and gradients, with its passes fused
and shared among the cores.

Strokes go through in groups, one thread each. The brush tells where the patches' corners lie, with derivatives; from
there a group is worked through in tiles of rows that stay in the cache: features, three matrix products, texels. Of
the hidden layers only the signs are kept for the way back, on which the weights are constants: wanted are the
gradients of the strokes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from renderers.blending import FrameMaps
from renderers.brushes import Brush, Frame
from renderers.brushes.base import PATCH, frame_grid
from renderers.decoding_kernels import (
    add_and_rectify,
    add_by_stroke,
    corner_gradients,
    features,
    gate,
    texel_gradients,
    write_texels,
)
from renderers.duals import WIDTH
from renderers.networks import BrushNetworks, PatchNetwork, feature_count, fourier_features
from renderers.threads import share

GROUP_ROWS = 4096  # patches of a group, about
TILE_ROWS = 4096  # patches in one matrix product, about


class Decoder:
    """Maps decoded by the networks, on the CPU.

    Args:
        networks: of one brush; their weights are read when this is made.
        density: texels to a pixel, within `renderers.brushes.base.DENSITY`.
    """

    def __init__(self, networks: BrushNetworks, density: float) -> None:
        self.brush, self.density = networks.brush, density
        self.heads = (Head(networks.raster), Head(networks.shading))

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps:
        """The maps of N frames on a canvas whose pixels are `pixel` wide, differentiable in box, geometry and code."""
        blur = (pixel / frame.scale).detach()
        grid = frame_grid(frame.box, blur, self.density)
        told = [head.told(frame.code) for head in self.heads]
        texels: Tensor = _Decode.apply(self, grid, blur, frame.box, frame.geometry, *told)
        counts = grid.prod(dim=1) * PATCH**2
        return FrameMaps(texels, torch.cumsum(counts, 0) - counts, grid.flip(1) * PATCH)


class Head:
    """The weights of one PatchNetwork, as constants."""

    def __init__(self, network: PatchNetwork) -> None:
        self.code, self.inner_bias = network.code, network.inner.bias.detach()
        self.inner = network.inner.weight.detach()
        self.middle, self.middle_bias = network.middle.weight.detach(), network.middle.bias.detach()
        self.outer, self.outer_bias = network.outer.weight.detach(), network.outer.bias.detach()

    def told(self, code: Tensor) -> Tensor:
        """What the code adds to the first layer: [N, width], differentiable in the code."""
        result: Tensor = self.code(fourier_features(code)) + self.inner_bias
        return result


def runs(counts: np.ndarray, most: int) -> list[tuple[int, int]]:
    """Runs of strokes, first and one past the last, each of `most` patches together or of one stroke."""
    ends = np.cumsum(counts)
    result, first = [], 0
    while first < len(counts):
        done = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + most, side="right")))
        result.append((first, last))
        first = last
    return result


class _Scratch(threading.local):
    """Each thread's own matrices, used again for every tile."""

    def __init__(self) -> None:
        self.memory: dict[str, Tensor] = {}

    def matrix(self, name: str, rows: int, columns: int) -> Tensor:
        """[rows, columns] float32, not cleared; the same memory under the same name."""
        if name not in self.memory or self.memory[name].numel() < rows * columns:
            self.memory[name] = torch.empty(rows * columns)
        return self.memory[name][: rows * columns].view(rows, columns)


_scratch = _Scratch()


class _Decode(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, decoder: Decoder, grid: Tensor, blur: Tensor, box: Tensor, geometry: Tensor, *told: Tensor
    ) -> Tensor:
        counts = grid.prod(dim=1).numpy()
        starts = np.cumsum(counts) - counts
        texels = torch.empty(int(counts.sum()) * PATCH**2, 2)
        arrays = [values.detach().contiguous().numpy() for values in (grid, blur, box, geometry, *told)]
        ctx.groups = [
            Group(decoder, counts[first:last], int(starts[first]), *(array[first:last] for array in arrays))
            for first, last in runs(counts, GROUP_ROWS)
        ]
        ctx.texels, ctx.geometry = texels.numpy(), geometry.shape
        wanted = any(ctx.needs_input_grad)
        _each(ctx.groups, lambda group: group.forward(ctx.texels, wanted))
        return texels

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        gradient = gradients[0].contiguous().numpy()
        _each(ctx.groups, lambda group: group.backward(ctx.texels, gradient))
        numbers = ctx.geometry[1]
        shape = torch.cat([torch.from_numpy(group.d_shape) for group in ctx.groups] or [torch.zeros(0, WIDTH - 1)])
        told = [torch.cat(parts) for parts in zip(*(group.d_told for group in ctx.groups), strict=True)]
        return (None, None, None, shape[:, :2], shape[:, 2 : 2 + numbers], *(told or (None, None)))


def _each(groups: Sequence[Group], work: Callable[[Group], None]) -> None:
    def mine(first: int, step: int) -> None:
        for group in groups[first::step]:
            work(group)

    share(mine)


@dataclass
class _Tile:
    """Rows of a group, and the signs of their hidden layers."""

    first: int  # of the group's strokes
    last: int
    begin: int  # of the group's patches
    end: int
    signs: list[tuple[np.ndarray, np.ndarray]]  # for each head: of the inner and the middle layer


class Group:
    """Strokes next to each other on their way through the networks, in one thread.

    Args:
        counts: [N] patches of each; start: how many lie before them in all.
        grid, blur, box, geometry, told: their part of what `_Decode` reads, two arrays told.
    """

    def __init__(
        self, decoder: Decoder, counts: np.ndarray, start: int, grid: np.ndarray, blur: np.ndarray, box: np.ndarray,
        geometry: np.ndarray, *told: np.ndarray,
    ) -> None:  # fmt: skip
        self.brush: Brush = decoder.brush
        self.heads, self.counts, self.start = decoder.heads, counts, start
        self.grid, self.blur, self.box, self.geometry, self.told = grid, blur, box, geometry, told
        self.tiles: list[_Tile] = []

    def forward(self, texels: np.ndarray, wanted: bool) -> None:
        """Write the group's texels [T, 2]; if `wanted`, keep what `backward` needs."""
        corner_count = int((self.grid + 1).prod(axis=1).sum())
        # Corner, field: value and derivatives.
        self.corners = np.empty((corner_count, self.brush.field_count, WIDTH), np.float32)
        self.brush.corners(self.geometry, self.box, self.blur, self.grid, self.corners.reshape(-1))
        ends = np.concatenate([[0], np.cumsum(self.counts)])
        self.waves = np.empty((ends[-1], 2), np.float32)
        for first, last in runs(self.counts, TILE_ROWS):
            tile = _Tile(first, last, int(ends[first]), int(ends[last]), [])
            rows = tile.end - tile.begin
            told = _scratch.matrix("told", rows, feature_count(self.brush))
            features(first, last, self.grid, self.corners, self.box, self.blur, self.waves, told.numpy())
            drawn = _scratch.matrix("drawn", 2 * rows, PATCH * PATCH).view(2, rows, -1)
            for head, code, out in zip(self.heads, self.told, drawn, strict=True):
                width = len(head.inner)
                hidden = torch.mm(told, head.inner.T, out=_scratch.matrix("inner", rows, width))
                inner = np.empty(hidden.shape, np.bool_)
                add_and_rectify(hidden.numpy(), code[first:last], self.counts[first:last], inner)
                hidden = torch.mm(hidden, head.middle.T, out=_scratch.matrix("middle", rows, width))
                middle = np.empty(hidden.shape, np.bool_)
                add_and_rectify(hidden.numpy(), head.middle_bias.numpy()[None], np.array([rows]), middle)
                torch.addmm(head.outer_bias, hidden, head.outer.T, out=out)
                tile.signs.append((inner, middle))
            write_texels(self.grid[first:last], (self.start + tile.begin) * PATCH**2, drawn.numpy(), texels)
            if wanted:
                self.tiles.append(tile)

    def backward(self, texels: np.ndarray, gradient: np.ndarray) -> None:
        """From the gradient of the texels [T, 2] those of box and geometry, `d_shape`, and of what codes told."""
        self.d_shape = np.zeros((len(self.blur), WIDTH - 1), np.float32)
        self.d_told = [torch.empty(part.shape) for part in self.told]
        for tile in self.tiles:
            rows, counts = tile.end - tile.begin, self.counts[tile.first : tile.last]
            d_drawn = _scratch.matrix("drawn", 2 * rows, PATCH * PATCH).view(2, rows, -1)
            texel_gradients(
                self.grid[tile.first : tile.last], (self.start + tile.begin) * PATCH**2, texels, gradient,
                d_drawn.numpy(),
            )  # fmt: skip
            d_features = _scratch.matrix("told", rows, feature_count(self.brush)).zero_()
            for head, (inner, middle), d_out, d_code in zip(self.heads, tile.signs, d_drawn, self.d_told, strict=True):
                width = len(head.inner)
                d_hidden = torch.mm(d_out, head.outer, out=_scratch.matrix("middle", rows, width))
                gate(d_hidden.numpy(), middle)
                d_hidden = torch.mm(d_hidden, head.middle, out=_scratch.matrix("inner", rows, width))
                gate(d_hidden.numpy(), inner)
                add_by_stroke(d_hidden.numpy(), counts, d_code[tile.first : tile.last].numpy())
                d_features.addmm_(d_hidden, head.inner)
            corner_gradients(
                tile.first, tile.last, self.grid, self.corners, self.box, self.blur, self.waves, d_features.numpy(),
                self.d_shape,
            )  # fmt: skip
