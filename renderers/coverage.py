"""Which pixels strokes cover, and how much of each: when they are drawn, and as the search sees them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from renderers.blending.cpu import locate, mask_tail, sample
from renderers.blending.layers import Layers
from renderers.blending.spans import AT_A_TIME, SpanTable
from renderers.drawing import drawing_threads
from renderers.jit import kernel
from renderers.placed import PlacedStrokes
from renderers.simd import LANES, store
from renderers.strokes import Strokes
from renderers.threads import share
from renderers.work_queue import take_next, work_queue


class Coverage(NamedTuple):
    """N strokes on a canvas of one size; M pixels of all strokes together, some of them without coverage."""

    first: np.ndarray  # [N + 1] int64: where each stroke's pixels begin among all M
    pixel: np.ndarray  # [M] int32: of the canvas, numbered row by row
    alpha: np.ndarray  # [M] float32 in [0, 1]: coverage
    mix: np.ndarray  # [M] float32 in [0, 1]: how much of the end colour, against the start colour


def coverage_of(strokes: Strokes, height: int, width: int) -> Coverage:
    """The pixels that N strokes cover on a canvas of this size, as `renderers.drawing.draw` lays them."""
    placed = PlacedStrokes(strokes, height, width, 3)

    def covered(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows, columns = np.arange(placed.top[n], placed.bottom[n]), np.arange(placed.left[n], placed.right[n])
        index, u, v, footprint = placed.points(n, rows, columns)
        alpha, mix, _ = placed.brush.engine(placed.geometry[n], u, v, (footprint, footprint), int(placed.seed[n]))
        seen = alpha > 0
        return index[seen].astype(np.int32), alpha[seen], mix[seen]

    with drawing_threads() as pool:
        parts = list(pool.map(covered, range(len(placed))))
    first = np.concatenate([[0], np.cumsum([len(index) for index, _, _ in parts], dtype=np.int64)])
    if not parts:
        return Coverage(first, np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, np.float32))
    index, alpha, mix = (np.concatenate(values) for values in zip(*parts, strict=True))
    return Coverage(first, index, alpha, mix)


def coverage_of_layers(layers: Layers, height: int, width: int) -> Coverage:
    """The pixels that N layers cover on a canvas of this size, as blending samples them. All tensors on the CPU."""
    table = SpanTable.of(layers, height, width)
    first = LANES * table.blocks[table.rows]
    index, (alpha, mix) = np.zeros(first[-1], np.int32), np.empty((2, first[-1]), np.float32)
    queue = work_queue()
    share(lambda _first, _step: _sample_all(queue, table, width, index, alpha, mix))
    return Coverage(first, index, alpha, mix)


@kernel
def _sample_all(
    queue: np.ndarray, table: SpanTable, width: int, index: np.ndarray, alpha: np.ndarray, mix: np.ndarray
) -> None:
    """Fill `Coverage`: whole blocks of LANES pixels, whose coverage is 0 beyond the end of the row."""
    while True:
        begin = take_next(queue) * AT_A_TIME
        if begin >= len(table.size):
            return
        for n in range(begin, min(begin + AT_A_TIME, len(table.size))):
            size, base, texel = table.size[n], table.offset[n], table.texel[n]
            for row in range(table.first[n], table.last[n]):
                k = table.rows[n] + row - table.first[n]
                at = LANES * table.blocks[k]
                for column in range(table.low[k], table.high[k], LANES):
                    covered, mixed, _, _ = sample(table.maps, base, size[1], locate(texel, column, row, size))
                    count = table.high[k] - column
                    store(alpha, at, mask_tail(count, covered))
                    store(mix, at, mask_tail(count, mixed))
                    for lane in range(min(LANES, count)):
                        index[at + lane] = row * width + column + lane
                    at += LANES
