"""How much of each stroke is seen beneath those that came later."""

from __future__ import annotations

import numpy as np

from painter.search.view import View
from painter.video.carrying import Boxes, share_within
from renderers.decoding import SearchMaps
from renderers.strokes import Strokes


def visible_shares(view: View, strokes: Strokes, maps: SearchMaps) -> np.ndarray:
    """[N] float32 in [0, 1]: the share of each stroke's paint on the canvas that later strokes leave visible; 1 where
    it has none there.

    The canvas is linear in a stroke's colour, with the paint that is seen of it as its factor: one backward pass gives
    that of all strokes.
    """
    colors = strokes.colors.detach().clone().requires_grad_()
    layers = view.layers(Strokes(strokes.brush, strokes.params, colors, strokes.opacity, strokes.seed), maps)
    view.composite(view.bare, layers).sum().backward()
    assert colors.grad is not None
    seen = colors.grad.sum(dim=(1, 2)).double().numpy() / view.bare.shape[2]
    transform, sizes = layers.transform.detach().double().numpy(), layers.maps.size.numpy()
    area = 4 / np.abs(np.linalg.det(transform[:, :, :2]))  # of the frames, pixels
    covered = np.add.reduceat(layers.maps.texels[:, 0].detach().double().numpy(), layers.maps.offset.numpy())
    boxes = Boxes.of(strokes, view.pixel)
    pixels = 4 * np.maximum(boxes.half, 0.5).prod(axis=1)
    inside = share_within(boxes, np.ones(view.bare.shape[:2], np.float32), counts=True) / pixels
    paint = area * covered / sizes.prod(axis=1) * strokes.opacity.double().numpy() * inside.clip(0, 1)
    shares: np.ndarray = np.where(paint > 0.5, seen / np.maximum(paint, 1e-9), 1.0).clip(0, 1).astype(np.float32)
    return shares
