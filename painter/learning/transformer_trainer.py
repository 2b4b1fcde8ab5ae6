"""Training of the transformer on codes, with early stop by the bits that held-out pieces take."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from painter.learning.learning_config import TrainingConfig
from painter.learning.mixing import Mixer
from painter.learning.muon import Optimizer, load_into
from painter.learning.schedule import falling, warmup
from painter.learning.trainer import Gradients, Order, Trainer, balanced
from painter.learning.transformer import Transformer, bits_a_token
from painter.system.snapshot import integer, number

_EARLY = 20  # steps in which the average follows faster
_EVALUATED = 64  # pieces at a time


@dataclass(frozen=True)
class Batch:
    """What `Transformer.forward` takes."""

    codes: Tensor
    order: Tensor
    classes: Tensor
    kept: Tensor

    def chunk(self, count: int) -> list[Batch]:
        """In equal parts."""
        parts = [values.chunk(count) for values in (self.codes, self.order, self.classes, self.kept)]
        return [Batch(*part) for part in zip(*parts, strict=True)]


class TransformerTrainer(Trainer[Batch]):
    """Trains a transformer.

    Args:
        transformer: is changed in place.
        codes: uint8 [N, places, dims].
        sources: [N] int64, which collection a piece is of.
        pictures: numbers of those that are learned, [n] int64.
        held_out: numbers of those that are not, [m] int64.
        mixer: makes mixtures of two collections; None with one collection.
        total: pictures to show.

    Attributes:
        average: the moving average of the transformer.
        best: the average that did best on held-out pieces.
        best_bits: what it did, in bits a token; infinite before the first measurement.
        held_out_bits: the last measurement.
    """

    def __init__(
        self, transformer: Transformer, codes: Tensor, sources: Tensor, pictures: Tensor, held_out: Tensor,
        mixer: Mixer | None, total: int, seed: int, config: TrainingConfig,
    ) -> None:  # fmt: skip
        optimizer = Optimizer(
            transformer,
            lambda name, values: values.dim() == 2 and name.startswith("blocks."),
            muon_decay=config.transformer_decay,
        )
        super().__init__("transformer", transformer, optimizer, total, seed, config)
        self.transformer, self.average = transformer, copy.deepcopy(transformer).eval()
        self.best = copy.deepcopy(self.average)
        self.best_bits = self.held_out_bits = float("inf")
        self.worse = 0  # measurements since the best one
        self.stopped = False
        self._codes, self._sources, self._held_out, self._mixer = codes, sources, held_out, mixer
        self._order = Order(balanced(sources, pictures), seed, self.name)

    @property
    def finished(self) -> bool:
        return self.stopped or self.done >= self.total

    def draw(self, random: torch.Generator) -> Sequence[Batch]:
        sizes, batch, places = self.transformer.config, self.config.batch, self.transformer.places
        chosen = self._order.take(self.done, batch)
        codes, classes = self._codes[chosen].long(), self._sources[chosen]
        drop = torch.rand(batch, generator=random) < sizes.class_drop
        classes = torch.where(drop, self.transformer.classes, classes)[:, None].repeat(1, places)
        order = torch.arange(places).repeat(batch, 1)
        shuffled = torch.rand(batch, generator=random) < sizes.random_order
        order[shuffled] = torch.rand(batch, places, generator=random).argsort(1)[shuffled]
        kept = (torch.rand(batch, places, generator=random) >= sizes.token_drop).float()
        if self._mixer is not None:
            for k in range(round(self.config.mixed * batch)):
                codes[k], classes[k], order[k] = self._mixer.mix(int(chosen[k]), random)
        return Batch(codes, order, classes, kept).chunk(self.config.shards)

    def loss_of(self, part: Batch) -> Tensor:
        device = self.transformer.start.device
        tensors = (values.to(device) for values in (part.codes, part.order, part.classes, part.kept))
        return bits_a_token(*self.transformer(*tensors))

    def rate(self) -> float:
        config, done, total = self.config, self.done, self.total
        rise = warmup(done, total, config.warmup * config.batch)
        return config.transformer_rate * rise * falling(done, total, config.flat, config.last_rate)

    def apply(self, parts: Sequence[Gradients], threads: Executor | None) -> None:
        super().apply(parts, threads)
        decay = min(self.config.average, self.optimizer.steps / (self.optimizer.steps + _EARLY))
        with torch.no_grad():
            for mean, values in zip(self.average.parameters(), self.transformer.parameters(), strict=True):
                mean.lerp_(values, 1 - decay)
        if self.done % (self.config.evaluate_every // self.config.batch * self.config.batch) == 0 or self.finished:
            self._evaluate()

    def result(self) -> tuple[Transformer, float]:
        """The transformer to be kept, and the bits a token that held-out pieces take by it."""
        if self.best_bits < float("inf"):
            return self.best, self.best_bits
        return self.average, self.bits_of(self._held_out)

    def _evaluate(self) -> None:
        """Measure the average on held-out pieces; keep it if it is the best, or stop if none was for long."""
        self.held_out_bits = self.bits_of(self._held_out)
        if self.held_out_bits < self.best_bits:
            self.best_bits, self.worse = self.held_out_bits, 0
            self.best.load_state_dict(self.average.state_dict())
        else:
            self.worse += 1
            self.stopped = self.worse >= self.config.patience

    @torch.no_grad()
    def bits_of(self, pictures: Tensor) -> float:
        """Bits a token that the average takes for pieces, in raster order."""
        device, places, total = self.transformer.start.device, self.transformer.places, 0.0
        for part in pictures.split(_EVALUATED):
            order = torch.arange(places).repeat(len(part), 1)
            classes = self._sources[part][:, None].repeat(1, places)
            logits = self.average(self._codes[part].long().to(device), order.to(device), classes.to(device))
            total += float(bits_a_token(*logits)) * len(part)
        return total / len(pictures)

    def state(self) -> dict[str, Any]:
        return {
            **super().state(),
            "average": dict(self.average.state_dict()),
            "best": dict(self.best.state_dict()),
            "best_bits": repr(self.best_bits),
            "held_out_bits": repr(self.held_out_bits),
            "worse": self.worse,
            "stopped": self.stopped,
        }

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        load_into(dict(self.average.state_dict()), state["average"])
        load_into(dict(self.best.state_dict()), state["best"])
        self.best_bits = number(float(state["best_bits"]), high=float("inf"))
        self.held_out_bits = number(float(state["held_out_bits"]), high=float("inf"))
        self.worse, self.stopped = integer(state["worse"], 0, 10**6), bool(state["stopped"])
