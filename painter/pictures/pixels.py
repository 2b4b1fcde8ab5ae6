"""The pixels of a decoded picture as floats, from any mode, depth, colour profile and orientation.

"weighted" below: [H, W, C] float32 in [0, 1] of grey, grey + alpha, RGB or RGB + alpha (C = 1, 2, 3 or 4), with
colours multiplied by alpha. Only in this form can pixels be averaged.
"""

from __future__ import annotations

import io
from contextlib import suppress

import numpy as np
from PIL import Image

from painter.pictures.resizing import resize_image, row_shares

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Weights of red, green and blue in luminance (ITU-R BT.709), here applied to sRGB values."""

_BAND_PIXELS = 1_000_000  # converted to floats at a time; a large picture would need gigabytes
_BAND_ROWS = 128  # largest number of rows in a band: the cost of averaging grows with its square
_DEEP_PIXELS = 2**24  # more than these of 16 bits are converted in bands, too
_ALPHA_EPSILON = 1e-4  # far below half an 8-bit step: alpha this close to 0 or 1 is rounding noise

_TURNS = {  # EXIF orientation: quarter turns anticlockwise, then whether to mirror left and right
    2: (0, True),
    3: (2, False),
    4: (2, True),
    5: (-1, True),
    6: (-1, False),
    7: (1, True),
    8: (1, False),
}


# --- to floats ----------------------------------------------------------------------------------------------


def in_steps(values: np.ndarray) -> np.ndarray:
    """Floats in [0, 1] rounded to steps of 1/255, as float32: 8 bits hold them exactly."""
    steps: np.ndarray = np.rint(values * 255).astype(np.float32) / np.float32(255)
    return steps


def resize_to_weighted(image: Image.Image, height: int, width: int, gamma: float | None = None) -> np.ndarray:
    """The weighted picture, resized to [height, width]; exact area averages where it shrinks.

    Args:
        gamma: samples are light to the power of this; None: they are sRGB, or have a profile.
    """
    enlarges, of_words = max(height, width) > max(image.size), _is_large_grey(image)
    if _is_deep(image) and (enlarges or not of_words):
        return resize_image(_from_gamma(_deep_grey(image), gamma)[..., None], height, width)
    if enlarges:
        return resize_image(_weighted(image, gamma), height, width)
    step = min(max(1, _BAND_PIXELS // image.width), _BAND_ROWS)
    result: np.ndarray = np.zeros(0, dtype=np.float32)
    for top in range(0, image.height, step):
        bottom = min(top + step, image.height)
        part = image.crop((0, top, image.width, bottom))
        band = _from_gamma(_of_words(part), gamma)[..., None] if of_words else _weighted(part, gamma)
        if not result.size:
            result = np.zeros((height, width, band.shape[2]), dtype=np.float32)
        band = resize_image(band, bottom - top, width)
        first, shares = row_shares(top, bottom, image.height, height)
        result[first : first + len(shares)] += np.tensordot(shares, band, axes=1)
    return np.clip(result, 0.0, 1.0, out=result)


def to_straight(weighted: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """(straight rgb [H, W, 3], alpha [H, W] or None if opaque) of a weighted picture, which is overwritten."""
    colours, alpha = weighted, None
    if weighted.shape[2] in (2, 4):
        alpha = np.ascontiguousarray(weighted[..., -1])
        alpha[alpha < _ALPHA_EPSILON] = 0.0
        alpha[alpha > 1.0 - _ALPHA_EPSILON] = 1.0
        divisor = np.where(alpha > 0.0, alpha, np.float32(np.inf))  # invisible: colour 0
        colours = weighted[..., :-1]
        colours /= divisor[..., None]
        np.minimum(colours, 1.0, out=colours)
        alpha = None if alpha.min() == 1.0 else alpha
    rgb = np.repeat(colours, 3, axis=2) if colours.shape[2] == 1 else np.ascontiguousarray(colours)
    return rgb, alpha


def _weighted(image: Image.Image, gamma: float | None) -> np.ndarray:
    """The weighted floats of a picture with 8-bit samples."""
    image = _in_plain_mode(image)
    colours = np.asarray(_in_srgb(image), dtype=np.float32).reshape(image.height, image.width, -1)
    colours /= np.float32(255)
    colours = _from_gamma(colours, gamma)
    if image.mode not in ("LA", "RGBA"):
        return colours
    alpha = np.asarray(image.getchannel("A"), dtype=np.float32)[..., None] / np.float32(255)
    colours *= alpha
    return np.concatenate((colours, alpha), axis=2)


# --- orientation --------------------------------------------------------------------------------------------


def read_orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 (upright) to 8; 1 if the EXIF data is broken, so that the picture is still read."""
    with suppress(Exception):
        orientation = image.getexif().get(0x0112, 1)
        return orientation if orientation in _TURNS else 1
    return 1


def swaps_sides(orientation: int) -> bool:
    """Whether turning a picture of this EXIF orientation upright exchanges its width and height."""
    return orientation in _TURNS and _TURNS[orientation][0] % 2 == 1


def turn_upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """`pixels` [H, W, C], stored with this EXIF orientation, turned upright."""
    quarters, mirrored = _TURNS.get(orientation, (0, False))
    turned = np.rot90(pixels, quarters)
    return turned[:, ::-1] if mirrored else turned


# --- modes and colour profiles ------------------------------------------------------------------------------


def _is_deep(image: Image.Image) -> bool:
    """Whether this is a grey picture with more than 8 bits per sample."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _is_large_grey(image: Image.Image) -> bool:
    """Whether this is a large grey picture with samples of 16 bits, whose white is 65535."""
    large = image.width * image.height > _DEEP_PIXELS
    return large and image.mode.startswith("I;16") and not hasattr(image, "tag_v2")


def _of_words(image: Image.Image) -> np.ndarray:
    """[H, W] float32 in [0, 1] of samples of 16 bits."""
    samples: np.ndarray = np.asarray(image, dtype=np.float32) / np.float32(65535)
    return samples


def _in_plain_mode(image: Image.Image) -> Image.Image:
    """`image` as L, LA, RGB, RGBA or CMYK."""
    if image.has_transparency_data:
        mode = "LA" if image.mode in ("1", "L", "LA", "La") else "RGBA"
    elif image.mode == "1":
        mode = "L"
    else:
        mode = image.mode if image.mode in ("L", "CMYK") else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _in_srgb(image: Image.Image) -> Image.Image:
    """The colours of `image` without alpha, as RGB or L in sRGB, converted by its ICC profile if it has one."""
    mode = "L" if image.mode in ("L", "LA") else "RGB"
    plain = image if image.mode == mode else image.convert(mode)
    profile_bytes = image.info.get("icc_profile")
    if not profile_bytes:
        return plain
    from PIL import ImageCms

    # A profile that is broken, for another mode or not supported by the library is ignored.
    with suppress(ImageCms.PyCMSError, OSError, ImportError, ValueError, TypeError):
        profile = ImageCms.ImageCmsProfile(io.BytesIO(profile_bytes))
        if "sRGB" in ImageCms.getProfileDescription(profile):
            return plain
        space = profile.profile.xcolor_space
        if space == "CMYK" and image.mode == "CMYK":
            source = image
        elif space == "GRAY" and plain.mode == "L":
            source = plain
        elif space == "RGB " and image.mode != "CMYK":
            source = plain.convert("RGB")
        else:
            return plain
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(source, profile, srgb, outputMode="RGB")
        return plain if converted is None else converted
    return plain


def _from_gamma(samples: np.ndarray, gamma: float | None) -> np.ndarray:
    """sRGB of samples in [0, 1] that are light to the power of `gamma`; the samples themselves if it is None."""
    if gamma is None:
        return samples
    light = samples ** np.float32(1 / gamma)
    curve = np.float32(1.055) * light ** np.float32(1 / 2.4) - np.float32(0.055)  # IEC 61966-2-1
    encoded: np.ndarray = np.where(light <= 0.0031308, np.float32(12.92) * light, curve)
    return encoded


def _deep_grey(image: Image.Image) -> np.ndarray:
    """[H, W] float32 in [0, 1] of a grey picture with more than 8 bits per sample."""
    grey = np.empty((image.height, image.width), dtype=np.float32)
    step = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, step):
        grey[top : top + step] = np.asarray(image.crop((0, top, image.width, min(top + step, image.height))))
    if image.mode == "F":
        np.nan_to_num(grey, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        white = max(1.0, float(grey.max()))
    else:
        white = _white_of_integers(image, grey)
    grey /= np.float32(white)
    return np.clip(grey, 0.0, 1.0, out=grey)


def _white_of_integers(image: Image.Image, grey: np.ndarray) -> float:
    """The sample value of white; corrects `grey` where Pillow has read unsigned 32-bit samples as signed."""
    tags = getattr(image, "tag_v2", {})  # a TIFF can have any depth, the other formats have 16 bits
    bits, signed = tags.get(258, (16,))[0], tags.get(339, (1,))[0] == 2
    if bits == 32 and not signed:
        grey[grey < 0] += 2.0**32
    if bits > 16 and grey.max() <= 65535:
        return 65535.0  # 16-bit values in wider samples are common, and would be almost black otherwise
    largest: float = 2.0 ** (bits - signed) - 1
    return largest
