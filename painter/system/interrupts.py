"""Ctrl-C while something has to be brought to its end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def deferred_interrupts(stopped: bool = False) -> Iterator[list[int]]:
    """While something is brought to its end: the first Ctrl-C waits (it is in the list), the second does not.

    Outside of the main thread, and where somebody else minds Ctrl-C, nothing changes.

    Args:
        stopped: whether there was a first one already.
    """
    noted: list[int] = []
    in_charge = threading.current_thread() is threading.main_thread()
    if stopped or not in_charge or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield noted
        return

    def note(number: int, _: Any) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(number)

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
