"""Paintings of random strokes."""

from __future__ import annotations

import torch

from painter import PaintConfig
from painter.painting.painting import Painting
from painter.pictures.ground import Color
from renderers.brushes import BRUSHES
from renderers.strokes import Strokes

WHITE = (1.0, 1.0, 1.0)


def make_painting(
    count: int = 30,
    aspect: tuple[int, int] = (3, 4),
    ground: Color | None = WHITE,
    brush: str = "markerpen",
    size: int = 64,
    texture: float = PaintConfig.texture,
) -> Painting:
    """`count` random strokes of one brush."""
    generator = torch.Generator().manual_seed(1)
    tools = BRUSHES[brush]
    strokes = Strokes(
        brush,
        tools.sample(count, generator),
        torch.rand(count, tools.colors, 3, generator=generator),
        0.3 + 0.7 * torch.rand(count, generator=generator),
        torch.randint(0, 2**31, (count,), generator=generator),
    )
    return Painting(strokes, aspect, ground, PaintConfig(style=brush, size=size, texture=texture))
