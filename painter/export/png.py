"""The finished painting as a PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from painter.export import writing


def write_png(path: Path, image: np.ndarray) -> None:
    """Write `image`, uint8 [H, W, 3] or [H, W, 4] in 0..255, sRGB with straight alpha, losslessly to `path`.

    Equal images give equal bytes. Raises ValueError for another shape or dtype and OutputError if the file
    cannot be written; `path` then keeps what it held.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (3, 4) or image.size == 0:
        raise ValueError(f"expected uint8 [H, W, 3] or [H, W, 4], got {image.dtype} {list(image.shape)}")
    with writing(path) as temporary:
        Image.fromarray(image).save(temporary, format="PNG")


def write_png16(path: Path, image: np.ndarray) -> None:
    """Write `image`, uint16 [H, W, 3] or [H, W, 4] in 0..65535, as `write_png` does; Pillow has no such pictures."""
    import cv2

    if image.dtype != np.uint16 or image.ndim != 3 or image.shape[2] not in (3, 4) or image.size == 0:
        raise ValueError(f"expected uint16 [H, W, 3] or [H, W, 4], got {image.dtype} {list(image.shape)}")
    order = cv2.COLOR_RGB2BGR if image.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    _, encoded = cv2.imencode(".png", cv2.cvtColor(image, order))
    with writing(path) as temporary:
        temporary.write_bytes(encoded.data)
