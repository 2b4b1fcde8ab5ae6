"""How near contents come to styles, and what stays of them: pixels, restyled strokes and style-then-paint, as a table.

    python -m scripts.benchmark.styles [--size 256] [--contents C,C] [--styles S,S] [--sheet | --grid]

For each content and style: the pixels of `transfer` with 150 steps and without focus; strokes of the painted content
given the style (`--style-mode texture`, as `restyle` does); and `--style-mode paint`, with as many strokes. Style:
distance of Gram matrices in EfficientNet-Lite0, which nothing here optimises, from the style. Face: SSIM of luminance
in the content's largest face, and whether MTCNN finds a face there again. CPU seconds of all threads. What has been
measured is kept in the folder and not measured again; --sheet draws the sheet of all that is there, --grid only
what was painted, contents by styles.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as painter.cli has it, before torch is imported

import cv2
import numpy as np
from skimage import data
from skimage.metrics import structural_similarity

from painter import PaintConfig, RestyleConfig, paint, restyle
from painter.options.paint import STYLED_STROKES
from painter.options.transfer import TransferConfig
from painter.pictures.arrays import LABEL, Arrays
from painter.pictures.face_networks import Face, find_face_landmarks
from painter.pictures.picture import picture_from_array
from painter.pictures.pixels import LUMINANCE
from painter.pictures.resizing import fit_size, resize_image
from painter.styling.inputs import make_sources
from painter.styling.transfer import transfer
from scripts.benchmark.lite import style_distance
from scripts.gallery import style_grid, style_pictures

CONTENTS = ("astronaut", "coffee", "chelsea", "camera", "rocket", "portrait")
STYLES = ("mosaic", "swirls", "woodcut", "cubes", "pointillist", "glass", "tissue")
WAYS = ("pixels", "restyle", "paint")
CELL, GAP = 170, 3  # pixels of the sheet


def main() -> None:
    """Measure what has not been, and print the table of all there is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=256, help="long side, pixels (%(default)s)")
    parser.add_argument("--contents", default=",".join(CONTENTS))
    parser.add_argument("--styles", default=",".join(STYLES))
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--out", type=Path, default=Path("output/styles"))
    drawn = parser.add_mutually_exclusive_group()
    drawn.add_argument("--sheet", action="store_true", help="draw sheet.jpg of what is there, and measure nothing")
    drawn.add_argument("--grid", action="store_true", help="draw grid.jpg of what was painted, and measure nothing")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "figures.json"
    figures: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    contents, styles = options.contents.split(","), options.styles.split(",")
    for content in contents if not (options.sheet or options.grid) else ():
        for style in styles:
            for way in options.ways.split(","):
                name = f"{content}-{style}-{way}"
                if name not in figures:
                    figures[name] = measure(content, style, way, options.size, options.out / f"{name}.png")
                    file.write_text(json.dumps(figures, indent=1))
    print_table(figures)
    if options.sheet:
        draw_sheet(figures, options.out, options.size)
    if options.grid:
        draw_grid(contents, styles, options.out, options.size)


def content_picture(name: str, size: int) -> np.ndarray:
    """uint8 [H, W, 3]"""
    image = data.astronaut()[:240, 100:340] if name == "portrait" else getattr(data, name)()
    return _fitted(image if image.ndim == 3 else np.dstack([image] * 3), size)


def style_picture(name: str, size: int) -> np.ndarray:
    """uint8 [H, W, 3]"""
    drawn = getattr(style_pictures, name, None) or getattr(style_grid, name)
    return _fitted(drawn(), size)


def _fitted(image: np.ndarray, size: int) -> np.ndarray:
    rows, columns = image.shape[:2]
    smaller = resize_image(image.astype(np.float32) / 255, *fit_size(rows, columns, size))
    return np.asarray(np.rint(np.clip(smaller, 0, 1) * 255).astype(np.uint8))


def by_pixels(content: np.ndarray, style: np.ndarray, size: int) -> np.ndarray:
    config = TransferConfig(size=size, iterations=150, focus="none")
    sources = make_sources(picture_from_array(content, size), [picture_from_array(style, size)], config)
    return transfer(sources, config).image


def by_restyle(content: np.ndarray, style: np.ndarray, size: int) -> np.ndarray:
    painting = paint(content, PaintConfig(size=size, strokes=STYLED_STROKES, texture=0.0)).painting
    return restyle(painting, style, RestyleConfig(style_mode="texture")).painting.draw()


def by_paint(content: np.ndarray, style: np.ndarray, size: int) -> np.ndarray:
    config = PaintConfig(style_image=LABEL, style_mode="paint", strokes=STYLED_STROKES, size=size, texture=0.0)
    return paint(content, config, arrays=Arrays(style=style)).image


MAKERS: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
    "pixels": by_pixels, "restyle": by_restyle, "paint": by_paint,
}  # fmt: skip


def measure(content: str, style: str, way: str, size: int, file: Path) -> dict[str, Any]:
    """Make one picture, keep it, and its figures."""
    before, wanted = content_picture(content, size), style_picture(style, size)
    start = time.process_time()
    image = MAKERS[way](before, wanted, size)
    seconds = time.process_time() - start
    cv2.imwrite(str(file), image[..., ::-1])
    found: dict[str, Any] = {"style": style_distance(image, wanted), "cpu": seconds}
    found["content"] = style_distance(before, wanted)
    for face in find_face_landmarks(before.astype(np.float32) / 255)[:1]:
        found["ssim"], found["found"] = face_similarity(image, before, face), face_again(image, face)
    print(content, style, way, {name: round(value, 3) for name, value in found.items()}, flush=True)
    return found


def face_similarity(image: np.ndarray, before: np.ndarray, face: Face) -> float:
    """SSIM of luminance in the face's box."""
    left, top = max(0, round(face.x - face.width / 2)), max(0, round(face.y - face.height / 2))
    part = np.s_[top : round(face.y + face.height / 2), left : round(face.x + face.width / 2)]
    ours, theirs = (one[part].astype(np.float32) @ LUMINANCE for one in (image, before))
    return float(structural_similarity(ours, theirs, data_range=255))


def face_again(image: np.ndarray, face: Face) -> bool:
    """Whether a face is found whose centre is within half a width of where it was."""
    found = find_face_landmarks(image.astype(np.float32) / 255)
    return any(np.hypot(one.x - face.x, one.y - face.y) < face.width / 2 for one in found)


def print_table(figures: dict[str, Any]) -> None:
    """A Markdown table of all pairs, - for what was not made."""
    print("| content, style | style: content, " + ", ".join(WAYS) + " | SSIM in the face (found) | CPU s |")
    print("|---|---|---|---|")
    for pair in dict.fromkeys(name.rsplit("-", 1)[0] for name in figures):
        rows = [figures.get(f"{pair}-{way}") for way in WAYS]
        content = next(row["content"] for row in rows if row is not None)
        style = [f"{content:.3f}", *("-" if row is None else f"{row['style']:.3f}" for row in rows)]
        faces = ["-" if row is None or "ssim" not in row else _face_cell(row) for row in rows]
        seconds = ["-" if row is None else f"{row['cpu']:.0f}" for row in rows]
        print(f"| {pair.replace('-', ', ')} | {', '.join(style)} | {', '.join(faces)} | {', '.join(seconds)} |")


def _face_cell(row: dict[str, Any]) -> str:
    return f"{row['ssim']:.2f} ({'yes' if row['found'] else 'no'})"


def draw_sheet(figures: dict[str, Any], folder: Path, size: int) -> None:
    """content, style, pixels, restyle, paint: one row a pair."""
    rows = []
    for pair in dict.fromkeys(name.rsplit("-", 1)[0] for name in figures):
        files = [folder / f"{pair}-{way}.png" for way in WAYS]
        if not all(file.is_file() for file in files):
            continue
        content, style = pair.split("-")
        cells = [content_picture(content, size), style_picture(style, size)]
        cells += [np.asarray(cv2.imread(str(file)))[..., ::-1] for file in files]
        rows.append(np.hstack([_cell(cell) for cell in cells]))
    if not rows:
        print(f"nothing to draw: {folder} has no pair that was made in all of {', '.join(WAYS)}")
        return
    cv2.imwrite(str(folder / "sheet.jpg"), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


def draw_grid(contents: Sequence[str], styles: Sequence[str], folder: Path, size: int) -> None:
    """Styles along the top, contents down the left side, between them what was painted; white where nothing is."""
    white = np.full((size, size, 3), 255, np.uint8)
    rows = [[white, *(style_picture(style, size) for style in styles)]]
    for content in contents:
        painted = [cv2.imread(str(folder / f"{content}-{style}-paint.png")) for style in styles]
        rows.append([content_picture(content, size), *(white if cell is None else cell[..., ::-1] for cell in painted)])
    image = np.vstack([np.hstack([_cell(cell) for cell in row]) for row in rows])
    cv2.imwrite(str(folder / "grid.jpg"), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


def _cell(image: np.ndarray) -> np.ndarray:
    """The middle square at CELL pixels, with a white rim."""
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    small = cv2.resize(image[top : top + side, left : left + side], (CELL, CELL), interpolation=cv2.INTER_AREA)
    return np.pad(small, ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


if __name__ == "__main__":
    main()
