"""Colours as pigments, and how these mix: blue and yellow give green. Plain NumPy.

A colour is a mixture of white and of the six vivid colours between which it lies (Smits 1999), each with the smoothest
reflectance that shows it in daylight (Burns 2020, "Numerical methods for smoothest reflectance reconstruction"): the
hyperbolic tangent keeps them between 0 and 1. What is mixed is a power of the reflectance R, waveband by waveband:

    φ = (ε + (1 − ε) R)^−p,    mixed φ = Σ weight · φ,    p = 1/4

With p near 0 that is the logarithm of the reflectance, with p = 1/2 nearly the square root of what Kubelka and Munk add
up: dark paint tells more than light paint, as it does on a palette. A colour that is not mixed comes back as it was.

`renderers.pigments` has the same for canvases, `renderers.blending.mixing` in torch.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

WAVEBANDS = 10
FLOOR = 0.01  # ε, reflectance of the darkest paint
POWER = 4  # 1 / p
CORNERS = np.array([(1, 1, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], np.float64)
"""[7, 3] linear RGB: white, cyan, magenta, yellow, red, green, blue."""

_WAVELENGTHS = np.arange(380.0, 731.0, 10.0)  # nm
# Relative power of the standard illuminant D65 at these wavelengths (CIE 15).
_D65 = np.array([
    49.98, 54.65, 82.75, 91.49, 93.43, 86.68, 104.87, 117.01, 117.81, 114.86, 115.92, 108.81, 109.35, 107.80, 104.79,
    107.69, 104.41, 104.05, 100.00, 96.33, 95.79, 88.69, 90.01, 89.60, 87.70, 83.29, 83.70, 80.03, 80.21, 82.28, 78.28,
    69.72, 71.61, 74.35, 61.60, 69.89,
])  # fmt: skip
# Peaks of the CIE 1931 colour matching functions x, y and z: height, place, width below it and above it, nm (Wyman,
# Sloan and Shirley 2013, "Simple analytic approximations to the CIE XYZ color matching functions").
_MATCHING = (
    ((1.056, 599.8, 37.9, 31.0), (0.362, 442.0, 16.0, 26.7), (-0.065, 501.1, 20.4, 26.2)),
    ((0.821, 568.8, 46.9, 40.5), (0.286, 530.9, 16.3, 31.1)),
    ((1.217, 437.0, 11.8, 36.0), (0.681, 459.0, 26.0, 13.8)),
)
_RGB_OF_XYZ = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])  # sRGB
_NEWTON_STEPS = 60


def to_light(colors: np.ndarray) -> np.ndarray:
    """[...] channels of sRGB in [0, 1] → amounts of light in [0, 1]."""
    light: np.ndarray = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    return light


def from_light(light: np.ndarray) -> np.ndarray:
    """[...] amounts of light in [0, 1] → channels of sRGB: the inverse of `to_light`."""
    colors: np.ndarray = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return colors


def to_pigment(colors: np.ndarray) -> np.ndarray:
    """[..., 3] colours in [0, 1], sRGB → [..., WAVEBANDS] float64, φ."""
    light = to_light(colors)
    white = light.min(axis=-1, keepdims=True)
    shifted = np.stack([np.roll(light, -1, axis=-1), np.roll(light, -2, axis=-1)])
    between = shifted.min(axis=0) - white  # cyan lies between green and blue, and so on
    alone = np.maximum(light - shifted.max(axis=0), 0)
    parts = np.concatenate([white, between, alone], axis=-1)
    pigment: np.ndarray = (FLOOR + (1 - FLOOR) * (parts @ corner_reflectances())) ** (-1 / POWER)
    return pigment


def to_colors(pigment: np.ndarray) -> np.ndarray:
    """[..., WAVEBANDS] → [..., 3] float64 colours in [0, 1]: the inverse of `to_pigment`."""
    reflectance = (np.maximum(pigment, 1.0) ** -POWER - FLOOR) / (1 - FLOOR)
    return from_light(np.clip(reflectance @ rgb_of_wavebands().T, 0, 1))


def mix_pigments(colors: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """[M, 3] float64: mixtures of paints.

    >>> blue, yellow = (0.1, 0.25, 0.7), (1.0, 0.85, 0.0)
    >>> int(mix_pigments(np.array([blue, yellow]), np.array([[1, 1]]))[0].argmax())  # green
    1

    Args:
        colors: [P, 3] of the paints, in [0, 1].
        parts: [M, P] of each paint in each mixture, at least 0 and not all of them.
    """
    return to_colors(parts / parts.sum(axis=1, keepdims=True) @ to_pigment(colors))


@lru_cache(maxsize=1)
def corner_reflectances() -> np.ndarray:
    """[7, WAVEBANDS] float64 in [0, 1]: the reflectances of `CORNERS`."""
    seen = _rgb_of_reflectance()
    whole = np.stack([np.ones(len(_WAVELENGTHS)), *(_smoothest(seen, corner) for corner in CORNERS[1:])])
    return np.stack([part.mean(axis=1) for part in np.array_split(whole, WAVEBANDS, axis=1)], axis=1)


@lru_cache(maxsize=1)
def rgb_of_wavebands() -> np.ndarray:
    """[3, WAVEBANDS] float64: from a reflectance to linear RGB, exact for `CORNERS` and so for all their mixtures; of
    all such matrices the one with the smallest numbers."""
    solved: np.ndarray = CORNERS.T @ np.linalg.pinv(corner_reflectances().T)
    return solved


def _rgb_of_reflectance() -> np.ndarray:
    """[3, W]: from a reflectance at `_WAVELENGTHS`, seen in daylight, to linear RGB; white is (1, 1, 1)."""
    matching = np.stack([sum(_peak(*peak) for peak in peaks) for peaks in _MATCHING])
    rgb = _RGB_OF_XYZ @ (matching * _D65)
    seen: np.ndarray = rgb / rgb.sum(axis=1, keepdims=True)
    return seen


def _peak(height: float, place: float, below: float, above: float) -> np.ndarray:
    width = np.where(place > _WAVELENGTHS, below, above)
    peak: np.ndarray = height * np.exp(-(((_WAVELENGTHS - place) / width) ** 2) / 2)
    return peak


def _smoothest(seen: np.ndarray, color: np.ndarray) -> np.ndarray:
    """[W] the reflectance (1 + tanh z) / 2 of this linear RGB [3] whose z has the smallest sum of squared slopes.

    Newton's method on the conditions of Lagrange.
    """
    count = len(_WAVELENGTHS)
    smooth = 4 * np.eye(count) - 2 * np.eye(count, k=1) - 2 * np.eye(count, k=-1)
    smooth[0, 0] = smooth[-1, -1] = 2
    z, multiplier = np.zeros(count), np.zeros(3)
    for _ in range(_NEWTON_STEPS):
        slope = (1 - np.tanh(z) ** 2) / 2
        pull = slope * (multiplier @ seen)
        wrong = np.concatenate([smooth @ z + pull, seen @ (np.tanh(z) + 1) / 2 - color])
        curve = smooth + np.diag(-2 * np.tanh(z) * pull)
        system = np.block([[curve, (slope * seen).T], [slope * seen, np.zeros((3, 3))]])
        step = np.linalg.solve(system, -wrong)
        z, multiplier = z + step[:count], multiplier + step[count:]
        if np.abs(wrong).max() < 1e-9:
            break
    reflectance: np.ndarray = (np.tanh(z) + 1) / 2
    return reflectance
