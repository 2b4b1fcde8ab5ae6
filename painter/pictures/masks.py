"""Masks: grey pictures that give each pixel a weight."""

from __future__ import annotations

import numpy as np

from painter.errors import PictureError
from painter.pictures.picture import PictureSource, colored, read_picture, shown_name
from painter.pictures.pixels import LUMINANCE
from painter.pictures.resizing import fit_size, resize_image

ASPECT_TOLERANCE = 0.02
"""Largest difference of a mask's aspect ratio from the picture's, as a fraction of it."""


def load_mask(source: PictureSource, height: int, width: int, option: str) -> np.ndarray:
    """Read a mask from any file that `load_picture` reads, or an array, and resize it to the picture's size.

    White has weight 1, black and transparent pixels 0, and colours their luminance.

    Args:
        source: the file, or an array [h, w], [h, w, 3] or [h, w, 4], uint8 or floats in [0, 1]; of any size.
        height: rows of the picture, at least 1.
        width: columns of the picture, at least 1.
        option: the option that names the file, such as ``--region``, for messages.

    Returns:
        [height, width] float32 in [0, 1].

    Raises:
        PictureError: the file cannot be read, has another aspect ratio or is black everywhere. The message begins
            with `option`.
    """
    try:
        picture = read_picture(colored(source), max(height, width))
    except PictureError as error:
        raise PictureError(f"{option}: {error}") from error
    name = f"{option} {shown_name(source)}"
    _check_aspect(picture.size, (height, width), name)
    mask = picture.rgb @ LUMINANCE
    if picture.alpha is not None:
        mask *= picture.alpha
    mask = resize_image(mask, height, width)
    if mask.max() < 1 / 255:
        wrong = "the mask is black everywhere, so nothing would be painted or stand out"
        raise PictureError(f"{name}: {wrong}; paint white what matters")
    return mask


def _check_aspect(size: tuple[int, int], wanted: tuple[int, int], name: str) -> None:
    (height, width), (rows, columns) = size, wanted
    difference = abs(height * columns / (width * rows) - 1)
    # A narrow picture's sides are rounded; a mask whose sides round to the same numbers fits.
    if difference > ASPECT_TOLERANCE and fit_size(height, width, max(wanted)) != wanted:
        sizes = f"the mask has {width} x {height} pixels but the picture {columns} x {rows}"
        raise PictureError(f"{name}: {sizes}, which is another aspect ratio; crop or resize the mask like the picture")
