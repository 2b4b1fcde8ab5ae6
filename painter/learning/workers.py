"""Threads that compute parts of a step side by side, on all cores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import torch

from painter.system.devices import one_torch_thread


@contextmanager
def worker_threads(device: str) -> Iterator[Executor]:
    """Threads, one for each core that this process may use, each of which uses one thread in torch.

    So no part of a sum depends on the number of cores. On a GPU there is one thread, whose work is in turn.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = 1 if device == "cuda" else cores
    with one_torch_thread(), ThreadPoolExecutor(count, "impasto-learning", torch.set_num_threads, (1,)) as threads:
        yield threads
