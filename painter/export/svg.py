"""Strokes as an SVG: each a shape of its own, or a line for a pen plotter.

Written stroke by stroke, so that memory does not grow with the file. It refers to nothing outside itself and holds no
scripts; text that comes from files is escaped. docs/svg.md says what differs from the painting in pixels.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from PIL import Image

from painter.export.places import writing
from painter.export.svg_paths import (
    UNITS,
    Page,
    PageStrokes,
    number,
    shared_elements,
    stroke_elements,
    use_element,
)
from painter.export.svg_plot import plot_layers
from painter.options.export import ExportConfig
from painter.pictures.color import to_hex
from painter.pictures.ground import Color
from painter.pictures.resizing import fit_size, resize_image
from painter.version import __version__
from renderers.order import CLASS_STEP
from renderers.strokes import Strokes

LONG_SIDE_MM = 200.0  # of a drawing for which no width is given
MOST_LAYERS = 8
GRAIN_FREQUENCY = 0.3  # pebbles of the paper to a unit: as many as in the pixels' cold-pressed sheet
GRAIN_DEPTH = 0.5
MASK_SIDE = 2048  # longer side of the picture of a region, pixels, at most
NEIGHBOURS = 51  # strokes around one, whose median size decides its level; an eighth of all strokes at most
SHARED = "stroke"  # id of the shapes that all strokes use
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAMESPACES = (
    'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape"'
)

_CARRIED = 'xmlns:impasto="urn:impasto:strokes"'


@dataclass(frozen=True, eq=False)
class _Drawing:
    """What is written."""

    strokes: PageStrokes
    page: Page
    ground: Color | None
    region: np.ndarray | None
    few_colors: bool
    grain: float


def write_svg(
    path: Path,
    strokes: Strokes,
    aspect: tuple[int, int],
    ground: Color | None = None,
    region: np.ndarray | None = None,
    *,
    title: str | None = None,
    seed: int = 0,
    few_colors: bool = False,
    config: ExportConfig | None = None,
    carried: str | None = None,
) -> None:
    """Write strokes on a ground as an SVG. Equal arguments give equal bytes.

    Args:
        strokes: [N], in paint order.
        aspect: height and width of the canvas, in any one unit.
        ground: what is painted on, straight sRGB in [0, 1]; None is transparent.
        region: [H, W] float32 in [0, 1], of any size: how much paint shows; all if None.
        title: of the drawing; 'A painting' if None.
        seed: of the search that found the strokes, for the description.
        few_colors: whether strokes have the colours of a palette, so that a plot gets a layer for each.
        carried: a text in ASCII that goes into the metadata.
        config: `svg` is 'paint' for strokes as filled shapes, in layers from coarse to fine, or 'plot' for one line a
            stroke. `svg_grain` lays grain over the shapes. `width_mm` is the drawing's width; if it is None, the longer
            side is LONG_SIDE_MM.

    Raises:
        OutputError: the file cannot be written; `path` is then unchanged.
    """
    config = config or ExportConfig()
    with writing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        height, width = (UNITS * side / max(aspect) for side in aspect)
        page = Page(width, height, LONG_SIDE_MM / UNITS if config.width_mm is None else config.width_mm / width)
        drawing = _Drawing(PageStrokes(strokes), page, ground, region, few_colors, config.svg_grain)
        about = f"{len(strokes)} strokes of {strokes.brush}, seed {seed}; Impasto {__version__}"
        for line in _document(drawing, title or "A painting", about, config.svg, carried):
            file.write(line + "\n")


def _document(drawing: _Drawing, title: str, about: str, mode: str, carried: str | None) -> Iterator[str]:
    page = drawing.page
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        f'<svg {_NAMESPACES} width="{number(page.width * page.mm, 3)}mm" height="{number(page.height * page.mm, 3)}mm" '
        f'viewBox="0 0 {number(page.width)} {number(page.height)}">'
    )
    yield f"<title>{_text(title)}</title>"
    yield f"<desc>{_text(about)}</desc>"
    if carried is not None:
        yield f"<metadata><impasto:strokes {_CARRIED}>{carried}</impasto:strokes></metadata>"
    yield from _plotted(drawing) if mode == "plot" else _painted(drawing)
    yield "</svg>"


def _painted(drawing: _Drawing) -> Iterator[str]:
    """The ground, and the strokes in layers."""
    strokes, page = drawing.strokes, drawing.page
    if strokes.brush.alike and len(strokes):
        yield f'<defs><g id="{SHARED}">{shared_elements(strokes.outline(0))}</g></defs>'
    if drawing.ground is not None:
        size = f'width="{number(page.width)}" height="{number(page.height)}"'
        yield f'<rect id="ground" {size} fill="{to_hex(drawing.ground)}"/>'
    if drawing.region is not None:
        yield from _mask(drawing.region, page)
        yield _layer("region", "region", ' mask="url(#mask)"')
    if drawing.grain > 0:
        yield from _grain(drawing.grain, page)
        yield _layer("grain", "paint with grain", ' filter="url(#paper)"')
    for k, (first, last) in enumerate(levels(strokes.sizes)):
        about = number(float(np.median(strokes.sizes[first:last])) * page.mm, 1)
        yield _layer(f"layer{k + 1}", f"{k + 1}: {last - first} strokes, about {about} mm")
        yield from (_stroke(strokes, n) for n in range(first, last))
        yield "</g>"
    for _ in range((drawing.grain > 0) + (drawing.region is not None)):
        yield "</g>"


def _stroke(strokes: PageStrokes, n: int) -> str:
    transform, pigment, opacity = strokes.transform(n), strokes.pigment(n), float(strokes.opacity[n])
    if strokes.brush.alike:
        return use_element(SHARED, transform, pigment, opacity)
    return stroke_elements(strokes.outline(n), transform, pigment, opacity, f"s{n}")


def _plotted(drawing: _Drawing) -> Iterator[str]:
    """Lines, in a layer for each pen."""
    layers = plot_layers(drawing.strokes, drawing.page, drawing.region, drawing.few_colors)
    for k, (pen, lines) in enumerate(layers):
        yield _layer(f"layer{k + 1}", f"{k + 1}: {pen}", ' fill="none" stroke-linecap="round"')
        yield from lines
        yield "</g>"


def levels(sizes: np.ndarray) -> list[tuple[int, int]]:
    """The layers of strokes that get finer in paint order: runs of strokes, at most MOST_LAYERS.

    A stroke's level follows from the least median size of the strokes around it and around any earlier one, so that a
    single large stroke among small ones begins no level; levels differ by CLASS_STEP.

    Args:
        sizes: [N] of the strokes, in paint order and any one unit.

    Returns:
        The first stroke of each run, and one past its last.
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
    """The beginning of a layer that Inkscape and vpype recognise."""
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


def _grain(strength: float, page: Page) -> Iterator[str]:
    """A filter that darkens paint in the valleys of a paper made of noise; bare ground stays clean."""
    size = f'width="{number(page.width)}" height="{number(page.height)}"'
    dark = number(-GRAIN_DEPTH * strength, 3)
    row = f"{dark} 0 0 0 {number(1 + 0.5 * GRAIN_DEPTH * strength, 3)}"
    yield (
        f'<filter id="paper" filterUnits="userSpaceOnUse" x="0" y="0" {size} color-interpolation-filters="sRGB">'
        f'<feTurbulence type="fractalNoise" baseFrequency="{GRAIN_FREQUENCY}" numOctaves="3" seed="7" result="noise"/>'
        f'<feColorMatrix in="noise" values="{row} {row} {row} 0 0 0 0 1" result="valleys"/>'
        '<feBlend in="SourceGraphic" in2="valleys" mode="multiply" result="dark"/>'
        '<feComposite in="dark" in2="SourceGraphic" operator="in"/></filter>'
    )


def _legal(text: str) -> str:
    """Without what XML 1.0 cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def _text(text: object) -> str:
    return escape(_legal(str(text)))
