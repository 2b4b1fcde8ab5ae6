"""Training of the tokenizer: all of it first, then its decoder alone, whose codes no longer change."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from painter.learning.learning_config import TrainingConfig
from painter.learning.muon import Optimizer
from painter.learning.schedule import cosine, warmup
from painter.learning.signal import to_signal
from painter.learning.tokenizer import Tokenizer
from painter.learning.trainer import Order, Trainer
from painter.system.devices import one_torch_thread

_NARROWEST = 32  # channels on both sides, from which Muon takes a kernel
_FLAT = 0.5, 0.3  # share of the steps with the full rate: of the tokenizer's stage, of the decoder's
_LAST_RATE = 0.02


class TokenizerTrainer(Trainer[Tensor]):
    """Trains a tokenizer on pictures.

    Args:
        tokenizer: is changed in place.
        pixels: uint8 [N, S, S, C].
        pictures: numbers of those that are learned, [n] int64.
        total: pictures to show.
    """

    def __init__(
        self, tokenizer: Tokenizer, pixels: Tensor, pictures: Tensor, total: int, seed: int, config: TrainingConfig
    ) -> None:
        optimizer = Optimizer(tokenizer, _by_muon, config.muon_factor)
        super().__init__("tokenizer", tokenizer, optimizer, total, seed, config)
        self.tokenizer, self._pixels, self._numbers = tokenizer, pixels, numbers_of_all(tokenizer, pixels)
        self._order = Order(pictures, seed, self.name)

    def draw(self, random: torch.Generator) -> Sequence[Tensor]:
        return self._order.take(self.done, self.config.batch).chunk(self.config.shards)

    def loss_of(self, part: Tensor) -> Tensor:
        return self.tokenizer.loss(*_chosen(self.tokenizer, self._pixels, self._numbers, part))

    def rate(self) -> float:
        rise = warmup(self.done, self.total, self.config.warmup * self.config.batch)
        return self.config.tokenizer_rate * rise * cosine(self.done, self.total, _FLAT[0], _LAST_RATE)


class DecoderTrainer(Trainer[Tensor]):
    """Trains a tokenizer's decoder on pictures and their codes.

    Args:
        codes: uint8 [N, places, dims], of `pixels`.
        Others as for TokenizerTrainer.
    """

    def __init__(
        self, tokenizer: Tokenizer, pixels: Tensor, codes: Tensor, pictures: Tensor, total: int, seed: int,
        config: TrainingConfig,
    ) -> None:  # fmt: skip
        optimizer = Optimizer(tokenizer, _by_muon, config.muon_factor, trained=lambda name: name.startswith("decoder."))
        super().__init__("decoder", tokenizer, optimizer, total, seed, config)
        self.tokenizer, self._pixels, self._codes = tokenizer, pixels, codes
        self._numbers = numbers_of_all(tokenizer, pixels)
        self._order = Order(pictures, seed, self.name)

    def draw(self, random: torch.Generator) -> Sequence[Tensor]:
        return self._order.take(self.done, self.config.batch).chunk(self.config.shards)

    def loss_of(self, part: Tensor) -> Tensor:
        codes = self._codes[part].to(_device(self.tokenizer)).long()
        return self.tokenizer.decoding_loss(codes, *_chosen(self.tokenizer, self._pixels, self._numbers, part))

    def rate(self) -> float:
        rise = warmup(self.done, self.total, self.config.warmup * self.config.batch)
        return self.config.tokenizer_rate * rise * cosine(self.done, self.total, _FLAT[1], _LAST_RATE)


@torch.no_grad()
def encode_all(tokenizer: Tokenizer, pixels: Tensor, batch: int = 64) -> Tensor:
    """Codes uint8 [N, places, dims] of pictures uint8 [N, S, S, C]."""
    device = _device(tokenizer)
    with one_torch_thread():  # so that the number of cores cannot change a code
        signals = (_laid_out(to_signal(part.to(device))) for part in pixels.split(batch))
        return torch.cat([tokenizer.encode(signal).to(torch.uint8).cpu() for signal in signals])


@torch.no_grad()
def numbers_of_all(tokenizer: Tokenizer, pixels: Tensor, batch: int = 64) -> Tensor | None:
    """Of each pixel its colour's number in pixel art, int16 [N, S, S], of pictures uint8 [N, S, S, C]; else None."""
    if tokenizer.colors is None:
        return None
    device = _device(tokenizer)
    found = [tokenizer.numbers_of(to_signal(part.to(device))) for part in pixels.split(batch)]
    return torch.cat([numbers.cpu() for numbers in found if numbers is not None])


def _chosen(
    tokenizer: Tokenizer, pixels: Tensor, numbers: Tensor | None, chosen: Tensor
) -> tuple[Tensor, Tensor | None]:
    """The signals of some pictures, and the numbers of their colours, where the tokenizer is."""
    device = _device(tokenizer)
    signal = _laid_out(to_signal(pixels[chosen].to(device)))
    return signal, None if numbers is None else numbers[chosen].to(device)


def _by_muon(name: str, values: Tensor) -> bool:
    return values.dim() == 4 and min(values.shape[:2]) >= _NARROWEST


def _laid_out(signal: Tensor) -> Tensor:
    """In the order of memory in which convolutions are fastest."""
    return signal.contiguous(memory_format=torch.channels_last)


def _device(tokenizer: Tokenizer) -> torch.device:
    return next(tokenizer.parameters()).device
