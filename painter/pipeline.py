"""One way through: picture → strokes → painting → figures, each step a value made from the one before it.

`paint` is all of it in one call; the command line goes through the same steps one by one.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from painter.config import PaintConfig, SearchConfig
from painter.errors import DeviceError
from painter.metrics import compare
from painter.painting import Color, Painting, canvas_color, make_target, resolve_ground, to_bytes
from painter.picture import load_picture, picture_from_array
from painter.usage import Stopwatch, peak_rss_mb
from painter.version import __version__

if TYPE_CHECKING:  # torch and numba take seconds to import, and a bad picture is refused before that
    from painter.search import Progress
    from renderers.networks import BrushNetworks

PictureSource = str | os.PathLike[str] | np.ndarray
OnProgress = Callable[["Progress"], None]


@dataclass(frozen=True, eq=False)
class Subject:
    """What is to be painted, with all that the search needs."""

    config: PaintConfig
    about: dict[str, Any]  # the picture's name, sha256, width and height, for the report
    aspect: tuple[int, int]  # height, width
    ground: Color | None  # None is transparent
    target: np.ndarray  # [H, W, C] float32, at the size searched on; see `make_target`
    picture: np.ndarray  # uint8 [H, W, C] with straight alpha, at `config.size`, what the painting is compared with
    networks: BrushNetworks
    device: str  # 'cpu' or 'cuda', where the search runs
    backend: str  # 'reference', 'cpu' or 'cuda', what blends there


@dataclass(frozen=True, eq=False)
class Result:
    """A finished painting."""

    painting: Painting
    image: np.ndarray  # uint8 [H, W, 3], or [H, W, 4] with straight alpha, at `config.size`
    report: dict[str, Any]  # ready for JSON

    @property
    def interrupted(self) -> bool:
        """Whether the search was cut short."""
        return bool(self.report["interrupted"])

    def save(self, *paths: str | os.PathLike[str]) -> None:
        """Write the painting; endings pick the format (.png, .gif). Raises OutputError if that is not possible."""
        from painter.export.save import save_painting

        for path in paths:
            save_painting(self.painting, Path(path), self.image)


def paint(source: PictureSource, config: PaintConfig | None = None, on_progress: OnProgress | None = None) -> Result:
    """Paint a picture.

    Args:
        source: a file, or an array [H, W, 3] or [H, W, 4] of straight sRGB, uint8 or floats in [0, 1].
        config: style, number of strokes and so on; the defaults if not given.
        on_progress: called after each step of the search.

    Returns:
        The painting, drawn, with its report. Ctrl-C ends the search early; what there is by then is drawn, and
        `interrupted` is true.

    Raises:
        ImpastoError: PictureError, DeviceError or CheckpointError, whose messages are single lines.
        KeyboardInterrupt: before there is a stroke, or while drawing.
    """
    watch = Stopwatch()
    subject = prepare(source, config or PaintConfig(), watch)
    painting, interrupted = find_strokes(subject, watch, on_progress)
    return finish(subject, painting, interrupted, watch)


def prepare(source: PictureSource, config: PaintConfig, watch: Stopwatch) -> Subject:
    """Read the picture, check the device and load the networks.

    Raises:
        ImpastoError: PictureError, DeviceError or CheckpointError, in this order.
    """
    with watch.phase("load"):
        if isinstance(source, np.ndarray):
            picture = picture_from_array(source, config.size)
        else:
            picture = load_picture(source, config.size)
        device, backend = resolve_device(config.device, config.backend)
        from renderers.checkpoint import load_networks

        networks = load_networks(config.style)
        ground = resolve_ground(config.canvas, picture)
        height, width = picture.size
        return Subject(
            config=config,
            about={"name": picture.name, "sha256": picture.sha256, "width": width, "height": height},
            aspect=picture.size,
            ground=ground,
            target=make_target(picture, ground, min(config.size, SearchConfig().full_side)),
            picture=to_bytes(make_target(picture, ground, config.size)),
            networks=networks,
            device=device,
            backend=backend,
        )


def find_strokes(subject: Subject, watch: Stopwatch, on_progress: OnProgress | None = None) -> tuple[Painting, bool]:
    """Search for the strokes; also whether Ctrl-C cut it short, once there was something to show.

    Raises:
        KeyboardInterrupt: before there is a stroke.
    """
    from painter.search import Search

    search = Search(
        subject.target, canvas_color(subject.ground), subject.networks, subject.config,
        device=subject.device, backend=subject.backend,
    )  # fmt: skip
    strokes, interrupted = None, False
    with watch.phase("search"), _one_torch_thread():
        try:
            for progress in search.run():
                strokes = progress.strokes
                if on_progress is not None:
                    on_progress(progress)
            # Not the last step's: without iterations there is none, and strokes are only placed.
            strokes = search.strokes
        except KeyboardInterrupt:
            if strokes is None:
                raise
            interrupted = True
    assert strokes is not None
    return Painting(strokes, subject.aspect, subject.ground, subject.config), interrupted


def finish(subject: Subject, painting: Painting, interrupted: bool, watch: Stopwatch) -> Result:
    """Draw the painting and measure it."""
    with watch.phase("draw"):
        image = painting.draw()
    with watch.phase("measure"):
        figures = compare(image, subject.picture)
    report = {
        "version": __version__,
        "config": asdict(subject.config),
        "input": subject.about,
        "ground": _color_name(subject.ground),
        "strokes": len(painting.strokes),
        "interrupted": interrupted,
        **figures,
        "seconds": watch.seconds(),
        "peak_rss_mb": peak_rss_mb(),
    }
    return Result(painting, image, report)


def resolve_device(device: str, backend: str = "auto") -> tuple[str, str]:
    """Where the search runs, 'cpu' or 'cuda', and what blends there: 'reference', 'cpu' or 'cuda'.

    Raises:
        DeviceError: for 'cuda' where there is none, 'cuda' kernels without Triton, or kernels for another device.
    """
    if device == "auto":
        # The CPU, unless a GPU's kernels are asked for: those have not been timed on one yet.
        device, asked = ("cuda" if backend == "cuda" else "cpu"), "--backend cuda"
    else:
        asked = f"--device {device}"
    if device == "cuda" and not _has_cuda():
        raise DeviceError(f"{asked}: there is no CUDA device here that torch can use; choose cpu or auto")
    has_triton = find_spec("triton") is not None
    if backend == "auto":
        return device, "cpu" if device == "cpu" else "cuda" if has_triton else "reference"
    if backend not in (device, "reference"):
        raise DeviceError(f"--backend {backend}: does not work with --device {device}; choose auto or reference")
    if backend == "cuda" and not has_triton:
        raise DeviceError("--backend cuda: needs Triton (pip install triton); choose auto or reference")
    return device, backend


def _has_cuda() -> bool:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of drivers that are too old; our own line says enough
        return torch.cuda.is_available()


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """Leave the other cores to the kernels.

    What torch has left to do is so small that on a busy machine a second thread's barriers cost twenty times the work.
    With one, the strokes do not depend on the number of cores either.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _color_name(ground: Color | None) -> str:
    """As --canvas takes it."""
    if ground is None:
        return "transparent"
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in ground)
