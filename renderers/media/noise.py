"""Noise of the sheet and of the paint on it: the engines' own value noise, and gradient noise.

Points come row by row and lie close together, so that most share a lattice cell with the one before. Each call site
keeps that cell's corners in a row of its own of `cells`, and computes them only for a new cell: values are those of
`renderers.brushes.texture.noise2` to the bit, in a fraction of the time.
"""

from __future__ import annotations

import math

import numpy as np

from renderers.brushes.texture import _hash, kernel, resolved

CELL = 11  # numbers in a row of `cells`: seed, column and row of the cell, and up to eight of its corners


@kernel
def new_cells(count: int) -> np.ndarray:
    """[count, CELL] float64: rows for so many call sites, none of which holds a cell yet."""
    return np.full((count, CELL), np.inf)


@kernel
def value_noise(x: float, y: float, seed: int, cells: np.ndarray, k: int) -> float:
    """Smooth value noise in the plane: in [-1, 1], one lattice step a unit; row k of `cells` is this call site's."""
    i, j = int(math.floor(x)), int(math.floor(y))
    cell = cells[k]
    if cell[1] != i or cell[2] != j or cell[0] != seed:
        cell[0], cell[1], cell[2] = seed, i, j
        cell[3], cell[4] = _hash(i, j, seed), _hash(i + 1, j, seed)
        cell[5], cell[6] = _hash(i, j + 1, seed), _hash(i + 1, j + 1, seed)
    f, g = x - i, y - j
    f, g = f * f * (3.0 - 2.0 * f), g * g * (3.0 - 2.0 * g)
    top = (1.0 - f) * cell[3] + f * cell[4]
    bottom = (1.0 - f) * cell[5] + f * cell[6]
    value: float = (1.0 - g) * top + g * bottom
    return value


@kernel
def gradient_noise(x: float, y: float, seed: int, cells: np.ndarray, k: int) -> float:
    """Gradient noise in the plane, about [-1, 1] with standard deviation 0.35, one lattice step a unit (Perlin 2002).

    Unlike value noise it has no blobs at the lattice's points, so that a paper made of it shows no lattice.
    """
    i, j = int(math.floor(x)), int(math.floor(y))
    cell = cells[k]
    if cell[1] != i or cell[2] != j or cell[0] != seed:
        cell[0], cell[1], cell[2] = seed, i, j
        for b in range(2):
            for a in range(2):
                angle = math.pi * _hash(i + a, j + b, seed)
                cell[3 + 4 * b + 2 * a], cell[4 + 4 * b + 2 * a] = math.cos(angle), math.sin(angle)
    f, g = x - i, y - j
    u = f * f * f * (f * (f * 6.0 - 15.0) + 10.0)
    w = g * g * g * (g * (g * 6.0 - 15.0) + 10.0)
    top = (1.0 - u) * (cell[3] * f + cell[4] * g) + u * (cell[5] * (f - 1.0) + cell[6] * g)
    bottom = (1.0 - u) * (cell[7] * f + cell[8] * (g - 1.0)) + u * (cell[9] * (f - 1.0) + cell[10] * (g - 1.0))
    value: float = 1.5 * ((1.0 - w) * top + w * bottom)
    return value


@kernel
def fractal_noise(
    x: float, y: float, seed: int, octaves: int, footprint: float, cells: np.ndarray, k: int
) -> float:  # fmt: skip
    """Octaves of value noise, each turned against the last and faded where a point of `footprint` does not resolve it.

    The first octave has one lattice step a unit and amplitude 1, each further one 0.55 of the last at 2.03 of its
    frequency; rows k … k + octaves - 1 of `cells` are theirs.
    """
    total, amplitude, frequency = 0.0, 1.0, 1.0
    for octave in range(octaves):
        left = resolved(frequency, footprint)
        if left < 1e-3:
            break
        total += amplitude * left * value_noise(frequency * x, frequency * y, seed + octave, cells, k + octave)
        x, y = 0.8 * x + 0.6 * y + 11.3, 0.8 * y - 0.6 * x + 5.7
        amplitude *= 0.55
        frequency *= 2.03
    return total
