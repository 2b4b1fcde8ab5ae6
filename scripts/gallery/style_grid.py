"""Show what style transfer does: docs/style-grid.jpg, content x style x mode, and docs/styled.jpg, before and after.

    python -m scripts.gallery.style_grid [--out docs] [--size 384] [--iterations 60] [--table]

Contents are scikit-image's photos and our samples; styles are drawn here or are scikit-image's; features are random, so
that no trained network is needed. `--table` prints instead what the weights of the losses do.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from painter import PaintConfig, Painting, RestyleConfig, paint, restyle
from painter.pictures.samples import sample_path
from scripts import ROOT
from scripts.gallery.photos import PHOTOS, full_photo, write_photo
from scripts.gallery.sheet import write_jpeg

CELL, GAP = 190, 4  # pixels
PIXEL_SIDE, PIXEL_STEPS = 384, 60  # of the pixel mode
DRAWN = 512  # side of the styles that are drawn here, pixels


@dataclass(frozen=True)
class Row:
    """One content in one style."""

    content: str  # one of PHOTOS or a sample
    brush: str
    style: str  # drawn here, or of skimage.data


ROWS = (
    Row("astronaut", "oilpaintbrush", "swirls"),
    Row("circuit_coin", "markerpen", "glass"),
    Row("chelsea", "rectangle", "glass"),
    Row("coffee", "watercolor", "immunohistochemistry"),
)


def swirls() -> np.ndarray:
    """uint8 [H, W, 3]: short strokes along a field with four swirls, in blues and yellows."""
    rng = np.random.default_rng(0)
    image = np.full((DRAWN, DRAWN, 3), (30, 45, 95), np.uint8)
    blues = np.array([(20, 30, 80), (35, 70, 140), (70, 120, 180), (120, 170, 200), (25, 40, 60)])
    yellows = np.array([(240, 210, 90), (250, 240, 180)])
    centres = np.array([(0.3, 0.35), (0.7, 0.6), (0.8, 0.15), (0.2, 0.85)])
    signs = np.array([1, -1, 1, -1])
    for _ in range(2600):
        place = rng.random(2)
        near = np.linalg.norm(place - centres, axis=1).min() < 0.08 and rng.random() < 0.7
        color = (yellows if near else blues)[rng.integers(2 if near else 5)] + rng.normal(0, 12, 3)
        points = [place]
        for _ in range(14):
            away = points[-1] - centres
            squares = (away**2).sum(axis=1)
            pull = 3 * signs * np.exp(-squares / 0.03) / np.sqrt(squares + 1e-4)
            bend = 0.6 * np.sin(4 * points[-1][0] + 2 * points[-1][1])
            step = np.array([np.cos(bend) - (pull * away[:, 1]).sum(), np.sin(bend) + (pull * away[:, 0]).sum()])
            points.append(points[-1] + 0.006 * step / np.linalg.norm(step))
        path = np.int32(np.array(points) * DRAWN * 16)
        cv2.polylines(image, [path], False, _ink(color), int(rng.integers(3, 8)), cv2.LINE_AA, 4)
    return image


def glass() -> np.ndarray:
    """uint8 [H, W, 3]: panes of vivid colours in dark lead."""
    rng = np.random.default_rng(1)
    image = np.zeros((DRAWN, DRAWN, 3), np.uint8)
    colors = np.array([
        (180, 30, 40), (220, 120, 30), (240, 200, 60), (30, 90, 160), (40, 140, 120), (90, 40, 120), (20, 60, 90),
        (230, 230, 210),
    ])  # fmt: skip
    division = cv2.Subdiv2D((0, 0, DRAWN, DRAWN))
    for place in rng.random((130, 2)) * DRAWN:
        division.insert((float(place[0]), float(place[1])))
    for pane in division.getVoronoiFacetList([])[0]:
        corners = np.asarray(pane).astype(np.int32)
        cv2.fillConvexPoly(image, corners, _ink(colors[rng.integers(8)] * rng.uniform(0.8, 1.1)), cv2.LINE_AA)
        cv2.polylines(image, [corners], True, (15, 12, 15), 7, cv2.LINE_AA)
    return image


def _ink(color: np.ndarray) -> tuple[float, ...]:
    return tuple(float(channel) for channel in np.clip(color, 0, 255))


def style_picture(name: str) -> np.ndarray:
    """uint8 [H, W, 3]."""
    drawn = {"swirls": swirls, "glass": glass}
    return drawn[name]() if name in drawn else full_photo(name)


def content_source(name: str) -> Path | np.ndarray:
    """A photo, or a sample's file."""
    return full_photo(name) if name in PHOTOS else sample_path(name)


def painted(row: Row, size: int) -> Painting:
    """The content, painted."""
    return paint(content_source(row.content), PaintConfig(style=row.brush, size=size, iterations=200)).painting


def on_pixels(row: Row, style: np.ndarray) -> np.ndarray:
    """The content in the style, by style transfer on pixels: uint8 [H, W, C]."""
    from painter.options.transfer import TransferConfig
    from painter.styling.inputs import load_sources
    from painter.styling.transfer import transfer

    config = TransferConfig(features="random", size=PIXEL_SIDE, iterations=PIXEL_STEPS)
    with tempfile.TemporaryDirectory() as folder:
        content = content_source(row.content)
        if isinstance(content, np.ndarray):
            content = write_photo(content, Path(folder, "content.png"))
        sources = load_sources(content, [write_photo(style, Path(folder, "style.png"))], config)
        return transfer(sources, config).image


def strip(images: list[np.ndarray], cell: int) -> np.ndarray:
    """Pictures side by side, each `cell` wide and as high as the first, cropped to fit: uint8 [h, w, 3]."""
    rows, columns = images[0].shape[:2]
    height = round(cell * rows / columns)
    cells = []
    for image in images:
        shown = _on_white(image) if image.shape[2] == 4 else image
        scale = max(height / shown.shape[0], cell / shown.shape[1])
        size = (max(height, round(shown.shape[0] * scale)), max(cell, round(shown.shape[1] * scale)))
        shown = cv2.resize(shown, size[::-1], interpolation=cv2.INTER_AREA)
        top, left = (size[0] - height) // 2, (size[1] - cell) // 2
        cells += [shown[top : top + height, left : left + cell], np.full((height, GAP, 3), 255, np.uint8)]
    return np.concatenate(cells[:-1], axis=1)


def _on_white(image: np.ndarray) -> np.ndarray:
    alpha = image[..., 3:] / 255
    return np.rint(image[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def make_grid(out: Path, size: int, iterations: int) -> None:
    """Make all rows: painting, style, colours, texture, pixels."""
    strips: list[np.ndarray] = []
    for row in ROWS:
        painting, style = painted(row, size), style_picture(row.style)
        images = [painting.draw(), style]
        for mode in ("color", "texture"):
            begin = time.perf_counter()
            done = restyle(painting, style, RestyleConfig(style_mode=mode, features="random", iterations=iterations))
            seconds = time.perf_counter() - begin
            print(f"{row} {mode}: {seconds:.0f} s, load {os.getloadavg()[0]:.1f}, {done.style}", flush=True)
            images.append(done.painting.draw())
        if not strips:
            write_jpeg(out / "styled.jpg", strip(images, 300))
        images.append(on_pixels(row, style))
        strips += [strip(images, CELL), np.full((GAP, 5 * CELL + 4 * GAP, 3), 255, np.uint8)]
        write_jpeg(out / "style-grid.jpg", np.concatenate(strips[:-1]))


def print_table(size: int, iterations: int) -> None:
    """What each weight does, as rows of Markdown."""
    row = ROWS[0]
    painting, style = painted(row, size), style_picture(row.style)
    plain = RestyleConfig(features="random", iterations=iterations)
    changes: list[dict[str, Any]] = [
        {}, {"style_weight": 0.1}, {"style_weight": 10.0}, {"content_weight": 0.0}, {"content_weight": 20.0},
        {"style_mode": "texture"}, {"style_mode": "texture", "style_weight": 10.0},
        {"style_mode": "texture", "content_loss": "features"}, {"style_mode": "texture", "style_size": size // 2},
    ]  # fmt: skip
    for change in changes:
        begin = time.perf_counter()
        done = restyle(painting, style, replace(plain, **change))
        seconds, options = time.perf_counter() - begin, " ".join(f"{k}={v}" for k, v in change.items()) or "defaults"
        assert done.style is not None
        before, after = done.style["before"], done.style["after"]
        figures = f"{before['style']:.2f} | {after['style']:.3f} | {after['content']:.3f}"
        print(f"| {options} | {figures} | {seconds:.0f} |  load {os.getloadavg()[0]:.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder (default: docs)")
    parser.add_argument("--size", type=int, default=384, help="of the paintings, pixels (%(default)s)")
    parser.add_argument("--iterations", type=int, default=60, help="of restyling (%(default)s)")
    parser.add_argument(
        "--table", action="store_true", help="print what the weights do, instead of making the pictures"
    )
    options = parser.parse_args()
    if options.table:
        print_table(options.size, options.iterations)
    else:
        make_grid(options.out, options.size, options.iterations)


if __name__ == "__main__":
    main()
