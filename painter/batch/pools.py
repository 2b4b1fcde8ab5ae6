"""Pools of workers: what all of them have in common, and the pool of processes of this machine.

A worker that crashes or runs out of memory is replaced, and only its own job has to be tried again. (The pools of the
standard library break as a whole when one of their processes dies.)
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from typing import Protocol

from painter.batch.jobs import Failure, Outcome, Work
from painter.batch.worker import READY, TOO_LITTLE_MEMORY, serve
from painter.errors import WorkersError
from painter.options.running import RunningConfig
from painter.system.atomic import remove_abandoned_folders
from renderers.compiled import kernels_are_compiled

_PREFIX = "impasto-workers-"  # of the folders for the temporary files of a pool's workers
_CONTEXT: SpawnContext | ForkServerContext = multiprocessing.get_context("spawn")  # that workers are started in
_MAX_FAILED_STARTS = 3  # workers in a row that exit before they are ready; then the pool gives up


class Pool(Protocol):
    """Workers. Each job that is submitted comes back once, in any order, as Painted or as a Failure."""

    @property
    def capacity(self) -> int:
        """How many jobs may be in the pool at a time; changes as workers come and go."""

    def submit(self, job: Work) -> None:
        """Give a job to a worker. There must be capacity for it, and no job with its key in the pool."""

    def wait(self, seconds: float) -> list[Outcome]:
        """The outcomes since the last call. Waits for the first one for at most `seconds`.

        Raises:
            WorkersError: no workers are left, and none can be started.
        """

    def close(self) -> None:
        """End all workers at once; jobs in the pool are lost."""


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    lifeline: Connection  # kept open; it closes when this process ends, even by a kill, and the worker ends with it
    job: Work | None = None
    ready: bool = False


class LocalPool:
    """Processes of this machine, started when first needed and reused. To be closed, or used in `with`.

    They are spawned: a program that makes a pool must be importable, that is, start its work under
    ``if __name__ == "__main__":``.

    Args:
        processes: how many; if not given, the cores that this process may use, divided by `threads`.
        threads: for each process.
    """

    def __init__(self, processes: int | None = None, threads: int | None = None) -> None:
        self.threads = RunningConfig.threads if threads is None else threads
        self.processes = max(1, _cores() // self.threads) if processes is None else processes
        self._workers: list[_Worker] = []
        self._failed_starts = 0
        self._compiled = kernels_are_compiled()  # if not, one worker compiles them before the others start
        # For the temporary files of all workers, so that none are left by those that are killed.
        remove_abandoned_folders(_PREFIX)  # of pools that were killed before they had a worker to tidy up
        self._scratch = tempfile.mkdtemp(prefix=_PREFIX)

    def __enter__(self) -> LocalPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def capacity(self) -> int:
        return self.processes if self._compiled else 1

    def submit(self, job: Work) -> None:
        worker = next((worker for worker in self._workers if worker.job is None), None) or self._start()
        worker.job = job
        with suppress(OSError):  # it has just died; `wait` notices that
            worker.pipe.send(job)

    def wait(self, seconds: float) -> list[Outcome]:
        by_pipe = {worker.pipe: worker for worker in self._workers}
        outcomes: list[Outcome] = []
        for pipe in wait(list(by_pipe), seconds):
            assert isinstance(pipe, Connection)
            outcome = self._receive(by_pipe[pipe])
            if outcome is not None:
                outcomes.append(outcome)
        return outcomes

    def close(self) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
            worker.lifeline.close()
        self._workers.clear()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _start(self) -> _Worker:
        ours, theirs = _CONTEXT.Pipe()
        end, lifeline = _CONTEXT.Pipe(duplex=False)
        process = _CONTEXT.Process(
            target=serve, args=(theirs, end, self.threads, self._scratch), name="impasto-worker", daemon=True
        )
        with _interrupts_blocked():
            process.start()
        theirs.close()
        end.close()
        worker = _Worker(process, ours, lifeline)
        self._workers.append(worker)
        return worker

    def _receive(self, worker: _Worker) -> Outcome | None:
        try:
            message: str | Outcome = worker.pipe.recv()
        except (EOFError, OSError):
            return self._remove_dead(worker)
        if isinstance(message, str):
            assert message == READY
            worker.ready = True
            self._failed_starts = 0
            return None
        worker.job = None
        self._compiled = True
        return message

    def _remove_dead(self, worker: _Worker) -> Outcome | None:
        """Remove a worker that has died; its job comes back as a failure."""
        worker.process.join()
        worker.pipe.close()
        worker.lifeline.close()
        self._workers.remove(worker)
        how = _how_it_ended(worker.process.exitcode or 0)
        if worker.process.exitcode == TOO_LITTLE_MEMORY and not worker.ready:
            raise WorkersError("there is not enough memory for a worker; raise the limit of memory (ulimit -v)")
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _MAX_FAILED_STARTS:
                raise WorkersError(f"a worker {how} before it was ready; see its output above")
        if worker.job is None:
            return None
        name = f"{os.uname().nodename if hasattr(os, 'uname') else 'worker'}:{worker.process.pid}"
        return Failure(worker.job.key, f"its worker {how}", permanent=False, worker=name)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    memory = ", perhaps because memory ran out" if code == -getattr(signal, "SIGKILL", 9) else ""
    with suppress(ValueError):
        return f"was killed by {signal.Signals(-code).name}{memory}"
    return f"was killed by signal {-code}"


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Processes started within this inherit a blocked Ctrl-C: only we end them. Ours is delivered afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
