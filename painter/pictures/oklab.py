"""OKLab, a space of colours in which equal steps look alike (Björn Ottosson 2020, "A perceptual color space")."""

from __future__ import annotations

import numpy as np

from renderers.spectra import from_light, to_light

_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_FROM_CONES, _FROM_LAB = np.linalg.inv(_TO_CONES), np.linalg.inv(_TO_LAB)


def to_oklab(colors: np.ndarray) -> np.ndarray:
    """Lightness, and how far from green to red and from blue to yellow: [..., 3] float64.

    Args:
        colors: [..., 3] straight sRGB in [0, 1].

    >>> to_oklab(np.array([1.0, 1.0, 1.0])).round(3).tolist()
    [1.0, 0.0, 0.0]
    """
    lab: np.ndarray = np.cbrt(to_light(np.asarray(colors, np.float64)) @ _TO_CONES.T) @ _TO_LAB.T
    return lab


def from_oklab(lab: np.ndarray) -> np.ndarray:
    """Straight sRGB [..., 3] float64 of [..., 3]; what sRGB does not have is clipped to [0, 1]."""
    linear = np.clip((np.asarray(lab, np.float64) @ _FROM_LAB.T) ** 3 @ _FROM_CONES.T, 0, 1)
    return from_light(linear).clip(0, 1)
