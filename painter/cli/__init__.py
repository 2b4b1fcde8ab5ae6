"""The command line: options in, files out, errors as one line. The only part that prints and exits.

    commands.py    the registry of commands
    painting.py    the command that needs no name; replay.py, suggest.py and so on are the others
    options.py     options, from dataclasses, and what they add up to
    paths.py       files, checked before any work
    outputs.py     the files of one run: names that nobody else gets, and the writing of all in turn
    progress.py    the bar and all that is said

Whatever can be refused is refused early: options and paths before anything heavy is imported, then the picture, then
the device and the networks.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

from painter.cli.commands import BAD_INPUT, COMMANDS, DEFAULT_COMMAND, INTERRUPTED
from painter.cli.paint import make_parser
from painter.cli.progress import say
from painter.errors import ImpastoError
from painter.system.usage import Stopwatch

__all__ = ["BAD_INPUT", "INTERRUPTED", "main", "make_parser", "run_program"]


def main(argv: list[str] | None = None) -> int:
    """Run one command line; the exit code is 0, INCOMPLETE, BAD_INPUT or INTERRUPTED."""
    watch = Stopwatch()
    # Threads that wait by spinning, OpenMP's habit, starve each other where other programs want the cores too:
    # on two busy cores a search of 3 s took 55. This is read when torch and numba are imported, so it is said here.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    arguments = list(sys.argv[1:] if argv is None else argv)
    program, command = os.path.basename(sys.argv[0]), DEFAULT_COMMAND
    if arguments and arguments[0] in COMMANDS:
        command = arguments.pop(0)
        program = f"{program} {command}"
    try:
        return import_module(f"painter.cli.{command}").main(arguments, program, watch)
    except KeyboardInterrupt:
        return _end(program, "interrupted; nothing more was written", INTERRUPTED)
    except ImpastoError as error:
        return _end(program, f"error: {error}", BAD_INPUT)
    except Exception as error:
        if not _is_memory_shortage(error):
            raise
        return _end(program, "error: there is not enough memory; ask for a smaller --size", BAD_INPUT)


def run_program() -> NoReturn:
    """`main`, and then the end of the process at once: to take torch and LLVM down piece by piece takes a second."""
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _end(program: str, message: str, code: int) -> int:
    say(sys.stderr, f"{program}: {message}")
    return code


def _is_memory_shortage(error: Exception) -> bool:
    """Whether this is numpy's, torch's or OpenCV's way of saying so."""
    told = str(error).lower()
    return isinstance(error, MemoryError) or "allocate memory" in told or "out of memory" in told or "outofmem" in told
