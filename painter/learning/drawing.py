"""Codes of new pieces of a collection, and of children of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from painter.learning.learning_config import BlendingConfig
from painter.learning.mixing import graft_order
from painter.learning.model_file import Model
from painter.learning.pieces import Origin
from painter.learning.regions import region
from painter.learning.seeds import generator
from painter.learning.token_sampling import Request, draw_batch, plain_request
from painter.options.learn import KINDS, BlendConfig, GenerateConfig

_PARTS = tuple(kind for kind in KINDS if kind != "mixed")


class NewPieces:
    """Draws pieces as `config` asks; of two collections, each as often as it had pieces to learn from."""

    def __init__(self, model: Model, config: GenerateConfig) -> None:
        self._model, self._config = model, config
        self._shares = torch.tensor(model.counts, dtype=torch.float64)

    def draw(self, numbers: Sequence[int], attempt: int) -> tuple[Tensor, list[Origin]]:
        """As for painter.learning.pieces.Drawer."""
        seed, network = self._config.seed, self._model.of_tokens.transformer
        sources = [
            int(torch.multinomial(self._shares, 1, generator=generator("source", seed, number))) for number in numbers
        ]
        requests = [
            plain_request(network, source, seed, number, attempt)
            for number, source in zip(numbers, sources, strict=True)
        ]
        codes = draw_batch(network, requests, self._config.temperature, self._config.top_p)
        return codes, [Origin(source) for source in sources]


class Children:
    """Draws children of two collections: a new piece of one, in which a part is drawn anew as the other's.

    The parent of the larger share gives the piece, and from a balance near a half on either may.
    """

    def __init__(self, model: Model, config: BlendConfig, blending: BlendingConfig) -> None:
        self._model, self._config, self._blending = model, config, blending

    def draw(self, numbers: Sequence[int], attempt: int) -> tuple[Tensor, list[Origin]]:
        """As for painter.learning.pieces.Drawer."""
        config, network = self._config, self._model.of_tokens.transformer
        origins = [self._origin(number) for number in numbers]
        plain = [
            plain_request(network, origin.source, config.seed, number, attempt)
            for number, origin in zip(numbers, origins, strict=True)
        ]
        parents = draw_batch(network, plain, config.temperature, config.top_p)
        grafts = [
            self._graft(number, attempt, origin, codes, request)
            for number, origin, codes, request in zip(numbers, origins, parents, plain, strict=True)
        ]
        temperature = config.temperature * self._blending.temperature
        return draw_batch(network, grafts, temperature, min(config.top_p, self._blending.top_p)), origins

    def _origin(self, number: int) -> Origin:
        """What a child is made of, from its number and the balance."""
        chance = torch.rand(2, generator=generator("child", self._config.seed, number)).tolist()
        balance, near = self._config.balance, self._blending.either
        source = int(chance[0] >= (0.5 + near / 2 - balance) / near)
        kind = self._config.kind if self._config.kind != "mixed" else _PARTS[int(chance[1] * len(_PARTS))]
        return Origin(source, kind, balance)

    def _graft(self, number: int, attempt: int, origin: Origin, codes: Tensor, plain: Request) -> Request:
        """The request for the part that is drawn anew."""
        grid = self._model.of_tokens.tokenizer.grid
        part = region(origin.kind, grid, origin.share if origin.source == 0 else 1 - origin.share)
        random = generator("graft", self._config.seed, number, attempt)
        order = graft_order(part, torch.rand(grid * grid, generator=random))
        uniforms = torch.rand(plain.uniforms.shape, generator=random)
        classes = torch.where(part, 1 - origin.source, origin.source)
        return replace(plain, uniforms=uniforms, classes=classes, order=order, given=codes, drawn=part)
