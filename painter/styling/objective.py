"""The loss of a style transfer on pixels: L = alpha * content + beta * style + gamma * total variation.

Style is compared by Gram matrices, or place by place (nearest_features.py) together with colours (color_target.py), or
both. Where the content's focus is, above all in faces, the content counts more and places count less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from painter.options.transfer import TransferConfig
from painter.styling import style_losses
from painter.styling.color_target import ColorTarget
from painter.styling.features import Features
from painter.styling.inputs import TransferInputs
from painter.styling.nearest_features import LAYERS, NearestTarget

FOCUS_CONTENT = 12.0  # how much more the content's features count where the focus is full; the style counts less there
FOCUS_LIKENESS = 3.0  # weight of light and dark there, against the content's
NEAREST_WEIGHT = 0.4  # of places, in a style that is not compared by Gram matrices alone; those have 1
COLORS_WEIGHT = 0.025  # of the distribution of colours there
COLOR_PIXELS, DIRECTIONS = 2**14, 24  # at which it is compared, about, and along how many directions


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
        self._counts = None if scene.focus is None else self._tensor(scene.focus)
        self._targets = self._make_targets(blend) if config.style_weight > 0 else []
        self._places = self._make_places(blend) if self._targets and config.style_loss != "gram" else []
        self._kept: Tensor | None = None
        if config.content_weight > 0 and config.content_loss == "features":
            with torch.no_grad():
                seen = features(colored(self._content), [config.content_layer])[config.content_layer]
            self._kept = seen.clone()  # so that it does not lie among what is soon forgotten

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

    def _make_places(self, blend: list[float]) -> list[_Places]:
        """What places are drawn to and how colours should lie, in each part of the picture."""
        scene, made = self._scene, []
        styles = [colored(self._tensor(style)) for style in scene.styles]
        shown = [None if alpha is None else self._tensor(alpha) for alpha in scene.shown]
        for weights, mask in self._parts(blend):
            used = [k for k, weight in enumerate(weights) if weight > 0]
            within = None if mask is None else self._tensor(mask)
            target = NearestTarget(self._features, [styles[k] for k in used], [shown[k] for k in used], within)
            colors = [(weights[k], ColorTarget(styles[k], shown[k], DIRECTIONS)) for k in used]
            made.append(_Places(target, colors, within))
        return made

    def _by_places(self, found: dict[str, Tensor], image: Tensor) -> Tensor:
        """[] what differs place by place, and in the distribution of colours."""
        stride = max(1, round((image.shape[0] * image.shape[1] / COLOR_PIXELS) ** 0.5))
        few, terms = image[::stride, ::stride], []
        for places in self._places:
            within = None if places.within is None else places.within[::stride, ::stride]
            total = sum(weight for weight, _ in places.colors)
            colors = torch.stack([weight / total * target(few, within) for weight, target in places.colors]).sum()
            terms.append(NEAREST_WEIGHT * places.target(found) + COLORS_WEIGHT * colors)
        return torch.stack(terms).mean()

    def _parts(self, blend: list[float]) -> list[tuple[list[float], np.ndarray | None]]:
        """The styles' weights in each part of the picture, and where that part is."""
        region, alpha = self._scene.region, self._scene.alpha
        if self._scene.focus is not None:  # faces need not have the style's texture
            free = (1 - self._scene.focus) ** 2
            alpha = free if alpha is None else alpha * free
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
        wanted = list(self._layers) if self._targets and config.style_loss != "nearest" else []
        wanted += LAYERS if self._places else ()
        if self._kept is not None:
            wanted.append(config.content_layer)
        wanted = list(dict.fromkeys(wanted))
        found = self._features(colored(composed), wanted) if wanted else {}
        zero = image.new_zeros(())
        content = zero
        if self._kept is not None:
            layer, counts = found[config.content_layer], None
            if self._counts is not None:
                counts = 1 + FOCUS_CONTENT * style_losses.fit_mask(self._counts, *layer.shape[1:])
            content = style_losses.content_loss(layer, self._kept, counts)
        elif config.content_weight > 0:
            content = style_losses.luminance_loss(colored(composed), colored(self._content))
        if self._counts is not None and config.content_weight > 0:
            likeness = style_losses.likeness_loss(colored(composed), colored(self._content), self._counts.square())
            content = content + FOCUS_LIKENESS * likeness
        style = zero
        if self._targets and config.style_loss != "nearest":
            style = style_losses.style_loss(found, self._targets, self._layers)
        if self._places:
            style = style + self._by_places(found, colored(composed))
        variation = style_losses.total_variation(composed)
        total = config.content_weight * content + config.style_weight * style + config.tv_weight * variation
        terms = {"content": content, "style": style, "tv": variation, "total": total}
        unit = (config.content_weight + config.style_weight + config.tv_weight) / (image.shape[0] * image.shape[1])
        return total / (unit or 1.0), {name: term.item() for name, term in terms.items()}


@dataclass(frozen=True, eq=False)
class _Places:
    """A part of the picture and what its places are drawn to."""

    target: NearestTarget
    colors: list[tuple[float, ColorTarget]]  # with the weight of each style
    within: Tensor | None  # [H, W], the part


def colored(image: Tensor) -> Tensor:
    """[H, W, 3] of a picture [H, W, 3] or a grey one [H, W, 1]."""
    return image if image.shape[2] == 3 else image.expand(-1, -1, 3)
