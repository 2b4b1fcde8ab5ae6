"""One sheet of paintings by another version of Impasto and by this one, to show a change of the search.

    python -m scripts.gallery.before_after --against FOLDER [--style S] [--seconds T] [--out docs/before-after.jpg]

A row for each photo, and one for the astronaut's face, enlarged. Columns: the picture, the other version with its
default options, this one with its default options, and this one with T seconds of search.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cv2
import imageio.v3 as iio
import numpy as np

from painter.options.paint import STYLES
from painter.pictures.focus import find_faces
from painter.system.atomic import replacing
from scripts.benchmark.versions import Version, find_version
from scripts.gallery.photos import PHOTOS, SIDE, square_photo, write_photo

CELL, GAP, HEADING, MARGIN = 384, 4, 26, 0.35  # pixels; the margin around a face as a fraction of its side
QUALITY = 82  # of the JPEG


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, required=True, help="a checkout of another version")
    parser.add_argument("--style", choices=STYLES, default=STYLES[0], help="(%(default)s)")
    parser.add_argument("--seconds", type=float, default=12.0, help="of search, in the last column (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("docs/before-after.jpg"), help="(%(default)s)")
    args = parser.parse_args()
    other, ours = find_version(args.against), find_version()
    more = ("--seconds", str(args.seconds))
    makers = ((other, ()), (ours, ()), (ours, more))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in PHOTOS:
            source = write_photo(square_photo(name), Path(folder) / f"{name}.png")
            row = [iio.imread(source)]
            row += [painted(version, source, ("--style", args.style, *words)) for version, words in makers]
            rows.append(row)
            face = face_of(row[0])
            if face is not None:
                rows.append([image[face] for image in row])
    titles = ("picture", f"before, {other.number}", "now", f"now, {args.seconds:g} s of search")
    with replacing(args.out) as temporary:
        cv2.imwrite(str(temporary), sheet(rows, titles)[:, :, ::-1], (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    print(f"wrote {args.out}")


def painted(version: Version, source: Path, words: tuple[str, ...]) -> np.ndarray:
    """uint8 [SIDE, SIDE, 3]: the photo painted by a version."""
    png = source.with_name("painting.png")
    report, _ = version.paint(source, png, ("--size", str(SIDE), *words))
    print(f"{source.stem}, {version.number}: {report['psnr']:.2f} dB, {report['seconds']['search']:.1f} s", flush=True)
    image: np.ndarray = iio.imread(png)
    return image


def face_of(image: np.ndarray) -> tuple[slice, slice] | None:
    """Rows and columns of the largest face, with a margin; None if there is no face."""
    faces = find_faces(image.astype(np.float32) / 255)
    if not faces:
        return None
    x, y, width, height = faces[0]
    across, down = round(MARGIN * width), round(MARGIN * height)
    return slice(max(0, y - down), y + height + down), slice(max(0, x - across), x + width + across)


def sheet(rows: list[list[np.ndarray]], titles: tuple[str, ...]) -> np.ndarray:
    """All images as cells under their titles: uint8 [H, W, 3]."""
    step = CELL + GAP
    canvas = np.full((HEADING + step * len(rows), step * len(titles), 3), 255, np.uint8)
    for column, title in enumerate(titles):
        place = (column * step + 4, HEADING - 8)
        cv2.putText(canvas, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
        for row, images in enumerate(rows):
            top, left = HEADING + row * step, column * step
            cell = cv2.resize(images[column], (CELL, CELL), interpolation=cv2.INTER_AREA)
            canvas[top : top + CELL, left : left + CELL] = cell
    return canvas


if __name__ == "__main__":
    main()
