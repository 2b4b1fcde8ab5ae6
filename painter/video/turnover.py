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
from painter.video.visibility import visible_shares
from renderers.blending import Layers
from renderers.decoding import SearchMaps

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
    covering: bool  # whether things cover each other


def turn_over(
    setting: Setting, scene: Scene, living: Company, next_id: int, rng: np.random.Generator
) -> tuple[Company, np.ndarray, np.ndarray]:
    """Let strokes die and others be born, where the picture changed only; identities from `next_id` on are free.

    Returns:
        Those that live then; what is seen of each, [N] float32 in [0, 1]; and what each is worth, [N] float64: the rise
        of the sum of squared errors over the canvas' pixels, if it were not there.
    """
    clip, (placer, size) = setting.clip, _placer(setting, scene, rng)
    view = placer.view(size, max(scene.target.image.shape[:2]))
    with torch.no_grad():
        layers = view.layers(living.settled(), setting.maps)
        shares = visible_shares(layers, view.bare.shape)
        free, most = _vacancies(setting, scene, living)
        if not most:
            return living, shares, _worth(view, layers)
        canvas = view.composite(view.bare, layers).cpu().numpy()
    strokes, moments = placer.place(most, size, view, canvas, PLACES, clip.settling_rate, close=False)
    with torch.no_grad():
        layers = layers.joined(view.layers(strokes, setting.maps))
    worth = _worth(view, layers)
    both = living.joined(new_company(strokes, moments, next_id))
    after = _chosen(setting, scene, both, worth, free, most)
    stay = np.isin(both.id, after.id)
    return after, np.concatenate([shares, np.ones(len(strokes), np.float32)])[stay], worth[stay]


def _worth(view: View, layers: Layers) -> np.ndarray:
    worth: np.ndarray = view.removal_costs(layers, None).numpy() / view.target.image[..., 0].size
    return worth


def _placer(setting: Setting, scene: Scene, rng: np.random.Generator) -> tuple[Placer, float]:
    """What places strokes where the picture changed only, and how large they are, canvas units."""
    masked = replace(scene.target, weight=scene.changed.astype(np.float32))
    views: dict[int, View] = {}

    def view(side: int) -> View:
        if side not in views:
            views[side] = View(masked.at(side), setting.runtime)
        return views[side]

    placer = Placer(view, setting.constraints, setting.brush, setting.maps, setting.config, setting.search, rng)
    return placer, placer.within_limits(setting.clip.size * math.sqrt(500 / int(setting.config.strokes)))


def _vacancies(setting: Setting, scene: Scene, living: Company) -> tuple[int, int]:
    """How many strokes may be born with nobody dying for it, and how many at most."""
    clip, count = setting.clip, int(setting.config.strokes)
    free = max(0, (count if not setting.exact else setting.most) - int((~living.dying).sum()))
    extra = math.ceil(clip.exposed_births * float(scene.exposed.mean()) * count)
    usual = (clip.turnover + clip.ripening_turnover * scene.ripening) * count
    most = min(free + round(usual) + extra, max(1, round(clip.most_births * count)))
    return free, max(most, setting.most - len(living)) if setting.exact else most


def _chosen(setting: Setting, scene: Scene, both: Company, worth: np.ndarray, free: int, most: int) -> Company:
    """Of all of them, those of the scene and then the new ones, those that stay: births by what they gain, deaths by
    what they cost."""
    clip = setting.clip
    old = np.arange(len(both)) < len(scene.frozen)
    typical = max(0.0, float(np.median(worth[old] if old.any() else worth)))
    least_gain, unseen = clip.least_gain * typical, clip.unseen_cost * typical
    weakest = _weakest(scene, both, worth, unseen)
    applicants = np.flatnonzero(~old)
    applicants = applicants[np.argsort(-worth[applicants], kind="stable")].tolist()
    alive, slope, fade = old.copy(), both.slope.copy(), both.fade.copy()
    soon, frames, gain_over_cost = _soon(scene, both), clip.fade[scene.covering], clip.gain_over_cost[scene.covering]

    def bear(n: int) -> None:
        alive[n] = True
        if not soon[n]:
            fade[n] = slope[n] = np.float32(1 / frames)

    for number, n in enumerate(applicants[:most]):
        full = alive.sum() >= setting.most
        if worth[n] < least_gain:
            break
        if full or number >= free:
            if not weakest or worth[n] < gain_over_cost * max(worth[weakest[0]], 0.0) + least_gain:
                break
            loser = weakest.pop(0)
            if worth[loser] < unseen or (full and soon[n]):
                alive[loser] = False
            else:
                slope[loser] = -1 / frames
                if full:  # there will be room once it has faded
                    continue
        bear(n)
    if setting.exact:
        for n in [n for n in applicants if not alive[n]][: setting.most - int(alive.sum())]:
            bear(n)
    return replace(both, slope=slope, fade=fade)[alive]


def _weakest(scene: Scene, both: Company, worth: np.ndarray, unseen: float) -> list[int]:
    """Those that may die, the least worth first: where the picture changed, or where nobody sees them."""
    count = len(scene.frozen)
    able = np.zeros(len(both), bool)
    able[:count] = ~both.dying[:count] & (both.fade[:count] >= 1)
    able[:count] &= ~scene.frozen | (worth[:count] < unseen)
    found: list[int] = np.flatnonzero(able)[np.argsort(worth[able], kind="stable")].tolist()
    return found


def _soon(scene: Scene, both: Company) -> np.ndarray:
    """[N] bool: whether they stand on picture that was not seen before, so that nothing is there to fade from."""
    pixel = 1 / max(scene.exposed.shape)
    grown = cv2.dilate(scene.exposed.astype(np.float32), np.ones((7, 7), np.uint8))
    soon: np.ndarray = share_within(Boxes.of(both.strokes, pixel), grown) > SOON
    return soon
