"""The frames of an animation, one by one: however many there are, only a few are in memory at a time."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import IO

import numpy as np

from painter.errors import OutputError
from painter.export.timeline import Timeline
from painter.painting.painting import Painting


def draw_frames(painting: Painting, side: int, timeline: Timeline) -> Iterator[np.ndarray]:
    """The timeline's frames in the order in which they are shown: uint8 [H, W, 3] or [H, W, 4], `side` long.

    Raises:
        OutputError: in reverse, if there is no room for temporary files.
    """
    frames = painting.drawn_after(timeline.rising, side)
    return in_reverse(frames) if timeline.reverse else frames


def in_reverse(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield `frames`, uint8 arrays of one shape, from the last to the first.

    Paint can only be added, so all frames are drawn first. What each changes in the one before is kept in a temporary
    file, compressed (zeros where nothing changes), and undone again from the last frame to the first.

    Raises:
        OutputError: there is no room for temporary files.
    """
    with _temporary_file() as file:
        lengths: list[int] = []
        frame: np.ndarray | None = None
        for following in frames:
            if frame is not None:
                change = zlib.compress(np.bitwise_xor(frame, following), 1)
                lengths.append(len(change))
                _keep(file, change)
            frame = following
        if frame is None:
            return
        yield frame
        end = sum(lengths)
        for length in reversed(lengths):
            end -= length
            file.seek(end)
            change = zlib.decompress(file.read(length))
            frame = np.bitwise_xor(frame, np.frombuffer(change, np.uint8).reshape(frame.shape))
            yield frame


def there_and_back(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield `frames`, uint8 arrays of one shape, and then those between the first and the last again, backwards.

    They are kept in a temporary file, compressed.

    Raises:
        OutputError: there is no room for temporary files.
    """
    with _temporary_file() as file:
        ends, shape = [0], (0,)
        for frame in frames:
            packed = zlib.compress(frame.tobytes(), 1)
            _keep(file, packed)
            ends.append(ends[-1] + len(packed))
            shape = frame.shape
            yield frame
        for start, end in list(pairwise(ends))[-2:0:-1]:
            file.seek(start)
            yield np.frombuffer(zlib.decompress(file.read(end - start)), np.uint8).reshape(shape)


def _keep(file: IO[bytes], change: bytes) -> None:
    try:
        file.write(change)
        file.flush()
    except OSError as error:
        raise _no_room(error) from error


def _temporary_file() -> IO[bytes]:
    """Where frames are kept. Raises OutputError if there is no room for it."""
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise _no_room(error) from error


def _no_room(error: OSError) -> OutputError:
    return OutputError(
        f"cannot keep the frames of an animation in {tempfile.gettempdir()}: {error.strerror or error}; "
        "make room there or set TMPDIR to another folder"
    )
