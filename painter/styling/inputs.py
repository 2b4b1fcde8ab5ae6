"""What a style transfer works on: the pictures, read and brought to size, at each scale. Without torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from painter.errors import OptionError, one_line
from painter.options.transfer import MAX_CONTRAST_GAIN, TransferConfig
from painter.pictures.focus import auto_focus
from painter.pictures.masks import load_mask
from painter.pictures.picture import Picture, check_shows, load_picture
from painter.pictures.resizing import fit_size, resize_image
from painter.styling.colors import color_map, color_statistics, grey, match_colors, mixed_statistics


@dataclass(frozen=True, eq=False)
class TransferInputs:
    """Content, styles and region at one scale. Of the content's colours only grey is there if only that may change."""

    content: np.ndarray  # [H, W, C] float32 in [0, 1]; C is 3, or 1 to keep the content's colours
    styles: list[np.ndarray]  # [h, w, C] float32 each
    shown: list[np.ndarray | None]  # [h, w] float32 each, the styles' alphas
    alpha: np.ndarray | None  # [H, W] float32, the content's
    region: np.ndarray | None  # [H, W] float32 in [0, 1]
    focus: np.ndarray | None = None  # [H, W] float32 in [0, 1], where the content is kept most closely


@dataclass(frozen=True, eq=False)
class Sources:
    """The pictures at the largest size that is needed."""

    content: Picture
    styles: list[Picture]
    region: np.ndarray | None  # [H, W] float32 in [0, 1], at the content's size
    focus: np.ndarray | None = None  # [H, W] float32 in [0, 1], as well

    def scene(self, config: TransferConfig, scale: int) -> TransferInputs:
        """The pictures at one scale, 0 the coarsest, in the colours that the options ask for."""
        height, width = _fitted(self.content, config.sizes()[scale])
        side = config.style_sizes()[scale]
        content, alpha = _resized(self.content, height, width)
        pairs = [_resized(style, *_fitted(style, side)) for style in self.styles]
        region = None if self.region is None else resize_image(self.region, height, width)
        focus = None if self.focus is None else resize_image(self.focus, height, width)
        styles, shown = [rgb for rgb, _ in pairs], [alpha for _, alpha in pairs]
        scene = TransferInputs(content, styles, shown, alpha, region, focus)
        if config.content_color == "style" and config.style_weight > 0:
            return replace(scene, content=_in_styles_colors(scene, config.blend(len(self.styles))[scale]))
        return _in_colors(scene, config.preserve_color)


def load_sources(
    content: str | os.PathLike[str], styles: Sequence[str | os.PathLike[str]], config: TransferConfig
) -> Sources:
    """Read the pictures and the region.

    Raises:
        PictureError: a file that cannot be read, a picture that is transparent everywhere, or a region that is black
            or of another shape.
        OptionError: no style, or another number of them than the options speak of.
    """
    if not styles:
        raise OptionError("no style picture; name at least one")
    config.blend(len(styles))
    picture = load_picture(content, config.size)
    side = max(config.style_sizes())
    rows, columns = picture.rgb.shape[:2]
    region = None if config.region is None else load_mask(config.region, rows, columns, "--region", picture.size)
    read = [load_picture(style, side) for style in styles]
    for k, (style, seen) in enumerate(zip(styles, read, strict=True), 1):
        check_shows(seen, f"style picture {k}, {one_line(style)}")
    check_shows(picture, f"the input picture, {one_line(content)}")
    return Sources(picture, read, region, _focus(picture, config.focus))


def make_sources(content: Picture, styles: Sequence[Picture], config: TransferConfig) -> Sources:
    """Pictures that have been read, at the sizes that `config` wants them in; its region is not read."""
    return Sources(content, list(styles), None, _focus(content, config.focus))


def _focus(picture: Picture, focus: str) -> np.ndarray | None:
    """[H, W] float32 in [0, 1] at the picture's size; None: the same everywhere."""
    if focus == "none":
        return None
    if focus == "auto":
        return auto_focus(picture.rgb, picture.alpha)
    rows, columns = picture.rgb.shape[:2]
    return load_mask(focus, rows, columns, "--focus", picture.size)


def _fitted(picture: Picture, side: int) -> tuple[int, int]:
    """(height, width) with this long side."""
    return fit_size(picture.rgb.shape[0], picture.rgb.shape[1], side)


def _resized(picture: Picture, height: int, width: int) -> tuple[np.ndarray, np.ndarray | None]:
    """A picture's colours and alpha at another size; where nothing shows it has its mean colour."""
    if picture.alpha is None:
        return resize_image(picture.rgb, height, width), None
    mean, _ = color_statistics(picture.rgb, picture.alpha)
    filled = picture.rgb * picture.alpha[..., None] + mean * (1 - picture.alpha[..., None])
    return resize_image(filled.astype(np.float32), height, width), resize_image(picture.alpha, height, width)


def _in_styles_colors(scene: TransferInputs, blend: Sequence[float]) -> np.ndarray:
    """[H, W, 3]: the content in the colours of the styles, each part in those of its own."""
    statistics = [color_statistics(*pair) for pair in zip(scene.styles, scene.shown, strict=True)]
    parts = [(scene.region, mixed_statistics(statistics, blend))]
    if scene.region is not None and len(statistics) == 2:
        parts = [(scene.region, statistics[0]), (1 - scene.region, statistics[1])]
    content = scene.content
    for part, wanted in parts:
        shown = scene.alpha if part is None else part if scene.alpha is None else part * scene.alpha
        matched = color_map(scene.content, shown, wanted, MAX_CONTRAST_GAIN)(scene.content)
        content = matched if part is None else content + part[..., None] * (matched - content)
    return content


def _in_colors(scene: TransferInputs, preserve: str) -> TransferInputs:
    """The scene with its styles in the content's colours, or all of it in grey."""
    if preserve == "none":
        return scene
    if preserve == "luminance":
        scene = replace(scene, content=grey(scene.content), styles=[grey(style) for style in scene.styles])
    wanted = color_statistics(scene.content, scene.alpha)
    pairs = zip(scene.styles, scene.shown, strict=True)
    return replace(scene, styles=[match_colors(style, wanted, shown) for style, shown in pairs])
