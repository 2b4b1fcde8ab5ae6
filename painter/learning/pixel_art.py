"""Pixel art: pictures made of square blocks, each of one colour, which are read back to one pixel a block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_MOST_COLORS, _SMALL = 48, 48  # colours and side of a picture, up to which it is pixel art at its own size
_SHARE = 0.9  # of the pictures that must be pixel art for a collection to be


def block_side(pixels: np.ndarray) -> int:
    """The side of the largest square blocks that a picture is made of, in pixels; 1 if it is not made of blocks.

    >>> block_side(np.kron(np.eye(8), np.ones((6, 6)))[..., None])
    6

    Args:
        pixels: [H, W, C]; colours count wherever they differ at all.
    """
    height, width = pixels.shape[:2]
    side = np.gcd(height, width)
    for axis in (0, 1):
        other = tuple(k for k in range(pixels.ndim) if k != axis)
        changes = np.flatnonzero((np.diff(pixels, axis=axis) != 0).any(axis=other)) + 1
        side = np.gcd.reduce([side, *changes])
    return int(side)


def in_blocks(pixels: np.ndarray, side: int) -> np.ndarray:
    """One pixel for each block of `side` pixels: [H / side, W / side, C]. Exact where `block_side` found the side."""
    return np.ascontiguousarray(pixels[side // 2 :: side, side // 2 :: side])


def native_size(pictures: Sequence[np.ndarray], largest: int) -> tuple[int, int] | None:
    """The size in blocks, (height, width), that most of these pictures have; None if they are not pixel art.

    Args:
        pictures: at least one, [H, W, C].
        largest: pixels of a side, beyond which it is not taken as pixel art.
    """
    sizes = [size for size in map(_size_in_blocks, pictures) if size is not None and max(size) <= largest]
    if not sizes:
        return None
    common = max(sorted(set(sizes)), key=sizes.count)
    return common if sizes.count(common) >= _SHARE * len(pictures) else None


def _size_in_blocks(pixels: np.ndarray) -> tuple[int, int] | None:
    """The size of a picture in blocks; None if it is not pixel art."""
    side = block_side(pixels)
    height, width = pixels.shape[0] // side, pixels.shape[1] // side
    if side == 1 and (max(height, width) > _SMALL or _color_count(pixels) > _MOST_COLORS):
        return None
    return height, width


def _color_count(pixels: np.ndarray) -> int:
    return len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0))
