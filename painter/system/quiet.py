"""Libraries that write to standard error by themselves, past Python; what they have to say we say better."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silenced_stderr() -> Iterator[None]:
    """Nothing that the process writes to its standard error meanwhile is seen, from whatever thread."""
    try:
        stderr = os.dup(2)
    except OSError:  # closed, as in a service: nothing to keep quiet
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
