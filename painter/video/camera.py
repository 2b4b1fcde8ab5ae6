"""The motion of the camera: one affine map that most of what can be followed goes by.

Optical flow knows nothing where a picture has no texture, and is off by some hundredths of a pixel elsewhere. A camera
moves all of a picture alike, so there its motion, which all pixels together tell, is the better guess.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

POINTS = 70  # along the longer side, that the map is fitted to
ROUNDS = 5  # of robust least squares
TEXTURE = 4 / 255  # change of brightness a pixel from which the flow is believed
LIKELY, ALIKE = 0.25, 0.5  # pixels by which the flow may differ from the map: half believed; and alike
MOST_ALIKE = 0.7  # share of the texture that must be
LEAST_TEXTURE = 20.0  # points' worth
MOVES = 0.1  # pixels, by which it must move on the average


@dataclass(frozen=True, eq=False)
class Camera:
    """Pixel p of a picture goes to matrix · (p, 1) in the next."""

    matrix: np.ndarray  # [2, 3] float64

    def flow(self, height: int, width: int) -> np.ndarray:
        """[H, W, 2] float32: where each pixel goes, minus where it is."""
        (xx, xy, x), (yx, yy, y) = self.matrix - np.eye(2, 3)
        columns, rows = np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64)[:, None]
        return np.stack([xx * columns + (xy * rows + x), yx * columns + (yy * rows + y)], axis=2).astype(np.float32)

    def inverse(self) -> Camera:
        """From the next picture back to this one."""
        return Camera(np.linalg.inv(np.vstack([self.matrix, [0, 0, 1]]))[:2])

    @property
    def turn(self) -> tuple[float, float]:
        """How all grows and turns: a and b of `painter.video.carrying.Fits`."""
        (xx, xy, _), (yx, yy, _) = self.matrix
        return float(xx + yy) / 2 - 1, float(yx - xy) / 2


def texture_of(grey: np.ndarray) -> np.ndarray:
    """[H, W] in [0, 1]: how far the flow of a picture [H, W] float32 is to be believed."""
    slope = [cv2.Sobel(grey, cv2.CV_32F, *along, ksize=3, scale=1 / 8) for along in ((1, 0), (0, 1))]
    energy = (slope[0] * slope[0] + slope[1] * slope[1]).astype(np.float64)
    texture: np.ndarray = (energy / (energy + TEXTURE * TEXTURE)) ** 2
    return texture


def camera_motion(grey: np.ndarray, flow: np.ndarray, changed: np.ndarray) -> Camera | None:
    """The map that most of the texture that changed goes by; None if there is none, or little texture, or no motion.

    Args:
        grey: [H, W] float32 in [0, 1].
        flow: [H, W, 2] float32, from this picture to the next.
        changed: [H, W] bool: where the next picture differs. Elsewhere there may be no motion, or too little texture
            to show it.
    """
    height, width = grey.shape
    step = max(1, max(height, width) // POINTS)
    texture = (texture_of(grey) * changed)[::step, ::step].ravel()
    if texture.sum() < LEAST_TEXTURE:
        return None
    middle, unit = np.array([width / 2, height / 2]), float(max(height, width))
    rows, columns = np.mgrid[0:height:step, 0:width:step]
    x, y = ((v.ravel() - m) / unit for v, m in zip((columns, rows), middle, strict=True))
    points, moved = np.stack([np.ones(x.size), x, y]), flow[::step, ::step].reshape(-1, 2).astype(np.float64)
    weight = texture
    for _ in range(ROUNDS):
        weighted = points * weight
        fit = np.linalg.solve(weighted @ points.T + 1e-9 * np.eye(3), weighted @ moved)
        far = ((points.T @ fit - moved) ** 2).sum(axis=1)
        weight = texture / (1 + far / LIKELY**2)
    alike = texture[far < ALIKE**2].sum() / texture.sum()
    if alike < MOST_ALIKE or np.average(np.hypot(*(points.T @ fit).T), weights=texture) < MOVES:
        return None
    matrix = np.eye(2, 3)
    matrix[:, :2] += fit[1:].T / unit
    matrix[:, 2] = fit[0] - fit[1:].T @ middle / unit
    return Camera(matrix)
