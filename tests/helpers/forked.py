"""Processes forked from one that has imported everything and loaded every kernel: each starts 2 s sooner.

`python paint.py` itself is started where the start is what a test is about.
"""

from __future__ import annotations

import faulthandler
import itertools
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_NUMBERS = itertools.count()  # of the files of what processes write


def fork_context() -> ForkServerContext:
    """What starts such processes. The one that they are forked from is started when the first is asked for."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["helpers.patience", "helpers.warm"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT), str(ROOT / "tests"))))
        forkserver.ensure_running()
    return context


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


def run_forked(work: Callable[..., None], *arguments: object, folder: Path, seconds: float = 300) -> Ended:
    """Call `work(*arguments)` in a process of its own, in `folder`, and wait until it ends.

    Args:
        work: a function of a module that can be imported; what it returns is dropped.
        seconds: after so many the process ends, and says where it was.
    """
    number = next(_NUMBERS)
    texts = folder / f".stdout-{number}", folder / f".stderr-{number}"
    process = fork_context().Process(target=_call, args=(work, arguments, str(folder), *map(str, texts), seconds))
    process.start()
    process.join(seconds + 30)
    process.kill()
    process.join()
    assert process.exitcode is not None
    out, err = (text.read_text() for text in texts)
    for text in texts:
        text.unlink()
    return Ended(process.exitcode, out, err)


def check_forked(check: Callable[..., None], *arguments: object, folder: Path) -> None:
    """Call `check(*arguments)`, a test's own function, in a process of its own, where it may fork others.

    What runs the tests has threads, and a process forked from one with threads may wait for ever for a lock that one
    of them had.
    """
    ended = run_forked(check, *arguments, folder=folder)
    assert ended.returncode == 0, ended.stderr


def paint_forked(words: Sequence[str], folder: Path) -> Ended:
    """What `python paint.py` with these words does in a folder."""
    return run_forked(_command, list(words), folder=folder)


def _command(words: list[str]) -> None:
    from painter import cli  # not in the process that only asks for others

    sys.argv = ["paint.py", *words]
    sys.exit(cli.main(words))


def _call(
    work: Callable[..., None], arguments: tuple[object, ...], folder: str, out: str, err: str, seconds: float
) -> None:
    os.chdir(folder)
    with open(out, "w") as sys.stdout, open(err, "w") as sys.stderr:
        faulthandler.dump_traceback_later(seconds, exit=True, file=sys.stderr)
        try:
            work(*arguments)
        except Exception:
            traceback.print_exc()
            sys.exit(1)
