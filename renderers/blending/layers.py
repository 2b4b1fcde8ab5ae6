"""The input of blending: where each stroke's frame lies on the canvas, its maps, its colours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from renderers.pigments import Mixing

# Coverage times opacity is at most this, so that a backward pass may divide by 1 - α to un-blend a stroke.
MAX_ALPHA = 0.995


@dataclass(frozen=True)
class FrameMaps:
    """Coverage and pigment mix of N strokes as maps of R rows and C columns each, end to end in one flat tensor.

    Texel (row, column) of stroke n is at offset[n] + row·C + column, (R, C) = size[n]; its centre lies at frame
    coordinates p = (column + 0.5)·2/C - 1 and q = (row + 0.5)·2/R - 1. The outermost texels of every α map are zero.
    """

    texels: Tensor  # [T, 2] float32: α and mix side by side, as blending reads them
    offset: Tensor  # [N] int64, on the CPU
    size: Tensor  # [N, 2] int64, on the CPU: rows and columns, at least 2

    def of(self, index: int) -> tuple[Tensor, Tensor]:
        """α and mix of one stroke, [R, C] each."""
        (rows, columns), start = self.size[index].tolist(), int(self.offset[index])
        texels = self.texels[start : start + rows * columns].view(rows, columns, 2)
        return texels[..., 0], texels[..., 1]


@dataclass(frozen=True)
class Layers:
    """N strokes ready to be blended onto a canvas, in paint order; all float32."""

    transform: Tensor  # [N, 2, 3]: pixel (column, row, 1) → frame (p, q)
    maps: FrameMaps
    start: Tensor  # [N, C] colour where the mix is 0
    end: Tensor  # [N, C] colour where the mix is 1
    opacity: Tensor  # [N]
    mixing: Mixing = "srgb"  # how colours are mixed, within a stroke and with what lies below it

    def __len__(self) -> int:
        return len(self.opacity)

    def select(self, index: Tensor) -> Layers:
        """The strokes at `index` [M] int64; the texels are shared, not copied."""
        at = index.cpu()
        maps = FrameMaps(self.maps.texels, self.maps.offset[at], self.maps.size[at])
        start, end, opacity = self.start[index], self.end[index], self.opacity[index]
        return Layers(self.transform[index], maps, start, end, opacity, self.mixing)

    def joined(self, later: Layers) -> Layers:
        """These strokes and `later` ones on top, of the same mixing; differentiable in both."""
        mine, theirs = self.maps, later.maps
        maps = FrameMaps(
            torch.cat([mine.texels, theirs.texels]),
            torch.cat([mine.offset, theirs.offset + len(mine.texels)]),
            torch.cat([mine.size, theirs.size]),
        )
        transform, start, end, opacity = (
            torch.cat([getattr(self, name), getattr(later, name)]) for name in ("transform", "start", "end", "opacity")
        )
        return Layers(transform, maps, start, end, opacity, self.mixing)

    def within(self, column: int, row: int) -> Layers:
        """The same strokes on the part of the canvas that begins at this pixel."""
        t = self.transform
        corner = t[:, :, 2:] + t[:, :, :1] * column + t[:, :, 1:2] * row
        return replace(self, transform=torch.cat([t[:, :, :2], corner], dim=2))

    def first(self, count: int) -> Layers:
        """The first `count` strokes, at most all; differentiable, as blending wants the gradients of all texels."""
        if count >= len(self):
            return self
        texels = self.maps.texels
        if texels.requires_grad:  # then they lie one stroke after the other
            texels = texels[: int(self.maps.offset[count])]
        maps = FrameMaps(texels, self.maps.offset[:count], self.maps.size[:count])
        colors = self.start[:count], self.end[:count]
        return Layers(self.transform[:count], maps, *colors, self.opacity[:count], self.mixing)

    def cpu(self) -> Layers:
        """The same layers with all tensors on the CPU."""
        maps = FrameMaps(self.maps.texels.cpu(), self.maps.offset, self.maps.size)
        start, end, opacity = self.start.cpu(), self.end.cpu(), self.opacity.cpu()
        return Layers(self.transform.cpu(), maps, start, end, opacity, self.mixing)

    def check(self, canvas: Tensor) -> None:
        """Raise ValueError, naming the shapes, unless all shapes match each other and `canvas` [H, W, C]."""
        count = len(self)
        if canvas.ndim != 3:
            raise ValueError(f"canvas must be [H, W, C], got {tuple(canvas.shape)}")
        if self.transform.shape != (count, 2, 3):
            raise ValueError(f"transform must be [{count}, 2, 3], got {tuple(self.transform.shape)}")
        for name, colors in (("start", self.start), ("end", self.end)):
            if colors.shape != (count, canvas.shape[2]):
                raise ValueError(f"{name} must be [{count}, {canvas.shape[2]}], got {tuple(colors.shape)}")
        if self.maps.offset.shape != (count,) or self.maps.size.shape != (count, 2):
            raise ValueError(f"maps must be of {count} strokes, got {tuple(self.maps.offset.shape)}")
