"""What a browser is given to draw strokes: `paint.js` with the engines and the constants of the Python modules."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from renderers.spectra import FLOOR, POWER, corner_reflectances, rgb_of_wavebands
from renderers.webgl.kernel_source import source_of
from renderers.webgl.media_shaders import media_parts, pencil_parts, shared_media_parts
from renderers.webgl.translate import translated

BRUSH_MODULES = {
    "oilpaintbrush": ("oilpaintbrush", "OilPaintBrush"),
    "watercolor": ("watercolor", "Watercolor"),
    "markerpen": ("markerpen", "MarkerPen"),
    "rectangle": ("rectangle", "Rectangle"),
    "stamp": ("stamp", "Stamp"),
}
"""The module and the class of each brush that can be drawn; 'stamp' stands for all of one's own."""

_FOLDER = Path(__file__).parent
_PLACE = "/* SHADERS */ null"
_SHARED = {
    "renderers.placed": ("SPREAD",),
    "renderers.blending.layers": ("MAX_ALPHA",),
    "renderers.brushes.base": ("BLUR_REACH", "RIM", "BODY_SHARE"),
    "renderers.relief": (
        "UPPER_LEFT", "DETAIL", "DRAWN_VARIANCE", "TAIL", "RAKE", "CONTRAST", "GLOSS", "GLINT_SLOPE", "GLINT_SPREAD",
        "FLAT_GLINT", "REFERENCE", "GRAIN", "PAPER",
    ),
}  # fmt: skip
_OWN = {"markerpen": ("CORNER",), "stamp": ("DETAIL",)}


@lru_cache
def shader_parts(brush: str) -> dict[str, Any]:
    """What `paint.js` needs to know of a brush, ready for JSON.

    Args:
        brush: a key of `BRUSH_MODULES`.

    Returns:
        'engine', its kernel in GLSL ('' for a stamp, whose engine reads a texture and is in paint.js); 'constants' by
        name, and 'body' (see `renderers.brushes.Body`).
    """
    module, class_name = BRUSH_MODULES[brush]
    source = source_of(f"renderers.brushes.{module}")
    engine = "" if brush == "stamp" else _joined(translated(f"renderers.brushes.{module}", "_paint"))
    body = {"grain": 0.0, **source.class_values(class_name)["body"]}
    return {
        "engine": engine,
        "constants": {name: source.constant(name) for name in _OWN.get(brush, ())},
        "body": body,
    }


@lru_cache
def shared_parts() -> dict[str, Any]:
    """What all brushes share: 'constants' by name, 'difference' (taps of a slope) and 'noise' in GLSL."""
    constants = {name: source_of(module).constant(name) for module, names in _SHARED.items() for name in names}
    return {
        "constants": constants,
        "difference": source_of("renderers.relief").constant("DIFFERENCE"),
        "noise": _joined(*(translated("renderers.brushes.texture", name) for name in ("noise2", "resolved"))),
        "mixing": {
            "corners": corner_reflectances().round(7).tolist(),
            "matrix": rgb_of_wavebands().round(7).tolist(),
            "floor": FLOOR,
            "power": POWER,
            "functions": _joined(*(translated("renderers.pigments", name) for name in ("_linear", "_nonlinear"))),
        },
    }


def paint_script(*brushes: str, texture: bool = True, pencil: bool = True) -> str:
    """`paint.js` for these brushes; for all if none is given. It defines `ImpastoPaint`.

    Args:
        texture: whether it can draw their media, too; pencil: and lines of pencil.
    """
    brushes = brushes or tuple(BRUSH_MODULES)
    shaders = {**shared_parts(), "brushes": {name: shader_parts(name) for name in brushes}}
    if pencil:
        shaders["pencil"] = pencil_parts()
    if texture:
        shaders |= {"media": {name: media_parts(name) for name in brushes}, "papers": shared_media_parts()}
    more = [*(["media.js"] if texture else []), *(["pencil.js"] if pencil else [])]
    scripts = ["glsl.js", "tables.js", "webgl.js", *more, "paint.js"]
    text = "".join(_script(name) for name in scripts)
    assert text.count(_PLACE) == 1
    return _shortened(text.replace(_PLACE, json.dumps(shaders, separators=(",", ":"))))


def player_script() -> str:
    """`player.js`: it defines `ImpastoPlayer`, and needs what `paint_script` returns before it."""
    return _shortened(_script("player.js"))


def unpacking_script() -> str:
    """`unpacking.js`: what a page runs first, so that it can run a packed program."""
    return _shortened(_script("unpacking.js"))


def _script(name: str) -> str:
    return _FOLDER.joinpath(name).read_text(encoding="utf-8")


def _shortened(script: str) -> str:
    """A script without its comments that stand on lines of their own, and without indents."""
    script = re.sub(r"^\s*/\*.*?\*/\n", "", script, flags=re.MULTILINE | re.DOTALL)
    return "\n".join(line for line in _without_indents(script).splitlines() if line and not line.startswith("//"))


def _without_indents(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines())


def _joined(*functions: dict[str, str]) -> str:
    every: dict[str, str] = {}
    for found in functions:
        every.update(found)
    return _without_indents("\n".join(every.values()) + "\n")
