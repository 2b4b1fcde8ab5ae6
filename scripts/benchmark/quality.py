"""How close paintings come to their pictures, beside other programs: what scripts/benchmark/run.py --quality measures.

Four photos (`photos.square_photo`), painted with default options in processes of their own, to PNG only (with
Part.gif to GIF as well).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from painter.options.paint import STYLES
from scripts.benchmark.figures import (
    AGAINST_HEADING,
    FIGURES_HEADING,
    HEADING,
    Figures,
    Painters,
    Row,
    against,
    line,
    means,
    shown,
)
from scripts.benchmark.versions import Version
from scripts.gallery.photos import PHOTOS, SIDE, square_photo, write_photo

SHAPES = 500
# With SHAPES rotated rectangles each, on the same squares, measured in the same way, of github.com/fogleman/primitive
# and github.com/Tw1ddle/geometrize.
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
    """Paintings of photos in these styles, with these numbers of strokes."""

    about: str
    styles: tuple[str, ...]
    counts: tuple[int, ...]
    options: tuple[str, ...] = ()  # of paint.py
    photos: tuple[str, ...] = PHOTOS
    runs: int = 1  # of each painting
    gif: bool = False  # whether a GIF is written as well


PARTS = {
    "table": Part("500 strokes", STYLES, (SHAPES,)),
    "few": Part("50 and 100 strokes", STYLES, (50, 100)),
    "short": Part("500 strokes in 5 seconds", ("rectangle", "watercolor"), (SHAPES,), ("--seconds", "5")),
    "long": Part("500 strokes in 12 seconds", STYLES, (SHAPES,), ("--seconds", "12")),
    "many": Part("4,000 strokes", ("oilpaintbrush", "watercolor"), (4000,)),
    "growth": Part("more and more strokes", ("watercolor", "rectangle"), (100, 200, 500, 1000, 2000, 5000)),
    "whole": Part("500 strokes to PNG and GIF", STYLES, (SHAPES,), photos=PHOTOS[:1], runs=3, gif=True),
}
DEFAULT_PARTS = ("table", "few", "short")


# --- measuring ----------------------------------------------------------------------------------------------


def measure_quality(
    names: Sequence[str],
    styles: Sequence[str],
    versions: Sequence[Version],
    photos: Sequence[str] = PHOTOS,
    side: int = SIDE,
    parts: Mapping[str, Part] = PARTS,
) -> dict[str, list[Row]]:
    """Paint these parts, in those of their styles that are among `styles`; the figures are printed.

    Args:
        versions: this one, and optionally another that paints the same in turn.

    Returns:
        For each part a row for each painting, see `Painters.paint`; with 'run' where there are several of each.
    """
    found: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pictures").mkdir()
        painters = Painters(versions, folder)
        sources = {name: write_photo(square_photo(name, side), folder / "pictures" / f"{name}.png") for name in photos}
        for name in names:
            part = parts[name]
            print_heading(part, len(versions) > 1)
            chosen = [sources[photo] for photo in part.photos if photo in sources]
            shown_styles = [style for style in part.styles if style in styles]
            found[name] = paint_part(part, shown_styles, chosen, ("--size", str(side)), painters)
            for mean in means(found[name]):
                print_row(mean, [photo.stem for photo in chosen])
    return found


def paint_part(
    part: Part, styles: Sequence[str], photos: Sequence[Path], options: Sequence[str], painters: Painters
) -> list[Row]:
    gif = ("-o", str(painters.folder / "painting.gif")) if part.gif else ()
    rows = []
    for style in styles:
        painters.warm_up(photos[0], "--style", style, *gif)
        for strokes in part.counts:
            for photo in photos:
                for run in range(part.runs):
                    row = painters.paint(photo, style, strokes, (*options, *gif, *part.options))
                    rows.append({**row, "run": run + 1} if part.runs > 1 else row)
                    print_row(rows[-1], [photo.stem])
    return rows


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


# --- output -------------------------------------------------------------------------------------------------


def print_heading(part: Part, two: bool) -> None:
    """Where two versions are compared, the other one's figures take the place of the other programs'."""
    compared = SHAPES in part.counts and not two
    options = "".join(f" {word}" for word in part.options)
    print(f"\n{part.about}, default options{options}{f'; others: {SHAPES} shapes, one core' if compared else ''}")
    others = "".join(f" | {program:>10}{FIGURES_HEADING}" for program in OTHERS) if compared else ""
    print(HEADING + (AGAINST_HEADING if two else others))


def print_row(row: Row, photos: Sequence[str]) -> None:
    """A painting's figures, or a mean over these photos."""
    beside = [others_mean(program, photos) for program in OTHERS] if row["strokes"] == SHAPES else []
    others = "".join(f" | {'':10}{shown(figures)}" for figures in beside)
    print(line(row) + (against(row) or others), flush=True)
