"""Grey pictures as text, 8-bit greyscale PNG in base64: how stroke files keep regions and own brushes."""

from __future__ import annotations

import base64
import binascii
import io
from typing import Any

import numpy as np
from PIL import Image

from painter.errors import StrokeFileError
from painter.pictures.picture import MAX_MEGAPIXELS, quiet_pillow
from painter.pictures.pixels import in_steps

_HOW = "it must be an 8-bit greyscale PNG in base64"


def pack_grey(where: str, values: np.ndarray) -> str:
    """Values as a text from which `unpack_grey` restores them exactly.

    Args:
        where: what they are, for messages.
        values: [H, W] float32 in [0, 1], in steps of 1/255.

    Raises:
        StrokeFileError: they are not in steps of 1/255, so that 8 bits would change them, or there are too many.
    """
    if values.ndim != 2 or not values.size or not np.array_equal(in_steps(values.clip(0, 1)), values):
        raise StrokeFileError(
            f"its {where} is not [H, W] in steps of 1/255; round it by painter.pictures.pixels.in_steps"
        )
    _check_size(where, values.shape[1], values.shape[0], MAX_MEGAPIXELS * 1_000_000)
    buffer = io.BytesIO()
    Image.fromarray(np.rint(values * 255).astype(np.uint8)).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def unpack_grey(where: str, text: Any, longest: int | None = None) -> np.ndarray:
    """The values in a text that `pack_grey` made.

    Args:
        where: what they are, for messages.
        text: from the file.
        longest: most pixels along a side; None for any number.

    Returns:
        [H, W] float32 in [0, 1], in steps of 1/255.

    Raises:
        StrokeFileError: it is not such a text, is damaged, or has more pixels than `load_picture` reads or `longest`
            allows.
    """
    if not isinstance(text, str):
        raise StrokeFileError(f"{where} is not a text; {_HOW}")
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise StrokeFileError(f"{where} is not base64; {_HOW}") from None
    with quiet_pillow():
        levels = _decoded(where, content, longest)
    shares: np.ndarray = levels.astype(np.float32) / np.float32(255)
    return shares


def _decoded(where: str, content: bytes, longest: int | None) -> np.ndarray:
    try:
        image = Image.open(io.BytesIO(content), formats=("PNG",))
        _check_size(where, *image.size, MAX_MEGAPIXELS * 1_000_000)
        if longest is not None and max(image.size) > longest:
            raise StrokeFileError(f"{where} has {_pixels(*image.size)}; at most {longest} along a side can be read")
        if image.mode != "L":
            raise StrokeFileError(f"{where} is a PNG of another kind ({image.mode}); {_HOW}")
        image.load()
    except (StrokeFileError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise StrokeFileError(f"{where} has far too many pixels; make it smaller") from None
    except Exception as error:  # damaged files raise errors of every type
        raise StrokeFileError(f"{where} is not a PNG, or is damaged; {_HOW}") from error
    return np.asarray(image)


def _check_size(where: str, width: int, height: int, most: int) -> None:
    if width * height > most:
        wrong = f"{where} has {_pixels(width, height)}, more than {MAX_MEGAPIXELS} megapixels"
        raise StrokeFileError(f"{wrong}; make it smaller")


def _pixels(width: int, height: int) -> str:
    return f"{width} x {height} pixels"
