"""One of many: the work that a worker gets, most often a painting, and the outcome it returns. All can be pickled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from painter.errors import OutputError, one_line
from painter.export import format_of
from painter.options.export import ExportConfig
from painter.options.paint import PaintConfig
from painter.options.reveal import LaterPictures
from painter.pictures.stacking import Stack


class Work(ABC):
    """What a worker can be given.

    Attributes:
        key: its name in the ledger: a token's number, or a picture's path within its folder.
        config: of what is painted, with the seed.
        files: what is written, relative to the output folder, with /.
    """

    key: str
    config: PaintConfig
    files: tuple[str, ...]

    @property
    @abstractmethod
    def pictures(self) -> tuple[Path, ...]:
        """The files that are painted."""


class OwnWork(Work):
    """Work that is not a `Job`: it knows itself how it is done."""

    @abstractmethod
    def about(self, of_file: Callable[[Path], str]) -> dict[str, Any]:
        """What decides the bytes of its files, ready for JSON; `of_file` gives the sha256 of a file's content."""

    @abstractmethod
    def carry_out(self, local_paths: Mapping[Path, Path], scratch: str | None) -> Painted:
        """Do it, on a worker: see `painter.batch.paint_job.paint_job`."""


@dataclass(frozen=True)
class Job(Work):
    """A painting to be made; the endings of its files pick the formats."""

    key: str
    picture: Path | Stack  # a stack is put together by the worker
    config: PaintConfig
    files: tuple[str, ...]
    export: ExportConfig = field(default_factory=ExportConfig)
    painted: bool = True  # False: the picture itself, a stack, is written, as PNG
    later: LaterPictures = field(default_factory=LaterPictures)  # shown after the picture

    @property
    def pictures(self) -> tuple[Path, ...]:
        """The files of the picture, and of those that are shown after it."""
        first = (self.picture,) if isinstance(self.picture, Path) else (one.file for one in self.picture.layers)
        return (*first, *map(Path, self.later.then))


@dataclass(frozen=True, eq=False)
class Painted:
    """Work that succeeded. The worker returns the contents of the files; only the driver writes them."""

    key: str
    files: dict[str, bytes]  # by the names in `Work.files`
    figures: dict[str, float]  # 'psnr' and 'l1' of the painting against its picture, 'strokes'
    seconds: float  # that painting took
    worker: str  # host:process
    notes: tuple[str, ...] = ()  # lines about what differs from what was asked for, such as what `max_bytes` lowered


@dataclass(frozen=True)
class Failure:
    """Work that failed."""

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
