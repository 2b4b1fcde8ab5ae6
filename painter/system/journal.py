"""What a run has written, noted as it goes, so that after a kill the same command takes the same names again.

What is there already is kept, and a new run's files get a number that is free. A run that goes on after a kill must
mind all but its own. So the number is noted before the first file is written and, before a file gets its name, its size
and time. A file that anybody else has put there since differs in these, and is kept like any other.

The journal lies beside the autosave and is removed when all files are written: after that there is nothing to resume.
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
MOST = 1_000_000  # the largest number that is taken from a journal

Stamp = list[int]
"""Size in bytes and time of the last change in ns, which a rename leaves; empty where there is no file."""


class Journal:
    """The names that one command's run has taken, and what it has put under them.

    Args:
        path: where it is kept.
        command: what it writes, and how; a journal of another command is passed over.
        resume: whether what an earlier run has noted counts.
    """

    def __init__(self, path: Path, command: str, resume: bool = False) -> None:
        self.path, self.command = path, command
        self.number = 1
        self._stamps: dict[str, list[Stamp]] = {}  # of what was put under each name; two, if it was written anew
        if resume:  # one that is torn, or no journal at all, is none
            with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
                self._read()

    def is_ours(self, path: Path) -> bool:
        """Whether what is at `path` is what this run, or one that it goes on with, has put there."""
        return _stamp(path) in self._stamps.get(str(path), ())

    @contextmanager
    def kept(self, paths: Sequence[Path], number: int) -> Iterator[None]:
        """While the files of these names, with this number, are written: note what is put there.

        Without room for a journal they are written all the same.
        """
        self.number = number
        names = [numbered(path, number) for path in paths]
        self._stamps = {str(name): [_stamp(name)] if self.is_ours(name) else [] for name in names}
        self._write()
        with before_rename(self._note):
            yield

    def close(self) -> None:
        """All is written."""
        remove(self.path)

    def _note(self, path: Path, temporary: Path) -> None:
        if str(path) in self._stamps:
            self._stamps[str(path)].append(_stamp(temporary))
            self._write()

    def _write(self) -> None:
        document = {"command": self.command, "number": self.number, "stamps": self._stamps}
        with suppress(OSError), before_rename(lambda path, temporary: None), replacing(self.path) as temporary:
            temporary.write_text(json.dumps(document))

    def _read(self) -> None:
        """Raises one of many errors where there is no journal, or no good one."""
        if not self.path.is_file() or self.path.stat().st_size > LARGEST:
            return
        document = json.loads(self.path.read_text())
        number, stamps = document["number"], document["stamps"]
        if document["command"] == self.command and type(number) is int and 1 <= number <= MOST:
            self.number, self._stamps = number, {str(name): list(found) for name, found in stamps.items()}


def _stamp(path: Path) -> Stamp:
    with suppress(OSError, ValueError):
        found = os.lstat(path)
        return [found.st_size, found.st_mtime_ns]
    return []
