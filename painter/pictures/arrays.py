"""Arrays in place of the files that options name: for programs that have masks and pictures in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from painter.errors import PictureError
from painter.options.paint import PaintConfig
from painter.pictures.color import to_hex

LABEL = "an array"
"""What a configuration says instead of a file's name."""

_OPTIONS = {"focus": "focus", "region": "region", "brush": "brush", "style": "style_image"}


@dataclass(frozen=True, eq=False)
class Arrays:
    """Each stands for the file that the option of this name would name, and goes before it; None for no array.

    Pictures are [H, W, 3], or [H, W, 4] with straight alpha; masks may be [H, W], too. All are uint8, or floats in
    [0, 1].

    >>> from painter import Arrays
    >>> left = np.zeros((30, 40), np.uint8)
    >>> left[:, :20] = 255
    >>> half = paint(picture, painting.config, arrays=Arrays(region=left)).painting
    >>> half.config.region, half.region.shape
    ('an array', (48, 64))
    """

    focus: np.ndarray | None = None  # bright where to paint more finely, of the picture's aspect ratio
    region: np.ndarray | None = None  # bright where to paint at all
    palette: np.ndarray | None = None  # [K, 3], K from 1 to 256: the only colours
    brush: np.ndarray | None = None  # a picture or mask of one's own brush
    style: np.ndarray | None = None  # a picture whose style is applied

    def applied_to(self, config: PaintConfig) -> PaintConfig:
        """The configuration with what these arrays change in it.

        Options of the style are refused where `style_image` names none: name it `LABEL` to set them.

        Raises:
            OptionError: the palette has too many colours.
            PictureError: the palette is no array of colours.
        """
        changes: dict[str, Any] = {
            option: LABEL for name, option in _OPTIONS.items() if getattr(self, name) is not None
        }
        if self.palette is not None:
            changes["palette"] = ",".join(to_hex(color) for color in _colors(self.palette))
        return replace(config, **changes) if changes else config

    def digests(self) -> dict[str, str]:
        """The sha256 of each array that stands for a file, by the option's field."""
        given = {_OPTIONS[spec.name]: getattr(self, spec.name) for spec in fields(self) if spec.name in _OPTIONS}
        return {option: _sha256(array) for option, array in given.items() if array is not None}


def _colors(palette: np.ndarray) -> list[list[float]]:
    if palette.ndim != 2 or palette.shape[1] != 3 or not len(palette):
        raise PictureError(f"a palette must be an array [K, 3], not {list(palette.shape)}")
    colors = palette / 255 if palette.dtype == np.uint8 else palette
    if not (colors.min() >= 0 and colors.max() <= 1):  # so that NaN fails too
        raise PictureError("a palette must be uint8, or floats in [0, 1]")
    found: list[list[float]] = colors.tolist()
    return found


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(f"{array.shape} {array.dtype}".encode() + np.ascontiguousarray(array).tobytes()).hexdigest()
