"""What a search aims at."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from painter.pictures.resizing import (
    fit_size,
    resize_image,
)
from renderers.pigments import Mixing

# What a fault in alpha counts, against one in a channel of premultiplied colour: over a ground of another colour it is
# seen in all three. Without this, dark paint beyond the edge of a transparent picture hardly counts.
ALPHA_WEIGHT = 3.0


@dataclass(frozen=True, eq=False)
class Target:
    """A picture to come close to, the ground that it is painted on, and what the artist cares about."""

    image: np.ndarray  # [H, W, C] float32 in [0, 1]; premultiplied RGBA if C = 4
    ground: np.ndarray  # [C] float32, the empty canvas
    weight: np.ndarray | None = None  # [H, W] float32 >= 0: how much a pixel counts, against the others
    region: np.ndarray | None = None  # [H, W] float32 in [0, 1]: where there is to be paint; elsewhere image = ground
    palette: np.ndarray | None = None  # [K, 3] float32: the only colours that there are
    opacity: tuple[float, float] = (0.1, 1.0)  # of a stroke, least and greatest
    mixing: Mixing = "srgb"  # of colours

    def at(self, side: int) -> Target:
        """The same with a long side of at most `side` pixels."""
        height, width = self.image.shape[:2]
        if max(height, width) <= side:
            return self
        size = fit_size(height, width, side)
        weight, region = self.weight, self.region
        if weight is not None:
            most = max(float(weight.max()), 1e-30)
            weight = resize_image(weight / most, *size) * most  # resizing clips at 1
        if region is not None:
            region = resize_image(region, *size)
        return replace(self, image=resize_image(self.image, *size), weight=weight, region=region)

    def canvas_error(self, canvas: np.ndarray) -> np.ndarray:
        """[H, W] squared error of a canvas like the target, as far as it counts and paint can lower it."""
        squares = (canvas - self.image) ** 2
        if squares.shape[2] == 4:
            squares[:, :, 3] *= ALPHA_WEIGHT
        error = channel_sum(squares)
        if self.weight is not None:
            error = error * self.weight
        # Paint that lies where the picture is transparent cannot be covered with more of it.
        return error * self.image[:, :, 3] if self.image.shape[2] == 4 else error

    def paint_weight(self) -> np.ndarray | None:
        """[H, W] float32, what the squared error that strokes make counts at each pixel; None: the same everywhere."""
        if self.region is None:
            return self.weight
        # Of a stroke's effect, as much is seen as the region lets through.
        return self.region**2 if self.weight is None else self.region**2 * self.weight


def channel_sum(image: np.ndarray) -> np.ndarray:
    """[H, W]: the sum of the channels of [H, W, C], C >= 1.

    NumPy's own takes ten times as long, with the same bytes.
    """
    total: np.ndarray = image[:, :, 0]
    for c in range(1, image.shape[2]):
        total = total + image[:, :, c]
    return total
