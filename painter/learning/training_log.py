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
    """The same of a generator, its discriminators and the upscaler: the losses of the last step."""

    panels: ClassVar = (
        Panel("generator's loss", (("generator_loss", BLUE, ""),)),
        Panel(
            "discriminators' losses",
            (("discriminator_loss", RED, "first collection"), ("second_discriminator_loss", GREY, "second collection")),
        ),
        Panel("upscaler's loss", (("upscaler_loss", BLUE, ""),)),
        Panel("loss of the upscaler's discriminator", (("upscaler_discriminator_loss", RED, ""),)),
    )

    pictures: int  # shown to the generator, the judge and the upscaler together
    generator_loss: float
    discriminator_loss: float
    second_discriminator_loss: float
    upscaler_loss: float
    upscaler_discriminator_loss: float


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
    """Write the curves of at least one record into a PNG file, two panels side by side.

    Raises:
        OSError: it cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [one.pictures / 1000 for one in records]
    panels = [panel for panel in records[0].panels if any(_has_values(records, name) for name, *_ in panel.curves)]
    rows = max(1, -(-len(panels) // 2))
    figure, axes = pyplot.subplots(rows, 2, figsize=(10, 4.2 * rows), dpi=120, squeeze=False)
    for one, panel in zip(axes.flat, panels, strict=False):
        for name, color, legend in panel.curves:
            if _has_values(records, name):
                one.plot(shown, [getattr(record, name) for record in records], color=color, label=legend or None)
        one.set_ylabel(panel.label)
        if len(one.get_lines()) and len(panel.curves) > 1:
            one.legend()
        one.set_xlabel("pictures shown, thousands")
        one.grid(alpha=0.3)
    for one in axes.flat[len(panels) :]:
        one.set_visible(False)
    figure.tight_layout()
    try:
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png")
    finally:
        pyplot.close(figure)


def _has_values(records: Sequence[AnyRecord], name: str) -> bool:
    """Whether any record has a value of this field."""
    return any(not math.isnan(getattr(record, name)) for record in records)
