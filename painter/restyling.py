"""Style for paintings: of strokes that a search has just found, or of a painting that is kept in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from painter.config import STYLE_ALIASES, STYLES, PaintConfig, StyleSearchConfig, check_fields, option, same_option
from painter.errors import StyleDivergedError
from painter.files import sha256_of
from painter.identity import options_of
from painter.options import Names, Number

if TYPE_CHECKING:  # torch and numba take seconds to import, and bad options are refused before that
    from painter.autosave import Autosave
    from painter.growth import CountSearch
    from painter.painting import Painting
    from painter.pipeline import OnProgress
    from painter.search import Progress, Search
    from painter.styling.records import Record
    from painter.styling.strokes import StrokeStyling
    from painter.subject import PictureSource, Subject
    from renderers.strokes import Strokes


@dataclass(frozen=True)
class RestyleConfig:
    """What may be asked of one restyling. All values are numbers, strings or None.

    >>> RestyleConfig(style_mode="texture", features="random").iterations
    60

    Raises:
        OptionError: when a value is outside its range, or two do not go together; the message names the option.
    """

    style: str | None = option(
        None, "S", "the brush, where the file does not say (.npz files): {}", Names(STYLES, STYLE_ALIASES)
    )
    style_image: str | None = same_option(PaintConfig, "style_image", help="the picture whose style they take on")
    style_mode: str = same_option(PaintConfig, "style_mode")
    style_weight: float = same_option(PaintConfig, "style_weight")
    content_weight: float = same_option(PaintConfig, "content_weight")
    content_loss: str = same_option(PaintConfig, "content_loss")
    style_size: int | None = same_option(PaintConfig, "style_size")
    features: str = same_option(PaintConfig, "features")
    weights: str | None = same_option(PaintConfig, "weights")
    iterations: int = same_option(PaintConfig, "style_iterations", help="steps of gradient descent, from 0 to 100000")
    seconds: float | None = option(None, "T", "time for them, {} s", Number(1.0, 86400.0))
    size: int | None = same_option(
        PaintConfig, "size", default=None, help="long side in pixels, from 16 to 8192 (default: as it was painted)"
    )
    seed: int | None = same_option(
        PaintConfig, "seed", default=None, help="of random features, from 0 to 2147483647 (default: the painting's)"
    )
    device: str = same_option(PaintConfig, "device")
    backend: str = same_option(PaintConfig, "backend")

    def __post_init__(self) -> None:
        check_fields(self)
        self.over(PaintConfig(size=self.size or 8192), "a picture")  # the painting may be as large as that

    def over(self, config: PaintConfig, style_image: str | None) -> PaintConfig:
        """A painting's configuration with these options, and this name for the style picture.

        Raises:
            OptionError: they do not go together.
        """
        left = {"style", "style_image", "iterations", "seconds"}
        asked = {spec.name: getattr(self, spec.name) for spec in fields(self) if spec.name not in left}
        asked = {name: value for name, value in asked.items() if value is not None or name not in ("size", "seed")}
        return replace(config, **asked, style_image=style_image, style_iterations=self.iterations)


@dataclass(frozen=True, eq=False)
class Restyled:
    """A painting in a style."""

    painting: Painting
    interrupted: bool  # whether Ctrl-C cut it short
    style: dict[str, dict[str, float]] | None  # the losses 'before' and 'after', if it came to its end
    records: Sequence[Record] = ()  # the losses, step by step


def restyle(
    painting: Painting, style: PictureSource, config: RestyleConfig | None = None,
    on_progress: OnProgress | None = None,
) -> Restyled:  # fmt: skip
    """Give a painting's strokes the style of a picture.

    >>> options = RestyleConfig(features="random", iterations=2)
    >>> styled = restyle(painting, picture[::-1], options)
    >>> len(styled.painting.strokes), styled.painting.draw().shape
    (8, (48, 64, 3))

    Args:
        painting: its strokes are what is changed, and as it is drawn is what is to stay of it.
        style: a file, or an array [H, W, 3] or [H, W, 4] of straight sRGB, uint8 or floats in [0, 1].
        config: what they take on, and how much; the defaults if not given.
        on_progress: called after each step.

    Returns:
        The painting with other colours (other shapes and opacities, too, in the mode 'texture'), on the same canvas.
        Ctrl-C ends it early; `interrupted` is then true.

    Raises:
        ImpastoError: PictureError, OptionError, DeviceError or CheckpointError, whose messages are single lines.
        StyleDivergedError: the loss is no number any more; it has the last good painting as `result`.
    """
    styling = prepare_styling(painting, style, config or RestyleConfig())
    return finish_styling(styling, on_progress)


def prepare_styling(
    painting: Painting, style: PictureSource, config: RestyleConfig, download: bool = False, progress: bool = False
) -> StrokeStyling:
    """What restyles this painting: options over the painting's, the style picture and the networks loaded.

    Args:
        download: whether the weights that see style may be downloaded where they are missing.
        progress: whether a bar of that may be shown.
    """
    from painter.devices import resolve_device

    name = "an array" if isinstance(style, np.ndarray) else str(style)
    settings = config.over(painting.config, name)
    device, backend = resolve_device(settings.device, settings.backend)
    from painter.styling.strokes import StrokeStyling, load_style, stroke_maps

    loaded = load_style(style, settings, download, progress)
    maps = stroke_maps(painting.strokes.brush, backend, device)
    asked = replace(painting, config=settings)
    return StrokeStyling(asked, loaded, maps, device, backend, config.seconds)


def finish_styling(
    styling: StrokeStyling, on_progress: OnProgress | None = None, autosave: Autosave | None = None
) -> Restyled:
    """Run it to its end.

    Raises:
        StyleDivergedError: the loss is no number any more; it has the last good painting as `result`.
        AutosaveError: there is something else where progress should be; see `Autosave.begin`.
    """
    from painter.devices import one_torch_thread
    from painter.pipeline import arranged, follow

    def restyled(interrupted: bool) -> Restyled:
        strokes = styling.painting.strokes
        if styling.config.style_weight > 0:  # else nothing has changed, and the order does not, either
            strokes = arranged(styling.strokes, styling.painting.aspect)
        restyled = replace(styling.painting, strokes=strokes, ground=styling.ground)
        return Restyled(restyled, interrupted, styling.figures, styling.records)

    if autosave is not None:
        autosave.begin(styling)
    with one_torch_thread():
        try:
            _, interrupted = follow(styling, on_progress, autosave)
        except StyleDivergedError as error:
            error.result = restyled(False)
            raise
        return restyled(interrupted)


@dataclass(frozen=True, eq=False)
class RestylingIdentity:
    """What a restyling is of; what `painter.autosave.Autosave` asks for."""

    file: Path  # of strokes
    config: RestyleConfig
    styling: StrokeStyling
    noun = "restyling"

    def identity(self) -> dict[str, Any]:
        """All that decides what comes out, ready for JSON."""
        device, backend = self.styling.device.type, self.styling.backend
        options = options_of(self.config, device=device, backend=backend)
        return {"stroke file": sha256_of(self.file), **self.styling.style.identity, **options}


class StyledSearch:
    """A search for strokes, and then for their style. It is run and looked at as `painter.search.Search` is.

    Args:
        subject: with a style.
    """

    def __init__(self, subject: Subject, search: StyleSearchConfig | None = None) -> None:
        from painter.pipeline import make_search

        self.subject, self._search = subject, search or StyleSearchConfig()
        painting = make_search(replace(subject, style=None, config=self._painting_config()))
        self._painting = cast("Search | CountSearch", painting)
        self.styling: StrokeStyling | None = None  # once the strokes are found
        self._taken = 0  # steps of the search for strokes, once it is over

    @property
    def strokes(self) -> Strokes | None:
        """The strokes as they are."""
        return self._painting.strokes if self.styling is None else self.styling.strokes

    @property
    def psnr(self) -> float | None:
        """dB, of the latest step."""
        return self._painting.psnr if self.styling is None else self.styling.psnr

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
        """Where it stands between two steps, until the next: a tree for `painter.state.pack`."""
        if self.styling is None:
            return {"painting": self._painting.state(), "taken": self._taken, "found": None, "styling": None}
        found, seconds = self.styling.painting.strokes, self.styling.pace.seconds
        return {
            "painting": None, "taken": self._taken, "found": found, "seconds": seconds,
            "styling": self.styling.state(),
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as when `state` was taken, of a search for the same: `run` takes the steps to come.

        Raises:
            ValueError, LookupError, TypeError, AttributeError or RuntimeError: it is no such state.
        """
        from painter.state import real, strokes_of, whole

        self._taken = whole(state["taken"], 0, 10**9)
        if state["styling"] is None:
            self._painting.restore(state["painting"])
            return
        seconds = None if state["seconds"] is None else real(state["seconds"], 0)
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
        from painter.pipeline import arranged

        pace, seconds = self._painting.pace, self.subject.config.seconds
        if seconds is not None and pace.seconds is not None:
            seconds = max(1e-3, seconds - (pace.seconds - pace.seconds_left()))
        styling = self._styling(arranged(strokes, self.subject.aspect), seconds)
        styling.pace.begin()  # kernels have been compiled by now, so that what comes before the first step counts, too
        return styling

    def _styling(self, strokes: Strokes, seconds: float | None) -> StrokeStyling:
        from painter.painting import Painting
        from painter.pipeline import provenance
        from painter.styling.strokes import StrokeStyling

        subject = self.subject
        assert subject.style is not None
        painting = Painting(
            strokes, subject.aspect, subject.ground, subject.config, subject.region, provenance(subject)
        )
        return StrokeStyling(
            painting, subject.style, subject.maps, subject.device, subject.backend, seconds, self._search
        )
