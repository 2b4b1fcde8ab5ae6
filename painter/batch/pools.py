"""Who paints: what all pools of workers have in common, and the pool of this machine's own processes.

A worker that dies, of a crash or for want of memory, is replaced, and only its own job has to be tried again; that is
why the pools of the standard library, which one death breaks as a whole, do not do.
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
from multiprocessing.context import SpawnProcess
from typing import Protocol

from painter.batch.jobs import Failure, Job, Outcome
from painter.batch.worker import READY, serve
from painter.errors import WorkersError
from painter.options.running import RunningConfig
from renderers.compiled import kernels_are_compiled

_STILLBORN = 3  # workers that end before they are ready, none ever having been: then there is no use in going on


class Pool(Protocol):
    """Workers. Each job that is submitted comes back once, in any order, as what was painted or as a failure."""

    @property
    def capacity(self) -> int:
        """How many jobs it takes at once; may change as workers come and go."""

    def submit(self, job: Job) -> None:
        """Give a job to a worker. There must be room, and no job of this key in the pool."""

    def wait(self, seconds: float) -> list[Outcome]:
        """What has come back; waits for the first for at most so long.

        Raises:
            WorkersError: there are no workers any more, and none can be started.
        """

    def close(self) -> None:
        """End all workers at once, whatever they are at."""


@dataclass(eq=False)
class _Worker:
    process: SpawnProcess
    pipe: Connection
    lifeline: Connection  # held open: the worker ends when it closes, as it does when we are killed
    job: Job | None = None
    ready: bool = False


class LocalPool:
    """Processes of this machine, started when first needed and kept. To be closed, or used in `with`.

    They are spawned: a program that makes one must be importable, that is, start under
    ``if __name__ == "__main__":``.

    Args:
        processes: how many; as many as this process may use cores if not given, divided by `threads`.
        threads: of each.
    """

    def __init__(self, processes: int | None = None, threads: int | None = None) -> None:
        self.threads = RunningConfig.threads if threads is None else threads
        self.processes = max(1, _cores() // self.threads) if processes is None else processes
        self._workers: list[_Worker] = []
        self._stillborn = 0
        self._proven = kernels_are_compiled()  # else one worker alone compiles them, for all
        # Temporary files of all workers, so that none are left of those that are killed.
        self._scratch = tempfile.mkdtemp(prefix="impasto-workers-")

    def __enter__(self) -> LocalPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def capacity(self) -> int:
        return self.processes if self._proven else 1

    def submit(self, job: Job) -> None:
        worker = next((worker for worker in self._workers if worker.job is None), None) or self._start()
        worker.job = job
        with suppress(OSError):  # it has just died: `wait` sees that, too
            worker.pipe.send(job)

    def wait(self, seconds: float) -> list[Outcome]:
        by_pipe = {worker.pipe: worker for worker in self._workers}
        outcomes: list[Outcome] = []
        for pipe in wait(list(by_pipe), seconds):
            assert isinstance(pipe, Connection)
            outcome = self._received(by_pipe[pipe])
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
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        end, lifeline = context.Pipe(duplex=False)
        process = context.Process(
            target=serve, args=(theirs, end, self.threads, self._scratch), name="impasto-worker", daemon=True
        )
        with _interrupts_blocked():
            process.start()
        theirs.close()
        end.close()
        worker = _Worker(process, ours, lifeline)
        self._workers.append(worker)
        return worker

    def _received(self, worker: _Worker) -> Outcome | None:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            return self._buried(worker)
        if message == READY:
            worker.ready = True
            self._stillborn = 0
            return None
        worker.job = None
        self._proven = True
        return message

    def _buried(self, worker: _Worker) -> Outcome | None:
        """What becomes of the job of a worker that has died."""
        worker.process.join()
        worker.pipe.close()
        worker.lifeline.close()
        self._workers.remove(worker)
        how = _how_it_ended(worker.process.exitcode or 0)
        if not worker.ready:
            self._stillborn += 1
            if self._stillborn >= _STILLBORN:
                raise WorkersError(f"workers end before they have begun ({how}); see what they have printed above")
        if worker.job is None:
            return None
        name = f"{os.uname().nodename if hasattr(os, 'uname') else 'worker'}:{worker.process.pid}"
        return Failure(worker.job.key, f"its worker {how}", hopeless=False, worker=name)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    memory = ", perhaps for want of memory" if code == -getattr(signal, "SIGKILL", 9) else ""
    with suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}{memory}"
    return f"was ended by signal {-code}"


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """A process that is started meanwhile never hears of Ctrl-C, which ends it only by us; ours comes afterwards."""
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
