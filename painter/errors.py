"""All errors that Impasto raises on purpose.

    ImpastoError                  base of all others; its message is one line that says what to do
    ├── PictureError              an input picture that cannot be read or used
    ├── StrokeFileError           a stroke file that cannot be read or is not valid
    ├── OptionError               an option that is not allowed (also a ValueError)
    ├── OutputError               a file that cannot be written, or has no known format
    ├── DeviceError               a compute device that this machine does not have
    ├── AutosaveError             an autosave that cannot be resumed
    ├── DivergedError             a loss that became NaN or infinite; it has the last good result
    ├── LedgerError               a ledger of many paintings that cannot be used
    ├── ModelError                a model of a collection that cannot be read
    ├── WorkersError              workers that cannot be started or reached
    ├── RecipeError               a collection's recipe that is not valid; it has all problems found
    │   └── RulesTooComplexError  rules whose combinations cannot be counted (in painter.batch.collection.combinations)
    └── CheckpointError           a network file that is missing, cut short or altered (in renderers.errors)

The core raises these; only the command line prints them and exits with code 2. `one_line` keeps messages on one line,
whatever the names of the files in them.
"""

from __future__ import annotations

import os
from typing import Any

from renderers.errors import CheckpointError, ImpastoError

__all__ = [
    "AutosaveError",
    "CheckpointError",
    "DeviceError",
    "DivergedError",
    "ImpastoError",
    "LedgerError",
    "ModelError",
    "OptionError",
    "OutputError",
    "PictureError",
    "RecipeError",
    "StrokeFileError",
    "WorkersError",
    "one_line",
]


class PictureError(ImpastoError):
    """An input picture that cannot be read or used."""


class StrokeFileError(ImpastoError):
    """A stroke file that cannot be read, or whose content is not that of a painting."""


class OptionError(ImpastoError, ValueError):
    """An option or a value in a configuration file that is not allowed."""


class OutputError(ImpastoError):
    """A file that cannot be written, or whose ending is not that of a format we write."""


class DeviceError(ImpastoError):
    """A compute device that this machine does not have."""


class AutosaveError(ImpastoError):
    """An autosave that cannot be resumed: it is damaged, or of another painting."""


class LedgerError(ImpastoError):
    """A ledger that is damaged, in use by another run, of other paintings, or not a ledger of ours."""


class ModelError(ImpastoError):
    """A model of a collection that cannot be read: it is missing, altered, of another version or not a model."""


class WorkersError(ImpastoError):
    """Workers that cannot be started or reached."""


class RecipeError(ImpastoError):
    """A collection's recipe that is not valid. The message names the first problem.

    Args:
        problems: at least one; each is one line that names the file and the line in it.

    Attributes:
        problems: all of them.
    """

    def __init__(self, *problems: str) -> None:
        more = f" (and {len(problems) - 1} more; `collection check` lists them)" if len(problems) > 1 else ""
        super().__init__(problems[0] + more)
        self.problems = problems


class DivergedError(ImpastoError):
    """A loss became NaN or infinite.

    Args:
        iteration: steps taken before it.
        kept: what the last good result is, for the message: 'painting'.
        remedy: what to do, for the message.

    Attributes:
        iteration: as above.
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
    """A text or a file's name as messages show it, with control characters and undecodable bytes escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in os.fspath(text))
