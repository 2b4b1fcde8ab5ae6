"""The clean-up of a piece: every pixel is one of its collection's colours, or a mix of two that meet at it.

Pixels that do not fit keep their own colour. In pixel art, where colours do not mix, every pixel is one colour.
"""

from __future__ import annotations

import numpy as np
import torch

from painter.learning.collection_palette import own_palette, pulled
from painter.learning.learning_config import CleaningConfig
from painter.learning.mixtures import mixtures
from painter.learning.signal import premultiplied, straight


def cleaned(piece: np.ndarray, palette: np.ndarray, pixel_art: bool, config: CleaningConfig) -> np.ndarray:
    """A piece with the colours of its collection.

    Args:
        piece: uint8 [H, W, C].
        palette: [K, C] of the collection; may be empty.

    Returns:
        uint8 [H, W, C]; entirely transparent pixels are 0.
    """
    if pixel_art:
        return _in_palette(piece, palette)
    colors = torch.from_numpy(pulled(own_palette(piece, config), premultiplied(palette), config.pull))
    values = torch.from_numpy(premultiplied(piece))
    weights, error = mixtures(values, colors)
    misfit = config.tolerance**2 * 3
    own = ((error - misfit) / misfit).clamp(0, 1)[..., None]
    return straight((weights @ colors * (1 - own) + values * own).numpy())


def _in_palette(piece: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Every pixel as the nearest colour of the palette."""
    if piece.shape[-1] == 4:
        piece = np.where(piece[..., 3:] > 0, piece, 0)
    if not len(palette):
        return piece
    flat = piece.reshape(-1, piece.shape[-1])
    found, index = np.unique(flat, axis=0, return_inverse=True)
    nearest = ((found[:, None].astype(np.float32) - palette[None]) ** 2).sum(-1).argmin(1)
    result: np.ndarray = palette[nearest][index.ravel()].astype(np.uint8).reshape(piece.shape)
    return result
