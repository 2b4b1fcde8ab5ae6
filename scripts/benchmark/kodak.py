"""A folder of pictures painted at their own size: what scripts/benchmark/run.py --kodak measures.

Intended for the pictures of the Kodak suite, 768 x 512 or 512 x 768 pixels: papers on vectorisation by gradient descent
publish the mean PSNR over its 24 pictures for a given number of shapes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from painter.errors import PictureError
from painter.pictures.picture import FORMATS, load_picture
from scripts.benchmark.figures import AGAINST_HEADING, HEADING, Painters, Row, against, grouped, line, means
from scripts.benchmark.targets import target
from scripts.benchmark.versions import Version
from scripts.gallery.photos import write_photo

STYLE = "oilpaintbrush"  # painted by default, and judged
COUNTS = (256, 512, 1024, 2048)
OPTIONS = ("--focus", "none")
SIDES = (16, 8192)  # pixels of the shortest and of the longest side that can be painted and measured

SUITE = 24  # pictures
# Mean PSNR in dB over all of the suite, as published, by the number of closed curves; minutes on an RTX 4090.
PUBLISHED: dict[str, dict[int, float]] = {
    "Vector Scaffolding": {256: 25.18, 512: 26.68, 1024: 28.30},
    "Bezier Splatting": {256: 24.19, 512: 25.61, 1024: 26.91},
}

# To be reached.
LEAST_PSNR = {256: 25.3, 512: 26.8, 1024: 28.5}  # dB, mean
MOST_SEARCH = 60.0  # seconds of two cores


def read_pictures(folder: Path) -> dict[str, np.ndarray]:
    """All pictures in a folder, in the order of their names, as uint8 [H, W, 3]; transparent ones on white.

    Raises:
        PictureError: there are none, or one of them cannot be read or painted; the message is a single line.
    """
    endings = {ending for ending, kind in Image.registered_extensions().items() if kind in FORMATS}
    if not folder.is_dir():
        raise PictureError(f"{folder} is not a folder")
    files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in endings and path.name[0] != "."]
    if not files:
        raise PictureError(f"there are no pictures in {folder}")
    stems = [path.stem for path in files]
    return {path.stem if stems.count(path.stem) == 1 else path.name: read_picture(path) for path in files}


def read_picture(path: Path) -> np.ndarray:
    """uint8 [H, W, 3], of the picture's own size and upright."""
    size = load_picture(path, SIDES[0]).size
    if min(size) < SIDES[0] or max(size) > SIDES[1]:
        raise PictureError(f"{path}: sides must have {SIDES[0]} to {SIDES[1]} pixels, not {size[1]} x {size[0]}")
    picture = load_picture(path, max(size))
    weight = 1 if picture.alpha is None else picture.alpha[..., None]
    pixels: np.ndarray = np.rint(255 * (picture.rgb * weight + 1 - weight)).astype(np.uint8)
    return pixels


def measure_kodak(
    pictures: Mapping[str, np.ndarray], styles: Sequence[str], counts: Sequence[int], versions: Sequence[Version]
) -> list[Row]:
    """Paint all pictures with each of these numbers of strokes, and print the figures.

    Args:
        pictures: uint8 [H, W, 3], by name.
        versions: this one, and optionally another.

    Returns:
        A row for each painting, see `Painters.paint`.
    """
    print_heading(len(pictures), len(versions) > 1)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pictures").mkdir()
        painters = Painters(versions, folder)
        files = [write_photo(pixels, folder / "pictures" / f"{name}.png") for name, pixels in pictures.items()]
        for style in styles:
            painters.warm_up(files[0], "--style", style, *OPTIONS)
            for strokes in counts:
                for file, pixels in zip(files, pictures.values(), strict=True):
                    rows.append(painters.paint(file, style, strokes, ("--size", str(max(pixels.shape)), *OPTIONS)))
                    print(line(rows[-1]) + against(rows[-1]), flush=True)
    print_means(rows)
    return rows


def as_json(rows: Sequence[Row]) -> dict[str, Any]:
    """All that was measured, with our means and the published ones."""
    pictures = list(dict.fromkeys(row["picture"] for row in rows))
    return {"pictures": pictures, "paintings": list(rows), "means": means(rows), "published_means": PUBLISHED}


def kodak_targets(rows: Sequence[Row]) -> list[Row]:
    """The targets and what was measured, in the style and for the numbers of strokes that have targets."""
    found = []
    for (style, strokes), group in grouped(rows, "style", "strokes"):
        if style == STYLE and strokes in LEAST_PSNR:
            what = f"{style}, Kodak, {strokes} strokes, {len(group)} pictures"
            mean = means(group)[0]["psnr"]
            found.append(target(f"{what}: mean PSNR, dB", mean, "at least", LEAST_PSNR[strokes]))
            most = max(row["search"] for row in group)
            found.append(target(f"{what}: most seconds of search", most, "at most", MOST_SEARCH))
    return found


# --- output -------------------------------------------------------------------------------------------------


def print_heading(pictures: int, two: bool) -> None:
    picture_name = "picture" if pictures == 1 else "pictures"
    print(
        f"\n{pictures} {picture_name} at their own size, default options {' '.join(OPTIONS)}; s: seconds of the process"
    )
    print(HEADING + (AGAINST_HEADING if two else ""))


def print_means(rows: Sequence[Row]) -> None:
    """Means beside the published ones, and how many pictures they are of."""
    count = len({row["picture"] for row in rows})
    picture_name = "picture" if count == 1 else "pictures"
    print(f"\nmeans over {count} {picture_name}; published, in dB: means over all {SUITE} of the Kodak suite")
    print(HEADING + "".join(f" | {name:>18}" for name in PUBLISHED) + (AGAINST_HEADING if "against" in rows[0] else ""))
    for mean in means(rows):
        published = [by_count.get(mean["strokes"]) for by_count in PUBLISHED.values()]
        beside = "".join(f" | {'-' if psnr is None else f'{psnr:.2f}':>18}" for psnr in published)
        print(line(mean) + beside + against(mean))
