"""Coverage of the strokes of a clip: only of those that changed their place or shape it is computed anew."""

from __future__ import annotations

import numpy as np
import torch

from renderers.coverage import Coverage, coverage_of
from renderers.strokes import Strokes

Part = tuple[np.ndarray, np.ndarray, np.ndarray]  # one stroke's pixels, coverage and mix, see renderers.coverage


class KeptCoverage:
    """Keeps what it was asked for last."""

    def __init__(self) -> None:
        self._parts: dict[bytes, Part] = {}  # by the stroke's shape, place and seed
        self._shape = (0, 0)

    def of(self, strokes: Strokes, height: int, width: int) -> Coverage:
        """As `coverage_of`, to the byte."""
        if (height, width) != self._shape:
            self._parts, self._shape = {}, (height, width)
        keys = _keys(strokes)
        new = [n for n, key in enumerate(keys) if key not in self._parts]
        drawn = coverage_of(strokes[torch.tensor(new, dtype=torch.long)], height, width)
        parts = {key: self._parts[key] for key in keys if key in self._parts}
        parts |= {keys[n]: _part(drawn, k) for k, n in enumerate(new)}
        self._parts = parts
        if not keys:
            return drawn
        first = np.cumsum([0, *(len(parts[key][0]) for key in keys)], dtype=np.int64)
        return Coverage(first, *(np.concatenate(values) for values in zip(*map(parts.__getitem__, keys), strict=True)))


def _keys(strokes: Strokes) -> list[bytes]:
    """What each stroke's coverage depends on."""
    shapes = [strokes.params[name].numpy() for name in sorted(strokes.params)]
    columns = [values[:, None].view(np.uint8) for values in [*shapes, strokes.seed.numpy()]]
    return [row.tobytes() for row in np.concatenate(columns, axis=1)]


def _part(coverage: Coverage, n: int) -> Part:
    at = slice(coverage.first[n], coverage.first[n + 1])
    return coverage.pixel[at].copy(), coverage.alpha[at].copy(), coverage.mix[at].copy()
