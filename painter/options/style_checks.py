"""Checks that all commands with a style share, whether they paint, restyle or transfer."""

from __future__ import annotations

from painter.errors import OptionError
from painter.options.network_layers import TORCHVISION_KINDS

MAX_STYLE_ENLARGEMENT = 4
"""How many times larger than the painting a style picture may be."""


def check_weights(features: str, weights: str | None) -> None:
    """Raise OptionError if there is a file of weights for features that have their own, or none."""
    if weights is not None and features not in ("auto", *TORCHVISION_KINDS):
        raise OptionError(f"--weights {weights}: --features {features} takes none; choose vgg19 or vgg16")


def check_style_size(style_size: int | None, size: int) -> None:
    """Raise OptionError if the style picture is much larger than the painting; both are long sides in pixels."""
    if style_size is not None and style_size > MAX_STYLE_ENLARGEMENT * size:
        most = f"more than {MAX_STYLE_ENLARGEMENT} times --size, which is {size}"
        raise OptionError(f"--style-size {style_size}: is {most}; choose a smaller one")
