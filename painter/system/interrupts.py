"""Ctrl-C during work that must be completed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def deferred_interrupts(stopped: bool = False) -> Iterator[list[int]]:
    """Within this context, the first Ctrl-C is only recorded in the list that is yielded; the second interrupts.

    Outside the main thread, and where another handler is installed, nothing changes.

    Args:
        stopped: whether there was a first Ctrl-C before; then the next one interrupts.
    """
    received: list[int] = []
    in_main_thread = threading.current_thread() is threading.main_thread()
    if stopped or not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield received
        return

    def record(number: int, _: Any) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    signal.signal(signal.SIGINT, record)
    try:
        yield received
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
