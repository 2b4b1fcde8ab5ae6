"""Latents of new pieces, for models of the engine 'dcgan'."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from painter.learning.pieces import Origin
from painter.learning.seeds import generator
from painter.options.learn import GenerateConfig

CHILD = "other parent"
"""What is of the second collection in a child: it has no part of its own."""


class Latents:
    """Draws latents, as for painter.learning.pieces.Drawer.

    Args:
        latent: numbers of a latent.
        collections: 1, or 2 for children.
        config: below 1, its temperature brings latents nearer to 0, whose pieces are more common.
    """

    def __init__(self, latent: int, collections: int, config: GenerateConfig) -> None:
        self._latent, self._config = latent, config
        self._origin = Origin(0, CHILD, 0.5) if collections > 1 else Origin(0)

    def draw(self, numbers: Sequence[int], attempt: int) -> tuple[Tensor, list[Origin]]:
        seed = self._config.seed
        latents = torch.stack(
            [torch.randn(self._latent, generator=generator("latent", seed, number, attempt)) for number in numbers]
        )
        return latents * self._config.temperature, [self._origin for _ in numbers]
