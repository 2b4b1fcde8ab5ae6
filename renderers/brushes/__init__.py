"""The brushes. To add one, write its file and name its instance here.

`NETWORK_BRUSHES` are those that networks imitate, `BRUSHES` all that strokes may be of.
"""

from __future__ import annotations

from renderers.brushes.base import Body, Brush, Frame, Limits, NetworkBrush, Parameter
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
    "NetworkBrush",
    "Parameter",
    "register",
]


def register(brush: Brush) -> Brush:
    """Make a brush that is made while the program runs (a `Stamp`) known to strokes of its name, and return it.

    Of several with the same name, which paint alike, the first stays.
    """
    return BRUSHES.setdefault(brush.name, brush)
