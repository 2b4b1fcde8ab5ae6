"""Style, then paint: a picture takes on a style pixel by pixel, and is then what a search paints.

Strokes that begin where a photograph put them never become tiles or an expressionist's grain; strokes that are placed
on a picture that has these do.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from painter.options.paint import MAX_ITERATIONS, PaintConfig
from painter.options.transfer import FEATURE_DEFAULTS, FeatureDefaults, TransferConfig
from painter.pictures.ground import canvas_color, make_target, to_bytes, within_region
from painter.pictures.picture import Picture
from painter.pictures.pixels import LUMINANCE
from painter.pictures.resizing import resize_image
from painter.search.subject import Subject, chosen_ground
from painter.styling.inputs import Sources
from painter.styling.levels import StyleSearchConfig
from painter.styling.style import Style, style_side
from painter.styling.transfer import Transfer


def picture_of(subject: Subject, rgb: np.ndarray | None = None) -> Picture:
    """The subject's picture as it is compared with the painting, with other colours [H, W, 3] float32 if given."""
    image = subject.picture.astype(np.float32) / 255
    alpha = image[..., 3] if image.shape[2] == 4 else None
    about = subject.about
    return Picture(image[..., :3] if rgb is None else rgb, alpha, about["name"], about["sha256"], subject.aspect)


def styled_picture(subject: Subject, style: Style, seconds: float | None, search: StyleSearchConfig) -> Transfer:
    """What gives the subject's picture the style, pixel by pixel, with all its focus.

    Args:
        seconds: the time there is; None for as long as it takes.
    """
    config, side = subject.config, min(search.pixel_side, subject.config.size)
    kind = style.features.kind
    defaults = FEATURE_DEFAULTS.get(kind, FeatureDefaults())
    options = TransferConfig(
        features=kind,
        size=side,
        scales=search.pixel_scales,
        iterations=min(MAX_ITERATIONS, max(1, round(search.pixel_steps * config.style_iterations))),
        seconds=None if seconds is None else max(1.0, seconds),
        seed=config.seed,
        content_weight=config.content_weight / PaintConfig.content_weight,
        style_weight=search.pixel_style * defaults.style_weight * config.style_weight,
        content_loss="features",
        content_color="style",
        style_loss="both",
        style_size=str(style_side(config, side)),
        device=config.device,
    )
    style.features.to(torch.device(subject.device))
    return Transfer(Sources(picture_of(subject), [style.picture], None, subject.focus), options, style.features)


def with_own_light(transfer: Transfer, pixels: np.ndarray, share: float) -> np.ndarray:
    """What has the style, with the light and dark of the picture that it was in its focus, at full size.

    What makes a face one is smaller than the pixels that took on the style, and a pale style leaves little of it.

    Args:
        transfer: what has given the picture the style.
        pixels: [H, W, 3 or 4] float32 in [0, 1], what it has made, of the picture's shape.
        share: of light and dark that is the picture's own; the rest is as bright as the style is.

    Returns:
        [H, W, 3 or 4] float32 in [0, 1].
    """
    sources, config = transfer.sources, transfer.config
    if sources.focus is None or config.content_weight == 0:
        return pixels
    scene = sources.scene(replace(config, size=max(pixels.shape[:2]), scales=1, style_size=None), 0)
    assert scene.focus is not None
    light = ((1 - share) * scene.content + share * sources.content.rgb - pixels[..., :3]) @ LUMINANCE[:, None]
    within = np.minimum(1, 2 * scene.focus)[..., None]  # all of a face, not only its eyes and mouth
    changed = np.clip(pixels[..., :3] + within * light, 0, 1)
    return np.concatenate((changed, pixels[..., 3:]), axis=2)


def with_picture(subject: Subject, pixels: np.ndarray) -> Subject:
    """The subject with another picture to paint, in its own focus and region.

    Args:
        pixels: [H, W, 3 or 4] float32 in [0, 1], of the shape of the subject's picture.
    """
    config, target = subject.config, subject.target
    height, width = target.image.shape[:2]
    picture, ground = picture_of(subject, np.ascontiguousarray(pixels[..., :3])), subject.ground
    if ground is not None:  # a transparent one stays, whatever made it so
        ground = chosen_ground(picture, config, target.palette)
    image = make_target(picture, ground, max(height, width))
    if image.shape[:2] != (height, width):
        image = resize_image(image, height, width)
    target = replace(target, image=within_region(image, subject.region, ground), ground=canvas_color(ground))
    seen = to_bytes(within_region(make_target(picture, ground, subject.working_side), subject.region, ground))
    return replace(subject, ground=ground, target=target, picture=seen)
