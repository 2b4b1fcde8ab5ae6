"""A clip, painted frame by frame: strokes are carried along, a few die and are born, and all descend a little."""

from __future__ import annotations

from collections.abc import Sequence
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
from painter.video.carrying import Fits, carried, fit_motion, share_within
from painter.video.clip_config import ClipConfig
from painter.video.company import Company, new_company, restored_company
from painter.video.descent import descend
from painter.video.kept_coverage import KeptCoverage, covered_pixels
from painter.video.looking_ahead import LookAhead, Pair, with_overscan
from painter.video.motion import Motion
from painter.video.raster import Raster, scaled
from painter.video.stroke_video import FilmFrame
from painter.video.turnover import Scene, Setting, turn_over
from renderers.order import arrange
from renderers.strokes import Strokes

_PICTURES = ("_shot", "_painted", "_source", "_ripening", "_known")  # of a painter, in its state
MARGIN = 0.5  # canvas units: how far outside the canvas a stroke's middle may be, while its end still shows


def frames_ahead(clip: ClipConfig, exact: bool) -> int:
    """How many frames to come the painter of a clip looks at: none where there are exactly so many strokes."""
    return 0 if exact else clip.ahead


@dataclass(frozen=True, eq=False)
class OpenConstraints(Constraints):
    """Strokes may leave the canvas."""

    def strokes(self, wanted: Strokes, shapes: bool = True) -> Strokes:
        """See `Constraints.strokes`."""
        limits = self.limits
        wide = replace(limits, width=limits.width + 2 * MARGIN, height=limits.height + 2 * MARGIN)
        inside = Constraints(wide, self.opacity, self.palette).strokes(scaled(wanted, 1.0, MARGIN), shapes)
        return scaled(inside, 1.0, -MARGIN)


class ClipPainter:
    """Paints the frames of one clip in turn.

    Args:
        config: of a painting; `strokes` is a number.
        clip: how frames follow each other.
        exact: whether there are exactly `config.strokes` strokes at any time, instead of a tenth more at most.
            Then nothing is painted ahead.
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
        self._in_sight: int  # how many of the living show: they come first
        self._painted: np.ndarray  # uint8 [H, W, 3]: the source as it was painted last, pixel by pixel
        self._source: np.ndarray  # uint8 [H, W, 3]: the frame before
        self._coverage = KeptCoverage()
        self._whole: Raster  # with the overscan that is painted where the camera moves
        self._raster: Raster  # of this frame: that, or the picture alone
        self._look_ahead: LookAhead
        self._known: np.ndarray  # bool [H', W'], of the whole: where it is known what is to be painted
        self._ripening: np.ndarray  # int32 [H', W']: for how many more frames what came into sight is worked on

    @property
    def ahead(self) -> int:
        """How many frames to come `next` can use."""
        return frames_ahead(self.clip, self.exact)

    @ordinary_tensors()
    def next(self, image: np.ndarray, ahead: Sequence[np.ndarray] = ()) -> FilmFrame:
        """Paint the next frame.

        Args:
            image: uint8 [H, W, 3] sRGB; of the same size for all frames.
            ahead: the frames that come after it, see `painter.video.looking_ahead.with_ahead`. What the camera will
                bring into sight is painted before it does. It is quicker if they are the same arrays when their turn
                comes.
        """
        with one_torch_thread():
            frame = self._begin_shot(image) if self._shot is None else self._follow(image, ahead[: self.ahead])
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
        self._living, self._in_sight = new_company(strokes, moments, self._next_id), len(strokes)
        self._next_id += len(strokes)
        self._painted = self._source = image
        self._known, self._ripening = self._whole.picture, np.zeros(self._whole.shape, np.int32)
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
        size, overscan = image.shape[:2], 0 if self.exact else round(self.clip.overscan * max(image.shape[:2]))
        self._whole, self._raster = Raster(size, overscan), Raster(size, 0)
        self._look_ahead = LookAhead(self.clip, self._whole)

    # --- the others ------------------------------------------------------------------------------------------------

    def _follow(self, image: np.ndarray, ahead: Sequence[np.ndarray]) -> FilmFrame:
        clip = self.clip
        pair = self._pair(image)
        if not (pair.changed.any() or self._living.slope.any() or self._ripening.any()):
            self._source = image
            return self.shown(still=True)
        motion = pair.motion
        if motion.lost > clip.shot:
            return self._begin_shot(image)
        self._painted = np.where(motion.changed[..., None], image, self._painted)
        motion = self._with_overscan(motion, image, ahead)
        motion = replace(motion, changed=motion.changed | self._still_ripening(motion.exposed))
        living = self._living.faded()
        fits = fit_motion(self._raster.boxes(living.strokes), living.opacity, motion, clip)
        living, frozen = self._carry(living, fits, self._raster.pixel)
        living, frozen, seen, worth = self._turn_over(living, frozen, motion)
        free = ~(frozen | living.dying)
        living = self._descend(living, free, seen * self._pace(living, motion), worth, motion)
        self._living, self._in_sight = self._sorted(self._fitted(living, free, motion))
        self._source = image
        return self.shown()

    def _pair(self, image: np.ndarray) -> Pair:
        """The frame before and this one, against what was painted."""
        if np.array_equal(self._painted, self._source):
            return self._look_ahead.taken(self._source, image)
        return Pair(self._source, image, self.clip, self._painted)

    def _with_overscan(self, motion: Motion, image: np.ndarray, ahead: Sequence[np.ndarray]) -> Motion:
        """The motion on the raster of this frame: with an overscan where frames to come show what is there, or where it
        was painted for this frame."""
        camera_moves = motion.camera is not None and not self.clip.things_cover(motion.unexplained)
        before, (whole, known) = self._known, self._look_ahead.around(image, ahead if camera_moves else ())
        self._known = known
        area = image.shape[0] * image.shape[1]
        if known.sum() == area and before.sum() == area:
            self._raster = Raster(self._whole.size, 0)
            return motion
        self._raster = self._whole
        return with_overscan(motion, self._raster, whole, known, before)

    def _here(self, values: np.ndarray) -> np.ndarray:
        """What is kept of the whole [H', W'], on the raster of this frame."""
        return values if self._raster.overscan else self._whole.seen(values)

    def _still_ripening(self, exposed: np.ndarray) -> np.ndarray:
        """[H, W] bool: what came into sight now, or not long ago; one frame passes."""
        grown = cv2.dilate(exposed.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        left = np.where(grown, self.clip.ripening, np.maximum(self._here(self._ripening) - 1, 0)).astype(np.int32)
        left *= self._here(self._known)
        self._ripening = left if self._raster.overscan else self._whole.padded(left)
        return left > 0

    def _carry(self, living: Company, fits: Fits, pixel: float) -> tuple[Company, np.ndarray]:
        """The living where the flow takes them, without those that left or are dead; who of them is frozen."""
        shape = self._raster.shape
        frozen = (fits.changed < self.clip.freeze) & ~fits.boxes.off(shape)
        moved = _rows(carried(living.strokes, fits.similarity, pixel), living.strokes, frozen)
        kept = ~self._raster.boxes(moved).off(shape) & ~(living.dying & (living.fade <= 0))
        return replace(living, strokes=moved)[kept], frozen[kept]

    def _turn_over(
        self, living: Company, frozen: np.ndarray, motion: Motion
    ) -> tuple[Company, np.ndarray, np.ndarray, np.ndarray]:
        """Births and deaths; who of those that live then is frozen, what is seen of each, and what it is worth."""
        urgency, covering = self.clip.urgency(motion.unexplained), self.clip.things_cover(motion.unexplained)
        ripening = urgency * float((self._whole.seen(self._ripening) > 0).mean())
        scene = Scene(
            self._raster, self._target(motion), motion.changed, motion.exposed, frozen, ripening, covering
        )  # fmt: skip
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
        boxes = self._raster.boxes(living.strokes)
        trust = np.exp(-motion.error[boxes.pixels(shape)] / self.clip.trust)
        held = (trust * np.sqrt(worth.clip(min=0))).astype(np.float32)
        covering = self.clip.things_cover(motion.unexplained)
        return descend(self._setting, living, free, pace, held, self._target(motion), self._raster, covering)

    def _fitted(self, living: Company, free: np.ndarray, motion: Motion) -> Company:
        """The living, those that are free with the best colours for what is drawn."""
        if not can_fit(self.config, self._subject.target):
            return living
        target, sweeps = self._target(motion), self.clip.fit_sweeps
        settled = self._raster.outward(living.settled())
        coverage = self._coverage.of(settled, *target.image.shape[:2])
        fitted, _ = fit_colors(settled, target, self.config.loss, sweeps, free=free, coverage=coverage)
        return replace(living, strokes=replace(living.strokes, colors=fitted.colors))

    def _pace(self, living: Company, motion: Motion) -> np.ndarray:
        """[N] float32: how fast each descends, against the rate.

        Where the flow explains all, the strokes are where they belong, and full steps would only make them tremble;
        where things cover each other, all that overlap must give way; what stands where something came into sight not
        long ago has the most to learn; and in the overscan nobody sees what trembles.
        """
        clip, urgency, boxes = self.clip, self.clip.urgency(motion.unexplained), self._raster.boxes(living.strokes)
        ripening = share_within(boxes, (self._here(self._ripening) > 0).astype(np.float32))
        more = (clip.ripening_pace - 1) * (0.5 + 0.5 * urgency) * ripening
        pace = (clip.least_pace + (1 - clip.least_pace) * urgency) * (1 + more)
        if self._raster.overscan:
            pace = np.where(self._raster.pixels_seen(living.strokes) > 0, pace, np.maximum(pace, 1.0))
        found: np.ndarray = pace.astype(np.float32)
        return found

    def _target(self, motion: Motion) -> Target:
        """What is painted: the frame, where it changed, and of the overscan what is known."""
        weight = self._known.astype(np.float32) if self._raster.overscan else None
        return replace(self._subject.target, image=motion.target, weight=weight)

    def shown(self, cut: bool = False, still: bool = False) -> FilmFrame:
        """The last frame."""
        assert self._subject.ground is not None
        living = self._living[np.arange(self._in_sight)]
        return FilmFrame(living.seen(), living.id, self._subject.ground, cut, still)

    def _sorted(self, living: Company) -> tuple[Company, int]:
        """The living, those first who show, and how many these are: who comes into sight lies on top of all that did so
        before, as in a stroke video, and who does not show yet on top of them, which nobody sees."""
        if not self._raster.overscan:
            return living, len(living)
        seen = self._who_shows(living)
        return living[np.argsort(~seen, kind="stable")], int(seen.sum())

    def _who_shows(self, living: Company) -> np.ndarray:
        """[N] bool: who of the living shows in the picture, or just beside it, where a larger drawing may differ; not
        those that cover the fewest pixels, if they are too many."""
        raster = self._raster
        coverage = self._coverage.of(raster.outward(living.settled()), *raster.shape)
        near = cv2.dilate(raster.picture.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        pixels = covered_pixels(coverage, near)
        seen: np.ndarray = pixels > 0
        seen[np.argsort(-pixels, kind="stable")[self._setting.most :]] = False
        return seen

    # --- saved and resumed -----------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Where it stands between two frames: a tree for `painter.system.snapshot.dump`."""
        assert self._shot is not None
        pictures = {name: torch.from_numpy(getattr(self, name)) for name in _PICTURES}
        return {
            "count": self._count, "next_id": self._next_id, "rng": self._rng.bit_generator.state, **pictures,
            "living": self._living.state(), "in_sight": self._in_sight,
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
        shot, *pictures = (state[name].numpy() for name in _PICTURES)
        self._painted, self._source, self._ripening, self._known = pictures
        self._set_shot(shot)
        self._living = restored_company(state["living"], self._setting.brush, self._fresh_moments)
        self._in_sight = integer(state["in_sight"], 0, len(self._living))

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
