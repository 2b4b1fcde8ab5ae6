"""Draw two style pictures, and with them make docs/transfer.jpg, an example of `transfer`, and docs/losses.jpg.

    python -m scripts.gallery.transfer [--styles FOLDER]

The losses are those of the cat on pixels and of the cat on strokes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from scipy.spatial import cKDTree

from scripts import ROOT

SIDE = 768  # of the styles, pixels
OPTIONS = ("--features", "random", "--size", "384", "--style-size", "640", "--iterations", "90")
ON_STROKES = ("--style-image", "swirls.png", "--style-mode", "texture", "--features", "random")
SHOWN = 300  # height in the README, pixels
GAP = 8
SEA = ((0.93, 0.78, 0.26), (0.16, 0.33, 0.66), (0.35, 0.60, 0.80), (0.08, 0.12, 0.30), (0.90, 0.90, 0.78),
       (0.22, 0.45, 0.55), (0.75, 0.45, 0.15))  # fmt: skip
GLASS = ((0.80, 0.25, 0.15), (0.95, 0.75, 0.30), (0.15, 0.45, 0.45), (0.90, 0.88, 0.80), (0.25, 0.20, 0.30),
         (0.50, 0.65, 0.35))  # fmt: skip


def main() -> None:
    """Draw the styles, or make both rows of pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--styles", type=Path, metavar="FOLDER", help="only draw the style pictures, into this folder")
    options = parser.parse_args()
    if options.styles is not None:
        draw_styles(options.styles)
        return
    from skimage import data

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_styles(folder)
        Image.fromarray(data.chelsea()).save(folder / "cat.png")
        on_pixels = ["transfer", "cat.png", "mosaic.png", *OPTIONS, "-o", "result.png", "--losses", "pixels.png"]
        on_strokes = ["cat.png", *ON_STROKES, "-o", "strokes.png", "--losses", "steps.png"]
        for words in (on_pixels, on_strokes):
            subprocess.run([sys.executable, str(ROOT / "paint.py"), *words], cwd=folder, check=True)
        save_row("transfer", [folder / file for file in ("cat.png", "mosaic.png", "result.png")])
        save_row("losses", [folder / file for file in ("pixels.png", "steps.png")])


def save_row(name: str, files: list[Path]) -> None:
    """Pictures side by side, as docs/NAME.jpg."""
    shown = [_at_height(file) for file in files]
    sheet = Image.new("RGB", (sum(picture.width + GAP for picture in shown) - GAP, SHOWN), "white")
    left = 0
    for picture in shown:
        sheet.paste(picture, (left, 0))
        left += picture.width + GAP
    sheet.save(ROOT / "docs" / f"{name}.jpg", quality=86)


def draw_styles(folder: Path) -> None:
    """swirls.png and mosaic.png."""
    random = np.random.default_rng(4)
    for name, draw in (("swirls", swirls), ("mosaic", mosaic)):
        Image.fromarray((draw(random) * 255).astype(np.uint8)).save(folder / f"{name}.png")


def swirls(random: np.random.Generator) -> np.ndarray:
    """[SIDE, SIDE, 3] in [0, 1]: short strokes along a field of waves, in the colours of a night at sea."""
    image = np.full((SIDE, SIDE, 3), (0.10, 0.16, 0.36), np.float32)
    colors, shares = np.array(SEA), (0.14, 0.28, 0.20, 0.16, 0.06, 0.11, 0.05)
    regions = cv2.resize(random.random((7, 7)).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    for _ in range(5200):
        x, y = random.random(2)
        here = regions[int(y * (SIDE - 1)), int(x * (SIDE - 1))]
        often = random.random() < 0.5
        color = colors[random.choice(7, p=shares)] if often else colors[int(np.clip(here * 7, 0, 6))]
        color = np.clip(color + random.normal(0, 0.04, 3), 0, 1)
        points = []
        for _ in range(10):
            points.append((int(x * SIDE), int(y * SIDE)))
            angle = 2.2 * np.sin(2.1 * x * 6.28 + 1.3) + 1.7 * np.cos(1.6 * y * 6.28 + x * 4)
            x, y = x + np.cos(angle) * 0.006, y + np.sin(angle) * 0.006
        line = [np.array(points)]
        cv2.polylines(image, line, False, color.tolist(), int(random.integers(3, 9)), cv2.LINE_AA)
    return image


def mosaic(random: np.random.Generator) -> np.ndarray:
    """[SIDE, SIDE, 3] in [0, 1]: cells around random points, with dark joints."""
    points = random.random((900, 2)) * SIDE
    y, x = np.mgrid[:SIDE, :SIDE]
    distances, owners = cKDTree(points).query(np.stack([x.ravel(), y.ravel()], 1), k=2)
    cells = np.array(GLASS)[random.integers(0, len(GLASS), len(points))] + random.normal(0, 0.05, (len(points), 3))
    image = np.clip(cells, 0, 1)[owners[:, 0]]
    image[distances[:, 1] - distances[:, 0] < 2.5] = (0.12, 0.10, 0.10)
    square: np.ndarray = image.reshape(SIDE, SIDE, 3)
    return square


def _at_height(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        width = round(picture.width * SHOWN / picture.height)
        small: Image.Image = picture.convert("RGB").resize((width, SHOWN), Image.Resampling.LANCZOS)
        return small


if __name__ == "__main__":
    main()
