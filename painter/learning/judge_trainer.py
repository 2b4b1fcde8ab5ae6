"""Training of the judge: on pieces as they are, and on what the tokenizer makes of them, which new pieces are like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from painter.learning.judge import Judge, judge_loss
from painter.learning.learning_config import TrainingConfig
from painter.learning.muon import Optimizer
from painter.learning.schedule import cosine, warmup
from painter.learning.signal import to_signal
from painter.learning.trainer import Order, Trainer

_RATE, _FLAT, _LAST_RATE = 2e-3, 0.5, 0.02
_NARROWEST = 32  # channels on both sides, from which Muon takes a kernel


@dataclass(frozen=True, eq=False)
class Decoded:
    """Pieces as the model, whose training is over, shows them."""

    decode: Callable[[Tensor], Tensor]  # signals of codes int64 [B, places, dims]
    codes: Tensor  # uint8 [N, places, dims], of all pieces

    @torch.no_grad()
    def of(self, pictures: Tensor) -> Tensor:
        """Signals of some of them."""
        return self.decode(self.codes[pictures].long()).cpu()


class JudgeTrainer(Trainer[tuple[Tensor, Tensor]]):
    """Trains a judge.

    Args:
        judge: is changed in place.
        decoded: half of the pictures are seen as the tokenizer shows them; None if there is no tokenizer.
        pixels: uint8 [N, S, S, C].
        values: [N, traits] int64, as painter.learning.judge.numbered gives them.
        pictures: numbers of those that are learned, [n] int64.
        total: pictures to show.
    """

    def __init__(
        self, judge: Judge, decoded: Decoded | None, pixels: Tensor, values: Tensor, pictures: Tensor, total: int,
        seed: int, config: TrainingConfig,
    ) -> None:  # fmt: skip
        optimizer = Optimizer(judge, lambda name, v: v.dim() == 4 and min(v.shape[:2]) >= _NARROWEST, muon_factor=1.5)
        super().__init__("judge", judge, optimizer, total, seed, config)
        self.judge, self._decoded = judge, decoded
        self._pixels, self._values = pixels, values
        self._order = Order(pictures, seed, self.name)

    def draw(self, random: torch.Generator) -> Sequence[tuple[Tensor, Tensor]]:
        chosen = self._order.take(self.done, self.config.batch)
        signal = to_signal(self._pixels[chosen])
        if self._decoded is not None:
            half = len(chosen) // 2
            signal[:half] = self._decoded.of(chosen[:half])
        amount = torch.rand(len(chosen), 1, 1, 1, generator=random) * self.judge.config.noise
        signal = signal + amount * torch.randn(signal.shape, generator=random)
        # Every part has as many decoded pieces as another.
        parts = torch.arange(len(chosen)) % self.config.shards
        values = self._values[chosen]
        return [(signal[parts == k], values[parts == k]) for k in range(self.config.shards)]

    def loss_of(self, part: tuple[Tensor, Tensor]) -> Tensor:
        device = next(self.judge.parameters()).device
        signal = part[0].to(device).contiguous(memory_format=torch.channels_last)
        return judge_loss(self.judge(signal), part[1].to(device))

    def rate(self) -> float:
        rise = warmup(self.done, self.total, self.config.warmup * self.config.batch // 2)
        return _RATE * rise * cosine(self.done, self.total, _FLAT, _LAST_RATE)
