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
from painter.video.carrying import share_within
from painter.video.clip_config import ClipConfig
from painter.video.company import Company, new_company
from painter.video.raster import Raster
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
    most: int  # strokes that are seen at any time
    exact: bool  # whether there are always so many


@dataclass(frozen=True, eq=False)
class Scene:
    """What one frame asks for, on the whole raster."""

    raster: Raster
    target: Target  # whose weight is 0 where it is not known
    changed: np.ndarray  # [H, W] bool
    exposed: np.ndarray  # [H, W] bool
    frozen: np.ndarray  # [N] bool: of the living, those whose place did not change
    ripening: float  # share of the canvas that came into sight not long ago, where things cover each other
    covering: bool  # whether things cover each other

    @property
    def room(self) -> float:
        """How large is what is painted, against the picture."""
        weight = self.target.weight
        return 1.0 if weight is None else np.count_nonzero(weight) / (self.raster.size[0] * self.raster.size[1])


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
    known = scene.target.weight
    counts = None if known is None else known * scene.raster.weights(clip.outermost)
    with torch.no_grad():
        layers = view.layers(scene.raster.outward(living.settled()), setting.maps)
        shares = visible_shares(layers, view.bare.shape)
        free, most = _vacancies(setting, scene, living)
        if not most:
            return living, shares, _worth(view, layers, counts)
        canvas = view.composite(view.bare, layers).cpu().numpy()
    strokes, moments = placer.place(most, size, view, canvas, PLACES, clip.settling_rate, close=False)
    with torch.no_grad():
        layers = layers.joined(view.layers(strokes, setting.maps))
    worth = _worth(view, layers, counts)
    both = living.joined(new_company(scene.raster.inward(strokes), moments, next_id))
    after = _chosen(setting, scene, both, worth, free, most)
    stay = np.isin(both.id, after.id)
    return after, np.concatenate([shares, np.ones(len(strokes), np.float32)])[stay], worth[stay]


def _worth(view: View, layers: Layers, weight: np.ndarray | None) -> np.ndarray:
    worth: np.ndarray = view.removal_costs(layers, weight).numpy() / view.target.image[..., 0].size
    return worth


def _placer(setting: Setting, scene: Scene, rng: np.random.Generator) -> tuple[Placer, float]:
    """What places strokes where the picture changed only, and how large they are, canvas units."""
    masked = replace(scene.target, weight=scene.changed.astype(np.float32))
    views: dict[int, View] = {}

    def view(side: int) -> View:
        if side not in views:
            views[side] = View(masked.at(side), setting.runtime)
        return views[side]

    allowed = scene.raster.allowed(setting.constraints)
    placer = Placer(view, allowed, setting.brush, setting.maps, setting.config, setting.search, rng)
    size = setting.clip.size * math.sqrt(500 / int(setting.config.strokes))
    return placer, placer.within_limits(size / scene.raster.growth)


def _vacancies(setting: Setting, scene: Scene, living: Company) -> tuple[int, int]:
    """How many strokes may be born with nobody dying for it, and how many at most."""
    clip, count = setting.clip, round(int(setting.config.strokes) * scene.room)
    free = max(0, (count if not setting.exact else setting.most) - int((~living.dying).sum()))
    extra = math.ceil(clip.exposed_births * float(scene.exposed.mean()) * count)
    usual = (clip.turnover + clip.ripening_turnover * scene.ripening) * count
    most = min(free + round(usual) + extra, max(1, round(clip.most_births * count)))
    return free, max(most, setting.most - len(living)) if setting.exact else most


def _chosen(setting: Setting, scene: Scene, both: Company, worth: np.ndarray, free: int, most: int) -> Company:
    """Of all of them, those of the scene and then the new ones, those that stay: births by what they gain, deaths by
    what they cost."""
    choice = _Choice(setting, scene, both, worth)
    applicants = choice.applicants()
    choice.thin_out()
    for number, n in enumerate(applicants[:most]):
        if worth[n] < choice.least_gain or not choice.apply(n, number < free):
            break
    if setting.exact:
        for n in [n for n in applicants if not choice.alive[n]][: setting.most - int(choice.alive.sum())]:
            choice.bear(n)
    return choice.company()


class _Choice:
    """Who of all strokes lives: at first those of the scene, who come before the new ones.

    Attributes:
        alive: [N] bool.
        least_gain: what a birth must be worth.
    """

    def __init__(self, setting: Setting, scene: Scene, both: Company, worth: np.ndarray) -> None:
        clip, self._both, self._worth = setting.clip, both, worth
        self._old = np.arange(len(both)) < len(scene.frozen)
        self.alive, self._slope, self._fade = self._old.copy(), both.slope.copy(), both.fade.copy()
        typical = max(0.0, float(np.median(worth[self._old] if self._old.any() else worth)))
        self.least_gain, self._unseen = clip.least_gain * typical, clip.unseen_cost * typical
        self._frames, self._gain_over_cost = clip.fade[scene.covering], clip.gain_over_cost[scene.covering]
        self._most, self._most_seen = int(setting.most * scene.room), setting.most
        pixels = scene.raster.pixels_seen(both.strokes) if scene.raster.overscan else np.zeros(len(both))
        self._seen = pixels > 0  # nobody without an overscan: then all are, and all are counted
        self._soon = _soon(scene, both)
        self._weakest = self._able_to_die(scene)

    def applicants(self) -> list[int]:
        """The new ones, those that are worth most first."""
        new = np.flatnonzero(~self._old)
        found: list[int] = new[np.argsort(-self._worth[new], kind="stable")].tolist()
        return found

    def thin_out(self) -> None:
        """Where the camera brought more into sight than may be seen, the least of what is seen dies."""
        excess = int((self.alive & self._seen).sum()) - self._most_seen
        if excess > 0:
            self.alive[[n for n in self._weakest if self._seen[n]][:excess]] = False
            self._weakest = [n for n in self._weakest if self.alive[n]]

    def apply(self, n: int, free: bool) -> bool:
        """Let a stroke be born, if there is room for it, or if it is worth more than one that gives way.

        Args:
            free: whether nobody need give way, if there is room.

        Returns:
            whether there is hope for those that are worth less.
        """
        crowded = bool(self._seen[n]) and (self.alive & self._seen).sum() >= self._most_seen
        full = crowded or self.alive.sum() >= self._most
        if full or not free:
            loser = next((m for m in self._weakest if self._seen[m] or not crowded), None)
            if loser is None or not self._outdoes(n, loser):
                return crowded  # out of sight there may be room
            self._weakest.remove(loser)
            if not self._bury(loser, at_once=full and self._soon[n]) and full:
                return True  # there will be room once it has faded
        self.bear(n)
        return True

    def bear(self, n: int) -> None:
        """Let a stroke be born."""
        self.alive[n] = True
        if not self._soon[n]:
            self._fade[n] = self._slope[n] = np.float32(1 / self._frames)

    def company(self) -> Company:
        """Those that live."""
        return replace(self._both, slope=self._slope, fade=self._fade)[self.alive]

    def _outdoes(self, n: int, loser: int) -> bool:
        cost = max(self._worth[loser], 0.0)
        return bool(self._worth[n] >= self._gain_over_cost * cost + self.least_gain)

    def _bury(self, n: int, at_once: bool) -> bool:
        """Let a stroke die; whether that is over already."""
        if at_once or self._worth[n] < self._unseen:
            self.alive[n] = False
            return True
        self._slope[n] = -1 / self._frames
        return False

    def _able_to_die(self, scene: Scene) -> list[int]:
        """The least worth first: those where the picture changed, or that nobody sees."""
        able = self._old & ~self._both.dying & (self._both.fade >= 1)
        able[: len(scene.frozen)] &= ~scene.frozen | (self._worth[: len(scene.frozen)] < self._unseen)
        found: list[int] = np.flatnonzero(able)[np.argsort(self._worth[able], kind="stable")].tolist()
        return found


def _soon(scene: Scene, both: Company) -> np.ndarray:
    """[N] bool: whether they stand on picture that was not seen before, so that nothing is there to fade from."""
    grown = cv2.dilate(scene.exposed.astype(np.float32), np.ones((7, 7), np.uint8))
    soon: np.ndarray = share_within(scene.raster.boxes(both.strokes), grown) > SOON
    return soon
