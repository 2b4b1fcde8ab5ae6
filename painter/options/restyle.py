"""The options of a restyling: a new style for a finished painting."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from painter.options.fields import check_fields, option, same_option
from painter.options.kinds import Names, Number
from painter.options.paint import STYLE_ALIASES, STYLE_MODES, STYLES, PaintConfig
from painter.options.style_checks import check_style_size, check_weights

RESTYLE_MODES = tuple(mode for mode in STYLE_MODES if mode not in ("auto", "paint"))
"""Modes that need no picture but the painting's own strokes."""


@dataclass(frozen=True)
class RestyleConfig:
    """The options of one restyling. All values are numbers, strings or None: ready for JSON.

    >>> RestyleConfig(style_mode="texture", features="random").iterations
    60

    Raises:
        OptionError: a value is not allowed, or two contradict each other; the message names the option.
    """

    style: str | None = option(
        None, "S", "the brush, if the file does not name it (.npz files): {}", Names(STYLES, STYLE_ALIASES)
    )
    style_image: str | None = same_option(
        PaintConfig, "style_image", help="the picture whose style is applied to the strokes"
    )
    style_mode: str = option(
        "color", "M", "what styling changes: {} (colours only, or all properties of the strokes)", Names(RESTYLE_MODES)
    )
    style_weight: float = same_option(PaintConfig, "style_weight")
    content_weight: float = same_option(PaintConfig, "content_weight")
    content_loss: str = same_option(PaintConfig, "content_loss")
    style_size: int | None = same_option(PaintConfig, "style_size")
    features: str = same_option(PaintConfig, "features")
    weights: str | None = same_option(PaintConfig, "weights")
    iterations: int = same_option(PaintConfig, "style_iterations", help="steps of gradient descent, {}")
    seconds: float | None = option(None, "T", "time for these steps, {} s", Number(1.0, 86400.0))
    size: int | None = same_option(
        PaintConfig, "size", default=None, help="long side in pixels, {} (default: as painted)"
    )
    seed: int | None = same_option(
        PaintConfig, "seed", default=None, help="seed of random features, {} (default: the painting's)"
    )
    device: str = same_option(PaintConfig, "device")
    backend: str = same_option(PaintConfig, "backend")

    def __post_init__(self) -> None:
        check_fields(self)
        check_weights(self.features, self.weights)
        if self.size is not None:  # else the painting's own size counts, see `applied_to`
            check_style_size(self.style_size, self.size)

    def applied_to(self, config: PaintConfig, style_image: str | None) -> PaintConfig:
        """A painting's configuration with these options in place of its own.

        Args:
            config: of the painting.
            style_image: name of the style picture.

        Raises:
            OptionError: the style picture is much larger than the painting.
        """
        not_a_paintings = {"style", "style_image", "iterations", "seconds"}
        given = {spec.name: getattr(self, spec.name) for spec in fields(self) if spec.name not in not_a_paintings}
        given = {name: value for name, value in given.items() if value is not None or name not in ("size", "seed")}
        return replace(config, **given, style_image=style_image, style_iterations=self.iterations)
