"""The options of layered collections: importing their layers, finding them again, and crossing two of them."""

from __future__ import annotations

from dataclasses import dataclass

from painter.errors import OptionError
from painter.options.fields import check_fields, option, same_option
from painter.options.kinds import Integer, Kind, Names, Switch
from painter.options.paint import STYLE_ALIASES, STYLES, PaintConfig

_SIDES: Kind = PaintConfig.__dataclass_fields__["size"].metadata["kind"]


@dataclass(frozen=True)
class ImportConfig:
    """What a recipe of layers asks for.

    Raises:
        OptionError: a value is not allowed, or two contradict each other; the message names the option.
    """

    count: int | None = option(None, "N", "how many tokens, {} (default: as config.js says, or 100)", Integer(1, 10**6))
    seed: int = option(0, "K", "another seed draws another collection, {}", Integer(0, 2**63 - 1))
    paint: str | None = option(
        None, "STYLE", "paint tokens with strokes in this style: {} (or oil, marker)", Names(STYLES, STYLE_ALIASES)
    )
    size: int = same_option(
        PaintConfig, "size", default=1024, help=f"with --paint: long side in pixels, {_SIDES.words}"
    )
    strokes: int = option(500, "N", "with --paint: how many strokes, {}", Integer(1, 100_000))

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("size", "strokes"):
            if self.paint is None and getattr(self, name) != getattr(type(self), name):
                raise OptionError(f"--{name} {getattr(self, name)}: has no effect without --paint STYLE")


TRAITS = ("auto", "metadata", "find")
"""Where the traits of pictures come from."""


@dataclass(frozen=True)
class UnmixConfig(ImportConfig):
    """How a collection is taken apart, and what its new recipe asks for.

    Raises:
        OptionError: a value is not allowed, or two contradict each other; the message names the option.
    """

    traits: str = option(
        "auto", "FROM", "where traits come from, {}: auto takes metadata where there is some, or else finds them",
        Names(TRAITS),
    )  # fmt: skip


@dataclass(frozen=True)
class CrossConfig(ImportConfig):
    """How two layered collections are crossed, and what the new recipe asks for.

    Raises:
        OptionError: a value is not allowed, or two contradict each other; the message names the option.
    """

    own_colors: bool = option(
        False, "", "leave the heads their colours, instead of giving them those of the bodies' collection", Switch()
    )
