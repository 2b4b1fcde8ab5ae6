"""A painting as an SVG: each stroke a shape of its own, or a line for a pen plotter.

Written stroke by stroke, so that memory does not grow with the file. It refers to nothing outside itself and holds no
scripts; text that comes from files is escaped. docs/svg.md tells what differs from the painting in pixels.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from PIL import Image

from painter.export import writing
from painter.export.svg_paths import (
    UNITS,
    LaidStrokes,
    Page,
    number,
    shared_elements,
    stroke_elements,
    use_element,
)
from painter.export.svg_plot import plot_layers
from painter.options.export import ExportConfig
from painter.painting.painting import Painting
from painter.pictures.color import to_hex
from painter.pictures.resizing import fit_size, resize_image
from painter.version import __version__
from renderers.order import CLASS_STEP

LONG_SIDE_MM = 200.0  # of a drawing whose width is not asked for
MOST_LAYERS = 8
MASK_SIDE = 2048  # longer side of the picture of a region, pixels, at most
NEIGHBOURS = 51  # strokes about one, whose median size is that of the level, and an eighth of all at most
SHARED = "stroke"  # id of what all strokes have
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAMESPACES = (
    'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape"'
)


def write_svg(path: Path, painting: Painting, config: ExportConfig | None = None) -> None:
    """Write `painting` as an SVG. Equal paintings give equal bytes.

    Args:
        config: `svg` is 'paint' for strokes as filled shapes, in layers from coarse to fine, or 'plot' for one line a
            stroke, in a layer for each colour of the palette if there is one. `width_mm` is the drawing's width; if
            it is None, the longer side is LONG_SIDE_MM.

    Raises:
        OutputError: if the file cannot be written; `path` then keeps what it held.
    """
    config = config or ExportConfig()
    with writing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        for line in _document(painting, getattr(config, "svg", "paint"), getattr(config, "width_mm", None)):
            file.write(line + "\n")


def _document(painting: Painting, mode: str, width_mm: float | None) -> Iterator[str]:
    height, width = (UNITS * side / max(painting.aspect) for side in painting.aspect)
    page = Page(width, height, LONG_SIDE_MM / UNITS if width_mm is None else width_mm / width)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        f'<svg {_NAMESPACES} width="{number(width * page.mm, 3)}mm" height="{number(height * page.mm, 3)}mm" '
        f'viewBox="0 0 {number(width)} {number(height)}">'
    )
    yield from _words(painting)
    laid = LaidStrokes(painting.strokes)
    yield from _plotted(painting, laid, page) if mode == "plot" else _painted(painting, laid, page)
    yield "</svg>"


def _words(painting: Painting) -> Iterator[str]:
    """Title and description."""
    about: dict[str, Any] = getattr(painting, "about", None) or {}
    name = (about.get("input") or {}).get("name")
    yield f"<title>{_text(name or 'A painting')}</title>"
    count = f"{len(painting.strokes)} strokes of {painting.strokes.brush}"
    yield f"<desc>{_text(f'{count}, seed {painting.config.seed}; Impasto {__version__}')}</desc>"


def _painted(painting: Painting, laid: LaidStrokes, page: Page) -> Iterator[str]:
    """The ground, and the strokes in layers."""
    if laid.brush.alike and len(laid):
        yield f'<defs><g id="{SHARED}">{shared_elements(laid.outline(0))}</g></defs>'
    if painting.ground is not None:
        size = f'width="{number(page.width)}" height="{number(page.height)}"'
        yield f'<rect id="ground" {size} fill="{to_hex(painting.ground)}"/>'
    if painting.region is not None:
        yield from _mask(painting.region, page)
        yield _layer("region", "region", ' mask="url(#mask)"')
    for k, (first, last) in enumerate(levels(laid.sizes)):
        about = number(float(np.median(laid.sizes[first:last])) * page.mm, 1)
        yield _layer(f"layer{k + 1}", f"{k + 1}: {last - first} strokes, about {about} mm")
        yield from (_stroke(laid, n) for n in range(first, last))
        yield "</g>"
    if painting.region is not None:
        yield "</g>"


def _stroke(laid: LaidStrokes, n: int) -> str:
    place, pigment, opacity = laid.place(n), laid.pigment(n), float(laid.opacity[n])
    if laid.brush.alike:
        return use_element(SHARED, place, pigment, opacity)
    return stroke_elements(laid.outline(n), place, pigment, opacity, f"s{n}")


def _plotted(painting: Painting, laid: LaidStrokes, page: Page) -> Iterator[str]:
    """Lines, in a layer for each pen."""
    palette = painting.config.palette is not None
    for k, (pen, lines) in enumerate(plot_layers(laid, page, painting.region, palette)):
        yield _layer(f"layer{k + 1}", f"{k + 1}: {pen}", ' fill="none" stroke-linecap="round"')
        yield from lines
        yield "</g>"


def levels(sizes: np.ndarray) -> list[tuple[int, int]]:
    """Where strokes [N] in paint order get finer: MOST_LAYERS runs of them at most, as first and one past the last.

    A stroke's level is the least median size of the strokes about it and about any earlier one, so that single ones
    out of turn begin no level; levels differ by CLASS_STEP.
    """
    count = len(sizes)
    if not count:
        return []
    from scipy.ndimage import median_filter

    smooth = median_filter(sizes, size=max(1, min(NEIGHBOURS, count // 8)), mode="nearest").clip(1e-9)
    least = np.minimum.accumulate(smooth)
    classes = np.floor(np.log(least[0] / least) / np.log(CLASS_STEP)).clip(max=MOST_LAYERS - 1)
    starts = [0, *(np.flatnonzero(np.diff(classes)) + 1).tolist(), count]
    return list(pairwise(starts))


def _layer(name: str, label: str, attributes: str = "") -> str:
    """The beginning of a layer, as Inkscape and vpype know it."""
    return f'<g id="{name}" inkscape:groupmode="layer" inkscape:label={quoteattr(_legal(label))}{attributes}>'


def _mask(region: np.ndarray, page: Page) -> Iterator[str]:
    """The region as a mask over the page: a grey picture in the file itself."""
    if max(region.shape) > MASK_SIDE:
        region = resize_image(region, *fit_size(region.shape[0], region.shape[1], MASK_SIDE))
    buffer = io.BytesIO()
    Image.fromarray(np.rint(region.clip(0, 1) * 255).astype(np.uint8)).save(buffer, format="PNG")
    size = f'width="{number(page.width)}" height="{number(page.height)}"'
    yield f'<mask id="mask" maskUnits="userSpaceOnUse" x="0" y="0" {size}>'
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    yield f'<image {size} preserveAspectRatio="none" xlink:href="data:image/png;base64,{data}"/>'
    yield "</mask>"


def _legal(text: str) -> str:
    """Without what XML 1.0 cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def _text(text: object) -> str:
    return escape(_legal(str(text)))
