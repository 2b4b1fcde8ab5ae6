"""Who dies and who is born: strokes that are worth least make room where the error asks for one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from painter.options.paint import PaintConfig
from painter.search.config import SearchConfig
from painter.search.parameters import Constraints
from painter.search.placer import Placer
from painter.search.target import Target
from painter.search.view import Runtime, View
from painter.video.carrying import Boxes, share_within
from painter.video.clip_config import ClipConfig
from painter.video.company import Company, new_company
from renderers.decoding import SearchMaps
from renderers.strokes import Strokes

PLACES = 4  # that are tried for each birth
SOON = 0.3  # share of a birth's place that is exposed, from which it needs no fade


@dataclass(frozen=True, eq=False)
class Setting:
    """What all frames of a shot share."""

    config: PaintConfig
    search: SearchConfig
    clip: ClipConfig
    constraints: Constraints
    maps: SearchMaps
    brush: str
    runtime: Runtime
    most: int  # strokes at any time
    exact: bool  # whether there are always so many


@dataclass(frozen=True, eq=False)
class Scene:
    """What one frame asks for."""

    target: Target
    changed: np.ndarray  # [H, W] bool
    exposed: np.ndarray  # [H, W] bool
    frozen: np.ndarray  # [N] bool: of the living, those whose place did not change
    ripening: float  # share of the canvas that came into sight not long ago, where things cover each other


def turn_over(setting: Setting, scene: Scene, living: Company, next_id: int, rng: np.random.Generator) -> Company:
    """Let strokes die and others be born, where the picture changed only; identities from `next_id` on are free."""
    clip, count = setting.clip, int(setting.config.strokes)
    size = clip.size * math.sqrt(500 / count)
    masked = replace(scene.target, weight=scene.changed.astype(np.float32))
    views: dict[int, View] = {}

    def view(side: int) -> View:
        if side not in views:
            views[side] = View(masked.at(side), setting.runtime)
        return views[side]

    placer = Placer(view, setting.constraints, setting.brush, setting.maps, setting.config, setting.search, rng)
    size = placer.within_limits(size)
    seen = placer.view(size, max(scene.target.image.shape[:2]))
    exposed = float(scene.exposed.mean())
    free = max(0, (count if not setting.exact else setting.most) - int((~living.dying).sum()))
    room = max(0, setting.most - len(living))
    extra = math.ceil(clip.exposed_births * exposed * count)
    usual = (clip.turnover + clip.ripening_turnover * scene.ripening) * count
    most = min(free + round(usual) + extra, max(1, round(clip.most_births * count)))
    if setting.exact:
        most = max(most, room)
    if not most:
        return living
    both = living.joined(_placed(setting, placer, seen, living, size, most, next_id))
    return _chosen(setting, scene, both, _costs(seen, both.settled(), setting.maps), free, most)


def _placed(
    setting: Setting, placer: Placer, view: View, old: Company, size: float, count: int, next_id: int
) -> Company:
    """New strokes on top of the settled canvas."""
    with torch.no_grad():
        canvas = view.render(old.settled(), setting.maps).cpu().numpy()
    strokes, moments = placer.place(count, size, view, canvas, PLACES, 1.0, close=False)
    return new_company(strokes, moments, next_id)


def _costs(view: View, strokes: Strokes, maps: SearchMaps) -> np.ndarray:
    """[N]: by how much the mean squared error of the whole canvas would rise without each."""
    with torch.no_grad():
        layers = view.layers(strokes, maps)
    found: np.ndarray = view.removal_costs(layers, None).numpy() / view.target.image[..., 0].size
    return found


def _chosen(setting: Setting, scene: Scene, both: Company, costs: np.ndarray, free: int, most: int) -> Company:
    """Of all of them, those of the scene and then the new ones, those that stay: births by what they gain, deaths by
    what they cost."""
    clip = setting.clip
    old = np.arange(len(both)) < len(scene.frozen)
    weakest = _weakest(clip, scene, both, costs)
    applicants = np.flatnonzero(~old)
    applicants = applicants[np.argsort(-costs[applicants], kind="stable")].tolist()
    alive, slope, fade = old.copy(), both.slope.copy(), both.fade.copy()
    soon = _soon(scene, both)

    def bear(n: int) -> None:
        alive[n] = True
        if not soon[n]:
            fade[n] = slope[n] = np.float32(1 / clip.fade)

    for number, n in enumerate(applicants[:most]):
        full = alive.sum() >= setting.most
        if costs[n] < clip.least_gain:
            break
        if full or number >= free:
            if not weakest or costs[n] < clip.gain_over_cost * max(costs[weakest[0]], 0.0) + clip.least_gain:
                break
            loser = weakest.pop(0)
            if costs[loser] < clip.unseen_cost or (full and soon[n]):
                alive[loser] = False
            else:
                slope[loser] = -1 / clip.fade
                if full:  # there will be room once it has faded
                    continue
        bear(n)
    if setting.exact:
        for n in [n for n in applicants if not alive[n]][: setting.most - int(alive.sum())]:
            bear(n)
    return replace(both, slope=slope, fade=fade)[alive]


def _weakest(clip: ClipConfig, scene: Scene, both: Company, costs: np.ndarray) -> list[int]:
    """Those that may die, the least worth first: where the picture changed, or where nobody sees them."""
    count = len(scene.frozen)
    able = np.zeros(len(both), bool)
    able[:count] = ~both.dying[:count] & (both.fade[:count] >= 1)
    able[:count] &= ~scene.frozen | (costs[:count] < clip.unseen_cost)
    found: list[int] = np.flatnonzero(able)[np.argsort(costs[able], kind="stable")].tolist()
    return found


def _soon(scene: Scene, both: Company) -> np.ndarray:
    """[N] bool: whether they stand on picture that was not seen before, so that nothing is there to fade from."""
    pixel = 1 / max(scene.exposed.shape)
    grown = cv2.dilate(scene.exposed.astype(np.float32), np.ones((7, 7), np.uint8))
    soon: np.ndarray = share_within(Boxes.of(both.strokes, pixel), grown) > SOON
    return soon
