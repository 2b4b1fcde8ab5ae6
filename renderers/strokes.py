"""Strokes: what a painting is made of, as plain tensors. Read this first.

A stroke is the shape parameters of its brush, one or two colours, an opacity and the seed of its fine texture; all
conventions are those of `renderers`. Strokes do not depend on a canvas, so they can be drawn at any size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Strokes:
    """N strokes of one brush, in paint order. Slicing, masks and index tensors select strokes.

    >>> strokes = painting.strokes
    >>> sorted(strokes.params)
    ['radius', 'x0', 'x1', 'x2', 'y0', 'y1', 'y2']
    >>> strokes.colors.shape, strokes.opacity.dtype
    (torch.Size([8, 1, 3]), torch.float32)
    """

    brush: str  # a name in renderers.brushes.BRUSHES
    params: dict[str, Tensor]  # [N] float32 each, under the names of the brush's shape parameters
    colors: Tensor  # [N, K, 3] float32 in [0, 1], K = 2 (start, end) or 1, see `Brush.colors`
    opacity: Tensor  # [N] float32 in [0, 1]
    seed: Tensor  # [N] int64 in [0, 2**31): of the stroke's fine texture

    def __post_init__(self) -> None:
        count = len(self.opacity)
        sizes = {name: tuple(values.shape) for name, values in self.params.items()}
        if any(size != (count,) for size in sizes.values()):
            raise ValueError(f"shape parameters must all be [{count}], got {sizes}")
        if self.colors.ndim != 3 or self.colors.shape[0] != count or self.colors.shape[2] != 3:
            raise ValueError(f"colors must be [{count}, K, 3], got {tuple(self.colors.shape)}")
        if self.seed.shape != (count,):
            raise ValueError(f"seed must be [{count}], got {tuple(self.seed.shape)}")

    def __len__(self) -> int:
        return len(self.opacity)

    def __repr__(self) -> str:
        return f"<Strokes: {len(self)} of {self.brush}>"

    def _repr_html_(self) -> str:
        """What notebooks show: the first and the last few strokes, as a table."""
        shown = list(range(len(self))) if len(self) <= 10 else [*range(5), -1, *range(len(self) - 5, len(self))]
        names = [*self.params, "colours", "opacity", "seed"]
        head = "".join(f"<th>{name}</th>" for name in ["", *names])
        rows = "".join(f"<tr>{self._cells(n)}</tr>" for n in shown)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table><p>{len(self)} of {self.brush}</p>"

    def _cells(self, n: int) -> str:
        """Stroke n as the cells of a table; -1 stands for all that are left out."""
        if n < 0:
            return f'<td colspan="{len(self.params) + 4}">…</td>'
        shape = [f"{float(values[n]):.4g}" for values in self.params.values()]
        levels = (self.colors[n].detach().clamp(0, 1) * 255).round().int().tolist()
        colors = " ".join("#" + bytes(color).hex() for color in levels)
        cells = [str(n + 1), *shape, colors, f"{float(self.opacity[n]):.2f}", str(int(self.seed[n]))]
        return "".join(f"<td>{cell}</td>" for cell in cells)

    def map(self, change: Callable[[Tensor], Tensor]) -> Strokes:
        """The strokes with `change` applied to every tensor; it must change all of them alike along N.

        >>> backwards = painting.strokes.map(lambda values: values.flip(0))
        """
        params = {name: change(values) for name, values in self.params.items()}
        return Strokes(self.brush, params, change(self.colors), change(self.opacity), change(self.seed))

    def __getitem__(self, index: Tensor | slice) -> Strokes:
        """The strokes at `index`: a slice, a boolean mask [N] or positions [M].

        >>> len(painting.strokes[:3]), len(painting.strokes[painting.strokes.opacity >= 0])
        (3, 8)
        """
        return self.map(lambda values: values[index])

    def detach(self) -> Strokes:
        return self.map(Tensor.detach)

    @staticmethod
    def cat(parts: Sequence[Strokes]) -> Strokes:
        """The strokes of all parts in succession, which are of one brush.

        >>> len(Strokes.cat([painting.strokes[4:], painting.strokes[:4]]))
        8

        Raises:
            ValueError: the parts are not of one brush, or there are none.
        """
        brushes = {part.brush for part in parts}
        if len(brushes) != 1:
            raise ValueError(f"strokes of one painting share one brush, got {sorted(brushes)}")
        params = {name: torch.cat([part.params[name] for part in parts]) for name in parts[0].params}
        return Strokes(
            brushes.pop(),
            params,
            torch.cat([part.colors for part in parts]),
            torch.cat([part.opacity for part in parts]),
            torch.cat([part.seed for part in parts]),
        )
