"""Maps of stamps for the search: straight from the texture, one for all strokes of about the same size."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from renderers.blending import FrameMaps
from renderers.brushes import Frame
from renderers.brushes.stamp import FOOTPRINT, Stamp, texel_width
from renderers.decoding import EngineMaps
from renderers.strokes import Strokes


class StampMaps:
    """A `renderers.decoding.MapSource` of one stamp. Texels ask for no gradient: many strokes share them.

    Rungs of the ladder are painted by the engine when first needed and then kept.
    """

    def __init__(self, stamp: Stamp) -> None:
        self.stamp = stamp
        self._texels = torch.zeros(0, 2)  # of all rungs so far, one after the other
        self._start: dict[int, int] = {}  # where each rung's begin

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps:
        rungs, which = torch.unique(frame.geometry[:, 0].detach().cpu().to(torch.int64), return_inverse=True)
        wanted: list[int] = rungs.tolist()
        self._keep([rung for rung in wanted if rung not in self._start], frame.scale.device)
        offset = torch.tensor([self._start[rung] for rung in wanted], dtype=torch.int64)
        size = torch.tensor([self.stamp.grid(rung)[::-1] for rung in wanted], dtype=torch.int64).reshape(-1, 2)
        return FrameMaps(self._texels, offset[which], size[which])

    def near(self, strokes: Strokes, pixel: float, density: float) -> EngineMaps:
        """See `renderers.decoding.SearchMaps.near`: of a stamp nothing changes but place and size."""
        return EngineMaps(strokes, pixel, density)

    def _keep(self, rungs: list[int], device: torch.device) -> None:
        """Paint these rungs and put them behind the others, all on `device`."""
        parts = [self._texels.to(device)]
        end = len(self._texels)
        for rung in rungs:
            self._start[rung] = end
            parts.append(rung_texels(self.stamp, rung).to(device))
            end += len(parts[-1])
        self._texels = torch.cat(parts) if rungs else parts[0]


def rung_texels(stamp: Stamp, rung: int) -> Tensor:
    """[R·C, 2] float32: coverage and a mix of 0 of a rung's map, row after row; (C, R) = `Stamp.grid(rung)`."""
    texel = texel_width(rung)
    columns, rows = stamp.grid(rung)
    along, down = (((np.arange(count) + 0.5 - count / 2) * texel).astype(np.float32) for count in (columns, rows))
    geometry, footprint = np.array([rung], np.float32), (FOOTPRINT * texel, FOOTPRINT * texel)
    alpha, mix, _ = stamp.engine(geometry, np.tile(along, rows), np.repeat(down, columns), footprint, 0)
    return torch.from_numpy(np.stack([alpha, mix], axis=1))
