"""Features of a picture: the layers of a VGG network, trained or random, with average pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from painter.options.network_layers import NETWORKS, check_layers
from painter.styling import recycled, winograd

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's colours, which VGG was trained with
CHECKPOINT_PIXELS = 1100 * 1100
"""From here on the activations within a block are computed twice instead of kept."""


def halved(h: Tensor) -> Tensor:
    """Means of 2 by 2 places, [1, C, H, W]; of fewer at the end of an odd side. Nothing is kept for the gradient."""
    found: Tensor = _Halved.apply(h)
    return found


class _Halved(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor) -> Tensor:
        ctx.size = h.shape[2:]
        return F.avg_pool2d(h, 2, ceil_mode=True)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        height, width = ctx.size
        shares = gradients[0] / 4
        if height % 2:
            shares[:, :, -1] *= 2
        if width % 2:
            shares[..., -1] *= 2
        rows, columns = shares.shape[2:]
        if shares.device.type != "cpu" or shares.dtype != torch.float32:
            return F.interpolate(shares, scale_factor=2.0, mode="nearest")[:, :, :height, :width]
        found = recycled.features.empty(rows, 2, columns, 2, shares.shape[1])
        found.copy_(shares[0].permute(1, 2, 0)[:, None, :, None])
        return found.view(2 * rows, 2 * columns, -1)[:height, :width].permute(2, 0, 1)[None]


def shared(h: Tensor) -> tuple[Tensor, Tensor]:
    """The same twice: for the next layer, and to be handed out. Their gradients are added up in the first one's memory.

    So only for layers whose gradient is a tensor of its own.
    """
    onward, out = _Shared.apply(h)
    return onward, out


class _Shared(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        return h.view_as(h), h.view_as(h)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Tensor | None:
        onward, out = gradients
        if onward is None or out is None:
            return out if onward is None else onward
        return onward + out if torch.is_grad_enabled() else onward.add_(out)


class Features(nn.Module):
    """A VGG network's convolutions.

    Average pooling instead of the maximum, as Gatys et al. found better for pictures; all layers repeat what is at the
    border where the original sees zeros, which would frame the picture and leave dots there. Sides need not be even.

    Args:
        kind: one of KINDS.
        weights: for each layer in order, its filters [O, I, 3, 3] and biases [O], float; frozen here. Layers beyond the
            last of them cannot be asked for.
        centre: taken off the layers that are handed out (but not off those that the next one sees).

    Attributes:
        gradients: the kind of numbers that fast convolutions multiply gradients in; to be set before the first.
    """

    mean: Tensor  # [3, 1, 1]
    deviation: Tensor  # [3, 1, 1]

    def __init__(self, kind: str, weights: Sequence[tuple[Tensor, Tensor]], centre: float = 0.0) -> None:
        super().__init__()
        self.kind, self.centre = kind, centre
        self.names = NETWORKS[kind][: len(weights)]
        for name, (filters, biases) in zip(self.names, weights, strict=True):
            self.register_buffer(f"{name}_filters", filters.detach().contiguous())
            self.register_buffer(f"{name}_biases", biases.detach().contiguous())
        self.gradients = torch.float32
        self._tables: dict[str, winograd.Layer] = {}  # of layers that have been computed the fast way
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None])

    def forward(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """The layers asked for; nothing beyond the deepest of them is computed.

        Args:
            image: [H, W, 3] straight sRGB in [0, 1] (values outside are taken as they are), of the network's dtype;
                differentiable.
            layers: names such as 'relu4_2', in any order.

        Returns:
            By name, [C, h, w]: at block b, h is H / 2^(b - 1), rounded up.

        Raises:
            OptionError: a layer that this network does not have.
            ValueError: a layer that was not loaded.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.numel() == 0:
            raise ValueError(f"image must be [H, W, 3], got {[*image.shape]}")
        check_layers(self.kind, layers)
        if beyond := [name for name in layers if name not in self.names]:
            raise ValueError(f"{', '.join(beyond)}: not loaded")
        deepest = max((self.names.index(name) for name in layers), default=-1)
        blocks: dict[str, list[str]] = {}
        for name in self.names[: deepest + 1]:
            blocks.setdefault(name[4], []).append(name)
        sparing = image.shape[0] * image.shape[1] >= CHECKPOINT_PIXELS and torch.is_grad_enabled()
        found: dict[str, Tensor] = {}
        h = ((image.permute(2, 0, 1) - self.mean) / self.deviation)[None]
        h = h.contiguous(memory_format=torch.channels_last)
        for names in blocks.values():
            goes_on = names[-1] != self.names[deepest]
            wanted = [name for name in names if name in layers]
            if sparing:
                from torch.utils.checkpoint import checkpoint  # which needs what `painter.system.late_torch` puts off

                outputs = checkpoint(self._block, h, names, wanted, goes_on, use_reentrant=False)
            else:
                outputs = self._block(h, names, wanted, goes_on)
            h = outputs.pop()
            found.update(zip(wanted, outputs, strict=True))
        # Squeezed, not indexed: an index's gradient is a copy among zeros.
        return {
            name: found[name].squeeze(0) - self.centre if self.centre else found[name].squeeze(0) for name in layers
        }

    def _block(self, h: Tensor, names: Sequence[str], wanted: Sequence[str], goes_on: bool) -> list[Tensor]:
        """Convolutions of one size, from [1, I, h, w]; the wanted layers, [1, O, h, w] each, and the last, which is
        halved if another block comes after this one."""
        outputs = []
        for name in names:
            means = goes_on and name == names[-1]
            h = self.rectified(name, h, means and name not in wanted)
            if name in wanted:
                h, out = shared(h)
                outputs.append(out)
                h = halved(h) if means else h
        return [*outputs, h]

    def rectified(self, name: str, h: Tensor, means: bool = False) -> Tensor:
        """One convolution with its rectifier, the fast way where that can be; or the means of 2 by 2 places of it."""
        filters, biases = getattr(self, f"{name}_filters"), getattr(self, f"{name}_biases")
        if not winograd.fits(h, filters):
            out = self.layer(name, h).relu_()
            return halved(out) if means else out
        if name not in self._tables:
            self._tables[name] = winograd.Layer.of(filters, biases, self.gradients)
        return winograd.convolve(h, self._tables[name], means)

    def layer(self, name: str, h: Tensor) -> Tensor:
        """One convolution before its rectifier: [1, I, h, w] to [1, O, h, w]."""
        filters, biases = getattr(self, f"{name}_filters"), getattr(self, f"{name}_biases")
        return F.conv2d(F.pad(h, (1, 1, 1, 1), mode="replicate"), filters, biases)
