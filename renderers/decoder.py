"""The networks in the loop, fast on CPUs: what `NetworkMaps` computes, values and gradients, in two kernels that are
shared among the cores.

Strokes go through in groups whose matrices stay in the cache, one thread each. The brush tells where the patches'
corners lie, with derivatives; from there one kernel goes all the way to the texels. Of the hidden layers only the
signs are kept for the way back, on which the weights are constants: wanted are the gradients of the strokes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from renderers.blending import FrameMaps
from renderers.brushes import Frame, NetworkBrush
from renderers.brushes.base import PATCH, frame_grid
from renderers.decoding import MapSource, NetworkMaps, frame_maps
from renderers.decoding_kernels import Told, Weights, decode, decode_back
from renderers.duals import WIDTH
from renderers.lanes import LANES
from renderers.networks import BrushNetworks, PatchNetwork, fourier_features, texel_offsets
from renderers.products import padded
from renderers.threads import share
from renderers.workspace import Lent

GROUP_ROWS = 1024  # patches of a group, about: what one thread works on at a time


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
        return frame_maps(texels, grid)


def network_maps(networks: BrushNetworks, backend: str, density: float) -> MapSource:
    """The networks' maps as fast as they come where blending is done by `backend`; see `NetworkMaps`."""
    return (Decoder if backend == "cpu" else NetworkMaps)(networks, density)


class Head:
    """One PatchNetwork; its weights as kernels read them."""

    def __init__(self, network: PatchNetwork) -> None:
        self.code, self.inner_bias = network.code, network.inner.bias.detach()
        if network.inner.out_features % LANES:
            raise ValueError(f"hidden layers must be a multiple of {LANES} wide, got {network.inner.out_features}")
        inner, middle, outer = (
            layer.weight.detach().float().numpy() for layer in (network.inner, network.middle, network.outer)
        )
        inner_back = np.zeros((len(inner), padded(inner.shape[1], LANES)), np.float32)
        inner_back[:, : inner.shape[1]] = inner
        flat = [np.ascontiguousarray(matrix).reshape(-1) for matrix in (inner.T, middle.T, outer.T, middle, outer)]
        middle_bias, outer_bias = (layer.bias.detach().float().numpy() for layer in (network.middle, network.outer))
        self.weights = Weights(
            flat[0], flat[1], middle_bias[None].copy(), flat[2], outer_bias.copy(), inner_back.reshape(-1), *flat[3:]
        )

    def told(self, code: Tensor) -> Tensor:
        """What the code adds to the first layer: [N, K], differentiable in the code."""
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


class _Decode(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, decoder: Decoder, grid: Tensor, blur: Tensor, box: Tensor, geometry: Tensor, *told: Tensor
    ) -> Tensor:
        counts = grid.prod(dim=1).numpy()
        starts = texel_offsets(grid).numpy()
        texels = torch.empty(int(counts.sum()) * PATCH**2, 2)
        arrays = [values.detach().contiguous().numpy() for values in (grid, blur, box, geometry, *told)]
        ctx.groups = [
            Group(decoder, slice(first, last), counts, int(starts[first]), *arrays)
            for first, last in runs(counts, GROUP_ROWS)
        ]
        ctx.texels, ctx.shapes = texels.numpy(), [values.shape for values in (geometry, *told)]
        ctx.memory = Lent(sum(group.size for group in ctx.groups))  # goes back when the groups are not needed any more
        place = 0
        for group in ctx.groups:
            group.settle(ctx.memory.array[place : place + group.size])
            place += group.size
        _each(ctx.groups, lambda group: group.forward(ctx.texels))
        return texels

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        gradient = gradients[0].contiguous().numpy()
        (count, numbers), *told = ctx.shapes
        d_shape, *d_told = (np.empty(shape, np.float32) for shape in ((count, WIDTH - 1), *told))

        _each(ctx.groups, lambda group: group.backward(ctx.texels, gradient, [*d_told, d_shape]))
        shape = torch.from_numpy(d_shape)
        parts = [torch.from_numpy(part) for part in d_told]
        return (None, None, None, shape[:, :2], shape[:, 2 : 2 + numbers], *parts)


def _each(groups: Sequence[Group], work: Callable[[Group], None]) -> None:
    def mine(first: int, step: int) -> None:
        for group in groups[first::step]:
            work(group)

    share(mine)


class Group:
    """Strokes next to each other on their way through the networks, in one thread.

    Args:
        strokes: which of all N they are.
        counts: [N] patches of each.
        start: texels that lie before theirs.
        grid, blur, box, geometry, told: of all N, as `_Decode` reads them; two arrays told.
    """

    def __init__(self, decoder: Decoder, strokes: slice, counts: np.ndarray, start: int, *arrays: np.ndarray) -> None:
        self.brush: NetworkBrush = decoder.brush
        self.weights = [head.weights for head in decoder.heads]
        self.strokes, self.start, self.counts = strokes, start, counts[strokes]
        self.grid, self.blur, self.box, self.geometry, *self.codes = (array[strokes] for array in arrays)
        patches, corners = int(self.counts.sum()), int((self.grid + 1).prod(axis=1).sum())
        signs = 2 * patches * sum(code.shape[1] for code in self.codes)
        # Numbers of: corners with their derivatives, waves, signs (a byte each).
        self.sizes = (corners * self.brush.field_count * WIDTH, 2 * patches, padded(signs, 4) // 4)
        self.size = sum(self.sizes)

    def settle(self, memory: np.ndarray) -> None:
        """Take up so many numbers of memory, `size`."""
        corners, waves, signs = np.split(memory, np.cumsum(self.sizes[:2]))
        self.signs = signs.view(np.bool_)
        fields = corners.reshape(-1, self.brush.field_count, WIDTH)
        self.told = Told(self.grid, self.counts, fields, self.box, self.blur, waves.reshape(-1, 2))

    def forward(self, texels: np.ndarray) -> None:
        """Write the group's texels [T, 2]."""
        self.brush.corners(self.geometry, self.box, self.blur, self.grid, self.told.corners.reshape(-1))
        decode(self.told, *self.weights, *self.codes, self.signs, self.start, texels)

    def backward(self, texels: np.ndarray, gradient: np.ndarray, into: Sequence[np.ndarray]) -> None:
        """From the gradient of the texels [T, 2], its strokes' rows of those of codes and shape, `into`."""
        rows = (whole[self.strokes] for whole in into)
        decode_back(self.told, *self.weights, self.signs, self.start, texels, gradient, *rows)
