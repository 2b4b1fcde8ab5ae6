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
    "aquarelle": Preset(
        "thin layers of watercolour from light to dark, on white cold-pressed paper",
        {"style": "watercolor", "strokes": 700, "mixing": "glaze", "margin": 0.03},
    ),
    "illustration": Preset(
        "line and wash: pencil over thin watercolour, on hot-pressed paper",
        {"style": "watercolor", "mixing": "glaze", "pencil": 1.0, "ground": "hot-press", "margin": 0.03},
    ),
    "outdoors": Preset(
        "broad watercolour on rough paper, in six tubes",
        {
            "style": "watercolor",
            "strokes": 400,
            "texture": 0.8,
            "ground": "rough",
            "margin": 0.04,
            "mixing": "pigment",
            "palette": "tubes:white,yellow,ochre,crimson,ultramarine,umber",
        },
    ),
    "canvas": Preset(
        "oil in mixing colours, lit, on linen that shows",
        {
            "style": "oilpaintbrush",
            "strokes": 700,
            "relief": 0.5,
            "texture": 1.0,
            "ground": "linen",
            "mixing": "pigment",
        },
    ),
    "poster": Preset(
        "a print in flat tones: marker on smooth card",
        {"style": "markerpen", "strokes": 400, "tones": 6, "ground": "smooth", "canvas": "white"},
    ),
}

PRESET_NAME = Names(tuple(PRESETS))
