"""Masks: grey pictures that give each pixel a weight."""

from __future__ import annotations

import numpy as np

from painter.errors import PictureError
from painter.pictures.picture import PictureSource, colored, read_picture, shown_name
from painter.pictures.pixels import LUMINANCE
from painter.pictures.resizing import fit_size, resize_image

ASPECT_TOLERANCE = 0.02
"""Largest difference of a mask's aspect ratio from the picture's, as a fraction of it."""
_CHECKED_SIDE = 64  # pixels, the long side at which `check_mask` looks


def load_mask(
    source: PictureSource, height: int, width: int, option: str, whole: tuple[int, int] | None = None
) -> np.ndarray:
    """Read a mask from any file that `load_picture` reads, or an array, and resize it to the picture's size.

    White has weight 1, black and transparent pixels 0, and colours their luminance.

    Args:
        source: the file, or an array [h, w], [h, w, 3] or [h, w, 4], uint8 or floats in [0, 1]; of any size.
        height: rows of the picture, at least 1.
        width: columns of the picture, at least 1.
        option: the option that names the file, such as ``--region``, for messages.
        whole: height and width of the picture in its own pixels, for messages, if it has been resized.

    Returns:
        [height, width] float32 in [0, 1].

    Raises:
        PictureError: the file cannot be read, has another aspect ratio or is black everywhere. The message begins
            with `option`.
    """
    mask, size = _read(source, max(height, width), option)
    _check_aspect(size, (height, width), whole or (height, width), f"{option} {shown_name(source)}")
    mask = resize_image(mask, height, width)
    _check_bright(mask, source, option)
    return mask


def check_mask(source: PictureSource, option: str) -> None:
    """Raise PictureError as `load_mask` does, but for the aspect ratio: it is not known yet what the mask is for."""
    _check_bright(_read(source, _CHECKED_SIDE, option)[0], source, option)


def _read(source: PictureSource, side: int, option: str) -> tuple[np.ndarray, tuple[int, int]]:
    """The mask with this long side, and its height and width in its own pixels."""
    try:
        picture = read_picture(colored(source), side)
    except PictureError as error:
        raise PictureError(f"{option}: {error}") from error
    mask = picture.rgb @ LUMINANCE
    return mask if picture.alpha is None else mask * picture.alpha, picture.size


def _check_bright(mask: np.ndarray, source: PictureSource, option: str) -> None:
    if mask.max() < 1 / 255:
        wrong = "the mask is black everywhere, so nothing would be painted or stand out"
        raise PictureError(f"{option} {shown_name(source)}: {wrong}; paint white what matters")


def _check_aspect(size: tuple[int, int], wanted: tuple[int, int], whole: tuple[int, int], name: str) -> None:
    (height, width), (rows, columns) = size, wanted
    difference = abs(height * columns / (width * rows) - 1)
    # A narrow picture's sides are rounded; a mask whose sides round to the same numbers fits.
    if difference > ASPECT_TOLERANCE and fit_size(height, width, max(wanted)) != wanted:
        sizes = f"the mask has {width} x {height} pixels but the picture {whole[1]} x {whole[0]}"
        raise PictureError(f"{name}: {sizes}, which is another aspect ratio; crop or resize the mask like the picture")
