"""The brushes. To add one, write its file and name its instance here."""

from __future__ import annotations

from renderers.brushes.base import Brush, Frame, Limits, Parameter
from renderers.brushes.markerpen import MarkerPen
from renderers.brushes.oilpaintbrush import OilPaintBrush
from renderers.brushes.rectangle import Rectangle
from renderers.brushes.watercolor import Watercolor

BRUSHES: dict[str, Brush] = {brush.name: brush for brush in (OilPaintBrush(), Watercolor(), MarkerPen(), Rectangle())}

__all__ = ["BRUSHES", "Brush", "Frame", "Limits", "Parameter", "register"]


def register(brush: Brush) -> Brush:
    """Make a brush that is made while the program runs (a `Stamp`) known to strokes of its name, and return it.

    Of several with the same name, which paint alike, the first stays.
    """
    return BRUSHES.setdefault(brush.name, brush)
