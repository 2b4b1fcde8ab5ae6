"""The small pictures on the studio's page: brushes, presets and samples. Written to painter/studio/static/.

python -m scripts.gallery.studio_pictures
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from painter import PaintConfig, Painting, paint
from painter.options.presets import PRESETS
from painter.pictures.samples import SAMPLES, sample_path
from renderers.brushes import BRUSHES, NETWORK_BRUSHES
from renderers.strokes import Strokes
from scripts import ROOT
from scripts.gallery.photos import full_photo

OUT = ROOT / "painter" / "studio" / "static"
PAPER = (0.984, 0.98, 0.965)
COLORS = ((0.71, 0.28, 0.16), (0.13, 0.32, 0.45), (0.91, 0.68, 0.25))
SIDE, PRESET_SIDE, SAMPLE_SIDE = 240, 240, 160  # pixels
STROKES = 500  # of a preset that names no number; so small a picture gets half


def main() -> None:
    """Write all pictures."""
    for brush in NETWORK_BRUSHES:
        _save(brush_sample(brush).draw(SIDE, texture=0.8), f"brush-{brush}")
    photo = full_photo("chelsea")
    for name, preset in PRESETS.items():
        settings = {"strokes": STROKES, **preset.settings, "size": 360}
        image = Image.fromarray(paint(photo, PaintConfig(**{**settings, "strokes": settings["strokes"] // 2})).image)
        image.thumbnail((PRESET_SIDE, PRESET_SIDE))
        _save(np.asarray(image), f"preset-{name}")
    for name in SAMPLES:
        with Image.open(sample_path(name)) as image:
            _save(np.asarray(image.resize((SAMPLE_SIDE, SAMPLE_SIDE), Image.Resampling.LANCZOS)), f"sample-{name}")


def brush_sample(brush: str) -> Painting:
    """Three strokes across each other."""
    tools = BRUSHES[brush]
    center = torch.tensor([[0.5, 0.26], [0.5, 0.49], [0.48, 0.38]])
    angle, bend = torch.tensor([0.12, -0.1, -0.75]), torch.tensor([0.06, -0.05, 0.05])
    length, width = torch.tensor([0.78, 0.74, 0.6]), torch.tensor([0.19, 0.17, 0.12])
    params = tools.place(center, angle, length, width, bend)
    first = torch.tensor(COLORS)
    colors = torch.stack([first, first * 0.6 + 0.35], dim=1)[:, : tools.colors]
    opacity = torch.full((3,), 0.8 if brush == "watercolor" else 0.95)
    strokes = Strokes(brush, params, colors, opacity, torch.arange(3))
    return Painting(strokes, (3, 4), PAPER, PaintConfig(style=brush, size=SIDE))


def _save(image: np.ndarray, name: str) -> None:
    Image.fromarray(image).save(OUT / f"{name}.webp", quality=82, method=6)


if __name__ == "__main__":
    main()
