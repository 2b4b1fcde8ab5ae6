"""The pixels that a frame of a clip is painted on: those of the picture, and an overscan around them.

The overscan is not seen. Strokes lie there that the camera brings into sight in frames to come. Strokes are always kept
in units of the picture; where it has an overscan, the raster as a whole has units of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from painter.search.parameters import Constraints
from painter.video.camera import Camera
from painter.video.carrying import Boxes, pixels_within
from renderers.brushes import BRUSHES
from renderers.strokes import Strokes

HALF = 0.5  # pixels, from the middle of one that a body just reaches


@dataclass(frozen=True)
class Raster:
    """A picture's pixels with an overscan."""

    size: tuple[int, int]  # height and width of the picture
    overscan: int  # pixels on each side

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the whole."""
        height, width = self.size
        return height + 2 * self.overscan, width + 2 * self.overscan

    @property
    def pixel(self) -> float:
        """The width of a pixel, in units of the picture."""
        return 1 / max(self.size)

    @property
    def growth(self) -> float:
        """How many times as long the longer side of the whole is as that of the picture."""
        return max(self.shape) / max(self.size)

    @property
    def picture(self) -> np.ndarray:
        """[H', W'] bool: the picture's pixels."""
        return self.padded(np.ones(self.size, bool))

    def weights(self, least: float) -> np.ndarray:
        """[H', W'] float32: how much each pixel counts: 1 in the picture, and less the farther it is from it, down to
        `least`."""
        out = [
            np.maximum(self.overscan - at, at - (side + self.overscan - 1)).clip(min=0)
            for side in self.size
            for at in [np.arange(side + 2 * self.overscan)]
        ]
        distance = np.maximum(out[0][:, None], out[1]) / max(1, self.overscan)
        weights: np.ndarray = (1 - (1 - least) * distance).astype(np.float32)
        return weights

    # --- pictures --------------------------------------------------------------------------------------------------

    def padded(self, image: np.ndarray, mode: str = "constant") -> np.ndarray:
        """The whole [H', W', …] of a picture [H, W, …], with what `np.pad` adds in this mode; not a copy if there is no
        overscan."""
        sides = [(self.overscan, self.overscan)] * 2 + [(0, 0)] * (image.ndim - 2)
        return np.pad(image, sides, mode=mode) if self.overscan else image  # type: ignore[call-overload]

    def seen(self, image: np.ndarray) -> np.ndarray:
        """The picture [H, W, …] in the whole [H', W', …]."""
        height, width = self.size
        return image[self.overscan : self.overscan + height, self.overscan : self.overscan + width]

    def shifted(self, camera: Camera) -> Camera:
        """A camera over the picture, for pixels of the whole."""
        turned, shift = camera.matrix[:, :2], camera.matrix[:, 2]
        corner = np.full(2, float(self.overscan))
        return Camera(np.hstack([turned, (shift + corner - turned @ corner)[:, None]]))

    # --- strokes ---------------------------------------------------------------------------------------------------

    def boxes(self, strokes: Strokes) -> Boxes:
        """Where strokes lie on the whole."""
        boxes = Boxes.of(strokes, self.pixel)
        return replace(boxes, center=boxes.center + self.overscan)

    def pixels_seen(self, strokes: Strokes) -> np.ndarray:
        """[N] float64: of about how many of the picture's pixels each stroke's body has a part."""
        boxes = Boxes.of(strokes, self.pixel)
        return pixels_within(replace(boxes, half=boxes.half + HALF), self.size)

    def outward(self, strokes: Strokes) -> Strokes:
        """Strokes in units of the picture, in units of the whole."""
        return scaled(strokes, 1 / self.growth, self.overscan / max(self.shape)) if self.overscan else strokes

    def inward(self, strokes: Strokes) -> Strokes:
        """Strokes in units of the whole, in units of the picture."""
        return scaled(strokes, self.growth, -self.overscan * self.pixel) if self.overscan else strokes

    def allowed(self, constraints: Constraints) -> Constraints:
        """What strokes in units of the whole may be, where in units of the picture they may be this."""
        if not self.overscan:
            return constraints
        limits, growth = constraints.limits, self.growth
        height, width = (side / max(self.shape) for side in self.shape)
        limits = replace(
            limits, min_width=limits.min_width / growth, max_length=limits.max_length / growth, width=width,
            height=height, min_size=limits.min_size / growth, max_size=limits.max_size / growth,
        )  # fmt: skip
        return replace(constraints, limits=limits)


def scaled(strokes: Strokes, growth: float, shift: float) -> Strokes:
    """The strokes with all lengths so many times as long, and then moved right and down."""
    lengths = {parameter.name for parameter in BRUSHES[strokes.brush].parameters if parameter.unit == "side"}
    params = {
        name: values * growth + shift if name[0] in "xy" else values * growth if name in lengths else values
        for name, values in strokes.params.items()
    }
    return Strokes(strokes.brush, params, strokes.colors, strokes.opacity, strokes.seed)
