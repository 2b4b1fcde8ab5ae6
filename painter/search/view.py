"""A target at one size on the device of the search: what canvases are compared with, and how strokes get onto them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from painter.search.fused_loss import measured_loss
from painter.search.target import ALPHA_WEIGHT, Target
from renderers.blending import Layers
from renderers.blending.relevance import removal_costs
from renderers.decoding import MapSource, make_layers
from renderers.rendering import composite
from renderers.strokes import Strokes

Composite = Callable[[Tensor, Layers, str, Tensor | None], Tensor]
"""See `renderers.composite`."""
Loss = Callable[[Tensor, Tensor, str, Tensor | None], tuple[Tensor, float]]
"""See `painter.search.fused_loss.measured_loss`."""


@dataclass(frozen=True)
class Runtime:
    """Where a search runs and what it calls for blending and loss: to be replaced where they are to be timed."""

    device: torch.device
    backend: str  # of `renderers.blending.blend`, one that works on this device
    composite: Composite = composite
    loss: Loss = measured_loss


class View:
    """A target at one size.

    Attributes:
        target: at this size.
        image: [H, W, C] float32, its image on the device; its planes lie apart in memory, as blending leaves a canvas.
        weight: [H, W] float32, how much a pixel counts; None: all the same.
        region: [H, W] float32, how much of the paint shows; None: all of it.
        bare: [H, W, C] float32, the empty canvas.
        pixel: the width of a pixel, canvas units.
    """

    def __init__(self, target: Target, runtime: Runtime) -> None:
        self.target, self._runtime = target, runtime
        self.image = self.on_device(target.image)
        self.weight = None if target.weight is None else torch.from_numpy(target.weight).to(runtime.device)
        self.region = None if target.region is None else torch.from_numpy(target.region).to(runtime.device)
        self.bare = torch.from_numpy(target.ground).to(runtime.device).expand(*target.image.shape)
        self.pixel = 1 / max(target.image.shape[:2])

    def on_device(self, image: np.ndarray) -> Tensor:
        """An image [H, W, C] with its channels apart in memory."""
        return torch.from_numpy(image).permute(2, 0, 1).contiguous().permute(1, 2, 0).to(self._runtime.device)

    def layers(self, strokes: Strokes, maps: MapSource) -> Layers:
        """Strokes as layers for this canvas."""
        return make_layers(strokes, self.pixel, self.bare.shape[2], maps, self.target.mixing)

    def composite(self, below: Tensor, layers: Layers) -> Tensor:
        """A canvas [H, W, C] with these layers on it; see `renderers.composite`."""
        return self._runtime.composite(below, layers, self._runtime.backend, self.region)

    def render(self, strokes: Strokes, maps: MapSource) -> Tensor:
        """[H, W, C]: strokes on the bare canvas; see `renderers.render`."""
        return self.composite(self.bare, self.layers(strokes, maps))

    def removal_costs(self, layers: Layers, weight: np.ndarray | None) -> Tensor:
        """[N] float64, on the CPU: by how much the squared error of the canvas would rise without each of the layers.

        Args:
            weight: [H, W] float32, how much a pixel counts; None: all the same.
        """
        weights = None if weight is None else torch.from_numpy(weight)
        return removal_costs(self.bare.cpu(), torch.from_numpy(self.target.image), layers.cpu(), weights, ALPHA_WEIGHT)

    def loss(self, canvas: Tensor, kind: str) -> tuple[Tensor, float]:
        """The pixel loss of a canvas, and its mean squared error; see `measured_loss`."""
        return self._runtime.loss(canvas, self.image, kind, self.weight)
