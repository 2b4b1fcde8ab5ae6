"""The brushes. To add one, write its file and name its instance here."""

from __future__ import annotations

from renderers.brushes.base import Brush, Frame, Limits, Parameter
from renderers.brushes.markerpen import MarkerPen
from renderers.brushes.oilpaintbrush import OilPaintBrush
from renderers.brushes.rectangle import Rectangle
from renderers.brushes.watercolor import Watercolor

BRUSHES: dict[str, Brush] = {brush.name: brush for brush in (OilPaintBrush(), Watercolor(), MarkerPen(), Rectangle())}

__all__ = ["BRUSHES", "Brush", "Frame", "Limits", "Parameter"]
