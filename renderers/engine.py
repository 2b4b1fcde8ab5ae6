"""Running a brush's engine on grids of points: frame maps for training and for the search's last stage."""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np
import torch
from torch import Tensor

from renderers.brushes import Brush, Frame
from renderers.brushes.base import SEED_END, texel_footprint


def texel_centers(side: int) -> np.ndarray:
    """[S] float32: frame coordinates in [-1, 1] of the texels' centres."""
    return ((np.arange(side, dtype=np.float32) + 0.5) * (2.0 / side) - 1).astype(np.float32)


def frame_maps(
    brush: Brush,
    frame: Frame,
    pixel: float | Tensor,
    side: int,
    seeds: Tensor,
    executor: Executor | None = None,
) -> tuple[Tensor, Tensor]:
    """The engine's own maps of N strokes: α and mix, [N, S, S] float32. Not differentiable.

    Args:
        frame: N frames made for canvas pixels `pixel` wide (canvas units; a number or [N]).
        side: texels of a side.
        seeds: [N] int64.
        executor: paints strokes side by side if given (the engines release the interpreter lock).
    """
    box, geometry = frame.box.detach(), frame.geometry.detach().numpy().astype(np.float32)
    footprints = torch.stack(texel_footprint(box, side, (pixel / frame.scale).detach()), dim=1).tolist()
    centers, boxes, numbers = texel_centers(side), box.numpy(), seeds.tolist()

    def paint(n: int) -> tuple[np.ndarray, np.ndarray]:
        u, v = np.tile(centers * boxes[n, 0], side), np.repeat(centers * boxes[n, 1], side)
        alpha, mix, _ = brush.engine(geometry[n], u, v, tuple(footprints[n]), numbers[n])
        return alpha, mix

    painted = list((executor.map if executor else map)(paint, range(len(numbers))))
    maps = np.array(painted, np.float32).reshape(-1, 2, side, side)
    alpha, mix = torch.from_numpy(maps[:, 0].copy()), torch.from_numpy(maps[:, 1].copy())
    alpha[:, [0, -1], :] = 0
    alpha[:, :, [0, -1]] = 0
    return alpha, mix


def random_seeds(count: int, generator: torch.Generator) -> Tensor:
    """[N] int64 texture seeds."""
    return torch.randint(0, SEED_END, (count,), generator=generator)
