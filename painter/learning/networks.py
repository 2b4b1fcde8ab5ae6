"""The networks of a model, made together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from painter.learning.judge import Judge
from painter.learning.learning_config import (
    JudgeConfig,
    StrokesConfig,
    TokenizerConfig,
    TransformerConfig,
    UpscalerConfig,
)
from painter.learning.lone_pixels import settled
from painter.learning.stroke_decoder import StrokeDecoder
from painter.learning.stroke_painting import drawn
from painter.learning.tokenizer import Tokenizer
from painter.learning.transformer import Transformer
from painter.learning.upscaler import Upscaler


@dataclass(frozen=True, eq=False)
class Sizes:
    """What networks are made from."""

    size: int  # pixels of a piece's side
    channels: int  # 3, or 4 with alpha
    classes: int  # collections
    traits: Mapping[str, Sequence[str]]  # that the judge reads; without any there is no judge
    upscales: bool  # whether there is an upscaler
    tokenizer: TokenizerConfig
    transformer: TransformerConfig
    judge: JudgeConfig
    upscaler: UpscalerConfig
    strokes: StrokesConfig | None = None  # of the engine 'strokes'
    colors: Tensor | None = None  # of pixel art, signals [K, C]


@dataclass(frozen=True, eq=False)
class Networks:
    """The networks of one model."""

    tokenizer: Tokenizer
    transformer: Transformer
    judge: Judge | None
    upscaler: Upscaler | None
    strokes: StrokeDecoder | None = None  # with it, pieces are paintings

    def decode(self, codes: Tensor, lone: float | None = None) -> Tensor:
        """Signals [B, C, S, S] of codes int64 [B, places, dims].

        Args:
            lone: of pixel art, for `painter.learning.lone_pixels.settled`; without it each pixel gets its likeliest
                colour, whatever is around it.
        """
        codes = codes.to(self.transformer.start.device)
        if self.strokes is not None:
            numbers, grounds = self.strokes(codes)
            return drawn(numbers, grounds, self.tokenizer.size)
        if lone is not None and self.tokenizer.colors is not None:
            return self.tokenizer.colored(settled(self.tokenizer.scores(codes), lone))
        return self.tokenizer.decode(codes)

    def named(self) -> Iterator[tuple[str, Tokenizer | Transformer | Judge | Upscaler | StrokeDecoder]]:
        """Those that there are, with their names."""
        yield "tokenizer", self.tokenizer
        yield "transformer", self.transformer
        if self.judge is not None:
            yield "judge", self.judge
        if self.upscaler is not None:
            yield "upscaler", self.upscaler
        if self.strokes is not None:
            yield "strokes", self.strokes


def make_networks(sizes: Sizes, seed: int = 0, device: str = "cpu") -> Networks:
    """Networks before training, whose weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = Tokenizer(sizes.size, sizes.channels, sizes.tokenizer, sizes.colors)
        of_token = sizes.tokenizer
        transformer = Transformer(tokenizer.grid**2, of_token.dims, of_token.levels, sizes.classes, sizes.transformer)
        judge = Judge(sizes.size, sizes.channels, sizes.traits, sizes.judge) if sizes.traits else None
        upscaler = Upscaler(sizes.channels, sizes.upscaler) if sizes.upscales else None
        strokes = None
        if sizes.strokes is not None:
            strokes = StrokeDecoder(tokenizer.grid, of_token.dims, of_token.levels, sizes.strokes)
    made = Networks(tokenizer, transformer, judge, upscaler, strokes)
    for name, network in made.named():
        network.to(device)
        if name != "transformer":
            network.to(memory_format=torch.channels_last)
    return made
