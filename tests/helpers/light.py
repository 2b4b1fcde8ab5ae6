"""Processes forked from one that has imported what `paint.py` imports before torch: each starts 0.4 s sooner.

Unlike those of helpers.forked they have yet to import torch, or must not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = f"import runpy; runpy.run_path({str(ROOT / 'paint.py')!r}, run_name='__main__')"


class Light:
    """Asks the process that others are forked from."""

    def __init__(self, server: subprocess.Popen[str]) -> None:
        self._server = server

    def run(self, code: str, words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """What `python -c code words` does in a folder."""
        assert self._server.stdin is not None and self._server.stdout is not None
        print(json.dumps([code, words, str(folder)]), file=self._server.stdin, flush=True)
        return subprocess.CompletedProcess(words, *json.loads(self._server.stdout.readline()))

    def paint(self, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """What `python paint.py words` does in a folder."""
        return self.run(PROGRAM, words, cwd)


@contextmanager
def light_processes() -> Iterator[Light]:
    """A process to fork others from, until the context ends."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    with subprocess.Popen(
        [sys.executable, "-m", "helpers.light"],
        env={**os.environ, "PYTHONPATH": paths}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        yield Light(server)


def _serve() -> None:
    import tempfile

    import painter.cli.batch
    import painter.cli.paint
    import painter.cli.replay
    import painter.cli.suggest  # noqa: F401, all of them to be there already
    from painter.system.late_torch import load_libraries

    load_libraries()  # which each would do beside its other work
    for line in sys.stdin:
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            if (child := os.fork()) == 0:
                code, words, folder = json.loads(line)
                os._exit(_call(code, words, folder, out.fileno(), err.fileno()))
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            texts = [(file.seek(0), file.read())[1] for file in (out, err)]
        print(json.dumps([code, *texts]), flush=True)


def _call(code: str, words: list[str], folder: str, out: int, err: int) -> int:
    os.chdir(folder)
    os.dup2(out, 1)
    os.dup2(err, 2)
    sys.argv = ["paint.py", *words]
    status = 0
    try:
        exec(code, {"__name__": "__main__"})
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


if __name__ == "__main__":
    _serve()
