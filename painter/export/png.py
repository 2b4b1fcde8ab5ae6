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
