"""The form that a collection's pieces have in common: their size, their shape, and whether they are pixel art."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from painter.errors import OptionError, PictureError
from painter.learning.learning_config import ReadingConfig
from painter.learning.pixel_art import native_size
from painter.options.learn import SIZES
from painter.pictures.picture import FORMATS, load_picture, quiet_pillow
from painter.pictures.resizing import fit_size


@dataclass(frozen=True)
class Form:
    """What pieces look like once they are read."""

    size: int  # pixels of the square that they are learned in
    content: tuple[int, int]  # (height, width) of the middle of the square that shows the piece; the rest is padding
    native: tuple[int, int] | None = None  # (height, width) of pixel art in its own pixels; None if it is not

    @property
    def padding(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Pixels (above, below), (left, right) of the content."""
        top, left = ((self.size - side) // 2 for side in self.content)
        return (top, self.size - self.content[0] - top), (left, self.size - self.content[1] - left)

    def padded(self, content: np.ndarray) -> np.ndarray:
        """[size, size, C] of [height, width, C]: the border goes on to the edge of the square."""
        return np.pad(content, (*self.padding, (0, 0)), mode="edge")

    def cropped(self, pixels: np.ndarray) -> np.ndarray:
        """The content of [..., S, S, C] pieces, where S is `size` or a multiple of it."""
        scale = pixels.shape[-2] // self.size
        (top, _), (left, _) = self.padding
        rows, columns = (slice(a * scale, (a + n) * scale) for a, n in zip((top, left), self.content, strict=True))
        return pixels[..., rows, columns, :]


def find_form(paths: Sequence[Path], size: int | Literal["auto"], config: ReadingConfig) -> Form:
    """The form of a collection, from the shapes of all pictures and a closer look at some.

    Args:
        paths: the pictures, at least one.
        size: of the square in pixels; 'auto' takes that of pixel art, or else the default.

    Raises:
        OptionError: `size` is below that of the pixel art.
        PictureError: not one picture can be read.
    """
    sizes = {path: found for path in paths if (found := own_size(path)) is not None}
    if not sizes:
        load_picture(paths[0], 1)  # says what is wrong with it
        raise PictureError(f"cannot read {paths[0]}, nor any other picture beside it; name another folder")
    native = _native_size(sizes, config)
    if native is None:
        side = config.default_size if size == "auto" else size
        height, width = Counter(_shape(found) for found in sizes.values()).most_common(1)[0][0]
        return Form(side, fit_size(height, width, side))
    if size == "auto":
        side = next(one for one in SIZES if one >= max(native))
    elif size < max(native):
        fitting = next(one for one in SIZES if one >= max(native))
        raise OptionError(
            f"--size {size}: these pictures are pixel art of {native[1]} x {native[0]} pixels; use --size {fitting}"
        )
    else:
        side = size
    scale = side // max(native)
    return Form(side, (native[0] * scale, native[1] * scale), native)


def own_size(path: Path) -> tuple[int, int] | None:
    """(height, width) of a picture as its header has it; None if that cannot be read."""
    with suppress(Exception), quiet_pillow(), Image.open(path, formats=FORMATS) as image:
        return (image.height, image.width) if min(image.size) > 0 else None
    return None


def _shape(size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a thousand pixels' length, so that sizes of one shape are alike."""
    return fit_size(*size, 1000)


def _native_size(sizes: dict[Path, tuple[int, int]], config: ReadingConfig) -> tuple[int, int] | None:
    paths = [path for path, found in sizes.items() if max(found) <= config.largest_probe]
    probes = [paths[k * len(paths) // config.probes] for k in range(config.probes)] if paths else []
    pictures = []
    for path in dict.fromkeys(probes):
        with suppress(PictureError):  # a broken one is named when all are read
            picture = load_picture(path, max(sizes[path]))
            pictures.append(np.dstack((picture.rgb, picture.alpha)) if picture.alpha is not None else picture.rgb)
    return native_size(pictures, max(SIZES)) if pictures else None
