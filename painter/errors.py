"""What can go wrong, as types.

    ImpastoError                  everything below; its message is one line a person can act on
    ├── PictureError              an input picture that cannot be read or is unusable
    ├── StrokeFileError           a stroke file that cannot be read or is not right
    ├── OptionError               an option or configuration value outside its range
    ├── OutputError               a path we cannot or do not know how to write
    ├── DeviceError               a device that this machine does not have
    ├── LedgerError               a ledger of many paintings that cannot be used
    ├── WorkersError              workers for many paintings that cannot be started or reached
    ├── RecipeError               a collection's recipe that is not right, with all that is wrong (painter.collection)
    ├── AutosaveError             a kept search that cannot be gone on with (defined in painter.system.autosave)
    ├── DivergedError             a loss that became NaN or infinite (it has the last good result)
    └── CheckpointError           a network file that is missing, truncated or altered (defined in renderers)

The core raises these; only the command line prints them and exits (code 2). `one_line` keeps a message one line,
whatever the files that it mentions are called.
"""

from __future__ import annotations

import os
from typing import Any

from renderers.errors import CheckpointError, ImpastoError

__all__ = [
    "CheckpointError",
    "DeviceError",
    "DivergedError",
    "ImpastoError",
    "LedgerError",
    "OptionError",
    "OutputError",
    "PictureError",
    "RecipeError",
    "StrokeFileError",
    "WorkersError",
    "one_line",
]


class PictureError(ImpastoError):
    """An input picture that cannot be read or is unusable."""


class StrokeFileError(ImpastoError):
    """A stroke file that cannot be read, or holds what no painting has."""


class OptionError(ImpastoError, ValueError):
    """An option or configuration value outside its range."""


class OutputError(ImpastoError):
    """A path that cannot be written, or whose ending names no format we write."""


class DeviceError(ImpastoError):
    """A compute device that this machine does not have."""


class LedgerError(ImpastoError):
    """A ledger that is damaged, foreign, in use by another run, or of something else."""


class WorkersError(ImpastoError):
    """Workers that cannot be started or reached."""


class RecipeError(ImpastoError):
    """A collection's recipe that is not right. The message tells what is wrong first; `problems` has all of it.

    Args:
        problems: at least one; single lines, each with the file and the line.
    """

    def __init__(self, *problems: str) -> None:
        more = f" (and {len(problems) - 1} more; `collection check` lists them)" if len(problems) > 1 else ""
        super().__init__(problems[0] + more)
        self.problems = problems


class DivergedError(ImpastoError):
    """A loss became NaN or infinite.

    Args:
        iteration: steps that had been taken.
        kept: what is kept of it, for people: 'painting'.
        remedy: what to do.

    Attributes:
        result: the last good result: a painting's `painter.pipeline.Result`, a `painter.styling.restyle.Restyled` or
            a `painter.styling.transfer.TransferResult`.
    """

    result: Any = None

    def __init__(self, iteration: int, kept: str, remedy: str) -> None:
        super().__init__(
            f"the loss became NaN or infinite after {iteration} steps; the last good {kept} is kept; {remedy}"
        )
        self.iteration = iteration


def one_line(text: str | os.PathLike[str]) -> str:
    """A text or a file's name as a message may show it: control characters and undecodable bytes are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in os.fspath(text))
