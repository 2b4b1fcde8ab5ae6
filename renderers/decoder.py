"""The networks in the loop, fast on CPUs: what `NetworkMaps` computes, values and gradients, in two kernels that are
shared among the cores.

The brush tells where the patches' corners lie, with derivatives; from there one kernel goes all the way to the texels,
run after run of strokes. Of the hidden layers only the signs are kept for the way back, on which the weights are
constants: wanted are the gradients of the strokes.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from renderers.blending import FrameMaps
from renderers.brushes import Frame, NetworkBrush
from renderers.brushes.base import PATCH, frame_grid
from renderers.decoding import CorrectedMaps, MapSource, NetworkMaps, SearchMaps, frame_maps
from renderers.decoding_kernels import DecoderInput, Kept, Weights, decode, decode_back, runs
from renderers.dual import WIDTH
from renderers.networks import BrushNetworks, PatchNetwork, fourier_features
from renderers.products import padded
from renderers.simd import LANES
from renderers.strokes import Strokes
from renderers.threads import share
from renderers.work_queue import work_queue
from renderers.workspace import ScratchBuffer

RUN_ROWS = 512  # patches of a run of strokes, about: what one thread takes at a time


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
        grid = frame_grid(frame.box, pixel / frame.scale.detach(), self.density)
        return frame_maps(self.texels(frame, pixel, grid), grid)

    def texels(self, frame: Frame, pixel: float, grid: Tensor) -> Tensor:
        """See `renderers.decoding.NetworkSource.texels`."""
        biases = [head.code_bias(frame.code) for head in self.heads]
        result: Tensor = _Decode.apply(self, grid, (pixel / frame.scale).detach(), frame.box, frame.geometry, *biases)
        return result

    def near(self, strokes: Strokes, pixel: float, density: float) -> MapSource:
        """See `renderers.decoding.SearchMaps.near`."""
        other = copy(self)
        other.density = density
        return CorrectedMaps(strokes, pixel, other)


def network_maps(networks: BrushNetworks, backend: str, density: float) -> SearchMaps:
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
            flat[0],
            flat[1],
            middle_bias[None].copy(),
            flat[2],
            outer_bias[None].copy(),
            inner_back.reshape(-1),
            *flat[3:],
        )

    def code_bias(self, code: Tensor) -> Tensor:
        """What the code adds to the first layer: [N, K], differentiable in the code."""
        result: Tensor = self.code(fourier_features(code)) + self.inner_bias
        return result


class _Decode(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, decoder: Decoder, grid: Tensor, blur: Tensor, box: Tensor, geometry: Tensor, *biases: Tensor
    ) -> Tensor:
        arrays = [values.detach().contiguous().numpy() for values in (grid, blur, box, geometry, *biases)]
        stage = Stage(decoder, *arrays)
        texels = torch.empty(stage.texels, 2)
        ctx.stage, ctx.texels = stage, texels.numpy()
        stage.forward(ctx.texels)
        return texels

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        stage: Stage = ctx.stage
        shape, *parts = (
            torch.from_numpy(found) for found in stage.backward(ctx.texels, gradients[0].contiguous().numpy())
        )
        return (None, None, None, shape[:, :2], shape[:, 2 : 2 + stage.geometry.shape[1]], *parts)


class Stage:
    """N strokes on their way through the networks, and what the way back needs of them.

    Args:
        grid, blur, box, geometry, codes: as `_Decode` reads them; two arrays of codes.
    """

    def __init__(
        self, decoder: Decoder, grid: np.ndarray, blur: np.ndarray, box: np.ndarray, geometry: np.ndarray,
        *codes: np.ndarray,
    ) -> None:  # fmt: skip
        self.brush: NetworkBrush = decoder.brush
        self.weights = [head.weights for head in decoder.heads]
        self.geometry, self.codes = geometry, codes
        counts = grid.prod(axis=1)
        patches, corners = running(counts), running((grid + 1).prod(axis=1))
        self.texels = int(patches[-1]) * PATCH**2
        ends = runs(counts, RUN_ROWS)
        rows, signs = int(patches[-1]), sum(code.shape[1] for code in codes) // 4
        # Numbers of: fields with their derivatives, waves, signs (bits).
        sizes = [int(corners[-1]) * self.brush.field_count * WIDTH, 2 * rows, -(-rows * signs // 4)]
        self.memory = ScratchBuffer(sum(sizes))
        fields, waves, bits = np.split(self.memory.array[: sum(sizes)], np.cumsum(sizes[:2]))
        self.inputs = DecoderInput(
            grid, box, blur, patches, corners, fields.reshape(-1, self.brush.field_count, WIDTH), ends
        )
        self.kept = Kept(waves.reshape(-1, 2), bits.view(np.uint8)[: rows * signs].reshape(rows, signs))

    def forward(self, texels: np.ndarray) -> None:
        """Write the texels [T, 2]."""
        share(self._corners)
        queue = work_queue()
        share(lambda first, step: decode(queue, self.inputs, self.kept, *self.weights, *self.codes, texels))

    def _corners(self, first: int, step: int) -> None:
        """Fill the fields of one thread's strokes: as many corners as any other's."""
        inputs = self.inputs
        begin, end = np.searchsorted(inputs.corners, [inputs.corners[-1] * k // step for k in (first, first + 1)])
        fields = inputs.fields[inputs.corners[begin] : inputs.corners[end]]
        mine = slice(begin, end)
        self.brush.corners(
            self.geometry[mine], inputs.box[mine], inputs.blur[mine], inputs.grid[mine], fields.reshape(-1)
        )

    def backward(self, texels: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """From the gradient of the texels [T, 2] that of box and geometry [N, 7], and those of the codes."""
        d_codes = [np.empty_like(code) for code in self.codes]
        d_shape, queue = np.empty((len(self.geometry), WIDTH - 1), np.float32), work_queue()
        share(
            lambda first, step: decode_back(
                queue, self.inputs, self.kept, *self.weights, texels, gradient, *d_codes, d_shape
            )
        )
        return [d_shape, *d_codes]


def running(counts: np.ndarray) -> np.ndarray:
    """[K] counts → [K + 1] int64: how many come before each, and all of them."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
