"""What may be asked of a replay."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from painter.options.fields import check_fields, option
from painter.options.kinds import Names, Span
from painter.options.paint import STYLE_ALIASES, STYLES, PaintConfig

if TYPE_CHECKING:
    pass


_KINDS = {spec.name: spec.metadata["kind"] for spec in fields(PaintConfig)}


@dataclass(frozen=True)
class ReplayConfig:
    """What may be other than it was when the painting was made; None leaves it.

    Raises:
        OptionError: when a value is outside its range; the message names the option.
    """

    style: str | None = option(
        None, "S", "the brush, where the file does not say (.npz files): {}", Names(STYLES, STYLE_ALIASES)
    )
    size: int | None = option(None, "PX", "long side in pixels, {} (default: as it was painted)", _KINDS["size"])
    canvas: str | None = option(
        None, "COLOR", "the ground: {}; auto, the default, is the one it was painted on", _KINDS["canvas"]
    )
    strokes: str | None = option(
        None, "A:B", "only these, counted in paint order from 0 and without B, as Python's slices are", Span()
    )
    relief: float | None = option(
        None, "R", "how much the paint stands out, {} (default: as it was painted)", _KINDS["relief"]
    )

    def __post_init__(self) -> None:
        check_fields(self)
