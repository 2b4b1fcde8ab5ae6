"""Names of files: their endings, and numbered ones that nobody else takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain, count
from pathlib import Path

from painter.system.locks import exclusive_lock

STROKE_ENDINGS = (".strokes.json", ".strokes.json.gz")


@contextmanager
def free_number(
    paths: Sequence[Path], first: int = 1, ours: Callable[[Path], bool] = lambda path: False
) -> Iterator[int]:
    """Yield the first number from 1 with which (see `numbered`) these names are all free: nothing is there.

    Until this ends no other `free_number` yields any of them, in any process: a lock on an empty file beside each,
    ``.NAME.claim``, sees to that. The system drops the lock of a program that is killed. Where there are no locks
    (Windows, some network file systems) only what exists already is minded.

    Args:
        first: a number to try before all others.
        ours: whether what is under a name is to be taken for nothing.

    Raises:
        OSError: no file can be created in one of the folders.
    """
    for number in chain((first,), count(1)):
        names = {numbered(path, number) for path in paths}
        with ExitStack() as claims:
            # In one order for all programs, so that of several one gets ahead.
            if all(claims.enter_context(_claiming(name, ours)) for name in sorted(names)):
                yield number
                return


def numbered(path: Path, number: int) -> Path:
    """cat.png as cat-2.png; itself for number 1."""
    stem, ending = split_ending(path)
    return path if number == 1 else path.with_name(f"{stem}-{number}{ending}")


def split_ending(path: Path) -> tuple[str, str]:
    """A file's name without its ending, and the ending, which may have several dots: '.strokes.json'."""
    known = max((e for e in STROKE_ENDINGS if path.name.lower().endswith(e)), key=len, default="")
    ending = path.name[len(path.name) - len(known) :] if known and path.name != known else path.suffix
    return path.name[: len(path.name) - len(ending)], ending


@contextmanager
def _claiming(path: Path, ours: Callable[[Path], bool]) -> Iterator[bool]:
    """Yield whether `path` is free (or what is there `ours`), and nobody else gets it until this ends."""
    claim = path.with_name(f".{path.name}.claim")
    with exclusive_lock(claim) as held:
        if not held:
            yield False
            return
        try:
            yield not os.path.lexists(path) or ours(path)
        finally:
            with suppress(OSError):
                claim.unlink()  # still locked, so that nobody has locked this file after us
