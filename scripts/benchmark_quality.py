"""How near paintings come to their pictures, beside other programs: what scripts/benchmark.py --quality measures.

Four photos (`photos.square_photo`), painted with default options in processes of their own, to PNG only. PSNR, SSIM
and L1 are scikit-image's and numpy's, of the file that was written against the square that was painted, 8 bits each.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import imageio.v3 as iio
import numpy as np
from benchmark_targets import target
from photos import PHOTOS, SIDE, paint_file, square_photo, write_photo

from painter.config import STYLES

Row = dict[str, Any]


class Figures(NamedTuple):
    """How near a painting is to its picture, and what it took."""

    psnr: float  # dB
    ssim: float
    l1: float  # mean absolute error, of 1
    seconds: float  # ours: from the start of the process to its end, all cores; others': one core


SHAPES = 500
# So many rotated rectangles each, on the same squares, measured in the same way, with github.com/fogleman/primitive and
# github.com/Tw1ddle/geometrize.
OTHERS: dict[str, dict[str, Figures]] = {
    "primitive": {
        "astronaut": Figures(21.20, 0.597, 0.0532, 59),
        "chelsea": Figures(27.12, 0.635, 0.0325, 53),
        "coffee": Figures(25.34, 0.744, 0.0292, 66),
        "rocket": Figures(29.61, 0.895, 0.0142, 67),
    },
    "geometrize": {
        "astronaut": Figures(20.88, 0.584, 0.0563, 5.2),
        "chelsea": Figures(26.82, 0.621, 0.0337, 5.5),
        "coffee": Figures(25.37, 0.739, 0.0298, 5.2),
        "rocket": Figures(29.62, 0.890, 0.0133, 6.5),
    },
}


@dataclass(frozen=True)
class Part:
    """Paintings of every photo: so many strokes, in these styles."""

    about: str
    styles: tuple[str, ...]
    counts: tuple[int, ...]
    options: tuple[str, ...] = ()  # of paint.py


PARTS = {
    "table": Part("500 strokes", STYLES, (SHAPES,)),
    "short": Part("500 strokes in 5 seconds", ("rectangle", "watercolor"), (SHAPES,), ("--seconds", "5")),
    "many": Part("4,000 strokes", ("oilpaintbrush", "watercolor"), (4000,)),
    "growth": Part("more and more strokes", ("watercolor", "rectangle"), (100, 200, 500, 1000, 2000, 5000)),
}
DEFAULT_PARTS = ("table", "short")

# To be reached.
GAINS = {"watercolor": 2.5, "oilpaintbrush": 2.0, "rectangle": 2.0, "markerpen": 1.5}  # dB over primitive, means
LEAST_SSIM = 0.718  # primitive's mean
MOST_SECONDS = 20.0
MOST_GAP = 0.2  # dB between what the search saw and what is drawn
MOST_L1 = 0.020  # of 4,000 strokes


# --- measuring ----------------------------------------------------------------------------------------------


def measure_quality(
    names: Sequence[str],
    styles: Sequence[str],
    photos: Sequence[str] = PHOTOS,
    side: int = SIDE,
    parts: Mapping[str, Part] = PARTS,
) -> dict[str, list[Row]]:
    """Paint these parts, in those of their styles that are among `styles`; all is printed, too.

    Returns:
        For each part a row for each painting: 'style', 'picture', 'strokes', Figures by name, 'seen_psnr' (what the
        search saw at its end, dB; None if the report does not say).
    """
    found: dict[str, list[Row]] = {}
    warm: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        sources = {name: write_photo(square_photo(name, side), Path(folder) / f"{name}.png") for name in photos}
        for name in names:
            part, rows = parts[name], []
            print_heading(part)
            for style in (style for style in part.styles if style in styles):
                if style not in warm:  # compile what needs compiling
                    options = ("--style", style, "--strokes", "50", "--size", "64", "--iterations", "20")
                    paint_file(sources[photos[0]], Path(folder) / "warm.png", options)
                    warm.add(style)
                for strokes in part.counts:
                    for source in sources.values():
                        rows.append(paint_photo(source, style, strokes, ("--size", str(side), *part.options)))
                        print_row(rows[-1])
            print_means(rows)
            found[name] = rows
    return found


def paint_photo(source: Path, style: str, strokes: int, options: Sequence[str]) -> Row:
    """The row of one painting, which has the picture's own size."""
    png = source.with_name("painting.png")
    report, seconds = paint_file(source, png, ("--style", style, "--strokes", str(strokes), *options))
    figures = Figures(*compare(iio.imread(png), iio.imread(source)), seconds)
    about = {"style": style, "picture": source.stem, "strokes": strokes}
    return {**about, **figures._asdict(), "seen_psnr": report.get("seen_psnr")}


def compare(painted: np.ndarray, picture: np.ndarray) -> tuple[float, float, float]:
    """PSNR (dB), SSIM and mean absolute error (of 1) of uint8 [H, W, 3], as the other programs' were measured."""
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    l1 = np.abs(painted.astype(np.float64) - picture).mean() / 255
    psnr = peak_signal_noise_ratio(picture, painted)
    return float(psnr), float(structural_similarity(picture, painted, channel_axis=-1)), float(l1)


def means(rows: Sequence[Row]) -> list[Row]:
    """Mean figures of each style and count."""
    return [
        {"style": style, "strokes": strokes, **{key: fmean(row[key] for row in group) for key in Figures._fields}}
        for (style, strokes), group in grouped(rows, "style", "strokes")
    ]


def grouped(rows: Sequence[Row], *keys: str) -> Iterator[tuple[tuple[Any, ...], list[Row]]]:
    """Rows that have the same values under `keys`, and these values, in the order in which they first come."""
    for values in dict.fromkeys(tuple(row[key] for key in keys) for row in rows):
        yield values, [row for row in rows if tuple(row[key] for key in keys) == values]


def others_mean(program: str, photos: Sequence[str]) -> Figures:
    """Another program's mean figures over these photos."""
    return Figures(*(fmean(values) for values in zip(*(OTHERS[program][photo] for photo in photos), strict=True)))


def as_json(found: Mapping[str, list[Row]]) -> dict[str, Any]:
    """All that was measured, with means and the other programs' figures."""
    others = {
        program: {photo: figures._asdict() for photo, figures in by_photo.items()}
        for program, by_photo in OTHERS.items()
    }
    return {"parts": dict(found), "means": {name: means(rows) for name, rows in found.items()}, "others": others}


# --- targets ------------------------------------------------------------------------------------------------


def quality_targets(found: Mapping[str, list[Row]]) -> list[Row]:
    """What is to be reached and what was measured, for each part and style that was."""
    judges = {"table": table_targets, "short": short_targets, "many": many_targets, "growth": growth_targets}
    return [
        row
        for name, rows in found.items()
        for (style,), group in grouped(rows, "style")
        for row in judges[name](f"{style}, {PARTS[name].about}", style, group)
    ]


def table_targets(what: str, style: str, rows: list[Row]) -> list[Row]:
    mean = means(rows)[0]
    least = others_mean("primitive", [row["picture"] for row in rows]).psnr + GAINS[style]
    judged = [
        target(f"{what}: mean PSNR, dB", mean["psnr"], "at least", least),
        worst_margin(what, rows, "primitive"),
        target(f"{what}: mean SSIM", mean["ssim"], "above", LEAST_SSIM),
        target(f"{what}: most seconds", max(row["seconds"] for row in rows), "at most", MOST_SECONDS),
    ]
    gaps = [row["seen_psnr"] - row["psnr"] for row in rows if row["seen_psnr"] is not None]
    return [*judged, *([target(f"{what}: largest dB lost in drawing", max(gaps), "below", MOST_GAP)] if gaps else [])]


def short_targets(what: str, style: str, rows: list[Row]) -> list[Row]:
    return [worst_margin(what, rows, "geometrize")]


def many_targets(what: str, style: str, rows: list[Row]) -> list[Row]:
    return [target(f"{what}: mean L1", means(rows)[0]["l1"], "at most", MOST_L1)]


def growth_targets(what: str, style: str, rows: list[Row]) -> list[Row]:
    """On every photo more strokes are nearer."""
    rises = [
        (more["psnr"] - fewer["psnr"], f"{photo}, {more['strokes']}")
        for (photo,), group in grouped(rows, "picture")
        for fewer, more in pairwise(group)
    ]
    return [target(f"{what}: least rise ({min(rises)[1]}), dB", min(rises)[0], "above", 0.0)] if rises else []


def worst_margin(what: str, rows: list[Row], program: str) -> Row:
    """PSNR over another program's on the photo where that is least."""
    margin, photo = min((row["psnr"] - OTHERS[program][row["picture"]].psnr, row["picture"]) for row in rows)
    return target(f"{what}: least dB over {program} ({photo})", margin, "at least", 0.0)


# --- what is said -------------------------------------------------------------------------------------------


def print_heading(part: Part) -> None:
    compared = SHAPES in part.counts
    options = "".join(f" {word}" for word in part.options)
    print(f"\n{part.about}, default options{options}{f'; others: {SHAPES} shapes, one core' if compared else ''}")
    columns = f" {'PSNR':>6} {'SSIM':>5} {'L1':>6} {'s':>6}"
    others = "".join(f" | {program:>10}{columns}" for program in OTHERS) if compared else ""
    print(f"{'style':14} {'picture':10} {'strokes':>7}{columns} {'seen':>6}{others}")


def print_row(row: Row) -> None:
    seen = "" if row["seen_psnr"] is None else f"{row['seen_psnr']:.2f}"
    beside = [OTHERS[program][row["picture"]] for program in OTHERS]
    print_line(row["style"], row["picture"], row, seen, beside)


def print_means(rows: Sequence[Row]) -> None:
    photos = list(dict.fromkeys(row["picture"] for row in rows))
    for mean in means(rows):
        print_line(mean["style"], "mean", mean, "", [others_mean(program, photos) for program in OTHERS])


def print_line(style: str, picture: str, row: Row, seen: str, beside: Sequence[Figures]) -> None:
    ours = shown(Figures(*(row[key] for key in Figures._fields)))
    others = "".join(f" | {'':10}{shown(figures)}" for figures in beside) if row["strokes"] == SHAPES else ""
    print(f"{style:14} {picture:10} {row['strokes']:7}{ours} {seen:>6}{others}", flush=True)


def shown(figures: Figures) -> str:
    return f" {figures.psnr:6.2f} {figures.ssim:5.3f} {figures.l1:6.4f} {figures.seconds:6.1f}"
