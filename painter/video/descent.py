"""A few steps of the strokes that are free to move, on the part of the canvas that they reach."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from painter.search.adam import Moments, StrokeAdam, select_moments
from painter.search.parameters import StrokeParameters, natural_steps
from painter.search.target import Target
from painter.search.view import View
from painter.video.clip_config import ClipConfig
from painter.video.company import Company
from painter.video.raster import Raster
from painter.video.turnover import Setting
from renderers.blending import FrameMaps, Layers
from renderers.brushes import BRUSHES, Frame
from renderers.decoding import MapSource, make_layers
from renderers.strokes import Strokes

ROOM, MARGIN = 1.25, 4  # of a stroke's reach, and pixels beyond: where it may come to in its steps


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The part of a canvas that the free strokes reach, and those of the others that show there, as they stay."""

    view: View  # of this part alone
    corner: tuple[int, int]  # its first column and row on the picture
    share: float  # what its pixels count together, against those of the picture
    others: Layers
    order: Tensor  # [M] int64, paint order: positions among the others and then the free ones
    pixel: float

    @staticmethod
    def of(setting: Setting, living: Company, free: np.ndarray, target: Target, raster: Raster) -> Surroundings:
        """Args: free: [N] bool, those of the living that may move; target: of the whole raster."""
        boxes, (begin, end) = raster.boxes(living.strokes), _extent(target)
        reach = ROOM * boxes.reach + MARGIN
        low, high = boxes.center - reach, boxes.center + reach
        first = np.floor(low[free].min(axis=0)).clip(begin, end - 1).astype(int)
        last = np.ceil(high[free].max(axis=0)).clip(first + 1, end).astype(int)
        there = ~free & (living.settled_fade > 0) & (low < last).all(axis=1) & (high > first).all(axis=1)
        (left, top), (right, bottom) = first.tolist(), last.tolist()
        part = slice(top, bottom), slice(left, right)
        corner = left - raster.overscan, top - raster.overscan
        region = None if target.region is None else target.region[part]
        weight = None if target.weight is None or (target.weight[part] == 1).all() else target.weight[part]
        view = View(replace(target, image=target.image[part], region=region, weight=weight), setting.runtime)
        order = np.argsort(np.concatenate([np.flatnonzero(there), np.flatnonzero(free)]), kind="stable")
        with torch.no_grad():
            others = make_layers(
                living[there].settled(), raster.pixel, target.image.shape[2], setting.maps, target.mixing
            ).within(*corner)
        area = (right - left) * (bottom - top) if weight is None else float(weight.sum())
        share = area / (raster.size[0] * raster.size[1])
        return Surroundings(view, corner, share, others, torch.from_numpy(order), raster.pixel)

    def layers(self, strokes: Strokes, maps: MapSource) -> Layers:
        """The free strokes as they are now, differentiable in them."""
        channels, mixing = self.view.bare.shape[2], self.view.target.mixing
        return make_layers(strokes, self.pixel, channels, maps, mixing).within(*self.corner)

    def composite(self, layers: Layers) -> Tensor:
        """This part of the canvas with the layers of the free strokes among the others."""
        if len(self.others):
            layers = self.others.joined(layers).select(self.order)
        return self.view.composite(self.view.bare, layers)


def descend(
    setting: Setting, living: Company, free: np.ndarray, pace: np.ndarray, held: np.ndarray, target: Target,
    raster: Raster, covering: bool,
) -> Company:  # fmt: skip
    """The living after a few steps towards the target, held where they are.

    Args:
        free: [N] bool: who moves; the others stay to the byte.
        pace: [N] float32, how fast each descends, against the rate.
        held: [N] float32, how strongly each is held.
        target: what is painted, on the whole raster.
        covering: whether things cover each other; otherwise it is the camera that moves.
    """
    clip = setting.clip
    if not free.any():
        return living
    around = Surroundings.of(setting, living, free, target, raster)
    at = torch.from_numpy(np.flatnonzero(free))
    strokes = living.strokes[at]
    parameters = StrokeParameters(strokes, setting.constraints, setting.search, select_moments(living.moments, at))
    hold = torch.from_numpy(clip.hold * held[free] / len(living))
    fade = torch.from_numpy(living.settled_fade[free])
    _set_pace(parameters, pace[free])
    begun, steps, maps = _columns(parameters).detach(), _step_columns(parameters), around.others.maps
    for rate, decoded in _schedule(clip, setting.brush, covering):
        now = parameters.strokes()
        seen = Strokes(now.brush, now.params, now.colors, now.opacity * fade, now.seed)
        layers = around.layers(seen, setting.maps if decoded else _Kept(maps))
        maps = layers.maps
        loss, _ = around.view.loss(around.composite(layers), setting.config.loss)
        strayed = ((_columns(parameters) - begun) / steps).square().sum(dim=1)
        loss = around.share * loss + (hold * strayed).sum()
        strokes = parameters.descend(loss, rate)
    return replace(
        living, strokes=_placed(living.strokes, at, strokes), moments=_placed_moments(living, at, parameters.moments)
    )


def _extent(target: Target) -> tuple[np.ndarray, np.ndarray]:
    """First column and row, and one past the last, of the pixels that count: [2] int64 each."""
    if target.weight is None:
        return np.zeros(2, int), np.array(target.image.shape[1::-1])
    along = [np.flatnonzero(target.weight.any(axis=axis)) for axis in (0, 1)]
    return np.array([where[0] for where in along]), np.array([where[-1] + 1 for where in along])


def _schedule(clip: ClipConfig, brush: str, covering: bool) -> Iterator[tuple[float, bool]]:
    """Of each step its rate, and whether maps are decoded for it: at first, and again when strokes have gone far."""
    descent = (clip.covering if covering else clip.camera)[brush]
    lasting = clip.decoding[BRUSHES[brush].bends] / (1 + covering)
    gone = lasting
    for step in range(descent.steps):
        share = 0.5 + 0.5 * math.cos(math.pi * step / descent.steps)
        if covering and share < clip.least_rate:
            return
        yield descent.rate * share, gone >= lasting
        gone = (0 if gone >= lasting else gone) + share


class _Kept:
    """Maps as they were some steps ago, and no gradient in them: strokes change little in a step, and decoding is half
    of what it costs."""

    def __init__(self, maps: FrameMaps) -> None:
        self.maps = replace(maps, texels=maps.texels.detach())

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps:
        return self.maps


def _columns(parameters: StrokeParameters) -> Tensor:
    """[N, P]: all unknowns of each stroke, side by side."""
    shape = torch.stack(list(parameters.shape.values()), dim=1)
    return torch.cat([shape, parameters.colors.flatten(1), parameters.opacity[:, None]], dim=1)


def _step_columns(parameters: StrokeParameters) -> Tensor:
    """[N, P]: in what they are held: natural steps; colours and opacity in full ranges, for light changes as things
    turn."""
    natural = natural_steps(parameters.start, parameters.search)
    steps = torch.ones_like(_columns(parameters).detach())
    for k, name in enumerate(parameters.shape):
        steps[:, k] = natural[name]
    return steps


def _set_pace(parameters: StrokeParameters, pace: np.ndarray) -> None:
    """Let strokes [N] take steps of this share of the rate."""
    assert isinstance(parameters.optimizer, StrokeAdam)
    for unit in parameters.optimizer.units.values():
        unit.mul_(torch.from_numpy(pace).view(-1, *[1] * (unit.ndim - 1)))


def _placed(old: Strokes, at: Tensor, new: Strokes) -> Strokes:
    """`old` with `new` ones at the positions `at`."""
    params = {name: values.index_copy(0, at, new.params[name]) for name, values in old.params.items()}
    colors, opacity = old.colors.index_copy(0, at, new.colors), old.opacity.index_copy(0, at, new.opacity)
    return Strokes(old.brush, params, colors, opacity, old.seed)


def _placed_moments(living: Company, at: Tensor, new: Moments) -> Moments:
    """What Adam knows of the living, with that of those at `at` as it is now."""
    return {
        name: tuple(old.index_copy(0, at, part) for old, part in zip(parts, new[name], strict=True))
        for name, parts in living.moments.items()
    }
