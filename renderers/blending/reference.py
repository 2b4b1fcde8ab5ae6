"""Soft blending in plain torch with autograd: slow, obvious, the specification of every other backend."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from renderers.blending.layers import MAX_ALPHA, Layers


def blend_reference(canvas: Tensor, layers: Layers) -> Tensor:
    """See `renderers.blending.blend`."""
    canvas = canvas.clone()
    for index in range(len(layers)):
        window = _window(layers.transform[index], canvas.shape[0], canvas.shape[1])
        if window is None:
            continue
        rows, columns = window
        frame = _frame_coordinates(layers.transform[index], rows, columns)
        alpha, mix = (_sample(texels, frame) for texels in layers.maps.of(index))
        alpha = (layers.opacity[index] * alpha).clamp(max=MAX_ALPHA)[..., None]
        color = torch.lerp(layers.start[index], layers.end[index], mix[..., None])
        below = canvas[rows.start : rows.stop, columns.start : columns.stop].clone()
        canvas[rows.start : rows.stop, columns.start : columns.stop] = alpha * color + (1 - alpha) * below
    return canvas


def _window(transform: Tensor, height: int, width: int) -> tuple[range, range] | None:
    """Rows and columns of the pixels that the frame [-1, 1]² may touch; None where it misses the canvas."""
    linear, offset = transform[:, :2].detach().double(), transform[:, 2].detach().double()
    corners = torch.tensor([[-1.0, -1, 1, 1], [-1, 1, -1, 1]], dtype=torch.float64, device=transform.device)
    x, y = torch.linalg.solve(linear, corners - offset[:, None])
    rows = range(max(0, int(y.min().floor())), min(height, int(y.max().ceil()) + 1))
    columns = range(max(0, int(x.min().floor())), min(width, int(x.max().ceil()) + 1))
    return (rows, columns) if rows and columns else None


def _frame_coordinates(transform: Tensor, rows: range, columns: range) -> Tensor:
    """[h, w, 2] frame coordinates (p, q) of the window's pixels."""
    x = torch.arange(columns.start, columns.stop, dtype=transform.dtype, device=transform.device)
    y = torch.arange(rows.start, rows.stop, dtype=transform.dtype, device=transform.device)
    grid = torch.stack([x.expand(len(y), -1), y[:, None].expand(-1, len(x))], dim=-1)
    return grid @ transform[:, :2].T + transform[:, 2]


def _sample(texels: Tensor, frame: Tensor) -> Tensor:
    """Bilinear samples [h, w] of a map [R, C] at frame coordinates; 0 beyond the outermost texels' centres."""
    values = grid_sample(texels[None, None], frame[None], padding_mode="border", align_corners=False)[0, 0]
    reach = frame.new_tensor([1 - 1 / texels.shape[1], 1 - 1 / texels.shape[0]])
    return values * (frame.abs() <= reach).all(dim=-1)
