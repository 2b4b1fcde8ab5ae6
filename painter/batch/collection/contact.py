"""The contact sheet: a grid of all tokens, or of some of them if there are very many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from painter.errors import PictureError, one_line

MAX_SHOWN = {"png": 400, "gif": 100}  # tokens on a sheet, by image format: reading the last frame of a GIF is slow
_CELL, _GAP, _LABEL = 128, 14, 16  # pixels: a picture's longer side, the gap between pictures, the height of its number
_PAPER, _INK = (250, 249, 246), (110, 108, 104)


def shown_on_sheet(numbers: Sequence[int], most: int) -> list[int]:
    """At most `most` of the numbers, evenly spread, including the first and the last."""
    if len(numbers) <= most:
        return list(numbers)
    return [numbers[round(k * (len(numbers) - 1) / (most - 1))] for k in range(most)]


def contact_sheet(pictures: Sequence[tuple[int, Path]]) -> Image.Image:
    """A grid of pictures with their numbers below them.

    Args:
        pictures: at least one (number, file), PNG or GIF; of a GIF the last frame is shown.

    Returns:
        An RGB image.

    Raises:
        PictureError: one cannot be read.
    """
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    across, down = _CELL + _GAP, _CELL + _LABEL + _GAP
    sheet = Image.new("RGB", (_GAP + columns * across, _GAP + rows * down), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for k, (number, path) in enumerate(pictures):
        left, top = _GAP + k % columns * across, _GAP + k // columns * down
        small = _small(path)
        place = left + (_CELL - small.width) // 2, top + (_CELL - small.height) // 2
        sheet.paste(small, place, small)
        draw.text((left + _CELL // 2, top + _CELL + _LABEL // 2 + 1), str(number), _INK, font, anchor="mm")
    return sheet


def _small(path: Path) -> Image.Image:
    """The picture as RGBA, with a longer side of _CELL pixels."""
    try:
        with Image.open(path, formats=("PNG", "GIF")) as image:
            image.seek(getattr(image, "n_frames", 1) - 1)
            picture = image.convert("RGBa")  # premultiplied, so that colours behind transparency do not show
    except (OSError, ValueError, SyntaxError) as error:
        raise PictureError(f"cannot read {one_line(path)}: it is damaged; run the collection again") from error
    scale = _CELL / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    small: Image.Image = picture.resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    return small
