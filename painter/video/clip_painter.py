"""A clip, painted frame by frame: strokes are carried along, a few die and are born, and all descend a little."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from painter.options.paint import PaintConfig
from painter.search.adam import Moments, StrokeAdam, select_moments
from painter.search.config import SearchConfig
from painter.search.parameters import Constraints, StrokeParameters, natural_steps
from painter.search.search import Search
from painter.search.subject import Subject, prepare_subject
from painter.search.view import Runtime, View
from painter.system.devices import one_torch_thread, ordinary_tensors
from painter.system.snapshot import integer
from painter.video.carrying import Boxes, Fits, carried, fit_motion
from painter.video.clip_config import ClipConfig
from painter.video.company import Company, new_company, restored_company
from painter.video.motion import Motion, changed_pixels, follow_motion, noise_level
from painter.video.stroke_video import FilmFrame
from painter.video.turnover import Scene, Studio, turn_over
from painter.video.visibility import visible_shares
from renderers.order import arrange
from renderers.strokes import Strokes

SMALL_SIDE = 192  # pixels
MARGIN = 0.5  # canvas units: how far outside the canvas a stroke's middle may be, while its end still shows


@dataclass(frozen=True, eq=False)
class OpenConstraints(Constraints):
    """Strokes may leave the canvas."""

    def strokes(self, wanted: Strokes, shapes: bool = True) -> Strokes:
        """See `Constraints.strokes`."""
        limits = self.limits
        wide = replace(limits, width=limits.width + 2 * MARGIN, height=limits.height + 2 * MARGIN)
        return _shifted(
            Constraints(wide, self.opacity, self.palette).strokes(_shifted(wanted, MARGIN), shapes), -MARGIN
        )


class ClipPainter:
    """Paints the frames of one clip in turn.

    Args:
        config: of a painting; `strokes` is a number.
        clip: how frames follow each other.
        exact: whether there are exactly `config.strokes` strokes at any time, instead of a tenth more at most.
    """

    def __init__(self, config: PaintConfig, clip: ClipConfig | None = None, exact: bool = False) -> None:
        assert isinstance(config.strokes, int)
        self.config, self.clip, self.exact = config, clip or ClipConfig(), exact
        self.frame = -1
        self._rng = np.random.default_rng(config.seed)
        self._next_id = 0
        self._shot: np.ndarray | None = None  # uint8 [H, W, 3], the picture that the shot began with
        self._subject: Subject
        self._studio: Studio
        self._living: Company
        self._painted: np.ndarray  # uint8 [H, W, 3]: the source as it was painted last, pixel by pixel
        self._source: np.ndarray  # uint8 [H, W, 3]: the frame before

    @ordinary_tensors()
    def next(self, image: np.ndarray) -> FilmFrame:
        """Paint the next frame.

        Args:
            image: uint8 [H, W, 3] sRGB; of the same size for all frames.
        """
        self.frame += 1
        with one_torch_thread():
            return self._begin_shot(image) if self._shot is None else self._follow(image)

    # --- the first frame of a shot ---------------------------------------------------------------------------------

    def _begin_shot(self, image: np.ndarray) -> FilmFrame:
        self._set_shot(image)
        search = Search.of(self._subject)
        for _ in search.run():
            pass
        assert search.strokes is not None and search.moments is not None
        order = arrange(search.strokes, self._subject.aspect)
        strokes, moments = search.strokes[order], select_moments(search.moments, order)
        self._living = new_company(strokes, moments, self._next_id)
        self._next_id += len(strokes)
        self._painted = self._source = image
        return self.shown(cut=True)

    def _set_shot(self, image: np.ndarray) -> None:
        """What all frames of the shot share that begins with this picture."""
        self._shot, search = image, SearchConfig()
        self._subject = prepare_subject(image, self.config)
        subject, target = self._subject, self._subject.target
        palette = None if target.palette is None else torch.from_numpy(target.palette)
        allowed = Constraints.of(self.config, target.image.shape[:2], target.opacity, palette)
        count = int(self.config.strokes)
        self._studio = Studio(
            self.config, search, self.clip, OpenConstraints(allowed.limits, allowed.opacity, allowed.palette),
            subject.maps, subject.brush, Runtime(torch.device(subject.device), subject.backend),
            count if self.exact else int(1.1 * count), self.exact,
        )  # fmt: skip

    # --- the others ------------------------------------------------------------------------------------------------

    def _follow(self, image: np.ndarray) -> FilmFrame:
        clip = self.clip
        now, before, source = (values.astype(np.float32) / 255 for values in (image, self._painted, self._source))
        changed = changed_pixels(before, now, noise_level(source, now), clip)
        if not changed.any() and not self._living.slope.any():
            self._source = image
            return self.shown(still=True)
        motion = follow_motion(before, now, changed, clip)
        if motion.lost > clip.shot:
            return self._begin_shot(image)
        living = self._living.faded()
        pixel = 1 / max(image.shape[:2])
        fits = fit_motion(living.strokes, living.opacity, motion, pixel, clip)
        shares = visible_shares(self._small_view(), living.settled(), self._studio.maps)
        known = dict(zip(living.id.tolist(), shares.tolist(), strict=True))
        living, frozen = self._carry(living, fits, pixel)
        living, frozen = self._turn_over(living, frozen, motion)
        pace = np.array([known.get(n, 1.0) for n in living.id.tolist()], np.float32)
        self._living = self._descend(living, frozen, pace, motion)
        self._painted = np.where(changed[..., None], image, self._painted)
        self._source = image
        return self.shown()

    def _carry(self, living: Company, fits: Fits, pixel: float) -> tuple[Company, np.ndarray]:
        """The living where the flow takes them, without those that left or are dead; who of them is frozen."""
        shape = self._painted.shape
        frozen = (fits.changed < self.clip.freeze) & ~fits.boxes.off(shape)
        moved = _rows(carried(living.strokes, fits.similarity, pixel), living.strokes, frozen)
        kept = ~Boxes.of(moved, pixel).off(shape) & ~(living.dying & (living.fade <= 0))
        return replace(living, strokes=moved)[kept], frozen[kept]

    def _turn_over(self, living: Company, frozen: np.ndarray, motion: Motion) -> tuple[Company, np.ndarray]:
        """Births and deaths; who of those that live then is frozen."""
        target = replace(self._subject.target, image=motion.target, weight=None)
        scene = Scene(target, motion.changed, motion.exposed, frozen)
        after = turn_over(self._studio, scene, living, self._next_id, self._rng)
        self._next_id = max(self._next_id, int(after.id.max(initial=-1)) + 1)
        return after, np.isin(after.id, living.id[frozen])

    def _descend(self, living: Company, frozen: np.ndarray, pace: np.ndarray, motion: Motion) -> Company:
        """A few steps of all strokes but the frozen ones, held where the flow took them as far as it can be trusted."""
        clip, start = self.clip, living.strokes
        fixed = frozen | living.dying
        if fixed.all():
            return living
        view = View(replace(self._subject.target, image=motion.target, weight=None), self._studio.runtime)
        boxes = Boxes.of(start, view.pixel)
        trust = np.exp(-motion.error[boxes.pixels(motion.error.shape)] / clip.trust).astype(np.float32)
        moments = select_moments(living.moments, torch.arange(len(living)))
        parameters = StrokeParameters(start, self._studio.constraints, self._studio.search, moments)
        hold = torch.from_numpy(clip.hold * trust)
        fade = torch.from_numpy(living.settled_fade)
        _set_pace(parameters, np.where(fixed, 0.0, pace * self._urgency(motion)))
        steps, strokes = clip.steps, start
        for step in range(steps):
            now = parameters.strokes()
            seen = Strokes(now.brush, now.params, now.colors, now.opacity * fade, now.seed)
            loss, _ = view.loss(view.render(seen, self._studio.maps), self.config.loss)
            loss = loss + (hold * self._strayed(parameters, start)).mean()
            strokes = parameters.descend(loss, clip.rate * (0.5 + 0.5 * math.cos(math.pi * step / steps)))
        strokes, moments = _rows(strokes, start, fixed), _kept(moments, living.moments, fixed)
        return replace(living, strokes=strokes, moments=moments)

    def _urgency(self, motion: Motion) -> float:
        """In (0, 1]: how much there is to learn. Where the flow explains all, the strokes are where they belong, and
        full steps would only make them tremble; where things cover each other, all that overlap must give way."""
        clip = self.clip
        little, much = clip.unexplained
        return clip.least_pace + (1 - clip.least_pace) * min(
            max((motion.unexplained - little) / (much - little), 0.0), 1.0
        )

    def _small_view(self) -> View:
        """A canvas on which it is looked at how much of each stroke is seen."""
        return View(self._subject.target.at(SMALL_SIDE), self._studio.runtime)

    def _strayed(self, parameters: StrokeParameters, start: Strokes) -> torch.Tensor:
        """[N]: squared distance from where the flow took them, in natural steps; of colours and opacity in full ranges:
        light changes as things turn."""
        search = self._studio.search
        steps = natural_steps(start, search)
        far = (parameters.colors - start.colors).square().sum(dim=(1, 2))
        far = far + (parameters.opacity - start.opacity).square()
        for name, values in parameters.shape.items():
            far = far + ((values - start.params[name]) / steps[name]).square()
        return far

    def shown(self, cut: bool = False, still: bool = False) -> FilmFrame:
        """The last frame."""
        assert self._subject.ground is not None
        return FilmFrame(self._living.seen(), self._living.id, self._subject.ground, cut, still)

    # --- saved and resumed -----------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Where it stands between two frames: a tree for `painter.system.snapshot.dump`."""
        assert self._shot is not None
        pictures = {name: torch.from_numpy(getattr(self, name)) for name in ("_shot", "_painted", "_source")}
        return {
            "frame": self.frame, "next_id": self._next_id, "rng": self._rng.bit_generator.state, **pictures,
            "living": self._living.state(),
        }  # fmt: skip

    @ordinary_tensors()
    def restore(self, state: dict[str, Any]) -> None:
        """Resume as when `state` was taken, of a clip painted with the same arguments.

        Raises:
            ValueError, LookupError, TypeError, AttributeError or RuntimeError: it is not such a state.
        """
        self.frame, self._next_id = integer(state["frame"], 0, 10**9), integer(state["next_id"], 0, 2**60)
        self._rng.bit_generator.state = state["rng"]
        shot, self._painted, self._source = (state[name].numpy() for name in ("_shot", "_painted", "_source"))
        self._set_shot(shot)
        self._living = restored_company(state["living"], self._studio.brush, self._fresh_moments)

    def _fresh_moments(self, strokes: Strokes) -> Moments:
        return StrokeParameters(strokes, self._studio.constraints, self._studio.search).moments


def _set_pace(parameters: StrokeParameters, pace: np.ndarray) -> None:
    """Let strokes [N] take steps of this share of the rate."""
    paces = torch.from_numpy(pace.astype(np.float32))
    assert isinstance(parameters.optimizer, StrokeAdam)
    for unit in parameters.optimizer.units.values():
        unit.mul_(paces.view(-1, *[1] * (unit.ndim - 1)))


def _rows(new: Strokes, old: Strokes, kept: np.ndarray) -> Strokes:
    """`old` where `kept` [N], to the byte, else `new`."""

    def pick(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.where(torch.from_numpy(kept).view(-1, *[1] * (x.ndim - 1)), y, x)

    params = {name: pick(new.params[name], old.params[name]) for name in new.params}
    return Strokes(new.brush, params, pick(new.colors, old.colors), pick(new.opacity, old.opacity), old.seed)


def _kept(new: Moments, old: Moments, kept: np.ndarray) -> Moments:
    """The moments `old` where `kept` [N], else `new`."""
    mask = torch.from_numpy(kept)
    return {
        name: tuple(
            torch.where(mask.view(-1, *[1] * (x.ndim - 1)), y, x) for x, y in zip(new[name], old[name], strict=True)
        )
        for name in new
    }


def _shifted(strokes: Strokes, by: float) -> Strokes:
    """The strokes moved right and down by so many canvas units."""
    params = {name: values + by if name[0] in "xy" else values for name, values in strokes.params.items()}
    return Strokes(strokes.brush, params, strokes.colors, strokes.opacity, strokes.seed)
