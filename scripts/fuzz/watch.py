"""What cases are watched by: the files that they open, and how they refuse."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from painter.errors import ImpastoError
from scripts.fuzz.cases.mutations import CANARY


class Wrong(Exception):
    """A case has done what it must not do."""


class Opened:
    """Watches which files Python opens, renames and removes, by its audit events."""

    def __init__(self) -> None:
        self.root, self.strict, self.ours, self.canary = "?", False, False, CANARY
        self.beside = False  # whether files without a folder in their name may be opened all the same
        self.breaches: list[str] = []
        self.start = 0.0  # of reading, seconds of processor time
        sys.addaudithook(self._note)

    def write(self, name: str, content: bytes) -> str:
        """Write a file for the program to read, which is not a breach; returns its name."""
        self.ours = True
        Path(name).write_bytes(content)
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # resets the peak of memory
        self.ours, self.start = False, time.process_time()
        return name

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.ours or event not in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink"):
            return
        names = [os.fsdecode(a) for a in arguments[:2] if isinstance(a, (str, bytes))]
        strange = [name for name in names if self.canary in name and not (self.beside and name == Path(name).name)]
        if self.strict and strange:
            self.breaches.append(f"{event} {names!r}")
        flags = arguments[2] if event == "open" and isinstance(arguments[2], int) else 0
        writes = event != "open" or flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        for name in names[: 1 if event == "open" else 2]:
            place = os.path.abspath(name)
            if writes and place.startswith(self.root + "/") and not place.startswith(f"{self.root}/in/out"):
                self.breaches.append(f"{event} {place!r}")


def refusal(read: Callable[[], object]) -> str | None:
    """The message with which `read` refuses; None if it does not."""
    try:
        read()
    except ImpastoError as error:
        return str(error)
    return None
