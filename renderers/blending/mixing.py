"""Colours as pigments in torch, differentiable: see `renderers.spectra`."""

from __future__ import annotations

import torch
from torch import Tensor

from renderers.spectra import FLOOR, POWER, WAVEBANDS, corner_reflectances, rgb_of_wavebands

_TINY = 1e-6  # where a root has no slope


def to_pigment(colors: Tensor) -> Tensor:
    """[..., C] colours in [0, 1] → [..., WAVEBANDS or WAVEBANDS + 1]; see `renderers.pigments.to_pigment`."""
    if colors.ndim == 3 and colors.stride()[:2] == (0, 0) and colors.numel():  # the same colour everywhere
        return to_pigment(colors[0, 0]).expand(*colors.shape[:2], -1)
    if colors.shape[-1] == 4:
        alpha = colors[..., 3:]
        straight = colors[..., :3] / alpha.clamp(min=_TINY)
        return torch.cat([to_pigment(straight.clamp(0, 1)) * alpha, alpha], dim=-1)
    light = torch.where(colors <= 0.04045, colors / 12.92, ((colors.clamp(min=0.04) + 0.055) / 1.055) ** 2.4)
    red, green, blue = light.unbind(-1)
    white = light.amin(-1)
    parts = [
        white, torch.minimum(green, blue) - white, torch.minimum(red, blue) - white, torch.minimum(red, green) - white,
        (red - torch.maximum(green, blue)).clamp(min=0), (green - torch.maximum(red, blue)).clamp(min=0),
        (blue - torch.maximum(red, green)).clamp(min=0),
    ]  # fmt: skip
    corners = torch.from_numpy(corner_reflectances()).to(colors)
    return (FLOOR + (1 - FLOOR) * (torch.stack(parts, dim=-1) @ corners)) ** (-1 / POWER)


def to_colors(pigment: Tensor) -> Tensor:
    """[..., WAVEBANDS or WAVEBANDS + 1] → [..., C] colours in [0, 1]; see `renderers.pigments.to_colors`."""
    if pigment.shape[-1] > WAVEBANDS:
        alpha = pigment[..., WAVEBANDS:]
        return torch.cat([to_colors(pigment[..., :WAVEBANDS] / alpha.clamp(min=_TINY)) * alpha, alpha], dim=-1)
    reflectance = (pigment.clamp(min=1).reciprocal().square().square() - FLOOR) / (1 - FLOOR)
    light = (reflectance @ torch.from_numpy(rgb_of_wavebands().T.copy()).to(pigment)).clamp(0, 1)
    return torch.where(light <= 0.0031308, light * 12.92, 1.055 * light.clamp(min=0.003) ** (1 / 2.4) - 0.055)
