"""Show what each control does: docs/presets.jpg and docs/controls.jpg, one painting per panel, its options below it.

python -m scripts.gallery.controls [--jobs 2] [--out docs] [--only presets|controls]
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from painter.pictures.samples import SAMPLES, sample_path
from scripts.gallery.photos import PHOTOS, paint_file, square_photo, write_photo
from scripts.gallery.sheet import on_checkers, write_jpeg

CELL, CAPTION = 300, 22  # pixels


@dataclass(frozen=True)
class Panel:
    """One painting: its options on the command line, and the part of it that is shown."""

    picture: str  # one of PHOTOS or SAMPLES
    options: str
    crop: tuple[float, float, float] = (0.0, 0.0, 1.0)  # left, top, side; fractions of the painting


FACE = (0.28, 0.06, 0.34)
PRESETS = (
    Panel("astronaut", "--preset portrait"),
    Panel("octahedron", "--preset logo"),
    Panel("rocket", "--preset landscape"),
    Panel("chelsea", "--preset sketch"),
    Panel("astronaut", "--preset popart"),
    Panel("chelsea", "--preset aquarelle"),
    Panel("coffee", "--preset illustration"),
    Panel("rocket", "--preset outdoors"),
    Panel("chelsea", "--preset canvas"),
    Panel("coffee", "--preset poster"),
)
CONTROLS = (
    Panel("astronaut", "--focus none", FACE),
    Panel("astronaut", "--focus auto", FACE),
    Panel("astronaut", "--focus helmet.png", (0.45, 0.6, 0.4)),
    Panel("astronaut", "--region person.png --canvas #f3e9d2"),
    Panel("coffee", "--palette 6 --style marker"),
    Panel("chelsea", "--tones 4 --style tape"),
    Panel("chelsea", "--brush leaf.png --strokes 900"),
    Panel("chelsea", "--relief 0.6", (0.2, 0.2, 0.5)),
    Panel("coffee", "--min-size 0.08 --strokes 200"),
    Panel("coffee", "--max-size 0.04 --strokes 1500"),
    Panel("coffee", "--opacity 0.1:0.4 --style marker"),
    Panel("coffee", "--levels 1 --style tape"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder for the JPEGs (%(default)s)")
    parser.add_argument(
        "--paintings", type=Path, default=Path("output/controls"), help="folder for paintings (%(default)s)"
    )
    parser.add_argument("--jobs", type=int, default=1, help="paintings at a time (%(default)s)")
    parser.add_argument("--only", choices=("presets", "controls"), help="make one of the two (default: both)")
    args = parser.parse_args()
    for folder in (args.out, args.paintings):
        folder.mkdir(parents=True, exist_ok=True)
    write_helpers(args.paintings)
    for name, panels, columns in (("presets", PRESETS, 5), ("controls", CONTROLS, 4)):
        if args.only in (None, name):
            with ThreadPoolExecutor(args.jobs) as pool:
                cells = list(pool.map(lambda panel: cell(panel, args.paintings), panels))
            rows = [np.hstack(cells[first : first + columns]) for first in range(0, len(cells), columns)]
            write_jpeg(args.out / f"{name}.jpg", np.vstack(rows))


def write_helpers(folder: Path) -> None:
    """Draw the masks and the brush that the panels' options name."""
    person = np.zeros((512, 512), np.uint8)
    outline = [(150, 100), (190, 20), (260, 10), (305, 60), (300, 150), (330, 250), (370, 330), (380, 512), (10, 512)]
    cv2.fillPoly(person, [np.array([*outline, (20, 330), (110, 220)], np.int32)], 255, cv2.LINE_AA)
    cv2.imwrite(str(folder / "person.png"), person)
    helmet = np.zeros((512, 512), np.uint8)
    cv2.ellipse(helmet, (400, 430), (110, 95), 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.imwrite(str(folder / "helmet.png"), cv2.GaussianBlur(helmet, (0, 0), 12))
    cv2.imwrite(str(folder / "leaf.png"), leaf())


def leaf(length: int = 400) -> np.ndarray:
    """A leaf, dark on white: uint8 [length / 2, length]."""
    y, x = np.mgrid[: length // 2, :length].astype(np.float32)
    along, across = x / length, (y - length / 4) / (length / 4)
    half = 0.9 * np.sin(np.pi * along.clip(0, 1) ** 0.8)
    body = np.clip((half - np.abs(across)) * 30, 0, 1)
    vein = np.abs(np.sin(22 * (along - 0.35 * np.abs(across)))) ** 6
    ink = body * (0.75 + 0.25 * (1 - vein)) * np.where(np.abs(across) < 0.03, 0.5, 1)
    levels: np.ndarray = np.uint8(255 - 255 * ink)
    return levels


def cell(panel: Panel, folder: Path) -> np.ndarray:
    """The painting, made unless it exists, and its caption: uint8 [CELL + CAPTION, CELL, 3] and a margin."""
    name = f"{panel.picture} {panel.options}".replace(" ", "-").replace("--", "").replace("#", "")
    png = folder / f"{name}.png"
    if not png.exists():
        source = sample_path(panel.picture) if panel.picture in SAMPLES else folder / f"{panel.picture}.png"
        if panel.picture in PHOTOS:
            write_photo(square_photo(panel.picture), source)
        words = [str(folder / word) if word.endswith(".png") else word for word in panel.options.split()]
        paint_file(source, png, words)
    left, top, side = panel.crop
    image = on_checkers(png, round(CELL / side))
    shown = image[round(top * len(image)) :, round(left * len(image)) :][:CELL, :CELL]
    caption = np.full((CAPTION, CELL, 3), 255, np.uint8)
    cv2.putText(caption, panel.options, (6, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
    return np.pad(np.vstack([shown, caption]), ((2, 2), (2, 2), (0, 0)), constant_values=255)


if __name__ == "__main__":
    main()
