"""Pictures that are to have the proportions of another: what stands out at their ends is cut off."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from painter.options.paint import MAX_WORKING_SIDE
from painter.pictures.picture import Picture, PictureSource, read_picture
from painter.pictures.resizing import resize_image

ALIKE = 0.01  # proportions that differ by less are the same


def read_fitted(source: PictureSource, like: Picture) -> Picture:
    """A picture with the size of another, which all of it covers; a `Picture` of that size is returned as it is.

    Raises:
        PictureError: as `read_picture`.
    """
    side = max(like.rgb.shape[:2])
    picture = read_picture(source, side)
    if picture.rgb.shape == like.rgb.shape:
        return picture
    scale = _scale(picture, like)
    if scale < 1 and not isinstance(source, Picture):  # so that as many pixels are left as the other has
        picture = read_picture(source, min(math.ceil(side / scale), MAX_WORKING_SIDE))
    return fitted(picture, like)


def fitted(picture: Picture, like: Picture) -> Picture:
    """A picture with the size of another: cut at both ends, so that it covers all of it."""
    (rows, columns), (height, width) = picture.rgb.shape[:2], like.rgb.shape[:2]
    scale = _scale(picture, like)
    down, across = (max(1, min(most, round(scale * side))) for most, side in ((rows, height), (columns, width)))
    top, left = (rows - down) // 2, (columns - across) // 2
    cut = slice(top, top + down), slice(left, left + across)
    rgb, alpha = np.ascontiguousarray(picture.rgb[cut]), picture.alpha
    if alpha is None:
        rgb = resize_image(rgb, height, width)
    else:
        alpha = np.ascontiguousarray(alpha[cut])
        premultiplied = resize_image(rgb * alpha[..., None], height, width)
        alpha = resize_image(alpha, height, width)
        rgb = np.where(alpha[..., None] > 0, premultiplied / np.maximum(alpha[..., None], 1e-6), 0).clip(0, 1)
    notes = picture.notes
    if abs(math.log(rows / columns * width / height)) > ALIKE:
        notes = (*notes, f"{picture.name}: its ends are cut off, to the proportions of {like.name}")
    return replace(picture, rgb=rgb.astype(np.float32), alpha=alpha, size=like.size, notes=notes)


def _scale(picture: Picture, like: Picture) -> float:
    """How many pixels of a picture lie along one of the other, which it covers."""
    (rows, columns), (height, width) = picture.rgb.shape[:2], like.rgb.shape[:2]
    return float(min(rows / height, columns / width))
