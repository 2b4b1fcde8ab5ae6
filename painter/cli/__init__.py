"""The command line: options in, files out, errors as one line. The only room that prints and exits.

    commands.py    the registry of commands, and the exit codes
    paint.py       the command without a name; batch.py, morph.py, replay.py, restyle.py, suggest.py, transfer.py,
                   video.py, features_command.py and collection/ are the others
    arguments.py   options from dataclass fields, and their values from defaults, preset, file and command line
    paths.py       input files and folders, checked before any work
    outputs.py     the files of one run: names, the check that they can be written, the writing in turn
    resuming.py    what a run keeps for --resume
    running.py     what commands that make many paintings share; compiling.py, what `compile` does
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
from painter.system import late_torch
from painter.system.library_settings import set_libraries
from painter.system.usage import Stopwatch, address_space

__all__ = ["BAD_INPUT", "INTERRUPTED", "main", "run_program"]

LEAST_ADDRESS_SPACE = 2**30  # bytes: libraries that are loaded into less crash instead of saying so
_SIGNS_OF_SHORTAGE = ("allocate memory", "out of memory", "outofmem", "failed to map segment", "can't start new thread")
_OUR_PACKAGES = ("painter", "renderers", "checkpoints")


def main(argv: list[str] | None = None) -> int:
    """Run one command line.

    Args:
        argv: the words after the program's name; those of this process if not given.

    Returns:
        The exit code: 0, INCOMPLETE, BAD_INPUT or INTERRUPTED.
    """
    watch = Stopwatch()
    set_libraries()
    arguments = list(sys.argv[1:] if argv is None else argv)
    program, command = os.path.basename(sys.argv[0]), PAINT
    if arguments and arguments[0] in COMMANDS:
        command = COMMANDS[arguments[0]]
        program = f"{program} {arguments.pop(0)}"
    try:
        _check_address_space()
        code: int = import_module(command.module).main(arguments, program, watch)
        return code
    except KeyboardInterrupt:
        return _interrupted(program)
    except ImpastoError as error:
        return _fail(program, f"error: {error}", BAD_INPUT)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in _OUR_PACKAGES:
            raise
        what = f"error: the Python package {error.name} is not installed"
        return _fail(program, f"{what}; run `make paint`, which sets up .venv, or `pip install .`", BAD_INPUT)
    except Exception as error:
        if _is_interrupt(error):
            return _interrupted(program)
        if not _is_memory_shortage(error):
            raise
        remedy = "raise the limit of memory (ulimit -v)" if address_space() else "use a smaller --size"
        return _fail(program, f"error: there is not enough memory; {remedy}", BAD_INPUT)


def run_program() -> NoReturn:
    """`main`, then the end of the process at once: unloading torch and LLVM piece by piece takes a second."""
    # What is made by imports stays, over 200,000 objects; looking through them for garbage, over and over, takes a
    # twentieth of the start.
    gc.set_threshold(250_000, 50, 100)
    late_torch.put_off()
    try:
        code = main()
    except KeyboardInterrupt:  # while something else was being told
        code = _interrupted(os.path.basename(sys.argv[0]))
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _fail(program: str, message: str, code: int) -> int:
    say(sys.stderr, f"{program}: {message}")
    return code


def _interrupted(program: str) -> int:
    return _fail(program, "interrupted; nothing more was written", INTERRUPTED)


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: libraries that are interrupted while they are imported say other things."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _check_address_space() -> None:
    """Raise ImpastoError where not even the libraries fit into memory: some of them would crash."""
    limit = address_space()
    if limit is not None and limit < LEAST_ADDRESS_SPACE:
        what = f"there is not enough memory: this process may use {limit >> 20} MB"
        raise ImpastoError(f"{what}; raise the limit (ulimit -v) to several GB")


def _is_memory_shortage(error: Exception) -> bool:
    """Whether this is how numpy, torch, OpenCV or the loader of libraries report that memory ran out."""
    text = str(error).lower()
    if isinstance(error, (ImportError, OSError)) and address_space():
        return True  # whatever the library says
    return isinstance(error, MemoryError) or any(sign in text for sign in _SIGNS_OF_SHORTAGE)
