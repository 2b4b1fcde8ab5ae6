"""The ragged edge of a painting on its sheet."""

from __future__ import annotations

import numpy as np

from renderers.brushes.texture import kernel
from renderers.media.noise import value_noise


@kernel
def margin_depth(
    x: float, y: float, height: float, margin: float, size: np.ndarray, cells: np.ndarray, k: int
) -> float:
    """How far inside a painting with a margin a place lies, canvas units; it ends where the brush did, ragged.

    Args:
        height: of the sheet there.
        size: [2] width and height of the sheet, canvas units.
        cells: see `renderers.media.noise`; rows k … k + 2 are used.
    """
    inside: float = min(min(x, y), min(size[0] - x, size[1] - y)) - margin
    inside += 0.006 * value_noise(9.0 * x, 9.0 * y, 97, cells, k)
    inside += 0.004 * value_noise(31.0 * x, 31.0 * y, 98, cells, k + 1)
    return inside + 0.0012 * value_noise(120.0 * x, 120.0 * y, 99, cells, k + 2) - 0.0008 * height
