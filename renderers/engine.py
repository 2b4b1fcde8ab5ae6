"""Running a brush's engine on the texels of frames: training data of the networks, maps of the last stage."""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np
import torch
from torch import Tensor

from renderers.brushes import Brush, Frame
from renderers.brushes.base import PATCH, SEED_END, texel_footprint
from renderers.networks import Patches


def texel_centers(count: int) -> np.ndarray:
    """[count] float32: frame coordinates in [-1, 1] of the centres of `count` texels in a row."""
    return ((np.arange(count, dtype=np.float32) + 0.5) * (2.0 / count) - 1).astype(np.float32)


def paint_patches(
    brush: Brush,
    frame: Frame,
    pixel: float | Tensor,
    patches: Patches,
    seeds: Tensor,
    executor: Executor | None = None,
) -> tuple[Tensor, Tensor]:
    """The engine's own maps of N strokes: α and mix of all patches, [P, PATCH²] float32 each. Not differentiable.

    Args:
        frame: N frames made for canvas pixels `pixel` wide (canvas units; a number or [N]).
        patches: of the N frames.
        seeds: [N] int64, the strokes' textures.
        executor: paints strokes in parallel if given (the engines release the interpreter lock).
    """
    box, geometry = frame.box.detach(), frame.geometry.detach().numpy().astype(np.float32)
    blur = (pixel / frame.scale).detach()
    footprints = torch.stack(texel_footprint(box, patches.grid, blur), dim=1).tolist()
    boxes, grids, numbers = box.numpy(), (patches.grid * PATCH).tolist(), seeds.tolist()

    def paint(n: int) -> np.ndarray:
        columns, rows = grids[n]
        u = np.tile(texel_centers(columns) * boxes[n, 0], rows)
        v = np.repeat(texel_centers(rows) * boxes[n, 1], columns)
        alpha, mix, _ = brush.engine(geometry[n], u, v, tuple(footprints[n]), numbers[n])
        return np.stack([alpha, mix])

    painted = list((executor.map if executor else map)(paint, range(len(numbers))))
    maps = torch.from_numpy(np.concatenate(painted, axis=1) if painted else np.zeros((2, 0), np.float32))
    at, rim = patches.texels()
    return maps[0][at].masked_fill(rim, 0), maps[1][at]


def random_seeds(count: int, generator: torch.Generator) -> Tensor:
    """[count] int64 texture seeds in [0, SEED_END)."""
    return torch.randint(0, SEED_END, (count,), generator=generator)
