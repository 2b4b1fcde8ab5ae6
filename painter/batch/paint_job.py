"""What a worker does: paint one of many, and hand over its files' contents."""

from __future__ import annotations

import os
import socket
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import torch

from painter.batch.jobs import Failure, Job, Outcome, Painted, check_names
from painter.errors import ImpastoError, one_line
from painter.options.paint import PaintConfig
from painter.painting.save import save_painting
from painter.pictures.metrics import pixel_errors
from painter.pipeline import drawn_as_seen, find_strokes, prepare
from painter.system.usage import Stopwatch
from renderers.threads import limited_to

_LONGEST_REASON = 500  # characters


def worker_name() -> str:
    """This process, for people: 'host:1234'."""
    return f"{socket.gethostname()}:{os.getpid()}"


def attempt(job: Job, at: Mapping[Path, Path] | None = None, scratch: str | None = None) -> Outcome:
    """`paint_job`, and if something goes wrong, what it was."""
    try:
        return paint_job(job, at, scratch)
    except ImpastoError as error:  # the same input would be refused again
        reason = str(error)
        for named, here in (at or {}).items():
            reason = reason.replace(str(here), str(named))
        return Failure(job.key, _shortened(reason), hopeless=True, worker=worker_name())
    except Exception as error:  # whatever it is, the other paintings go on, and the ledger says what it was
        where = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})"
        return Failure(job.key, _shortened(what), hopeless=False, worker=worker_name())


def paint_job(job: Job, at: Mapping[Path, Path] | None = None, scratch: str | None = None) -> Painted:
    """Paint one of many. The same job gives the same bytes, whoever paints it and with however many threads.

    Args:
        job: what to paint.
        at: where the files that it names lie on this machine, unless under these names.
        scratch: an existing folder for temporary files; the system's if not given.

    Raises:
        ImpastoError: as `painter.paint` and `Painting.save`.
        KeyboardInterrupt: there was a Ctrl-C; nothing is kept.
    """
    start = time.perf_counter()
    check_names(job.files)
    at = at or {}
    watch = Stopwatch()
    subject = prepare(at.get(job.picture, job.picture), _config_at(job.config, at), watch)
    found = find_strokes(subject, watch)
    if found.interrupted:
        raise KeyboardInterrupt
    if found.failed is not None:
        raise found.failed
    painting = replace(found.painting, config=job.config)  # with the names as they were asked for
    image = painting.draw()
    figures = pixel_errors(drawn_as_seen(painting, image, subject), subject.picture)
    files, notes = {}, []
    with tempfile.TemporaryDirectory(prefix="impasto-", dir=scratch) as folder:
        for number, name in enumerate(job.files):
            path = Path(folder, f"{number}-{Path(name).name}")
            told = save_painting(painting, path, image, job.export)
            notes += [note.replace(str(path), name) for note in told]
            files[name] = path.read_bytes()
    figures["strokes"] = len(painting.strokes)
    return Painted(job.key, files, figures, time.perf_counter() - start, worker_name(), tuple(notes))


@contextmanager
def using_threads(count: int) -> Iterator[None]:
    """Compute with so many threads, in all libraries."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    try:
        with limited_to(count):
            yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def _config_at(config: PaintConfig, at: Mapping[Path, Path]) -> PaintConfig:
    """The configuration with its files' names on this machine."""
    elsewhere: dict[str, Any] = {name: str(at[path]) for name, path in config.files.items() if path in at}
    return replace(config, **elsewhere) if elsewhere else config


def _shortened(text: str) -> str:
    line = one_line(" ".join(text.split()))
    return line if len(line) <= _LONGEST_REASON else line[:_LONGEST_REASON] + "…"
