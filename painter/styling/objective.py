"""The loss of a style transfer on pixels: L = alpha * content + beta * style + gamma * total variation."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from painter.options.transfer import TransferConfig
from painter.styling import style_losses
from painter.styling.features import Features
from painter.styling.inputs import TransferInputs


class Objective:
    """The loss at one scale.

    Args:
        features: the network; the pictures go where it is.
        scene: the pictures at this scale.
        blend: how much of each style counts.
        config: weights and layers.
    """

    def __init__(self, features: Features, scene: TransferInputs, blend: list[float], config: TransferConfig) -> None:
        self._features, self._config, self._scene = features, config, scene
        self._device = features.mean.device
        self._layers = config.layer_weights
        self._content = self._tensor(scene.content)
        # One style and a region: outside, the content itself is what the network sees.
        self._within = None if scene.region is None or len(blend) > 1 else self._tensor(scene.region)[..., None]
        self._targets = self._make_targets(blend) if config.style_weight > 0 else []
        self._kept: Tensor | None = None
        if config.content_weight > 0 and config.content_loss == "features":
            with torch.no_grad():
                self._kept = features(colored(self._content), [config.content_layer])[config.content_layer]

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self._device)

    def _make_targets(self, blend: list[float]) -> list[style_losses.StyleTarget]:
        shown, styles = self._scene.shown, [colored(self._tensor(style)) for style in self._scene.styles]
        alphas = [None if alpha is None else self._tensor(alpha) for alpha in shown]
        targets = []
        for weights, mask in self._parts(blend):
            used = [k for k, weight in enumerate(weights) if weight > 0]
            target = style_losses.style_target(
                self._features,
                [styles[k] for k in used],
                list(self._layers),
                [weights[k] for k in used],
                [alphas[k] for k in used],
            )
            area = 1.0 if mask is None else float(mask.mean())  # so that a pixel counts the same in either part
            targets.append(style_losses.StyleTarget(target.grams, None if mask is None else self._tensor(mask), area))
        return [target for target in targets if target.weight > 0] or targets[:1]

    def _parts(self, blend: list[float]) -> list[tuple[list[float], np.ndarray | None]]:
        """The styles' weights in each part of the picture, and where that part is."""
        region, alpha = self._scene.region, self._scene.alpha
        if region is None or len(blend) == 1:
            return [(blend, region if alpha is None else alpha if region is None else alpha * region)]
        shown = np.float32(1) if alpha is None else alpha
        return [([1.0, 0.0], region * shown), ([0.0, 1.0], (1 - region) * shown)]

    def composed(self, image: Tensor) -> Tensor:
        """The picture as far as it may change, [H, W, C]; elsewhere the content."""
        return image if self._within is None else self._content + self._within * (image - self._content)

    def __call__(self, image: Tensor) -> tuple[Tensor, dict[str, float]]:
        """The loss of a picture [H, W, C], for the optimiser in a unit of its own.

        A pixel's gradient then depends neither on the size nor on the scale of the weights: so learning rates do not.

        Returns:
            [] float, and by name the terms without their weights and, as 'total', the weighted sum of them.
        """
        config, composed = self._config, self.composed(image)
        wanted = list(self._layers) if self._targets else []
        if self._kept is not None:
            wanted = list(dict.fromkeys([*wanted, config.content_layer]))
        found = self._features(colored(composed), wanted) if wanted else {}
        zero = image.new_zeros(())
        content = zero
        if self._kept is not None:
            content = style_losses.content_loss(found[config.content_layer], self._kept)
        elif config.content_weight > 0:
            content = style_losses.luminance_loss(colored(composed), colored(self._content))
        style = style_losses.style_loss(found, self._targets, self._layers) if self._targets else zero
        variation = style_losses.total_variation(composed)
        total = config.content_weight * content + config.style_weight * style + config.tv_weight * variation
        terms = {"content": content, "style": style, "tv": variation, "total": total}
        unit = (config.content_weight + config.style_weight + config.tv_weight) / (image.shape[0] * image.shape[1])
        return total / (unit or 1.0), {name: term.item() for name, term in terms.items()}


def colored(image: Tensor) -> Tensor:
    """[H, W, 3] of a picture [H, W, 3] or a grey one [H, W, 1]."""
    return image if image.shape[2] == 3 else image.expand(-1, -1, 3)
