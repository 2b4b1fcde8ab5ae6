"""Scenes, strokes and small searches for the tests of how strokes are placed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from painter.options.paint import PaintConfig
from painter.search.candidates import (
    Scene,
    covered_by_pixels,
    lay_candidate,
)
from painter.search.climbing import Bounds
from painter.search.config import SearchConfig
from painter.search.parameters import Constraints
from painter.search.search import Search
from painter.search.target import Target
from renderers.brushes import BRUSHES, Limits
from renderers.brushes.base import MAX_BEND
from renderers.checkpoint import load_networks
from renderers.decoder import network_maps
from renderers.strokes import Strokes

DEFAULTS = SearchConfig()
ANYTHING = Constraints(Limits())  # what strokes may become where nothing is asked for
BOUNDS = Bounds(1.0, 40.0, 1.0, 30.0, 1.0, 8.0, MAX_BEND, MAX_BEND)
PAPER = np.array([0.93, 0.9, 0.82], np.float32)
RED = np.array([0.85, 0.2, 0.15], np.float32)

networks_of = cache(load_networks)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def images(size: tuple[int, int], channels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Target and canvas [H, W, C], premultiplied, with some pixels of nothing, and a weight [H, W], a third zeros."""
    noise = random(seed)
    pair = noise.random((2, *size, channels), np.float32)
    if channels == 4:
        pair[..., 3] *= noise.random((2, *size)) > 0.3
        pair[..., :3] *= pair[..., 3:]
    weight = noise.random(size, np.float32) * (noise.random(size) > 0.3)
    return pair[0], pair[1], weight


def lay(scene: Scene, candidate: np.ndarray, colors: np.ndarray) -> None:
    lay_candidate(candidate, scene, colors, np.zeros(4, np.int64))


def mask(scene: Scene, candidate: np.ndarray) -> np.ndarray:
    return covered_by_pixels(scene, candidate)[0]


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union."""
    return float((a & b).sum() / max(1, (a | b).sum()))


def scenery(height: int = 48, width: int = 64) -> np.ndarray:
    """[H, W, 3]: a disc and a box on a shaded ground."""
    y, x = np.mgrid[:height, :width]
    picture = np.stack([0.9 - 0.3 * x / width, 0.85 - 0.4 * y / height, 0.8 + 0 * x], axis=2).astype(np.float32)
    picture[(x > width * 0.55) & (y > height * 0.5)] = (0.1, 0.3, 0.7)
    picture[np.hypot(x - width * 0.3, y - height * 0.4) < height * 0.28] = RED
    return picture


def shapes(height: int = 48, width: int = 64) -> np.ndarray:
    """[H, W, 3]: a disc, a box and a strip on paper."""
    y, x = np.mgrid[:height, :width]
    picture = np.full((height, width, 3), PAPER)
    picture[(x > width * 0.5) & (y > height * 0.5)] = (0.1, 0.3, 0.7)
    picture[(y > height * 0.78) & (x < width * 0.45)] = (0.1, 0.55, 0.25)
    picture[np.hypot(x - width * 0.3, y - height * 0.4) < height * 0.28] = RED
    return picture


def cut_out(side: int = 48, radius: float = 0.3) -> np.ndarray:
    """[side, side, 4]: a red disc with a soft edge on nothing, premultiplied."""
    y, x = np.mgrid[:side, :side] + 0.5
    alpha = (radius * side + 0.5 - np.hypot(x - side / 2, y - side / 2)).clip(0, 1)[..., None]
    return np.concatenate([alpha * RED, alpha], axis=2).astype(np.float32)


def centers(strokes: Strokes) -> np.ndarray:
    """[N, 2]: centres of strokes, in canvas units."""
    return BRUSHES[strokes.brush].center(strokes.params).numpy()


def sizes(strokes: Strokes) -> np.ndarray:
    return BRUSHES[strokes.brush].size(strokes.params).numpy()


def tensors(strokes: Strokes) -> dict[str, Tensor]:
    return {**strokes.params, "colors": strokes.colors, "opacity": strokes.opacity, "seed": strokes.seed}


def same(a: Strokes, b: Strokes) -> bool:
    """Whether two sets of strokes are equal to the last bit."""
    return a.brush == b.brush and all(torch.equal(value, tensors(b)[name]) for name, value in tensors(a).items())


def make_search(
    target: np.ndarray, ground: np.ndarray = PAPER, brush: str = "rectangle", strokes: int = 24, iterations: int = 30,
    region: np.ndarray | None = None, palette: np.ndarray | None = None, settling: int = DEFAULTS.settling_steps,
    **options: object,
) -> Search:  # fmt: skip
    config = PaintConfig(style=brush, strokes=strokes, iterations=iterations, **options)  # type: ignore[arg-type]
    goal = Target(target, ground, region=region, palette=palette, opacity=config.opacity_range(len(ground) == 4))
    how = replace(DEFAULTS, settling_steps=settling)
    return Search(goal, network_maps(networks_of(brush), "cpu", DEFAULTS.density), brush, config, how)


def seen(search: Search) -> np.ndarray:
    """The canvas, as the search sees it."""
    return search.painted(search.view(10**6))
