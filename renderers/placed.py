"""Strokes placed on the pixels of a canvas of one size."""

from __future__ import annotations

import numpy as np

from renderers.brushes import BRUSHES, Brush
from renderers.jit import cached
from renderers.pigments import Mixing, mixed_channels, to_pigment
from renderers.strokes import Strokes

# Width of the box that a pixel averages over, in pixels. A box of 1 shows stairs along edges, and is sharper than what
# the search sees, which samples maps bilinearly; a box of √2 has the variance of the tent filter usual for pictures.
SPREAD = 2**0.5


class PlacedStrokes:
    """Strokes prepared for a canvas of one size, of which any rows can be drawn alone.

    Args:
        strokes: N strokes.
        height, width: of the full canvas, pixels.
        channels: 3, or 4 for premultiplied RGBA.
        margin: stroke units around a stroke's box that may be painted, too.
        mixing: of colours.
    """

    def __init__(
        self, strokes: Strokes, height: int, width: int, channels: int, margin: float = 0.0,
        mixing: Mixing = "srgb",
    ) -> None:  # fmt: skip
        self.height, self.width, self.mixing = height, width, mixing
        self.channels = mixed_channels(channels, mixing)  # of a pixel while strokes are laid
        self.brush: Brush = BRUSHES[strokes.brush]
        self.pixel = 1 / max(height, width)
        strokes = strokes.map(lambda values: values.detach().cpu())
        params = {name: values.double() for name, values in strokes.params.items()}
        frame = self.brush.frame(params, SPREAD * self.pixel)
        self.center, self.axis = frame.center.numpy(), frame.axis.numpy()
        self.scale, self.box = frame.scale.numpy(), frame.box.numpy() + margin
        self.geometry = frame.geometry.numpy().astype(np.float32)
        self.seed = strokes.seed.numpy()
        self.opacity = strokes.opacity.numpy()
        ends = (_with_alpha(color.numpy(), channels) for color in self.brush.ends(strokes.colors))
        self.start, self.end = ends if mixing == "srgb" else map(to_pigment, ends)
        self.top, self.bottom, self.left, self.right = self._bounds()

    def __len__(self) -> int:
        return len(self.scale)

    def touching(self, first: int, count: int, top: int, bottom: int) -> list[int]:
        """The indices of those strokes of first … count - 1 that reach the rows top … bottom - 1, in paint order."""
        part = slice(first, count)
        reach = (self.top[part] < bottom) & (self.bottom[part] > top) & (self.left[part] < self.right[part])
        found: list[int] = (first + np.flatnonzero(reach)).tolist()
        return found

    def points(
        self, n: int, rows: np.ndarray, columns: np.ndarray, top: int = 0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """The pixels of some rows and columns that lie in a stroke's box.

        Args:
            n: which stroke.
            rows, columns: [R], [C], of the full canvas.
            top: the row that pixels are numbered from, row by row.

        Returns:
            their numbers [M], their coordinates u and v [M] and the width of a pixel, all in stroke units.
        """
        x = (columns + 0.5) * self.pixel - self.center[n, 0]
        y = (rows + 0.5) * self.pixel - self.center[n, 1]
        index, u, v = _points_inside(rows - top, columns, x, y, self.axis[n], self.scale[n], self.box[n], self.width)
        return index, u, v, SPREAD * self.pixel / float(self.scale[n])

    def _bounds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """First row, one past the last row, first column, one past the last column of each stroke's box; [N] each."""
        reach = np.abs(self.axis) * self.box[:, :1] + np.abs(self.axis[:, ::-1]) * self.box[:, 1:]
        low = (self.center - reach * self.scale[:, None]) / self.pixel - 0.5
        high = (self.center + reach * self.scale[:, None]) / self.pixel - 0.5
        first = np.clip(np.ceil(low), 0, [self.width, self.height]).astype(int)
        last = np.clip(np.floor(high) + 1, 0, [self.width, self.height]).astype(int)
        return first[:, 1], last[:, 1], first[:, 0], last[:, 0]


@cached
def _points_inside(
    rows: np.ndarray, columns: np.ndarray, x: np.ndarray, y: np.ndarray,
    axis: np.ndarray, scale: float, box: np.ndarray, width: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Flat indices of the pixels inside a stroke's box, and their coordinates u and v in stroke units, [M] each."""
    limit = rows.size * columns.size
    index = np.empty(limit, np.int64)
    u, v = np.empty(limit, np.float32), np.empty(limit, np.float32)
    count = 0
    for i in range(rows.size):
        for j in range(columns.size):
            along = (x[j] * axis[0] + y[i] * axis[1]) / scale
            across = (y[i] * axis[0] - x[j] * axis[1]) / scale
            if abs(along) <= box[0] and abs(across) <= box[1]:
                index[count] = rows[i] * width + columns[j]
                u[count], v[count] = along, across
                count += 1
    return index[:count], u[:count], v[:count]


def _with_alpha(color: np.ndarray, channels: int) -> np.ndarray:
    """[N, 3] → [N, C] float32; a fourth channel is 1, as paint is opaque."""
    return np.concatenate([color, np.ones((len(color), channels - 3), np.float32)], axis=1).astype(np.float32)
