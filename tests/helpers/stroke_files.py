"""Paintings of random strokes to be saved as stroke files, and stroke files written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from painter import PaintConfig, Painting
from painter.painting.stroke_file import save_strokes
from painter.pictures.grey_png import pack_grey
from painter.pictures.pixels import in_steps
from renderers.brushes import BRUSHES, Brush, register
from renderers.brushes.stamp import Stamp
from renderers.strokes import Strokes

ABOUT = {
    "input": {"name": 'cät "1"\n\udcff', "sha256": "0f" * 32, "width": 400, "height": 300},
    "palette": ["#102030", "#ffffff"],
    "impasto": "0.1.2",
    "checkpoint": "a1" * 32,
}


def noise(*shape: int, seed: int = 5) -> np.ndarray:
    """float32 of this shape, from 0 to 1 in steps of 1/255."""
    return in_steps(np.random.default_rng(seed).random(shape, np.float32))


def make(brush: str = "markerpen", count: int = 12, **changes: Any) -> Painting:
    """`count` random strokes, and every field filled."""
    generator = torch.Generator().manual_seed(count)
    tools = register(Stamp(noise(9, 14))) if brush == "stamp" else BRUSHES[brush]
    strokes = Strokes(
        tools.name,
        tools.sample(count, generator),
        torch.rand(count, tools.colors, 3, generator=generator),
        torch.rand(count, generator=generator),
        torch.randint(0, 2**31, (count,), generator=generator),
    )
    style = "oilpaintbrush" if brush == "stamp" else brush
    config = PaintConfig(style=style, strokes=77, size=48, seed=9, until_psnr=23.3, region="no/such.png", relief=0.3)
    given = {"strokes": strokes, "aspect": (300, 400), "ground": (0.2, 0.4, 0.6), "config": config, "about": ABOUT}
    return Painting(**{**given, **changes})


def saved(painting: Painting, path: Path) -> Path:
    """Write the painting to a stroke file; its path."""
    save_strokes(painting, path)
    return path


def parts(strokes: Strokes) -> list[torch.Tensor]:
    """All tensors of the strokes."""
    return [*strokes.params.values(), strokes.colors, strokes.opacity, strokes.seed]


def plain(brush: str = "markerpen", count: int = 3) -> dict[str, Any]:
    """A file as short as can be."""
    tools: Brush = Stamp(noise(3, 4)) if brush == "stamp" else BRUSHES[brush]
    strokes: dict[str, Any] = {name: [0.25] * count for name in tools.names}
    strokes |= {"colors": [[[0, 0.5, 1]] * tools.colors] * count, "opacity": [1] * count, "seed": [7] * count}
    document = {"format": "impasto-strokes", "version": 1, "canvas": {"height": 2, "width": 3, "ground": "#FFffff"}}
    texture = {"texture": pack_grey("", noise(3, 4))} if brush == "stamp" else {}
    return {**document, "brush": brush, **texture, "strokes": strokes}


def written(tmp_path: Path, document: Any) -> Path:
    """Write a document to a file, as JSON unless it is bytes; its path."""
    path = tmp_path / "hand.strokes.json"
    path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    return path
