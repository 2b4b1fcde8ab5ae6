"""Reading a person's own brush from a picture file."""

from __future__ import annotations

import os

import numpy as np

from painter.errors import PictureError, one_line
from painter.pictures.picture import Picture, load_picture
from painter.pictures.pixels import LUMINANCE, in_steps
from painter.pictures.resizing import fit_size, resize_image
from renderers.stamp_size import LONGEST

READ_SIDE = 2 * LONGEST  # long side at which pictures are read: room for wide empty borders
FAINT = 0.015  # coverage below it is paper grain or the noise of a JPEG


def load_texture(path: str | os.PathLike[str]) -> np.ndarray:
    """The texture of the brush in a picture file of any kind that `load_picture` reads.

    Where the picture has transparency, its alpha is the coverage. Else its grey is: dark on light if the picture's
    border is light, light on dark if it is dark. Empty borders are cut away.

    Returns:
        [h, w] float32 coverage in [0, 1], in steps of 1/255, for `renderers.brushes.stamp.Stamp`; the longer side is
        at most LONGEST.

    Raises:
        PictureError: the file cannot be read, or nothing in it covers anything; the message begins `--brush FILE: `.
    """
    try:
        picture = load_picture(path, READ_SIDE)
    except PictureError as error:
        raise PictureError(f"--brush {str(error).removeprefix('cannot read ')}") from error
    texture = _cropped(_coverage(picture))
    if not texture.size:
        wrong = "nothing in it covers anything; give dark marks on white, light ones on black, or transparency"
        raise PictureError(f"--brush {one_line(path)}: {wrong}")
    height, width = texture.shape
    if max(height, width) > LONGEST:
        texture = resize_image(texture, *fit_size(height, width, LONGEST))
    return in_steps(texture)


def _coverage(picture: Picture) -> np.ndarray:
    """[H, W] float32 in [0, 1]."""
    if picture.alpha is not None:
        coverage = picture.alpha
    else:
        grey = (picture.rgb @ LUMINANCE).clip(0, 1)
        border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
        coverage = 1 - grey if np.median(border) > 0.5 else grey
    return np.where(coverage < FAINT, np.float32(0), coverage)


def _cropped(coverage: np.ndarray) -> np.ndarray:
    """Without the rows and columns around it in which there is nothing; [0, 0] if there is nothing at all."""
    rows, columns = (np.flatnonzero(coverage.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return coverage[:0, :0]
    return coverage[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
