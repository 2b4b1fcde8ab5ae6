"""The commands that `scripts/reliability/kills.py` kills: a new one is one entry in COMMANDS."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

import painter.batch.pools
import painter.cli.batch
import painter.cli.collection
import painter.cli.collection.run
import painter.cli.paint
import painter.cli.restyle
import painter.cli.transfer
import painter.cli.video
import painter.system.autosave
import painter.video.clip_run
import painter.video.clip_source
import painter.video.film_files
from painter import PaintConfig, paint
from painter.batch.ledger import NAME
from painter.batch.worker import serve
from painter.cli import main
from painter.system.autosave import AutosaveConfig
from renderers.threads import limited_to
from scripts import ROOT
from scripts.reliability import studio_visitor as studio

QUICK = ("--size", "64", "--strokes", "10", "--texture", "0", "--focus", "none")


def nothing_recorded(folder: Path) -> list[str]:
    """For commands that make one painting."""
    return []


def is_hidden(name: Path) -> bool:
    """Whether a file or one of its folders, relative to a case's own, is hidden."""
    return any(part.startswith(".") for part in name.parts)


def shown(folder: Path) -> dict[str, bytes]:
    """The files of a folder that are not hidden, nor in hidden folders, by name; without ledgers, which note times."""
    names = {path: path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    seen = {path: name for path, name in names.items() if not is_hidden(name) and not name.name.startswith(NAME)}
    return {str(name): path.read_bytes() for path, name in seen.items()}


@dataclass(frozen=True)
class Killed:
    """A command that is killed and run again."""

    name: str
    words: tuple[str, ...]
    prepare: Callable[[Path], None]  # writes what it reads into a new folder
    share: int  # of all kills
    again: tuple[str, ...] = ()  # words added when it has been killed
    anew: tuple[str, ...] = ()  # words added to make everything once more
    shown: Callable[[Path], dict[str, bytes]] = shown  # its files, by names that are the same in every run
    beside: Callable[[], None] | None = None  # starts what must run beside it; it is then a program of its own
    recorded: Callable[[Path], list[str]] = nothing_recorded  # files of paintings that it has noted as finished

    def run(self, saved: float, times: int) -> int:
        """Run the command, for the first time or after it has been killed; its exit code.

        Args:
            saved: seconds between two savings of its progress.
            times: how often it has been run before.
        """
        painter.system.autosave.AutosaveConfig = lambda: AutosaveConfig(saved)  # type: ignore
        painter.video.clip_run.SAVE_SECONDS = saved
        return self._main(self.again if times else ())

    def run_anew(self) -> int:
        """Make everything once more."""
        return self._main(self.anew)

    def _main(self, more: tuple[str, ...]) -> int:
        painter.batch.pools._CONTEXT = multiprocessing.get_context("fork")  # type: ignore
        painter.batch.pools.serve = _serve_alone  # type: ignore[attr-defined]
        if self.beside is not None:
            self.beside()
            os.environ.update(PYTHONPATH=str(ROOT), TMPDIR=tempfile.gettempdir())
            os.execv(sys.executable, [sys.executable, str(ROOT / "paint.py"), *self.words, *more])
        return main([*self.words, *more])


def _serve_alone(pipe: Connection, lifeline: Connection, threads: int, scratch: str) -> None:
    """A worker's work, in a process that was forked instead of spawned: without what it has inherited."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in (pipe.fileno(), lifeline.fileno()):
            with suppress(OSError):
                os.close(int(name))
    serve(pipe, lifeline, threads, scratch)


def save_pictures(folder: Path, *names: str) -> None:
    """Pictures of coloured boxes, 48 × 36, each another."""
    for k, name in enumerate(names):
        random, pixels = np.random.default_rng(k), np.full((36, 48, 3), (225, 215, 190), np.uint8)
        for _ in range(12):
            top, left, height, width = random.integers(0, (30, 40, 16, 20))
            pixels[top : top + 3 + height, left : left + 3 + width] = random.integers(0, 256, 3)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name)


# --- single paintings ---------------------------------------------------------------------------------------

_STROKES: dict[str, bytes] = {}  # a stroke file for `restyle`, made once


def _prepare_restyle(folder: Path) -> None:
    save_pictures(folder, "in.png", "style.png")
    if not _STROKES:
        paint(folder / "in.png", PaintConfig(size=64, strokes=10, iterations=4)).save(folder / "in.strokes.json")
        _STROKES["in"] = (folder / "in.strokes.json").read_bytes()
    (folder / "in.strokes.json").write_bytes(_STROKES["in"])


def _prepare_video(folder: Path) -> None:
    """Six frames over which a camera moves."""
    save_pictures(folder, "wide.png")
    wide = Image.open(folder / "wide.png").resize((144, 64))
    (folder / "clip").mkdir()
    for k in range(6):
        wide.crop((4 * k, 0, 4 * k + 80, 64)).save(folder / f"clip/{k}.png")


# --- many paintings -----------------------------------------------------------------------------------------


def _finished(folder: Path, out: str) -> list[str]:
    """Files of the paintings that a ledger has as finished."""
    if not (folder / out / NAME).exists():
        return []
    with closing(sqlite3.connect(folder / out / NAME)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs'").fetchall():
            return []  # killed before the first table was made
        rows = database.execute("SELECT name FROM files JOIN jobs USING (key) WHERE state = 'done'").fetchall()
    return [f"{out}/{name}" for (name,) in rows]


RECIPE = """\
name = "Tiny"
size = 4
[paint]
size = 64
strokes = 8
iterations = 4
style = "markerpen"
texture = 0.0
[metadata]
date = 2026-11-25
[[axis]]
name = "Motif"
values = [{name = "Red", picture = "red.png"}, {name = "Blue", picture = "blue.png"}]
[[axis]]
name = "Tones"
values = [{name = "Two", tones = 2}, {name = "Four", tones = 4}, {name = "All"}]
"""


def _prepare_collection(folder: Path) -> None:
    save_pictures(folder, "red.png", "blue.png")
    (folder / "tiny.toml").write_text(RECIPE)


COMMANDS: tuple[Killed, ...] = (
    Killed(
        "paint", ("in.png", *QUICK, "--iterations", "60", "-o", "a.png", "-o", "a.gif"),
        lambda folder: save_pictures(folder, "in.png"), 30, ("--resume",), ("--overwrite",),
    ),
    Killed(
        "restyle",
        ("restyle", "in.strokes.json", "--style-image", "style.png", "--features", "random", "--iterations", "6",
         "--size", "32", "-o", "b.png", "-o", "b.gif"),
        _prepare_restyle, 15, ("--resume",), ("--overwrite",),
    ),
    Killed(
        "transfer",
        ("transfer", "in.png", "style.png", "--features", "random", "--size", "64", "--scales", "2", "--iterations",
         "16", "-o", "c.png"),
        lambda folder: save_pictures(folder, "in.png", "style.png"), 15, ("--resume",), ("--overwrite",),
    ),
    Killed(
        "video",
        ("video", "clip", "--size", "64", "--strokes", "10", "--iterations", "20", "-o", "v.strokes.jsonl.gz", "-o",
         "v.gif"),
        _prepare_video, 15, ("--resume",), ("--overwrite",),
    ),
    Killed(
        "batch",
        ("batch", "photos", "-o", "out", *QUICK, "--iterations", "8", "--processes", "2", "--threads", "1"),
        lambda folder: save_pictures(folder, *(f"photos/{k}.png" for k in range(6))), 15,
        recorded=lambda folder: _finished(folder, "out"),
    ),
    Killed(
        "collection", ("collection", "run", "tiny.toml", "-o", "out", "--processes", "2", "--threads", "1"),
        _prepare_collection, 15, recorded=lambda folder: _finished(folder, "out"),
    ),
    Killed(
        "studio", ("studio", "--port", str(studio.PORT), "--no-browser", "--folder", "studio"), studio.prepare, 10,
        shown=studio.shown, beside=studio.visit, recorded=studio.finished,
    ),
)  # fmt: skip


def warm_up() -> None:
    """Load what takes seconds, in one thread: processes are forked from this one."""
    import torch._dynamo

    b"a".decode("utf-8-sig")  # whose module another user may not be able to read later
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    picture = np.arange(24 * 32 * 3, dtype=np.uint8).reshape(24, 32, 3)
    with limited_to(1):
        for style in ("markerpen", "oil"):
            paint(picture, PaintConfig(style=style, strokes=8, size=32, iterations=4, focus="none"))
