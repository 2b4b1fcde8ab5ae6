"""What `media.js` needs to draw strokes in their medium on a sheet: kernels of `renderers.media` in GLSL, constants.

Kernels are translated with all their constants; what a medium's methods compute around them is so, too. Only which
argument is which is written here.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from renderers.webgl.expressions import glsl_name
from renderers.webgl.kernel_source import source_of
from renderers.webgl.translate import translated, translated_value

_MEDIA = "renderers.media.media"
_PIXEL = {  # where a pixel lies, canvas units
    "(j + 0.5) * pixel": "at.x", "(top + i + 0.5) * pixel": "at.y",
    "canvas.shape[1]": "CHANNELS", "canvas.shape[2]": "4", "kept.size": "1", "calm.size": "calm_size",
    "grain.shape[1]": "sheet_columns", "image.shape[0]": "calm_rows", "image.shape[1]": "calm_columns",
}  # fmt: skip
_SHEET = {"tooth": "out float", "wet": "out float", "rim": "out float", "fibre": "out float"}
_LAID = {
    "canvas": "inout float[CHANNELS]", "load": "inout float", "height": "inout float", "start": "in float[CHANNELS]",
    "end": "in float[CHANNELS]",
}  # fmt: skip
_FIELDS = {
    "height": "fetch", "calm": "fetch", "image": "fetch", "how": "in float[8]", "size": "in float[2]",
    "grain": "out float", "parts": "out float[6]", "kept": "out float",
}  # fmt: skip
_SEEN = {
    "canvas": "in float[4]", "parts": "in float[6]", "reference": "in float[3]", "how": "in float[8]",
    "out": "out float[4]",
}  # fmt: skip
_LIT = {
    "canvas": "in float[4]", "how": "in float[5]", "toward": "in float[3]", "half": "in float[3]",
    "out": "out float[4]",
}  # fmt: skip
_FADED = {
    "canvas": "inout float[4]", "height": "inout float", "ground": "in float[4]", "size": "in float[2]",
}  # fmt: skip


@dataclass(frozen=True)
class _Medium:
    """A medium's kernels and what they are called with; GLSL."""

    name: str  # of its class
    module: str  # of its kernel
    kernel: str  # of one stroke; '' for the brush's own engine
    laid: str  # the kernel in `renderers.media.layers` that lays it
    paint: str  # one stroke at a point: sets alpha and pigment, and what LAY needs
    lay: str  # what of it is laid, after canvas, plane, alpha, pigment
    constants: tuple[str, ...] = ()  # of its module
    raster: str = ""  # the kernel in `renderers.media.sheet` of what the sheet has beside its height
    rasters: str = ""  # what it is called with


_MEDIUM_OF = {
    "watercolor": _Medium(
        "Wash", "wash", "paint_wash", "lay_load",
        "float load; k_paint_wash(geometry, u, v, 0.0, sheet.g, sheet.b, sheet.a, scale, footprint, seed, strength, "
        "alpha, pigment, load);",
        "load, first, last, opacity, MEDIUM_KEEP", ("KEEP", "MARGIN"),
        "_fill_wash", "color.g, color.b, color.a",
    ),
    "markerpen": _Medium(
        "Ink", "ink", "paint_ink", "lay_load",
        "float load; k_paint_ink(geometry, u, v, 0.0, sheet.g, sheet.r, scale, footprint, seed, strength, alpha, "
        "pigment, load);",
        "load, first, last, opacity, MEDIUM_KEEP", ("KEEP", "MARGIN"),
        "_fill_fibre", "color.g",
    ),
    "stamp": _Medium(
        "Print", "", "", "lay_load",
        "float unused; k_paint(geometry, u, v, footprint, footprint, seed, alpha, pigment, unused); "
        "alpha = clamp(alpha + CAUGHT, 0.0, 1.0);",
        "0.0, first, last, opacity, 1.0",
    ),
    "oilpaintbrush": _Medium(
        "Oil", "oil", "paint_oil", "lay_hairs",
        "float raised, tone, warm; k_paint_oil(geometry, u, v, 0.0, sheet.r, footprint, seed, strength, alpha, "
        "pigment, raised, tone, warm);",
        "raised, tone, warm, first, last, opacity, thickness, LEVELING",
    ),
    "rectangle": _Medium(
        "Tape", "tape", "paint_tape", "lay_sheets",
        "float fibre; k_paint_tape(geometry, u, v, scale, footprint, seed, strength, alpha, pigment, fibre);",
        "fibre, first, last, opacity, strength * MEDIUM_VEIL, MEDIUM_THICKNESS, MEDIUM_LEVEL",
        ("MARGIN", "VEIL", "THICKNESS", "LEVEL", "OFFSET", "BLUR"),
    ),
}  # fmt: skip


@lru_cache
def media_parts(brush: str) -> dict[str, Any]:
    """What `media.js` needs to know of a brush's medium, ready for JSON.

    Args:
        brush: a key of `renderers.webgl.shaders.BRUSH_MODULES`.

    Returns:
        'functions' in GLSL by name, and for each pass the names of those that it needs, in their order: 'sheet',
        'fields', 'paint', 'finish'. The other parts are expressions and numbers that media.js puts in their places.
    """
    medium, functions = _MEDIUM_OF[brush], dict[str, str]()

    def needed(*found: dict[str, str]) -> list[str]:
        for one in found:
            functions.update(one)
        return list(dict.fromkeys(name for one in found for name in one))

    wet = medium.laid == "lay_load"
    paper = [translated("renderers.media.grounds", name) for name in ("_paper", "_linen")]
    raster = [translated("renderers.media.sheet", medium.raster, _SHEET, _PIXEL)] if medium.raster else []
    fields = [translated("renderers.media.density", "_fill", _FIELDS, _PIXEL)] if wet else []
    paint = [translated(f"renderers.media.{medium.module}", medium.kernel)] if medium.kernel else []
    seen = translated("renderers.media.density", "_see", _SEEN, _PIXEL)
    lit = translated("renderers.media.light", "_shine", _LIT, _PIXEL)
    faded = translated("renderers.media.layers", "fade_margin", _FADED, _PIXEL)
    source = source_of(_MEDIA)
    parts: dict[str, Any] = {
        "sheet": needed(*paper, *raster),
        "fields": needed(*paper, *fields),
        "paint": needed(*paint, translated("renderers.media.layers", medium.laid, _LAID, _PIXEL)),
        "finish": needed(seen) if wet else needed(lit, faded),
        "functions": {name: re.sub(r"^ +", "", text, flags=re.MULTILINE) for name, text in functions.items()},
        "raster": f"{glsl_name(medium.raster)}({medium.rasters}, 0, view.z, 0.0, 0.0);" if medium.raster else "",
        "stroke": medium.paint,
        "lay": f"{glsl_name(medium.laid)}(canvas, plane, 0.0, alpha, pigment, {medium.lay})",
        "constants": {name: source_of(f"renderers.media.{medium.module}").constant(name) for name in medium.constants},
        "wet": wet,
    }  # fmt: skip
    if wet:
        parts["density"] = _density(medium.name)
    else:
        parts["light"] = {**source.call_values(medium.name, "finish", "shine"), **source.class_numbers(medium.name)}
        parts.update(_surface(medium.name))
    if brush == "stamp":
        known = {"self.texture.strength": "strength", "rows.sheet.flat_height[marks.index]": "sheet.r"}
        parts["stroke"] = medium.paint.replace("CAUGHT", translated_value(_MEDIA, ("Print", "lay"), "caught", known))
    return parts


@lru_cache
def shared_media_parts() -> dict[str, Any]:
    """What all media share: papers by name (pebbles to a canvas unit, depth, fibres, height), and constants."""
    grounds, calm = source_of("renderers.media.grounds"), source_of("renderers.media.calm")
    papers = grounds.constant("_PAPERS")
    assert isinstance(papers, tuple)
    density = source_of("renderers.media.density")
    return {
        "papers": dict(zip(("smooth", "cold-press", "hot-press", "rough"), papers, strict=True)),
        "threads": grounds.constant("_THREADS"),
        "toward": source_of("renderers.media.light").constant("TOWARD"),
        "calm": {name: calm.constant(name) for name in ("PIXEL", "SPREAD", "BUSY")},
        "darkest": {name: density.constant(name) for name in ("DARKEST", "FULLY")},
        "paper": source_of("renderers.media.medium").constant("LIGHT_PAPER"),
    }


@lru_cache
def pencil_parts() -> dict[str, Any]:
    """What `pencil.js` needs: 'functions' in GLSL, and constants."""
    source = source_of("renderers.media.pencil")
    arrays = {"seen": "inout float[4]", "lines": "fetch", "image": "fetch", "size": "in float[2]"}
    given = {
        **_PIXEL, "height.size": "sheeted", "lines.shape[0]": "line_rows", "lines.shape[1]": "line_columns",
        "image.shape[0]": "line_rows", "image.shape[1]": "line_columns",
    }  # fmt: skip
    functions = translated("renderers.media.pencil", "_draw", arrays, given)
    (call,) = (node for node in ast.walk(source.functions["pencil_lines"]) if _calls(node, "cv2.bilateralFilter"))
    assert isinstance(call, ast.Call)
    return {
        "functions": "\n".join(functions.values()),
        "SIDE": source.constant("SIDE"),
        "DENSITY": source.constant("_DENSITY"),
        "FILTER": [ast.literal_eval(one) for one in call.args[1:]],
        **{name: source.constant(f"_{name}") for name in ("WIDTH", "SURROUND", "SHARE", "EDGE", "SHARPNESS")},
    }


def _calls(node: ast.AST, function: str) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == function


def _density(name: str) -> list[float]:
    """The numbers of a medium's `Density`, in their order."""
    own = source_of(_MEDIA).class_values(name)["density"]
    every = source_of("renderers.media.density").class_numbers("Density")
    return [float(own.get(one, value) or 0.0) for one, value in every.items()]


def _surface(name: str) -> dict[str, str]:
    """Expressions, in height, sheet and strength, of what a sheet adds to the height of paint, and of the shadow."""
    known = {"rows.sheet.height[1:-1]": "sheet", "self.texture.strength": "strength"}
    if name == "Oil":
        return {"cloth": translated_value(_MEDIA, (name, "finish"), "cloth", known)}
    return {
        "cloth": translated_value(_MEDIA, (name, "finish"), "card", known),
        "depth": translated_value(_MEDIA, (name, "finish"), "depth", known),
        "dark": translated_value(_MEDIA, (name, "finish"), "dark", known),
    }
