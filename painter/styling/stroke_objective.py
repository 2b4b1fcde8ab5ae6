"""The loss of strokes that are to take on a style: what the canvas is worth that they make."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from painter.pictures.ground import Color, canvas_color, region_at
from painter.pictures.resizing import fit_size
from painter.styling import style_losses
from painter.styling.color_target import ColorTarget
from painter.styling.style_scene import StyleScene
from renderers.decoding import MapSource
from renderers.rendering import render
from renderers.strokes import Strokes
from renderers.threads import core_count


@dataclass(frozen=True, eq=False)
class Terms:
    """What a canvas is worth: [] float each."""

    content: Tensor
    style: Tensor
    tv: Tensor  # total variation, which is not in the total
    total: Tensor
    psnr: float  # dB, against the painting as it was
    canvas: Tensor  # [H, W, C], without its gradient


class StyleObjective:
    """The loss of strokes on one canvas.

    Args:
        scene: the painting and its style.
        side: long side of the canvas, pixels.
        layers: where style is compared.
        maps: how strokes look.
        matched: the painting as it is to stay: its strokes and ground in the style's colours.
    """

    def __init__(
        self, scene: StyleScene, side: int, layers: tuple[str, ...], maps: MapSource,
        matched: Strokes, ground: Color | None,
    ) -> None:  # fmt: skip
        self._scene, self._maps, self._layers = scene, maps, layers
        self._config, self._search = scene.config, scene.search
        device, painting = scene.device, scene.painting
        height, width = fit_size(*painting.aspect, side)
        bare = torch.from_numpy(canvas_color(ground)).to(device)
        self._bare = bare.expand(height, width, len(bare))
        region = region_at(painting.region, height, width)
        self._region = None if region is None else torch.from_numpy(region).to(device)
        focus = scene.focus(height, width)
        self._focus = None if focus is None else torch.from_numpy(focus).to(device)
        self._faces = None if self._focus is None else self._focus - self._focus.min()
        seen = scene.seen_style(side)
        self._backdrop = seen.mean.to(device)
        with torch.no_grad():
            self._kept = self.canvas(matched)
            kept = self._shown(self._kept)
            self._mask = self._part(self._kept)
            self._light = style_losses.luminance(kept)
            self._hue = kept - self._light[..., None]
            self._area = 1.0 if self._mask is None else max(float(self._mask.mean()), 1e-6)
            with feature_threads():
                target = style_losses.style_target(scene.style.features, [seen.rgb], layers, shown=[seen.shown])
            self._targets = [replace(target, mask=self._mask)]
            self._kept_features = None
            if self._config.content_loss == "features":
                layer = self._search.content_layer
                self._kept_features = scene.style.features(kept, [layer])[layer]
        self._colors = ColorTarget(seen.rgb, seen.shown, self._search.directions)
        self._stride = max(1, round(math.sqrt(height * width / self._search.color_pixels)))

    def canvas(self, strokes: Strokes) -> Tensor:
        """[H, W, C]: the strokes on the ground; see `renderers.render`."""
        return render(strokes, self._bare, self._maps, self._scene.backend, self._region, self._config.blending)

    def __call__(self, strokes: Strokes) -> Terms:
        canvas = self.canvas(strokes)
        image, kept = self._shown(canvas), self._shown(self._kept)
        config, layer = self._config, self._search.content_layer
        wanted = [*self._layers, *([] if self._kept_features is None else [layer])]
        with feature_threads():
            found = self._scene.style.features(image, list(dict.fromkeys(wanted)))
        gram = style_losses.style_loss(found, self._targets, dict.fromkeys(self._layers, 1.0))
        s = self._stride
        mask = None if self._mask is None else self._mask[::s, ::s]
        style = gram + self._search.color_weight * self._colors(image[::s, ::s], mask)
        if self._kept_features is None:
            content = self._unlike(image)
        else:
            content = style_losses.content_loss(found[layer], self._kept_features)
        total = config.style_weight * style + config.content_weight * content
        if canvas.shape[2] == 4:
            change = (canvas[..., 3] - self._kept[..., 3]).abs().mean() / self._area
            total = total + (config.style_weight + config.content_weight) * self._search.alpha_weight * change
        error = float((image.detach() - kept).square().mean())
        return Terms(
            content, style, style_losses.total_variation(image.detach()), total, -10 * math.log10(max(error, 1e-10)),
            canvas.detach(),
        )  # fmt: skip

    def _unlike(self, image: Tensor) -> Tensor:
        """[] how far light and dark, and in faces colours too, are from those that are kept."""
        light = style_losses.luminance(image)
        change = (light - self._light).abs()
        if self._focus is None or self._faces is None:
            return change.mean() / self._area
        hue = ((image - light[..., None]) - self._hue).abs().mean(dim=2)
        return (change * self._focus + self._search.focus_color * hue * self._faces).mean() / self._area

    def _shown(self, canvas: Tensor) -> Tensor:
        """[H, W, 3] of a canvas: where it is transparent, the style's mean colour, which pulls nowhere."""
        if canvas.shape[2] == 3:
            return canvas
        return canvas[..., :3] + (1 - canvas[..., 3:]) * self._backdrop

    def _part(self, canvas: Tensor) -> Tensor | None:
        """[H, W] in [0, 1], where there is paint to be styled; None: everywhere."""
        alpha = None if canvas.shape[2] == 3 else canvas[..., 3]
        if self._region is None:
            return alpha
        return self._region if alpha is None else alpha  # the region has been taken from alpha already


@contextmanager
def feature_threads() -> Iterator[None]:
    """All cores for torch: such a network is large work, unlike the rest of a search (see `painter.system.devices`)."""
    threads = torch.get_num_threads()
    torch.set_num_threads(core_count())
    try:
        yield
    finally:
        torch.set_num_threads(threads)
