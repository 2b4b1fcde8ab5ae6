"""A worker process of this machine: paints one job after the other, and ends with the program that started it."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from contextlib import suppress
from multiprocessing.connection import Connection

from painter.system import late_torch
from painter.system.library_settings import set_libraries
from painter.system.usage import address_space, keep_freed_memory

READY = "ready"
TOO_LITTLE_MEMORY = 12  # exit code of a worker that cannot load its libraries into the memory that it may use


def serve(pipe: Connection, lifeline: Connection, threads: int, scratch: str) -> None:
    """Paint the jobs that come through the pipe, and send back their outcomes, until the pipe is closed.

    Args:
        pipe: receives Jobs; sends READY once, and then an Outcome for each job.
        lifeline: closed when the program that started this worker ends, however it ends.
        threads: to paint with.
        scratch: an existing folder for temporary files; removed if that program has ended.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the parent kills us
    threading.Thread(target=_end_with, args=(lifeline, scratch), daemon=True).start()
    set_libraries()
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = str(threads)

    late_torch.put_off()
    try:
        from painter.batch.paint_job import attempt, using_threads
    except (ImportError, MemoryError, OSError):
        if address_space() is None:
            raise
        os._exit(TOO_LITTLE_MEMORY)  # whatever the loader of libraries says

    keep_freed_memory()
    with using_threads(threads), suppress(EOFError, OSError):
        pipe.send(READY)
        while True:
            pipe.send(attempt(pipe.recv(), scratch=scratch))


def _end_with(lifeline: Connection, scratch: str) -> None:
    """Wait until the program that started this worker ends, and then end at once."""
    with suppress(EOFError, OSError):
        lifeline.recv_bytes()
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)
