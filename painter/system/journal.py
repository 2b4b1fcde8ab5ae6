"""A record of the files that a run writes, so that a run resumed after a kill uses the same names again.

Existing files are never replaced: a new run's files get the first free number. A run that is resumed may replace only
its own. So its number is recorded before it writes the first file, and the size and time of each file just before the
file is moved into place. A file that another program has put there since then differs in these and is not replaced.

The journal is beside the autosave and is removed when all files are written: after that there is nothing to resume.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from painter.system.atomic import before_rename, remove, replacing
from painter.system.names import numbered

LARGEST = 2**20  # bytes that are read
MAX_NUMBER = 1_000_000  # the largest number that is accepted from a journal

Stamp = list[int]
"""Size in bytes and time of the last change in ns, which renaming does not alter; empty if there is no file."""


class Journal:
    """The names that a run uses, and the files that it has written under them.

    Args:
        path: of the journal's file.
        command: what the run writes, and how; the journal of another command is ignored.
        resume: whether to read the journal that an earlier run left.

    Attributes:
        number: of the output files, see `painter.system.names.numbered`.
    """

    def __init__(self, path: Path, command: str, resume: bool = False) -> None:
        self.path, self.command = path, command
        self.number = 1
        self._stamps: dict[str, list[Stamp]] = {}  # of what was written under each name; two, if it was written again
        if resume:  # a file that is damaged, or not a journal, is ignored
            with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
                self._read()

    def is_ours(self, path: Path) -> bool:
        """Whether the file at `path` was written by this run or by the one that it resumes."""
        stamp = _stamp(path)
        return bool(stamp) and stamp in self._stamps.get(str(path), ())

    @contextmanager
    def recording(self, paths: Sequence[Path], number: int) -> Iterator[None]:
        """Within this context, record what is written to the files of these names with this number.

        If the journal cannot be written, for example to a full disk, that is ignored.
        """
        self.number = number
        names = [numbered(path, number) for path in paths]
        self._stamps = {str(name): [_stamp(name)] if self.is_ours(name) else [] for name in names}
        self._write()
        with before_rename(self._record):
            yield

    def close(self) -> None:
        """Remove the journal when all files are written."""
        remove(self.path)

    def _record(self, path: Path, temporary: Path) -> None:
        if str(path) in self._stamps:
            self._stamps[str(path)].append(_stamp(temporary))
            self._write()

    def _write(self) -> None:
        document = {"command": self.command, "number": self.number, "stamps": self._stamps}
        with suppress(OSError), before_rename(lambda path, temporary: None), replacing(self.path) as temporary:
            temporary.write_text(json.dumps(document))

    def _read(self) -> None:
        """Raise one of many errors if the file is not a journal."""
        if not self.path.is_file() or self.path.stat().st_size > LARGEST:
            return
        document = json.loads(self.path.read_text())
        number, stamps = document["number"], document["stamps"]
        if document["command"] == self.command and type(number) is int and 1 <= number <= MAX_NUMBER:
            self.number, self._stamps = number, {str(name): list(found) for name, found in stamps.items()}


def _stamp(path: Path) -> Stamp:
    with suppress(OSError, ValueError):
        found = os.lstat(path)
        return [found.st_size, found.st_mtime_ns]
    return []
