"""Tubes mixed as numbers of sRGB, above, and as pigments, below: a strip for each pair of tubes.

python -m scripts.gallery.mixing [--out docs/mixing.jpg]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from painter.pictures.color import levels_of
from painter.pictures.tubes import TUBES
from renderers.spectra import mix_pigments
from scripts.gallery.sheet import write_jpeg

PAIRS = (
    ("ultramarine", "yellow"), ("phthalo", "lemon"), ("cerulean", "lemon"), ("red", "white"),
    ("ultramarine", "white"), ("magenta", "cerulean"), ("umber", "white"), ("crimson", "ultramarine"),
)  # fmt: skip
WIDTH, HEIGHT, CAPTION, COLUMNS = 380, 56, 20, 2  # pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/mixing.jpg"), help="(%(default)s)")
    args = parser.parse_args()
    cells = [strip(*pair) for pair in PAIRS]
    rows = [np.hstack(cells[first : first + COLUMNS]) for first in range(0, len(cells), COLUMNS)]
    write_jpeg(args.out, np.vstack(rows))


def strip(first: str, second: str) -> np.ndarray:
    """uint8 [2 · HEIGHT + CAPTION, WIDTH, 3] and a margin: from one tube to the other, and their names."""
    ends = np.array([levels_of(TUBES[name].color) for name in (first, second)]) / 255
    share = np.linspace(0, 1, WIDTH)
    parts = np.stack([1 - share, share], axis=1)
    both = np.stack([parts @ ends, mix_pigments(ends, parts)])
    colors = np.repeat(np.rint(both * 255).astype(np.uint8), HEIGHT, axis=0)
    caption = np.full((CAPTION, WIDTH, 3), 255, np.uint8)
    text = f"{first} and {second}"
    cv2.putText(caption, text, (2, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
    return np.pad(np.vstack([colors, caption]), ((4, 4), (6, 6), (0, 0)), constant_values=255)


if __name__ == "__main__":
    main()
