"""The options of learning a collection, and of making new pieces from what was learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from painter.errors import OptionError
from painter.options.fields import check_fields, option, same_option
from painter.options.kinds import Choice, Integer, Kind, Names, Number, OrNames, Switch
from painter.options.paint import DEVICES, STYLE_ALIASES, STYLES, PaintConfig

SIZES = (24, 32, 48, 64, 96, 128)
"""Sides of the square that pieces are learned in, in pixels."""

KINDS = ("mixed", "face", "top", "bottom", "frame")
"""Which part of a child is of the other parent; 'mixed' takes all of them in turn."""

MAX_PIECES = 100_000

_SIDES: Kind = PaintConfig.__dataclass_fields__["size"].metadata["kind"]


ENGINES = ("tokens", "dcgan", "strokes")
GAN_LOSSES = ("plain", "relativistic")
GAN_SIZES = (32, 64, 128)
"""Sides of the square that the engine dcgan can learn."""


@dataclass(frozen=True)
class LearnConfig:
    """How a collection is learned.

    >>> LearnConfig(minutes=10).size
    'auto'

    Raises:
        OptionError: a value is not allowed, or two contradict each other; the message names the option.
    """

    size: int | Literal["auto"] = option(
        "auto",
        "PX",
        "side of the pieces in pixels, {}: that of pixel art, or else 64",
        OrNames(("auto",), Choice(SIZES)),
    )
    minutes: float = option(
        30.0, "M", "how long to learn, {}: a short measurement turns it into a number of pictures", Number(0.1, 100_000)
    )
    pictures: int | None = option(
        None, "N", "how many pictures to show instead, {}: the same number gives the same model",
        Integer(1000, 10**9),
    )  # fmt: skip
    seed: int = option(0, "K", "the same seed gives the same model, byte for byte; {}", Integer(0, 2**31 - 1))
    mirror: str = option(
        "no", "WHEN", "learn each picture mirrored as well, {}; auto does where they look like the others",
        Names(("no", "yes", "auto")),
    )  # fmt: skip
    engine: str = option(
        "tokens", "E", "what learns: {}; strokes makes paintings, and dcgan is the older way, kept to compare with",
        Names(ENGINES),
    )  # fmt: skip
    gan_loss: str = option("plain", "L", "with --engine dcgan: {}; the relativistic one is stable", Names(GAN_LOSSES))
    device: str = option("auto", "DEVICE", "where to learn: {}", Names(DEVICES))
    strict: bool = option(
        False, "", "refuse a collection with pictures that cannot be read, instead of skipping them", Switch()
    )

    def __post_init__(self) -> None:
        check_fields(self)
        if self.pictures is not None and self.minutes != LearnConfig.minutes:
            raise OptionError(f"--minutes {self.minutes:g} with --pictures: both choose how long; leave one out")
        if self.engine != "dcgan" and self.gan_loss != LearnConfig.gan_loss:
            raise OptionError(f"--gan-loss {self.gan_loss}: has no effect without --engine dcgan")
        if self.engine == "dcgan" and self.size != "auto" and self.size not in GAN_SIZES:
            raise OptionError(f"--size {self.size} with --engine dcgan: must be 32, 64 or 128")

    @property
    def square(self) -> int | Literal["auto"]:
        """The side of pieces in pixels; 'auto' depends on the pictures."""
        return 64 if self.engine == "dcgan" and self.size == "auto" else self.size


@dataclass(frozen=True)
class GenerateConfig:
    """How new pieces are made.

    Raises:
        OptionError: a value is not allowed, or two contradict each other; the message names the option.
    """

    count: int = option(100, "N", "how many pieces, {}", Integer(1, MAX_PIECES))
    seed: int = option(0, "K", "the same seed gives the same pieces; {}", Integer(0, 2**31 - 1))
    temperature: float = option(
        1.0, "T", "how varied pieces are, {}: below 1 they are more like the common ones", Number(0.1, 2.0)
    )
    top_p: float = option(
        1.0, "P", "leave out what is rarer than this share, {}; 1 leaves out nothing", Number(0.0, 1.0, above=True)
    )
    raw: bool = option(
        False,
        "",
        "leave pieces as the network draws them: without the clean-up, and however frequent their traits",
        Switch(),
    )
    upscale: int | None = option(None, "X", "enlarge pieces by the network learned with them, {} times", Choice((2, 4)))
    paint: str | None = option(
        None, "STYLE", "paint pieces with strokes in this style: {} (or oil, marker)", Names(STYLES, STYLE_ALIASES)
    )
    size: int = same_option(
        PaintConfig, "size", default=1024, help=f"of paintings: long side in pixels, {_SIDES.words}"
    )
    strokes: int = option(500, "N", "with --paint: how many strokes, {}", Integer(1, 100_000))

    def __post_init__(self) -> None:
        check_fields(self)
        if self.paint is not None and self.upscale is not None:
            raise OptionError(
                f"--upscale {self.upscale} with --paint: paintings have a --size of their own; leave one out"
            )
        if self.paint is None and self.strokes != type(self).strokes:
            raise OptionError(f"--strokes {self.strokes}: has no effect without --paint STYLE")


@dataclass(frozen=True)
class BlendConfig(GenerateConfig):
    """How children of two collections are made.

    Raises:
        OptionError: a value is not allowed, or two contradict each other; the message names the option.
    """

    balance: float = option(0.5, "B", "share of the second collection in a child, {}", Number(0.0, 1.0))
    kind: str = option("mixed", "KIND", "which part is of the other collection: {}", Names(KINDS))
