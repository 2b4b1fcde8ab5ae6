"""A collection's colours, and those of one piece.

A palette here is float32 [K, C] in steps of 1/255, with alpha where C is 4. Those of collections are straight.
"""

from __future__ import annotations

import numpy as np
import torch

from painter.learning.learning_config import CleaningConfig
from painter.learning.mixtures import mixtures
from painter.learning.signal import premultiplied
from painter.pictures.palette import perceived

_FLAT = 2  # largest difference within 3 x 3 pixels of one colour, in a collection's pieces
_BIN = 8  # steps to a side of a colour bin
_MISFIT = 22.0  # root mean square difference from a mixture, from which a pixel has a colour of its own
_ROUNDS = (3, 2, 1)  # pixels that a new colour must have, in each round of looking for such pixels


def spread(pixels: np.ndarray) -> np.ndarray:
    """[N, H - 2, W - 2]: the largest difference of a channel within the 3 x 3 pixels around each inner pixel.

    Args:
        pixels: uint8 [N, H, W, C].
    """
    rows = np.stack([pixels[:, k : pixels.shape[1] - 2 + k] for k in range(3)])
    high, low = rows.max(0), rows.min(0)
    columns = range(3)
    width = pixels.shape[2] - 2
    high = np.max([high[:, :, k : width + k] for k in columns], axis=0)
    low = np.min([low[:, :, k : width + k] for k in columns], axis=0)
    found: np.ndarray = (high.astype(np.int16) - low).max(-1)
    return found


def collection_palette(pixels: np.ndarray, pixel_art: bool, config: CleaningConfig) -> np.ndarray:
    """The most frequent colours of a collection: of its flat areas, or of all pixels in pixel art.

    Args:
        pixels: uint8 [N, H, W, C].

    Returns:
        [K, C], the most frequent first, none of them near another, K up to `config.colors`; of photographs, which have
        no flat areas, few or none.
    """
    channels = pixels.shape[-1]
    if pixel_art:
        flat = pixels.reshape(-1, channels)
    else:
        flat = np.concatenate([part[:, 1:-1, 1:-1][spread(part) <= _FLAT] for part in np.array_split(pixels, 16)])
    if channels == 4:
        flat = np.where(flat[:, 3:] > 0, flat, 0)
    codes = np.zeros(len(flat), np.int64)
    for channel in flat.T:
        codes = codes << 8 | channel
    found, counts = np.unique(codes, return_counts=True)
    chosen: list[np.ndarray] = []
    for k in np.argsort(-counts, kind="stable"):
        if len(chosen) >= config.colors or counts[k] < (1 if pixel_art else config.rarest):
            break
        color = np.array([found[k] >> 8 * (channels - 1 - c) & 255 for c in range(channels)])
        if not chosen or np.abs(np.array(chosen) - color).max(1).min() > (0 if pixel_art else config.apart):
            chosen.append(color)
    return np.array(chosen, np.float32).reshape(-1, channels)


def own_palette(piece: np.ndarray, config: CleaningConfig) -> np.ndarray:
    """The colours of one piece: first those of its flat areas, then those of pixels that no mixture of them fits.

    Args:
        piece: uint8 [H, W, C].

    Returns:
        [K, C], colours multiplied by alpha, K from 1 to `config.own`.
    """
    values = premultiplied(piece)
    pixels = values.reshape(-1, values.shape[-1])
    border = np.pad(np.rint(values).astype(np.uint8), ((1, 1), (1, 1), (0, 0)), mode="edge")[None]
    calm = (spread(border)[0] <= config.same).ravel()
    colors: list[np.ndarray] = []
    _add_most_frequent(colors, pixels, calm, 3, config)
    if len(colors) < 2:
        _add_most_frequent(colors, pixels, np.ones(len(pixels), bool), 3, config)
    for fewest in _ROUNDS:
        count = len(colors)
        _, error = mixtures(torch.from_numpy(values), torch.from_numpy(np.array(colors, np.float32)))
        _add_most_frequent(colors, pixels, error.numpy().ravel() > _MISFIT**2 * 3, fewest, config)
        if len(colors) == count:
            break
    return np.array(colors, np.float32)


def _add_most_frequent(
    colors: list[np.ndarray], pixels: np.ndarray, left: np.ndarray, fewest: int, config: CleaningConfig
) -> None:
    """Add the median of the fullest bin, again and again, until its pixels are few or there are colours enough."""
    bins = np.zeros(len(pixels), np.int64)
    for channel in pixels.astype(np.int64).T:
        bins = bins << 5 | channel // _BIN
    for color in colors:
        left &= np.abs(pixels - color).max(1) > config.same
    while left.any() and len(colors) < config.own:
        found, counts = np.unique(bins[left], return_counts=True)
        if colors and counts.max() < fewest:
            return
        color = np.median(pixels[left & (bins == found[counts.argmax()])], axis=0)
        near = left & (np.abs(pixels - color).max(1) <= config.same)
        color = np.median(pixels[near], axis=0) if near.any() else color
        colors.append(color)
        left &= np.abs(pixels - color).max(1) > config.same * 1.6


def pulled(colors: np.ndarray, palette: np.ndarray, distance: float) -> np.ndarray:
    """Colours [K, C], each replaced by the palette's [P, C] that looks most like it if that is near; no doubles.

    Args:
        colors, palette: multiplied by alpha where C is 4.
        distance: within which colours are near, in CIE L*a*b*: the largest channel's difference would let orange skin
            become red before it becomes brown.
    """
    if not len(palette):
        return colors
    away = np.linalg.norm(perceived(colors / 255)[:, None] - perceived(palette / 255)[None], axis=-1)
    nearest = palette[away.argmin(1)]
    chosen = np.where((away.min(1) <= distance)[:, None], nearest, colors)
    unique: np.ndarray = np.unique(np.rint(chosen), axis=0).astype(np.float32)
    return unique
