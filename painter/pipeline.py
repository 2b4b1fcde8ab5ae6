"""One way through: picture → strokes → painting → figures, each step a value made from the one before it.

`paint` is all of it in one call; the command line goes through the same steps one by one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from painter.config import PaintConfig
from painter.devices import one_torch_thread
from painter.errors import StyleDivergedError
from painter.metrics import compare
from painter.painting import Color, Painting
from painter.subject import PictureSource, Subject, prepare_subject
from painter.usage import Stopwatch, peak_rss_mb
from painter.version import __version__

if TYPE_CHECKING:  # torch and numba take seconds to import, and a bad picture is refused before that
    from painter.autosave import Autosave
    from painter.growth import CountSearch
    from painter.restyling import StyledSearch
    from painter.search import Progress, Search
    from painter.styling.records import Record
    from painter.styling.strokes import StrokeStyling
    from renderers.strokes import Strokes

    AnySearch = Search | CountSearch | StyledSearch | StrokeStyling

OnProgress = Callable[["Progress"], None]


@dataclass(frozen=True, eq=False)
class Found:
    """What a search has found."""

    painting: Painting
    seen_psnr: float | None  # dB, as the search saw its canvas last; None if no step was taken, or it was styled
    interrupted: bool  # whether Ctrl-C cut it short
    style: dict[str, dict[str, float]] | None = None  # losses 'before' and 'after' styling, if that came to its end
    failed: StyleDivergedError | None = None  # what ended styling; the painting is the last good one
    records: Sequence[Record] = ()  # the losses of styling, step by step


@dataclass(frozen=True, eq=False)
class Result:
    """A finished painting.

    >>> result.image.shape, result.report["strokes"], result.interrupted
    ((48, 64, 3), 8, False)
    >>> sorted(result.report["seconds"])
    ['draw', 'load', 'measure', 'search', 'total']
    """

    painting: Painting
    image: np.ndarray  # uint8 [H, W, 3], or [H, W, 4] with straight alpha, at `config.size`
    report: dict[str, Any]  # ready for JSON

    @property
    def interrupted(self) -> bool:
        """Whether the search was cut short."""
        return bool(self.report["interrupted"])

    def save(self, *paths: str | os.PathLike[str]) -> None:
        """Write the painting to files; endings pick the formats, see `painter.export.FORMATS`.

        `painting.save` does the same, and takes a configuration.

        >>> result.save("box.png", "box.gif", "box.strokes.json")

        Raises:
            OutputError: for an ending that we do not write or a file that cannot be written.
        """
        from painter.export.save import save_painting

        for path in paths:
            save_painting(self.painting, Path(path), self.image)


def paint(source: PictureSource, config: PaintConfig | None = None, on_progress: OnProgress | None = None) -> Result:
    """Paint a picture.

    >>> result = paint(picture, PaintConfig(style="oil", strokes=8, size=64, iterations=4))
    >>> result.image.shape, result.image.dtype
    ((48, 64, 3), dtype('uint8'))
    >>> len(result.painting.strokes)
    8
    >>> steps = []
    >>> same = paint(picture, result.painting.config, on_progress=steps.append)
    >>> len(steps), np.array_equal(same.image, result.image)
    (4, True)

    Args:
        source: a file, or an array [H, W, 3] or [H, W, 4] of straight sRGB, uint8 or floats in [0, 1].
        config: style, number of strokes and so on; the defaults if not given.
        on_progress: called after each step of the search.

    Returns:
        The painting, drawn, with its report. Ctrl-C ends the search early; what there is by then is drawn, and
        `interrupted` is true.

    Raises:
        ImpastoError: PictureError, OptionError, DeviceError or CheckpointError, whose messages are single lines.
        StyleDivergedError: a style's loss is no number any more; it has the last good painting as `result`.
        KeyboardInterrupt: before there is a stroke, or while drawing.
    """
    watch = Stopwatch()
    subject = prepare(source, config or PaintConfig(), watch)
    found = find_strokes(subject, watch, on_progress)
    result = finish(subject, found, watch)
    if found.failed is not None:
        found.failed.result = result
        raise found.failed
    return result


def prepare(
    source: PictureSource, config: PaintConfig, watch: Stopwatch, download: bool = False, progress: bool = False
) -> Subject:
    """`prepare_subject`, on the clock."""
    with watch.phase("load"):
        return prepare_subject(source, config, download, progress)


def find_strokes(
    subject: Subject, watch: Stopwatch, on_progress: OnProgress | None = None, autosave: Autosave | None = None
) -> Found:
    """Search for the strokes. Ctrl-C cuts it short, once there is something to show.

    Args:
        autosave: where progress is kept, and perhaps gone on from.

    Raises:
        KeyboardInterrupt: before there is a stroke.
        AutosaveError: there is something else where progress should be; see `Autosave.begin`.
    """
    from painter.restyling import StyledSearch

    search = make_search(subject)
    if autosave is not None:
        autosave.begin(search)
    failed = None
    with watch.phase("search"), one_torch_thread():
        try:
            strokes, interrupted = follow(search, on_progress, autosave)
        except StyleDivergedError as error:
            strokes, interrupted, failed = search.strokes, False, error
        styling = search.styling if isinstance(search, StyledSearch) else None
        ground = subject.ground
        if styling is not None:  # strokes and ground of one moment
            strokes, ground = styling.strokes, styling.ground
        assert strokes is not None
        strokes = arranged(strokes, subject.aspect)
    painting = Painting(strokes, subject.aspect, ground, subject.config, subject.region, provenance(subject))
    seen = search.psnr if subject.style is None else None
    if styling is None:
        return Found(painting, seen, interrupted, failed=failed)
    return Found(painting, seen, interrupted, styling.figures, failed, styling.records)


def follow(search: AnySearch, on_progress: OnProgress | None, autosave: Autosave | None) -> tuple[Strokes | None, bool]:
    """Run a search to its end: the strokes, and whether Ctrl-C cut it short.

    Raises:
        KeyboardInterrupt: before there is a stroke.
    """
    strokes, steps = search.strokes, 0
    try:
        for progress in search.run():
            strokes, steps = progress.strokes, progress.step
            if on_progress is not None:
                on_progress(progress)
            if autosave is not None:
                autosave.step(search, steps)
        if autosave is not None and steps:
            autosave.end(search, steps)
    except KeyboardInterrupt:
        if strokes is None:
            raise
        return strokes, True
    # Not the last step's: without iterations there is none, and strokes are only placed.
    return search.strokes, False


def arranged(strokes: Strokes, aspect: tuple[int, int]) -> Strokes:
    """The strokes on the CPU, in an order that is pleasant to watch."""
    from painter.order import arrange

    strokes = strokes.map(lambda values: values.cpu())
    return strokes[arrange(strokes, aspect)]


def make_search(subject: Subject) -> AnySearch:
    """The search for this subject's strokes: for how many they are if that is to be found, and for their style."""
    from painter import growth
    from painter.restyling import StyledSearch

    if subject.style is not None:
        return StyledSearch(subject)
    grows = subject.config.strokes == "auto" or subject.config.until_psnr is not None
    return growth.CountSearch(subject) if grows else growth.make_search(subject)


def finish(subject: Subject, found: Found, watch: Stopwatch) -> Result:
    """Draw the painting and measure it."""
    painting = found.painting
    with watch.phase("draw"):
        image = painting.draw()
    with watch.phase("measure"):
        figures = compare(drawn_as_seen(painting, image, subject), subject.picture)
    report = {
        "version": __version__,
        "config": asdict(subject.config),
        "input": subject.about,
        "ground": _color_name(subject.ground),
        "palette": _color_names(subject.goal.palette),
        "strokes": len(painting.strokes),
        "interrupted": found.interrupted,
        **figures,
        "seen_psnr": found.seen_psnr,
        "style": found.style,
        "seconds": watch.seconds(),
        "peak_rss_mb": peak_rss_mb(),
    }
    return Result(painting, image, report)


def drawn_as_seen(painting: Painting, image: np.ndarray, subject: Subject) -> np.ndarray:
    """The painting as it is compared with `subject.picture`: of its size, and unlit, for there is no light in that.

    Args:
        image: what `painting.draw()` returns.
    """
    side = subject.seen_side
    return image if max(image.shape[:2]) == side and not subject.config.relief else painting.draw(side, 0.0)


def provenance(subject: Subject) -> dict[str, Any]:
    """`Painting.about`."""
    from renderers.checkpoint import listed_digest

    return {
        "input": subject.about,
        "palette": _color_names(subject.goal.palette),
        "impasto": __version__,
        "checkpoint": None if subject.config.brush is not None else listed_digest(subject.config.style),
    }


def _color_names(palette: np.ndarray | None) -> list[str] | None:
    return None if palette is None else [_color_name(tuple(color)) for color in palette.tolist()]


def _color_name(ground: Color | None) -> str:
    """As --canvas takes it."""
    if ground is None:
        return "transparent"
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in ground)
