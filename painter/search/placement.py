"""Where new strokes go: to the largest error, along the picture's edges, in the picture's colours.

`place_strokes` says it plainly; `place_climbed` lets more strokes than are wanted begin like that, improves each by
hill climbing on what it would gain, and takes the best.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from painter.search.candidates import make_scene
from painter.search.climbing import Bounds, best_candidates, place_of_largest
from painter.search.target import channel_sum
from renderers.brushes import BRUSHES
from renderers.brushes.base import MAX_BEND, SEED_END
from renderers.jit import kernel
from renderers.strokes import Strokes

MAX_ELONGATION = 4.0  # length over width along a clear edge
START_OPACITY = 0.9
CLIMBED_OPACITY = 0.5  # of strokes that were climbed for: what lies below still shows, and goes on learning
SLIMMEST = 18.0  # length over width of those, at most; a little within what brushes allow
SHORTEST = 0.3  # their least width, in sizes of the smallest
START_SPREAD = 2.0  # how much larger or smaller than wanted they begin, at most
LONGEST = 0.6  # their greatest length, canvas units


@dataclass(frozen=True)
class Climbing:
    """How strokes are climbed for."""

    tries: int  # steps for each place that is tried
    places: int  # that are tried for each stroke wanted
    spread: float  # how much larger or smaller than wanted a stroke may be


def find_peaks(error: np.ndarray, count: int, radius: float, rng: np.random.Generator) -> np.ndarray:
    """[count, 2] pixel positions (x, y): again and again the largest error, which is then damped around it.

    Args:
        error: [H, W] float32 >= 0.
        radius: how far a stroke settles the matter, pixels.
    """
    field = cv2.GaussianBlur(error, (0, 0), max(0.6, 0.4 * radius), borderType=cv2.BORDER_REPLICATE)
    field = field * (0.85 + 0.15 * rng.random(field.shape, dtype=np.float32)) + 1e-9
    reach = max(1, int(np.ceil(2 * radius)))
    offsets = np.arange(-reach, reach + 1, dtype=np.float32)
    damping = 1 - 0.8 * np.exp((offsets[:, None] ** 2 + offsets[None, :] ** 2) / np.float32(-2 * radius**2))
    peaks = np.empty((count, 2))
    _find_peaks(field, damping, reach, peaks)
    return peaks + rng.uniform(0.25, 0.75, peaks.shape)


@kernel
def _find_peaks(field: np.ndarray, damping: np.ndarray, reach: int, peaks: np.ndarray) -> None:
    """Columns and rows of the largest values of `field` [H, W], one after the other, each then damped around itself.

    The largest of each row is remembered, so that only the rows that were damped are looked through again.
    """
    height, width = field.shape
    largest, where = np.empty(height, np.float32), np.empty(height, np.int64)
    top, bottom = 0, height
    for k in range(len(peaks)):
        for y in range(top, bottom):
            where[y] = place_of_largest(field[y])
            largest[y] = field[y, where[y]]
        y = place_of_largest(largest)
        x = where[y]
        if largest[y] < 1e-30:  # with hundreds of strokes to a pixel, all would end up as zeros
            field *= np.float32(1e30)
            largest *= np.float32(1e30)
        peaks[k, 0], peaks[k, 1] = x, y
        top, bottom = max(0, y - reach), min(height, y + reach + 1)
        left, right = max(0, x - reach), min(width, x + reach + 1)
        for i in range(top, bottom):
            for j in range(left, right):
                field[i, j] *= damping[i - y + reach, j - x + reach]


def edge_direction(target: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Direction along edges [H, W] in radians, and how clear it is [H, W] in [0, 1] (structure tensor)."""
    dx = cv2.Sobel(target, cv2.CV_32F, 1, 0, ksize=3, borderType=cv2.BORDER_REPLICATE)
    dy = cv2.Sobel(target, cv2.CV_32F, 0, 1, ksize=3, borderType=cv2.BORDER_REPLICATE)
    products = [channel_sum(dx * dx), channel_sum(dx * dy), channel_sum(dy * dy)]
    xx, xy, yy = (cv2.GaussianBlur(p, (0, 0), max(0.7, sigma), borderType=cv2.BORDER_REPLICATE) for p in products)
    spread = np.sqrt((xx - yy) ** 2 + 4 * xy * xy)
    # The gradient's direction, turned by a quarter.
    return 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2, spread / (xx + yy + 1e-3)


def place_strokes(
    target: np.ndarray, error: np.ndarray, brush: str, count: int, size: float, rng: np.random.Generator
) -> Strokes:
    """`count` new strokes where `error` is largest.

    Args:
        target: [H, W, C] float32, the picture; premultiplied if C = 4.
        error: [H, W] float32 >= 0.
        size: root of length times width, canvas units.
    """
    pixel = 1 / max(target.shape[:2])
    radius = size / pixel / 2
    peaks = find_peaks(error, count, max(0.7, radius), rng)
    angle, stretch = _along_edges(edge_direction(target, radius / 2), peaks, rng)
    angle = angle + rng.integers(0, 2, count) * np.pi
    spread = rng.uniform(0.8, 1.25, count)
    length, width = size * spread * stretch, size * spread / stretch
    center = peaks * pixel
    tools = BRUSHES[brush]
    shape = tools.place(*(torch.from_numpy(np.float32(v)) for v in (center, angle, length, width, 0 * angle)))
    axis = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (length * 0.25)[:, None]
    ends = [center - axis, center + axis] if tools.colors == 2 else [center]
    blurred = cv2.GaussianBlur(target, (0, 0), max(0.5, radius / 3), borderType=cv2.BORDER_REPLICATE)
    total = target.sum(axis=(0, 1))
    colors = np.stack([straight_color(_at(blurred, end / pixel), total) for end in ends], axis=1)
    return Strokes(
        brush,
        shape,
        torch.from_numpy(colors.astype(np.float32)),
        torch.full((count,), START_OPACITY),
        torch.from_numpy(rng.integers(0, SEED_END, count)),
    )


def place_climbed(
    target: np.ndarray, canvas: np.ndarray, error: np.ndarray, weight: np.ndarray, brush: str, count: int,
    size: float, opacity: float, climbing: Climbing, rng: np.random.Generator,
    directions: tuple[np.ndarray, np.ndarray] | None = None, limits: tuple[float, float] = (0.0, np.inf),
) -> Strokes:  # fmt: skip
    """`count` new strokes on top of a canvas, where each lowers the error most.

    Args:
        target, canvas: [H, W, C] float32, premultiplied if C = 4.
        error: [H, W] float32 >= 0: where to look.
        weight: [H, W] float32 >= 0: what squared error counts.
        size: root of length times width, canvas units; `limits`: the least and the greatest.
        opacity: of the strokes, in (0, 1].
        directions: of `edge_direction` with a sigma of a quarter of the size, if they are known.
    """
    pixel, tools = 1 / max(target.shape[:2]), BRUSHES[brush]
    mean, many = size / pixel, count * climbing.places
    peaks = find_peaks(error, many, max(0.7, mean / 2 / np.sqrt(climbing.places)), rng)
    angle, stretch = _along_edges(directions or edge_direction(target, mean / 4), peaks, rng)
    start = mean * START_SPREAD ** rng.uniform(-1, 1, many)
    seeds = np.stack([*peaks.T, angle, start * stretch, start / stretch, 0 * angle], axis=1)
    least, most = max(size / climbing.spread, limits[0]) / pixel, min(size * climbing.spread, limits[1]) / pixel
    bounds = Bounds(
        max(1.0, SHORTEST * least), LONGEST / pixel, max(1.0, least), max(1.0, most),
        tools.slimness[0], max(tools.slimness[0], min(tools.slimness[1], SLIMMEST)), MAX_BEND if tools.bends else 0.0,
        tools.bend_by_slimness,
    )  # fmt: skip
    scene = make_scene(target, canvas, weight, opacity)
    seed, two = int(rng.integers(2**31)), tools.colors == 2
    found, colors = best_candidates(scene, seeds, count, climbing.tries, bounds, seed, two)
    if not two:  # either way: what is painted is the same, but for the texture
        turned = rng.integers(0, 2, count)
        found[:, 2] += turned * np.pi
        found[:, 5] *= 1 - 2 * turned
    values = (found[:, :2] * pixel, found[:, 2], found[:, 3] * pixel, found[:, 4] * pixel, found[:, 5])
    shape = tools.place(*(torch.from_numpy(np.float32(v)) for v in values))
    return Strokes(
        brush,
        shape,
        torch.from_numpy(colors[:, : tools.colors].astype(np.float32)),
        torch.full((count,), opacity),
        torch.from_numpy(rng.integers(0, SEED_END, count)),
    )


def _along_edges(
    directions: tuple[np.ndarray, np.ndarray], peaks: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """From `edge_direction`, angles and roots of length over width of strokes at `peaks` [N, 2]: [N] each."""
    angle, clear = (_at(values, peaks) for values in directions)
    angle = angle + rng.normal(0, 1, len(peaks)) * 0.6 * (1 - clear) ** 2
    return angle, np.sqrt(1.3 + (MAX_ELONGATION - 1.3) * clear)


def straight_color(color: np.ndarray, total: np.ndarray) -> np.ndarray:
    """[N, C] → [N, 3] straight colours in [0, 1]; where nothing is opaque, that of the picture's sum `total` [C]."""
    if color.shape[1] == 4:
        color = np.where(color[:, 3:] > 1e-2, color, total)
        color = color[:, :3] / np.maximum(color[:, 3:], 1e-2)
    return color.clip(0, 1)


def _at(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The image's values at the pixels that contain `points` [N, 2] (x, y)."""
    height, width = image.shape[:2]
    x = points[:, 0].astype(int).clip(0, width - 1)
    y = points[:, 1].astype(int).clip(0, height - 1)
    colors: np.ndarray = image[y, x]
    return colors
