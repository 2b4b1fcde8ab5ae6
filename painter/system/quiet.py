"""Silence for libraries that write to standard error by themselves; our own messages replace theirs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silenced_stderr() -> Iterator[None]:
    """Within this context, nothing that the process writes to its standard error is seen, from any thread."""
    try:
        stderr = os.dup(2)
    except OSError:  # closed, as in a service: nothing to silence
        yield
        return
    try:
        with open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
