"""Colours as people write them: #rrggbb."""

from __future__ import annotations

from collections.abc import Iterable

from painter.options.kinds import is_hex_color


def to_hex(color: Iterable[float]) -> str:
    """A colour as #rrggbb.

    Args:
        color: red, green and blue, straight sRGB; clipped to [0, 1].

    >>> to_hex((1, 0.5, 0))
    '#ff8000'
    """
    return "#" + bytes(round(255 * min(1.0, max(0.0, float(channel)))) for channel in color).hex()


def levels_of(name: str) -> tuple[int, int, int]:
    """Red, green and blue of a colour written as #rrggbb, each from 0 to 255.

    >>> levels_of("#ff8000")
    (255, 128, 0)

    Raises:
        ValueError: it is not written in this way.
    """
    if not is_hex_color(name):
        raise ValueError(f"expected #rrggbb, got {name!r}")
    red, green, blue = bytes.fromhex(name[1:])
    return red, green, blue
