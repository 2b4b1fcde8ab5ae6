"""The driver of many paintings: hands out jobs to workers; it alone writes their files and the ledger."""

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
from painter.batch.jobs import Failure, Job, Painted, Work, check_names
from painter.batch.ledger import Ledger, Row, WrittenFile
from painter.batch.pools import Pool
from painter.errors import OutputError, one_line
from painter.options.running import RunningConfig
from painter.system.atomic import remove_temporary, replacing
from painter.system.fingerprint import sha256_of
from painter.system.interrupts import deferred_interrupts

_WRITERS = 8  # files written at a time
_POLL_SECONDS = 0.25  # after which Ctrl-C is noticed


@dataclass(frozen=True)
class Summary:
    """How many jobs are in which state."""

    jobs: int
    kept: int = 0  # done by an earlier run
    painted: int = 0
    failed: int = 0
    seconds: float = 0.0  # since the run began
    interrupted: bool = False  # whether Ctrl-C ended the run early

    @property
    def left(self) -> int:
        """Jobs without an outcome yet."""
        return self.jobs - self.kept - self.painted - self.failed


@dataclass(frozen=True)
class Event:
    """Something that happened in `run_jobs`."""

    kind: str  # 'started' (once), 'painted', 'retrying' or 'failed'
    summary: Summary
    key: str = ""  # of the job
    reason: str = ""  # why it failed
    notes: tuple[str, ...] = ()  # `Painted.notes`


def run_jobs(
    jobs: Iterable[Work],
    folder: str | os.PathLike[str],
    ledger: Ledger,
    pool: Pool,
    on_event: Callable[[Event], None] | None = None,
    retries: int = RunningConfig.retries,
    seconds: float | None = None,
) -> Summary:
    """Paint the jobs that are not done yet.

    A job is skipped if the ledger says that it is done, nothing that decides its bytes has changed since, and its
    files are there with their size and time, or else with their content. A job that fails is tried again up to
    `retries` times, unless its failure is permanent; then it is recorded as failed, and the other jobs continue. The
    next run tries it again.

    On the first Ctrl-C the outcomes that have arrived are recorded and the pool is closed; a second one raises
    KeyboardInterrupt at once. After kill -9 the next run paints the jobs that were running or waiting.

    Args:
        jobs: with unique keys and names of files.
        folder: the output folder, which exists; the ledger is in it.
        ledger: open.
        pool: open.
        on_event: called in this thread.
        retries: further tries, at least 0, after the first one.
        seconds: after so many no more jobs are begun, and those that are running are given up; None for no limit.

    Returns:
        The final counts.

    Raises:
        OutputError: a file cannot be written, or one that the ledger does not know is in its place; painting ends.
        LedgerError: the ledger cannot be written.
        WorkersError: no workers are left.
        CheckpointError: the manifest of the checkpoints is missing or damaged.
    """
    with ThreadPoolExecutor(_WRITERS, "impasto-writer") as writers, deferred_interrupts() as interrupts:
        run = _Run(list(jobs), Path(folder), ledger, pool, on_event or (lambda event: None), retries, seconds, writers)
        return run.run(interrupts)


class _Run:
    """One call of `run_jobs`."""

    def __init__(
        self, jobs: list[Work], folder: Path, ledger: Ledger, pool: Pool, on_event: Callable[[Event], None],
        retries: int, seconds: float | None, writers: ThreadPoolExecutor,
    ) -> None:  # fmt: skip
        self.jobs, self.folder, self.ledger, self.pool, self.on_event = jobs, folder, ledger, pool, on_event
        self.retries, self.seconds, self.writers = retries, seconds, writers
        self.failures: Counter[str] = Counter()
        self.running: dict[str, Work] = {}
        self.waiting: deque[Work] = deque()
        self.start = time.monotonic()
        self.summary = Summary(len(jobs))

    def run(self, interrupts: Sequence[int]) -> Summary:
        self.waiting.extend(self._prepare(interrupts))
        self._notify("started", kept=len(self.jobs) - len(self.waiting))
        while (self.waiting or self.running) and not interrupts and not self._late():
            while self.waiting and len(self.running) < self.pool.capacity and not interrupts:
                self._submit(self.waiting.popleft())
            self._collect(_POLL_SECONDS)
        if interrupts or self.running:
            self._collect(0)
            self.pool.close()
            self.ledger.requeue(self.running)
        return self._updated(interrupted=bool(interrupts))

    def _late(self) -> bool:
        return self.seconds is not None and time.monotonic() - self.start > self.seconds

    def _prepare(self, interrupts: Sequence[int]) -> list[Work]:
        """The jobs that have to be painted, after they are in the ledger and there are folders for their files."""
        _check_unique(self.jobs)
        digests, digest = Digests(), {}
        for job in self.jobs:
            if interrupts:  # nothing has begun, and hashing thousands of large pictures takes minutes
                raise KeyboardInterrupt
            digest[job.key] = digests.of(job)
        rows = self.ledger.rows()
        new = [job for job in self.jobs if job.key not in rows or rows[job.key].digest != digest[job.key]]
        self._check_foreign(new)
        changed = {job.key for job in new}
        todo = [job for job in self.jobs if job.key in changed or not is_done(rows[job.key], job.files, self.folder)]
        self.ledger.add((job.key, digest[job.key], job.files) for job in new)
        self.ledger.requeue(job.key for job in todo if job.key not in changed)
        names: dict[Path, set[str]] = {}
        for job in todo:
            for name in job.files:
                path = self.folder / name
                names.setdefault(path.parent, set()).add(path.name)
        for parent, files in names.items():
            with _output_errors(parent):
                parent.mkdir(parents=True, exist_ok=True)
            remove_temporary(parent, files)  # of a killed run; by the ledger's lock no other run is active
        return todo

    def _check_foreign(self, jobs: Sequence[Work]) -> None:
        """Raise OutputError if one of these jobs would replace a file that no earlier run has written."""
        known = self.ledger.file_names()
        for job in jobs:
            for name in job.files:
                if name not in known and os.path.lexists(self.folder / name):
                    wrong = "a file that the ledger does not know is already there"
                    raise OutputError(
                        f"cannot write {one_line(self.folder / name)}: {wrong}; move it away or choose another folder"
                    )

    def _submit(self, job: Work) -> None:
        self.ledger.begin(job.key)
        self.running[job.key] = job
        self.pool.submit(job)

    def _collect(self, seconds: float) -> None:
        outcomes = self.pool.wait(seconds)
        # All files of all outcomes at once: most of the time is spent waiting for the disk.
        written = {outcome.key: self._start_writing(outcome) for outcome in outcomes if isinstance(outcome, Painted)}
        for outcome in outcomes:
            job = self.running.pop(outcome.key)
            if isinstance(outcome, Painted):
                self._record(outcome, written[outcome.key])
                self._notify("painted", job.key, notes=outcome.notes, painted=self.summary.painted + 1)
            else:
                self._fail(job, outcome)

    def _start_writing(self, painted: Painted) -> dict[str, Future[WrittenFile]]:
        """Start writing the files; results by name."""
        return {
            name: self.writers.submit(_write, self.folder / name, content) for name, content in painted.files.items()
        }

    def _record(self, painted: Painted, written: dict[str, Future[WrittenFile]]) -> None:
        """Wait for the files, then write the ledger's row."""
        files = {name: future.result() for name, future in written.items()}
        old = self.ledger.finish(painted.key, files, painted.figures, painted.seconds, painted.worker)
        for name, file in old.items():
            path = self.folder / name
            if file.is_at(path):  # otherwise somebody has changed it
                with suppress(OSError):
                    path.unlink()

    def _fail(self, job: Work, failure: Failure) -> None:
        self.failures[job.key] += 1
        if not failure.permanent and self.failures[job.key] <= self.retries:
            self.waiting.append(job)
            self._notify("retrying", job.key, failure.reason)
            return
        self.ledger.fail(job.key, failure.reason, failure.worker)
        self._notify("failed", job.key, failure.reason, failed=self.summary.failed + 1)

    def _notify(self, kind: str, key: str = "", reason: str = "", notes: tuple[str, ...] = (), **counts: int) -> None:
        self.on_event(Event(kind, self._updated(**counts), key, reason, notes))

    def _updated(self, **changes: int) -> Summary:
        self.summary = replace(self.summary, seconds=time.monotonic() - self.start, **changes)  # type: ignore[arg-type]
        return self.summary


def is_done(row: Row, files: Sequence[str], folder: Path) -> bool:
    """Whether a job is done and its files are there, with their size and time, or else with their content.

    Args:
        row: of the ledger.
        files: the names that the job has now, relative to `folder`.
    """
    return (
        row.state == "done"
        and set(files) == set(row.files)
        and all(file.is_at(folder / name) or _has_content(folder / name, file) for name, file in row.files.items())
    )


def _has_content(path: Path, file: WrittenFile) -> bool:
    with suppress(OSError, ValueError):
        return path.is_file() and path.stat().st_size == file.size and sha256_of(path) == file.sha256
    return False


def _write(path: Path, content: bytes) -> WrittenFile:
    """Write a file atomically; it is on the disk when this returns. Raises OutputError."""
    with _output_errors(path), replacing(path, tidy=False) as temporary:
        temporary.write_bytes(content)
        about = temporary.stat()
    return WrittenFile(hashlib.sha256(content).hexdigest(), about.st_size, about.st_mtime_ns)


@contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    """Turn OSError into OutputError."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write {one_line(path)}: {error.strerror or error}; run the same command again to continue"
        ) from error


def _check_unique(jobs: Sequence[Work]) -> None:
    """Raise OutputError unless keys and, in any case, names of files are unique, and files are inside the folder."""
    keys: set[str] = set()
    names: set[str] = set()
    for job in jobs:
        if job.key in keys:
            raise OutputError(f"{one_line(job.key)}: two paintings have this name; rename one")
        keys.add(job.key)
        if isinstance(job, Job):
            check_names(job.files)
        for name in job.files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts:
                raise OutputError(f"cannot write {one_line(name)}: it is outside the output folder; rename it")
            if name.casefold() in names:
                raise OutputError(f"cannot write {one_line(name)}: two paintings have this name; rename one")
            names.add(name.casefold())
