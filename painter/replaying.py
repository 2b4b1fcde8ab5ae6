"""A painting that is kept as strokes, drawn again: at another size, on another ground, in part, in other light."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from painter.config import STYLE_ALIASES, STYLES, PaintConfig, check_fields, option
from painter.errors import OptionError
from painter.options import Names, Span

if TYPE_CHECKING:
    from painter.painting import Painting

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


def altered(painting: Painting, config: ReplayConfig) -> Painting:
    """The painting as `config` asks for it; with nothing asked for, one that draws the same bytes.

    >>> first = altered(painting, ReplayConfig(strokes=":3", canvas="transparent", size=100))
    >>> len(first.strokes), first.draw().shape
    (3, (75, 100, 4))

    Raises:
        OptionError: no stroke is left.
    """
    from painter.painting import named_ground

    asked = {name: getattr(config, name) for name in ("size", "canvas", "relief")}
    asked = {name: value for name, value in asked.items() if value not in (None, "auto")}
    settings = replace(painting.config, **asked)
    ground = named_ground(settings.canvas) if "canvas" in asked else painting.ground
    strokes = painting.strokes
    if config.strokes is not None:
        strokes = strokes[Span.split(config.strokes)]
        if not len(strokes):
            there = f"the painting has {len(painting.strokes)} strokes, counted from 0"
            raise OptionError(f"--strokes {config.strokes}: none is left; {there}")
    return replace(painting, strokes=strokes, ground=ground, config=settings)
