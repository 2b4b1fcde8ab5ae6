"""Reading one picture of a collection, in the collection's form.

Most collections are thousands of plain 8-bit pictures; Pillow reduces those ten times as fast as
`painter.pictures.picture.load_picture`, which reads all others.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from painter.errors import PictureError, one_line
from painter.learning.form import Form, own_size
from painter.learning.pixel_art import block_side, in_blocks
from painter.pictures.picture import FORMATS, MAX_MEGAPIXELS, load_picture
from painter.pictures.pixels import read_orientation

_PLAIN = ("1", "L", "LA", "P", "RGB", "RGBA")  # modes of 8 bits and sRGB, where there is no ICC profile
_OVERSAMPLING = 4  # sides of a picture that the careful reader reads, in sides of the form


def read_plainly(path: Path, form: Form) -> Image.Image | None:
    """A plain 8-bit picture as RGBA; None for all that needs `read_carefully`, broken pictures among them.

    To be called within `painter.pictures.picture.quiet_pillow`, from any thread.
    """
    with suppress(Exception), Image.open(path, formats=FORMATS) as image:
        if image.mode not in _PLAIN or image.info.get("icc_profile") or read_orientation(image) != 1:
            return None
        if min(image.size) < 1 or image.width * image.height > MAX_MEGAPIXELS * 1_000_000:
            return None
        if form.native is None:
            image.draft(None, (2 * _OVERSAMPLING * form.size, 2 * _OVERSAMPLING * form.size))  # a JPEG: decode less
        plain: Image.Image = image.convert("RGBA")
        return plain
    return None


def read_carefully(path: Path, form: Form) -> Image.Image:
    """Any picture as RGBA, reduced to a few times the form's size.

    Raises:
        PictureError: it cannot be read.
    """
    size = own_size(path)
    largest = _OVERSAMPLING * form.size
    if size is not None:
        largest = max(size) if form.native is not None and max(size) <= 4096 else min(largest, max(size))
    picture = load_picture(path, largest)
    alpha = np.ones(picture.rgb.shape[:2], np.float32) if picture.alpha is None else picture.alpha
    return Image.fromarray(np.rint(np.dstack((picture.rgb, alpha)) * 255).astype(np.uint8))


def in_form(image: Image.Image, form: Form, scale: int, widest: float, path: Path) -> np.ndarray | None:
    """An RGBA picture in the collection's form: uint8 [S, S, 4], S = scale * form.size.

    A picture of another shape is cropped at its longer sides.

    Args:
        scale: 1 or 2; of scale 2, which pixel art does not have, only pictures that are large enough give anything.
        widest: how much longer than the form's shape a picture may be, as a ratio.
        path: for messages.

    Raises:
        PictureError: it is far longer.
    """
    content = (form.content[0] * scale, form.content[1] * scale)
    if form.native is not None:
        small = _pixel_art(image, form.native)
        times = form.content[0] // form.native[0]
        return form.padded(small.repeat(times, 0).repeat(times, 1))
    fit = min(image.height / content[0], image.width / content[1])  # source pixels for one of ours
    if max(image.height / content[0], image.width / content[1]) > widest * fit:
        shapes = [round(width / height, 2) for height, width in ((image.height, image.width), content)]
        wrong = f"it is {shapes[0]:g} times as wide as high, and the others {shapes[1]:g} times"
        raise PictureError(f"cannot use {one_line(path)}: {wrong}; crop it or leave it out")
    if scale > 1 and fit < 1:
        return None
    height, width = content[0] * fit, content[1] * fit
    top, left = (image.height - height) / 2, (image.width - width) / 2
    method = Image.Resampling.BOX if fit >= 1 else Image.Resampling.BICUBIC
    reduced = image.convert("RGBa").resize(content[::-1], method, (left, top, left + width, top + height))
    enlarged = Form(form.size * scale, content)
    return enlarged.padded(np.asarray(reduced.convert("RGBA")))


def _pixel_art(image: Image.Image, native: tuple[int, int]) -> np.ndarray:
    """uint8 [height, width, 4] in its own pixels; exact if it is made of blocks, else its area averages."""
    pixels = np.asarray(image)
    small = in_blocks(pixels, block_side(pixels))
    if small.shape[:2] == native:
        return small
    for side in range(2, native[0] // max(1, small.shape[0]) + 1):  # a piece of few, large blocks by chance
        if (small.shape[0] * side, small.shape[1] * side) == native:
            return small.repeat(side, 0).repeat(side, 1)
    return np.asarray(image.convert("RGBa").resize(native[::-1], Image.Resampling.BOX).convert("RGBA"))
