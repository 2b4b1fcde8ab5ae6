"""A painting as one page of HTML that plays it in any browser: no other file, no request."""

from __future__ import annotations

import base64
import html
import json
import re
import zlib
from collections.abc import Mapping
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from painter.export.encoding import EncodingConfig
from painter.export.places import writing
from painter.options.export import ExportConfig
from painter.painting.browser_form import browser_brush, browser_form
from painter.painting.painting import Painting
from painter.pictures.notebook_pictures import Player
from painter.pictures.resizing import fit_size
from renderers.webgl.shaders import paint_script, player_script, unpacking_script

FALLBACK_SIDE, FALLBACK_QUALITY = 256, 60  # of the picture that is shown where there is no WebGL2
_PART = re.compile(r"\{\{([a-z]+)\}\}")
NAMES = {
    "oilpaintbrush": "oil strokes", "watercolor": "strokes of watercolour", "markerpen": "strokes of a marker",
    "rectangle": "strips of tape",
}  # fmt: skip


def write_html(path: Path, painting: Painting, fallback: np.ndarray, config: ExportConfig) -> None:
    """Write the page.

    Args:
        fallback: uint8 [H, W, 3 or 4], what is shown where there is no WebGL2.
        config: duration, hold, ease, reverse and loop are looked at.

    Raises:
        OutputError: the file cannot be written; `path` is then unchanged.
    """
    with writing(path) as temporary:
        temporary.write_text(page_text(painting, fallback, config), encoding="utf-8")


def page_text(painting: Painting, fallback: np.ndarray, config: ExportConfig) -> str:
    """The page itself; see `write_html`."""
    brush = browser_brush(painting.strokes.brush)
    times = {
        "duration": config.duration or EncodingConfig.duration,
        "hold": config.hold, "ease": config.ease, "reverse": config.reverse, "loop": config.loop,
    }  # fmt: skip
    name = (painting.about.get("input") or {}).get("name")
    count = f"{len(painting.strokes)} {NAMES.get(brush, 'strokes')}"
    form = script_json({**browser_form(painting), "times": times})
    script = paint_script(brush, texture=painting.config.texture > 0, pencil=painting.config.pencil > 0)
    parts = {
        "title": html.escape(name or "Painting"),
        "label": html.escape(f"{name}, in {count}" if name else f"A painting of {count}"),
        "fallback": picture_address(fallback, FALLBACK_QUALITY),
        "painting": form,
        "program": packed(script + player_script()),
    }
    return filled("painter.painting", "page.html", parts)


def player_of(painting: Painting, size: int, config: ExportConfig) -> Player:
    """A painting as a notebook plays it, its longer side `size` pixels."""
    height, width = fit_size(*painting.aspect, size)
    what = f"{len(painting.strokes)} {painting.strokes.brush} strokes"
    return Player(what, page_text(painting, painting.draw(min(FALLBACK_SIDE, size)), config), width, height)


def filled(package: str, name: str, parts: Mapping[str, str]) -> str:
    """A page of a package, with a part in place of each {{name}}; {{unpacking}} is what unpacks `packed` scripts."""
    parts = {**parts, "unpacking": unpacking_script()}
    page = resources.files(package).joinpath(name).read_text(encoding="utf-8")
    return _PART.sub(lambda match: parts[match[1]], page)


def packed(script: str) -> str:
    """A script as a page carries it: compressed, in base64."""
    return base64.b64encode(zlib.compress(script.encode(), 9)).decode("ascii")


def script_json(value: Any) -> str:
    """JSON that can stand inside a script element, where only '<' can end the text."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def picture_address(image: np.ndarray, quality: int) -> str:
    """A picture, uint8 [H, W, 3 or 4], as an address that holds all of it: a WebP of this quality."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "WEBP", quality=quality, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
