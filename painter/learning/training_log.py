"""What is recorded of a run: the losses, as CSV and as a picture of curves."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from painter.system.atomic import replacing

BLUE, RED, GREY = "#1b5e8c", "#d1495b", "#b0bec5"


@dataclass(frozen=True)
class Panel:
    """One of the pictures of curves that are shown side by side."""

    label: str
    curves: tuple[tuple[str, str, str], ...]  # (field of the records, colour, legend; '' without one)


@dataclass(frozen=True)
class Record:
    """One point of the curves. NaN stands for what is not there yet."""

    panels: ClassVar = (
        Panel("tokenizer: PSNR of held-out pieces, dB", (("psnr", BLUE, ""),)),
        Panel(
            "transformer: bits a token",
            (("bits", GREY, "learned pieces"), ("held_out_bits", RED, "held-out pieces")),
        ),
    )

    pictures: int  # shown to all networks together
    tokenizer_loss: float
    psnr: float  # of held-out pieces after the tokenizer, in dB
    bits: float  # a token, of the last step
    held_out_bits: float  # a token, of held-out pieces


@dataclass(frozen=True)
class GanRecord:
    """The same of a generator and its discriminators: the losses of the last step."""

    panels: ClassVar = (
        Panel("generator's loss", (("generator_loss", BLUE, ""),)),
        Panel(
            "discriminators' losses",
            (("discriminator_loss", RED, "first collection"), ("second_discriminator_loss", GREY, "second collection")),
        ),
    )

    pictures: int  # shown to the generator, the judge and the upscaler together
    generator_loss: float
    discriminator_loss: float
    second_discriminator_loss: float


AnyRecord = Record | GanRecord
OneRecord = TypeVar("OneRecord", Record, GanRecord)


def to_rows(records: Sequence[AnyRecord]) -> list[list[Any]]:
    """Records as lists that are ready for JSON; floats are text, because JSON has no NaN."""
    return [[value if isinstance(value, int) else repr(value) for value in asdict(one).values()] for one in records]


def from_rows(rows: Sequence[Sequence[Any]], kind: type[OneRecord]) -> list[OneRecord]:
    """The records from `to_rows`. Raises ValueError or TypeError if they are not."""
    return [kind(int(row[0]), *map(float, row[1:])) for row in rows]


def to_csv(records: Sequence[AnyRecord]) -> str:
    """The records as CSV, with a line of names; fields without a value are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([spec.name for spec in fields(records[0] if records else Record)])
    for one in records:
        values = asdict(one).values()
        writer.writerow(
            [
                "" if isinstance(v, float) and not math.isfinite(v) else f"{v:.6g}" if isinstance(v, float) else v
                for v in values
            ]
        )
    return text.getvalue()


def write_curves(records: Sequence[AnyRecord], path: Path) -> None:
    """Write the curves of at least one record into a PNG file, in panels side by side.

    Raises:
        OSError: it cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [one.pictures / 1000 for one in records]
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4.2), dpi=120)
    for one, panel in zip(axes, records[0].panels, strict=True):
        for name, color, legend in panel.curves:
            values = [getattr(record, name) for record in records]
            if any(value == value for value in values):
                one.plot(shown, values, color=color, label=legend or None)
        one.set_ylabel(panel.label)
        if len(one.get_lines()) and len(panel.curves) > 1:
            one.legend()
        one.set_xlabel("pictures shown, thousands")
        one.grid(alpha=0.3)
    figure.tight_layout()
    try:
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png")
    finally:
        pyplot.close(figure)
