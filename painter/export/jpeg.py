"""The finished painting as a JPEG. It has no transparency: what is transparent is laid over white."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from painter.errors import OutputError
from painter.export.places import writing
from painter.pictures.metrics import over_white

MAX_SIDE = 65_500  # libjpeg's
_FULL_CHROMA = 90  # from this quality on, colours are kept at full resolution


def write_jpeg(path: Path, image: np.ndarray, quality: int) -> None:
    """Write `image`, uint8 [H, W, 3] or [H, W, 4] in 0..255, straight alpha, to `path`.

    Args:
        quality: libjpeg's, 1 to 100. From 90 on colour is not subsampled.

    Raises:
        OutputError: a side is above 65,500, or the file cannot be written; `path` is then unchanged.
    """
    if max(image.shape[:2]) > MAX_SIDE:
        raise OutputError(f"cannot write {path}: a side is longer than a JPEG's {MAX_SIDE}; lower --size")
    picture = Image.fromarray(over_white(image) if image.shape[2] == 4 else image)
    subsampling = "4:4:4" if quality >= _FULL_CHROMA else "4:2:0"
    with writing(path) as temporary:
        picture.save(temporary, format="JPEG", quality=quality, subsampling=subsampling, optimize=True)
