"""The options of a replay: drawing a painting again from its strokes."""

from __future__ import annotations

from dataclasses import dataclass, fields

from painter.options.fields import check_fields, option
from painter.options.kinds import Names
from painter.options.list_kinds import Span
from painter.options.paint import STYLE_ALIASES, STYLES, PaintConfig

_KINDS = {spec.name: spec.metadata["kind"] for spec in fields(PaintConfig)}


@dataclass(frozen=True)
class ReplayConfig:
    """What is to differ from the painting as it was made; None leaves it as it is.

    >>> ReplayConfig(size=2048, strokes=":200").strokes
    ':200'

    Raises:
        OptionError: a value is not allowed; the message names the option.
    """

    style: str | None = option(
        None, "S", "the brush, if the file does not name it (.npz files): {}", Names(STYLES, STYLE_ALIASES)
    )
    size: int | None = option(None, "PX", "long side in pixels, {} (default: as painted)", _KINDS["size"])
    canvas: str | None = option(
        None, "COLOR", "the ground: {}; auto, the default, is the one that it was painted on", _KINDS["canvas"]
    )
    strokes: str | None = option(
        None, "A:B", "draw only these, counted from 0 in paint order, without B, as in Python's slices", Span()
    )
    relief: float | None = option(
        None, "R", "how strongly the paint stands out in relief, {} (default: as painted)", _KINDS["relief"]
    )

    texture: float | None = option(
        None, "T", "how much of the medium and the sheet shows, {} (default: as painted)", _KINDS["texture"]
    )
    ground: str | None = option(None, "G", "the sheet: {} (default: as painted)", _KINDS["ground"])
    margin: float | None = option(
        None, "M", "bare sheet around the painting, in parts of its longer side; {} (default: as painted)",
        _KINDS["margin"],
    )  # fmt: skip

    pencil: float | None = option(None, "P", "how dark pencil lines are, {} (default: as painted)", _KINDS["pencil"])
    mixing: str | None = option(None, "M", "how colours mix: {} (default: as painted)", _KINDS["mixing"])

    def __post_init__(self) -> None:
        check_fields(self)
