"""One painting of many: the job that a worker gets, and the outcome it returns. All of them can be pickled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from painter.errors import OutputError, one_line
from painter.export import format_of
from painter.options.export import ExportConfig
from painter.options.paint import PaintConfig
from painter.pictures.stacking import Stack


@dataclass(frozen=True)
class Job:
    """A painting to be made."""

    key: str  # its name in the ledger: a token's number, or a picture's path within its folder
    picture: Path | Stack  # a stack is put together by the worker
    config: PaintConfig  # with the seed
    files: tuple[str, ...]  # what to write, relative to the output folder, with /; the endings pick the formats
    export: ExportConfig = field(default_factory=ExportConfig)
    painted: bool = True  # False: the picture itself, a stack, is written, as PNG

    @property
    def pictures(self) -> tuple[Path, ...]:
        """The files of the picture."""
        return (self.picture,) if isinstance(self.picture, Path) else tuple(one.file for one in self.picture.layers)


@dataclass(frozen=True, eq=False)
class Painted:
    """A job that succeeded. The worker returns the contents of the files; only the driver writes them."""

    key: str
    files: dict[str, bytes]  # by the names in `Job.files`
    figures: dict[str, float]  # 'psnr' and 'l1' of the painting against its picture, 'strokes'
    seconds: float  # that painting took
    worker: str  # host:process
    notes: tuple[str, ...] = ()  # lines about what differs from what was asked for, such as what `max_bytes` lowered


@dataclass(frozen=True)
class Failure:
    """A job that failed."""

    key: str
    reason: str  # one line
    permanent: bool  # whether another try would fail the same way, as with a picture that cannot be read
    worker: str  # host:process


Outcome = Painted | Failure


def check_names(files: Sequence[str]) -> None:
    """Raise OutputError unless the endings of these names are formats, each of which is one file."""
    for name in files:
        if format_of(name).is_folder:
            wrong = "a folder of frames can only be written for a single painting"
            raise OutputError(f"cannot write {one_line(name)}: {wrong}; choose another format")
