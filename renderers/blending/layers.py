"""What blending reads: where each stroke's frame lies on the canvas, its maps, its colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# Coverage times opacity stays below this, so that a backward pass may divide by 1 - α to un-blend a stroke.
MAX_ALPHA = 0.995


@dataclass(frozen=True)
class FrameMaps:
    """Coverage and pigment mix of N strokes as square maps of mixed sizes, end to end in two flat tensors.

    Texel (row, column) of stroke n, of side S = side[n], is at offset[n] + row·S + column; its centre lies at
    frame coordinates p = (column + 0.5)·2/S - 1, q likewise. The outermost texels of every α map are zero.
    """

    alpha: Tensor  # [T] float32
    mix: Tensor  # [T] float32
    offset: Tensor  # [N] int64, on the CPU
    side: Tensor  # [N] int64, on the CPU

    @staticmethod
    def gather(banks: Sequence[tuple[Tensor, Tensor, Tensor]], count: int) -> FrameMaps:
        """From banks (positions [M], α [M, S, S], mix [M, S, S]) that together cover positions 0 … count - 1."""
        offset = torch.zeros(count, dtype=torch.int64)
        side = torch.zeros(count, dtype=torch.int64)
        start = 0
        for positions, alpha, _ in banks:
            positions = positions.cpu()
            texels = alpha.shape[1] * alpha.shape[2]
            offset[positions] = start + torch.arange(len(positions)) * texels
            side[positions] = alpha.shape[1]
            start += len(positions) * texels
        # There may be no strokes at all.
        alphas = torch.cat([alpha.flatten() for _, alpha, _ in banks] or [torch.zeros(0)])
        mixes = torch.cat([mix.flatten() for _, _, mix in banks] or [torch.zeros(0)])
        return FrameMaps(alphas, mixes, offset, side)

    def of(self, index: int) -> tuple[Tensor, Tensor]:
        """α and mix of one stroke, [S, S] each."""
        side, start = int(self.side[index]), int(self.offset[index])
        texels = slice(start, start + side * side)
        return self.alpha[texels].view(side, side), self.mix[texels].view(side, side)


@dataclass(frozen=True)
class Layers:
    """N strokes ready to be laid on a canvas, in paint order."""

    transform: Tensor  # [N, 2, 3]: pixel (column, row, 1) → frame (p, q)
    maps: FrameMaps
    start: Tensor  # [N, C] colour where the mix is 0
    end: Tensor  # [N, C] colour where the mix is 1
    opacity: Tensor  # [N]

    def __len__(self) -> int:
        return len(self.opacity)

    def cpu(self) -> Layers:
        """The same on the CPU."""
        maps = FrameMaps(*(getattr(self.maps, name).cpu() for name in self.maps.__dataclass_fields__))
        return Layers(self.transform.cpu(), maps, self.start.cpu(), self.end.cpu(), self.opacity.cpu())

    def check(self, canvas: Tensor) -> None:
        """Raise ValueError, with the shapes, unless everything fits together and onto `canvas` [H, W, C]."""
        count = len(self)
        if canvas.ndim != 3:
            raise ValueError(f"canvas must be [H, W, C], got {tuple(canvas.shape)}")
        if self.transform.shape != (count, 2, 3):
            raise ValueError(f"transform must be [{count}, 2, 3], got {tuple(self.transform.shape)}")
        for name, colors in (("start", self.start), ("end", self.end)):
            if colors.shape != (count, canvas.shape[2]):
                raise ValueError(f"{name} must be [{count}, {canvas.shape[2]}], got {tuple(colors.shape)}")
        if self.maps.offset.shape != (count,) or self.maps.side.shape != (count,):
            raise ValueError(f"maps must be of {count} strokes, got {tuple(self.maps.offset.shape)}")
