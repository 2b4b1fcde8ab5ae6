"""Jobs of a batch, painted or pretended."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from painter import PaintConfig
from painter.batch.jobs import Job, Outcome, Painted, Work
from painter.batch.ledger import NAME
from painter.options.fields import option_name

TINY = {"style": "markerpen", "strokes": 6, "size": 48, "iterations": 3, "device": "cpu"}


QUICK = [part for name, value in TINY.items() for part in (option_name(name), str(value))]


def save_picture(path: Path, seed: int = 0) -> Path:
    """A few coloured squares."""
    squares = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(squares).resize((40, 30), Image.Resampling.NEAREST).save(path)
    return path


def job(key: str, *files: str, picture: Path = Path("none.png"), **options: object) -> Job:
    return Job(key, picture, PaintConfig(**options), files or (f"images/{key}.png",))  # type: ignore[arg-type]


def painted(job: Work) -> Painted:
    """Bytes that depend on the job alone: 3 kB for each file."""
    files = {name: hashlib.sha256(f"{job.config.seed} {name}".encode()).digest() * 100 for name in job.files}
    return Painted(job.key, files, {"psnr": 20.0}, 0.5, "me:1")


@dataclass
class FakePool:
    """Does what `make` says, at once, when it is waited for."""

    make: Callable[[Work], Outcome] = painted
    capacity: int = 3
    jobs: list[Work] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    closed: bool = False

    def submit(self, job: Work) -> None:
        assert len(self.jobs) < self.capacity and not self.closed
        self.jobs.append(job)
        self.asked.append(job.key)

    def wait(self, seconds: float) -> list[Outcome]:
        done, self.jobs = self.jobs[:1], self.jobs[1:]
        return [self.make(job) for job in done]

    def close(self) -> None:
        self.closed = True


def files_of(folder: Path) -> dict[str, bytes]:
    """All files but the ledger's."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if "ledger" not in name}


def done_in(folder: Path) -> set[str]:
    """What the ledger calls done, while or after somebody writes it."""
    connection = sqlite3.connect(folder / NAME)
    try:
        return {key for (key,) in connection.execute("SELECT key FROM jobs WHERE state = 'done'")}
    finally:
        connection.close()
