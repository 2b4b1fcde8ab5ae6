"""Coverage of the strokes of a clip: only of those that changed their place or shape it is computed anew."""

from __future__ import annotations

import numpy as np
import torch

from renderers.coverage import Coverage, Covered, covered_by, joined
from renderers.strokes import Strokes


class KeptCoverage:
    """Keeps what it was asked for last."""

    def __init__(self) -> None:
        self._parts: dict[bytes, Covered] = {}  # by the stroke's shape, place and seed
        self._shape = (0, 0)

    def of(self, strokes: Strokes, height: int, width: int) -> Coverage:
        """As `coverage_of`, to the byte."""
        if (height, width) != self._shape:
            self._parts, self._shape = {}, (height, width)
        keys = _keys(strokes)
        new = [n for n, key in enumerate(keys) if key not in self._parts]
        parts = {key: self._parts[key] for key in keys if key in self._parts}
        drawn = covered_by(strokes[torch.tensor(new, dtype=torch.long)], height, width)
        parts |= zip((keys[n] for n in new), drawn, strict=True)
        self._parts = parts
        return joined([parts[key] for key in keys])


def covered_pixels(coverage: Coverage, mask: np.ndarray) -> np.ndarray:
    """[N] int64: how many pixels of a mask [H, W] bool each stroke covers."""
    before = np.concatenate([[0], np.cumsum(mask.reshape(-1)[coverage.pixel])])
    covered: np.ndarray = before[coverage.first[1:]] - before[coverage.first[:-1]]
    return covered


def _keys(strokes: Strokes) -> list[bytes]:
    """What each stroke's coverage depends on."""
    shapes = [strokes.params[name].numpy() for name in sorted(strokes.params)]
    columns = [values[:, None].view(np.uint8) for values in [*shapes, strokes.seed.numpy()]]
    return [row.tobytes() for row in np.concatenate(columns, axis=1)]
