"""What a worker does: paint one job, and return the contents of its files."""

from __future__ import annotations

import io
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
import numpy as np
import torch
from PIL import Image

from painter.batch.jobs import Failure, Job, Outcome, OwnWork, Painted, Work, check_names
from painter.errors import ImpastoError, one_line
from painter.options.paint import PaintConfig
from painter.painting.save import draw_for, save_painting
from painter.pictures.metrics import pixel_errors
from painter.pictures.picture import PictureSource, picture_from_array
from painter.pictures.stacking import Stack, read_stack
from painter.pipeline import drawn_as_seen, find_strokes, prepare
from painter.search.revealing import prepare_reveal
from painter.search.subject import Subject
from painter.system.usage import Stopwatch
from renderers.threads import limited_to

_LONGEST_REASON = 500  # characters


def worker_name() -> str:
    """This process, as 'host:1234'."""
    return f"{socket.gethostname()}:{os.getpid()}"


def attempt(job: Work, local_paths: Mapping[Path, Path] | None = None, scratch: str | None = None) -> Outcome:
    """`paint_job`, or whatever the work is, with errors as a Failure. KeyboardInterrupt passes through."""
    try:
        if isinstance(job, OwnWork):
            return job.carry_out(local_paths or {}, scratch)
        assert isinstance(job, Job)
        return paint_job(job, local_paths, scratch)
    except ImpastoError as error:  # the same input would be refused again, so the failure is permanent
        reason = str(error)
        for named, local in (local_paths or {}).items():
            reason = reason.replace(str(local), str(named))
        return Failure(job.key, _shortened(reason), permanent=True, worker=worker_name())
    except Exception as error:  # whatever it is, the other jobs continue, and the ledger keeps the reason
        where = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})"
        return Failure(job.key, _shortened(what), permanent=False, worker=worker_name())


def paint_job(job: Job, local_paths: Mapping[Path, Path] | None = None, scratch: str | None = None) -> Painted:
    """Paint one job. The same job gives the same bytes, on any worker and with any number of threads.

    Args:
        job: what to paint.
        local_paths: where the files that the job names are on this machine; its names are used for those not in it.
        scratch: an existing folder for temporary files; the system's if not given.

    Returns:
        The contents of `job.files`, and figures of the painting against its picture; none if it is not painted.

    Raises:
        ImpastoError: as `painter.paint` and `Painting.save`.
        KeyboardInterrupt: on Ctrl-C; nothing is kept.
    """
    start = time.perf_counter()
    check_names(job.files)
    local_paths = local_paths or {}
    if not job.painted:
        content = _png(_stacked(job, local_paths))
        return Painted(job.key, dict.fromkeys(job.files, content), {}, time.perf_counter() - start, worker_name())
    watch = Stopwatch()
    subject = _subject(job, local_paths, watch)
    found = find_strokes(subject, watch)
    if found.interrupted:
        raise KeyboardInterrupt
    if found.failed is not None:
        raise found.failed
    as_given = {name: getattr(job.config, name) for name in job.config.files}
    painting = replace(found.painting, config=replace(found.painting.config, **as_given))
    drawn = draw_for(painting, job.files, job.export)
    figures = pixel_errors(drawn_as_seen(painting, drawn.image, subject), subject.picture)
    files, notes = {}, list(subject.notes)
    with tempfile.TemporaryDirectory(prefix="impasto-", dir=scratch) as folder:
        for number, name in enumerate(job.files):
            path = Path(folder, f"{number}-{Path(name).name}")
            saved = save_painting(painting, path, drawn, job.export)
            notes += [note.replace(str(path), name) for note in saved]
            files[name] = path.read_bytes()
    figures["strokes"] = len(painting.strokes)
    return Painted(job.key, files, figures, time.perf_counter() - start, worker_name(), tuple(notes))


@contextmanager
def using_threads(count: int) -> Iterator[None]:
    """Use `count` threads in torch, OpenCV and our own kernels."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    try:
        with limited_to(count):
            yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def _subject(job: Job, local_paths: Mapping[Path, Path], watch: Stopwatch) -> Subject:
    """What `prepare` or, where other pictures are shown after the first, `prepare_reveal` makes of a job."""
    source, config = _source(job, local_paths), localized(job.config, local_paths)
    if not job.later.then:
        return prepare(source, config, watch)
    with watch.phase("load"):
        then = [local_paths.get(path, path) for path in map(Path, job.later.then)]
        return prepare_reveal([source, *then], config, job.later.shares)


def _source(job: Job, local_paths: Mapping[Path, Path]) -> PictureSource:
    """What is painted: a file, or the picture of a stack, which has the job's name."""
    if isinstance(job.picture, Path):
        return local_paths.get(job.picture, job.picture)
    return picture_from_array(_stacked(job, local_paths), job.config.working_side, job.key)


def _stacked(job: Job, local_paths: Mapping[Path, Path]) -> np.ndarray:
    """The picture of a job's stack, [H, W, 4] uint8, or [H, W, 3] if it is opaque everywhere."""
    assert isinstance(job.picture, Stack)
    pixels = read_stack(job.picture.relocated(lambda path: local_paths.get(path, path)))
    return pixels[..., :3] if (pixels[..., 3] == 255).all() else pixels


def _png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="PNG")
    return content.getvalue()


def localized(config: PaintConfig, local_paths: Mapping[Path, Path]) -> PaintConfig:
    """The configuration with the names that its files have on this machine."""
    changes: dict[str, Any] = {
        name: str(local_paths[path]) for name, path in config.files.items() if path in local_paths
    }
    return replace(config, **changes) if changes else config


def _shortened(text: str) -> str:
    line = one_line(" ".join(text.split()))
    return line if len(line) <= _LONGEST_REASON else line[:_LONGEST_REASON] + "…"
