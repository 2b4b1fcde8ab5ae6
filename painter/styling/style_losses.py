"""What a style transfer compares: terms that return a scalar each, for the caller to scale and sum.

Style and content terms are relative: 0 is alike, about 1 as far off as an empty picture. So their weights mean the same
for every layer, network and picture. (Gatys et al. divide by sizes instead, which leaves each layer its own scale.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from painter.pictures.pixels import LUMINANCE
from painter.styling.place_sums import gram_gradient, gram_products, squares, squares_gradient

_TINY = 1e-12


def gram(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """How often a layer's features occur together: the mean over positions p of f_p f_p^T (Gatys et al. 2016, eq. 3).

    Args:
        features: [C, h, w] float.
        mask: [h, w] float >= 0, how much a position counts; the mean is then the weighted one, which is the guided Gram
            matrix of Gatys et al. 2017 (eq. 4) for guidance channels whose squares are the mask.

    Returns:
        [C, C], symmetric; 0 where the mask is 0 everywhere.
    """
    if features.ndim != 3 or (mask is not None and mask.shape != features.shape[1:]):
        shapes = f"{[*features.shape]} and {None if mask is None else [*mask.shape]}"
        raise ValueError(f"features must be [C, h, w] and the mask [h, w], got {shapes}")
    if mask is not None and mask.requires_grad:
        return weighted_gram(features, mask)
    found: Tensor = _Gram.apply(features.flatten(1), None if mask is None else mask.flatten())
    return found


def weighted_gram(features: Tensor, mask: Tensor) -> Tensor:
    """`gram`, plainly; differentiable in the mask, too."""
    flat, counts = features.flatten(1), mask.flatten()
    found: Tensor = (flat * counts) @ flat.T / counts.sum().clamp_min(_TINY)
    return found


class _Gram(torch.autograd.Function):
    """F diag(m) F^T / sum(m) of features F [C, P] and m [P], of which nothing but F is kept for the gradient."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, counts: Tensor | None) -> Tensor:
        ctx.counts = counts
        ctx.total = flat.shape[1] if counts is None else counts.sum().clamp_min(_TINY)
        ctx.save_for_backward(flat)
        found: Tensor = gram_products(flat, counts) / ctx.total
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (flat,) = ctx.saved_tensors
        return gram_gradient(flat, ctx.counts, (gradients[0] + gradients[0].T) / ctx.total), None


def fit_mask(mask: Tensor, height: int, width: int) -> Tensor:
    """A mask [H, W] at a layer's size, [height, width]: the mean over what each position covers."""
    if tuple(mask.shape) == (height, width):
        return mask
    return F.adaptive_avg_pool2d(mask[None], (height, width))[0]


@dataclass(frozen=True, eq=False)
class StyleTarget:
    """The Gram matrices that a part of a picture should have."""

    grams: Mapping[str, Tensor]  # [C, C] by layer
    mask: Tensor | None = None  # [H, W] in [0, 1], at the picture's size: which part; None is all of it
    weight: float = 1.0  # of this part among others, >= 0


def style_target(
    network: Any,  # painter.styling.features.Features
    pictures: Sequence[Tensor],  # [H, W, 3] each, of any size
    layers: Sequence[str],
    weights: Sequence[float] | None = None,
    shown: Sequence[Tensor | None] | None = None,
    mask: Tensor | None = None,
) -> StyleTarget:
    """One target from one or several style pictures: the weighted mean of their Gram matrices.

    The distance to it differs from the weighted mean of the distances to each only by a constant.

    Args:
        network: gives the features.
        pictures: straight sRGB in [0, 1].
        layers: to compare.
        weights: of the pictures, >= 0, not all 0; only their ratios count. Equal if not given.
        shown: for each picture [H, W] in [0, 1], which of its pixels count (its alpha); None is all.
        mask: of the part of the picture to be styled, see `StyleTarget`.
    """
    weights = [1.0] * len(pictures) if weights is None else weights
    shown = [None] * len(pictures) if shown is None else shown
    grams: dict[str, Tensor] = {}
    with torch.no_grad():
        for picture, weight, alpha in zip(pictures, weights, shown, strict=True):
            for name, found in network(picture, layers).items():
                counts = None if alpha is None else fit_mask(alpha, *found.shape[1:])
                share = gram(found, counts) * (weight / sum(weights))
                grams[name] = grams[name] + share if name in grams else share
    return StyleTarget(grams, mask)


def style_loss(
    features: Mapping[str, Tensor], targets: Sequence[StyleTarget], layer_weights: Mapping[str, float]
) -> Tensor:
    """How far the Gram matrices are from the targets': sum over layers and targets of w |G - A|^2 / |A|^2.

    Args:
        features: [C, h, w] by layer.
        targets: with grams for each layer that has a weight.
        layer_weights: >= 0 by layer; they are divided by their sum, and the targets' weights by theirs.

    Returns:
        [] float, >= 0.
    """
    total_layers, total_targets = sum(layer_weights.values()), sum(target.weight for target in targets)
    terms = []
    for name, layer_weight in layer_weights.items():
        for target in targets:
            found, wanted = features[name], target.grams[name]
            mask = None if target.mask is None else fit_mask(target.mask, *found.shape[1:])
            distance = (gram(found, mask) - wanted).square().sum() / wanted.square().sum().clamp_min(_TINY)
            terms.append(distance * (layer_weight / total_layers * target.weight / total_targets))
    return torch.stack(terms).sum()


def content_loss(features: Tensor, target: Tensor, counts: Tensor | None = None) -> Tensor:
    """How far a layer's features, [C, h, w], are from the content's: |F - P|^2 / |P|^2 (Gatys et al. 2016, eq. 1).

    Args:
        counts: [h, w] >= 0, how much each place counts; 1 everywhere if not given.
    """
    if features.shape != target.shape:
        raise ValueError(f"features and target must be of one shape, got {[*features.shape]} and {[*target.shape]}")
    change: Tensor = _Squares.apply(
        features.flatten(1), target.flatten(1), None if counts is None else counts.flatten()
    )
    distance: Tensor = change / torch.linalg.vector_norm(target).square().clamp_min(_TINY)
    return distance


class _Squares(torch.autograd.Function):
    """The sum of m (F - T)^2 of features F and T [C, P] and m [P], of which F is kept for the gradient."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, target: Tensor, counts: Tensor | None) -> Tensor:
        ctx.target, ctx.counts = target, counts
        ctx.save_for_backward(flat)
        return squares(flat, target, counts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (flat,) = ctx.saved_tensors
        return squares_gradient(flat, ctx.target, ctx.counts, gradients[0]), None, None


def likeness_loss(image: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """How far light and dark of two pictures [H, W, 3] differ where `counts` [H, W] >= 0, relative to their contrast.

    Returns:
        [] about 1 if the picture is flat there; 0 if nothing counts.
    """
    wanted, total = luminance(target), counts.sum().clamp_min(_TINY)
    mean = (wanted * counts).sum() / total
    contrast = ((wanted - mean).square() * counts).sum() + 1e-3 * total
    return ((luminance(image) - wanted).square() * counts).sum() / contrast


def luminance_loss(image: Tensor, target: Tensor) -> Tensor:
    """Mean modulus of the difference in luminance of two pictures [H, W, 3], in [0, 1].

    What *Stylized Neural Painting* (Zou et al. 2021, section 3.4) keeps of the content, so that colours are free.
    """
    if image.shape != target.shape or image.ndim != 3:
        raise ValueError(f"image and target must both be [H, W, 3], got {[*image.shape]} and {[*target.shape]}")
    return (luminance(image) - luminance(target)).abs().mean()


def luminance(image: Tensor) -> Tensor:
    """[H, W] from straight sRGB [H, W, 3]: the weighted sum of the encoded channels."""
    return image @ torch.as_tensor(LUMINANCE, dtype=image.dtype, device=image.device)


def total_variation(image: Tensor) -> Tensor:
    """Mean square of the differences between neighbours, of a picture [H, W, C]; 0 for a flat one.

    Mahendran and Vedaldi 2015, eq. 4, with beta = 2. A side of one pixel has no neighbours and adds nothing.
    """
    if image.ndim != 3:
        raise ValueError(f"image must be [H, W, C], got {[*image.shape]}")
    across, down = image.diff(dim=1), image.diff(dim=0)
    pairs = (across.numel() + down.numel()) or 1
    return (across.square().sum() + down.square().sum()) / pairs
