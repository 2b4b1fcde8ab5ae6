"""PNG's filters, compiled: they turn rows of pixels into bytes that deflate well."""

from __future__ import annotations

import numpy as np

from renderers.jit import inlined, kernel

FILTERS = 5  # none, left, above, average and Paeth: numbers 0 to 4 of the format


@kernel
def filter_rows(rows: np.ndarray, above: np.ndarray, stride: int, out: np.ndarray) -> None:
    """Filter each row by the filter whose bytes, taken as signed, have the least sum of magnitudes.

    Args:
        rows: [h, n] uint8, samples of 16 bits with their high byte first.
        above: [n] uint8, the row before these; zeros at the top of a picture.
        stride: bytes of a pixel.
        out: [h, n + 1] uint8, filled: the filter's number, then its bytes.
    """
    sums = np.empty(FILTERS, np.int64)
    for i in range(len(rows)):
        row, before = rows[i], above if i == 0 else rows[i - 1]
        sums[:] = 0
        for k in range(len(row)):
            x, left, corner = _neighbours(row, before, stride, k)
            for number in range(FILTERS):
                difference = (x - _predicted(number, left, np.int64(before[k]), corner)) & 255
                sums[number] += min(difference, 256 - difference)
        best = 0
        for number in range(1, FILTERS):
            if sums[number] < sums[best]:
                best = number
        out[i, 0] = best
        for k in range(len(row)):
            x, left, corner = _neighbours(row, before, stride, k)
            out[i, k + 1] = (x - _predicted(best, left, np.int64(before[k]), corner)) & 255


@inlined
def _neighbours(row: np.ndarray, before: np.ndarray, stride: int, k: int) -> tuple[int, int, int]:
    """A byte, the one a pixel to the left of it, and the one above that."""
    if k < stride:
        return np.int64(row[k]), np.int64(0), np.int64(0)
    return np.int64(row[k]), np.int64(row[k - stride]), np.int64(before[k - stride])


@inlined
def _predicted(number: int, left: int, above: int, corner: int) -> int:
    """The byte that filter `number` predicts."""
    if number == 0:
        nothing: int = np.int64(0)
        return nothing
    if number == 1:
        return left
    if number == 2:
        return above
    if number == 3:
        return (left + above) >> 1
    # Paeth's: whichever is nearest to left + above - corner, in this order.
    from_left, from_above = abs(above - corner), abs(left - corner)
    from_corner = abs(left + above - 2 * corner)
    if from_left <= from_above and from_left <= from_corner:
        return left
    return above if from_above <= from_corner else corner
