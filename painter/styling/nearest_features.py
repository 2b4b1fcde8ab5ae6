"""Style position by position: each place of a picture is drawn to the style's place that it resembles most.

Gram matrices know how often features occur together in all of a picture; nearest neighbours know whole tiles, strokes
and contours (Kolkin et al. 2022, 'Neural Neighbor Style Transfer', whose hypercolumns these are in small).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from painter.styling.style_losses import fit_mask

LAYERS = ("relu2_1", "relu3_1", "relu4_1")
"""What a place is known by; the second says how finely places lie."""
STEPS_BETWEEN = 10  # evaluations for which a match holds
_LEAST_SHOWN = 0.5  # alpha of a style's place from which on it counts
_ROWS = 1024  # places that are compared with all of the style's at a time
_TINY = 1e-6


class NearestTarget:
    """The places of styles, and which of them a picture's places are drawn to.

    Args:
        network: gives the features, `painter.styling.features.Features`.
        pictures: [H, W, 3] each, straight sRGB in [0, 1], the styles'.
        shown: for each picture [H, W] in [0, 1], where it shows anything; None is everywhere.
        counts: [h, w] >= 0 of any size, how much each place of the picture counts; None: all the same.
    """

    def __init__(
        self, network: Any, pictures: Sequence[Tensor], shown: Sequence[Tensor | None], counts: Tensor | None = None
    ) -> None:
        rows = []
        with torch.no_grad():
            for picture, alpha in zip(pictures, shown, strict=True):
                found = network(picture, LAYERS)
                columns = hypercolumns(found)
                if alpha is not None:
                    seen = fit_mask(alpha, *found[LAYERS[1]].shape[1:]).flatten() >= _LEAST_SHOWN
                    columns = columns[seen] if seen.any() else columns
                rows.append(columns)
        self.columns = torch.cat(rows)  # [S, C], each of length 1
        self.counts = counts
        self._nearest: Tensor | None = None  # [P], of `columns`
        self._age = 0

    def __call__(self, features: Mapping[str, Tensor]) -> Tensor:
        """[] in [0, 2]: the mean cosine distance of the places of LAYERS, [C, h, w] each, from their nearest."""
        columns = hypercolumns(features)
        if self._nearest is None or len(self._nearest) != len(columns) or self._age >= STEPS_BETWEEN:
            self._nearest, self._age = nearest(columns.detach(), self.columns), 0
        self._age += 1
        distance = 1 - (columns * self.columns[self._nearest]).sum(1)
        if self.counts is None:
            return distance.mean()
        counts = fit_mask(self.counts, *features[LAYERS[1]].shape[1:]).flatten()
        return (distance * counts).sum() / counts.sum().clamp_min(_TINY)


def hypercolumns(features: Mapping[str, Tensor]) -> Tensor:
    """[P, C], each row of length 1: LAYERS at the size of the second, about their mean, each layer alike strong."""
    height, width = features[LAYERS[1]].shape[1:]
    parts = []
    for name in LAYERS:
        layer = features[name]
        if layer.shape[1] > height or layer.shape[2] > width:
            layer = F.adaptive_avg_pool2d(layer[None], (height, width))[0]
        elif layer.shape[1:] != (height, width):
            layer = F.interpolate(layer[None], (height, width), mode="bilinear", align_corners=False)[0]
        flat = layer.flatten(1)
        flat = flat - flat.mean(1, keepdim=True)
        parts.append(flat / flat.square().sum(0).mean().add(_TINY).sqrt())
    return F.normalize(torch.cat(parts).T, dim=1)


def nearest(columns: Tensor, among: Tensor) -> Tensor:
    """[P] indices of the rows of `among` [S, C] with the greatest cosine to those of `columns` [P, C]."""
    return torch.cat([(part @ among.T).argmax(1) for part in columns.split(_ROWS)])
