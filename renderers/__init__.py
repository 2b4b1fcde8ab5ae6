"""Brushes and how their strokes become pictures. Knows nothing of `painter`.

`render(strokes, canvas, maps, backend, region)` is the one public call: strokes onto a canvas, differentiable in them.

Conventions of all modules
--------------------------
* Strokes are ``[N, ...]`` and images ``[H, W, C]``, all float32. N is paint order: later strokes cover earlier ones.
* The origin is top left, x goes right, y down. The unit of length is the canvas' longer side, so strokes do not depend
  on its size. The centre of pixel (i, j) is at ((j + 0.5) · pixel, (i + 0.5) · pixel) with pixel = 1 / max(H, W).
* Angles are in radians from +x towards +y. Colours are straight sRGB in [0, 1], opacity is in [0, 1]. Blending is in
  sRGB: h ← α·s + (1 − α)·h. A canvas with C = 4 is premultiplied RGBA.
* Every stroke has coordinates of its own, *stroke units*, in which half its thickness is 1. Its *frame* is a box there;
  its *maps* are coverage α and pigment mix (from start to end colour) on a grid of texels over the frame.

A picture is made in one of two ways. The brush's *engine* paints the stroke itself, at any size; it cannot be
differentiated. In the search two small *networks* draw its maps instead, and soft blending puts them onto the canvas.

    strokes.py       what a painting is made of            rendering.py   `render`: strokes onto a canvas
    brushes/         the brushes and their engines         blending/      soft blending: reference, CPU, CUDA
    drawing.py       the finished picture, of strokes on pixels (placed.py); relief.py lights it
    media/           how they lie on paper and linen, with texture or without
    order.py         the paint order that is shown to people
    poses.py         strokes in their own frames, in which they can be moved to others
    decoding.py      maps by the networks or the engine; decoder*.py is its fast form; decoder_cuda.py on GPUs
    networks.py      the networks; training.py, evaluation.py and checkpoint.py train, measure and load them
    webgl/           strokes drawn in a browser
    engine.py        engines on the texels of frames
    simd.py, dual.py, products.py    kernels' vectors, derivatives and matrix products; jit.py compiles them
    threads.py, work_queue.py, workspace.py    work for all cores, and memory that is reused
    manifest.py, compiled.py, errors.py, special_files.py, stamp_size.py    read without torch
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
