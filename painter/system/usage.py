"""What a painting cost: seconds and memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Stopwatch:
    """Seconds by phase, and since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.phases: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time within towards `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0.0) + time.perf_counter() - start

    def seconds(self) -> dict[str, float]:
        """Seconds by phase and, as 'total', since the start; in milliseconds' steps."""
        phases = {name: round(seconds, 3) for name, seconds in self.phases.items()}
        return {**phases, "total": round(time.perf_counter() - self._start, 3)}


def peak_rss_mb() -> float | None:
    """The most memory that this process has held so far, in units of 2**20 bytes; None where nobody knows."""
    try:
        # Linux' getrusage counts what the parent held before it started us, too; this does not.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def keep_freed_memory() -> None:
    """Have the C library keep what this process frees, for what it asks for next.

    glibc hands large blocks back to the system, and a step of the search frees and takes dozens of them: having every
    page cleared anew took a sixth of its time. For programs of our own; other C libraries are left as they are.
    """
    import ctypes

    with suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(-1, 2**30)  # M_TRIM_THRESHOLD
        library.mallopt(-3, 2**25)  # M_MMAP_THRESHOLD, as much as it may be
