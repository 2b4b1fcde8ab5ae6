"""The brushes: `BRUSHES` has all that strokes may be of by name, `NETWORK_BRUSHES` those that networks imitate.

A new brush is one file with a subclass of `Brush` or `NetworkBrush`, one entry below, and its name in `STYLES` of
painter/options/paint.py, which must not import torch. Brushes from elsewhere are added by `register`.

    base.py        what a brush is: `Brush` and `NetworkBrush` say what each must do; `Frame` and its maps
    oilpaintbrush.py, watercolor.py, markerpen.py, rectangle.py    the four that come with Impasto
    stamp.py       a person's own brush, made of a picture
    bezier.py      strokes that follow a quadratic Bézier curve
    texture.py     noise and edges of the engines
    outline.py     strokes as vector graphics
    corner_fields.py    `NetworkBrush.corners` in dual numbers
"""

from __future__ import annotations

from renderers.brushes.base import Body, Brush, Frame, Limits, MapSource, NetworkBrush, Parameter, SearchMaps
from renderers.brushes.markerpen import MarkerPen
from renderers.brushes.oilpaintbrush import OilPaintBrush
from renderers.brushes.rectangle import Rectangle
from renderers.brushes.watercolor import Watercolor

NETWORK_BRUSHES: dict[str, NetworkBrush] = {
    brush.name: brush for brush in (OilPaintBrush(), Watercolor(), MarkerPen(), Rectangle())
}
BRUSHES: dict[str, Brush] = {**NETWORK_BRUSHES}

__all__ = [
    "BRUSHES",
    "NETWORK_BRUSHES",
    "Body",
    "Brush",
    "Frame",
    "Limits",
    "MapSource",
    "NetworkBrush",
    "Parameter",
    "SearchMaps",
    "register",
]


def register(brush: Brush) -> Brush:
    """Add a brush to `BRUSHES`, so that strokes may be of it.

    Returns:
        The brush of this name: one registered earlier stays, as brushes of one name paint alike.
    """
    return BRUSHES.setdefault(brush.name, brush)
