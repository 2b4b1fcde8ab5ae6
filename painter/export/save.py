"""A painting into a file; the ending picks the format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from painter.config import ExportConfig
from painter.export import check_output
from painter.export.gif import write_gif
from painter.export.png import write_png
from painter.painting import Painting


def save_painting(
    painting: Painting, path: Path, image: np.ndarray | None = None, config: ExportConfig | None = None
) -> None:
    """Write `painting` to `path`, at the size that its configuration asks for.

    Args:
        image: what `painting.draw()` returns, if that is at hand already.
        config: how; the defaults if not given.

    Raises:
        OutputError: for an ending that we do not write or a file that cannot be written; `path` then keeps what
            it held.
    """
    check_output(path)
    _WRITERS[path.suffix.lower()](painting, path, image, config or ExportConfig())


def _save_png(painting: Painting, path: Path, image: np.ndarray | None, config: ExportConfig) -> None:
    write_png(path, painting.bands() if image is None else image)


def _save_gif(painting: Painting, path: Path, image: np.ndarray | None, config: ExportConfig) -> None:
    side = min(painting.config.size, config.gif_side)
    samples = list(painting.replay(min(side, config.sample_side), config.sample_frames))
    frames = painting.replay(side, config.frames)
    write_gif(path, frames, samples, frame_ms=config.frame_ms, hold_ms=config.hold_ms)


_WRITERS: dict[str, Callable[[Painting, Path, np.ndarray | None, ExportConfig], None]] = {
    ".png": _save_png,
    ".gif": _save_gif,
}
