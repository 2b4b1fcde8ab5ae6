"""Soft blending: strokes composited in paint order, h ← α·s + (1 − α)·h, on the full canvas at once.

`blend` is the one public function. Every backend computes the same values and gradients.

    layers.py      what is blended: `Layers`, N strokes with their `FrameMaps`
    mixing.py      colours as pigments, where they are to be mixed like that
    reference.py   plain torch with autograd: the specification of the other two
    cpu.py         fused numba kernels, on all cores; spans.py says which pixels a stroke covers, texels.py reads maps
    cuda.py        fused Triton kernels, on a GPU: triton_kernels.py; tile_pairs.py says which tiles a stroke meets
    relevance.py   what each stroke is worth: the error without it; how much of it is seen
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from renderers.blending.cpu import blend_cpu
from renderers.blending.layers import MAX_ALPHA, FrameMaps, Layers
from renderers.blending.mixing import to_colors, to_pigment
from renderers.blending.reference import blend_reference

BACKENDS = ("reference", "cpu", "cuda")

__all__ = ["BACKENDS", "MAX_ALPHA", "FrameMaps", "Layers", "blend", "blend_reference"]


def blend(canvas: Tensor, layers: Layers, backend: str = "cpu") -> Tensor:
    """The canvas after all layers, differentiable in every float tensor of `layers` (not in `canvas`).

    Args:
        canvas: [H, W, C] float32, the picture below the strokes; C = 3, or 4 for premultiplied RGBA.
        layers: N strokes, in paint order.
        backend: 'reference' (plain torch, any device), 'cpu' (fused numba kernels) or 'cuda' (fused Triton kernels).

    Returns:
        [H, W, C] float32.

    Raises:
        ValueError: shapes do not match, or the backend is unknown.
        ImportError: the backend is 'cuda' and Triton is not installed.
    """
    layers.check(canvas)
    if layers.mixing == "pigment":
        layers = replace(layers, start=to_pigment(layers.start), end=to_pigment(layers.end))
        return to_colors(_blend_numbers(to_pigment(canvas), layers, backend))
    return _blend_numbers(canvas, layers, backend)


def _blend_numbers(canvas: Tensor, layers: Layers, backend: str) -> Tensor:
    """`blend`, channel by channel as numbers; any number of channels."""
    if backend == "reference":
        return blend_reference(canvas, layers)
    if backend == "cpu":
        return blend_cpu(canvas, layers)
    if backend == "cuda":
        from renderers.blending.cuda import blend_cuda  # Triton is optional

        if canvas.shape[2] <= 4:
            return blend_cuda(canvas, layers)
        # Its kernels take three or four channels at a time.
        count = -(-canvas.shape[2] // 4)
        parts = zip(*(values.tensor_split(count, -1) for values in (canvas, layers.start, layers.end)), strict=True)
        return torch.cat([blend_cuda(c, replace(layers, start=s, end=e)) for c, s, e in parts], dim=2)
    raise ValueError(f"backend must be one of {BACKENDS}, got {backend!r}")
