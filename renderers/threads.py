"""Work shared among the cores, by threads that hold no interpreter lock while they compute.

What is computed never depends on how many threads there are: work is cut into pieces by its own size, and pieces
write to places of their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import lru_cache

_limit: int | None = None  # set by `limited_to`


def core_count() -> int:
    """How many threads to use: as many as this process may use cores, unless `limited_to` says fewer."""
    if _limit is not None:
        return _limit
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def limited_to(count: int) -> Iterator[None]:
    """Use `count` threads meanwhile. For tests and measurements."""
    global _limit
    before, _limit = _limit, count
    try:
        yield
    finally:
        _limit = before


def share(work: Callable[[int, int], None]) -> None:
    """Call work(first, step) once for each thread, all at the same time: pieces first, first + step … are its own.

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
    """Threads that are started when first needed and then wait for more."""
    return ThreadPoolExecutor(count, thread_name_prefix="impasto", initializer=_alone)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not come along into a forked process


def _alone() -> None:
    """In one of these threads torch shares no product among further threads: each has a core already."""
    import torch

    torch.set_num_threads(1)
