"""How often each trait comes in new pieces and in learned ones, when learning ends: see painter.learning.rarities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from painter.learning.generating import make_drawer
from painter.learning.learning_config import Design
from painter.learning.model_file import Model
from painter.learning.pieces import shown
from painter.learning.rarities import rarities_of
from painter.learning.signal import to_signal
from painter.learning.token_sampling import BATCH
from painter.options.learn import MAX_PIECES, GenerateConfig

_AHEAD = 4  # batches that are drawn before they are counted, so that Ctrl-C need not wait for all


def with_rarities(
    model: Model,
    pixels: np.ndarray,
    drawn: int,
    design: Design,
    threads: Executor,
    stop: Callable[[], bool] = lambda: False,
    on_drawn: Callable[[int, int], None] | None = None,
) -> Model:
    """The model with its rarities; as it is, if it has no judge, makes only children, or `stop` says so.

    Args:
        pixels: what was learned, uint8 [N, S, S, C].
        drawn: how many new pieces are counted, or a few more, to fill batches.
        stop: asked after each batch.
        on_drawn: called with how many new pieces have been drawn, and how many there will be.
    """
    judge = model.networks.judge
    if judge is None or (model.engine == "dcgan" and len(model.names) > 1):
        return model
    drawer = make_drawer(model, GenerateConfig(), design)

    def of_batch(first: int) -> list[Tensor]:
        assert judge is not None
        return judge.numbers(shown(model, drawer.draw(range(first, first + BATCH), 0)[0]))

    # Their numbers are those of no piece that is ever made.
    firsts = range(MAX_PIECES + 1, MAX_PIECES + 1 + drawn, BATCH)
    new: list[list[Tensor]] = []
    for k in range(0, len(firsts), _AHEAD):
        new += threads.map(of_batch, firsts[k : k + _AHEAD])
        if on_drawn is not None:
            on_drawn(len(new) * BATCH, len(firsts) * BATCH)
        if stop():
            return model
    device = next(judge.parameters()).device
    learned = [judge.numbers(to_signal(part.to(device))) for part in torch.from_numpy(pixels).split(BATCH)]
    sizes = [len(values) for values in judge.traits.values()]
    return replace(model, rarities=rarities_of(_joined(new), _joined(learned), sizes, design.rarities))


def _joined(parts: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """The numbers of all batches, for each trait."""
    return [torch.cat(of_trait) for of_trait in zip(*parts, strict=True)]
