"""Impasto turns a picture into a painting made of real, parameterised brush strokes.

    paint           from a picture to a Result: the painting, its pixels, a report; PaintConfig has the options
    Painting        strokes on a ground: load, draw, frames, save; ExportConfig has the options of files
    Control         to pause, resume or stop a `paint` that is under way
    Arrays          masks, palette, brush and style picture from memory instead of files
    reveal          one painting whose first strokes show one picture, and all of them another
    morph           the strokes of one painting become those of another; MorphConfig has the options
    restyle         the strokes of a painting in the style of a picture; RestyleConfig has the options
    ImpastoError    the base of all errors; each message is one line that says what is wrong and what to do

Everything else lies in rooms below, from `painter.cli` at the top to `painter.options` at the bottom; a room imports
only from those below it.

The examples continue from these lines, which paint an orange box in few strokes (a file's name can stand for the
array):

>>> import numpy as np
>>> from painter import ExportConfig, PaintConfig, Painting, paint
>>> picture = np.zeros((30, 40, 3), np.uint8)
>>> picture[8:20, 10:30] = 255, 128, 0
>>> result = paint(picture, PaintConfig(style="markerpen", strokes=8, size=64, iterations=4))
>>> painting = result.painting
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from painter.version import __version__

if TYPE_CHECKING:
    from painter.errors import ImpastoError, StrokeFileError
    from painter.options.export import ExportConfig
    from painter.options.morph import MorphConfig
    from painter.options.paint import PaintConfig
    from painter.options.restyle import RestyleConfig
    from painter.options.reveal import RevealConfig
    from painter.painting.morph import Morph, morph
    from painter.painting.painting import Painting
    from painter.pictures.arrays import Arrays
    from painter.pipeline import Result, paint, reveal
    from painter.search.control import Control
    from painter.styling.restyle import Restyled, restyle

__all__ = [
    "Arrays",
    "Control",
    "ExportConfig",
    "ImpastoError",
    "Morph",
    "MorphConfig",
    "PaintConfig",
    "Painting",
    "RestyleConfig",
    "Restyled",
    "Result",
    "RevealConfig",
    "StrokeFileError",
    "__version__",
    "morph",
    "paint",
    "restyle",
    "reveal",
]

_HOMES = {
    "Arrays": "painter.pictures.arrays",
    "Control": "painter.search.control",
    "ExportConfig": "painter.options.export",
    "ImpastoError": "painter.errors",
    "Morph": "painter.painting.morph",
    "MorphConfig": "painter.options.morph",
    "PaintConfig": "painter.options.paint",
    "Painting": "painter.painting.painting",
    "RestyleConfig": "painter.options.restyle",
    "Restyled": "painter.styling.restyle",
    "Result": "painter.pipeline",
    "RevealConfig": "painter.options.reveal",
    "StrokeFileError": "painter.errors",
    "morph": "painter.painting.morph",
    "paint": "painter.pipeline",
    "restyle": "painter.styling.restyle",
    "reveal": "painter.pipeline",
}


def __getattr__(name: str) -> Any:
    """The public names, each imported when first asked for: torch takes seconds, and --help must not wait for it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
