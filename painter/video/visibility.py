"""How much of each stroke is seen beneath those that came later."""

from __future__ import annotations

import numpy as np

from renderers.blending import Layers
from renderers.blending.relevance import seen_paint

LEAST_PAINT = 0.5  # pixels' worth on the canvas, below which nothing is known


def visible_shares(layers: Layers, shape: tuple[int, ...]) -> np.ndarray:
    """[N] float32 in [0, 1]: the share of each stroke's paint on a canvas [H, W, …] that later ones leave visible; 1
    where it has none there."""
    seen, paint = seen_paint(layers.cpu(), shape[0], shape[1])
    shares: np.ndarray = np.where(paint > LEAST_PAINT, seen / np.maximum(paint, LEAST_PAINT), 1.0)
    return shares.clip(0, 1).astype(np.float32)
