"""The ground, which a painting is painted on, and conversion of canvases from floats to integers."""

from __future__ import annotations

import numpy as np

from painter.pictures.color import levels_of, to_hex
from painter.pictures.picture import Picture
from painter.pictures.resizing import fit_size, resize_image

_BAND_PIXELS = 2**20  # converted at a time, so that a large canvas needs no second one of floats

Color = tuple[float, float, float]
"""Straight sRGB in [0, 1]."""


def resolve_ground(canvas: str, picture: Picture, paper: bool = False) -> Color | None:
    """The ground for a picture; None is transparent.

    'auto' is transparent if any pixel of the picture is. Else it is white if `paper` is set, or the picture's mean
    colour, rounded to 8 bits.

    Args:
        canvas: as in PaintConfig.
        picture: what is painted.
        paper: whether the style is painted on white paper.
    """
    if canvas != "auto":
        return named_ground(canvas)
    if picture.alpha is not None:
        return None
    if paper:
        return named_ground("white")
    mean = picture.rgb.mean(axis=(0, 1), dtype=np.float64)
    red, green, blue = (round(255 * float(channel)) / 255 for channel in mean)
    return red, green, blue


def named_ground(canvas: str) -> Color | None:
    """The ground that `canvas` names, as in PaintConfig, but not 'auto'; None is transparent."""
    if canvas == "transparent":
        return None
    red, green, blue = levels_of({"white": "#ffffff", "black": "#000000"}.get(canvas, canvas))
    return red / 255, green / 255, blue / 255


def ground_name(ground: Color | None) -> str:
    """A ground as --canvas names it, rounded to 8 bits."""
    return "transparent" if ground is None else to_hex(ground)


def canvas_color(ground: Color | None) -> np.ndarray:
    """The colour of the bare canvas, [C] float32: C = 3, or 4 (premultiplied RGBA) if it is transparent."""
    return np.zeros(4, np.float32) if ground is None else np.array(ground, np.float32)


def make_target(picture: Picture, ground: Color | None, long_side: int) -> np.ndarray:
    """The picture that the search approximates: the picture over the ground, with at most `long_side` pixels a side.

    Returns:
        [H, W, 3] float32, or [H, W, 4] premultiplied RGBA if the ground is transparent.
    """
    height, width = picture.rgb.shape[:2]
    if max(height, width) > long_side:
        height, width = fit_size(height, width, long_side)
    if picture.alpha is None:
        colors, alpha = resize_image(picture.rgb, height, width), np.ones((height, width, 1), np.float32)
    else:
        colors = resize_image(picture.rgb * picture.alpha[..., None], height, width)
        alpha = resize_image(picture.alpha[..., None], height, width)
    if ground is None:
        return np.concatenate([colors, alpha], axis=2)
    composed: np.ndarray = np.clip(colors + (1 - alpha) * canvas_color(ground), 0.0, 1.0)
    return composed


def within_region(canvas: np.ndarray, region: np.ndarray | None, ground: Color | None) -> np.ndarray:
    """A canvas [H, W, C] with the bare ground where `region` is 0.

    Args:
        region: [h, w] in [0, 1], of any size; None leaves the canvas as it is.
    """
    shown = region_at(region, *canvas.shape[:2])
    if shown is None:
        return canvas
    bare = canvas_color(ground)
    painted: np.ndarray = bare + shown[:, :, None] * (canvas - bare)
    return painted


def region_at(region: np.ndarray | None, height: int, width: int) -> np.ndarray | None:
    """A region [h, w] of any size, resized to [height, width]; None remains None."""
    return region if region is None or region.shape == (height, width) else resize_image(region, height, width)


def to_bytes(canvas: np.ndarray) -> np.ndarray:
    """A canvas as bytes.

    Args:
        canvas: [H, W, 3] float32 in [0, 1], or [H, W, 4] premultiplied RGBA.

    Returns:
        uint8 [H, W, C] with straight alpha; where alpha is 0, so are the colours.
    """
    return _quantised(canvas, np.uint8)


def to_words(canvas: np.ndarray) -> np.ndarray:
    """As `to_bytes`, but with 16 bits per channel: uint16 in 0..65535."""
    return _quantised(canvas, np.uint16)


def _quantised(canvas: np.ndarray, dtype: type[np.uint8] | type[np.uint16]) -> np.ndarray:
    image = np.empty(canvas.shape, dtype)
    top = int(np.iinfo(dtype).max)
    rows = max(1, _BAND_PIXELS // canvas.shape[1])
    for first in range(0, len(canvas), rows):
        band = canvas[first : first + rows]
        if canvas.shape[2] == 4:
            band = _straight(band, top)
        image[first : first + rows] = np.rint(np.clip(band, 0, 1) * top)
    return image


def _straight(band: np.ndarray, top: int) -> np.ndarray:
    """Premultiplied RGBA [h, W, 4] with its colours divided by alpha; all 0 where alpha times `top` rounds to 0."""
    alpha = band[..., 3:]
    shows = alpha * top > 0.5
    colors = np.divide(band[..., :3], alpha, out=np.zeros_like(band[..., :3]), where=shows)
    return np.concatenate([colors, np.where(shows, alpha, 0)], axis=2)
