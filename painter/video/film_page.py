"""A film as one page of HTML that plays it in any browser: the strokes themselves, no other file, no request."""

from __future__ import annotations

import base64
import html
import zlib
from pathlib import Path
from typing import Any

from painter.errors import OutputError
from painter.export.places import writing
from painter.painting.html_page import filled, picture_address, script_json
from painter.pictures.resizing import fit_size
from painter.video.film import painting_of
from painter.video.stroke_video import Film
from painter.video.stroke_video_reader import read_frames
from renderers.webgl.shaders import paint_script
from renderers.webgl.stroke_rows import pack_rows

LARGEST = 256 * 2**20  # bytes of strokes in a page, before they are packed
FALLBACK_SIDE, FALLBACK_QUALITY = 256, 70  # of the first frame as a picture


def write_film_page(path: Path, source: Path, film: Film, count: int, size: int) -> list[str]:
    """Write the page.

    Args:
        source: the stroke video, of `count` frames.
        size: the longer side of the picture shown without WebGL, pixels; it has at most FALLBACK_SIDE.

    Returns:
        Notes, a line each.

    Raises:
        OutputError: the strokes are too many for a page, or the file cannot be written; `path` is then unchanged.
        StrokeFileError: the stroke video cannot be read.
    """
    shots, rows, first = _packed_frames(path, source, film, size)
    height, width = fit_size(*film.aspect, size)
    about = {
        "brush": film.brush, "aspect": [height, width], "relief": film.config.relief, "rate": float(film.rate),
        "frames": shots, "rows": base64.b64encode(rows).decode("ascii"),
    }  # fmt: skip
    parts = {
        "title": html.escape(f"A film of {count} frames in strokes"),
        "fallback": first,
        "film": script_json(about),
        "paint": paint_script(film.brush),
    }
    with writing(path) as temporary:
        temporary.write_text(filled("painter.video", "film.html", parts), encoding="utf-8")
    return [f"{path}: browsers draw the strokes without texture"] if film.config.texture > 0 else []


def _packed_frames(path: Path, source: Path, film: Film, size: int) -> tuple[list[Any], bytes, str]:
    """How many strokes each frame has and on which ground, None for one like that before it; their rows, deflated; and
    the first frame as the address of a picture."""
    packer, parts, shots, total, first = zlib.compressobj(9), [], list[Any](), 0, ""
    for frame in read_frames(source):
        if frame.still:
            shots.append(None)
            continue
        if not first:
            first = picture_address(painting_of(film, frame).draw(min(size, FALLBACK_SIDE)), FALLBACK_QUALITY)
        rows = pack_rows(frame.strokes).tobytes()
        total += len(rows)
        if total > LARGEST:
            raise OutputError(f"cannot write {path}: {total >> 20} MB of strokes are too many for a page; write an MP4")
        parts.append(packer.compress(rows))
        shots.append([len(frame.strokes), list(frame.ground)])
    return shots, b"".join([*parts, packer.flush()]), first
