"""How well the networks imitate the engine: the figures that evaluate_renderers.py prints."""

from __future__ import annotations

import numpy as np
import torch

from renderers.blending import blend
from renderers.brushes import Brush
from renderers.decoding import NetworkMaps, make_layers
from renderers.drawing import Drawing, drawing_threads
from renderers.engine import random_seeds
from renderers.networks import FRAME_SIDES, BrushNetworks
from renderers.strokes import Strokes
from renderers.training import frame_figures, paint_batch, psnr

HELD_OUT_SEED = 20_260_101  # never used in training
CANVAS = 128  # pixels a side, as in the paper


def random_strokes(brush: Brush, count: int, generator: torch.Generator) -> Strokes:
    """Opaque strokes anywhere on a square canvas, in random colours."""
    shape = brush.sample(count, generator)
    colors = torch.rand(count, brush.colors, 3, generator=generator)
    return Strokes(brush.name, shape, colors, torch.ones(count), random_seeds(count, generator))


@torch.no_grad()
def canvas_figure(networks: BrushNetworks, count: int, seed: int, small_reach: float) -> float:
    """Mean of the PSNRs in dB of foreground and alpha, of single strokes alone on a black 128² canvas.

    As Stylized Neural Painting measures its networks (Zou et al. 2021, table 2): the engine draws the stroke on the
    canvas, the networks' maps are laid on it by soft blending. Errors are pooled over all strokes.
    """
    networks.eval()
    strokes = random_strokes(networks.brush, count, torch.Generator().manual_seed(seed))
    source = NetworkMaps(networks, small_reach)
    empty = torch.zeros(CANVAS, CANVAS, 4)
    foreground = alpha = 0.0
    with drawing_threads() as pool:
        for n in range(count):
            one = strokes[n : n + 1]
            drawing = Drawing(one, empty.numpy().copy())
            drawing.draw(1, pool)
            seen = blend(empty, make_layers(one, 1 / CANVAS, 4, source)).numpy()
            error = np.square(seen.astype(np.float64) - drawing.canvas)
            foreground += error[..., :3].mean() / count
            alpha += error[..., 3].mean() / count
    return (psnr(foreground) + psnr(alpha)) / 2


def figures(
    networks: BrushNetworks, small_reach: float, count: int = 1000, seed: int = HELD_OUT_SEED
) -> dict[str, float]:
    """All figures of a brush's networks, dB: α and mix in each frame, and the paper's measure on a 128² canvas."""
    result: dict[str, float] = {}
    for side in sorted(FRAME_SIDES, reverse=True):
        held_out = paint_batch(networks.brush, side, count, torch.Generator().manual_seed(seed), blurred=False)
        result[f"alpha_{side}"], result[f"mix_{side}"] = frame_figures(networks, side, held_out)
    result[f"canvas_{CANVAS}"] = canvas_figure(networks, count, seed + 1, small_reach)
    return {name: round(value, 2) for name, value in result.items()}
