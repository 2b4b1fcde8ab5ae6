"""Pictures of boxes, and the files that are made of them."""

from __future__ import annotations

import numpy as np


def picture(seed: int = 5) -> np.ndarray:
    """uint8 [36, 48, 3]: boxes of many colours."""
    random, pixels = np.random.default_rng(seed), np.full((36, 48, 3), (225, 215, 190), np.uint8)
    for _ in range(12):
        top, left, height, width = random.integers(0, (30, 40, 16, 20))
        pixels[top : top + 3 + height, left : left + 3 + width] = random.integers(0, 256, 3)
    return pixels


OUT = ("-o", "a.png", "-o", "a.gif")


FILES = ("a.png", "a.gif", "a.strokes.json")
