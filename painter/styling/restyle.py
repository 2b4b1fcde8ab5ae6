"""Style for paintings: of strokes that a search has just found, or of a painting that is kept in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from painter.errors import DivergedError, PictureError
from painter.options.restyle import RestyleConfig
from painter.painting.painting import Painting
from painter.pictures.picture import PictureSource
from painter.search.control import Control
from painter.search.maps import stroke_maps
from painter.search.staged_run import OnProgress, follow
from painter.styling.records import Record
from painter.styling.stroke_styling import StrokeStyling
from painter.styling.style import load_style
from painter.system.autosave import Autosave
from painter.system.devices import one_torch_thread, ordinary_tensors, resolve_device
from painter.system.fingerprint import options_of, sha256_of
from renderers.order import in_paint_order

_LOOKED_AT = 128  # pixels, the long side at which it is seen whether a painting shows anything


@dataclass(frozen=True, eq=False)
class Restyled:
    """A painting in a style."""

    painting: Painting
    interrupted: bool  # whether Ctrl-C cut it short
    style: dict[str, dict[str, float]] | None  # the losses 'before' and 'after', if it came to its end
    records: Sequence[Record] = ()  # the losses, step by step


def restyle(
    painting: Painting, style: PictureSource, config: RestyleConfig | None = None,
    on_progress: OnProgress | None = None,
) -> Restyled:  # fmt: skip
    """Give a painting's strokes the style of a picture.

    >>> options = RestyleConfig(features="random", iterations=2)
    >>> styled = restyle(painting, picture[::-1], options)
    >>> len(styled.painting.strokes), styled.painting.draw().shape
    (8, (48, 64, 3))

    Args:
        painting: its strokes are what is changed, and as it is drawn is what is to stay of it.
        style: a file, or an array [H, W, 3] or [H, W, 4] of straight sRGB, uint8 or floats in [0, 1].
        config: what they take on, and how much; the defaults if not given.
        on_progress: called after each step.

    Returns:
        The painting with other colours (other shapes and opacities, too, in the mode 'texture'), on the same canvas.
        Ctrl-C ends it early; `interrupted` is then true.

    Raises:
        ImpastoError: PictureError, OptionError, DeviceError or CheckpointError, whose messages are single lines.
        DivergedError: the loss became NaN or infinite; it has the last good painting as `result`.
    """
    styling = prepare_styling(painting, style, config or RestyleConfig())
    return finish_styling(styling, on_progress)


@ordinary_tensors()
def prepare_styling(
    painting: Painting, style: PictureSource, config: RestyleConfig, download: bool = False, progress: bool = False
) -> StrokeStyling:
    """What restyles this painting: options over the painting's, the style picture and the networks loaded.

    Args:
        download: whether the weights that see style may be downloaded where they are missing.
        progress: whether a bar of that may be shown.

    Raises:
        PictureError: nothing of the painting, or of the style picture, is to be seen; or it cannot be read.
        OptionError, DeviceError or CheckpointError: see `restyle`.
    """
    seen = painting.draw_bare(_LOOKED_AT)
    if seen.shape[2] == 4 and not seen[:, :, 3].any():
        raise PictureError("the painting is transparent everywhere, so it has no colours to change; name another file")
    name = "an array" if isinstance(style, np.ndarray) else str(style)
    settings = config.applied_to(painting.config, name)
    device, backend = resolve_device(settings.device, settings.backend)
    loaded = load_style(style, settings, download, progress)
    maps = stroke_maps(painting.strokes.brush, backend, device)
    return StrokeStyling(replace(painting, config=settings), loaded, maps, device, backend, config.seconds)


@ordinary_tensors()
def finish_styling(
    styling: StrokeStyling, on_progress: OnProgress | None = None, autosave: Autosave | None = None,
    control: Control | None = None,
) -> Restyled:  # fmt: skip
    """Run it to its end, or until `control` stops it.

    Raises:
        DivergedError: the loss became NaN or infinite; it has the last good painting as `result`.
        AutosaveError: there is something else where progress should be; see `Autosave.begin`.
    """

    def restyled(interrupted: bool) -> Restyled:
        strokes = styling.painting.strokes
        if styling.config.style_weight > 0:  # else nothing has changed, and the order does not, either
            strokes = in_paint_order(styling.strokes, styling.painting.aspect)
        restyled = replace(styling.painting, strokes=strokes, ground=styling.ground)
        return Restyled(restyled, interrupted, styling.losses, styling.records)

    if autosave is not None:
        autosave.begin(styling)
    with one_torch_thread():
        try:
            _, interrupted = follow(styling, on_progress, autosave, control)
        except DivergedError as error:
            error.result = restyled(False)
            raise
        return restyled(interrupted)


@dataclass(frozen=True, eq=False)
class RestylingFingerprint:
    """What a restyling is of; what `painter.system.autosave.Autosave` asks for."""

    file: Path  # of strokes
    config: RestyleConfig
    styling: StrokeStyling
    label = "restyling"

    def fingerprint(self) -> dict[str, Any]:
        """All that decides what comes out, ready for JSON."""
        device, backend = self.styling.scene.device.type, self.styling.scene.backend
        options = options_of(self.config, device=device, backend=backend)
        return {"stroke file": sha256_of(self.file), **self.styling.scene.style.fingerprint, **options}
