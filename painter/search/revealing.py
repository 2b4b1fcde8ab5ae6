"""One painting for several pictures: the first strokes show the first of them, and all of them the last.

The strokes of each picture lie on those of the pictures before it. All are optimised together, each under the sum of
the losses of all pictures that it is part of: so an early stroke goes where it serves the later pictures, too.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from painter.options.paint import PaintConfig
from painter.options.reveal import RevealConfig, check_reveal
from painter.painting.painting import Painting
from painter.pictures.arrays import Arrays
from painter.pictures.color import to_hex
from painter.pictures.ground import ground_name
from painter.pictures.metrics import compare
from painter.pictures.palette import read_palette
from painter.pictures.picture import Picture, PictureSource, read_picture
from painter.pictures.proportions import read_fitted
from painter.search.adam import cat_moments, select_moments
from painter.search.parameters import StrokeParameters
from painter.search.pixel_losses import TransportLoss
from painter.search.placer import Placer
from painter.search.plan import Plan, make_plan, split
from painter.search.search import Search, SearchStage
from painter.search.staged_run import Progress
from painter.search.subject import Subject, prepare_subject, region_of, shown_of
from painter.search.target import Target
from painter.search.view import Runtime, View
from renderers.blending import Layers
from renderers.strokes import Strokes


@dataclass(frozen=True, eq=False)
class RevealSubject(Subject):
    """Several pictures that one painting is to show in turn. As a `Subject` it is the last of them."""

    earlier: tuple[Subject, ...]  # of the same canvas, brush and options
    ends: tuple[int, ...]  # after how many strokes each picture is to be seen; the last is all of them

    @property
    def pictures(self) -> tuple[Subject, ...]:
        """All of them, in turn."""
        return (*self.earlier, self)

    def fingerprint(self) -> dict[str, Any]:
        """See `Subject.fingerprint`; and the pictures before the last, and when each is seen."""
        digest = hashlib.sha256("".join(subject.about["sha256"] for subject in self.earlier).encode()).hexdigest()
        return {**super().fingerprint(), "earlier pictures": digest, "--shares": list(self.ends)}

    def runs(self, count: int) -> list[slice]:
        """See `Subject.runs`."""
        ends = [0, *(min(count, end) for end in self.ends)]
        return [slice(first, last) for first, last in pairwise(ends) if last > first]

    def figures(self, painting: Painting) -> dict[str, Any]:
        """See `Subject.figures`: how near the first strokes are to each picture."""
        shown = []
        for subject, end in zip(self.pictures, self.ends, strict=True):
            part = replace(painting, strokes=painting.strokes[:end])
            figures = compare(part.draw_bare(self.working_side), subject.picture)
            shown.append({"picture": subject.about["name"], "strokes": len(part.strokes), **figures})
        return {"revealed": shown}


def prepare_reveal(
    sources: Sequence[PictureSource], config: PaintConfig, reveal: RevealConfig | None = None,
    arrays: Arrays | None = None,
) -> RevealSubject:  # fmt: skip
    """Read the pictures, which get the proportions of the first, and all that `prepare_subject` prepares.

    Args:
        sources: two pictures or more, in turn.

    Raises:
        ImpastoError: as `prepare_subject`; OptionError, too, where options do not go with several pictures.
    """
    arrays = arrays or Arrays()
    config = arrays.applied_to(config)
    check_reveal(config, len(sources))
    assert isinstance(config.strokes, int)
    ends = (reveal or RevealConfig()).ends(config.strokes, len(sources))
    first = read_picture(sources[0], config.working_side)
    pictures = [first, *(read_fitted(source, first) for source in sources[1:])]
    shared = config
    if config.palette is not None:  # one for all pictures
        rgb, shown = np.concatenate([picture.rgb for picture in pictures]), _shown(pictures, config, arrays)
        colors = read_palette(config.palette, rgb, shown, config.seed)
        shared = replace(config, palette=",".join(map(to_hex, colors.tolist())))
    arrays = replace(arrays, palette=None)
    subjects = [prepare_subject(pictures[0], shared, arrays)]
    shared = replace(shared, canvas=ground_name(subjects[0].ground))
    subjects += [prepare_subject(picture, shared, arrays) for picture in pictures[1:]]
    *earlier, last = (replace(subject, config=config) for subject in subjects)
    notes = tuple(dict.fromkeys(note for subject in subjects for note in subject.notes))
    return RevealSubject(**{**last.fields(), "notes": notes}, earlier=tuple(earlier), ends=tuple(ends))


def _shown(pictures: Sequence[Picture], config: PaintConfig, arrays: Arrays) -> np.ndarray | None:
    """See `shown_of`: of pictures of one size, one below the other."""
    region = region_of(pictures[0], config, arrays)
    shown = [shown_of(picture, region) for picture in pictures]
    if all(each is None for each in shown):
        return None
    size = pictures[0].rgb.shape[:2]
    return np.concatenate([np.ones(size, np.float32) if each is None else each for each in shown])


class RevealSearch(Search):
    """Finds the strokes of a painting that shows several pictures in turn."""

    fits = False  # what is best for the last picture is not for those before

    def __init__(self, subject: RevealSubject) -> None:
        runtime = Runtime(torch.device(subject.device), subject.backend)
        super().__init__(subject.target, subject.maps, subject.brush, subject.config, runtime=runtime)
        self.targets: list[Target] = [each.target for each in subject.pictures]
        self.ends = subject.ends
        self._iterations = self.steps  # that are planned for one picture
        self._transports: dict[View, TransportLoss] = {}
        self._views_of: dict[tuple[int, int], View] = {}
        self._placers = [
            Placer(
                partial(self.view_of, k), self.constraints, self.brush, self.maps, self.config, self.search, self.rng
            )
            for k in range(len(self.targets))
        ]
        self.steps = sum(stage.steps for stage in self.stages())

    def view_of(self, picture: int, side: int) -> View:
        """See `Search.view`: of one of the pictures."""
        if (picture, side) not in self._views_of:
            self._views_of[picture, side] = View(self.targets[picture].at(side), self.runtime)
        return self._views_of[picture, side]

    def view(self, side: int) -> View:
        """See `Search.view`: of the last picture."""
        return self.view_of(len(self.targets) - 1, side)

    def stages(self) -> list[SearchStage]:
        """Levels for one picture after the other, then moves and steps for all of them."""
        levels = [
            SearchStage(
                f"picture {k + 1}, level {n}/{len(plan.levels)}", level.side, level.steps, added=level.count,
                size=level.size, picture=k,
            )
            for k, plan in enumerate(self._plans)
            for n, level in enumerate(plan.levels, 1)
        ]  # fmt: skip
        return [*levels, *(stage for stage in super().stages() if not stage.added)]

    @cached_property
    def _plans(self) -> list[Plan]:
        """Of each picture's strokes, as of a painting of them alone."""
        return [
            make_plan(count, self._iterations, self.search, self.config.levels, self.config.seconds)
            for count in self._counts
        ]

    @cached_property
    def _counts(self) -> list[int]:
        """Strokes of each picture."""
        return [last - first for first, last in pairwise((0, *self.ends))]

    def begin(self, stage: SearchStage) -> None:
        """See `Search.begin`. Each picture moves its own weakest strokes, in proportion to their number."""
        self._placer = self._placers[stage.picture]
        if not stage.moved or self._moved_just_now():
            super().begin(stage)
            return
        for k, moved in enumerate(split(stage.moved, self._counts)):
            if moved:
                size = stage.size * math.sqrt(self.ends[-1] / self._counts[k])
                self._move_weakest_of(k, moved, size, stage.side, stage.close)
        self._moved_at = self.taken
        assert self.strokes is not None
        self._parameters = StrokeParameters(self.strokes, self.constraints, self.search, self.moments)

    def step(self, stage: SearchStage, done: float) -> Progress:
        """One step on all strokes there are, under the losses of all pictures that have some."""
        assert self._parameters is not None
        _, maps, _ = self._stage_scenery(stage, self._parameters.start)
        strokes = self._parameters.strokes()
        views = [self.view_of(k, stage.side) for k in range(len(self.targets))]
        layers = views[0].layers(strokes, maps)
        shown = [
            (view, view.composite(view.bare, first)) for view, first in zip(views, self._firsts(layers), strict=False)
        ]
        found = [view.loss(canvas, self.config.loss) for view, canvas in shown]
        loss = torch.stack([each for each, _ in found]).sum()
        if self.config.ot:
            loss = loss + self.config.ot * torch.stack([self._transport(v)(canvas) for v, canvas in shown]).sum()
        self.strokes = self._parameters.descend(loss, self._rate())
        self.taken += 1
        self.psnr = -10 * math.log10(max(sum(error for _, error in found) / len(found), 1e-10))
        seen = shown[-1][1].detach().cpu
        return Progress(stage.name, self.taken, self.steps, self.strokes, float(loss.detach()), self.psnr, seen)

    def _transport(self, view: View) -> TransportLoss:
        if view not in self._transports:
            ground = self._moved(torch.from_numpy(self.target.ground))
            self._transports[view] = TransportLoss(view.image, ground, self.search.transport_side)
        return self._transports[view]

    def _firsts(self, layers: Layers) -> list[Layers]:
        """The layers of each picture that has strokes: its own and all below them."""
        begins = (0, *self.ends[:-1])
        return [
            layers.first(min(end, len(layers))) for begin, end in zip(begins, self.ends, strict=True)
            if begin < len(layers)
        ]  # fmt: skip

    def _move_weakest_of(self, picture: int, count: int, size: float, side: int, close: bool) -> None:
        """See `Search.move_weakest`: of one picture's strokes, by what they are worth to all pictures they are in."""
        assert self.strokes is not None
        begin, end = self.ends[picture] - self._counts[picture], self.ends[picture]
        placer = self._placers[picture]
        size = placer.within_limits(size)
        view = placer.view(size, side)
        with torch.no_grad():
            layers = view.layers(self.strokes, self.maps)
        own = torch.zeros(end - begin, dtype=torch.float64)
        for k, first in list(enumerate(self._firsts(layers)))[picture:]:
            seen = self.view_of(k, max(view.target.image.shape[:2]))
            own += seen.removal_costs(first, seen.target.paint_weight())[begin:end]
        kept = begin + own.argsort(stable=True)[count:].sort().values
        kept = torch.cat([torch.arange(begin), kept, torch.arange(end, len(self.strokes))]).to(self.runtime.device)
        self.moments = select_moments(self.moments or self._fresh_moments(self.strokes), kept)
        self.strokes = self.strokes[kept]
        below = end - count
        with torch.no_grad():
            canvas = view.composite(view.bare, layers.select(kept[:below])).cpu().numpy()
        new, moments = placer.place(count, size, view, canvas, self._plan.places, self._rate(), close)
        total = len(self.strokes)
        order = torch.cat([torch.arange(below), torch.arange(total, total + count), torch.arange(below, total)])
        order = order.to(self.runtime.device)
        self.moments = select_moments(cat_moments(self.moments, moments), order)
        self.strokes = Strokes.cat([self.strokes, new])[order]
