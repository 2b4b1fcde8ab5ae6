"""The driver of many paintings: hands out jobs, and alone writes their files and the ledger."""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from painter.batch.digests import Digests
from painter.batch.jobs import Failure, Job, Painted, check_names
from painter.batch.ledger import Ledger, Row, WrittenFile
from painter.batch.pools import Pool
from painter.errors import OutputError, one_line
from painter.options.running import RunningConfig
from painter.system.atomic import remove_temporary, replacing
from painter.system.fingerprint import sha256_of
from painter.system.interrupts import deferred_interrupts

_WRITERS = 8  # files that are brought to the disk at a time
_GLANCE = 0.25  # seconds after which Ctrl-C is noticed


@dataclass(frozen=True)
class Summary:
    """What has become of the jobs so far."""

    jobs: int
    kept: int = 0  # were done before
    painted: int = 0
    failed: int = 0
    seconds: float = 0.0  # that the run took
    interrupted: bool = False  # whether Ctrl-C cut it short

    @property
    def left(self) -> int:
        """Jobs of which nothing is known yet."""
        return self.jobs - self.kept - self.painted - self.failed


@dataclass(frozen=True)
class Event:
    """Something that `run_jobs` tells of while it runs."""

    kind: str  # 'begun' (once), 'painted', 'retrying' or 'failed'
    summary: Summary
    key: str = ""  # of the job
    reason: str = ""  # why it failed
    notes: tuple[str, ...] = ()  # `Painted.notes`


def run_jobs(
    jobs: Iterable[Job],
    folder: str | os.PathLike[str],
    ledger: Ledger,
    pool: Pool,
    on_event: Callable[[Event], None] | None = None,
    retries: int = RunningConfig.retries,
) -> Summary:
    """Paint what is not painted yet.

    A job is left out if the ledger calls it done, nothing that decides its bytes has changed since, and its files are
    there: of their size and time, or else of their content. A job that fails is tried again, up to `retries` times,
    unless its input is at fault; then it is recorded as failed, and the others go on. The next run tries it anew.

    On Ctrl-C what has come back is still recorded, and the pool is closed; a second one is not waited for. After
    kill -9 the next run paints what was being painted then, and what was not begun.

    Args:
        jobs: keys and files' names are unique.
        folder: the output folder, which exists; the ledger's.
        ledger: open.
        pool: open.
        on_event: called in this thread.
        retries: further tries, at least 0, after the first that fails.

    Raises:
        OutputError: a file cannot be written, or there is one that the ledger does not know; no more is painted then.
        LedgerError: the ledger cannot be written.
        WorkersError: there are no workers any more.
        CheckpointError: the manifest of the checkpoints is missing or damaged.
    """
    with ThreadPoolExecutor(_WRITERS, "impasto-writer") as writers, deferred_interrupts() as interrupts:
        run = _Run(list(jobs), Path(folder), ledger, pool, on_event or (lambda event: None), retries, writers)
        return run.whole(interrupts)


class _Run:
    """One call of `run_jobs`."""

    def __init__(
        self, jobs: list[Job], folder: Path, ledger: Ledger, pool: Pool, tell: Callable[[Event], None], retries: int,
        writers: ThreadPoolExecutor,
    ) -> None:  # fmt: skip
        self.jobs, self.folder, self.ledger, self.pool, self.tell = jobs, folder, ledger, pool, tell
        self.retries, self.writers = retries, writers
        self.failures: Counter[str] = Counter()
        self.running: dict[str, Job] = {}
        self.waiting: deque[Job] = deque()
        self.start = time.monotonic()
        self.summary = Summary(len(jobs))

    def whole(self, interrupts: Sequence[int]) -> Summary:
        self.waiting.extend(self._prepared())
        self._tell("begun", kept=len(self.jobs) - len(self.waiting))
        while (self.waiting or self.running) and not interrupts:
            while self.waiting and len(self.running) < self.pool.capacity and not interrupts:
                self._submit(self.waiting.popleft())
            self._take(_GLANCE)
        if interrupts:
            self._take(0)
            self.pool.close()
            self.ledger.wait_again(self.running)
        return self._updated(interrupted=bool(interrupts))

    def _prepared(self) -> list[Job]:
        """The jobs that have to be painted, all of them in the ledger, with folders for their files."""
        _check_unique(self.jobs)
        digests = Digests()
        digest = {job.key: digests.of(job) for job in self.jobs}
        rows = self.ledger.rows()
        new = [job for job in self.jobs if job.key not in rows or rows[job.key].digest != digest[job.key]]
        self._check_foreign(new)
        anew = {job.key for job in new}
        todo = [job for job in self.jobs if job.key in anew or not is_done(rows[job.key], job.files, self.folder)]
        self.ledger.add((job.key, digest[job.key], job.files) for job in new)
        self.ledger.wait_again(job.key for job in todo if job.key not in anew)
        names: dict[Path, set[str]] = {}
        for job in todo:
            for name in job.files:
                path = self.folder / name
                names.setdefault(path.parent, set()).add(path.name)
        for parent, files in names.items():
            with _explained(parent):
                parent.mkdir(parents=True, exist_ok=True)
            remove_temporary(parent, files)  # of a run that was killed: the ledger's lock says that none is at it now
        return todo

    def _check_foreign(self, jobs: Sequence[Job]) -> None:
        """Raise OutputError if one of these would write over a file that no earlier run has written."""
        known = self.ledger.file_names()
        for job in jobs:
            for name in job.files:
                if name not in known and os.path.lexists(self.folder / name):
                    wrong = "it is there already, and the ledger knows nothing of it"
                    raise OutputError(
                        f"cannot write {one_line(self.folder / name)}: {wrong}; move it away or choose another folder"
                    )

    def _submit(self, job: Job) -> None:
        self.ledger.begin(job.key)
        self.running[job.key] = job
        self.pool.submit(job)

    def _take(self, seconds: float) -> None:
        outcomes = self.pool.wait(seconds)
        # All files of all of them at once: most of the time goes by in waiting for the disk.
        writing = {outcome.key: self._writing(outcome) for outcome in outcomes if isinstance(outcome, Painted)}
        for outcome in outcomes:
            job = self.running.pop(outcome.key)
            if isinstance(outcome, Painted):
                self._record(outcome, writing[outcome.key])
                self._tell("painted", job.key, notes=outcome.notes, painted=self.summary.painted + 1)
            else:
                self._failed(job, outcome)

    def _writing(self, painted: Painted) -> dict[str, Future[WrittenFile]]:
        """The files, being written."""
        return {
            name: self.writers.submit(_written, self.folder / name, content) for name, content in painted.files.items()
        }

    def _record(self, painted: Painted, writing: dict[str, Future[WrittenFile]]) -> None:
        """When the files are written, write the row."""
        files = {name: written.result() for name, written in writing.items()}
        old = self.ledger.finish(painted.key, files, painted.figures, painted.seconds, painted.worker)
        for name, file in old.items():
            path = self.folder / name
            if file.is_at(path):  # else it is no longer what we have written
                with suppress(OSError):
                    path.unlink()

    def _failed(self, job: Job, failure: Failure) -> None:
        self.failures[job.key] += 1
        if not failure.hopeless and self.failures[job.key] <= self.retries:
            self.waiting.append(job)
            self._tell("retrying", job.key, failure.reason)
            return
        self.ledger.fail(job.key, failure.reason, failure.worker)
        self._tell("failed", job.key, failure.reason, failed=self.summary.failed + 1)

    def _tell(self, kind: str, key: str = "", reason: str = "", notes: tuple[str, ...] = (), **counts: int) -> None:
        self.tell(Event(kind, self._updated(**counts), key, reason, notes))

    def _updated(self, **changes: int) -> Summary:
        self.summary = replace(self.summary, seconds=time.monotonic() - self.start, **changes)  # type: ignore[arg-type]
        return self.summary


def is_done(row: Row, files: Sequence[str], folder: Path) -> bool:
    """Whether a job is done and its files are there: of their size and time, or else of their content.

    Args:
        row: what the ledger says of it.
        files: names that it has to have written, relative to `folder`.
    """
    return (
        row.state == "done"
        and set(files) == set(row.files)
        and all(file.is_at(folder / name) or _holds(folder / name, file) for name, file in row.files.items())
    )


def _holds(path: Path, file: WrittenFile) -> bool:
    with suppress(OSError, ValueError):
        return path.is_file() and path.stat().st_size == file.size and sha256_of(path) == file.sha256
    return False


def _written(path: Path, content: bytes) -> WrittenFile:
    """Write a file, whole, and bring it to the disk."""
    with _explained(path), replacing(path, tidy=False) as temporary:
        temporary.write_bytes(content)
        about = temporary.stat()
    return WrittenFile(hashlib.sha256(content).hexdigest(), about.st_size, about.st_mtime_ns)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {one_line(path)}: {error.strerror or error}; run again to go on") from error


def _check_unique(jobs: Sequence[Job]) -> None:
    """Raise OutputError unless keys differ, files' names differ in more than case, and lie in the output folder."""
    keys: set[str] = set()
    names: set[str] = set()
    for job in jobs:
        if job.key in keys:
            raise OutputError(f"{one_line(job.key)}: two paintings have this name; rename one")
        keys.add(job.key)
        check_names(job.files)
        for name in job.files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts:
                raise OutputError(f"cannot write {one_line(name)}: it is outside of the output folder")
            if name.casefold() in names:
                raise OutputError(f"cannot write {one_line(name)}: two paintings have this name; rename one")
            names.add(name.casefold())
