"""The networks in the search loop on a GPU: what `NetworkMaps` computes, values and gradients, in three Triton kernels.

torch gives the features of patches (where their corners lie in the stroke), and what a stroke's code adds to the first
layers; from there one kernel goes all the way to the texels, for both networks, without writing anything else down. The
backward pass computes the layers anew, and gives gradients of the strokes only. Sums over a stroke's patches are added
up in a fixed order.

With TRITON_INTERPRET=1 set before triton is first imported the same kernels run, slowly, on CPU tensors.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from renderers.brushes import Frame
from renderers.brushes.base import PATCH
from renderers.decoding import DecodedMaps
from renderers.networks import BrushNetworks, Patches, PatchNetwork, fourier_features, patch_features, texel_offsets

try:
    from renderers.patch_kernels import BLOCK, BOTTOM, LEFT, RIGHT, TOP, add_rows, decode, decode_backward
except ImportError as error:
    raise ImportError("decoding on CUDA needs triton: `pip install triton`, or choose another backend") from error

WARPS = 4  # of 32 threads for each block of patches
LEAST = 16  # rows and columns of a matrix that Triton multiplies
OPTIONS = {"enable_fp_fusion": True}  # as in `renderers.blending.cuda`


class Weights(NamedTuple):
    """One PatchNetwork's weights as the kernels read them: [in, out], padded with zeros to powers of two."""

    inner: Tensor  # [F, K]
    middle: Tensor  # [K, K]
    middle_bias: Tensor  # [K]
    outer: Tensor  # [K, PATCH²]
    outer_bias: Tensor  # [PATCH²]


class CudaDecoder(DecodedMaps):
    """Maps decoded by the networks, on a CUDA device.

    Args:
        networks: of one brush, on that device; their weights are read when this is made.
        density: texels to a pixel, within `renderers.brushes.base.DENSITY`.
    """

    def __init__(self, networks: BrushNetworks, density: float) -> None:
        self.brush, self.density = networks.brush, density
        self.heads = (Head(networks.raster), Head(networks.shading))

    def texels(self, frame: Frame, pixel: float, grid: Tensor) -> Tensor:
        """See `renderers.decoding.NetworkSource.texels`."""
        patches = Patches.of(grid)
        features = patch_features(self.brush, frame, (pixel / frame.scale).detach(), patches).float().contiguous()
        codes = [head.code_bias(frame.code).float().contiguous() for head in self.heads]
        weights = [tensor for head in self.heads for tensor in head.weights]
        result: Tensor = _Decode.apply(_places(patches), _first_of(grid), features, *codes, *weights)
        return result


class Head:
    """One PatchNetwork, with its weights as the kernels read them."""

    def __init__(self, network: PatchNetwork) -> None:
        self.code, width = network.code, _padded(network.inner.out_features)
        self.inner_bias = _grown(network.inner.bias, width)
        self.weights = Weights(
            _grown(network.inner.weight.T, _padded(network.inner.in_features), width),
            _grown(network.middle.weight.T, width, width),
            _grown(network.middle.bias, width),
            _grown(network.outer.weight.T, width, PATCH * PATCH),
            _grown(network.outer.bias, PATCH * PATCH),
        )

    def code_bias(self, code: Tensor) -> Tensor:
        """What the code adds to the first layer: [N, K] with zeros beyond the layer, differentiable in the code."""
        bias: Tensor = self.code(fourier_features(code))
        return nn.functional.pad(bias, (0, len(self.inner_bias) - bias.shape[1])) + self.inner_bias


def _padded(size: int) -> int:
    """The power of two, at least LEAST, that holds `size`."""
    return max(LEAST, 1 << (size - 1).bit_length())


def _grown(values: Tensor, *shape: int) -> Tensor:
    """A matrix or vector as float32 with zeros beyond it."""
    grown = torch.zeros(shape, device=values.device)
    grown[tuple(slice(size) for size in values.shape)] = values.detach()
    return grown


def _places(patches: Patches) -> Tensor:
    """[P, 4] int64: see `renderers.patch_kernels.decode`."""
    columns, rows = patches.grid[patches.owner].unbind(1)
    width = columns * PATCH
    first = texel_offsets(patches.grid)[patches.owner] + (patches.row * width + patches.column) * PATCH
    sides = LEFT * (patches.column == 0) + RIGHT * (patches.column == columns - 1)
    sides = sides + TOP * (patches.row == 0) + BOTTOM * (patches.row == rows - 1)
    return torch.stack([patches.owner, first, width, sides], dim=1)


def _first_of(grid: Tensor) -> Tensor:
    """[N + 1] int64: index of each frame's first patch, then P."""
    return nn.functional.pad(grid.prod(dim=1).cumsum(0), (1, 0))


class _Decode(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, places: Tensor, first_of: Tensor, features: Tensor, *rest: Tensor) -> Tensor:
        texels = torch.empty(len(places) * PATCH * PATCH, 2, device=features.device)
        codes, weights = rest[:2], rest[2:]
        with torch.cuda.device_of(features):
            _launch(decode, len(places), (features, places, texels), features, codes, weights)
        ctx.save_for_backward(places, first_of, features, *rest)
        return texels

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        places, first_of, features, *rest = ctx.saved_tensors
        codes, weights = rest[:2], rest[2:]
        gradient, d_features = gradients[0].float().contiguous(), torch.empty_like(features)
        d_rows = [code.new_empty(len(places), code.shape[1]) for code in codes]
        d_codes = [torch.zeros_like(code) for code in codes]
        with torch.cuda.device_of(features):
            given = (gradient, features, places, d_features, *d_rows)
            _launch(decode_backward, len(places), given, features, codes, weights)
            for rows, total in zip(d_rows, d_codes, strict=True):
                if len(total):
                    add_rows[(len(total),)](
                        rows, first_of, total, WIDTH=total.shape[1], AT_ONCE=32, num_warps=1, **OPTIONS
                    )
        return (None, None, d_features, *d_codes, *(None for _ in weights))


def _launch(
    kernel: Any, count: int, given: tuple[Tensor, ...], features: Tensor, codes: Any, weights: Any
) -> None:  # fmt: skip
    """Run a kernel for `count` patches; `weights` are those of α, then of the mix."""
    if count:
        half = len(weights) // 2
        kernel[(-(-count // BLOCK),)](
            *given, count, features.shape[1], codes[0], *weights[:half], codes[1], *weights[half:],
            FEATURES=_padded(features.shape[1]), WIDTH_A=codes[0].shape[1], WIDTH_M=codes[1].shape[1],
            num_warps=WARPS, **OPTIONS,
        )  # fmt: skip
