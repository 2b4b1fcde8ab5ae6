"""Reading the texture of one's own brush from a picture file."""

from __future__ import annotations

import numpy as np

from painter.errors import PictureError
from painter.pictures.picture import Picture, PictureSource, colored, read_picture, shown_name
from painter.pictures.pixels import LUMINANCE, in_steps
from painter.pictures.resizing import fit_size, resize_image
from renderers.stamp_size import LONGEST

READ_SIDE = 2 * LONGEST  # long side at which pictures are read: room for wide empty borders
FAINT = 0.015  # lower coverage is taken for paper grain or JPEG noise, and set to 0


def load_texture(source: PictureSource) -> np.ndarray:
    """The texture of the brush in any file that `load_picture` reads, or in an array, as for `load_mask`.

    The coverage is the picture's alpha if it has transparency. Else it is the darkness of its pixels if the picture's
    border is light, or their lightness if the border is dark. Empty borders are cropped.

    Returns:
        [h, w] float32 coverage in [0, 1], in steps of 1/255, for `renderers.brushes.stamp.Stamp`; the longer side is
        at most LONGEST.

    Raises:
        PictureError: the file cannot be read, or its coverage is 0 everywhere; the message begins `--brush FILE: `.
    """
    try:
        picture = read_picture(colored(source), READ_SIDE)
    except PictureError as error:
        raise PictureError(f"--brush {str(error).removeprefix('cannot read ')}") from error
    texture = _cropped(_coverage(picture))
    if not texture.size:
        wrong = "it is empty; give dark marks on white, light ones on black, or transparency"
        raise PictureError(f"--brush {shown_name(source)}: {wrong}")
    height, width = texture.shape
    if max(height, width) > LONGEST:
        texture = resize_image(texture, *fit_size(height, width, LONGEST))
    return in_steps(texture)


def _coverage(picture: Picture) -> np.ndarray:
    """The coverage, [H, W] float32 in [0, 1]."""
    if picture.alpha is not None:
        coverage = picture.alpha
    else:
        grey = (picture.rgb @ LUMINANCE).clip(0, 1)
        border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
        coverage = 1 - grey if np.median(border) > 0.5 else grey
    return np.where(coverage < FAINT, np.float32(0), coverage)


def _cropped(coverage: np.ndarray) -> np.ndarray:
    """The coverage without empty rows and columns around it; [0, 0] if all of it is empty."""
    rows, columns = (np.flatnonzero(coverage.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return coverage[:0, :0]
    return coverage[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
