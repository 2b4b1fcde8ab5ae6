"""Where a painting is calm: backruns belong into skies and walls, not into drawing."""

from __future__ import annotations

import cv2
import numpy as np

PIXEL = 0.0025  # of the image that is looked at, canvas units
SPREAD = 3.0  # standard deviation of what is looked at around a place, in those pixels
BUSY = 0.045  # mean change from pixel to pixel where it is no longer calm


def calm_map(image: np.ndarray) -> np.ndarray:
    """[h, w] float32 in [0, 1] of a small drawing [h, w, C] float32 whose longer side is about 1 / PIXEL pixels."""
    grey = image[..., :3].mean(axis=2)
    difference = np.array([[-0.5, 0.0, 0.5]], np.float32)
    across = cv2.filter2D(grey, cv2.CV_32F, difference, borderType=cv2.BORDER_REPLICATE)
    down = cv2.filter2D(grey, cv2.CV_32F, difference.T, borderType=cv2.BORDER_REPLICATE)
    rough = cv2.GaussianBlur(np.hypot(across, down), (0, 0), SPREAD)
    calm: np.ndarray = np.exp(-((rough / BUSY) ** 2)).astype(np.float32)
    return calm
