"""Sheets of small pieces in a grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from painter.system.atomic import replacing

COLUMNS, ROWS = 12, 4
_SIDE = 128  # pixels of a piece on a sheet, at least
_PAPER = 236  # grey behind transparent pieces


def make_sheet(pieces: np.ndarray, columns: int = COLUMNS) -> Image.Image:
    """A grid of pieces, each pixel enlarged to a square of pixels.

    Args:
        pieces: uint8 [n, H, W, C], n at least 1, C 3 or 4.

    Returns:
        An RGB image; what is left of the last row is empty.
    """
    scale = max(1, _SIDE // max(pieces.shape[1:3]))
    opaque = on_paper(pieces)
    count, height, width = opaque.shape[:3]
    rows = -(-count // columns)
    grid = np.full((rows * columns, height, width, 3), _PAPER, np.uint8)
    grid[:count] = opaque
    sheet = (
        grid.reshape(rows, columns, height, width, 3)
        .transpose(0, 2, 1, 3, 4)
        .reshape(rows * height, columns * width, 3)
    )
    return Image.fromarray(sheet.repeat(scale, 0).repeat(scale, 1))


def on_paper(pieces: np.ndarray) -> np.ndarray:
    """uint8 [..., 3] of pieces [..., C] on light grey."""
    if pieces.shape[-1] == 3:
        return pieces
    alpha = pieces[..., 3:].astype(np.float32) / 255
    return np.rint(pieces[..., :3] * alpha + _PAPER * (1 - alpha)).astype(np.uint8)


def write_sheet(pieces: np.ndarray, path: Path, columns: int = COLUMNS) -> None:
    """Write a sheet as PNG. Raises OSError if that fails."""
    with replacing(path) as temporary:
        make_sheet(pieces, columns).save(temporary, format="PNG")
