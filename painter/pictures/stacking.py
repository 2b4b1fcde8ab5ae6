"""Pictures stacked on each other: the layers of a token, from the lowest to the topmost.

Blend modes are those of "Compositing and Blending Level 1" (W3C, 2015), which browsers and the HashLips engine draw
with; `blend_stack` works in straight sRGB, as they do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from painter.errors import PictureError, one_line
from painter.pictures.picture import FORMATS, load_picture, quiet_pillow
from painter.pictures.pixels import read_orientation, swaps_sides
from painter.pictures.resizing import fit_size

_REMEMBERED = 64  # layers that a process keeps decoded, since many tokens share them


def _overlay(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    return _hard_light(above, below)


def _hard_light(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    light: np.ndarray = np.where(above <= 0.5, 2 * below * above, 1 - 2 * (1 - below) * (1 - above))
    return light


def _soft_light(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    lifted = np.where(below <= 0.25, ((16 * below - 12) * below + 4) * below, np.sqrt(below))
    darker, lighter = below - (1 - 2 * above) * below * (1 - below), below + (2 * above - 1) * (lifted - below)
    light: np.ndarray = np.where(above <= 0.5, darker, lighter)
    return light


def _color_dodge(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    return np.where(below == 0, 0, np.where(above >= 1, 1, np.minimum(1, below / np.maximum(1 - above, 1e-9))))


def _color_burn(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    return np.where(below >= 1, 1, np.where(above <= 0, 0, 1 - np.minimum(1, (1 - below) / np.maximum(above, 1e-9))))


_MIXES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "normal": lambda below, above: above,
    "multiply": lambda below, above: below * above,
    "screen": lambda below, above: below + above - below * above,
    "overlay": _overlay,
    "darken": np.minimum,
    "lighten": np.maximum,
    "color-dodge": _color_dodge,
    "color-burn": _color_burn,
    "hard-light": _hard_light,
    "soft-light": _soft_light,
    "difference": lambda below, above: np.abs(below - above),
    "exclusion": lambda below, above: below + above - 2 * below * above,
}
BLENDS = tuple(_MIXES)
"""The names of blend modes."""


@dataclass(frozen=True)
class Layer:
    """One picture of a stack."""

    file: Path
    blend: str = "normal"  # one of BLENDS
    opacity: float = 1.0  # in [0, 1]


@dataclass(frozen=True)
class Stack:
    """A picture made of layers."""

    layers: tuple[Layer, ...]  # from the lowest to the topmost, at least one
    size: int | None = None  # pixels of the longer side; None: that of the layers
    smooth: bool = True  # how they are enlarged: smoothly, or with each pixel as a square of pixels

    def relocated(self, place: Callable[[Path], Path]) -> Stack:
        """The same, with its files where `place` says they are."""
        moved = tuple(Layer(place(layer.file), layer.blend, layer.opacity) for layer in self.layers)
        return Stack(moved, self.size, self.smooth)


def picture_size(path: Path) -> tuple[int, int]:
    """(height, width) of a picture in its own pixels, upright. Raises PictureError if it cannot be read."""
    with suppress(Exception), quiet_pillow(), Image.open(path, formats=FORMATS) as image:
        if min(image.size) > 0:
            return image.size if swaps_sides(read_orientation(image)) else (image.height, image.width)
    return load_picture(path, 1).size  # says what is wrong with it


def read_layer(path: Path) -> np.ndarray:
    """A picture at its own size: uint8 [H, W, 4], straight sRGB; not to be changed. Raises PictureError."""
    modified = 0
    with suppress(OSError):
        modified = path.stat().st_mtime_ns
    return _remembered(path, modified)


def read_stack(stack: Stack) -> np.ndarray:
    """The picture of a stack: uint8 [H, W, 4], straight sRGB.

    Raises:
        PictureError: a layer cannot be read, or has another size than the lowest one.
    """
    pictures = [read_layer(layer.file) for layer in stack.layers]
    height, width = pictures[0].shape[:2]
    for layer, picture in zip(stack.layers, pictures, strict=True):
        if picture.shape[:2] != (height, width):
            raise PictureError(
                f"cannot stack {one_line(layer.file)}: it has {picture.shape[1]} x {picture.shape[0]} pixels, and "
                f"{one_line(stack.layers[0].file)} has {width} x {height}; make all layers one size"
            )
    stacked = blend_stack(pictures, [layer.blend for layer in stack.layers], [layer.opacity for layer in stack.layers])
    return stacked if stack.size is None else resized(stacked, stack.size, stack.smooth)


def blend_stack(pictures: Sequence[np.ndarray], blends: Sequence[str], opacities: Sequence[float]) -> np.ndarray:
    """Blend pictures onto nothing, one after the other.

    Args:
        pictures: uint8 [H, W, 4] each, straight sRGB, at least one, the lowest first.
        blends: of each, one of BLENDS.
        opacities: of each, in [0, 1].

    Returns:
        uint8 [H, W, 4], straight sRGB; 0 where nothing is.
    """
    color = np.zeros((*pictures[0].shape[:2], 3))  # multiplied by alpha
    alpha = np.zeros((*pictures[0].shape[:2], 1))
    for picture, blend, opacity in zip(pictures, blends, opacities, strict=True):
        values = picture.astype(np.float64) / 255
        above, cover = values[..., :3], values[..., 3:] * opacity
        below = color / np.maximum(alpha, 1e-9)
        mixed = (1 - alpha) * above + alpha * _MIXES[blend](below, above)
        color = cover * mixed + (1 - cover) * color
        alpha = cover + (1 - cover) * alpha
    straight = np.dstack((color / np.maximum(alpha, 1e-9), alpha))
    straight[alpha[..., 0] < 0.5 / 255] = 0
    pixels: np.ndarray = np.rint(straight * 255).clip(0, 255).astype(np.uint8)
    return pixels


def resized(pixels: np.ndarray, long_side: int, smooth: bool) -> np.ndarray:
    """uint8 [H, W, 4] straight pixels with a longer side of `long_side` pixels.

    Args:
        smooth: bicubic, premultiplied; otherwise each pixel of the result has the colour of one of the picture.
    """
    height, width = pixels.shape[:2]
    rows, columns = fit_size(height, width, long_side)
    if (rows, columns) == (height, width):
        return pixels
    if not smooth:
        down = (np.arange(rows) * 2 + 1) * height // (2 * rows)
        across = (np.arange(columns) * 2 + 1) * width // (2 * columns)
        nearest: np.ndarray = pixels[down][:, across]
        return nearest
    image = Image.fromarray(pixels).convert("RGBa").resize((columns, rows), Image.Resampling.BICUBIC)
    return np.array(image.convert("RGBA"))


@lru_cache(_REMEMBERED)
def _remembered(path: Path, modified: int) -> np.ndarray:
    picture = load_picture(path, max(picture_size(path)))
    alpha = np.ones(picture.rgb.shape[:2], np.float32) if picture.alpha is None else picture.alpha
    pixels: np.ndarray = np.rint(np.dstack((picture.rgb, alpha)) * 255).astype(np.uint8)
    pixels.flags.writeable = False
    return pixels
