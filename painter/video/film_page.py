"""A film as one page of HTML that plays it in any browser: the strokes themselves, no other file, no request."""

from __future__ import annotations

import base64
import html
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from painter.errors import OutputError
from painter.export.places import writing
from painter.painting.html_page import filled, packed, picture_address, script_json
from painter.painting.painting import Painting
from painter.pictures.resizing import fit_size
from painter.video.film import painting_of
from painter.video.stroke_video import Film
from painter.video.stroke_video_reader import read_frames
from renderers.webgl.shaders import paint_script
from renderers.webgl.stroke_rows import pack_rows

LARGEST = 256 * 2**20  # bytes of strokes in a page, before they are packed
FALLBACK_SIDE, FALLBACK_QUALITY = 256, 70  # of the first frame as a picture


def write_film_page(path: Path, source: Path, film: Film, count: int, size: int) -> None:
    """Write the page.

    Args:
        source: the stroke video, of `count` frames.
        size: the longer side of the picture shown without WebGL, pixels; it has at most FALLBACK_SIDE.

    Raises:
        OutputError: the strokes are too many for a page, or the file cannot be written; `path` is then unchanged.
        StrokeFileError: the stroke video cannot be read.
    """
    shots, rows, first = _packed_frames(path, source, film)
    surface = first and first.surface()
    height, width = fit_size(*film.aspect, size)
    about = {
        "brush": film.brush, "aspect": [height, width], "relief": film.config.relief, "rate": float(film.rate),
        "mixing": film.config.blending, "texture": surface and asdict(surface), "frames": shots,
        "rows": base64.b64encode(rows).decode("ascii"),
    }  # fmt: skip
    parts = {
        "title": html.escape(f"A film of {count} frames in strokes"),
        "fallback": picture_address(first.draw(min(size, FALLBACK_SIDE)), FALLBACK_QUALITY) if first else "",
        "film": script_json(about),
        "program": packed(paint_script(film.brush, texture=surface is not None, pencil=False)),
    }
    with writing(path) as temporary:
        temporary.write_text(filled("painter.video", "film.html", parts), encoding="utf-8")


def _packed_frames(path: Path, source: Path, film: Film) -> tuple[list[Any], bytes, Painting | None]:
    """How many strokes each frame has and on which ground, None for one like that before it; their rows, deflated; and
    the first frame."""
    packer, parts, shots, total = zlib.compressobj(9), [], list[Any](), 0
    first: Painting | None = None
    for frame in read_frames(source):
        if frame.still:
            shots.append(None)
            continue
        first = first or painting_of(film, frame)
        rows = pack_rows(frame.strokes).tobytes()
        total += len(rows)
        if total > LARGEST:
            raise OutputError(f"cannot write {path}: {total >> 20} MB of strokes are too many for a page; write an MP4")
        parts.append(packer.compress(rows))
        shots.append([len(frame.strokes), list(frame.ground)])
    return shots, b"".join([*parts, packer.flush()]), first
