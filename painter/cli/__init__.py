"""The command line: options in, files out, errors as one line. The only room that prints and exits.

    commands.py    the registry of commands, and the exit codes
    paint.py       the command without a name; batch.py, replay.py, restyle.py, suggest.py, transfer.py and
                   collection/ are the others
    arguments.py   options from dataclass fields, and their values from defaults, preset, file and command line
    paths.py       input files and folders, checked before any work
    outputs.py     the files of one run: names, the check that they can be written, the writing in turn
    resuming.py    what a run keeps for --resume
    running.py     what commands that make many paintings share
    progress.py    lines of text and progress bars

Whatever can be refused is refused early: options and paths before torch is imported, then the picture, then the device
and the networks. This module itself imports nothing but the standard library's and ours, so that a Python without the
dependencies gets as far as saying so.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

from painter.cli.commands import BAD_INPUT, COMMANDS, INTERRUPTED, PAINT
from painter.cli.progress import say
from painter.errors import ImpastoError
from painter.system.usage import Stopwatch

__all__ = ["BAD_INPUT", "INTERRUPTED", "main", "run_program"]

_OUR_PACKAGES = ("painter", "renderers", "checkpoints")


def main(argv: list[str] | None = None) -> int:
    """Run one command line.

    Args:
        argv: the words after the program's name; those of this process if not given.

    Returns:
        The exit code: 0, INCOMPLETE, BAD_INPUT or INTERRUPTED.
    """
    watch = Stopwatch()
    # Threads that wait by spinning, OpenMP's default, starve each other where other programs want the cores too:
    # on two busy cores a search of 3 s took 55. torch and numba read this when they are imported, so it is set here.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    arguments = list(sys.argv[1:] if argv is None else argv)
    program, command = os.path.basename(sys.argv[0]), PAINT
    if arguments and arguments[0] in COMMANDS:
        command = COMMANDS[arguments[0]]
        program = f"{program} {arguments.pop(0)}"
    try:
        code: int = import_module(command.module).main(arguments, program, watch)
        return code
    except KeyboardInterrupt:
        return _fail(program, "interrupted; nothing more was written", INTERRUPTED)
    except ImpastoError as error:
        return _fail(program, f"error: {error}", BAD_INPUT)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in _OUR_PACKAGES:
            raise
        what = f"error: the Python package {error.name} is not installed"
        return _fail(program, f"{what}; run `make paint`, which sets up .venv, or `pip install .`", BAD_INPUT)
    except Exception as error:
        if not _is_memory_shortage(error):
            raise
        return _fail(program, "error: there is not enough memory; use a smaller --size", BAD_INPUT)


def run_program() -> NoReturn:
    """`main`, then the end of the process at once: unloading torch and LLVM piece by piece takes a second."""
    # What torch makes when it is imported stays; looking through all of it for garbage, over and over, takes a
    # twentieth of the start.
    gc.set_threshold(100_000, 50, 100)
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _fail(program: str, message: str, code: int) -> int:
    say(sys.stderr, f"{program}: {message}")
    return code


def _is_memory_shortage(error: Exception) -> bool:
    """Whether this is how numpy, torch or OpenCV report that memory ran out."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "allocate memory" in text or "out of memory" in text or "outofmem" in text
