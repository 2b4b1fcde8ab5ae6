"""Learning a collection from beginning to end: the run, what one sees of it, and the model.

read_collection -> LearningRun, step by step -> Model -> X.model
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from painter.learning.collection_palette import collection_palette
from painter.learning.copies import make_originals
from painter.learning.model_file import Model, save_model
from painter.learning.sheets import COLUMNS, write_sheet
from painter.learning.signal import to_pixels, to_signal
from painter.learning.token_sampling import BATCH, draw_batch, plain_request
from painter.learning.training import LearningRun, LearnProgress
from painter.learning.training_log import to_csv, write_curves
from painter.system.atomic import replacing
from painter.system.autosave import Autosave
from painter.system.interrupts import deferred_interrupts

_ROWS = 4  # of the sheet


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

    def __init__(self, run: LearningRun, paths: Paths, report: Callable[[str], None], seconds: float = 60.0) -> None:
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
            write_sheet(sample_pieces(self._run), self._paths.sheet)
            if self._run.records:
                write_curves(self._run.records, self._paths.curves)
                with replacing(self._paths.losses) as temporary:
                    temporary.write_text(to_csv(self._run.records))
        except OSError as error:
            if not self._warned:
                self._report(f"cannot write {self._paths.sheet}: {error.strerror or error}; learning continues")
            self._warned = True


@torch.no_grad()
def sample_pieces(run: LearningRun) -> np.ndarray:
    """What a sheet shows: new pieces, or before there are any, held-out pieces above what the tokenizer makes of them.

    Returns:
        uint8 [n, H, W, C].
    """
    collection = run.collection
    if not run.has_samples:
        some = collection.pixels[run.material.held_out[: COLUMNS * _ROWS // 2].numpy()]
        signal = to_signal(torch.from_numpy(some).to(run.device))
        made = to_pixels(run.networks.tokenizer(signal))
        rows = [np.concatenate((some[k : k + COLUMNS], made[k : k + COLUMNS])) for k in range(0, len(some), COLUMNS)]
        return collection.form.cropped(np.concatenate(rows))
    networks = run.current()
    tokenizer, transformer = networks.tokenizer, networks.transformer
    pieces = []
    for first in range(0, COLUMNS * _ROWS, BATCH):
        numbers = range(first, first + BATCH)
        requests = [plain_request(transformer, k % len(collection.names), "sheet", k) for k in numbers]
        codes = draw_batch(transformer, requests, 1.0, 1.0)
        pieces.append(to_pixels(tokenizer.decode(codes.to(run.device))))
    return collection.form.cropped(np.concatenate(pieces))


def learn(
    run: LearningRun,
    paths: Paths,
    autosave: Autosave | None = None,
    on_progress: Callable[[LearnProgress], object] | None = None,
    report: Callable[[str], None] | None = None,
) -> Model | None:
    """Learn, and write the model.

    On the first Ctrl-C the run ends after the present step, and the model is written as it is then, if there is
    something to draw pieces with; `autosave` keeps its progress.

    Args:
        autosave: where progress is saved; `begin` has been called, and the caller closes it.
        report: called with each message for the user, one line.

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
        save_model(model, paths.model)
        watcher.write()
    return model


def model_of(run: LearningRun, finished: bool = True) -> Model:
    """What a run has learned so far. Only once `run.has_samples`."""
    collection, design = run.collection, run.design
    networks, figures = run.learned()
    for _, network in networks.named():
        network.eval().requires_grad_(False)
    groups = [collection.pixels[collection.sources == k] for k in range(len(collection.names))]
    pixel_art = collection.form.native is not None
    return Model(
        collection.names,
        collection.form,
        networks,
        tuple(collection_palette(group, pixel_art, design.cleaning) for group in groups),
        make_originals(collection.form.cropped(collection.pixels), design.copies),
        tuple(map(len, groups)),
        figures,
        finished,
    )
