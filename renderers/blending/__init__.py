"""Soft blending: strokes laid one over the last, h ← α·s + (1 − α)·h, over the whole canvas, no blocks.

`blend` is the one public function. Every backend computes the same values and gradients; `reference` is the
specification.
"""

from __future__ import annotations

from torch import Tensor

from renderers.blending.layers import MAX_ALPHA, FrameMaps, Layers
from renderers.blending.reference import blend_reference

BACKENDS = ("reference", "cpu", "cuda")

__all__ = ["BACKENDS", "MAX_ALPHA", "FrameMaps", "Layers", "blend", "blend_reference"]


def blend(canvas: Tensor, layers: Layers, backend: str = "cpu") -> Tensor:
    """The canvas after all layers, differentiable in every float tensor of `layers` (not in `canvas`).

    Args:
        canvas: [H, W, C] float32, what lies below; C = 3, or 4 for premultiplied RGBA.
        layers: N strokes, in paint order.
        backend: 'reference' (plain torch, any device), 'cpu' (fused numba kernels) or 'cuda' (fused Triton kernels).

    Returns:
        [H, W, C] float32.

    Raises:
        ValueError: for shapes that do not fit, or an unknown backend.
        ImportError: for 'cuda' where there is no Triton.
    """
    layers.check(canvas)
    if backend == "reference":
        return blend_reference(canvas, layers)
    if backend == "cpu":
        from renderers.blending.cpu import blend_cpu  # numba compiles late: `--help` must not wait for it

        return blend_cpu(canvas, layers)
    if backend == "cuda":
        from renderers.blending.cuda import blend_cuda

        return blend_cuda(canvas, layers)
    raise ValueError(f"backend must be one of {BACKENDS}, got {backend!r}")
