"""Laying strokes on a canvas and on its second plane: pigment load, or height."""

from __future__ import annotations

import numpy as np

from renderers.blending.layers import MAX_ALPHA
from renderers.brushes.texture import kernel, ramp
from renderers.media.margins import margin_depth
from renderers.media.noise import new_cells
from renderers.pigments import brightened, color_channels, warmth


@kernel
def lay_paint(
    canvas: np.ndarray, index: np.ndarray, alpha: np.ndarray, mix: np.ndarray, start: np.ndarray, end: np.ndarray,
    opacity: float,
) -> None:  # fmt: skip
    """h ← α·s + (1 − α)·h at the pixels `index` [M] of a flat canvas [H·W, C]."""
    for k in range(index.size):
        a = min(opacity * alpha[k], MAX_ALPHA)
        if a > 0.0:
            for c in range(canvas.shape[1]):
                color = start[c] + mix[k] * (end[c] - start[c])
                canvas[index[k], c] += a * (color - canvas[index[k], c])


@kernel
def lay_load(
    canvas: np.ndarray, load: np.ndarray, index: np.ndarray, alpha: np.ndarray, mix: np.ndarray, pigment: np.ndarray,
    start: np.ndarray, end: np.ndarray, opacity: float, keep: float,
) -> None:  # fmt: skip
    """h ← α·s + (1 − α)·h on a flat canvas [H·W, C]; load L ← L + α·(l − keep·L) on a flat plane [H·W]."""
    for k in range(index.size):
        a = min(opacity * alpha[k], MAX_ALPHA)
        if a > 0.0:
            q = index[k]
            for c in range(canvas.shape[1]):
                color = start[c] + mix[k] * (end[c] - start[c])
                canvas[q, c] += a * (color - canvas[q, c])
            load[q] += a * (pigment[k] - keep * load[q])


@kernel
def lay_hairs(
    canvas: np.ndarray, height: np.ndarray, index: np.ndarray, alpha: np.ndarray, mix: np.ndarray, relief: np.ndarray,
    tone: np.ndarray, warm: np.ndarray, start: np.ndarray, end: np.ndarray, opacity: float, thickness: float,
    leveling: float,
) -> None:  # fmt: skip
    """Oil: colours by hair, α in `canvas` [H·W, C]; paint rises on `height` [H·W], levelling what lies below."""
    color, colored = np.ones(canvas.shape[1], np.float32), color_channels(canvas.shape[1])
    for k in range(index.size):
        a = min(opacity * alpha[k], MAX_ALPHA)
        if a > 0.0:
            q = index[k]
            light = 1.0 + tone[k]
            for c in range(colored):
                gain = light + warm[k] * warmth(c, colored)
                color[c] = brightened(start[c] + mix[k] * (end[c] - start[c]), gain, colored > 3)
            for c in range(canvas.shape[1]):
                canvas[q, c] += a * (color[c] - canvas[q, c])
            b = opacity * alpha[k]
            height[q] += -leveling * b * (2.0 - b) * height[q] + opacity * thickness * relief[k]


@kernel
def lay_sheets(
    canvas: np.ndarray, height: np.ndarray, index: np.ndarray, alpha: np.ndarray, mix: np.ndarray, fibre: np.ndarray,
    start: np.ndarray, end: np.ndarray, opacity: float, veil: float, thickness: float, level: float,
) -> None:  # fmt: skip
    """Tape: fibres make it denser and lighter; each lies as high on the others as it is thick."""
    colored = color_channels(canvas.shape[1])
    for k in range(index.size):
        a = min(opacity * alpha[k], MAX_ALPHA)
        if a > 0.0:
            q = index[k]
            b = min(MAX_ALPHA, a * (1.0 + veil * fibre[k]))
            light = 1.0 + 0.5 * veil * fibre[k]
            for c in range(canvas.shape[1]):
                color = start[c] + mix[k] * (end[c] - start[c])
                canvas[q, c] += b * ((brightened(color, light, colored > 3) if c < colored else color) - canvas[q, c])
            height[q] += alpha[k] * (thickness * (1.0 + 0.08 * fibre[k]) - level * height[q])


@kernel
def fade_margin(
    canvas: np.ndarray, height: np.ndarray, sheet: np.ndarray, ground: np.ndarray, margin: float, size: np.ndarray,
    pixel: float, top: int,
) -> None:  # fmt: skip
    """Take paint away from a canvas [H, W, C] and its height [H, W] where a margin of the sheet stays bare.

    Args:
        sheet: [H + 2, W], the sheet's height.
        ground: [C], the bare canvas; size: [2] width and height of the full one, canvas units.
        top: the first row's number in the full canvas, whose pixels are `pixel` wide.
    """
    cells = new_cells(3)
    for i in range(canvas.shape[0]):
        for j in range(canvas.shape[1]):
            x, y = (j + 0.5) * pixel, (top + i + 0.5) * pixel
            left = ramp(margin_depth(x, y, sheet[i + 1, j], margin, size, cells, 0), max(1.4 * pixel, 0.0006))
            for c in range(canvas.shape[2]):
                canvas[i, j, c] = ground[c] + left * (canvas[i, j, c] - ground[c])
            height[i, j] *= left
