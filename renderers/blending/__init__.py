"""Soft blending: strokes composited in paint order, h ← α·s + (1 − α)·h, on the full canvas at once.

`blend` is the one public function. Every backend computes the same values and gradients.

    layers.py      what is blended: `Layers`, N strokes with their `FrameMaps`
    reference.py   plain torch with autograd: the specification of the other two
    cpu.py         fused numba kernels, on all cores; spans.py says which pixels a stroke covers, texels.py reads maps
    cuda.py        fused Triton kernels, on a GPU
    relevance.py   what each stroke is worth: the error without it
"""

from __future__ import annotations

from torch import Tensor

from renderers.blending.cpu import blend_cpu
from renderers.blending.layers import MAX_ALPHA, FrameMaps, Layers
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
    if backend == "reference":
        return blend_reference(canvas, layers)
    if backend == "cpu":
        return blend_cpu(canvas, layers)
    if backend == "cuda":
        from renderers.blending.cuda import blend_cuda  # Triton is optional

        return blend_cuda(canvas, layers)
    raise ValueError(f"backend must be one of {BACKENDS}, got {backend!r}")
