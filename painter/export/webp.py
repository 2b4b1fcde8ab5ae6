"""The painting as a WebP, finished or as it grows. Alpha is kept exactly; at quality 100 colours are, too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from painter.errors import OutputError
from painter.export.places import writing

MAX_SIDE = 16_383
_EFFORT = 4  # libwebp's method, 0 to 6: more takes longer and makes smaller files


def write_webp(path: Path, image: np.ndarray, quality: int) -> None:
    """Write `image`, uint8 [H, W, 3] or [H, W, 4] in 0..255, straight alpha, to `path`.

    Args:
        quality: libwebp's, 1 to 100; 100 is lossless.

    Raises:
        OutputError: a side is above 16,383, or the file cannot be written; `path` is then unchanged.
    """
    _check_side(path, image)
    with writing(path) as temporary:
        Image.fromarray(image).save(temporary, format="WEBP", method=_EFFORT, exact=quality == 100, **_quality(quality))


def write_animated_webp(
    path: Path, frames: Iterable[np.ndarray], times_ms: Sequence[Fraction], quality: int, loop: int = 0
) -> None:
    """Write `frames`, as `write_webp` takes them and all of one size, as an animation; each is read once, lazily.

    libwebp keeps what it has compressed until the end: memory is that of a few frames, and the file.

    Args:
        times_ms: how long each frame is shown; as many as frames. Their sum is rounded, not each: no drift.
        loop: how often it is played; 0 is for ever.

    Raises:
        OutputError: as `write_webp`.
    """
    pictures = iter(frames)
    first = next(pictures)
    _check_side(path, first)
    ends = [0, *map(round, accumulate(times_ms))]
    durations = [end - start for start, end in pairwise(ends)]
    rest: list[Any] = [_Rest(pictures, first.shape[2], len(durations) - 1)] if len(durations) > 1 else []
    with writing(path) as temporary:
        Image.fromarray(first).save(
            temporary, format="WEBP", save_all=True, append_images=rest, duration=durations, loop=loop,
            method=_EFFORT, kmax=0, background=(0, 0, 0, 0), **_quality(quality),
        )  # fmt: skip


class _Rest:
    """All frames but the first, as Pillow's writer asks for those of a picture that has several: in order.

    It takes a list of pictures, all there at once, or such a picture, which may make its frames as it goes.
    """

    def __init__(self, pictures: Iterable[np.ndarray], channels: int, count: int) -> None:
        self.mode = "RGB" if channels == 3 else "RGBA"
        self.n_frames = count
        self._pictures = iter(pictures)
        self._current: Image.Image | None = None

    def seek(self, frame: int) -> None:
        self._current = Image.fromarray(next(self._pictures))

    def getim(self) -> Any:
        assert self._current is not None
        return self._current.getim()


def _quality(quality: int) -> dict[str, Any]:
    # With `lossless` quality is effort instead.
    return {"lossless": True, "quality": 75} if quality == 100 else {"quality": quality}


def _check_side(path: Path, image: np.ndarray) -> None:
    if max(image.shape[:2]) > MAX_SIDE:
        raise OutputError(f"cannot write {path}: a side is longer than a WebP's {MAX_SIDE}; lower --size")
