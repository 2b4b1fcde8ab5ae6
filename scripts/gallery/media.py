"""A sheet that shows what texture does: details of large drawings, without it and with it, a row for each brush.

    python -m scripts.gallery.media [--photo coffee] [--size 3072] [--strokes 500] [--out docs/paint.jpg]

Columns: the painting with texture, reduced; a detail without texture; the same with it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from painter import PaintConfig, paint
from painter.options.paint import STYLES
from scripts.gallery.photos import PHOTOS, full_photo
from scripts.gallery.sheet import write_jpeg

CELL, GAP = 420, 6  # pixels
DETAIL = {"astronaut": (0.06, 0.30), "chelsea": (0.30, 0.28), "coffee": (0.30, 0.34), "rocket": (0.3, 0.4)}
"""Top left corner of the detail, as fractions of the picture's height and width."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", choices=PHOTOS, default="coffee", help="(%(default)s)")
    parser.add_argument("--size", type=int, default=3072, help="of the drawings, pixels (%(default)s)")
    parser.add_argument("--strokes", type=int, default=500, help="(%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("docs/paint.jpg"), help="(%(default)s)")
    args = parser.parse_args()
    rows = [row(args.photo, style, args.size, args.strokes) for style in STYLES]
    write_jpeg(args.out, np.concatenate(rows))


def row(photo: str, style: str, size: int, strokes: int) -> np.ndarray:
    """uint8 [CELL + GAP, W, 3]: one brush."""
    relief = 0.5 if style == "oilpaintbrush" else 0.0
    painting = paint(full_photo(photo), PaintConfig(style=style, strokes=strokes, relief=relief)).painting
    print(f"{style}: painted", flush=True)
    bare, textured = painting.draw_bare(size), painting.draw(size)
    height, width = textured.shape[:2]
    top, left = (round(part * side) for part, side in zip(DETAIL[photo], (height, width), strict=True))
    here = np.s_[top : top + CELL, left : left + CELL]
    overview = cv2.resize(textured, (round(CELL * width / height), CELL), interpolation=cv2.INTER_AREA)
    gap = np.full((CELL, GAP, 3), 255, np.uint8)
    cells = np.concatenate([overview, gap, bare[here], gap, textured[here]], axis=1)
    return np.pad(cells, ((0, GAP), (0, 0), (0, 0)), constant_values=255)


if __name__ == "__main__":
    main()
