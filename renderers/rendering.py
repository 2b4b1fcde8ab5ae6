"""Strokes onto a canvas: the one call that search and styling share."""

from __future__ import annotations

from torch import Tensor

from renderers.blending import Layers, blend
from renderers.decoding import MapSource, make_layers
from renderers.pigments import Mixing
from renderers.strokes import Strokes


def render(
    strokes: Strokes, canvas: Tensor, maps: MapSource, backend: str = "cpu", region: Tensor | None = None,
    mixing: Mixing = "srgb",
) -> Tensor:  # fmt: skip
    """The canvas after all strokes, h ← α·s + (1 − α)·h, differentiable in the strokes (not in `canvas`).

    Args:
        strokes: N strokes of one brush, in paint order.
        canvas: [H, W, C] float32, the picture below the strokes; C = 3, or 4 for premultiplied RGBA.
        maps: from the strokes' frames to their coverage and shading: the networks' (`renderers.decoder.network_maps`),
            the engine's own (`renderers.decoding.EngineMaps`) or the brush's own (`renderers.brushes.Brush.maps`).
        backend: see `renderers.blending.blend`.
        region: [H, W] float32 in [0, 1], how much of the strokes shows at each pixel; 1 if not given.
        mixing: of colours, as numbers of sRGB or as pigments; see `renderers.pigments`.

    Returns:
        [H, W, C] float32.

    Raises:
        ValueError: shapes do not match, or the backend is unknown.
        ImportError: the backend is 'cuda' and Triton is not installed.
    """
    height, width, channels = canvas.shape
    return composite(canvas, make_layers(strokes, 1 / max(height, width), channels, maps, mixing), backend, region)


def composite(canvas: Tensor, layers: Layers, backend: str = "cpu", region: Tensor | None = None) -> Tensor:
    """`render` for strokes that are layers already."""
    painted = blend(canvas, layers, backend)
    return painted if region is None else canvas + region[:, :, None] * (painted - canvas)
