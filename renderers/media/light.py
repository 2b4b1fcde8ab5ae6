"""Light on thick paint at the scale of hairs: a diffuse light from the upper left, its highlight, and a cool sheen.

Heights are lengths of the canvas, so slopes have no unit. The highlight is a GGX lobe (Walter et al. 2007,
'Microfacet models for refraction through rough surfaces') less its value on flat paint: flat places keep their colour.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from renderers.brushes.texture import kernel
from renderers.relief import DIFFERENCE, DRAWN_VARIANCE, TAIL
from renderers.threads import share

TOWARD = np.array([-0.55, -0.55, 0.63])  # the light's direction, from the paint: upper left, and towards the viewer


def overlap(pixel: float, detail: float) -> int:
    """Rows above and below a row whose height its light depends on."""
    return math.ceil(TAIL * _deviation(pixel, detail)) + 2


def shine(
    canvas: np.ndarray, height: np.ndarray, pixel: float, detail: float, strength: float, shown: slice, contrast: float,
    gloss: float, roughness: float, sheen: float,
) -> np.ndarray:  # fmt: skip
    """Rows of a canvas [H, W, C] in this light, as a new array; alpha stays, and no premultiplied colour exceeds it.

    Args:
        height: [H, W] float32, canvas units.
        detail: standard deviation of the Gaussian that slopes are taken of, canvas units.
        strength: slopes are taken so many times.
        shown: which rows to light; the others are only looked at.
        contrast: of the diffuse light; gloss: of the highlight; roughness: of the paint; sheen: of the cool light.
    """
    across, down = _slopes(height, pixel, detail)
    out = np.empty_like(canvas[shown])
    seen = canvas[shown], across[shown], down[shown]
    half = TOWARD + np.array([0.0, 0.0, 1.0])
    how = np.array([strength, contrast, gloss, roughness**2, sheen])
    half /= np.linalg.norm(half)
    share(lambda first, step: _shine(*seen, how, TOWARD, half, out, first, step))
    return out


def _deviation(pixel: float, detail: float) -> float:
    """Of the smoothing that is still missing, pixels."""
    return math.sqrt(max(0.0, (detail / pixel) ** 2 - DRAWN_VARIANCE))


def _slopes(height: np.ndarray, pixel: float, detail: float) -> tuple[np.ndarray, np.ndarray]:
    deviation = _deviation(pixel, detail)
    if deviation > 0.3:
        size = 2 * math.ceil(TAIL * deviation) + 1
        height = cv2.GaussianBlur(height, (size, size), deviation, borderType=cv2.BORDER_REPLICATE)
    difference = np.array([DIFFERENCE], np.float32) / np.float32(pixel)
    across = cv2.filter2D(height, cv2.CV_32F, difference, borderType=cv2.BORDER_REPLICATE)
    return across, cv2.filter2D(height, cv2.CV_32F, difference.T, borderType=cv2.BORDER_REPLICATE)


@kernel
def _shine(
    canvas: np.ndarray, across: np.ndarray, down: np.ndarray, how: np.ndarray, toward: np.ndarray, half: np.ndarray,
    out: np.ndarray, first: int, step: int,
) -> None:  # fmt: skip
    strength, contrast, gloss, rough, sheen = how[0], how[1], how[2], how[3], how[4]
    flat = 1.0 / (half[2] * half[2] * (rough - 1.0) + 1.0) ** 2
    for i in range(first, canvas.shape[0], step):
        for j in range(canvas.shape[1]):
            nx, ny = -strength * across[i, j], -strength * down[i, j]
            nz = 1.0 / math.sqrt(1.0 + nx * nx + ny * ny)
            nx, ny = nx * nz, ny * nz
            facing = (nx * toward[0] + ny * toward[1] + nz * toward[2]) / toward[2] - 1.0  # 0 where it is flat
            shade = 1.0 + contrast * facing / math.sqrt(1.0 + (contrast * facing / 0.5) ** 2)
            glint = nx * half[0] + ny * half[1] + nz * half[2]
            mirrored = 1.0 / (glint * glint * (rough - 1.0) + 1.0) ** 2
            white = gloss * max(0.0, mirrored - flat) * rough * rough
            cool = sheen * max(0.0, 0.35 * nx - 0.6 * ny)
            alpha = canvas[i, j, 3] if canvas.shape[2] == 4 else np.float32(1.0)
            for c in range(3):
                seen = min(alpha, canvas[i, j, c] * shade)
                seen += (white + cool * (0.8 + 0.15 * c)) * (alpha - seen)
                out[i, j, c] = min(alpha, seen)
            if canvas.shape[2] == 4:
                out[i, j, 3] = alpha
