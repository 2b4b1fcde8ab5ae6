"""Pixels as the networks see them, and back.

Pixels are uint8 [N, H, W, C], straight sRGB, with alpha where C is 4. A signal is float32 [N, C, H, W] in [-1, 1], its
colours multiplied by alpha, so that colours behind full transparency count for nothing.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

TRANSPARENT, OPAQUE = 0.04, 0.96  # alpha below and above which a pixel is taken as entirely so


def premultiplied(pixels: np.ndarray) -> np.ndarray:
    """float32 [..., C] in steps of 1/255 of straight pixels or colours [..., C]: multiplied by alpha, if any."""
    values = pixels.astype(np.float32)
    if values.shape[-1] == 4:
        values[..., :3] *= values[..., 3:] / 255
    return values


def straight(values: np.ndarray) -> np.ndarray:
    """uint8 [..., C] straight pixels of what `premultiplied` returns; entirely transparent ones are 0."""
    if values.shape[-1] == 4:
        alpha = values[..., 3:]
        values = np.concatenate((values[..., :3] * (255 / np.maximum(alpha, 1)), alpha), axis=-1)
        values = np.where(alpha >= 255 * TRANSPARENT, values, 0)
    result: np.ndarray = np.rint(values).clip(0, 255).astype(np.uint8)
    return result


def to_signal(pixels: Tensor) -> Tensor:
    """[N, C, H, W] float32 in [-1, 1] of uint8 [N, H, W, C] pixels, C 3 or 4."""
    values = pixels.permute(0, 3, 1, 2).float() / 255
    if values.shape[1] == 4:
        values = torch.cat((values[:, :3] * values[:, 3:], values[:, 3:]), dim=1)
    return values * 2 - 1


def to_pixels(signal: Tensor) -> np.ndarray:
    """uint8 [N, H, W, C] straight pixels of a signal [N, C, H, W]; what is outside [-1, 1] is clipped."""
    values = ((signal.detach().float() + 1) / 2).clamp(0, 1)
    if values.shape[1] == 4:
        alpha = values[:, 3:]
        colors = (values[:, :3] / alpha.clamp(min=TRANSPARENT)).clamp(max=1)
        alpha = torch.where(alpha < TRANSPARENT, 0.0, torch.where(alpha > OPAQUE, 1.0, alpha))
        values = torch.cat((torch.where(alpha > 0, colors, 0.0), alpha), dim=1)
    pixels: np.ndarray = (values * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return pixels
