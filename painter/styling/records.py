"""Losses step by step, as a table and as a plot."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from itertools import pairwise
from pathlib import Path

from painter.errors import OutputError
from painter.export import check_place, writing

ENDINGS = (".csv", ".png")
_LEAST = 1e-6  # of the largest total: terms below are not plotted


@dataclass(frozen=True)
class Record:
    """The losses at one point; terms are without their weights, total is the weighted sum of them."""

    iteration: int  # steps taken before
    scale: int  # 1 is the coarsest
    content: float
    style: float
    tv: float
    total: float


def check_records(path: Path) -> None:
    """Raise OutputError unless losses can be written to this file."""
    if path.suffix.lower() not in ENDINGS:
        raise OutputError(f"cannot write {path}: losses are written as {' or '.join(ENDINGS)}; choose such a name")
    check_place(path)


def write_records(path: Path, records: Sequence[Record]) -> None:
    """Write losses as a table (.csv) or a plot (.png). Raises OutputError."""
    check_records(path)
    with writing(path) as temporary:
        (_write_table if path.suffix.lower() == ".csv" else _plot)(temporary, records)


def _write_table(path: Path, records: Sequence[Record]) -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([spec.name for spec in fields(Record)])
        table.writerows(astuple(record) for record in records)


def _plot(path: Path, records: Sequence[Record]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    steps = [record.iteration for record in records]
    # 0 has no place on this axis, and what is only rounding would squeeze the rest.
    least = _LEAST * max((record.total for record in records), default=0.0)
    figure, axes = pyplot.subplots(figsize=(7, 4.2), dpi=120)
    for name in ("total", "style", "content", "tv"):
        found = [getattr(record, name) for record in records]
        values = [value if value > least else float("nan") for value in found]
        if any(value == value for value in values):
            axes.plot(steps, values, label=name)
    for before, record in pairwise(records):
        if record.scale != before.scale:
            axes.axvline(record.iteration, color="#999999", linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    axes.set_xlabel("iteration (dotted: the next scale)")
    axes.set_ylabel("loss")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend()
    figure.tight_layout()
    figure.savefig(path, format="png")
    pyplot.close(figure)
