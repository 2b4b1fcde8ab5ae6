"""What the command `compile` does: all that a painting needs is done once with each brush, in two processes at a time.

Searching and drawing have hardly a kernel in common, and take about equally long to compile.
"""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from painter.options.paint import PaintConfig
from painter.painting.painting import Painting
from painter.pipeline import SearchResult, find_strokes, finish, prepare
from painter.search.subject import Subject
from painter.system.late_torch import allow_generators
from painter.system.usage import Stopwatch
from renderers.brushes import BRUSHES
from renderers.compiled import STAMP
from renderers.evaluation import random_strokes
from renderers.threads import core_count

_SIDE, _STROKES, _STEPS = 64, 12, 10  # of paintings that need every kernel and take no time
_VARIANTS: tuple[dict[str, Any], ...] = ({"margin": 0.05, "pencil": 0.5, "mixing": "pigment"}, {"texture": 0.0})
"""Options with kernels of their own."""


def compile_kernels(brushes: list[str], say: Callable[[str], None]) -> None:
    """Compile the kernels of these brushes, names in STYLES or STAMP; `say` is told which one it has come to."""
    with _drawing_elsewhere(brushes) as drawn:
        for k, brush in enumerate(brushes, 1):
            say(f"{brush} ({k} of {len(brushes)})")
            for subject in _subjects(brush):
                find_strokes(subject, Stopwatch())
        drawn()
    draw_with(brushes)  # no more than loads them, unless the other process has failed


def draw_with(brushes: list[str]) -> None:
    """Draw a few strokes of each of these brushes, and write them to files that are deleted again."""
    allow_generators()
    with tempfile.TemporaryDirectory(prefix="impasto-") as folder:
        for brush in brushes:
            for subject in _subjects(brush):
                strokes = random_strokes(BRUSHES[subject.brush], _STROKES, torch.Generator().manual_seed(0))
                painting = Painting(strokes, subject.aspect, subject.ground, subject.config)
                result = finish(subject, SearchResult(painting, None, False), Stopwatch())
                result.save(Path(folder, "a.png"), Path(folder, "a.gif"))
                for options in _VARIANTS:
                    replace(painting, config=replace(subject.config, **options)).draw()


def _subjects(brush: str) -> Iterator[Subject]:
    """A picture of noise to be painted with a brush, once transparent and once not."""
    colors = np.random.default_rng(0).integers(0, 256, (_SIDE, _SIDE, 4), np.uint8)
    with tempfile.TemporaryDirectory(prefix="impasto-") as folder:
        own = Path(folder, "own.png")
        Image.fromarray(colors[:16, :24]).save(own)
        about = {"brush": str(own)} if brush == STAMP else {"style": brush}
        config = PaintConfig(size=_SIDE, strokes=_STROKES, iterations=_STEPS, relief=0.5, **about)  # type: ignore
        for picture in (colors, colors[..., :3]):
            yield prepare(picture, config, Stopwatch())


@contextmanager
def _drawing_elsewhere(brushes: list[str]) -> Iterator[Callable[[], None]]:
    """Begin `draw_with` in another process, if there is a second core; what this gives waits for it to end."""
    if core_count() == 1 or not brushes:
        yield lambda: None
        return
    process = multiprocessing.get_context("spawn").Process(target=_draw_quietly, args=(brushes,), daemon=True)
    process.start()
    try:
        yield process.join
    finally:
        process.kill()
        process.join()


def _draw_quietly(brushes: list[str]) -> None:
    """`draw_with` as a process of its own: the other one answers to Ctrl-C, and meets the same errors."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(Exception):
        draw_with(brushes)
