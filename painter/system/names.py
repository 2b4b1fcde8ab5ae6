"""Names of output files: their endings, and numbers that keep them from replacing existing files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain, count
from pathlib import Path

from painter.system.locks import exclusive_lock

STROKE_ENDINGS = (".strokes.json", ".strokes.json.gz")
FILM_ENDING = ".strokes.jsonl.gz"


@contextmanager
def free_number(
    paths: Sequence[Path], first: int = 1, ours: Callable[[Path], bool] = lambda path: False
) -> Iterator[int]:
    """Yield the first number from 1 with which (see `numbered`) all these names are free: no file has them.

    Until the context ends no other `free_number` in any process yields one of these names, because each has an empty
    file ``.NAME.claim`` beside it that is locked. The system releases the locks of a program that is killed. Where
    there are no locks (Windows, some network file systems) only existing files are avoided.

    Args:
        paths: the names, without a number.
        first: a number to try before all others.
        ours: whether an existing file may be replaced.

    Raises:
        OSError: no file can be created in one of the folders.
    """
    for number in chain((first,), count(1)):
        names = {numbered(path, number) for path in paths}
        with ExitStack() as claims:
            # All programs claim names in the same order, so that one of them gets all.
            if all(claims.enter_context(_claiming(name, ours)) for name in sorted(names)):
                yield number
                return


def numbered(path: Path, number: int) -> Path:
    """cat-2.png for cat.png and number 2; the path itself for number 1."""
    stem, ending = split_ending(path)
    return path if number == 1 else path.with_name(f"{stem}-{number}{ending}")


def split_ending(path: Path) -> tuple[str, str]:
    """A file's name without its ending, and the ending, which may have several parts: '.strokes.json'."""
    known = max((e for e in (*STROKE_ENDINGS, FILM_ENDING) if path.name.lower().endswith(e)), key=len, default="")
    ending = path.name[len(path.name) - len(known) :] if known and path.name != known else path.suffix
    return path.name[: len(path.name) - len(ending)], ending


@contextmanager
def _claiming(path: Path, ours: Callable[[Path], bool]) -> Iterator[bool]:
    """Yield whether `path` is free, or has a file of `ours`, and reserved for us until the context ends."""
    claim = path.with_name(f".{path.name}.claim")
    with exclusive_lock(claim) as locked:
        if not locked:
            yield False
            return
        try:
            yield not os.path.lexists(path) or ours(path)
        finally:
            with suppress(OSError):
                claim.unlink()  # while it is locked: no other program can have locked this file
