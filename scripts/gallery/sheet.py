"""Contact sheets: four photos and the sample logos in all four styles, a sheet for each count of strokes.

    python -m scripts.gallery.sheet [--counts 200,500,2000] [--jobs 2] [--only rocket,octahedron] [--out docs]
    python -m scripts.gallery.sheet --readme

Writes sheet-COUNT.jpg (a row for each picture: the picture, then the styles) and sheet.json (figures and seconds) to
--out; with --readme the README's cat.jpg, styles.jpg and logo.jpg instead. The paintings and their reports are written
to --paintings; those that exist already, of the same picture and options, are not painted again, so that a run that was
stopped can be resumed.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from painter.options.fields import option_name
from painter.options.paint import STYLES, PaintConfig
from painter.pictures.picture import load_picture
from painter.pictures.samples import SAMPLES, sample_path
from painter.system.atomic import replacing
from scripts.gallery.photos import PHOTOS, full_photo, paint_file, square_photo, write_photo

COUNTS = (200, 500, 2000)
CELL, GAP, HEADING = 224, 4, 22  # pixels: a picture's side, between two of them, above them
MOST_BYTES = 700_000  # of a JPEG
QUALITIES = (85, 80, 75, 70, 60, 50)  # of a JPEG: the first with fewer bytes than that
FIGURES = ("psnr", "ssim", "l1", "alpha_iou")
ONE_CORE = {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
# The README's pictures: uncropped photo or sample, strokes, styles, and the longer side of each, pixels.
README = {
    "cat": ("chelsea", 500, STYLES[:1], 800),
    "styles": ("chelsea", 150, STYLES, 400),
    "logo": ("apple_coin", 500, STYLES, 400),
}


@dataclass(frozen=True)
class Order:
    """A painting that a sheet shows."""

    picture: Path
    config: PaintConfig
    folder: Path

    @property
    def png(self) -> Path:
        """Its file; its report is beside it, ending in .json."""
        return self.folder / f"{self.picture.stem}-{self.config.style}-{self.config.strokes}.png"

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.png.with_suffix(".json").read_text())
        return report

    def is_done(self) -> bool:
        """Whether it exists, finished, of the same picture and options."""
        try:
            report = self.report
            same_picture = report["input"]["sha256"] == hashlib.sha256(self.picture.read_bytes()).hexdigest()
            same_options = report["config"] == asdict(self.config)
            return same_picture and same_options and not report["interrupted"] and self.png.exists()
        except (OSError, ValueError, KeyError):
            return False


def main() -> None:
    args = read_options()
    for folder in (args.out, args.paintings):
        folder.mkdir(parents=True, exist_ok=True)
    if args.readme:
        make_readme_pictures(args)
    else:
        make_sheets(args)


def read_options() -> argparse.Namespace:
    names = (*PHOTOS, *SAMPLES)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readme", action="store_true", help="make the README's pictures instead of the sheets")
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)), help="numbers of strokes (%(default)s)")
    parser.add_argument("--only", default=",".join(names), help="names of pictures (%(default)s)")
    parser.add_argument("--styles", default=",".join(STYLES), help="styles (%(default)s)")
    parser.add_argument("--size", type=int, default=PaintConfig.size, help="of paintings, pixels (%(default)s)")
    parser.add_argument("--iterations", type=int, help="of each search (default: that of paint.py)")
    parser.add_argument(
        "--jobs", type=int, default=1, help="paintings at a time; if several, each on one core (%(default)s)"
    )
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder for JPEGs and figures (%(default)s)")
    parser.add_argument(
        "--paintings", type=Path, default=Path("output/sheet"), help="folder for paintings and reports (%(default)s)"
    )
    args = parser.parse_args()
    for option, known in (("only", names), ("styles", STYLES)):
        setattr(args, option, tuple(getattr(args, option).split(",")))
        if not set(getattr(args, option)) <= set(known):
            parser.error(f"argument --{option}: choose from {', '.join(known)}")
    try:
        args.counts = tuple(map(int, args.counts.split(",")))
    except ValueError:
        parser.error(f"argument --counts: must be whole numbers separated by commas, not {args.counts}")
    if args.jobs < 1:
        parser.error(f"argument --jobs: must be at least 1, not {args.jobs}")
    return args


def chosen(args: argparse.Namespace) -> dict[str, Any]:
    """Fields of PaintConfig that were given for the search."""
    return {} if args.iterations is None else {"iterations": args.iterations}


# --- paintings ----------------------------------------------------------------------------------------------


def paint_all(orders: Sequence[Order], jobs: int) -> None:
    """Paint what does not exist yet, `jobs` at a time: each on one core if there are several, otherwise on all."""
    missing = [order for order in orders if not order.is_done()]
    environment = {**os.environ, **(ONE_CORE if jobs > 1 else {})}
    cores: SimpleQueue[int] = SimpleQueue()
    if jobs > 1 and hasattr(os, "sched_setaffinity"):
        for core in itertools.islice(itertools.cycle(sorted(os.sched_getaffinity(0))), jobs):
            cores.put(core)
    with ThreadPoolExecutor(jobs, initializer=take_core, initargs=(cores,)) as pool:
        running = [pool.submit(paint_order, order, environment) for order in missing]
        try:
            for done in tqdm(as_completed(running), total=len(orders), initial=len(orders) - len(missing)):
                tqdm.write(done.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def take_core(cores: SimpleQueue[int]) -> None:
    """Pin this thread, and so the processes that it starts, to a core of its own if there is one."""
    if not cores.empty():
        os.sched_setaffinity(0, {cores.get()})


def paint_order(order: Order, environment: dict[str, str]) -> str:
    """Paint it; returns a line about it."""
    values = [(spec.name, getattr(order.config, spec.name)) for spec in fields(PaintConfig)]
    default = asdict(PaintConfig())
    options = [word for name, value in values if value != default[name] for word in (option_name(name), str(value))]
    report, seconds = paint_file(order.picture, order.png, options, environment)
    return f"{order.png.stem:32} PSNR {report['psnr']:.2f} dB, {seconds:.1f} s"


# --- sheets -------------------------------------------------------------------------------------------------


def make_sheets(args: argparse.Namespace) -> None:
    """All paintings, then a JPEG for each count, and the figures."""
    pictures = [find_square(name, args.paintings) for name in args.only]

    def row(picture: Path, count: int) -> list[Order]:
        configs = [PaintConfig(style=style, strokes=count, size=args.size, **chosen(args)) for style in args.styles]
        return [Order(picture, config, args.paintings) for config in configs]

    by_count = {count: [row(picture, count) for picture in pictures] for count in args.counts}
    paint_all([order for rows in by_count.values() for row in rows for order in row], args.jobs)
    for count, rows in by_count.items():
        write_jpeg(args.out / f"sheet-{count}.jpg", sheet(rows))
    figures = {
        str(count): {row[0].picture.stem: {order.config.style: figures_of(order) for order in row} for row in rows}
        for count, rows in by_count.items()
    }
    about = {"size": args.size, **chosen(args), "jobs": args.jobs, "figures": figures}
    with replacing(args.out / "sheet.json") as temporary:
        temporary.write_text(json.dumps(about, indent=2, allow_nan=False) + "\n")
    print(f"wrote {args.out / 'sheet.json'}")


def find_square(name: str, folder: Path) -> Path:
    """The file of a sample, or of a photo's square, which is written to `folder`."""
    return sample_path(name) if name in SAMPLES else write_photo(square_photo(name), folder / f"{name}.png")


def figures_of(order: Order) -> dict[str, float | None]:
    """PSNR (dB), SSIM, L1 and, of logos, alpha IoU, from the report; 'seconds' is its total."""
    report = order.report
    return {key: report[key] for key in FIGURES if key in report} | {"seconds": report["seconds"]["total"]}


def sheet(rows: Sequence[Sequence[Order]]) -> np.ndarray:
    """uint8 [H, W, 3]: under a heading, a row for each picture: the picture, then its paintings."""
    cells = [np.hstack([in_cell(path) for path in (row[0].picture, *(order.png for order in row))]) for row in rows]
    heading = np.full((HEADING, cells[0].shape[1], 3), 255, np.uint8)
    styles = [order.config.style for order in rows[0]]
    for column, text in enumerate((f"{rows[0][0].config.strokes} strokes", *styles)):
        place = (column * (CELL + GAP) + GAP, HEADING - 6)
        cv2.putText(heading, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (40, 40, 40), 1, cv2.LINE_AA)
    return np.vstack([heading, *cells])


def in_cell(path: Path) -> np.ndarray:
    """A picture in the middle of a white cell, uint8 [CELL + GAP, CELL + GAP, 3]."""
    image = on_checkers(path, CELL)
    height, width = image.shape[:2]
    cell = np.full((CELL + GAP, CELL + GAP, 3), 255, np.uint8)
    top, left = (CELL + GAP - height) // 2, (CELL + GAP - width) // 2
    cell[top : top + height, left : left + width] = image
    return cell


def on_checkers(path: Path, side: int) -> np.ndarray:
    """A picture, uint8 [H, W, 3] with `side` the longer; on light checkers where it is transparent."""
    picture = load_picture(path, side)
    if picture.alpha is None:
        return np.round(picture.rgb * 255).astype(np.uint8)
    rows, columns = (np.arange(length) // 8 for length in picture.alpha.shape)
    checkers = 0.84 + 0.12 * (np.add.outer(rows, columns) % 2)
    alpha = picture.alpha[..., None]
    pixels: np.ndarray = np.round((picture.rgb * alpha + checkers[..., None] * (1 - alpha)) * 255).astype(np.uint8)
    return pixels


def write_jpeg(path: Path, image: np.ndarray) -> None:
    """Write uint8 [H, W, 3] at the best of QUALITIES that stays below MOST_BYTES, or at the last of them."""
    for quality in QUALITIES:
        content = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(content) < MOST_BYTES:
            break
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    print(f"wrote {path}, {image.shape[1]} x {image.shape[0]}, {len(content) // 1000} kB at quality {quality}")


# --- the README's pictures ----------------------------------------------------------------------------------


def make_readme_pictures(args: argparse.Namespace) -> None:
    """cat.jpg, styles.jpg, logo.jpg: one painting, or the four styles as two rows of two."""
    orders: dict[str, list[Order]] = {}
    folder = args.paintings / "readme"
    folder.mkdir(exist_ok=True)
    for jpeg, (name, strokes, styles, side) in README.items():
        picture = sample_path(name) if name in SAMPLES else write_photo(full_photo(name), folder / f"{name}.png")
        size = max(side, PaintConfig.size)
        configs = [PaintConfig(style=style, strokes=strokes, size=size, **chosen(args)) for style in styles]
        orders[jpeg] = [Order(picture, config, folder) for config in configs]
    paint_all([order for group in orders.values() for order in group], args.jobs)
    for jpeg, group in orders.items():
        images = [on_checkers(order.png, README[jpeg][3]) for order in group]
        pairs = [np.hstack(images[first : first + 2]) for first in range(0, len(images), 2)]
        write_jpeg(args.out / f"{jpeg}.jpg", np.vstack(pairs))


if __name__ == "__main__":
    main()
