"""Running a brush's engine on grids of points: frame maps for training and for the search's last stage."""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial

import numpy as np
import torch
from torch import Tensor

from renderers.brushes import Brush, Frame
from renderers.brushes.base import SEED_END, texel_footprint


def texel_centers(side: int) -> np.ndarray:
    """[S] float32: frame coordinates in [-1, 1] of the texels' centres."""
    return ((np.arange(side, dtype=np.float32) + 0.5) * (2.0 / side) - 1).astype(np.float32)


def paint_frame(
    brush: Brush, geometry: np.ndarray, box: np.ndarray, blur: float, side: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Coverage and pigment mix of one stroke on its frame: two [S, S] float32 maps, the rim of the first zero.

    Args:
        geometry: [G]; box: [2] half extents; blur: the canvas pixel's width, all in stroke units.
        side: texels of a side.
        seed: the stroke's texture.
    """
    centers = texel_centers(side)
    u = np.tile(centers * box[0], side)
    v = np.repeat(centers * box[1], side)
    alpha, mix, _ = brush.engine(geometry, u, v, texel_footprint(box, side, blur), seed)
    alpha = alpha.reshape(side, side)
    alpha[[0, -1], :] = 0
    alpha[:, [0, -1]] = 0
    return alpha, mix.reshape(side, side)


def frame_maps(
    brush: Brush, frame: Frame, pixel: float | Tensor, side: int, seeds: Tensor, executor: Executor | None = None
) -> tuple[Tensor, Tensor]:
    """The engine's own maps of N strokes: α and mix, [N, S, S] float32. Not differentiable.

    Args:
        frame: N frames made for canvas pixels `pixel` wide (a number or [N]).
        side: texels of a side.
        seeds: [N] int64.
        executor: paints strokes side by side if given (the engines release the interpreter lock).
    """
    geometry = frame.geometry.detach().cpu().numpy().astype(np.float32)
    box = frame.box.detach().cpu().numpy().astype(np.float32)
    blur = (pixel / frame.scale).detach().cpu().numpy()
    work = partial(_paint_row, brush, geometry, box, blur, seeds.cpu().numpy(), side)
    results = list((executor.map if executor else map)(work, range(len(geometry))))
    if not results:
        return torch.zeros(0, side, side), torch.zeros(0, side, side)
    alpha, mix = zip(*results, strict=True)
    return torch.from_numpy(np.stack(alpha)), torch.from_numpy(np.stack(mix))


def _paint_row(
    brush: Brush, geometry: np.ndarray, box: np.ndarray, blur: np.ndarray, seeds: np.ndarray, side: int, row: int
) -> tuple[np.ndarray, np.ndarray]:
    return paint_frame(brush, geometry[row], box[row], float(blur[row]), side, int(seeds[row]))


def random_seeds(count: int, generator: torch.Generator) -> Tensor:
    """[N] int64 texture seeds."""
    return torch.randint(0, SEED_END, (count,), generator=generator)
