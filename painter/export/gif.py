"""The growing painting as a GIF: small, and without flicker.

One palette of at most 255 colours serves all frames, and a colour always gets its nearest entry, without dithering: a
pixel that no stroke changes keeps its index, so it cannot flicker. Each frame holds only the rectangle that changed,
with index 255 (transparent) where the picture below stays. Pillow's own writer takes neither such frames nor frames one
by one, so the container is written here, around its LZW encoder.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from PIL import GifImagePlugin, Image

from painter.errors import OptionError, OutputError
from painter.export.places import writing

COLORS = 255
CLEAR = 255  # the index of "transparent": bare background in the first frame, "as before" in the others
MAX_SIDE = 65_535
SHORTEST_MS = 20  # browsers slow anything shorter down to 100 ms
LONGEST_MS = 655_350  # the field is 16 bits of centiseconds
KEEP, ERASE = 1, 2  # the format's disposal methods: what becomes of a frame once its time is over

Time = float | Fraction  # milliseconds

_MAX_CELLS = 20_000  # distinct colours that the palette is fitted to; more than that gain nothing visible
_LLOYD_ROUNDS = 8
_NEAREST_PART = 512  # colours at a time: their scores stay in the cache; 8 times faster than 65,536
_FAINT_NEIGHBOURS = 24  # of 49 around a pixel: half; along a clean edge they are fewer


def write_gif(
    path: Path,
    frames: Iterable[np.ndarray],
    samples: Sequence[np.ndarray],
    *,
    frame_ms: int = 60,
    hold_ms: int = 2000,
    times_ms: Iterable[float | Fraction] | None = None,
    loop: int = 0,
    colors: int = COLORS,
) -> None:
    """Write `frames`, in order, as a GIF at `path`; each is shown `frame_ms`, the last one `hold_ms`.

    Args:
        frames: uint8 [H, W, 3] or [H, W, 4] in 0..255, straight alpha, all of one size. Read once and lazily. A GIF's
            pixel is transparent or opaque: alpha below 128 is transparent, the rest opaque in its straight colour.
        samples: pictures of the same kinds and of any size that show the sequence's colours; the palette is made from
            them. The last should be the finished painting: it weighs as much as all the others together.
        times_ms: how long each frame is shown, where that is not `frame_ms` and `hold_ms`; as many as frames.
        loop: how often it is played; 0 is for ever.
        colors: how many to use, 1 to 255.

    Frames that look alike are merged and keep their time. The same input gives the same bytes.

    Raises:
        OptionError: a time is outside 20..655,350 ms.
        ValueError: pictures have another shape or dtype, or there are none.
        OutputError: a side is above 65,535, or the file cannot be written; `path` is then unchanged.
    """
    for name, value in (("frame_ms", frame_ms), ("hold_ms", hold_ms)):
        if not SHORTEST_MS <= value <= LONGEST_MS:
            raise OptionError(f"{name} is {value}; a GIF takes {SHORTEST_MS} to {LONGEST_MS} milliseconds")
    palette = make_palette(samples, colors)
    packed = map(_pack, frames)
    first = next(packed, None)
    if first is None:
        raise ValueError("frames is empty")
    if max(first.shape) > MAX_SIDE:
        height, width = first.shape
        raise OutputError(f"cannot write {path}: {width} x {height} is more than a GIF's {MAX_SIDE} a side")
    indexed = _indexed(chain([first], packed), palette)
    timed = _with_hold(indexed, frame_ms, hold_ms) if times_ms is None else zip(indexed, times_ms, strict=True)
    with writing(path) as temporary, temporary.open("wb") as file:
        file.write(_header(first.shape, palette, loop))
        file.writelines(_blocks(_merged(timed)))
        file.write(b";")


def make_palette(samples: Sequence[np.ndarray], most: int = COLORS) -> np.ndarray:
    """Return at most `most` colours, uint8 [K, 3], that make the squared error over the samples' pixels small.

    If there are no more than `most` colours, all are kept exactly. Otherwise splitting by variance gives a start, and
    k-means improves it. The arithmetic is exact (integer weights, quarters of a level), so that every machine makes
    the same palette.

    Args:
        samples: uint8 [H, W, 3] or [H, W, 4], of which the opaque pixels count; the last sample weighs as much as all
            the others together.

    Raises:
        ValueError: as `write_gif`.
    """
    if not samples:
        raise ValueError("samples is empty")
    colors, weights = _cells(samples)
    if len(colors) == 0:  # nothing but transparency
        return np.zeros((1, 3), np.uint8)
    centers = _split(colors, weights, most)
    if len(colors) > most:
        for _ in range(_LLOYD_ROUNDS):
            owner = _nearest(centers, colors)
            used = np.bincount(owner, minlength=len(centers)) > 0  # an entry without pixels stays where it is
            centers[used] = _means(owner, colors, weights, len(centers))[used]
    palette: np.ndarray = np.rint(centers).astype(np.uint8)
    return palette


def _cells(samples: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples' colours, float32 [M, 3], near ones pooled if many, and weights, float64 [M]."""
    opaque = [packed[packed >= 0] for packed in map(_pack, samples)]
    others = sum(map(len, opaque[:-1]))
    factor = max(1, round(others / max(1, len(opaque[-1]))))
    keys, count = np.unique(np.concatenate(opaque), return_counts=True)
    weights = count.astype(np.float64)
    last, count = np.unique(opaque[-1], return_counts=True)
    weights[np.searchsorted(keys, last)] += (factor - 1) * count
    colors = _unpack(keys)
    for shift in range(4):
        pooled, cell = np.unique(keys & (0x010101 * (0xFF >> shift << shift)), return_inverse=True)
        if len(pooled) <= _MAX_CELLS:
            break
    cell_weights = np.bincount(cell, weights, len(pooled))
    return _means(cell, colors, weights, len(pooled)), cell_weights


def _split(colors: np.ndarray, weights: np.ndarray, most: int) -> np.ndarray:
    """Return up to `most` centres, float32 [K, 3]: halve the box with the largest squared error at its mean."""
    boxes = [(np.arange(len(colors)), *_spread(colors, weights))]
    while len(boxes) < most:
        worst = int(np.argmax([error.sum() for _, _, error in boxes]))
        box, mean, error = boxes[worst]
        if len(box) == 1:  # then all are single colours
            break
        axis = int(np.argmax(error))
        low = colors[box, axis] <= mean[axis]
        halves = [(half, *_spread(colors[half], weights[half])) for half in (box[low], box[~low])]
        boxes[worst : worst + 1] = halves
    # Quarters of a level, for `_nearest`; single colours are integers and stay what they are.
    centers: np.ndarray = (np.rint(4 * np.stack([mean for _, mean, _ in boxes])) / 4).astype(np.float32)
    return centers


def _spread(colors: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a box's mean colour and squared error, both float64 [3]; the latter exactly 0 for one colour."""
    exact = colors.astype(np.float64)
    total = weights.sum()
    mean = weights @ exact / total
    return mean, (weights @ exact**2 - total * mean**2) * (len(colors) > 1)


def _means(owner: np.ndarray, colors: np.ndarray, weights: np.ndarray, number: int) -> np.ndarray:
    """Return each group's weighted mean colour, float32 [number, 3], in quarters of a level."""
    total = np.maximum(np.bincount(owner, weights, number), 1)
    sums = [np.bincount(owner, weights * channel, number) for channel in colors.T]
    return (np.rint(4 * np.stack(sums, axis=1) / total[:, None]) / 4).astype(np.float32)


def _nearest(centers: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Return which of `centres`, float32 [K, 3], is nearest to each of `colours`, float32 [M, 3]: int64 [M].

    Both are multiples of a quarter of a level, so all products and sums fit float32's 24 bits and none is rounded.
    """
    # The nearest has the largest color · center − center² / 2, which is one product.
    table = np.concatenate([centers, -(centers**2).sum(axis=1, keepdims=True) / 2], axis=1).T
    extended = np.concatenate([colors, np.ones((len(colors), 1), np.float32)], axis=1)
    parts = np.array_split(extended, len(colors) // _NEAREST_PART + 1)
    return np.concatenate([(part @ table).argmax(axis=1) for part in parts])


def _pack(picture: np.ndarray) -> np.ndarray:
    """Return uint8 [H, W, 3 or 4] as int32 [H, W]: 0xRRGGBB, or -1 where transparent."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in (3, 4) or picture.size == 0:
        raise ValueError(f"expected uint8 [H, W, 3] or [H, W, 4], got {picture.dtype} {list(picture.shape)}")
    red, green, blue = (picture[..., channel].astype(np.int32) for channel in range(3))
    packed = red << 16 | green << 8 | blue
    if picture.shape[2] == 4:
        packed[~_shows(picture[..., 3])] = -1
    return packed


def _shows(alpha: np.ndarray) -> np.ndarray:
    """Where a picture is opaque in a format without half transparency: bool [H, W] from uint8 [H, W].

    That is where alpha is at least a half, but for specks amid half-transparent paint (where strokes overlap): they
    would be left alone when all around them has gone.
    """
    faint = ((alpha >= 32) & (alpha < 128)).astype(np.uint8)
    neighbours = cv2.boxFilter(faint, cv2.CV_8U, (7, 7), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return (alpha >= 128) & (neighbours <= _FAINT_NEIGHBOURS)


def _unpack(packed: np.ndarray) -> np.ndarray:
    return np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=-1).astype(np.float32)


def _indexed(packed: Iterable[np.ndarray], palette: np.ndarray) -> Iterator[np.ndarray]:
    """Yield each frame, int32 [H, W], as palette indices, uint8 [H, W], CLEAR where transparent.

    A painting shows some hundred thousand colours many times over, so each is looked up once and kept.
    """
    centers = palette.astype(np.float32)
    memory = np.full(1 << 24, CLEAR, np.uint8)  # 0xRRGGBB -> index; CLEAR: not looked up yet
    before: np.ndarray | None = None
    indices = np.empty(0, np.uint8)
    for frame in packed:
        if before is None:
            before, indices = np.full_like(frame, -1), np.full(frame.shape, CLEAR, np.uint8)
        if frame.shape != before.shape:
            raise ValueError(f"frames differ in size: {list(before.shape)}, then {list(frame.shape)}")
        indices = indices.copy()
        indices[frame < 0] = CLEAR
        changed = (frame != before) & (frame >= 0)
        colors = frame[changed]
        new = np.unique(colors[memory[colors] == CLEAR])
        memory[new] = _nearest(centers, _unpack(new))
        indices[changed] = memory[colors]
        before = frame
        yield indices


def _with_hold(indexed: Iterable[np.ndarray], frame_ms: int, hold_ms: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yield each frame with its milliseconds: `hold_ms` for the last one."""
    ahead = iter(indexed)
    current = next(ahead, None)
    while current is not None:
        following = next(ahead, None)
        yield current, hold_ms if following is None else frame_ms
        current = following


def _merged(timed: Iterable[tuple[np.ndarray, Time]]) -> Iterator[tuple[np.ndarray, Time]]:
    """Yield the frames that differ from the one before, each with the milliseconds of all that look like it."""
    shown: np.ndarray | None = None
    duration: Time = 0
    for indices, time in timed:
        if shown is not None and (duration + time > LONGEST_MS or not np.array_equal(indices, shown)):
            yield shown, duration
            duration = 0
        shown, duration = indices, duration + time
    if shown is not None:
        yield shown, duration


def _blocks(timeline: Iterable[tuple[np.ndarray, Time]]) -> Iterator[bytes]:
    """Yield each frame's bytes: what it adds to the one before.

    Paint seldom goes away. Where a pixel does turn transparent again, no addition can show it: all of the frame
    before is then written, and erased after its time.
    """
    ahead = iter(timeline)
    current = next(ahead, None)
    canvas = np.full_like(current[0], CLEAR) if current else np.empty(0)
    elapsed_ms: Time = 0
    elapsed_cs = 0
    while current:
        (indices, duration), following = current, next(ahead, None)
        elapsed_ms += duration
        delay = int((elapsed_ms + 5) // 10) - elapsed_cs  # the sum is rounded, not its terms: no drift
        elapsed_cs += delay
        if following and ((indices != CLEAR) & (following[0] == CLEAR)).any():
            yield _block(indices, (0, 0), delay, ERASE)
            canvas = np.full_like(indices, CLEAR)
        else:
            yield _block(*_cropped(np.where(indices == canvas, np.uint8(CLEAR), indices)), delay, KEEP)
            canvas = indices
        current = following


def _cropped(delta: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Return the smallest part of `delta` with all that is not CLEAR, one pixel at least, and its x, y."""
    rows, columns = (np.flatnonzero((delta != CLEAR).any(axis=axis)) for axis in (1, 0))
    if len(rows) == 0:
        return delta[:1, :1], (0, 0)
    top, left = int(rows[0]), int(columns[0])
    return delta[top : rows[-1] + 1, left : columns[-1] + 1], (left, top)


def _block(indices: np.ndarray, offset: tuple[int, int], delay: int, disposal: int) -> bytes:
    control = struct.pack("<3sBHBB", b"!\xf9\x04", disposal << 2 | 1, delay, CLEAR, 0)
    return control + b"".join(GifImagePlugin.getdata(Image.fromarray(indices), offset))


def _header(shape: tuple[int, ...], palette: np.ndarray, loop: int) -> bytes:
    height, width = shape
    table = np.full((256, 3), 255, np.uint8)
    table[: len(palette)] = palette
    full_table = 0xF7  # a colour table follows, of 8 bits a channel and 256 entries
    screen = struct.pack("<6sHHBBB", b"GIF89a", width, height, full_table, CLEAR, 0)
    # Without this block it is played once; the number in it is of repeats, and 0 is for ever.
    repeats = b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", max(0, loop - 1), 0)
    return screen + table.tobytes() + (b"" if loop == 1 else repeats)
