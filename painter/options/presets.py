"""Presets: named groups of settings that go well together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from painter.options.kinds import Names


@dataclass(frozen=True)
class Preset:
    """Values for some of PaintConfig's fields, each different from its default."""

    about: str  # what it is for, one line
    settings: Mapping[str, Any]


PRESETS: dict[str, Preset] = {
    "portrait": Preset(
        "faces and figures: oil that stands out in the light",
        {"style": "oilpaintbrush", "strokes": 1000, "relief": 0.4},
    ),
    "logo": Preset("flat shapes with clean edges: marker, few strokes", {"style": "markerpen", "strokes": 300}),
    "landscape": Preset("wide views, skies and foliage: watercolour", {"style": "watercolor", "strokes": 800}),
    "sketch": Preset(
        "a quick drawing in four greys on paper: marker",
        {
            "style": "markerpen",
            "strokes": 250,
            "palette": "#1d1d1f,#6b6b70,#b9b9be,#f6f4ee",
            "canvas": "#f6f4ee",
        },
    ),
    "popart": Preset(
        "a print in four loud colours: tape",
        {"style": "rectangle", "strokes": 600, "tones": 4, "palette": "#1b1464,#e6005c,#ffb300,#fff4d6"},
    ),
}

PRESET_NAME = Names(tuple(PRESETS))
