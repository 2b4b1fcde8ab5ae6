"""A search for strokes, and then for their style; or first for a picture in the style, and then for its strokes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from painter.errors import PictureError
from painter.options.paint import MAX_CONTENT_WEIGHT, PaintConfig
from painter.painting.painting import Painting
from painter.painting.stroke_columns import strokes_of
from painter.pictures.photograph import is_photograph
from painter.search.config import GrowthConfig, SearchConfig
from painter.search.plan import planned_iterations
from painter.search.staged_run import Progress, Styled
from painter.search.stroke_count import make_search
from painter.search.subject import Subject
from painter.search.time_budget import TimeBudget
from painter.styling.levels import StyleSearchConfig
from painter.styling.records import Record
from painter.styling.stroke_objective import feature_threads
from painter.styling.stroke_styling import StrokeStyling, StyleProgress
from painter.styling.style import Style
from painter.styling.styled_picture import styled_picture, with_own_light, with_picture
from painter.styling.transfer import Transfer, TransferProgress
from painter.system.snapshot import integer, like, number
from renderers.brushes import BRUSHES
from renderers.order import in_paint_order
from renderers.strokes import Strokes


@dataclass(frozen=True, eq=False)
class StyledSubject(Subject):
    """What is to be painted, and the style that the finished strokes take on."""

    style: Style = field(kw_only=True)

    def fingerprint(self) -> dict[str, Any]:
        """See `Subject.fingerprint`; and the style, by its content."""
        return {**super().fingerprint(), **self.style.fingerprint}

    @property
    def compared_with(self) -> str:
        """See `Subject.compared_with`: the picture has no style."""
        return f"{super().compared_with}, which is not in the style"

    @staticmethod
    def of(subject: Subject, style: Style) -> StyledSubject:
        """A subject with a style. Raises PictureError if nothing of it is to be seen: it has no colours to change."""
        if subject.picture.shape[2] == 4 and not subject.picture[:, :, 3].any():
            raise PictureError("--style-image: the input picture is transparent everywhere; name another picture")
        mode, kind = subject.config.style_mode, style.features.kind
        if mode == "auto":
            mode = "paint" if kind != "random" and is_photograph(subject.picture) else "color"
        changed = {
            "config": replace(subject.config, style_mode=mode, features=kind), "notes": (*subject.notes, *style.notes),
        }  # fmt: skip
        return StyledSubject(**{**subject.fields(), **changed}, style=style)

    def plain(self, config: PaintConfig) -> Subject:
        """The subject without its style, with this configuration."""
        return Subject(**{**self.fields(), "config": config})


class StyledSearch:
    """A `painter.search.staged_run.Run` that searches for strokes and then gives them their style."""

    psnr = None  # against the picture: styled strokes are not meant to come close to it

    def __init__(self, subject: StyledSubject, search: StyleSearchConfig | None = None) -> None:
        self.subject, self._search = subject, search or StyleSearchConfig()
        self._plain = subject.plain(self._painting_config())  # what is painted
        self._picture: Transfer | None = None  # what gives it the style before, in the mode 'paint'
        self._pixels: np.ndarray | None = None  # uint8 [H, W, C], what that has made of it
        if subject.config.style_mode == "paint" and subject.config.style_weight > 0:
            seconds = subject.config.seconds
            share = None if seconds is None else self._search.time_to_style * seconds
            self._picture = styled_picture(subject, subject.style, share, self._search)
        self._painting = make_search(self._plain)
        self.styling: StrokeStyling | None = None  # once the strokes are found
        self._taken = 0  # steps of the search for strokes, once it is over

    @property
    def strokes(self) -> Strokes | None:
        """The strokes as they are."""
        return self._painting.strokes if self.styling is None else self.styling.strokes

    @property
    def styled(self) -> Styled | None:
        """What styling has made of them, once it has begun."""
        if self.styling is not None:
            return self.styling.styled
        if self._pixels is None or self._painting.strokes is None:
            return None
        return Styled(self._painting.strokes, self._plain.ground, None, self._records)

    @property
    def _records(self) -> list[Record]:
        return [] if self._picture is None else self._picture.records

    @property
    def budget(self) -> TimeBudget:
        """The time of what is under way."""
        if self.styling is not None:
            return self.styling.budget
        return self._picture.budget if self._picture is not None and self._pixels is None else self._painting.budget

    @property
    def taken(self) -> int:
        """Steps taken so far, in all."""
        before = 0 if self._picture is None else self._picture.taken
        return before + (self._painting.taken if self.styling is None else self._taken + self.styling.taken)

    def run(self) -> Iterator[Progress]:
        """Search; each step taken yields its progress, the last with the finished strokes."""
        more, before = self._finishing.style_iterations, 0
        if self._picture is not None:
            before = self._picture.config.iterations
            if self._pixels is None:
                yield from self._style_picture(self._picture, planned_steps(self._plain) + more)
        if self.styling is None:
            for progress in self._painting.run():
                self._taken = progress.step
                yield replace(progress, step=before + progress.step, steps=before + progress.steps + more)
            assert self._painting.strokes is not None
            self.styling = self._style(self._painting.strokes)
        before += self._taken
        for progress in self.styling.run():
            yield replace(progress, step=before + progress.step, steps=before + progress.steps)

    def _style_picture(self, picture: Transfer, more: int) -> Iterator[Progress]:
        """Give the picture the style, and make ready to paint it.

        Args:
            more: steps that come after.
        """
        none, steps = no_strokes(self.subject.brush), picture.run()
        while True:
            with feature_threads():
                found = next(steps, None)
            if found is None:
                break
            record = found.record
            yield StyleProgress(
                f"style, scale {record.scale}/{found.scales}", record.iteration, found.iterations + more, none,
                record.total, 0.0, partial(_seen, found), content=record.content, style=record.style, tv=record.tv,
            )  # fmt: skip
        self._paint_instead(picture.result().image)

    def _paint_instead(self, pixels: np.ndarray) -> None:
        """Paint this picture, uint8 [H, W, C]."""
        self._pixels = pixels
        assert self._picture is not None
        image = with_own_light(self._picture, pixels.astype(np.float32) / 255, self._search.own_light)
        self._plain = with_picture(self._plain, image)
        self._painting = make_search(self._plain)

    def state(self) -> dict[str, Any]:
        """Where it stands between two steps, until the next: a tree for `painter.system.snapshot.dump`."""
        before: dict[str, Any] = {}
        if self._picture is not None:
            pixels = None if self._pixels is None else torch.from_numpy(self._pixels)
            before = {"picture": self._picture.state(), "pixels": pixels}
        if self.styling is None:
            painting = self._painting.state()
            return {**before, "painting": painting, "taken": self._taken, "found": None, "styling": None}
        return {
            **before,
            "painting": None,
            "taken": self._taken,
            "found": self.styling.painting.strokes,
            "seconds": self.styling.budget.seconds,
            "styling": self.styling.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Resume as when `state` was taken, of a search for the same: `run` takes the steps to come.

        Raises:
            ValueError, LookupError, TypeError, AttributeError or RuntimeError: it is not such a state.
        """
        self._taken = integer(state["taken"], 0, 10**9)
        if self._picture is not None:
            self._picture.restore(state["picture"])
            if state["pixels"] is not None:
                shape = torch.from_numpy(self.subject.picture)
                self._paint_instead(like(state["pixels"], shape).numpy())
        if state["styling"] is None:
            self._painting.restore(state["painting"])
            return
        seconds = None if state["seconds"] is None else number(state["seconds"], 0)
        self.styling = self._styling(strokes_of(state["found"], self.subject.brush), seconds)
        self.styling.restore(state["styling"])

    def _painting_config(self) -> PaintConfig:
        """What the search for strokes is given: not all of the time."""
        config = self.subject.config
        if config.seconds is None:
            return config
        return replace(config, seconds=max(1.0, (1 - self._search.time_to_style) * config.seconds))

    @property
    def _finishing(self) -> PaintConfig:
        """How the strokes that are found are given the style."""
        config, search = self.subject.config, self._search
        if self._picture is None:
            return config
        steps = round(search.finish_steps * config.style_iterations)
        content = min(MAX_CONTENT_WEIGHT, search.finish_content * config.content_weight)
        return replace(config, style_iterations=steps, content_weight=content)

    def _style(self, strokes: Strokes) -> StrokeStyling:
        """Styling of strokes that are found: as a stroke file would have them, so that restyling it is the same."""
        budget, seconds = self._painting.budget, self.subject.config.seconds
        if seconds is not None and budget.seconds is not None:
            seconds = max(1e-3, seconds - (budget.seconds - budget.seconds_left()))
        styling = self._styling(in_paint_order(strokes, self.subject.aspect), seconds)
        styling.budget.begin()  # kernels have been compiled by now: what comes before the first step counts, too
        return styling

    def _styling(self, strokes: Strokes, seconds: float | None) -> StrokeStyling:
        subject = self.subject
        ground, focus = self._plain.ground, None if self._picture is None else subject.focus
        painting = Painting(strokes, subject.aspect, ground, self._finishing, subject.region, subject.provenance())
        return StrokeStyling(
            painting, subject.style, subject.maps, subject.device, subject.backend, seconds, self._search, focus
        )


def planned_steps(subject: Subject) -> int:
    """Steps that a search for the subject's strokes is likely to take."""
    strokes = subject.config.strokes
    count = GrowthConfig().most if strokes == "auto" else strokes
    return planned_iterations(subject.config, SearchConfig(), count)


def no_strokes(brush: str) -> Strokes:
    """None at all, of this brush."""
    none = torch.zeros(0)
    params = BRUSHES[brush].place(torch.zeros(0, 2), none, none, none, none)
    return Strokes(brush, params, torch.zeros(0, BRUSHES[brush].colors, 3), none, torch.zeros(0, dtype=torch.int64))


def _seen(found: TransferProgress) -> Tensor:
    """[h, w, C] premultiplied, what a canvas would be."""
    image = torch.from_numpy(found.picture()).float() / 255
    return image if image.shape[2] == 3 else torch.cat([image[..., :3] * image[..., 3:], image[..., 3:]], dim=2)
