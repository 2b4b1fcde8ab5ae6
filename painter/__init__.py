"""Impasto turns a picture into a painting made of real, parameterised brush strokes.

from painter import PaintConfig, paint

paint("logo.png", PaintConfig(style="markerpen")).save("painting.png", "painting.gif")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from painter.version import __version__

if TYPE_CHECKING:
    from painter.config import PaintConfig
    from painter.errors import ImpastoError, StrokeFileError
    from painter.painting import Painting
    from painter.pipeline import Result, paint

__all__ = ["ImpastoError", "PaintConfig", "Painting", "Result", "StrokeFileError", "__version__", "paint"]

_HOMES = {
    "ImpastoError": "painter.errors",
    "PaintConfig": "painter.config",
    "Painting": "painter.painting",
    "Result": "painter.pipeline",
    "StrokeFileError": "painter.errors",
    "paint": "painter.pipeline",
}


def __getattr__(name: str) -> Any:
    """The public names, each imported when first asked for: torch takes seconds, and --help must not wait for it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
