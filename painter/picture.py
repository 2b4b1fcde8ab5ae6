"""Reading an input picture: one boundary from files of any kind to float arrays of one size.

Everything after this module sees straight (not premultiplied) sRGB in float32, [0, 1], top row first. All
resizing of pictures with transparency happens premultiplied, so colours hidden behind alpha never show.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from painter.errors import ImpastoError, OptionError, PictureError

MAX_MEGAPIXELS = 200
"""Largest picture we decode, by its header; beyond it memory, not patience, runs out."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""Pillow's names of the formats we read; the others stay closed, some of them start foreign programs."""

_KINDS = "PNG, JPEG, WebP, GIF, BMP or TIFF"
_BAND_PIXELS = 1_000_000  # pixels turned to floats at a time; the whole of a large picture would be gigabytes
_BAND_ROWS = 128  # and rows at most: what a band costs to average grows with their square
_ALPHA_EPSILON = 1e-4  # well under half an 8-bit step: what lies closer to 0 or 1 is rounding noise
_LUMA = (0.2126, 0.7152, 0.0722)  # Rec. 709

_TURNS = {  # EXIF orientation -> quarter turns anticlockwise, then whether to mirror left to right
    2: (0, True),
    3: (2, False),
    4: (2, True),
    5: (-1, True),
    6: (-1, False),
    7: (1, True),
    8: (1, False),
}

_pillow_settings = threading.Lock()  # Pillow's limits and Python's warning filters belong to the process


@dataclass(frozen=True, eq=False)  # comparing arrays by == has no single truth value
class Picture:
    """A picture at working size."""

    rgb: np.ndarray  # [H, W, 3] float32, straight (not premultiplied) sRGB in [0, 1]; 0 where alpha is 0
    alpha: np.ndarray | None  # [H, W] float32 in [0, 1]; None where the picture is opaque everywhere
    name: str  # the file's stem
    sha256: str  # hex digest of the file's bytes
    size: tuple[int, int]  # (height, width) of the whole picture in its own pixels, upright


def load_picture(path: str | os.PathLike[str], long_side: int) -> Picture:
    """Read a PNG, JPEG, WebP, GIF (first frame), BMP or TIFF file; its long side becomes `long_side` pixels.

    The EXIF rotation is applied and an embedded ICC profile is converted to sRGB (a broken one is ignored).
    16-bit grey keeps its depth. Float TIFFs are taken as [0, 1], or divided by their largest value where that
    is above 1.

    Args:
        path: the file.
        long_side: pixels of the longer side of the result, at least 1; the other side keeps the aspect ratio.

    Returns:
        The picture; `rgb` is [H, W, 3] float32, `alpha` [H, W] float32 or None, max(H, W) == long_side.

    Raises:
        PictureError: the file is missing, not a file, empty, unreadable, no picture of a kind we read,
            damaged or cut short, without pixels, or larger than MAX_MEGAPIXELS.
        OptionError: `long_side` is below 1.
    """
    path = Path(path)
    _check_long_side(long_side)
    with _opened(path) as stream, _pillow_kept_quiet(), _memory_shortage_explained(path):
        digest = _sha256(stream)
        with _damage_explained(path, stream):
            image = Image.open(stream, formats=FORMATS)
            _check_pixels(path, *image.size)
            width, height = _decode(image, long_side)
            orientation = _orientation(image)
        weighted = _resized(image, *fit_size(height, width, long_side))
    del image  # its memory is needed below
    rgb, alpha = _straight(_upright(weighted, orientation))
    turned = orientation in _TURNS and _TURNS[orientation][0] % 2 == 1
    return Picture(rgb, alpha, path.stem, digest, (width, height) if turned else (height, width))


def picture_from_array(pixels: np.ndarray, long_side: int, name: str = "picture") -> Picture:
    """A picture that is an array already, at working size.

    Args:
        pixels: [H, W, 3] or [H, W, 4] sRGB with straight alpha; uint8 in 0..255 or floats in [0, 1].
        long_side: pixels of the longer side of the result, as for `load_picture`.
        name: what to call it.

    Returns:
        The picture; its `sha256` is that of the array's bytes.

    Raises:
        PictureError: an array of another shape or type, without pixels, or with values outside the range.
        OptionError: `long_side` is below 1.
    """
    _check_long_side(long_side)
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.size == 0:
        raise PictureError(f"a picture must be an array [H, W, 3] or [H, W, 4], not {list(pixels.shape)}")
    if pixels.dtype != np.uint8 and not np.issubdtype(pixels.dtype, np.floating):
        raise PictureError(f"a picture must be uint8 in 0..255 or floats in [0, 1], not {pixels.dtype}")
    height, width = pixels.shape[:2]
    weighted = pixels.astype(np.float32)
    if pixels.dtype == np.uint8:
        weighted /= np.float32(255)
    elif not (weighted.min() >= 0 and weighted.max() <= 1):  # so that NaN fails too
        raise PictureError(f"a picture's floats must lie in [0, 1], not in [{weighted.min():g}, {weighted.max():g}]")
    weighted[..., :3] *= weighted[..., 3:] if weighted.shape[2] == 4 else 1
    rgb, alpha = _straight(resize_image(weighted, *fit_size(height, width, long_side)))
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
    return Picture(rgb, alpha, name, digest, (height, width))


def resize_image(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize by area averages where a side shrinks and by bicubic interpolation where it grows.

    Pictures with transparency must come premultiplied.

    Args:
        image: [H, W, C] or [H, W] float32 in [0, 1].
        height: rows of the result, at least 1.
        width: columns of the result, at least 1.

    Returns:
        [height, width, C] (or [height, width]) float32, clipped to [0, 1]; a new array.

    Raises:
        ValueError: a side below 1, or an array of another number of dimensions.
    """
    if image.ndim not in (2, 3) or min(height, width, *image.shape) < 1:
        raise ValueError(f"cannot resize an array of shape {image.shape} to {height} x {width} pixels")
    import cv2

    resized: np.ndarray = np.ascontiguousarray(image, dtype=np.float32)
    # One way at a time: where one side shrinks and the other grows, OpenCV's area mode is bilinear in both.
    for rows, columns, method in (
        (min(height, image.shape[0]), min(width, image.shape[1]), cv2.INTER_AREA),
        (height, width, cv2.INTER_CUBIC),
    ):
        if resized.shape[:2] != (rows, columns):
            resized = cv2.resize(resized, (columns, rows), interpolation=method)
    out = None if np.may_share_memory(resized, image) else resized
    # OpenCV drops a channel axis of length 1.
    return np.clip(resized, 0.0, 1.0, out=out).reshape(height, width, *image.shape[2:])


def fit_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """(height, width) of the same aspect ratio whose longer side is exactly `long_side`; no side is below 1.

    Raises:
        OptionError: `long_side` is below 1.
    """
    _check_long_side(long_side)
    longest = max(height, width)
    return max(1, round(height * long_side / longest)), max(1, round(width * long_side / longest))


def luminance(rgb: np.ndarray) -> np.ndarray:
    """How light each pixel looks: Rec. 709 weights on the sRGB values as they are, not linearised.

    The encoded values are close to even steps for the eye, which is what edges and errors are measured in.

    Args:
        rgb: [..., 3] float32 in [0, 1].

    Returns:
        [...] float32 in [0, 1]: [H, W] for a picture.
    """
    return np.asarray(rgb @ np.asarray(_LUMA, dtype=np.float32), dtype=np.float32)


# --- the file -----------------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file at `path` for reading; PictureError where there is none, or none with anything in it."""
    try:
        if path.is_dir():
            raise _error(path, "it is a folder", "name a picture file inside it")
        if path.exists() and not path.is_file():  # a pipe would keep us waiting for ever
            raise _error(path, "it is not an ordinary file", "save the picture to a file first")
        stream = path.open("rb")
    except FileNotFoundError:
        raise _error(path, "there is no such file", "check the name and the folder") from None
    except PermissionError:
        raise _error(path, "you are not allowed to read it", "change its permissions or copy it") from None
    except (OSError, ValueError) as error:  # a name too long, or with a null character in it
        raise _error(path, getattr(error, "strerror", None) or str(error), "check the name") from error
    with stream:
        if not stream.read(1):
            raise _error(path, "the file is empty", "save or download the picture again")
        yield stream


def _sha256(stream: BinaryIO) -> str:
    stream.seek(0)
    digest = hashlib.sha256()
    while block := stream.read(1 << 20):
        digest.update(block)
    stream.seek(0)
    return digest.hexdigest()


# --- errors -------------------------------------------------------------------------------------------------


def _error(path: Path, wrong: str, remedy: str) -> PictureError:
    """One line, whatever the file is called: control characters and undecodable bytes are escaped."""
    name = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(path))
    return PictureError(f"cannot read {name}: {wrong}; {remedy}")


def _too_large(path: Path, size: str) -> PictureError:
    return _error(path, f"it has {size}, more than {MAX_MEGAPIXELS} megapixels", "make it smaller first")


def _check_long_side(long_side: int) -> None:
    if long_side < 1:
        raise OptionError(f"the long side must be at least 1 pixel, not {long_side}")


def _check_pixels(path: Path, width: int, height: int) -> None:
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise _too_large(path, f"{width} x {height} pixels")


@contextmanager
def _memory_shortage_explained(path: Path) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        wrong = "it needs more memory than this machine has free"
        raise _error(path, wrong, "make the picture smaller first") from None


@contextmanager
def _damage_explained(path: Path, stream: BinaryIO) -> Iterator[None]:
    """Turn whatever a decoder throws at a bad file into a PictureError that says which kind of bad it is."""
    try:
        yield
    except (ImpastoError, MemoryError):
        raise
    except Image.DecompressionBombError:  # Pillow's own check comes first where the header is far beyond
        raise _too_large(path, "far too many pixels") from None
    except Exception as error:  # damage shows as every type there is, from SyntaxError to struct.error
        kind, sides = _recognise(stream)
        if kind is None:
            remedy = f"give a picture in {_KINDS}"
            raise _error(path, "it is not a picture of a kind that can be read", remedy) from error
        if sides is not None and 0 in sides:
            wrong = f"it is a {kind} of {sides[0]} x {sides[1]} pixels, so there is nothing in it"
            raise _error(path, wrong, "save the picture again") from error
        if isinstance(error, UnidentifiedImageError):
            wrong = f"it starts like a {kind} but is damaged, cut short or of an unusual sort"
            raise _error(path, wrong, "save it again as an ordinary PNG") from error
        raise _error(path, f"this {kind} is damaged or cut short", "save or download it again") from error


def _recognise(stream: BinaryIO) -> tuple[str | None, tuple[int, int] | None]:
    """(name of the format or None, (width, height) or None), from the first bytes alone."""
    stream.seek(0)
    head = stream.read(26)
    whole = len(head) == 26
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG", struct.unpack(">II", head[16:24]) if whole else None
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF", struct.unpack("<HH", head[6:10]) if whole else None
    if head.startswith(b"BM") and head[6:10] == bytes(4):  # two letters alone could be the start of a text
        layout, end = ("<HH", 22) if head[14:15] == b"\x0c" else ("<ii", 26)
        return "BMP", struct.unpack(layout, head[18:end]) if whole else None
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG", None
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF", None
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP", None
    return None, None


@contextmanager
def _pillow_kept_quiet() -> Iterator[None]:
    """Pillow with our limits and without its warnings; the process gets its own settings back afterwards."""
    logger, silence = logging.getLogger("PIL"), logging.NullHandler()  # unhandled records would go to stderr
    with _pillow_settings, warnings.catch_warnings():
        before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        warnings.simplefilter("ignore")
        logger.addHandler(silence)
        # Pillow itself refuses twice this; what lies between is refused by _check_pixels, before decoding.
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = MAX_MEGAPIXELS * 1_000_000, False
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before
            logger.removeHandler(silence)


@contextmanager
def _libtiff_kept_quiet() -> Iterator[None]:
    """libtiff writes to the process's stderr by itself, past Python; what it has to say we say better."""
    try:
        stderr = os.dup(2)
    except OSError:  # closed, as in a service: nothing to keep quiet
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


# --- decoding -----------------------------------------------------------------------------------------------


def _decode(image: Image.Image, long_side: int) -> tuple[int, int]:
    """Decode `image` in place; (width, height) of the stored picture.

    Where that is plenty, a JPEG is decoded to a half, a quarter or an eighth, at least twice what is wanted.
    """
    stored = image.size
    drafted = None
    if max(stored) >= 4 * long_side:
        height, width = fit_size(stored[1], stored[0], long_side)
        drafted = image.draft(None, (2 * width, 2 * height))  # None from anything but a JPEG
    with _libtiff_kept_quiet() if image.format == "TIFF" else nullcontext():
        image.load()
    return stored if drafted else image.size  # loading can turn a TIFF upright, which swaps its sides


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 (upright) to 8; broken EXIF data is no reason to refuse a picture."""
    with suppress(Exception):
        orientation = image.getexif().get(0x0112, 1)
        return orientation if orientation in _TURNS else 1
    return 1


# --- to floats ----------------------------------------------------------------------------------------------
#
# "weighted" below: [H, W, C] float32 in [0, 1] of grey, grey + alpha, RGB or RGB + alpha (C = 1, 2, 3 or 4),
# the colours multiplied by alpha. Only in this form can pixels be averaged.


def _resized(image: Image.Image, height: int, width: int) -> np.ndarray:
    """The weighted picture at [height, width]; shrinking is by exact area averages."""
    if _is_deep(image):
        return resize_image(_deep_grey(image)[..., None], height, width)
    if max(height, width) > max(image.size):
        return resize_image(_weighted(image), height, width)
    step = min(max(1, _BAND_PIXELS // image.width), _BAND_ROWS)
    result = np.zeros(0, dtype=np.float32)
    for top in range(0, image.height, step):
        bottom = min(top + step, image.height)
        band = _weighted(image.crop((0, top, image.width, bottom)))
        if not result.size:
            result = np.zeros((height, width, band.shape[2]), dtype=np.float32)
        band = resize_image(band, bottom - top, width)
        first, shares = _row_shares(top, bottom, image.height, height)
        result[first : first + len(shares)] += np.tensordot(shares, band, axes=1)
    return np.clip(result, 0.0, 1.0, out=result)


def _row_shares(top: int, bottom: int, rows: int, height: int) -> tuple[int, np.ndarray]:
    """How source rows top..bottom of `rows` are shared out to the rows of a picture of `height` <= `rows`.

    Returns:
        The first row that gets anything, and [rows that do, bottom - top] float32 weights.
    """
    first, last = top * height // rows, -(-bottom * height // rows)
    begin = np.arange(first, last)[:, None] * (rows / height)
    source = np.arange(top, bottom)[None, :]
    overlap = np.minimum(begin + rows / height, source + 1) - np.maximum(begin, source)
    return first, (np.maximum(overlap, 0.0) * (height / rows)).astype(np.float32)


def _weighted(image: Image.Image) -> np.ndarray:
    """The weighted floats of a picture of 8-bit samples."""
    image = _in_plain_mode(image)
    colours = np.asarray(_in_srgb(image), dtype=np.float32).reshape(image.height, image.width, -1)
    colours /= np.float32(255)
    if image.mode not in ("LA", "RGBA"):
        return colours
    alpha = np.asarray(image.getchannel("A"), dtype=np.float32)[..., None] / np.float32(255)
    colours *= alpha
    return np.concatenate((colours, alpha), axis=2)


def _straight(weighted: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """(straight rgb [H, W, 3], alpha [H, W] or None if opaque) of a weighted picture, which is used up."""
    colours, alpha = weighted, None
    if weighted.shape[2] in (2, 4):
        alpha = np.ascontiguousarray(weighted[..., -1])
        alpha[alpha < _ALPHA_EPSILON] = 0.0
        alpha[alpha > 1.0 - _ALPHA_EPSILON] = 1.0
        divisor = np.where(alpha > 0.0, alpha, np.float32(np.inf))  # nothing shows: colour 0
        colours = weighted[..., :-1]
        colours /= divisor[..., None]
        np.minimum(colours, 1.0, out=colours)
        alpha = None if alpha.min() == 1.0 else alpha
    rgb = np.repeat(colours, 3, axis=2) if colours.shape[2] == 1 else np.ascontiguousarray(colours)
    return rgb, alpha


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """`pixels` [H, W, C] turned as the EXIF orientation asks."""
    quarters, mirrored = _TURNS.get(orientation, (0, False))
    turned = np.rot90(pixels, quarters)
    return turned[:, ::-1] if mirrored else turned


def _is_deep(image: Image.Image) -> bool:
    """Whether this is grey in more than 8 bits."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


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
    """The colours of `image`, without its alpha, as RGB or L in sRGB, by its ICC profile if it has one."""
    mode = "L" if image.mode in ("L", "LA") else "RGB"
    plain = image if image.mode == mode else image.convert(mode)
    profile_bytes = image.info.get("icc_profile")
    if not profile_bytes:
        return plain
    from PIL import ImageCms

    # A profile that is broken, of another kind than the picture or beyond the library: as if there were none.
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


def _deep_grey(image: Image.Image) -> np.ndarray:
    """[H, W] float32 in [0, 1] of a grey picture of more than 8 bits."""
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
    """The sample that stands for white; corrects unsigned 32-bit samples, which Pillow takes as signed."""
    tags = getattr(image, "tag_v2", {})  # a TIFF can have any depth, the other formats have 16 bits
    bits, signed = tags.get(258, (16,))[0], tags.get(339, (1,))[0] == 2
    if bits == 32 and not signed:
        grey[grey < 0] += 2.0**32
    if bits > 16 and grey.max() <= 65535:
        return 65535.0  # 16 bits in wider samples are common, and taken at their word would be black
    return 2.0 ** (bits - signed) - 1
