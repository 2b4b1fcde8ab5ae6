"""Learning a collection from beginning to end: the run, what one sees of it, and the model.

read_collection -> LearningRun, step by step -> Model -> its rarities -> X.model
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from painter.errors import OptionError
from painter.learning.collection_palette import collection_palette
from painter.learning.copies import make_originals
from painter.learning.counting_traits import with_rarities
from painter.learning.gan_run import GanRun
from painter.learning.learning_config import Design
from painter.learning.mirroring import originals_with_mirrored
from painter.learning.model_file import Model, save_model
from painter.learning.sheets import write_sheet
from painter.learning.training import LearningRun, LearnProgress
from painter.learning.training_log import to_csv, write_curves
from painter.learning.training_pictures import Collection
from painter.learning.workers import worker_threads
from painter.options.learn import LearnConfig
from painter.system.atomic import replacing
from painter.system.autosave import Autosave
from painter.system.interrupts import deferred_interrupts

AnyRun = LearningRun | GanRun


@dataclass(frozen=True)
class Paths:
    """The files of a run, beside the model."""

    model: Path

    @property
    def sheet(self) -> Path:
        """Samples, new every minute."""
        return self.model.with_name(f"{self.model.stem}-samples.png")

    @property
    def losses(self) -> Path:
        """The losses as CSV; the curves have the same name with .png."""
        return self.model.with_name(f"{self.model.stem}-losses.csv")

    @property
    def curves(self) -> Path:
        """The losses as a picture."""
        return self.losses.with_suffix(".png")

    @property
    def all(self) -> tuple[Path, ...]:
        """All of them."""
        return self.model, self.sheet, self.losses, self.curves


class Watcher:
    """Writes what one sees of a run: the sheet and the losses, at most once in so many seconds.

    A file that cannot be written is reported once; learning goes on.

    Args:
        report: called with each message for the user, one line.
    """

    def __init__(self, run: AnyRun, paths: Paths, report: Callable[[str], None], seconds: float = 60.0) -> None:
        self._run, self._paths, self._report, self._seconds = run, paths, report, seconds
        self._last = time.monotonic()
        self._warned = False

    def step(self) -> None:
        """Write them if it is time to."""
        if time.monotonic() - self._last >= self._seconds:
            self.write()
            self._last = time.monotonic()

    def write(self) -> None:
        """Write them now."""
        try:
            write_sheet(self._run.samples(), self._paths.sheet)
            if self._run.records:
                write_curves(self._run.records, self._paths.curves)
                with replacing(self._paths.losses) as temporary:
                    temporary.write_text(to_csv(self._run.records))
        except OSError as error:
            if not self._warned:
                self._report(f"cannot write {self._paths.sheet}: {error.strerror or error}; learning continues")
            self._warned = True


def make_run(collection: Collection, config: LearnConfig, design: Design, device: str = "cpu") -> AnyRun:
    """The run of the engine that is asked for. Raises OptionError if it cannot learn such pieces."""
    if config.engine == "strokes" and (collection.form.native is not None or collection.pixels.shape[3] == 4):
        kind = "pixel art" if collection.form.native is not None else "transparent"
        raise OptionError(f"--engine strokes: these pictures are {kind}, which it cannot paint; use --engine tokens")
    run = GanRun if config.engine == "dcgan" else LearningRun
    return run(collection, config, design, device)


def learn(
    run: AnyRun,
    paths: Paths,
    autosave: Autosave | None = None,
    on_progress: Callable[[LearnProgress], object] | None = None,
    report: Callable[[str], None] | None = None,
    on_drawn: Callable[[int, int], None] | None = None,
) -> Model | None:
    """Learn, and write the model.

    On the first Ctrl-C the run ends after the present step, and the model is written as it is then, if there is
    something to draw pieces with; `autosave` keeps its progress.

    Args:
        autosave: where progress is saved; `begin` has been called, and the caller closes it.
        report: called with each message for the user, one line.
        on_drawn: called with how many of the pieces have been drawn whose traits are counted at the end, and how many
            there will be.

    Returns:
        The model; its `finished` says whether the run went to its end. None if it was interrupted before there was one.

    Raises:
        DivergedError: a loss became NaN or infinite.
        OutputError: the model cannot be written.
        KeyboardInterrupt: on the second Ctrl-C.
    """
    watcher = Watcher(run, paths, report or (lambda line: None))
    with deferred_interrupts() as interrupts:
        for progress in run.run():
            if on_progress is not None:
                on_progress(progress)
            watcher.step()
            if autosave is not None:
                autosave.step(run, run.taken)
            if interrupts:
                break
        if autosave is not None and run.taken:
            autosave.end(run, run.taken)
        if interrupts and not run.has_samples:
            return None
        model = model_of(run, finished=not interrupts)
        if model.finished:
            model = _with_rarities(model, run, lambda: bool(interrupts), on_drawn)
        save_model(model, paths.model)
        watcher.write()
    return model


def _with_rarities(
    model: Model, run: AnyRun, stop: Callable[[], bool], on_drawn: Callable[[int, int], None] | None
) -> Model:
    """What a run has learned, with its rarities; not finished if `stop` said so."""
    config = run.design.rarities
    drawn = min(config.most_drawn, max(1, round(config.drawn * run.taken)))
    with worker_threads(run.device) as threads:
        model = with_rarities(model, run.collection.pixels, drawn, run.design, threads, stop, on_drawn)
    return replace(model, finished=not stop())


def model_of(run: AnyRun, finished: bool = True) -> Model:
    """What a run has learned so far. Only once `run.has_samples`."""
    collection, design = run.collection, run.design
    networks, figures = run.learned()
    for _, network in networks.named():
        network.eval().requires_grad_(False)
    groups = [collection.pixels[collection.sources == k] for k in range(len(collection.names))]
    pixel_art = collection.form.native is not None
    originals = make_originals(collection.form.cropped(collection.pixels), design.copies)
    return Model(
        collection.names,
        collection.form,
        networks,
        tuple(collection_palette(group, pixel_art, design.cleaning) for group in groups),
        originals_with_mirrored(originals) if run.mirrored else originals,
        tuple(map(len, groups)),
        figures,
        finished,
    )
