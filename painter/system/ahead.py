"""Work that is begun before its result is needed, in a thread of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Generic, TypeVar

T = TypeVar("T")
PATIENCE = 0.0005  # seconds that `in_small_steps` lets a thread wait; Python's own is ten times as long


@contextmanager
def in_small_steps() -> Iterator[None]:
    """Within this context a thread gets the interpreter lock soon: what is done ahead may need it a thousand times, for
    microseconds, and wait for whole milliseconds each time while another thread imports something."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(PATIENCE)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class Ahead(Generic[T]):
    """Calls a function at once, in a thread; a process that ends waits for it, for half a second at most: libraries
    that are still being loaded, or compute, while it takes everything down would crash it.

    It gains time only where the function leaves the interpreter lock to others, as OpenCV, torch and the loader of
    libraries do.

    Args:
        work: what is called, without arguments.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="impasto-ahead")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:  # told to whoever asks for the result
            self._error = error

    def result(self) -> T:
        """What the function returned, once it has ended. Raises what it raised."""
        self._thread.join()
        if not self._results and self._error is None:  # in a forked process, which has no threads of its parent
            self._run()
        if self._error is not None:
            raise self._error
        return self._results[0]
