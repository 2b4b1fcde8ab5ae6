"""One painting of many: what a worker is given, and what it gives back. All are values that can be sent anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from painter.errors import OutputError, one_line
from painter.export import format_of
from painter.options.export import ExportConfig
from painter.options.paint import PaintConfig


@dataclass(frozen=True)
class Job:
    """A painting to be made."""

    key: str  # its name in the ledger: a token's number, or a picture's path within its folder
    picture: Path
    config: PaintConfig  # with the seed
    files: tuple[str, ...]  # what to write, relative to the output folder, with /; the endings pick the formats
    export: ExportConfig = field(default_factory=ExportConfig)


@dataclass(frozen=True, eq=False)
class Painted:
    """A painting made. The worker hands over the files' contents; the driver alone writes."""

    key: str
    files: dict[str, bytes]  # by the names in `Job.files`
    figures: dict[str, float]  # 'psnr' and 'l1' of the painting against its picture, 'strokes'
    seconds: float
    worker: str  # who made it, for people: host and process
    notes: tuple[str, ...] = ()  # lines about what is not as it was asked for: what was lowered to fit `max_bytes`


@dataclass(frozen=True)
class Failure:
    """A painting that was not made."""

    key: str
    reason: str  # one line, for people
    hopeless: bool  # whether another try would end the same way: a picture that cannot be read, say
    worker: str  # who tried


Outcome = Painted | Failure


def check_names(files: Sequence[str]) -> None:
    """Raise OutputError unless the endings of these names are formats, each of which is one file."""
    for name in files:
        if format_of(name).is_folder:
            wrong = "a folder of frames can only be written for a single painting"
            raise OutputError(f"cannot write {one_line(name)}: {wrong}; choose another format")
