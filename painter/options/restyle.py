"""What may be asked of a restyling."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from painter.options.fields import check_fields, option, same_option
from painter.options.kinds import Names, Number
from painter.options.paint import STYLE_ALIASES, STYLES, PaintConfig

if TYPE_CHECKING:  # torch and numba take seconds to import, and bad options are refused before that
    pass


@dataclass(frozen=True)
class RestyleConfig:
    """What may be asked of one restyling. All values are numbers, strings or None.

    >>> RestyleConfig(style_mode="texture", features="random").iterations
    60

    Raises:
        OptionError: when a value is outside its range, or two do not go together; the message names the option.
    """

    style: str | None = option(
        None, "S", "the brush, where the file does not say (.npz files): {}", Names(STYLES, STYLE_ALIASES)
    )
    style_image: str | None = same_option(PaintConfig, "style_image", help="the picture whose style they take on")
    style_mode: str = same_option(PaintConfig, "style_mode")
    style_weight: float = same_option(PaintConfig, "style_weight")
    content_weight: float = same_option(PaintConfig, "content_weight")
    content_loss: str = same_option(PaintConfig, "content_loss")
    style_size: int | None = same_option(PaintConfig, "style_size")
    features: str = same_option(PaintConfig, "features")
    weights: str | None = same_option(PaintConfig, "weights")
    iterations: int = same_option(PaintConfig, "style_iterations", help="steps of gradient descent, from 0 to 100000")
    seconds: float | None = option(None, "T", "time for them, {} s", Number(1.0, 86400.0))
    size: int | None = same_option(
        PaintConfig, "size", default=None, help="long side in pixels, from 16 to 8192 (default: as it was painted)"
    )
    seed: int | None = same_option(
        PaintConfig, "seed", default=None, help="of random features, from 0 to 2147483647 (default: the painting's)"
    )
    device: str = same_option(PaintConfig, "device")
    backend: str = same_option(PaintConfig, "backend")

    def __post_init__(self) -> None:
        check_fields(self)
        self.over(PaintConfig(size=self.size or 8192), "a picture")  # the painting may be as large as that

    def over(self, config: PaintConfig, style_image: str | None) -> PaintConfig:
        """A painting's configuration with these options, and this name for the style picture.

        Raises:
            OptionError: they do not go together.
        """
        left = {"style", "style_image", "iterations", "seconds"}
        asked = {spec.name: getattr(self, spec.name) for spec in fields(self) if spec.name not in left}
        asked = {name: value for name, value in asked.items() if value is not None or name not in ("size", "seed")}
        return replace(config, **asked, style_image=style_image, style_iterations=self.iterations)
