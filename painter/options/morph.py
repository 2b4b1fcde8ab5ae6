"""The options of a morph: strokes that move from one painting to another."""

from __future__ import annotations

from dataclasses import dataclass, fields

from painter.options.export import ExportConfig
from painter.options.fields import check_fields, option, same_option
from painter.options.kinds import Number, Switch
from painter.options.replay import ReplayConfig

_OF_BOTH = ("style", "size", "canvas", "relief", "texture", "ground", "margin", "pencil", "mixing")


@dataclass(frozen=True)
class MorphConfig:
    """How strokes move from one painting to another, and what is to differ in both of them.

    >>> MorphConfig(ease="linear", hold=0.5).at is None
    True

    Raises:
        OptionError: a value is not allowed; the message names the option.
    """

    at: float | None = option(
        None, "T", "how far on the way stills and stroke files are, {} (default: 0.5); with it, .webp is a still",
        Number(0.0, 1.0),
    )  # fmt: skip
    ease: str = same_option(ExportConfig, "ease", default="smooth", help="when strokes move: {}")
    frames: int | None = same_option(
        ExportConfig, "frames", help="frames from the first painting to the second, {} (default: 80, MP4 143)"
    )
    hold: float = same_option(
        ExportConfig, "hold", default=1.0, help="seconds for which each of the two paintings is shown, {}"
    )
    one_way: bool = option(False, "", "end at the second painting instead of going back in a loop", Switch())
    style: str | None = same_option(ReplayConfig, "style")
    size: int | None = same_option(ReplayConfig, "size", help="long side in pixels, {} (default: the first's)")
    canvas: str | None = same_option(ReplayConfig, "canvas")
    relief: float | None = same_option(ReplayConfig, "relief")
    texture: float | None = same_option(ReplayConfig, "texture")
    ground: str | None = same_option(ReplayConfig, "ground")
    margin: float | None = same_option(ReplayConfig, "margin")
    pencil: float | None = same_option(ReplayConfig, "pencil")
    mixing: str | None = same_option(ReplayConfig, "mixing")

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def webp(self) -> str:
        """What a .webp is, as `ExportConfig.webp` has it."""
        return "animated" if self.at is None else "still"

    @property
    def of_both(self) -> ReplayConfig:
        """What is to differ from the paintings as they were made."""
        return ReplayConfig(**{spec.name: getattr(self, spec.name) for spec in fields(self) if spec.name in _OF_BOTH})
