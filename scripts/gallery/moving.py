"""Sheets of a reveal and a morph, and how near reveals come to their pictures beside paintings of each alone.

    python -m scripts.gallery.moving [--strokes 400] [--size 320] [--out docs]

Prints a row for each pair of photos: the PSNR of the first half of the strokes to the first picture and of all of them
to the second, those of paintings of so many strokes alone, and what each took.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from painter import MorphConfig, PaintConfig, Painting, morph, paint, reveal
from scripts.gallery.photos import square_photo
from scripts.gallery.sheet import write_jpeg

PAIRS = (("astronaut", "chelsea"), ("coffee", "rocket"), ("rocket", "astronaut"))
CELLS, SHOWN = 6, 216  # pictures in a row and their sides, pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strokes", type=int, default=400, help="of a reveal; half of them for a morph (%(default)s)")
    parser.add_argument("--size", type=int, default=320, help="pixels (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="the folder of the sheets (%(default)s)")
    args = parser.parse_args()
    config = PaintConfig(strokes=args.strokes, size=args.size)
    half = PaintConfig(strokes=args.strokes // 2, size=args.size)
    print("| pictures | reveal | each alone | the second in half as many | CPU |\n|---|---|---|---|---|")
    for number, names in enumerate(PAIRS):
        photos = [square_photo(name) for name in names]
        begin = time.process_time()
        both = reveal(photos, config)
        took, begin = time.process_time() - begin, time.process_time()
        second = paint(photos[1], config)
        alone = time.process_time() - begin
        first, short = paint(photos[0], half), paint(photos[1], half)
        shown = [each["psnr"] for each in both.report["revealed"]]
        print(
            f"| {names[0]}, then {names[1]} | {shown[0]:.2f}, {shown[1]:.2f} dB | {first.report['psnr']:.2f}, "
            f"{second.report['psnr']:.2f} dB | {short.report['psnr']:.2f} dB | {took / alone:.2f} |",
            flush=True,
        )
        if number == 0:
            write_sheets(args.out, both.painting, first.painting, short.painting)


def write_sheets(folder: Path, revealed: Painting, first: Painting, second: Painting) -> None:
    """docs/reveal.jpg and docs/morph.jpg."""
    count = len(revealed.strokes)
    shares = [0.08, 0.25, 0.5, 0.56, 0.7, 1.0]
    write_jpeg(folder / "reveal.jpg", row(list(revealed.drawn_after([round(count * k) for k in shares], SHOWN))))
    turning = morph(first, second, MorphConfig(canvas="#806a5c"))
    write_jpeg(folder / "morph.jpg", row(list(turning.frames(SHOWN, CELLS))))


def row(pictures: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(pictures, axis=1)


if __name__ == "__main__":
    main()
