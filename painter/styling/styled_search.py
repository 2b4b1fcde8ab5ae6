"""A search for strokes, and then for their style."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from painter.errors import PictureError
from painter.options.paint import PaintConfig
from painter.painting.painting import Painting
from painter.painting.stroke_columns import strokes_of
from painter.search.staged_run import Progress, Styled
from painter.search.stroke_count import make_search
from painter.search.subject import Subject
from painter.search.time_budget import TimeBudget
from painter.styling.levels import StyleSearchConfig
from painter.styling.stroke_styling import StrokeStyling
from painter.styling.style import Style
from painter.system.snapshot import integer, number
from renderers.order import in_paint_order
from renderers.strokes import Strokes


@dataclass(frozen=True, eq=False)
class StyledSubject(Subject):
    """What is to be painted, and the style that the finished strokes take on."""

    style: Style

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
        values = {name: getattr(subject, name) for name in Subject.__dataclass_fields__}
        return StyledSubject(**{**values, "notes": (*subject.notes, *style.notes)}, style=style)

    def plain(self, config: PaintConfig) -> Subject:
        """The subject without its style, with this configuration."""
        values = {name: getattr(self, name) for name in Subject.__dataclass_fields__}
        return Subject(**{**values, "config": config})


class StyledSearch:
    """A `painter.search.staged_run.Run` that searches for strokes and then gives them their style."""

    psnr = None  # against the picture: styled strokes are not meant to come close to it

    def __init__(self, subject: StyledSubject, search: StyleSearchConfig | None = None) -> None:
        self.subject, self._search = subject, search or StyleSearchConfig()
        self._painting = make_search(subject.plain(self._painting_config()))
        self.styling: StrokeStyling | None = None  # once the strokes are found
        self._taken = 0  # steps of the search for strokes, once it is over

    @property
    def strokes(self) -> Strokes | None:
        """The strokes as they are."""
        return self._painting.strokes if self.styling is None else self.styling.strokes

    @property
    def styled(self) -> Styled | None:
        """What styling has made of them, once it has begun."""
        return None if self.styling is None else self.styling.styled

    @property
    def budget(self) -> TimeBudget:
        """The time of what is under way."""
        return self._painting.budget if self.styling is None else self.styling.budget

    @property
    def taken(self) -> int:
        """Steps taken so far, in both."""
        return self._painting.taken if self.styling is None else self._taken + self.styling.taken

    def run(self) -> Iterator[Progress]:
        """Search; each step taken yields its progress, the last with the finished strokes."""
        more = self.subject.config.style_iterations
        if self.styling is None:
            for progress in self._painting.run():
                self._taken = progress.step
                yield replace(progress, steps=progress.steps + more)
            assert self._painting.strokes is not None
            self.styling = self._style(self._painting.strokes)
        for progress in self.styling.run():
            yield replace(progress, step=self._taken + progress.step, steps=self._taken + progress.steps)

    def state(self) -> dict[str, Any]:
        """Where it stands between two steps, until the next: a tree for `painter.system.snapshot.dump`."""
        if self.styling is None:
            return {"painting": self._painting.state(), "taken": self._taken, "found": None, "styling": None}
        return {
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
        painting = Painting(
            strokes, subject.aspect, subject.ground, subject.config, subject.region, subject.provenance()
        )
        return StrokeStyling(
            painting, subject.style, subject.maps, subject.device, subject.backend, seconds, self._search
        )
