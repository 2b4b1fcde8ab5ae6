"""Paint with a brush of your own: the shape of every stroke is a small picture, here a leaf that is drawn first.

    python examples/custom_brush.py [PICTURE] [--brush TIP.png] [--strokes 400] [--size 512] [--out output]

A tip may be any picture: its transparency counts, or dark marks on white, or light ones on black.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from painter import PaintConfig, paint
from painter.pictures.samples import sample_path

parser = argparse.ArgumentParser(description="Paint with a brush of your own.")
parser.add_argument("picture", nargs="?", type=Path, default=sample_path())
parser.add_argument("--brush", type=Path, help="a picture of the tip (default: a leaf)")
parser.add_argument("--strokes", type=int, default=400)
parser.add_argument("--size", type=int, default=512, help="longer side in pixels")
parser.add_argument("--out", type=Path, default=Path("output"), help="folder")


def leaf(height: int = 96, width: int = 192) -> np.ndarray:
    """A leaf with a vein along its middle, dark on white: uint8 [height, width]."""
    v, u = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    inside = np.abs(v) < 0.9 * (1 - u**2)
    vein = np.abs(v) < 0.05
    return np.where(inside & ~vein, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    tip = options.brush
    if tip is None:
        tip = options.out / "leaf.png"
        Image.fromarray(leaf()).save(tip)
    result = paint(options.picture, PaintConfig(brush=str(tip), strokes=options.strokes, size=options.size))
    stem = options.out / f"{options.picture.stem}-{tip.stem}"
    result.save(f"{stem}.png", f"{stem}.svg")
    print(f"wrote {stem}.png and {stem}.svg, painted with {tip}")
