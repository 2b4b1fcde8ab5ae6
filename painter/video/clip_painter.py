"""A clip, painted frame by frame: strokes are carried along, a few die and are born, and all descend a little."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import torch

from painter.options.paint import PaintConfig
from painter.search.adam import Moments, select_moments
from painter.search.color_fit import can_fit, fit_colors
from painter.search.config import SearchConfig
from painter.search.parameters import Constraints, StrokeParameters
from painter.search.search import Search
from painter.search.subject import Subject, prepare_subject
from painter.search.target import Target
from painter.search.view import Runtime
from painter.system.devices import one_torch_thread, ordinary_tensors
from painter.system.snapshot import integer
from painter.video.carrying import Boxes, Fits, carried, fit_motion, share_within
from painter.video.clip_config import ClipConfig
from painter.video.company import Company, new_company, restored_company
from painter.video.descent import descend
from painter.video.kept_coverage import KeptCoverage
from painter.video.motion import Motion, changed_pixels, follow_motion, noise_level
from painter.video.stroke_video import FilmFrame
from painter.video.turnover import Scene, Setting, turn_over
from renderers.order import arrange
from renderers.strokes import Strokes

_PICTURES = ("_shot", "_painted", "_source", "_ripening")  # of a painter, in its state
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
        first: number of the frame it begins with. From a cut on the strokes are the same, but for their identities,
            whatever was painted before.
    """

    def __init__(
        self, config: PaintConfig, clip: ClipConfig | None = None, exact: bool = False, first: int = 0
    ) -> None:
        assert isinstance(config.strokes, int)
        self.config, self.clip, self.exact = config, clip or ClipConfig(), exact
        self._rng: np.random.Generator  # of the shot
        self._count = first  # frames of the clip before the next one
        self._next_id = 0
        self._shot: np.ndarray | None = None  # uint8 [H, W, 3], the picture that the shot began with
        self._subject: Subject
        self._setting: Setting
        self._living: Company
        self._painted: np.ndarray  # uint8 [H, W, 3]: the source as it was painted last, pixel by pixel
        self._source: np.ndarray  # uint8 [H, W, 3]: the frame before
        self._coverage = KeptCoverage()
        self._ripening: np.ndarray  # int32 [H, W]: for how many more frames what came into sight is worked on

    @ordinary_tensors()
    def next(self, image: np.ndarray) -> FilmFrame:
        """Paint the next frame.

        Args:
            image: uint8 [H, W, 3] sRGB; of the same size for all frames.
        """
        with one_torch_thread():
            frame = self._begin_shot(image) if self._shot is None else self._follow(image)
        self._count += 1
        return frame

    # --- the first frame of a shot ---------------------------------------------------------------------------------

    def _begin_shot(self, image: np.ndarray) -> FilmFrame:
        self._set_shot(image)
        self._rng = np.random.default_rng([self.config.seed, self._count])
        search = Search.of(self._subject)
        for _ in search.run():
            pass
        assert search.strokes is not None and search.moments is not None
        order = arrange(search.strokes, self._subject.aspect)
        strokes, moments = search.strokes[order], select_moments(search.moments, order)
        self._living = new_company(strokes, moments, self._next_id)
        self._next_id += len(strokes)
        self._painted = self._source = image
        self._ripening = np.zeros(image.shape[:2], np.int32)
        return self.shown(cut=True)

    def _set_shot(self, image: np.ndarray) -> None:
        """What all frames of the shot share that begins with this picture."""
        self._shot, search = image, replace(SearchConfig(), settling_steps=self.clip.settling_steps)
        self._subject = prepare_subject(image, self.config)
        subject, target = self._subject, self._subject.target
        palette = None if target.palette is None else torch.from_numpy(target.palette)
        allowed = Constraints.of(self.config, target.image.shape[:2], target.opacity, palette)
        count = int(self.config.strokes)
        self._setting = Setting(
            self.config, search, self.clip, OpenConstraints(allowed.limits, allowed.opacity, allowed.palette),
            subject.maps, subject.brush, Runtime(torch.device(subject.device), subject.backend),
            count if self.exact else int(1.1 * count), self.exact,
        )  # fmt: skip

    # --- the others ------------------------------------------------------------------------------------------------

    def _follow(self, image: np.ndarray) -> FilmFrame:
        clip = self.clip
        now, before, source = (values.astype(np.float32) / 255 for values in (image, self._painted, self._source))
        changed = changed_pixels(before, now, noise_level(source, now), clip)
        if not (changed.any() or self._living.slope.any() or self._ripening.any()):
            self._source = image
            return self.shown(still=True)
        motion = follow_motion(before, now, changed, clip)
        if motion.lost > clip.shot:
            return self._begin_shot(image)
        self._painted = np.where(motion.changed[..., None], image, self._painted)
        motion = replace(motion, changed=motion.changed | self._still_ripening(motion.exposed))
        living = self._living.faded()
        pixel = 1 / max(image.shape[:2])
        fits = fit_motion(living.strokes, living.opacity, motion, pixel, clip)
        living, frozen = self._carry(living, fits, pixel)
        living, frozen, seen, worth = self._turn_over(living, frozen, motion)
        free = ~(frozen | living.dying)
        living = self._descend(living, free, seen * self._pace(living, motion), worth, motion)
        self._living = self._fitted(living, free, motion)
        self._source = image
        return self.shown()

    def _still_ripening(self, exposed: np.ndarray) -> np.ndarray:
        """[H, W] bool: what came into sight now, or not long ago; one frame passes."""
        grown = cv2.dilate(exposed.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        self._ripening = np.where(grown, self.clip.ripening, np.maximum(self._ripening - 1, 0)).astype(np.int32)
        return self._ripening > 0

    def _carry(self, living: Company, fits: Fits, pixel: float) -> tuple[Company, np.ndarray]:
        """The living where the flow takes them, without those that left or are dead; who of them is frozen."""
        shape = self._painted.shape
        frozen = (fits.changed < self.clip.freeze) & ~fits.boxes.off(shape)
        moved = _rows(carried(living.strokes, fits.similarity, pixel), living.strokes, frozen)
        kept = ~Boxes.of(moved, pixel).off(shape) & ~(living.dying & (living.fade <= 0))
        return replace(living, strokes=moved)[kept], frozen[kept]

    def _turn_over(
        self, living: Company, frozen: np.ndarray, motion: Motion
    ) -> tuple[Company, np.ndarray, np.ndarray, np.ndarray]:
        """Births and deaths; who of those that live then is frozen, what is seen of each, and what it is worth."""
        ripening = self._urgency(motion) * float((self._ripening > 0).mean())
        covering = self._covering(motion)
        scene = Scene(self._target(motion), motion.changed, motion.exposed, frozen, ripening, covering)
        after, seen, worth = turn_over(self._setting, scene, living, self._next_id, self._rng)
        self._next_id = max(self._next_id, int(after.id.max(initial=-1)) + 1)
        return after, np.isin(after.id, living.id[frozen]), seen, worth

    def _descend(
        self, living: Company, free: np.ndarray, pace: np.ndarray, worth: np.ndarray, motion: Motion
    ) -> Company:
        """A few steps of the free strokes, held where the flow took them as far as it can be trusted.

        What a stroke loses by straying a little is in proportion to how much it differs from what it covers, and so to
        the root of what it is worth: so strongly is it held, in bright pictures and in dark, smooth ones.
        """
        shape = motion.error.shape
        boxes = Boxes.of(living.strokes, 1 / max(shape))
        trust = np.exp(-motion.error[boxes.pixels(shape)] / self.clip.trust)
        held = (trust * np.sqrt(worth.clip(min=0))).astype(np.float32)
        return descend(self._setting, living, free, pace, held, self._target(motion), self._covering(motion))

    def _fitted(self, living: Company, free: np.ndarray, motion: Motion) -> Company:
        """The living, those that are free with the best colours for what is drawn."""
        if not can_fit(self.config, self._subject.target):
            return living
        target, sweeps, settled = self._target(motion), self.clip.fit_sweeps, living.settled()
        coverage = self._coverage.of(settled, *target.image.shape[:2])
        fitted, _ = fit_colors(settled, target, self.config.loss, sweeps, free=free, coverage=coverage)
        return replace(living, strokes=replace(living.strokes, colors=fitted.colors))

    def _pace(self, living: Company, motion: Motion) -> np.ndarray:
        """[N] float32: how fast each descends, against the rate.

        Where the flow explains all, the strokes are where they belong, and full steps would only make them tremble;
        where things cover each other, all that overlap must give way; and what stands where something came into sight
        not long ago has the most to learn.
        """
        clip, urgency = self.clip, self._urgency(motion)
        pixel = 1 / max(motion.changed.shape)
        ripening = share_within(Boxes.of(living.strokes, pixel), (self._ripening > 0).astype(np.float32))
        more = (clip.ripening_pace - 1) * (0.5 + 0.5 * urgency) * ripening
        pace: np.ndarray = ((clip.least_pace + (1 - clip.least_pace) * urgency) * (1 + more)).astype(np.float32)
        return pace

    def _covering(self, motion: Motion) -> bool:
        """Whether things cover each other; otherwise it is the camera that moves."""
        return self._urgency(motion) > 0.5

    def _urgency(self, motion: Motion) -> float:
        """In [0, 1]: how much of the picture is not explained by what moved."""
        little, much = self.clip.unexplained
        return min(max((motion.unexplained - little) / (much - little), 0.0), 1.0)

    def _target(self, motion: Motion) -> Target:
        """What is painted: the frame, where it changed."""
        return replace(self._subject.target, image=motion.target, weight=None)

    def shown(self, cut: bool = False, still: bool = False) -> FilmFrame:
        """The last frame."""
        assert self._subject.ground is not None
        return FilmFrame(self._living.seen(), self._living.id, self._subject.ground, cut, still)

    # --- saved and resumed -----------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Where it stands between two frames: a tree for `painter.system.snapshot.dump`."""
        assert self._shot is not None
        pictures = {name: torch.from_numpy(getattr(self, name)) for name in _PICTURES}
        return {
            "count": self._count, "next_id": self._next_id, "rng": self._rng.bit_generator.state, **pictures,
            "living": self._living.state(),
        }  # fmt: skip

    @ordinary_tensors()
    def restore(self, state: dict[str, Any]) -> None:
        """Resume as when `state` was taken, of a clip painted with the same arguments.

        Raises:
            ValueError, LookupError, TypeError, AttributeError or RuntimeError: it is not such a state.
        """
        self._count, self._next_id = integer(state["count"], 0, 2**60), integer(state["next_id"], 0, 2**60)
        self._rng = np.random.default_rng()
        self._rng.bit_generator.state = state["rng"]
        shot, self._painted, self._source, self._ripening = (state[name].numpy() for name in _PICTURES)
        self._set_shot(shot)
        self._living = restored_company(state["living"], self._setting.brush, self._fresh_moments)

    def _fresh_moments(self, strokes: Strokes) -> Moments:
        return StrokeParameters(strokes, self._setting.constraints, self._setting.search).moments


def _rows(new: Strokes, old: Strokes, kept: np.ndarray) -> Strokes:
    """`old` where `kept` [N], to the byte, else `new`."""

    params = {name: _picked(new.params[name], old.params[name], kept) for name in new.params}
    colors, opacity = _picked(new.colors, old.colors, kept), _picked(new.opacity, old.opacity, kept)
    return Strokes(new.brush, params, colors, opacity, old.seed)


def _picked(new: torch.Tensor, old: torch.Tensor, kept: np.ndarray) -> torch.Tensor:
    """[N, …]: `old` where `kept` [N], else `new`."""
    return torch.where(_beside(kept, new), old, new)


def _beside(values: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    """A number for each stroke [N], as a tensor that goes with `like` [N, …]."""
    return torch.from_numpy(values).view(-1, *[1] * (like.ndim - 1))


def _shifted(strokes: Strokes, by: float) -> Strokes:
    """The strokes moved right and down by so many canvas units."""
    params = {name: values + by if name[0] in "xy" else values for name, values in strokes.params.items()}
    return Strokes(strokes.brush, params, strokes.colors, strokes.opacity, strokes.seed)
