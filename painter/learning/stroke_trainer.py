"""Training of the decoder of strokes: they are drawn as a search draws them, and compared with the piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from painter.learning.learning_config import TrainingConfig
from painter.learning.muon import Optimizer
from painter.learning.schedule import cosine, warmup
from painter.learning.signal import to_signal
from painter.learning.stroke_decoder import StrokeDecoder
from painter.learning.stroke_painting import STYLE, grounds_of, strokes_of
from painter.learning.trainer import Order, Trainer
from painter.search.fused_loss import measured_loss
from painter.search.maps import stroke_maps
from renderers.rendering import render

_NARROWEST = 32  # of both sides of a matrix, from which Muon takes it
_FLAT, _LAST_RATE = 0.3, 0.02
_DETAIL = 5  # pixels of the square from whose mean fine detail differs
_EVEN = 0.5  # what a pixel without fine detail counts, where one with the usual amount counts 1.5


@dataclass(frozen=True)
class Part:
    """What one thread computes gradients of."""

    pixels: Tensor  # uint8 [B, S, S, 3]
    codes: Tensor  # uint8 [B, places, dims]
    grounds: Tensor  # [B, 3]


class StrokeTrainer(Trainer[Part]):
    """Trains a decoder of strokes.

    Args:
        decoder: is changed in place; its `start` is set.
        pixels: uint8 [N, S, S, 3].
        codes: uint8 [N, places, dims], of `pixels`.
        pictures: numbers of those that are learned, [n] int64.
        total: pictures to show.
    """

    def __init__(
        self, decoder: StrokeDecoder, pixels: Tensor, codes: Tensor, pictures: Tensor, total: int, seed: int,
        config: TrainingConfig,
    ) -> None:  # fmt: skip
        super().__init__("strokes", decoder, Optimizer(decoder, _by_muon), total, seed, config)
        self.decoder, self._pixels, self._codes = decoder, pixels, codes
        self._grounds = torch.from_numpy(grounds_of(pixels.numpy()))
        self._weight = detail_weight(pixels[pictures[:: -(-len(pictures) // 512)]])
        self._order = Order(pictures, seed, self.name)
        self._maps = stroke_maps(STYLE, "cpu", "cpu")

    def draw(self, random: torch.Generator) -> Sequence[Part]:
        chosen = self._order.take(self.done, self.config.batch)
        parts = [tensor[chosen].chunk(self.config.shards) for tensor in (self._pixels, self._codes, self._grounds)]
        return [Part(*part) for part in zip(*parts, strict=True)]

    def loss_of(self, part: Part) -> Tensor:
        device = self.decoder.start.device
        numbers, grounds = (values.cpu() for values in self.decoder(part.codes.long().to(device)))  # drawn on the CPU
        losses = [functional.mse_loss(grounds, part.grounds)]
        for one, ground, pixels in zip(numbers, part.grounds, part.pixels, strict=True):
            image = (pixels.permute(2, 0, 1).float() / 255).permute(1, 2, 0)
            canvas = render(strokes_of(one), ground.expand(image.shape), self._maps)
            losses.append(measured_loss(canvas, image, "mix", self._weight)[0] / len(numbers))
        return torch.stack(losses).sum()

    def rate(self) -> float:
        rise = warmup(self.done, self.total, self.config.warmup * self.config.batch)
        return self.decoder.config.rate * rise * cosine(self.done, self.total, _FLAT, _LAST_RATE)


def detail_weight(pixels: Tensor) -> Tensor:
    """[S, S]: how much a pixel counts, 1 on average: most where pieces have fine detail, as in faces.

    Args:
        pixels: uint8 [n, S, S, 3].
    """
    signal = to_signal(pixels)
    fine = (signal - functional.avg_pool2d(signal, _DETAIL, 1, _DETAIL // 2, count_include_pad=False)).abs()
    smooth = functional.avg_pool2d(fine.mean((0, 1))[None], 3, 1, 1, count_include_pad=False)[0]
    weight = smooth / smooth.mean().clamp(min=1e-6) + _EVEN
    return weight / weight.mean()


def _by_muon(name: str, values: Tensor) -> bool:
    return not name.startswith(("place", "stroke")) and values.dim() in (2, 4) and min(values.shape[:2]) >= _NARROWEST
