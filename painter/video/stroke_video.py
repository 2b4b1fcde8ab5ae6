"""Stroke videos: every stroke's birth, life and death, frame by frame, in one open text file.

docs/stroke-video.md describes the format, a JSON Schema is in painter/batch/collection/schemas. Each line is a JSON
object and a gzip member of its own: a file can be continued, and read as it grows. What is written reads back to
the same bits; `painter.video.stroke_video_reader` does that.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from painter.options.paint import PaintConfig
from painter.painting.stroke_columns import check_strokes, column_texts
from painter.painting.stroke_file import units
from painter.pictures.color import to_hex
from painter.pictures.ground import Color
from painter.version import __version__
from renderers.brushes import BRUSHES
from renderers.strokes import Strokes

FORMAT, VERSION = "impasto-stroke-video", 1


@dataclass(frozen=True, eq=False)
class FilmFrame:
    """One frame.

    Attributes:
        strokes: as they are seen, in paint order.
        id: [N] int64, who they are.
        ground: what is painted on.
        cut: whether a shot begins with it.
        still: whether it is like the frame before, to the byte.
    """

    strokes: Strokes
    id: np.ndarray
    ground: Color
    cut: bool = False
    still: bool = False


@dataclass(frozen=True)
class Film:
    """What all frames of a stroke video share.

    Attributes:
        brush: a name in `renderers.brushes.BRUSHES`.
        aspect: height and width, in any one unit.
        rate: frames a second.
        config: of a painting, with the size, relief and texture that frames are drawn with.
    """

    brush: str
    aspect: tuple[int, int]
    rate: Fraction
    config: PaintConfig


def head_line(film: Film) -> bytes:
    """The first line of a file. Equal films give equal bytes."""
    height, width = film.aspect
    return _packed({
        "format": FORMAT, "version": VERSION, "impasto": __version__, "brush": film.brush,
        "canvas": {"height": height, "width": width}, "rate": [film.rate.numerator, film.rate.denominator],
        "config": asdict(film.config), "units": units(BRUSHES[film.brush]),
    })  # fmt: skip


def end_line(frames: int) -> bytes:
    """The last line of a file of so many frames."""
    return _packed({"end": frames})


class FrameWriter:
    """Makes the lines of frames, each with what changed since the one before.

    Args:
        film: of which they are.
        count: frames that have lines already.
        before: the last of them.
    """

    def __init__(self, film: Film, count: int = 0, before: FilmFrame | None = None) -> None:
        self._brush = BRUSHES[film.brush]
        self._count, self._before = count, before

    def line(self, frame: FilmFrame) -> bytes:
        """The line of the next frame.

        Raises:
            StrokeFileError: it has what a file cannot keep.
        """
        before, self._before = self._before, frame
        number, self._count = self._count, self._count + 1
        document: dict[str, Any] = {"frame": number}
        if frame.still:
            return _packed(document)
        if frame.cut or before is None:
            document |= {"cut": True, "ground": to_hex(frame.ground)}
        known = {} if before is None else {n: k for k, n in enumerate(before.id.tolist())}
        alive = set(frame.id.tolist())
        gone = [n for n in known if n not in alive]
        if gone:
            document["gone"] = gone
        at = np.array([known.get(n, -1) for n in frame.id.tolist()], np.int64)
        born = at < 0
        if born.any():
            document["born"] = {"id": frame.id[born].tolist(), "seed": frame.strokes.seed.numpy()[born].tolist()}
        changed = born if before is None else born | _differ(frame.strokes, before.strokes, at)
        rows = np.flatnonzero(changed)
        if not len(rows):
            return _packed(document)
        strokes = frame.strokes[torch.from_numpy(rows)].map(lambda values: values.contiguous())
        check_strokes(strokes, self._brush)
        columns = "".join(column_texts(strokes, self._brush)).replace("\n", "")
        columns = columns[: columns.rindex(',"seed"')]  # it belongs to the stroke, not to the frame
        text = json.dumps(document, separators=(",", ":"))
        ids = json.dumps(frame.id[rows].tolist(), separators=(",", ":"))
        return gzip.compress(f'{text[:-1]},"set":{{"id":{ids},{columns}}}}}\n'.encode("ascii"), 6, mtime=0)


def _differ(now: Strokes, before: Strokes, at: np.ndarray) -> np.ndarray:
    """[N] bool: which differ from those at `at` [N] before, in any bit but the seed; -1 is compared with anything."""
    if not len(now) or not len(before):
        return np.ones(len(now), bool)
    rows = torch.from_numpy(at.clip(0))
    pairs = [(now.params[name], before.params[name][rows]) for name in now.params]
    pairs += [(now.colors, before.colors[rows]), (now.opacity, before.opacity[rows])]
    differ = torch.stack([(x != y).reshape(len(at), -1).any(dim=1) for x, y in pairs]).any(dim=0)
    found: np.ndarray = differ.numpy()
    return found


def _packed(document: dict[str, Any]) -> bytes:
    return gzip.compress((json.dumps(document, separators=(",", ":")) + "\n").encode("ascii"), 6, mtime=0)
