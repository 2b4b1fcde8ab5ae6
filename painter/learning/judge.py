"""The judge: a small network that reads the traits of a piece, for its metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from painter.learning.learning_config import JudgeConfig
from painter.learning.tokenizer import Residual
from painter.learning.traits import Traits

MISSING = -1  # the number of a trait's value that is not known
_REDUCTION = 16  # of a piece's side by the layers


class Judge(nn.Module):
    """Pieces to traits.

    Args:
        size: pixels of a piece's side.
        channels: 3, or 4 with alpha.
        traits: the values of each trait, by its name; a piece without the trait has the value ''.
        config: sizes.
    """

    def __init__(self, size: int, channels: int, traits: Mapping[str, Sequence[str]], config: JudgeConfig) -> None:
        super().__init__()
        self.config = config
        self.traits = {name: tuple(values) for name, values in traits.items()}
        first, second, third = config.width, config.width * 3 // 2, config.width * 2
        side = -(-size // _REDUCTION)
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(channels * 16, first, 3, padding=1),
            Residual(first),
            nn.Conv2d(first, second, 3, 2, 1),
            Residual(second),
            nn.Conv2d(second, third, 3, 2, 1),
            Residual(third),
            nn.GroupNorm(8, third),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(third * side * side, config.features),
            nn.SiLU(),
        )
        self.heads = nn.Linear(config.features, sum(map(len, self.traits.values())))

    def features(self, signal: Tensor) -> Tensor:
        """[B, features] of a signal [B, C, S, S]: what the traits are read from."""
        found: Tensor = self.layers(signal)
        return found

    def forward(self, signal: Tensor) -> list[Tensor]:
        """The logits of each trait's values, [B, values] each."""
        logits: Tensor = self.heads(self.features(signal))
        return list(logits.split([len(values) for values in self.traits.values()], dim=1))

    @torch.no_grad()
    def numbers(self, signal: Tensor) -> list[Tensor]:
        """The numbers of the most probable values, int64 [B] for each trait, on the CPU."""
        return [logits.argmax(1).cpu() for logits in self(signal)]

    @torch.no_grad()
    def read(self, signal: Tensor) -> list[dict[str, str]]:
        """The most probable traits of each piece; those that a piece does not have are left out."""
        chosen = [one.tolist() for one in self.numbers(signal)]
        named = list(self.traits.items())
        return [
            {name: values[v] for (name, values), v in zip(named, row, strict=True) if values[v]}
            for row in zip(*chosen, strict=True)
        ]


def numbered(traits: Sequence[Traits | None], known: Mapping[str, Sequence[str]]) -> Tensor:
    """The numbers of the pieces' values, [N, traits] int64; MISSING for pieces without metadata."""
    rows = [
        [MISSING if one is None else list(values).index(one.get(name, "")) for name, values in known.items()]
        for one in traits
    ]
    return torch.tensor(rows, dtype=torch.long).reshape(len(traits), len(known))


def judge_loss(logits: Sequence[Tensor], values: Tensor) -> Tensor:
    """The mean cross-entropy of the traits; a scalar.

    Args:
        logits: of each trait, [B, values].
        values: [B, traits] int64.
    """
    losses = [
        functional.cross_entropy(one, values[:, k], ignore_index=MISSING, reduction="sum")
        for k, one in enumerate(logits)
    ]
    return torch.stack(losses).sum() / (values != MISSING).sum().clamp(min=1)


def accuracy(logits: Sequence[Tensor], values: Tensor) -> float:
    """The share of known values that are read correctly; NaN if none is known."""
    right = sum(int((one.argmax(1) == values[:, k]).sum()) for k, one in enumerate(logits))
    known = int((values != MISSING).sum())
    return right / known if known else float("nan")
