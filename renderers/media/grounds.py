"""Grounds: the relief of paper and linen, procedural, without lattice or seams, of one physical scale at any size.

A height is in about [-0.9, 0.9], its standard deviation about 0.35: 0 is the sheet's mean, above it are the tops of
its grain and threads, below it the valleys where pigment settles.
"""

from __future__ import annotations

import math

import numpy as np

from renderers.brushes.texture import kernel, noise1, resolved
from renderers.media.noise import gradient_noise, new_cells, value_noise
from renderers.threads import share

GROUNDS = ("smooth", "cold-press", "hot-press", "rough", "linen")
SEED = 5101  # all pictures are painted on the same sheet
# Of papers: pebbles to a canvas unit, how deep they are pressed, how much the fibres show, and the height of all.
_PAPERS = np.array([[0, 0, 0, 0], [300, 1.0, 0.7, 1.0], [520, 0.45, 1.3, 0.45], [200, 1.1, 0.8, 1.25]])
_THREADS = 360.0  # of linen, to a canvas unit


def ground_height(ground: str, top: int, rows: int, width: int, pixel: float) -> np.ndarray:
    """[rows, width] float32: the sheet's height at the rows of a canvas from `top` on.

    Args:
        ground: one of GROUNDS.
        pixel: the width of a pixel, canvas units; what a pixel cannot resolve is left out.
    """
    height = np.zeros((rows, width), np.float32)
    if ground == "linen":
        share(lambda first, step: _weave(height, top, pixel, first, step))
    elif ground != "smooth":
        frequency, rough, fibre, whole = _PAPERS[GROUNDS.index(ground)]
        share(lambda first, step: _press(height, top, pixel, frequency, rough, fibre, whole, first, step))
    return height


@kernel
def _press(
    out: np.ndarray, top: int, pixel: float, frequency: float, rough: float, fibre: float, scale: float,
    first: int, step: int,
) -> None:  # fmt: skip
    cells = new_cells(7)
    for i in range(first, out.shape[0], step):
        for j in range(out.shape[1]):
            x, y = (j + 0.5) * pixel, (top + i + 0.5) * pixel
            out[i, j] = scale * _paper(x, y, pixel, frequency, rough, fibre, cells)


@kernel
def _weave(out: np.ndarray, top: int, pixel: float, first: int, step: int) -> None:
    cells = new_cells(7)
    for i in range(first, out.shape[0], step):
        for j in range(out.shape[1]):
            out[i, j] = _linen((j + 0.5) * pixel, (top + i + 0.5) * pixel, pixel, _THREADS, cells)


@kernel
def _paper(x: float, y: float, pixel: float, frequency: float, rough: float, fibre: float, cells: np.ndarray) -> float:
    """Pressed paper: rounded pebbles between narrow valleys, and the finer tooth of its fibres."""
    footprint = 0.5 * pixel
    coarse, middle = resolved(frequency, footprint), resolved(2.1 * frequency, footprint)
    fine, finest = resolved(4.3 * frequency, footprint), resolved(8.9 * frequency, footprint)
    height, fx, fy = 0.0, frequency * x, frequency * y
    if coarse > 1e-3:
        warp_x = 0.45 * value_noise(0.6 * fx + 3.1, 0.6 * fy, SEED + 7, cells, 0)
        warp_y = 0.45 * value_noise(0.6 * fx, 0.6 * fy + 9.2, SEED + 8, cells, 1)
        a = gradient_noise(fx + warp_x, 1.15 * fy + warp_y, SEED, cells, 2)
        b = gradient_noise(0.45 * (fx - warp_y), 0.5 * (fy + warp_x), SEED + 1, cells, 3)
        pebbles = 0.55 - 1.6 * math.sqrt(a * a + 0.01)
        height += rough * coarse * (0.55 * a + 0.35 * pebbles + 0.35 * b)
    if middle > 1e-3:
        height += (
            rough
            * 0.45
            * middle
            * gradient_noise(2.1 * (0.8 * fx + 0.6 * fy), 2.1 * (0.8 * fy - 0.6 * fx), SEED + 2, cells, 4)
        )
    if fine > 1e-3:
        height += (
            fibre
            * 0.5
            * fine
            * gradient_noise(4.3 * (0.6 * fx - 0.8 * fy), 4.3 * (0.6 * fy + 0.8 * fx), SEED + 3, cells, 5)
        )
    if finest > 1e-3:
        height += fibre * 0.35 * finest * gradient_noise(8.0 * fx + 4.0 * fy, 8.0 * fy - 4.0 * fx, SEED + 4, cells, 6)
    return height


@kernel
def _linen(x: float, y: float, pixel: float, threads: float, cells: np.ndarray) -> float:
    """Plain weave: threads that differ in thickness along themselves, wander, and pass over and under each other."""
    seen = resolved(1.3 * threads, 0.5 * pixel)
    if seen < 1e-3:
        return 0.0
    tx, ty = threads * x, threads * y
    across = (
        tx
        + 0.22 * value_noise(0.035 * tx, 0.06 * ty, 61, cells, 0)
        + 0.12 * value_noise(0.9 * tx, 0.9 * ty, 62, cells, 1)
    )
    down = (
        ty
        + 0.22 * value_noise(0.06 * tx, 0.035 * ty, 63, cells, 2)
        + 0.12 * value_noise(0.9 * tx, 0.9 * ty, 64, cells, 3)
    )
    i, j = int(math.floor(across)), int(math.floor(down))
    u, v = across - i - 0.5, down - j - 0.5
    warp_width = 0.46 + 0.13 * noise1(0.11 * down + 17.3 * i, 65)
    weft_width = 0.46 + 0.13 * noise1(0.11 * across + 17.3 * j, 66)
    warp_top, weft_top = 1.0 - (u / warp_width) ** 2, 1.0 - (v / weft_width) ** 2
    over = 1.0 if (i + j) & 1 else -1.0
    warp = 0.75 * math.sqrt(warp_top) + 0.42 * over * math.cos(math.pi * v) if warp_top > 0 else -0.6
    weft = 0.75 * math.sqrt(weft_top) - 0.42 * over * math.cos(math.pi * u) if weft_top > 0 else -0.6
    height = max(warp, weft)
    fuzz = resolved(5.0 * threads, 0.5 * pixel)
    if fuzz > 1e-3:
        height += 0.10 * fuzz * value_noise(4.0 * tx, 4.0 * ty, 67, cells, 4)
    return seen * (height - 0.84)
