"""The clean-up of a piece: every pixel is one of its collection's colours, or a mix of two that meet at it.

Pixels that do not fit keep their own colour. In pixel art, where colours do not mix, every pixel is one colour.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from painter.learning.config import CleaningConfig
from painter.learning.palette import own_palette, pulled

_NEAR = 18.0  # root mean square difference within which a pixel shows a colour that its neighbours may mix
_CANDIDATES = 5  # colours of which pairs are tried
_BETTER = 60.0  # by which a mix must fit better than one colour, in squared steps
_FAR = 1e9


def cleaned(piece: np.ndarray, palette: np.ndarray, pixel_art: bool, config: CleaningConfig) -> np.ndarray:
    """A piece with the colours of its collection.

    Args:
        piece: uint8 [H, W, C].
        palette: [K, C] of the collection; may be empty.

    Returns:
        uint8 [H, W, C]; entirely transparent pixels are 0.
    """
    if piece.shape[-1] == 4:
        piece = np.where(piece[..., 3:] > 0, piece, 0)
    if pixel_art:
        return _in_palette(piece, palette)
    colors = pulled(own_palette(piece, config), palette, config.pull)
    values = torch.from_numpy(piece.astype(np.float32))
    weights, error = mixtures(values, torch.from_numpy(colors))
    mixed = weights @ torch.from_numpy(colors)
    misfit = config.tolerance**2 * 3
    own = ((error - misfit) / misfit).clamp(0, 1)[..., None]
    result: np.ndarray = (mixed * (1 - own) + values * own).round().clamp(0, 255).byte().numpy()
    return np.where(result[..., 3:] > 0, result, 0) if piece.shape[-1] == 4 else result


def mixtures(pixels: Tensor, colors: Tensor) -> tuple[Tensor, Tensor]:
    """Each pixel as one colour or as a mix of two that its 3 x 3 neighbourhood shows.

    Args:
        pixels: [H, W, C] float32 in steps of 1/255.
        colors: [K, C] likewise, K at least 1.

    Returns:
        The shares of the colours, [H, W, K], which add up to 1, and the squared difference that is left, [H, W].
    """
    count = len(colors)
    distance = ((pixels[:, :, None] - colors) ** 2).sum(-1)
    best, nearest = distance.min(-1)
    one_hot = functional.one_hot(nearest, count).float()
    shown = one_hot * (best < _NEAR**2 * 3)[..., None]
    around = functional.max_pool2d(shown.permute(2, 0, 1)[None], 3, 1, 1)[0].permute(1, 2, 0) + one_hot > 0
    allowed = distance.masked_fill(~around, _FAR)
    order = allowed.argsort(dim=-1, stable=True)[..., : min(_CANDIDATES, count)]
    weights = one_hot
    for i in range(order.shape[-1]):
        for j in range(i + 1, order.shape[-1]):
            a, b = colors[order[..., i]], colors[order[..., j]]
            line = b - a
            share = (((pixels - a) * line).sum(-1) / ((line * line).sum(-1) + 1e-6)).clamp(0, 1)
            error = ((a + share[..., None] * line - pixels) ** 2).sum(-1)
            possible = allowed.gather(-1, order[..., j : j + 1])[..., 0] < _FAR / 2
            better = possible & (error + _BETTER < best)
            mix = torch.zeros_like(weights).scatter_add(-1, order[..., i : i + 1], 1 - share[..., None])
            mix = mix.scatter_add(-1, order[..., j : j + 1], share[..., None])
            best, weights = torch.where(better, error, best), torch.where(better[..., None], mix, weights)
    return weights, best


def _in_palette(piece: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Every pixel as the nearest colour of the palette."""
    if not len(palette):
        return piece
    flat = piece.reshape(-1, piece.shape[-1])
    found, index = np.unique(flat, axis=0, return_inverse=True)
    nearest = ((found[:, None].astype(np.float32) - palette[None]) ** 2).sum(-1).argmin(1)
    result: np.ndarray = palette[nearest][index.ravel()].astype(np.uint8).reshape(piece.shape)
    return result
