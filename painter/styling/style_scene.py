"""What the styling of strokes works with: the painting, the style, and where it is computed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from painter.options.paint import PaintConfig
from painter.painting.painting import Painting
from painter.pictures.focus import auto_focus, focus_weights
from painter.pictures.resizing import fit_size, resize_image
from painter.styling.colors import color_statistics
from painter.styling.levels import StyleSearchConfig
from painter.styling.style import Style, style_side


@dataclass(frozen=True, eq=False)
class SeenStyle:
    """The style picture beside one canvas."""

    rgb: Tensor  # [h, w, 3]
    shown: Tensor | None  # [h, w], its alpha
    mean: Tensor  # [3]


class StyleScene:
    """A painting beside its style.

    Args:
        painting: as it was found; its configuration says how to style it.
        style: the picture and the network, which is brought to the device.
        backend: of `renderers.blending.blend`, one that works on this device.
        content_focus: [h, w] float32 in [0, 1], of the picture that was painted; found in the painting if not given.
    """

    def __init__(
        self, painting: Painting, style: Style, search: StyleSearchConfig, device: torch.device, backend: str,
        content_focus: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.painting, self.style, self.search = painting, style, search
        self.device, self.backend, self._content_focus = device, backend, content_focus
        style.features.to(device)

    @property
    def config(self) -> PaintConfig:
        """How to style it."""
        return self.painting.config

    def seen_style(self, side: int) -> SeenStyle:
        """The style picture as it is seen beside a canvas with this long side."""
        picture = self.style.picture
        rows, columns = picture.rgb.shape[:2]
        size = fit_size(rows, columns, style_side(self.config, side))
        mean, _ = color_statistics(picture.rgb, picture.alpha)
        rgb, shown = picture.rgb, None
        if picture.alpha is not None:
            alpha = picture.alpha[..., None]
            rgb = (rgb * alpha + mean * (1 - alpha)).astype(np.float32)
            shown = torch.from_numpy(resize_image(picture.alpha, *size)).to(self.device)
        seen = torch.from_numpy(resize_image(rgb, *size)).to(self.device)
        return SeenStyle(seen, shown, torch.from_numpy(mean.astype(np.float32)))

    def focus(self, height: int, width: int) -> np.ndarray | None:
        """[height, width] float32 of mean 1: what light and dark count, most in faces; None: the same everywhere."""
        if self.config.focus == "none":
            return None
        return focus_weights(resize_image(self._focus, height, width), self.search.focus_strength)

    @cached_property
    def _focus(self) -> np.ndarray:
        """[h, w] float32 in [0, 1]."""
        if self._content_focus is not None:
            return self._content_focus
        image = self.painting.draw_bare(min(self.config.size, self.search.focus_side))
        alpha = image[..., 3].astype(np.float32) / 255 if image.shape[2] == 4 else None
        return auto_focus(image[..., :3].astype(np.float32) / 255, alpha)
