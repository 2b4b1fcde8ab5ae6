"""Which pixels each stroke covers: for every row of the canvas that its frame meets, the exact span of columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from renderers.blending.layers import Layers
from renderers.jit import kernel
from renderers.simd import LANES
from renderers.threads import share
from renderers.work_queue import take_next, work_queue

AT_A_TIME = 4  # strokes that a thread takes from a work queue at once
SPANS_AT_A_TIME = 32  # the same where it only finds their spans
BANDS = 16  # bands of rows that the canvas is cut into, for any number of threads
# The order in which threads take bands: successive ones lie far apart on the canvas.
BAND_ORDER = np.array([0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15])


class SpanTable(NamedTuple):
    """N strokes on a canvas of H rows, as kernels read them; R rows of all strokes together."""

    texel: np.ndarray  # [N, 6] float64: pixel (column, row, 1) → texel column and row of the stroke's map
    first: np.ndarray  # [N] int64: first canvas row
    last: np.ndarray  # [N] int64: one past the last canvas row
    rows: np.ndarray  # [N + 1] int64: index of the stroke's first row among all R
    low: np.ndarray  # [R] int32: first column
    high: np.ndarray  # [R] int32: one past the last column
    blocks: np.ndarray  # [R + 1] int64: index of the row's first block of LANES pixels among all blocks
    maps: np.ndarray  # [2·T] float32: α and mix of all texels
    start: np.ndarray  # [N, C] float32
    tint: np.ndarray  # [N, C] float32: from the start colour to the end colour
    opacity: np.ndarray  # [N] float32
    offset: np.ndarray  # [N] int64: see `FrameMaps`
    size: np.ndarray  # [N, 2] int64: rows and columns of the maps

    @staticmethod
    def of(layers: Layers, height: int, width: int) -> SpanTable:
        """The table of `layers` (all tensors on the CPU) for a canvas of this size, pixels."""
        arrays = [layers.maps.texels, layers.start, layers.end, layers.opacity, layers.maps.offset, layers.maps.size]
        maps, start, end, opacity, offset, size = (value.detach().contiguous().numpy() for value in arrays)
        texel = texel_transform(layers.transform.detach().numpy(), size)
        first, last = row_ranges(texel, size, height)
        rows = prefix_sums(last - first)
        (low, high), queue = np.empty((2, rows[-1]), np.int32), work_queue()
        share(lambda _first, _step: _find_spans(queue, texel, first, last, rows, size, width, low, high))
        blocks = prefix_sums((high - low + (LANES - 1)) // LANES)
        return SpanTable(
            texel, first, last, rows, low, high, blocks, maps.reshape(-1), start, end - start, opacity, offset, size
        )  # fmt: skip


def prefix_sums(counts: np.ndarray) -> np.ndarray:
    """[K] counts → [K + 1] int64: 0, then the sums of the first 1, 2, … K of them."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def texel_transform(transform: np.ndarray, size: np.ndarray) -> np.ndarray:
    """[N, 6] float64: pixel (column, row, 1) → texel column and row of each stroke's map."""
    half = size[:, ::-1, None] / 2.0
    texel = transform.astype(np.float64) * half
    texel[:, :, 2] += half[:, :, 0] - 0.5
    return texel.reshape(-1, 6)


def row_ranges(texel: np.ndarray, size: np.ndarray, height: int) -> tuple[np.ndarray, np.ndarray]:
    """First and one past the last canvas row of each stroke: where the map's texel centres reach."""
    first, last = np.zeros((2, len(size)), np.int64)
    _find_rows(texel, size, height, first, last)
    return first, last


@kernel
def _find_rows(texel: np.ndarray, size: np.ndarray, height: int, first: np.ndarray, last: np.ndarray) -> None:
    for n in range(len(size)):
        a, b, c, d, e, f = texel[n, 0], texel[n, 1], texel[n, 2], texel[n, 3], texel[n, 4], texel[n, 5]
        determinant = a * e - b * d
        low, high, finite = np.inf, -np.inf, True
        for k in range(6):
            finite = finite and np.isfinite(texel[n, k])
        for corner in range(4):
            x, y = (corner % 2) * (size[n, 1] - 1.0), (corner // 2) * (size[n, 0] - 1.0)
            row = (a * (y - f) - d * (x - c)) / determinant
            finite = finite and np.isfinite(row)
            low, high = min(low, row), max(high, row)
        # A stroke with a NaN, an infinity or no extent touches no row.
        if finite and determinant != 0:
            first[n] = int(min(max(np.ceil(low - 1e-9), 0.0), float(height)))
            last[n] = max(first[n], int(min(max(np.floor(high + 1e-9) + 1, 0.0), float(height))))


def band_pairs(table: SpanTable, height: int) -> tuple[np.ndarray, int]:
    """[N, BANDS] int64: the index of each pair of a stroke and a band that it touches, else -1; and their count."""
    pairs = np.full((len(table.size), BANDS), -1)
    return pairs, _find_pairs(table.first, table.last, height, pairs)


@kernel
def _find_pairs(first: np.ndarray, last: np.ndarray, height: int, pairs: np.ndarray) -> int:
    """Fill `pairs` [N, BANDS] and return their count."""
    count = 0
    for n in range(len(first)):
        for band in range(BANDS):
            if first[n] < (band + 1) * height // BANDS and last[n] > band * height // BANDS:
                pairs[n, band] = count
                count += 1
    return count


@kernel
def _find_spans(
    queue: np.ndarray, texel: np.ndarray, first: np.ndarray, last: np.ndarray, rows: np.ndarray,
    size: np.ndarray, width: int, low: np.ndarray, high: np.ndarray,
) -> None:  # fmt: skip
    """Fill `low` and `high` [R]: `_span` of every row of every stroke."""
    while True:
        begin = take_next(queue) * SPANS_AT_A_TIME
        if begin >= len(size):
            return
        for n in range(begin, min(begin + SPANS_AT_A_TIME, len(size))):
            for row in range(first[n], last[n]):
                k = rows[n] + row - first[n]
                low[k], high[k] = _span(texel[n], row, size[n, 1] - 1.0, size[n, 0] - 1.0, width)


@kernel
def _span(texel: np.ndarray, row: int, right: float, bottom: float, width: int) -> tuple[int, int]:
    """First and one past the last column of a row whose texel coordinates lie within [0, right] and [0, bottom]."""
    low, high = 0.0, width - 1.0
    for k, reach in ((0, right), (1, bottom)):
        slope = texel[3 * k]
        at_zero = texel[3 * k + 1] * row + texel[3 * k + 2]
        if abs(slope) < 1e-12:
            if at_zero < 0.0 or at_zero > reach:
                return 0, 0
            continue
        enter, leave = -at_zero / slope, (reach - at_zero) / slope
        if enter > leave:
            enter, leave = leave, enter
        low, high = max(low, enter), min(high, leave)
    first, last = int(np.ceil(low - 1e-9)), int(np.floor(high + 1e-9)) + 1
    return (first, last) if last > first else (0, 0)
