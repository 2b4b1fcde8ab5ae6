"""How many pictures a run shows, in which stage, and at which rate. All of it counts pictures, not seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from painter.learning.learning_config import TrainingConfig


@dataclass(frozen=True)
class Schedule:
    """Pictures of each stage: the tokenizer alone, its decoder and the transformer, the judge and the upscaler."""

    tokenizer: int
    decoder: int
    transformer: int
    judge: int
    upscaler: int

    @property
    def total(self) -> int:
        """All of them together."""
        return self.tokenizer + self.decoder + self.transformer + self.judge + self.upscaler


def schedule_of(pictures: int, config: TrainingConfig, judge: bool, upscaler: bool) -> Schedule:
    """The stages of a run in which the transformer sees so many pictures; each is a whole number of steps.

    Args:
        judge: whether there are traits to learn.
        upscaler: whether pieces are enlarged by a network.
    """

    def in_steps(count: float) -> int:
        return config.batch * max(1, round(count / config.batch))

    return Schedule(
        in_steps(pictures * config.tokenizer_share),
        in_steps(pictures * config.decoder_share),
        in_steps(pictures),
        in_steps(min(config.most_last, pictures * config.judge_share)) if judge else 0,
        in_steps(min(config.most_last, pictures * config.upscaler_share)) if upscaler else 0,
    )


def pictures_in(
    seconds: float, tokenizer: float, side_by_side: float, transformer: float, config: TrainingConfig
) -> int:
    """The pictures of the transformer for which a run takes about so many seconds.

    Args:
        tokenizer: seconds for a step of the tokenizer alone.
        side_by_side: seconds for a step of the decoder and one of the transformer at once.
        transformer: seconds for a step of the transformer alone.
    """
    both = min(1.0, config.decoder_share)
    one = config.tokenizer_share * tokenizer + both * side_by_side + (1 - both) * transformer
    return max(config.fewest_pictures, int(seconds * (1 - config.last_stage) / one) * config.batch)


def falling(done: int, total: int, flat: float, last: float) -> float:
    """The share of the rate after `done` of `total` pictures: full at first, then falling in a line to `last`."""
    return 1.0 if done < flat * total else max(last, (1 - done / total) / (1 - flat))


def cosine(done: int, total: int, flat: float, last: float) -> float:
    """The same, falling as a quarter of a cosine."""
    if done < flat * total:
        return 1.0
    return max(last, math.cos((done / total - flat) / (1 - flat) * math.pi / 2))


def warmup(done: int, total: int, longest: int) -> float:
    """The share of the rate after `done` of `total` pictures, while it rises: over a tenth of them, or `longest`."""
    return min(1.0, (done + 1) / max(1, min(longest, total // 10)))
