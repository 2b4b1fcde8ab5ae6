"""What is recorded of a run: the losses, as CSV and as a picture of curves."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from painter.system.atomic import replacing


@dataclass(frozen=True)
class Record:
    """One point of the curves. NaN stands for what is not there yet."""

    pictures: int  # shown to all networks together
    tokenizer_loss: float
    psnr: float  # of held-out pieces after the tokenizer, in dB
    bits: float  # a token, of the last step
    held_out_bits: float  # a token, of held-out pieces


def to_rows(records: Sequence[Record]) -> list[list[Any]]:
    """Records as lists that are ready for JSON; floats are text, because JSON has no NaN."""
    return [[value if isinstance(value, int) else repr(value) for value in asdict(one).values()] for one in records]


def from_rows(rows: Sequence[Sequence[Any]]) -> list[Record]:
    """The records from `to_rows`. Raises ValueError or TypeError if they are not."""
    return [Record(int(row[0]), *map(float, row[1:])) for row in rows]


def to_csv(records: Sequence[Record]) -> str:
    """The records as CSV, with a line of names; fields without a value are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([spec.name for spec in fields(Record)])
    for one in records:
        values = asdict(one).values()
        writer.writerow(
            [
                "" if isinstance(v, float) and not math.isfinite(v) else f"{v:.6g}" if isinstance(v, float) else v
                for v in values
            ]
        )
    return text.getvalue()


def write_curves(records: Sequence[Record], path: Path) -> None:
    """Write the curves into a PNG file: the tokenizer's quality, and the transformer's bits a token.

    Raises:
        OSError: it cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [one.pictures / 1000 for one in records]
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4.2), dpi=120)
    axes[0].plot(shown, [one.psnr for one in records], color="#1b5e8c")
    axes[0].set_ylabel("tokenizer: PSNR of held-out pieces, dB")
    axes[1].plot(shown, [one.bits for one in records], color="#b0bec5", label="learned pieces")
    axes[1].plot(shown, [one.held_out_bits for one in records], color="#d1495b", label="held-out pieces")
    axes[1].set_ylabel("transformer: bits a token")
    axes[1].legend()
    for one in axes:
        one.set_xlabel("pictures shown, thousands")
        one.grid(alpha=0.3)
    figure.tight_layout()
    try:
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png")
    finally:
        pyplot.close(figure)
