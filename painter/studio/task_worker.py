"""A process that works for the studio: it paints, exports and reads stroke files, one task at a time.

It is started once and stays warm: torch, the kernels and the networks are loaded while nobody waits. A thread listens
for what concerns the task under way: pause, resume, stop, discard.
"""

from __future__ import annotations

import gc
import math
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from PIL import Image

from painter.errors import DivergedError, ImpastoError
from painter.options.export import ExportConfig
from painter.options.paint import PaintConfig
from painter.options.restyle import RestyleConfig
from painter.options.reveal import RevealConfig
from painter.painting.browser_form import browser_form
from painter.painting.load import load_painting
from painter.painting.painting import Painting
from painter.painting.save import save_painting
from painter.pictures.metrics import compare
from painter.pictures.picture import load_picture
from painter.pictures.proportions import read_fitted
from painter.pipeline import SearchResult, find_strokes, prepare
from painter.search.control import Control
from painter.search.revealing import prepare_reveal
from painter.search.staged_run import Progress
from painter.search.subject import Subject
from painter.studio.library import STROKES, write_json
from painter.studio.messages import pack_message, unpack_message
from painter.styling.restyle import finish_styling, prepare_styling
from painter.system.autosave import Autosave, AutosaveConfig
from painter.system.usage import Stopwatch, peak_rss_mb
from renderers.webgl.stroke_rows import pack_rows

UPDATES = 15.0  # a second, at most
STROKES_A_SECOND = 40_000  # in updates, at most: 2 updates a second at 20,000 strokes
STILL_SIDE, LIVE_SIDE, THUMBNAIL_SIDE = 1024, 512, 320  # pixels
PICTURE_PACE = 20.0  # times as long as drawing a picture took, until the next one is drawn
AUTOSAVE_SECONDS = 5.0


def main(connection: Connection) -> None:
    """Work until the connection ends."""
    Worker(connection).run()


class Worker:
    """The tasks of one process.

    Args:
        connection: to the server, with messages of `painter.studio.messages`.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.tasks: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.control, self.discard, self.task_id = Control(), False, ""

    def run(self) -> None:
        """Take one task after the other."""
        threading.Thread(target=self._listen, daemon=True).start()
        self.send({"kind": "idle", "mb": peak_rss_mb() or 0})
        while True:
            task = self.tasks.get()
            try:
                TASKS[task["do"]](self, task)
            except ImpastoError as error:
                self.fail(str(error))
            except MemoryError:
                self.fail("there is not enough memory; choose a smaller size")
            except Exception as error:
                self.fail(f"this should not have happened: {error!r}")
            gc.collect()
            self.send({"kind": "idle", "mb": peak_rss_mb() or 0})

    def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Tell the server about the task under way."""
        self.connection.send_bytes(pack_message({"task": self.task_id, **header}, body))

    def fail(self, message: str) -> None:
        """Tell the server that the task cannot be done, in one line."""
        self.send({"kind": "failed", "message": message})

    def _listen(self) -> None:
        while True:
            try:
                message, _ = unpack_message(self.connection.recv_bytes())
            except (EOFError, OSError):
                os._exit(0)  # the server is gone, and with it all reason to go on
            if message["do"] in TASKS:
                self.control, self.discard, self.task_id = Control(), False, message["task"]
                self.tasks.put(message)
            elif message["task"] == self.task_id:
                self._steer(message["do"])

    def _steer(self, what: str) -> None:
        self.discard |= what == "discard"
        {"pause": self.control.pause, "resume": self.control.resume}.get(what, self.control.stop)()


# --- painting -------------------------------------------------------------------------------------------------


def paint(worker: Worker, task: dict[str, Any]) -> None:
    """Paint a picture, from its autosave if there is one, and keep the painting."""
    folder, watch = Path(task["folder"]), Stopwatch()
    folder.mkdir(parents=True, exist_ok=True)
    config = PaintConfig(**task["config"])
    worker.send({"kind": "stage", "stage": "looking at the picture"})
    subject = _subject(task, config, watch)
    autosave = Autosave(folder / "painting", subject, resume=True, config=AutosaveConfig(AUTOSAVE_SECONDS))
    live = _Live(worker, subject, task)
    found = find_strokes(subject, watch, live.show, autosave, worker.control)
    if worker.discard:
        return
    worker.send({"kind": "stage", "stage": "drawing"})
    labels = {name: label for name, label in task["labels"].items() if getattr(config, name, None) is not None}
    painting = replace(found.painting, config=replace(config, **labels))
    about = {**task["about"], **_figures(subject, found), "seconds": round(live.spent, 1), "late": live.late}
    keep(worker, painting, folder, {**about, "interrupted": found.interrupted}, found.failed)
    autosave.close(finished=True)


def _subject(task: dict[str, Any], config: PaintConfig, watch: Stopwatch) -> Subject:
    """The pictures of a task, by the names that they had when they were uploaded, ready to be painted."""
    picture = replace(load_picture(task["picture"], config.working_side), name=task["name"])
    if not task.get("then"):  # jobs that an earlier version kept know nothing of it
        return prepare(picture, config, watch)
    then = [replace(read_fitted(place, picture), name=Path(task["labels"]["then"]).stem) for place in task["then"]]
    return prepare_reveal([picture, *then], config, RevealConfig(shares=task["shares"]))


def restyle(worker: Worker, task: dict[str, Any]) -> None:
    """Give a painting the style of a picture, and keep what comes of it as another painting."""
    folder, config = Path(task["folder"]), RestyleConfig(**task["config"])
    worker.send({"kind": "stage", "stage": "looking at the style"})
    try:
        painting = load_painting(task["source"])
        styling = prepare_styling(painting, task["style"], config)
    except ImpastoError as error:
        worker.fail(_renamed(str(error), task, style=task["style_name"], source="the painting"))
        return
    live = _Live(worker, replace(painting, config=replace(painting.config, seconds=None)), task)
    problem = None
    try:
        restyled = finish_styling(styling, live.show, control=worker.control)
    except DivergedError as error:
        restyled, problem = error.result, error
    if worker.discard:
        return
    worker.send({"kind": "stage", "stage": "drawing"})
    found = replace(restyled.painting, config=replace(restyled.painting.config, style_image=task["style_name"]))
    more = {"seconds": round(live.spent, 1), "late": live.late, "interrupted": restyled.interrupted}
    keep(worker, found, folder, {**task["about"], **more}, problem)


class _Live:
    """Shows the strokes while they are found or restyled, and ends a run that takes too long."""

    def __init__(self, worker: Worker, subject: Subject | Painting, task: dict[str, Any]) -> None:
        self.worker, self.subject, self.most_seconds = worker, subject, task["most_seconds"]
        self._next_picture = 0.0 if task.get("pictures") else math.inf  # by time.monotonic()
        self.spent = 0.0  # seconds of the search, without pauses
        self.late = False  # whether it took too long
        self._start, self._shown = time.monotonic(), 0.0
        self._revision = 0

    def show(self, progress: Progress) -> None:
        """Called after each step."""
        now = time.monotonic()
        self.spent = now - self._start - self.worker.control.waited
        if self._revision == 0:
            self.worker.send({"kind": "begin", "form": browser_form(self._painting(progress), rows=False)})
        pace = max(1 / UPDATES, len(progress.strokes) / STROKES_A_SECOND)
        if now - self._shown >= pace or self.worker.control.paused:
            self._send(progress)
            self._shown = now
        if now >= self._next_picture:
            self._send_picture(progress)
            drawn = time.monotonic()
            self._next_picture = drawn + PICTURE_PACE * (drawn - now)
        if self.spent > self.most_seconds:
            self.late = True
            self.worker.control.stop()

    def _send(self, progress: Progress) -> None:
        self._revision += 1
        share = progress.step / max(1, progress.steps)
        left, seconds = self.spent * (1 / share - 1), self.subject.config.seconds
        header = {
            "kind": "strokes", "rev": self._revision, "stage": progress.stage, "step": progress.step,
            "steps": progress.steps, "n": len(progress.strokes), "loss": progress.loss, "psnr": progress.psnr,
            "left": left if seconds is None else max(0.0, min(left, seconds - self.spent)),
        }  # fmt: skip
        self.worker.send(header, pack_rows(progress.strokes).tobytes())

    def _send_picture(self, progress: Progress) -> None:
        """For pages that cannot draw strokes."""
        painting, content = self._painting(progress), BytesIO()
        bare = replace(painting, config=replace(painting.config, texture=0.0))
        Image.fromarray(bare.draw(min(LIVE_SIDE, painting.config.size))).save(content, format="WEBP", quality=80)
        self.worker.send({"kind": "picture"}, content.getvalue())

    def _painting(self, progress: Progress) -> Painting:
        subject = self.subject
        return Painting(progress.strokes, subject.aspect, subject.ground, subject.config, subject.region)


def _figures(subject: Subject, found: SearchResult) -> dict[str, Any]:
    """How close it came to the picture, which a styled painting is not meant to, and what its first strokes show."""
    bare = found.painting.draw_bare(subject.working_side)
    figures = {name: round(value, 3) for name, value in compare(bare, subject.picture).items() if value is not None}
    return {**figures, **subject.figures(found.painting)}


def keep(
    worker: Worker, painting: Painting, folder: Path, about: dict[str, Any], problem: ImpastoError | None = None
) -> None:
    """Write a painting's files, and say that it is done; `problem`: what ended it before its time."""
    folder.mkdir(parents=True, exist_ok=True)
    save_painting(painting, folder / STROKES)
    rows = pack_rows(painting.strokes).tobytes()
    (folder / "rows.bin").write_bytes(rows)
    still = painting.draw(min(STILL_SIDE, 2 * painting.config.size))  # larger, for screens with many pixels
    Image.fromarray(still).save(folder / "still.webp", quality=90)
    Image.fromarray(painting.draw(THUMBNAIL_SIDE)).save(folder / "thumbnail.webp", quality=80)
    form = browser_form(painting, rows=False)
    size = {"strokes": len(painting.strokes), "size": painting.config.size, "style": painting.config.style}
    about = {**about, **size, "form": form}
    write_json(folder / "about.json", about)
    worker.send({"kind": "done", "painting": about, "problem": str(problem) if problem else None}, rows)


# --- other tasks ----------------------------------------------------------------------------------------------


def export(worker: Worker, task: dict[str, Any]) -> None:
    """Write a painting to a file."""
    try:
        painting = load_painting(task["source"])
        if task["size"] is not None:
            painting = replace(painting, config=replace(painting.config, size=task["size"]))
        notes = save_painting(painting, task["target"], config=ExportConfig(**task["config"]))
    except ImpastoError as error:
        worker.fail(_renamed(str(error), task, source="the painting", target="the file"))
        return
    shown = [note.removeprefix(f"{task['target']}: ") for note in notes]
    worker.send({"kind": "exported", "notes": shown})


def reopen(worker: Worker, task: dict[str, Any]) -> None:
    """Keep the painting in a stroke file that has been uploaded."""
    try:
        painting = load_painting(task["source"])
    except ImpastoError as error:
        worker.fail(_renamed(str(error), task, source=task["name"]))
        return
    keep(worker, painting, Path(task["folder"]), {**task["about"], "interrupted": False})


def _renamed(message: str, task: dict[str, Any], **names: str) -> str:
    """A message with these names for the task's files, for no page needs to know where the server keeps them."""
    for file, name in names.items():
        message = message.replace(task[file], name)
    for folder in sorted((str(Path(task[file]).parent) for file in names), key=len, reverse=True):
        message = message.replace(folder, "the studio's folder")
    return message


TASKS: dict[str, Callable[[Worker, dict[str, Any]], None]] = {
    "paint": paint, "restyle": restyle, "export": export, "reopen": reopen,
}  # fmt: skip
