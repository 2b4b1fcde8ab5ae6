"""Brushes and what draws them: engines, the networks that imitate them, soft blending. Knows nothing of `painter`.

`render(strokes, canvas, maps, backend, region)` is the one public call: strokes in, canvas out, differentiable.

Conventions, shared by all parts
--------------------------------
* Strokes are ``[N, ...]`` and images ``[H, W, C]``, all float32. Order is paint order: later strokes cover earlier.
* Origin top left, x right, y down. The unit of length is the canvas' longer side, so that strokes are drawn alike at
  any size. The centre of pixel (i, j) lies at ((j + 0.5) · pixel, (i + 0.5) · pixel) with pixel = 1 / max(H, W).
* Angles in radians from +x towards +y. Colours straight sRGB in [0, 1], opacity in [0, 1]; a transparent canvas is
  premultiplied RGBA. Blending happens in sRGB: h ← α·s + (1 − α)·h.
* A stroke's *frame* is its own coordinate system; its *maps* are coverage α and shading on a grid of texels there.

    strokes.py      what a painting is made of           brushes/     the brushes and their engines
    rendering.py    render                               blending/    soft blending: reference, CPU, CUDA
    decoding.py     strokes to layers, by networks or by the engine; decoder.py is its fast form
    drawing.py      the finished painting at any size, as the engines draw it; relief.py lights it; order.py sorts it
    networks.py     the networks; training.py, evaluation.py, checkpoint.py make, measure and load them
    simd.py         vectors for kernels; dual.py derivatives in them, products.py matrix products
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from renderers.rendering import composite, render
    from renderers.strokes import Strokes

__all__ = ["Strokes", "composite", "render"]

_HOMES = {"Strokes": "renderers.strokes", "composite": "renderers.rendering", "render": "renderers.rendering"}


def __getattr__(name: str) -> Any:
    """The public names, each imported when first asked for: torch takes seconds, and --help must not wait for it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
