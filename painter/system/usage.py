"""Time and memory that a command uses."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


def address_space() -> int | None:
    """How many bytes of memory this process may address (`ulimit -v`); None: there is no limit."""
    if resource is None:
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


class Stopwatch:
    """Measures seconds by phase, and in total since it was created. Phases of several threads may overlap."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.phases: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Within this context, add the time to the phase `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0.0) + time.perf_counter() - start

    def seconds(self) -> dict[str, float]:
        """Seconds by phase and, as 'total', since the start; rounded to milliseconds."""
        phases = {name: round(seconds, 3) for name, seconds in dict(self.phases).items()}
        return {**phases, "total": round(time.perf_counter() - self._start, 3)}


def peak_rss_mb() -> float | None:
    """Peak memory of this process so far, in units of 2**20 bytes; None where the system does not report it."""
    try:
        # On Linux, getrusage also counts the parent's memory before it started us; this does not.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
    except OSError:
        pass
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def keep_freed_memory() -> None:
    """Make the C library keep the memory that this process frees, for its next allocations.

    glibc returns large blocks to the system, and each step of the search frees and allocates dozens of them: clearing
    every page again took a sixth of its time. Only for programs of our own; C libraries other than glibc are unchanged.
    """
    import ctypes

    with suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(-1, 2**30)  # M_TRIM_THRESHOLD
        library.mallopt(-3, 2**25)  # M_MMAP_THRESHOLD, the largest allowed


def return_freed_memory() -> None:
    """Make the C library return what it keeps of freed memory to the system, where its needs are about to change."""
    import ctypes

    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
