"""Threads that compute parts of a step side by side, on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch

from painter.system.devices import one_torch_thread


class AtOnce(Executor):
    """No threads: a task is done when it is submitted. To hand it to a thread costs a tenth of the time on one core."""

    def submit(self, task: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(task(*arguments, **named))
        except Exception as error:
            done.set_exception(error)
        return done


@contextmanager
def worker_threads(device: str) -> Iterator[Executor]:
    """Threads, one for each core that this process may use, each of which uses one thread in torch.

    So no part of a sum depends on the number of cores. With one core there are no threads but this one. On a GPU there
    is one thread, whose work is in turn.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if device != "cuda" and cores == 1:
        with one_torch_thread():
            yield AtOnce()
        return
    count = 1 if device == "cuda" else cores
    with one_torch_thread(), ThreadPoolExecutor(count, "impasto-learning", torch.set_num_threads, (1,)) as threads:
        yield threads
