"""Pencil lines of the drawing, over the paint: line and wash.

Where lines go is seen on a small drawing, by an extended difference of Gaussians (Winnemöller, Kyprianidis and Olsen
2012, "XDoG"); they are drawn at any size, a little shaken, in graphite that the tops of the sheet catch.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from renderers.brushes.texture import kernel, ramp
from renderers.media.margins import margin_depth
from renderers.media.noise import new_cells, value_noise
from renderers.threads import share

SIDE = 640  # long side of the drawing that is looked at, pixels

_WIDTH, _SURROUND = 1.3, 1.6  # standard deviation of the inner Gaussian, pixels; of the outer one, times that
_SHARE, _EDGE, _SHARPNESS = 0.985, 0.004, 26.0  # of the outer Gaussian; where a line begins; how hard its edge is
_FAINTEST, _GAIN = 0.28, 2.2  # darkness from which a line is drawn, and how it rises: drawn lines are thinner than seen
_TOOTH = 0.9  # darkness that a top of the sheet gains, and a valley loses
_DENSITY = 1.1  # of the darkest line
_SHAKE = 0.0010  # canvas units


def pencil_lines(image: np.ndarray) -> np.ndarray:
    """[h, w] float32 in [0, 1], how dark a line is: of a drawing [h, w, C] float32 whose long side is about SIDE."""
    grey = image[..., :3].mean(axis=2)
    if image.shape[2] == 4:  # over white, so that the outline of what is painted is a line, too
        grey = grey + 1 - image[..., 3]
    grey = cv2.bilateralFilter(np.ascontiguousarray(grey, np.float32), 7, 0.08, 3)
    inner, outer = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (_WIDTH, _SURROUND * _WIDTH))
    difference = inner - np.float32(_SHARE) * outer
    lines = np.where(difference > _EDGE, 0, -np.tanh(_SHARPNESS * (difference - _EDGE)))
    return np.clip(lines, 0, 1).astype(np.float32)


def draw_pencil(
    seen: np.ndarray, lines: np.ndarray, strength: float, height: np.ndarray | None, pixel: float, top: int,
    full: tuple[int, int], margin: float,
) -> None:  # fmt: skip
    """Draw lines over rows of a painting, in place.

    Args:
        seen: [H, W, C] float32, premultiplied if C = 4.
        lines: of `pencil_lines`, of the full canvas.
        strength: of the lines, in (0, 1].
        height: [H, W] float32, the sheet's relief at these rows; None: smooth.
        pixel: the width of a pixel, canvas units; top: the first row's number in the full canvas.
        full: rows and columns of the full canvas.
        margin: of bare sheet around the painting, canvas units.
    """
    if max(full) < max(lines.shape):  # thinner than a pixel, lines would be dotted
        lines = cv2.resize(lines, full[::-1], interpolation=cv2.INTER_AREA)
    relief = np.zeros((0, 0), np.float32) if height is None else height
    size = np.array([full[1] * pixel, full[0] * pixel])
    share(lambda first, step: _draw(seen, lines, _DENSITY * strength, relief, pixel, top, size, margin, first, step))


@kernel
def _draw(
    seen: np.ndarray, lines: np.ndarray, density: float, height: np.ndarray, pixel: float, top: int, size: np.ndarray,
    margin: float, first: int, step: int,
) -> None:  # fmt: skip
    cells = new_cells(6)
    for i in range(first, seen.shape[0], step):
        for j in range(seen.shape[1]):
            x, y = (j + 0.5) * pixel, (top + i + 0.5) * pixel
            shaken_x = x + _SHAKE * value_noise(27.0 * x, 27.0 * y, 141, cells, 0)
            shaken_y = y + _SHAKE * value_noise(27.0 * x + 9.0, 27.0 * y, 142, cells, 1)
            dark = cubic(lines, shaken_x / size[0] * lines.shape[1] - 0.5, shaken_y / size[1] * lines.shape[0] - 0.5)
            dark = min(1.0, max(0.0, _GAIN * (dark - _FAINTEST)))
            if dark <= 0.0:
                continue
            h = height[i, j] if height.size > 0 else 0.0
            pressed = dark * min(1.0, max(0.0, dark + _TOOTH * h - 0.10))
            pressed *= 0.75 + 0.25 * value_noise(5.0 * x, 5.0 * y, 143, cells, 2)
            if margin > 0.0:
                pressed *= ramp(margin_depth(x, y, h, margin, size, cells, 3), 0.004)
            left = math.exp(-density * pressed)
            for c in range(3):
                seen[i, j, c] *= left


@kernel
def cubic(image: np.ndarray, x: float, y: float) -> float:
    """A value of an image [h, w] at column x and row y, interpolated by Catmull and Rom's cubic."""
    j, i = int(math.floor(x)), int(math.floor(y))
    total = 0.0
    for b in range(-1, 3):
        row = min(max(i + b, 0), image.shape[0] - 1)
        line = 0.0
        for a in range(-1, 3):
            line += _weight(x - j - a) * image[row, min(max(j + a, 0), image.shape[1] - 1)]
        total += _weight(y - i - b) * line
    return total


@kernel
def _weight(distance: float) -> float:
    d = abs(distance)
    if d < 1.0:
        return 1.0 + d * d * (1.5 * d - 2.5)
    return 2.0 + d * (-4.0 + d * (2.5 - 0.5 * d)) if d < 2.0 else 0.0
