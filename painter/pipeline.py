"""One way through: picture → strokes → painting → figures, each step a value made from the one before it.

`paint` is all of it in one call; the command line goes through the same steps one by one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from painter.errors import DivergedError, ImpastoError
from painter.options.export import ExportConfig
from painter.options.paint import PaintConfig
from painter.options.reveal import RevealConfig
from painter.painting.drawn import Drawn
from painter.painting.painting import Painting
from painter.painting.save import draw_for, save_painting
from painter.pictures.arrays import Arrays
from painter.pictures.color import to_hex
from painter.pictures.ground import ground_name
from painter.pictures.metrics import compare
from painter.pictures.palette import recipes
from painter.pictures.picture import PictureSource
from painter.search.control import Control
from painter.search.revealing import RevealSearch, RevealSubject, prepare_reveal
from painter.search.staged_run import OnProgress, Run, follow
from painter.search.stroke_count import make_search
from painter.search.subject import Subject, prepare_subject
from painter.styling.perceptual import perceptual_distance
from painter.styling.records import Record
from painter.styling.style import load_style
from painter.styling.styled_search import StyledSearch, StyledSubject
from painter.system.autosave import Autosave
from painter.system.devices import one_torch_thread, ordinary_tensors
from painter.system.usage import Stopwatch, peak_rss_mb
from painter.version import __version__
from renderers.compiled import kernels_are_compiled
from renderers.order import in_paint_order
from renderers.strokes import Strokes

_TINY = 16  # pixels


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search has found."""

    painting: Painting
    seen_psnr: float | None  # dB, as the search saw its canvas last; None if no step was taken, or it was styled
    interrupted: bool  # whether Ctrl-C or a `Control` cut it short
    style: dict[str, dict[str, float]] | None = None  # losses 'before' and 'after' styling, if that came to its end
    failed: DivergedError | None = None  # what ended styling; the painting is the last good one
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
    drawn: Drawn
    report: dict[str, Any]  # ready for JSON

    @property
    def image(self) -> np.ndarray:
        """uint8 [H, W, 3], or [H, W, 4] with straight alpha, at `config.size`."""
        return self.drawn.image

    @property
    def interrupted(self) -> bool:
        """Whether the search was cut short."""
        return bool(self.report["interrupted"])

    def __repr__(self) -> str:
        psnr = self.report.get("psnr")
        return f"<Result: {self.painting!r}" + (f", {psnr:.2f} dB>" if psnr is not None else ">")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """What notebooks show: the painting."""
        return {**self.painting._repr_mimebundle_(), "text/plain": repr(self)}

    def save(self, *paths: str | os.PathLike[str]) -> None:
        """Write the painting to files; endings pick the formats, see `painter.export.FORMATS`.

        `painting.save` does the same, and takes a configuration.

        >>> result.save("box.png", "box.gif", "box.strokes.json")

        Raises:
            OutputError: for an ending that we do not write or a file that cannot be written.
        """
        for path in paths:
            save_painting(self.painting, Path(path), self.drawn)


def paint(
    source: PictureSource, config: PaintConfig | None = None, on_progress: OnProgress | None = None,
    control: Control | None = None, arrays: Arrays | None = None,
) -> Result:  # fmt: skip
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
        control: to pause, resume or stop it from another thread, or from `on_progress`.
        arrays: masks, palette, brush and style picture that are in memory, in place of files.

    Returns:
        The painting, drawn, with its report. Ctrl-C or `control` ends the search early; what there is by then is
        drawn, and `interrupted` is true.

    Raises:
        ImpastoError: PictureError, OptionError, DeviceError or CheckpointError, whose messages are single lines.
        DivergedError: the style's loss became NaN or infinite; it has the last good painting as `result`.
        KeyboardInterrupt: before there is a stroke, or while drawing.
    """
    watch = Stopwatch()
    subject = prepare(source, config or PaintConfig(), watch, arrays=arrays)
    found = find_strokes(subject, watch, on_progress, control=control)
    result = finish(subject, found, watch)
    if found.failed is not None:
        found.failed.result = result
        raise found.failed
    return result


def reveal(
    sources: Sequence[PictureSource], config: PaintConfig | None = None, shares: RevealConfig | None = None,
    on_progress: OnProgress | None = None, control: Control | None = None, arrays: Arrays | None = None,
) -> Result:  # fmt: skip
    """Paint several pictures in one painting: its first strokes show the first of them, all of them the last.

    >>> from painter import reveal
    >>> both = reveal([picture, 255 - picture], PaintConfig(strokes=8, size=64, iterations=4))
    >>> [shown["strokes"] for shown in both.report["revealed"]], len(both.painting.strokes)
    ([4, 8], 8)

    Args:
        sources: two pictures or more, in turn, each as for `paint`; those after the first get its proportions.
        config: as for `paint`. `strokes` are those of all pictures together.
        shares: how they are shared out; equally if not given.
        on_progress, control, arrays: as for `paint`.

    Returns:
        As `paint`. The report is of the last picture; its `revealed` is a list with `picture`, `strokes` (so many show
        it), `psnr` and `ssim` of each.

    Raises:
        ImpastoError: as for `paint`; OptionError, too, where options do not go with several pictures.
        KeyboardInterrupt: before there is a stroke, or while drawing.
    """
    watch = Stopwatch()
    with watch.phase("load"), ordinary_tensors():
        subject = prepare_reveal(sources, config or PaintConfig(), shares, arrays)
    return finish(subject, find_strokes(subject, watch, on_progress, control=control), watch)


@ordinary_tensors()
def prepare(
    source: PictureSource, config: PaintConfig, watch: Stopwatch, download: bool = False, progress: bool = False,
    arrays: Arrays | None = None,
) -> Subject:  # fmt: skip
    """The subject, with its style if one is asked for.

    Args:
        download: whether the weights that see a style may be downloaded where they are missing.
        progress: whether a bar of that may be shown.
        arrays: what stands for some of the files that options name.

    Raises:
        ImpastoError: PictureError, OptionError, DeviceError or CheckpointError.
    """
    with watch.phase("load"):
        subject = prepare_subject(source, config, arrays)
        style = subject.config.style_image if arrays is None or arrays.style is None else arrays.style
        if style is None:
            return subject
        return StyledSubject.of(subject, load_style(style, subject.config, download, progress))


@ordinary_tensors()
def load_ahead(config: PaintConfig) -> None:
    """Load what a search for strokes of this brush needs, networks and compiled kernels, by painting one on a canvas
    too small to take time; nothing where kernels have yet to be compiled. For while something else is waited for."""
    if config.brush is not None or not kernels_are_compiled(config.style):
        return
    alike = PaintConfig(
        style=config.style,
        device=config.device,
        backend=config.backend,
        size=_TINY,
        strokes=1,
        iterations=1,
        focus="none",
    )
    with suppress(ImpastoError), one_torch_thread():  # whatever is wrong is told when the painting itself is prepared
        subject = prepare(np.full((_TINY, _TINY, 3), 127, np.uint8), alike, Stopwatch())
        next(iter(make_run(subject).run()))


def make_run(subject: Subject) -> Run:
    """What finds the strokes of this subject: of its own number, of one to be found, with styling or without."""
    if isinstance(subject, RevealSubject):
        return RevealSearch(subject)
    return StyledSearch(subject) if isinstance(subject, StyledSubject) else make_search(subject)


@ordinary_tensors()
def find_strokes(
    subject: Subject, watch: Stopwatch, on_progress: OnProgress | None = None, autosave: Autosave | None = None,
    control: Control | None = None,
) -> SearchResult:  # fmt: skip
    """Search for the strokes. Ctrl-C cuts it short, once there is something to show.

    Args:
        autosave: where progress is kept, and perhaps resumed from.
        control: to pause, resume or stop it.

    Raises:
        KeyboardInterrupt: before there is a stroke.
        AutosaveError: there is something else where progress should be; see `Autosave.begin`.
    """
    run = make_run(subject)
    if autosave is not None:
        autosave.begin(run)
    failed, interrupted = None, False
    with watch.phase("search"), one_torch_thread():
        try:
            strokes, interrupted = follow(run, on_progress, autosave, control)
        except DivergedError as error:
            strokes, failed = run.strokes, error
        styled, ground = run.styled, subject.ground
        if styled is not None:  # strokes and ground of one moment
            strokes, ground = styled.strokes, styled.ground
        assert strokes is not None
        if not subject.config.glazes:  # those are in order already
            strokes = _arranged(strokes, subject)
    painting = Painting(strokes, subject.aspect, ground, subject.config, subject.region, subject.provenance())
    if styled is None:
        return SearchResult(painting, run.psnr, interrupted, failed=failed)
    return SearchResult(painting, None, interrupted, styled.losses, failed, styled.records)


def _arranged(strokes: Strokes, subject: Subject) -> Strokes:
    """The strokes in paint order, each run of them for itself."""
    runs = subject.runs(len(strokes))
    if len(runs) == 1:
        return in_paint_order(strokes, subject.aspect)
    return Strokes.cat([in_paint_order(strokes[run], subject.aspect) for run in runs])


def finish(subject: Subject, found: SearchResult, watch: Stopwatch) -> Result:
    """Draw the painting and measure it."""
    drawn = draw(found, watch)
    return Result(found.painting, drawn, measure(subject, found, drawn, watch))


def draw(
    found: SearchResult, watch: Stopwatch, files: Sequence[str] = (), export: ExportConfig | None = None
) -> Drawn:  # fmt: skip
    """Draw the painting.

    Args:
        files, export: what will be written of it, and how: what they show is drawn along with it.
    """
    with watch.phase("draw"):
        return draw_for(found.painting, files, export)


def measure(
    subject: Subject, found: SearchResult, drawn: Drawn, watch: Stopwatch, perceptual: bool = False
) -> dict[str, Any]:  # fmt: skip
    """The report of a painting, ready for JSON.

    Args:
        perceptual: whether it has the perceptual distance, too, which takes a second.
    """
    painting = found.painting
    with watch.phase("measure"):
        seen = drawn_as_seen(painting, drawn.image, subject)
        figures, more = compare(seen, subject.picture), subject.figures(painting)
        if perceptual:
            figures["perceptual"] = perceptual_distance(seen, subject.picture)
    return {
        "version": __version__,
        "config": asdict(subject.config),
        "input": subject.about,
        "ground": ground_name(subject.ground),
        "palette": subject.palette_names(),
        "recipes": _recipes(painting),
        "strokes": len(painting.strokes),
        "interrupted": found.interrupted,
        **figures,
        "compared_with": subject.compared_with,
        "seen_psnr": found.seen_psnr,
        "style": found.style,
        **more,
        "seconds": watch.seconds(),
        "peak_rss_mb": peak_rss_mb(),
    }


def _recipes(painting: Painting) -> dict[str, dict[str, int]] | None:
    """How many parts of which tubes give each colour of the strokes; None if they are not mixed from tubes."""
    if painting.config.palette is None:
        return None
    colors = painting.strokes.colors.reshape(-1, 3).unique(dim=0)
    return recipes(painting.config.palette, map(to_hex, colors.tolist()))


def drawn_as_seen(painting: Painting, image: np.ndarray, subject: Subject) -> np.ndarray:
    """The painting as it is compared with `subject.picture`: of its size, without light, texture and pencil.

    Args:
        image: what `painting.draw()` returns.
    """
    side, config = subject.working_side, subject.config
    bare = not config.relief and not config.texture and not config.pencil
    return image if bare and max(image.shape[:2]) == side else painting.draw_bare(side)
