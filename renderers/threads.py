"""Work shared among the cores, by threads that do not hold the interpreter lock while they compute.

Results never depend on the number of threads: work is cut into pieces by its size alone, and each piece writes to its
own part of the result.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import lru_cache

_limit: int | None = None  # set by `limited_to`


def core_count() -> int:
    """How many threads to use: the cores that this process may use, or what `limited_to` sets."""
    if _limit is not None:
        return _limit
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def limited_to(count: int) -> Iterator[None]:
    """Within this context use `count` threads. For tests and measurements."""
    global _limit
    before, _limit = _limit, count
    try:
        yield
    finally:
        _limit = before


def share(work: Callable[[int, int], None]) -> None:
    """Call work(first, step) in `step` threads at once, first = 0 … step - 1: for the pieces first, first + step, …

    Raises:
        Exception: what any of them raised, once all have ended.
    """
    step = core_count()
    others = [_pool(step - 1).submit(work, first, step) for first in range(1, step)] if step > 1 else []
    try:
        work(0, step)
    finally:
        wait(others)
    for other in others:
        other.result()


@lru_cache(maxsize=4)
def _pool(count: int) -> ThreadPoolExecutor:
    """Threads that are started when they are first needed and then wait for more work."""
    return ThreadPoolExecutor(count, thread_name_prefix="impasto", initializer=_use_one_torch_thread)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has no other threads


def _use_one_torch_thread() -> None:
    """Make torch use one thread in each of these threads, as each has a core already."""
    import torch

    torch.set_num_threads(1)
