"""How well the networks imitate the engine: the figures that `scripts.training.evaluate_renderers` prints."""

from __future__ import annotations

import numpy as np
import torch

from renderers.blending import blend
from renderers.brushes import Brush
from renderers.decoding import NetworkMaps, make_layers
from renderers.drawing import Drawing, drawing_threads
from renderers.engine import random_seeds
from renderers.networks import BrushNetworks
from renderers.strokes import Strokes
from renderers.training import paint_batch, patch_figures, psnr

HELD_OUT_SEED = 20_260_101  # never used in training
CANVAS = 128  # pixels a side, as in the paper


def random_strokes(brush: Brush, count: int, generator: torch.Generator) -> Strokes:
    """`count` opaque strokes anywhere on a square canvas, in random colours."""
    params = brush.sample(count, generator)
    colors = torch.rand(count, brush.colors, 3, generator=generator)
    return Strokes(brush.name, params, colors, torch.ones(count), random_seeds(count, generator))


@torch.no_grad()
def canvas_figure(networks: BrushNetworks, count: int, seed: int, density: float) -> float:
    """Mean of the PSNRs, in dB, of foreground and alpha of `count` single strokes on a black 128² canvas.

    As Stylized Neural Painting measures its networks (Zou et al. 2021, table 2): a stroke drawn by the engine against
    the same stroke blended from the networks' maps. Errors are averaged over all strokes.
    """
    networks.eval()
    strokes = random_strokes(networks.brush, count, torch.Generator().manual_seed(seed))
    source = NetworkMaps(networks, density)
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


def figures(networks: BrushNetworks, density: float, count: int = 1000, seed: int = HELD_OUT_SEED) -> dict[str, float]:
    """All figures of a brush's networks, PSNR in dB.

    alpha_64 and mix_64: in the largest frame (64²), as sharp as it allows. alpha and mix: in frames like those of a
    search, on pixels of all sizes and at all densities. canvas_128: `canvas_figure`.
    """
    networks.eval()
    result: dict[str, float] = {}
    for name, sharp in (("_64", 1.0), ("", 0.0)):
        held_out = paint_batch(networks.brush, count, torch.Generator().manual_seed(seed), sharp)
        result[f"alpha{name}"], result[f"mix{name}"] = patch_figures(networks, held_out)
    result[f"canvas_{CANVAS}"] = canvas_figure(networks, count, seed + 1, density)
    return {name: round(value, 2) for name, value in result.items()}
