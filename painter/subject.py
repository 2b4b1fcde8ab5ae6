"""What is to be painted: picture, options and networks brought together, ready for the search."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from painter.config import PaintConfig, SearchConfig
from painter.devices import resolve_device
from painter.focus import auto_focus, focus_weights
from painter.goal import Goal
from painter.masks import load_mask
from painter.painting import Color, canvas_color, make_target, resolve_ground, to_bytes, within_region
from painter.palette import nearest, read_palette
from painter.picture import Picture, load_picture, picture_from_array
from painter.pixels import in_steps
from painter.resizing import fit_size, resize_image
from painter.tones import divide_tones

if TYPE_CHECKING:  # torch and numba take seconds to import, and a bad picture is refused before that
    from painter.styling.strokes import Style
    from renderers.decoding import SearchMaps

PictureSource = str | os.PathLike[str] | np.ndarray
# The longest side at which a picture is looked at, pixels: a larger painting is drawn from what is found there, so that
# its memory is not that of several pictures of its size.
SEEN_SIDE = 4096
FOCUSES_KEPT = 8  # pictures of which is remembered where faces and fine detail are
TONES_SIDE = 1024  # the longest side at which a picture is divided into tones, pixels

_focuses: dict[tuple[Any, ...], np.ndarray] = {}


@dataclass(frozen=True, eq=False)
class Subject:
    """What is to be painted, with all that the search needs."""

    config: PaintConfig
    about: dict[str, Any]  # the picture's name, sha256, width and height, for the report
    aspect: tuple[int, int]  # height, width
    ground: Color | None  # None is transparent
    goal: Goal  # at the size searched on
    picture: np.ndarray  # uint8 [H, W, C] with straight alpha, at `config.size` or SEEN_SIDE, whichever is smaller
    region: np.ndarray | None  # [H, W] float32 in [0, 1], like `picture`: where there may be paint
    brush: str  # a name in `renderers.brushes.BRUSHES`
    maps: SearchMaps
    device: str  # 'cpu' or 'cuda', where the search runs
    backend: str  # 'reference', 'cpu' or 'cuda', what blends there
    style: Style | None = None  # what the finished strokes take on
    noun = "painting"

    def identity(self) -> dict[str, Any]:
        """See `painter.autosave.identity_of`."""
        from painter.autosave import identity_of

        return identity_of(self)

    @property
    def seen_side(self) -> int:
        """The longer side of `picture`, pixels: the size at which the painting is compared with it."""
        return max(self.picture.shape[:2])


def prepare_subject(
    source: PictureSource, config: PaintConfig, download: bool = False, progress: bool = False
) -> Subject:
    """Read the picture and the files that options name, check the device and load the networks or the own brush.

    Args:
        download: whether the weights that see a style may be downloaded where they are missing.
        progress: whether a bar of that may be shown.

    Raises:
        ImpastoError: PictureError, OptionError, DeviceError or CheckpointError.
    """
    seen = min(config.size, SEEN_SIDE)
    picture = picture_from_array(source, seen) if isinstance(source, np.ndarray) else load_picture(source, seen)
    rows, columns = picture.rgb.shape[:2]
    region = None
    if config.region is not None:
        region = in_steps(load_mask(config.region, rows, columns, "--region"))
    shown = _shown(picture.alpha, region)
    palette = None
    if config.palette is not None:
        palette = read_palette(config.palette, picture.rgb, shown, config.seed)
    side = min(config.size, SearchConfig().full_sides[1])
    weight = _focus_weight(picture, config, side)
    picture = _in_tones(picture, shown, config, palette)
    ground = _ground(picture, config, palette)
    device, backend = resolve_device(config.device, config.backend)
    brush, maps = _brush(config, backend, device)
    height, width = picture.size
    goal = Goal(
        within_region(make_target(picture, ground, side), region, ground),
        canvas_color(ground),
        weight,
        None if region is None else _at_most(region, side),
        palette,
        config.opacity_range(ground is None),
    )
    return Subject(
        config=config,
        about={"name": picture.name, "sha256": picture.sha256, "width": width, "height": height},
        aspect=picture.size,
        ground=ground,
        goal=goal,
        picture=to_bytes(within_region(make_target(picture, ground, seen), region, ground)),
        region=region,
        brush=brush,
        maps=maps,
        device=device,
        backend=backend,
        style=_style(config, download, progress),
    )


def _style(config: PaintConfig, download: bool, progress: bool) -> Style | None:
    if config.style_image is None:
        return None
    from painter.styling.strokes import load_style

    return load_style(config.style_image, config, download, progress)


def _focus_weight(picture: Picture, config: PaintConfig, side: int) -> np.ndarray | None:
    """[h, w] float32 at `side`, how much each pixel counts; None if all count the same."""
    if config.focus == "none":
        return None
    if config.focus == "auto":
        focus = _auto_focus(picture, side)
    else:
        rows, columns = fit_size(picture.rgb.shape[0], picture.rgb.shape[1], side)
        focus = load_mask(config.focus, rows, columns, "--focus")
    return focus_weights(focus, SearchConfig().focus_strength)


def _auto_focus(picture: Picture, side: int) -> np.ndarray:
    """`auto_focus` at `side`; kept for the last few pictures, for many paintings may be made of one."""
    key = (picture.sha256, picture.size, picture.rgb.shape, side)
    if key not in _focuses:
        alpha = None if picture.alpha is None else _at_most(picture.alpha, side)
        found = auto_focus(_at_most(picture.rgb, side), alpha)
        found.flags.writeable = False
        while len(_focuses) >= FOCUSES_KEPT:
            _focuses.pop(next(iter(_focuses)))
        _focuses[key] = found
    return _focuses[key]


def _shown(alpha: np.ndarray | None, region: np.ndarray | None) -> np.ndarray | None:
    """[H, W] how much of each pixel will be seen, so that no colour is spent on others; None is 1 everywhere."""
    if alpha is None or region is None:
        return region if alpha is None else alpha
    return alpha * region


def _in_tones(picture: Picture, shown: np.ndarray | None, config: PaintConfig, palette: np.ndarray | None) -> Picture:
    if config.tones is None:
        return picture
    weight = None if shown is None else _at_most(shown, TONES_SIDE)
    toned = divide_tones(_at_most(picture.rgb, TONES_SIDE), weight, config.tones, palette)
    return replace(picture, rgb=np.clip(resize_image(toned, *picture.rgb.shape[:2]), 0, 1))


def _ground(picture: Picture, config: PaintConfig, palette: np.ndarray | None) -> Color | None:
    """The ground that was asked for; one that is chosen here is of the palette."""
    ground = resolve_ground(config.canvas, picture, config.manner.paper)
    if ground is None or palette is None or config.canvas != "auto":
        return ground
    red, green, blue = (round(255 * c) / 255 for c in palette[nearest(np.array(ground, np.float32), palette)].tolist())
    return red, green, blue


def _brush(config: PaintConfig, backend: str, device: str) -> tuple[str, SearchMaps]:
    """The brush's name, and how the search sees its strokes."""
    if config.brush is not None:
        from painter.stamps import load_stamp
        from renderers.brushes import register
        from renderers.stamping import StampMaps

        stamp = load_stamp(config.brush)
        register(stamp)
        return stamp.name, StampMaps(stamp)
    from renderers.checkpoint import load_networks
    from renderers.decoder import network_maps

    return config.style, network_maps(load_networks(config.style).to(device), backend, SearchConfig().density)


def _at_most(image: np.ndarray, side: int) -> np.ndarray:
    """The image [H, W] or [H, W, C] with a long side of at most `side`."""
    height, width = image.shape[:2]
    if max(height, width) <= side:
        return image
    return resize_image(image, *fit_size(height, width, side))
