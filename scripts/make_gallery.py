"""Paint the samples and scikit-image's astronaut, chelsea and coffee in all four styles.

    python scripts/make_gallery.py --out output/gallery [--strokes N] [--iterations N] [--only chelsea,coffee]

Leaves PNG, GIF and report of every painting, four styles of each picture side by side (NAME.jpg), a contact sheet of
all (sheet.jpg) and a table of figures (figures.json).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np
from tqdm import tqdm

from painter import PaintConfig, paint
from painter.config import STYLES
from painter.picture import load_picture
from painter.samples import SAMPLES, sample_path

PHOTOS = ("astronaut", "chelsea", "coffee")  # of skimage.data; all come with the package
CELL = 256  # pixels a side on the contact sheet
PANEL = 400  # pixels a side where the styles of one picture stand side by side
FIGURES = ("psnr", "ssim", "l1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("output/gallery"))
    parser.add_argument("--strokes", type=int, default=PaintConfig.strokes)
    parser.add_argument("--iterations", type=int, default=PaintConfig.iterations)
    parser.add_argument("--only", default="", help="names of pictures, separated by commas")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    names = [name for name in (*SAMPLES, *PHOTOS) if not args.only or name in args.only.split(",")]
    config = PaintConfig(strokes=args.strokes, iterations=args.iterations)
    figures: dict[str, dict[str, float]] = {}
    rows = []
    for name in tqdm(names):
        source = find_picture(name, args.out)
        row = [in_cell(source)]
        for style in STYLES:
            result = paint(source, replace(config, style=style))
            stem = args.out / f"{name}-{style}"
            result.save(stem.with_suffix(".png"), stem.with_suffix(".gif"))
            stem.with_suffix(".json").write_text(json.dumps(result.report, indent=2) + "\n")
            figures[stem.name] = {key: result.report[key] for key in FIGURES} | result.report["seconds"]
            tqdm.write(
                f"{stem.name:28} " + "  ".join(f"{key} {value:.3f}" for key, value in figures[stem.name].items())
            )
            row.append(in_cell(stem.with_suffix(".png")))
        rows.append(np.hstack(row))
        four = [on_checkers(args.out / f"{name}-{style}.png", PANEL) for style in STYLES]
        write_jpeg(args.out / f"{name}.jpg", np.vstack([np.hstack(four[:2]), np.hstack(four[2:])]))
    write_jpeg(args.out / "sheet.jpg", np.vstack(rows))
    (args.out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")


def find_picture(name: str, folder: Path) -> Path:
    """The file of a sample, or of scikit-image's picture, which is written to `folder` first."""
    if name in SAMPLES:
        return sample_path(name)
    import imageio.v3 as iio
    from skimage import data

    path = folder / f"{name}.png"
    iio.imwrite(path, getattr(data, name)())
    return path


def write_jpeg(path: Path, image: np.ndarray) -> None:
    cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


def on_checkers(path: Path, side: int) -> np.ndarray:
    """A picture, uint8 [H, W, 3] with `side` the longer; on checkers where it is transparent."""
    picture = load_picture(path, side)
    if picture.alpha is None:
        return np.round(picture.rgb * 255).astype(np.uint8)
    rows, columns = (np.arange(length) // 8 for length in picture.alpha.shape)
    checkers = 0.84 + 0.12 * (np.add.outer(rows, columns) % 2)
    alpha = picture.alpha[..., None]
    return np.round((picture.rgb * alpha + checkers[..., None] * (1 - alpha)) * 255).astype(np.uint8)


def in_cell(path: Path) -> np.ndarray:
    """A picture in the middle of a white cell of the contact sheet, uint8 [CELL, CELL, 3]."""
    image = on_checkers(path, CELL)
    height, width = image.shape[:2]
    cell = np.full((CELL, CELL, 3), 255, np.uint8)
    top, left = (CELL - height) // 2, (CELL - width) // 2
    cell[top : top + height, left : left + width] = image
    return cell


if __name__ == "__main__":
    main()
