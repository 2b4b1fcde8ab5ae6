"""What style transfer can write: pixels, and frames of their making, but no strokes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from painter.errors import OutputError
from painter.export.formats import FORMATS, Format, format_of

OPTIONS = ("duration", "hold", "loop", "webp", "bit_depth", "quality")
"""The fields of ExportConfig that mean something here."""


def transfer_endings() -> list[str]:
    """The endings of the formats that hold pixels, in one file each."""
    return [ending for ending, format in FORMATS.items() if _suits(format)]


def check_transfer_ending(path: Path) -> None:
    """Raise OutputError unless the path's ending is one of `transfer_endings`."""
    with suppress(OutputError):
        if _suits(format_of(path)):
            return
    endings = ", ".join(transfer_endings())
    raise OutputError(f"cannot write {path}: style transfer makes {endings} files; use such a name")


def _suits(format: Format) -> bool:
    return not format.needs_strokes and not format.is_folder
