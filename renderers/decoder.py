"""The networks in the search loop, fast on CPUs: what `NetworkMaps` computes, values and gradients, in two kernels.

The brush gives the fields at the patches' corners with their derivatives; from there one kernel goes all the way to the
texels, run after run of strokes, on all cores. Only the signs of the hidden layers are recorded for the backward pass:
the weights are constants there, and only gradients of the strokes are computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from renderers.blending.spans import prefix_sums
from renderers.brushes import Frame, NetworkBrush
from renderers.brushes.base import PATCH
from renderers.decoder_features import DecoderInput, runs
from renderers.decoder_kernels import Tape, Weights, decode, decode_backward
from renderers.decoding import DecodedMaps, NetworkMaps, SearchMaps
from renderers.dual import WIDTH
from renderers.networks import BrushNetworks, PatchNetwork, fourier_features
from renderers.products import round_up
from renderers.simd import LANES
from renderers.threads import share
from renderers.work_queue import work_queue
from renderers.workspace import ScratchBuffer

RUN_ROWS = 512  # patches in a run of strokes, at most (or one stroke): what one thread takes at a time


class Decoder(DecodedMaps):
    """Maps decoded by the networks, on the CPU.

    Args:
        networks: of one brush; their weights are read when this is made.
        density: texels to a pixel, within `renderers.brushes.base.DENSITY`.
    """

    def __init__(self, networks: BrushNetworks, density: float) -> None:
        self.brush, self.density = networks.brush, density
        self.heads = (Head(networks.raster), Head(networks.shading))

    def texels(self, frame: Frame, pixel: float, grid: Tensor) -> Tensor:
        """See `renderers.decoding.NetworkSource.texels`."""
        biases = [head.code_bias(frame.code) for head in self.heads]
        result: Tensor = _Decode.apply(self, grid, (pixel / frame.scale).detach(), frame.box, frame.geometry, *biases)
        return result


def network_maps(networks: BrushNetworks, backend: str, density: float) -> SearchMaps:
    """The maps of a brush's networks in the form that is fastest with a `backend` of `renderers.blending.blend`."""
    if backend == "cuda":
        from renderers.decoder_cuda import CudaDecoder  # Triton is optional

        return CudaDecoder(networks, density)
    return (Decoder if backend == "cpu" else NetworkMaps)(networks, density)


class Head:
    """One PatchNetwork, with its weights as the kernels read them.

    Raises:
        ValueError: the hidden layers are not a multiple of LANES wide.
    """

    def __init__(self, network: PatchNetwork) -> None:
        self.code, self.inner_bias = network.code, network.inner.bias.detach()
        if network.inner.out_features % LANES:
            raise ValueError(f"hidden layers must be a multiple of {LANES} wide, got {network.inner.out_features}")
        inner, middle, outer = (
            layer.weight.detach().float().numpy() for layer in (network.inner, network.middle, network.outer)
        )
        inner_back = np.zeros((len(inner), round_up(inner.shape[1], LANES)), np.float32)
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
        decoding = DecoderPass(decoder, *arrays)
        texels = torch.empty(decoding.texel_count, 2)
        ctx.decoding, ctx.texels = decoding, texels.numpy()
        decoding.forward(ctx.texels)
        return texels

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        decoding: DecoderPass = ctx.decoding
        found = decoding.backward(ctx.texels, gradients[0].contiguous().numpy())
        d_frame, *d_codes = (torch.from_numpy(gradient) for gradient in found)
        return (None, None, None, d_frame[:, :2], d_frame[:, 2 : 2 + decoding.geometry.shape[1]], *d_codes)


class DecoderPass:
    """One forward pass of N strokes through the networks, and the backward pass that may follow.

    Args:
        grid: [N, 2] int64, patches along u and v.
        blur: [N] float32, the canvas pixel's width in stroke units.
        box, geometry: [N, 2] and [N, G] float32, of `Frame`.
        codes: [N, K] float32 for each of the two networks, of `Head.code_bias`.
    """

    def __init__(
        self, decoder: Decoder, grid: np.ndarray, blur: np.ndarray, box: np.ndarray, geometry: np.ndarray,
        *codes: np.ndarray,
    ) -> None:  # fmt: skip
        self.brush: NetworkBrush = decoder.brush
        self.weights = [head.weights for head in decoder.heads]
        self.geometry, self.codes = geometry, codes
        counts = grid.prod(axis=1)
        patches, corners = prefix_sums(counts), prefix_sums((grid + 1).prod(axis=1))
        self.texel_count = int(patches[-1]) * PATCH**2
        ends = runs(counts, RUN_ROWS)
        rows, signs = int(patches[-1]), sum(code.shape[1] for code in codes) // 4
        # How many float32 are needed for fields with their derivatives, for waves, and for signs (bits).
        sizes = [int(corners[-1]) * self.brush.field_count * WIDTH, 2 * rows, -(-rows * signs // 4)]
        self.memory = ScratchBuffer(sum(sizes))
        fields, waves, bits = np.split(self.memory.array[: sum(sizes)], np.cumsum(sizes[:2]))
        self.inputs = DecoderInput(
            grid, box, blur, patches, corners, fields.reshape(-1, self.brush.field_count, WIDTH), ends
        )
        self.tape = Tape(waves.reshape(-1, 2), bits.view(np.uint8)[: rows * signs].reshape(rows, signs))

    def forward(self, texels: np.ndarray) -> None:
        """Fill the texels [T, 2]."""
        share(self._corners)
        queue, (raster, shading), (codes, shading_codes) = work_queue(), self.weights, self.codes
        share(lambda first, step: decode(queue, self.inputs, self.tape, raster, shading, codes, shading_codes, texels))

    def _corners(self, first: int, step: int) -> None:
        """Fill the fields of part `first` of `step` parts of the strokes, which have about as many corners each."""
        inputs = self.inputs
        begin, end = np.searchsorted(inputs.corners, [inputs.corners[-1] * k // step for k in (first, first + 1)])
        fields = inputs.fields[inputs.corners[begin] : inputs.corners[end]]
        part = slice(begin, end)
        self.brush.corners(
            self.geometry[part], inputs.box[part], inputs.blur[part], inputs.grid[part], fields.reshape(-1)
        )

    def backward(self, texels: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """From the gradient of the texels [T, 2] to that of box and geometry [N, 7], and those of the codes [N, K]."""
        (raster, shading), (d_raster, d_shading) = self.weights, (np.empty_like(code) for code in self.codes)
        d_frame, queue = np.empty((len(self.geometry), WIDTH - 1), np.float32), work_queue()
        share(
            lambda first, step: decode_backward(
                queue, self.inputs, self.tape, raster, shading, texels, gradient, d_raster, d_shading, d_frame
            )
        )
        return [d_frame, d_raster, d_shading]
