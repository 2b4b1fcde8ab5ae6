"""The growing painting as a folder of numbered PNGs, for video editors: frame-00000.png and so on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from painter.errors import OutputError
from painter.export.places import check_frame_folder
from painter.export.png import encode_png
from painter.system.atomic import flush_file, flush_folder, move_into_place, temporary_folder


def write_frames(path: Path, frames: Iterable[np.ndarray]) -> None:
    """Write `frames`, as `write_png` takes them, into a folder at `path`; each is read once, lazily.

    They are written into another folder first, and brought to the disk together: one by one takes longer. It takes the
    place of an earlier one, if that holds frames only.

    Raises:
        OutputError: a file cannot be written, or there is something else at `path`, which is left as it is.
    """
    check_frame_folder(path)
    try:
        with temporary_folder(path) as temporary:
            for number, frame in enumerate(frames):
                with open(temporary / f"frame-{number:05d}.png", "wb") as file:
                    encode_png(file, frame)
            for written in temporary.iterdir():
                flush_file(written)
            flush_folder(temporary)
            check_frame_folder(path)
            move_into_place(temporary, path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    flush_folder(path.parent)
