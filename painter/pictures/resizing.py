"""Resizing pictures, and the size that fits a long side."""

from __future__ import annotations

import numpy as np

from painter.errors import OptionError


def resize_image(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize by area averages where a side shrinks and by bicubic interpolation where it grows.

    Pictures with transparency must be premultiplied.

    Args:
        image: [H, W, C] or [H, W] float32 in [0, 1].
        height: rows of the result, at least 1.
        width: columns of the result, at least 1.

    Returns:
        [height, width, C] (or [height, width]) float32, clipped to [0, 1]; a new array.

    Raises:
        ValueError: a side below 1, or an array of another number of dimensions.
    """
    if image.ndim not in (2, 3) or min(height, width, *image.shape) < 1:
        raise ValueError(f"cannot resize an array of shape {image.shape} to {height} x {width} pixels")
    import cv2

    resized: np.ndarray = np.ascontiguousarray(image, dtype=np.float32)
    # First shrink, then grow: where one side shrinks and the other grows, OpenCV's area mode is bilinear in both.
    for rows, columns, method in (
        (min(height, image.shape[0]), min(width, image.shape[1]), cv2.INTER_AREA),
        (height, width, cv2.INTER_CUBIC),
    ):
        if resized.shape[:2] != (rows, columns):
            resized = cv2.resize(resized, (columns, rows), interpolation=method)
    out = None if np.may_share_memory(resized, image) else resized
    # OpenCV drops a channel axis of length 1; reshape restores it.
    return np.clip(resized, 0.0, 1.0, out=out).reshape(height, width, *image.shape[2:])


def fit_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """(height, width) with the same aspect ratio and a longer side of exactly `long_side`; at least 1 each.

    Raises:
        OptionError: `long_side` is below 1.
    """
    check_long_side(long_side)
    longest = max(height, width)
    return max(1, round(height * long_side / longest)), max(1, round(width * long_side / longest))


def at_most(image: np.ndarray, side: int) -> np.ndarray:
    """The image [H, W] or [H, W, C] with a long side of at most `side`; see `resize_image`."""
    height, width = image.shape[:2]
    if max(height, width) <= side:
        return image
    return resize_image(image, *fit_size(height, width, side))


def check_long_side(long_side: int) -> None:
    """Raise OptionError if `long_side` is below 1."""
    if long_side < 1:
        raise OptionError(f"the long side must be at least 1 pixel, not {long_side}")


def row_shares(top: int, bottom: int, rows: int, height: int) -> tuple[int, np.ndarray]:
    """The weights with which rows top..bottom of `rows` are averaged to rows of a picture of `height` <= `rows`.

    Returns:
        The first row with a weight above 0, and [such rows, bottom - top] float32 weights.
    """
    first, last = top * height // rows, -(-bottom * height // rows)
    begin = np.arange(first, last)[:, None] * (rows / height)
    source = np.arange(top, bottom)[None, :]
    overlap = np.minimum(begin + rows / height, source + 1) - np.maximum(begin, source)
    return first, (np.maximum(overlap, 0.0) * (height / rows)).astype(np.float32)
