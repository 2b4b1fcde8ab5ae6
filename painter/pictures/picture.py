"""Reading input pictures: files of several formats become float arrays of one size.

All other modules see straight (not premultiplied) sRGB in float32, [0, 1], top row first. Pictures with transparency
are resized premultiplied, so that colours hidden behind alpha never show.
"""

from __future__ import annotations

import hashlib
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

from painter.errors import ImpastoError, PictureError, one_line
from painter.pictures.pixels import read_orientation, resize_to_weighted, swaps_sides, to_straight, turn_upright
from painter.pictures.png_colors import PngColors, read_png_colors
from painter.pictures.resizing import check_long_side, fit_size, resize_image
from painter.system.quiet import silenced_stderr
from renderers.special_files import is_special_file

MAX_MEGAPIXELS = 200
"""Largest picture that is decoded, by its header; larger ones would need too much memory."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""Pillow's names of the formats that are read; others are refused, because some start external programs."""

_ANIMATED = ("PNG", "WEBP", "GIF", "TIFF")  # those that may have several frames or pages
_KINDS = "PNG, JPEG, WebP, GIF, BMP or TIFF"

_pillow_settings = threading.Lock()  # Pillow's limits and Python's warning filters are global to the process


@dataclass(frozen=True, eq=False)  # comparing arrays by == has no single truth value
class Picture:
    """A picture at working size."""

    rgb: np.ndarray  # [H, W, 3] float32, straight (not premultiplied) sRGB in [0, 1]; 0 where alpha is 0
    alpha: np.ndarray | None  # [H, W] float32 in [0, 1]; None where the picture is opaque everywhere
    name: str  # the file's stem
    sha256: str  # hex digest of the file's bytes
    size: tuple[int, int]  # (height, width) of the whole picture in its own pixels, upright
    notes: tuple[str, ...] = ()  # lines for people: what the file has that is not seen, such as further frames


PictureSource = str | os.PathLike[str] | np.ndarray | Picture
"""A picture's file, an array as for `picture_from_array`, or a picture that has been read."""


def read_picture(source: PictureSource, long_side: int) -> Picture:
    """The picture of a source, with a long side of `long_side` pixels; a `Picture` is returned as it is.

    Raises:
        PictureError: as `load_picture` and `picture_from_array`.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, np.ndarray):
        return picture_from_array(source, long_side)
    if not isinstance(source, (str, os.PathLike)):
        wrong = f"a picture must be the name of a file, an array or a Picture, not {type(source).__name__}"
        raise PictureError(f"{wrong}; of a list make an array")
    return load_picture(source, long_side)


def colored(source: PictureSource) -> PictureSource:
    """The source; an array [H, W], of grey, gets three equal channels."""
    if isinstance(source, np.ndarray) and source.ndim == 2:
        return np.repeat(source[:, :, None], 3, axis=2)
    return source


def shown_name(source: PictureSource) -> str:
    """What messages call a source."""
    if isinstance(source, np.ndarray):
        return "an array"
    return one_line(source.name if isinstance(source, Picture) else source)


def load_picture(path: str | os.PathLike[str], long_side: int) -> Picture:
    """Read a PNG, JPEG, WebP, GIF (first frame), BMP or TIFF file; its long side becomes `long_side` pixels.

    The EXIF rotation is applied and an embedded ICC profile is converted to sRGB (a broken one is ignored), as is the
    gamma of a PNG. Other colours of a PNG (HDR), and the frames that are not read, are told in `notes`.
    16-bit grey keeps its depth. Float TIFFs are expected in [0, 1]; if their largest value is above 1, they are divided
    by it.

    >>> from painter.pictures.samples import sample_path
    >>> sample = load_picture(sample_path("apple_coin"), 64)
    >>> sample.rgb.shape, sample.alpha.shape, sample.size
    ((64, 64, 3), (64, 64), (512, 512))

    Args:
        path: the file.
        long_side: pixels of the longer side of the result, at least 1; the aspect ratio is preserved.

    Returns:
        The picture; `rgb` is [H, W, 3] float32, `alpha` [H, W] float32 or None, max(H, W) == long_side.

    Raises:
        PictureError: the file is missing, not a regular file, empty, unreadable, damaged, cut short, without pixels,
            larger than MAX_MEGAPIXELS, or not of a format that is read.
        OptionError: `long_side` is below 1.
    """
    path = Path(path)
    check_long_side(long_side)
    with _trouble_explained(path), _opened(path) as stream, quiet_pillow():
        digest = _sha256(stream)
        colors = read_png_colors(stream)
        notes = tuple(_notes(path, stream, colors))
        stream.seek(0)
        with _damage_explained(path, stream):
            image = Image.open(stream, formats=FORMATS)
            _check_pixels(path, *image.size)
            width, height = _decode(image, long_side)
            orientation = read_orientation(image)
        weighted = resize_to_weighted(image, *fit_size(height, width, long_side), gamma=colors.gamma)
    del image  # its memory is needed below
    rgb, alpha = to_straight(turn_upright(weighted, orientation))
    size = (width, height) if swaps_sides(orientation) else (height, width)
    return Picture(rgb, alpha, path.stem, digest, size, notes)


def picture_from_array(pixels: np.ndarray, long_side: int, name: str = "picture") -> Picture:
    """The picture of an array, at working size.

    Args:
        pixels: [H, W, 3] or [H, W, 4] sRGB with straight alpha; uint8 in 0..255 or floats in [0, 1].
        long_side: pixels of the longer side of the result, as for `load_picture`.
        name: of the picture.

    Returns:
        The picture; its `sha256` is that of the array's bytes.

    Raises:
        PictureError: the array has another shape or type, no pixels, or values outside the range.
        OptionError: `long_side` is below 1.
    """
    check_long_side(long_side)
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
    rgb, alpha = to_straight(resize_image(weighted, *fit_size(height, width, long_side)))
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
    return Picture(rgb, alpha, name, digest, (height, width))


def check_shows(picture: Picture, what: str) -> None:
    """Raise PictureError if nothing of a picture is to be seen; `what` names it in the message."""
    if picture.alpha is not None and picture.alpha.max() < 1 / 255:
        raise PictureError(f"{what}: it is transparent everywhere, so there is nothing to see; name another picture")


# --- the file -----------------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file at `path`, open for reading. Raises PictureError if it cannot be opened or is empty."""
    try:
        if path.is_dir():
            raise _error(path, "it is a folder", "name a picture file inside it")
        if is_special_file(path):
            raise _error(path, "it is not a regular file", "save the picture to a file first")
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


def _notes(path: Path, stream: BinaryIO, colors: PngColors) -> Iterator[str]:
    """Lines about what the file has and nobody will see in the picture."""
    if colors.other is not None:
        yield f"{one_line(path)}: its colours are {colors.other}, and are read as sRGB; convert it to sRGB to keep them"
    stream.seek(0)
    frames = 1
    with suppress(Exception):  # damage is reported when the picture itself is read
        image = Image.open(stream, formats=_ANIMATED)
        frames = getattr(image, "n_frames", 1)
    if frames > 1:
        yield f"{one_line(path)}: it has {frames} frames, of which the first is taken"


# --- errors -------------------------------------------------------------------------------------------------


def _error(path: Path, wrong: str, remedy: str) -> PictureError:
    return PictureError(f"cannot read {one_line(path)}: {wrong}; {remedy}")


def _too_large(path: Path, size: str) -> PictureError:
    return _error(path, f"it has {size}, more than {MAX_MEGAPIXELS} megapixels", "make it smaller first")


def _check_pixels(path: Path, width: int, height: int) -> None:
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise _too_large(path, f"{width} x {height} pixels")


@contextmanager
def _trouble_explained(path: Path) -> Iterator[None]:
    """Turn what the machine refuses, memory or the reading of a bad disk, into a PictureError."""
    try:
        yield
    except MemoryError:
        wrong = "it needs more memory than this machine has free"
        raise _error(path, wrong, "make the picture smaller first") from None
    except OSError as error:
        raise _error(path, error.strerror or str(error), "copy it again, or to another disk") from error


@contextmanager
def _damage_explained(path: Path, stream: BinaryIO) -> Iterator[None]:
    """Turn any error of a decoder into a PictureError that says what is wrong with the file."""
    try:
        yield
    except (ImpastoError, MemoryError):
        raise
    except Image.DecompressionBombError:  # Pillow's own check, which comes first for very large sizes
        raise _too_large(path, "far too many pixels") from None
    except Exception as error:  # damaged files raise errors of every type, from SyntaxError to struct.error
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk, not of the picture
        kind, sides = _recognise(stream)
        if kind is None:
            remedy = f"give a picture in {_KINDS}"
            raise _error(path, "it is not a picture of a format that can be read", remedy) from error
        if sides is not None and 0 in sides:
            wrong = f"it is a {kind} of {sides[0]} x {sides[1]} pixels, with nothing in it"
            raise _error(path, wrong, "save the picture again") from error
        if isinstance(error, UnidentifiedImageError):
            wrong = f"it starts like a {kind} but is damaged, cut short or of an unusual variant"
            raise _error(path, wrong, "save it again as an ordinary PNG") from error
        raise _error(path, f"this {kind} is damaged or cut short", "save or download it again") from error


def _recognise(stream: BinaryIO) -> tuple[str | None, tuple[int, int] | None]:
    """(name of the format or None, (width, height) or None), from the first bytes only."""
    stream.seek(0)
    head = stream.read(26)
    complete = len(head) == 26
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG", struct.unpack(">II", head[16:24]) if complete else None
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF", struct.unpack("<HH", head[6:10]) if complete else None
    if head.startswith(b"BM") and head[6:10] == bytes(4):  # the two letters alone could begin a text
        layout, end = ("<HH", 22) if head[14:15] == b"\x0c" else ("<ii", 26)
        return "BMP", struct.unpack(layout, head[18:end]) if complete else None
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG", None
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF", None
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP", None
    return None, None


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Within this context, Pillow has our limits and gives no warnings; afterwards the old settings are restored."""
    logger, silence = logging.getLogger("PIL"), logging.NullHandler()  # records without a handler would go to stderr
    with _pillow_settings, warnings.catch_warnings():
        before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        warnings.simplefilter("ignore")
        logger.addHandler(silence)
        # Pillow itself refuses twice as many; _check_pixels refuses the rest before decoding.
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = MAX_MEGAPIXELS * 1_000_000, False
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before
            logger.removeHandler(silence)


# --- decoding -----------------------------------------------------------------------------------------------


def _decode(image: Image.Image, long_side: int) -> tuple[int, int]:
    """Decode `image` in place; (width, height) of the stored picture.

    A large JPEG is decoded at a half, a quarter or an eighth of its size, at least twice the size that is needed.
    """
    stored = image.size
    drafted = None
    if max(stored) >= 4 * long_side:
        height, width = fit_size(stored[1], stored[0], long_side)
        drafted = image.draft(None, (2 * width, 2 * height))  # None from anything but a JPEG
    with silenced_stderr() if image.format == "TIFF" else nullcontext():
        image.load()
    if image.mode in ("P", "PA") and image.palette is None:
        raise ValueError("the picture's palette is missing")
    return stored if drafted else image.size  # loading can rotate a TIFF, which swaps its sides
