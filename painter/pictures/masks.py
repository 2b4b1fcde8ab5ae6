"""Masks: grey pictures that say, pixel by pixel, how much something counts."""

from __future__ import annotations

import os

import numpy as np

from painter.errors import PictureError, one_line
from painter.pictures.picture import load_picture
from painter.pictures.pixels import LUMINANCE
from painter.pictures.resizing import fit_size, resize_image

ASPECT_TOLERANCE = 0.02
"""How far a mask's aspect ratio may be from the picture's, as a share of it."""


def load_mask(path: str | os.PathLike[str], height: int, width: int, option: str) -> np.ndarray:
    """Read a mask from any picture that `load_picture` reads, and bring it to the picture's size.

    White counts fully, black and what is transparent not at all. Colours count by their luminance.

    Args:
        path: the file, of any size.
        height: rows of the picture that it is for, at least 1.
        width: columns of it, at least 1.
        option: the option that names the file, such as ``--region``, for the messages.

    Returns:
        [height, width] float32 in [0, 1].

    Raises:
        PictureError: the file is none that `load_picture` reads, its aspect ratio is another, or it is black all
            over. The message begins with `option`.
    """
    try:
        picture = load_picture(path, max(height, width))
    except PictureError as error:
        raise PictureError(f"{option}: {error}") from error
    _check_aspect(picture.size, (height, width), f"{option} {one_line(path)}")
    mask = picture.rgb @ LUMINANCE
    if picture.alpha is not None:
        mask *= picture.alpha
    mask = resize_image(mask, height, width)
    if mask.max() < 1 / 255:
        wrong = "the mask is black everywhere, so nothing would be painted or stand out"
        raise PictureError(f"{option} {one_line(path)}: {wrong}; make white what should count")
    return mask


def _check_aspect(size: tuple[int, int], wanted: tuple[int, int], name: str) -> None:
    (height, width), (rows, columns) = size, wanted
    difference = abs(height * columns / (width * rows) - 1)
    # A narrow picture's sides are rounded; a mask that rounds to the same ones fits.
    if difference > ASPECT_TOLERANCE and fit_size(height, width, max(wanted)) != wanted:
        sizes = f"the mask has {width} x {height} pixels but the picture {columns} x {rows}"
        raise PictureError(f"{name}: {sizes}, which is another aspect ratio; crop or draw the mask like the picture")
