"""A painting as a browser draws it: what `renderers/webgl/player.js` opens. For pages, the studio and notebooks."""

from __future__ import annotations

import base64
import zlib
from dataclasses import asdict
from typing import Any

import numpy as np

from painter.painting.painting import Painting
from painter.pictures.ground import region_at
from painter.pictures.resizing import fit_size
from renderers.brushes import BRUSHES
from renderers.brushes.stamp import Stamp
from renderers.stamp_size import LONGEST
from renderers.webgl.stroke_rows import pack_rows

STAMP = "stamp"
"""How paint.js names all brushes of one's own."""

REGION_SIDE = 512  # pixels of a region's longer side, at most


def browser_brush(brush: str) -> str:
    """The name that paint.js has for a brush."""
    return STAMP if isinstance(BRUSHES[brush], Stamp) else brush


def browser_form(painting: Painting, rows: bool = True) -> dict[str, Any]:
    """The painting, ready for JSON.

    >>> from painter.painting.browser_form import browser_form
    >>> form = browser_form(painting)
    >>> form["brush"], form["aspect"], form["count"]
    ('markerpen', [30, 40], 8)

    Args:
        rows: whether the strokes are in it, too, as base64 of `renderers.webgl.stroke_rows.pack_rows`.
    """
    form: dict[str, Any] = {
        "brush": browser_brush(painting.strokes.brush),
        "aspect": list(painting.aspect),
        "ground": None if painting.ground is None else list(painting.ground),
        "relief": painting.config.relief,
        "mixing": painting.config.blending,
        "pencil": painting.config.pencil,
        "count": len(painting.strokes),
    }
    if (surface := painting.surface()) is not None:
        form["texture"] = asdict(surface)
    brush = BRUSHES[painting.strokes.brush]
    if isinstance(brush, Stamp):
        form["stamp"] = {**_packed(brush.texture), "longest": LONGEST}
    if painting.region is not None:
        height, width = painting.region.shape
        if max(height, width) > REGION_SIDE:
            height, width = fit_size(height, width, REGION_SIDE)
        shown = region_at(painting.region, height, width)
        assert shown is not None
        form["region"] = _packed(shown)
    if rows:
        form["rows"] = base64.b64encode(pack_rows(painting.strokes).tobytes()).decode("ascii")
    return form


def _packed(values: np.ndarray) -> dict[str, Any]:
    """[H, W] in [0, 1] as bytes, compressed, in base64."""
    levels = np.rint(values.clip(0, 1) * 255).astype(np.uint8)
    deflated = base64.b64encode(zlib.compress(levels.tobytes(), 9)).decode("ascii")
    return {"height": values.shape[0], "width": values.shape[1], "deflated": deflated}
