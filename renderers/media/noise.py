"""Noise of the sheet and of the paint on it, beside the engines' own in `renderers.brushes.texture`."""

from __future__ import annotations

import math

from renderers.brushes.texture import _hash, kernel, noise2, resolved


@kernel
def gradient_noise(x: float, y: float, seed: int) -> float:
    """Gradient noise in the plane, about [-1, 1] with standard deviation 0.35, one lattice step a unit (Perlin 2002).

    Unlike value noise it has no blobs at the lattice's points, so that a paper made of it shows no lattice.
    """
    i, j = int(math.floor(x)), int(math.floor(y))
    f, g = x - i, y - j
    u = f * f * f * (f * (f * 6.0 - 15.0) + 10.0)
    w = g * g * g * (g * (g * 6.0 - 15.0) + 10.0)
    total = 0.0
    for b in range(2):
        for a in range(2):
            angle = math.pi * _hash(i + a, j + b, seed)
            slope = math.cos(angle) * (f - a) + math.sin(angle) * (g - b)
            total += slope * (u if a else 1.0 - u) * (w if b else 1.0 - w)
    return 1.5 * total


@kernel
def fractal_noise(x: float, y: float, seed: int, octaves: int, footprint: float) -> float:
    """Octaves of value noise, each turned against the last and faded where a point of `footprint` does not resolve it.

    The first octave has one lattice step a unit and amplitude 1, each further one 0.55 of the last at 2.03 of its
    frequency.
    """
    total, amplitude, frequency = 0.0, 1.0, 1.0
    for k in range(octaves):
        left = resolved(frequency, footprint)
        if left < 1e-3:
            break
        total += amplitude * left * noise2(frequency * x, frequency * y, seed + k)
        x, y = 0.8 * x + 0.6 * y + 11.3, 0.8 * y - 0.6 * x + 5.7
        amplitude *= 0.55
        frequency *= 2.03
    return total
