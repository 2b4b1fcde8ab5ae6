"""The stages of a run, and the trainers that work side by side in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from painter.learning.gan_networks import Discriminator
from painter.learning.judge import Judge, numbered
from painter.learning.judge_trainer import Decoded, JudgeTrainer
from painter.learning.learning_config import ReadingConfig, TrainingConfig
from painter.learning.mixing import Mixer, backgrounds_of
from painter.learning.networks import Networks
from painter.learning.schedule import Schedule
from painter.learning.seeds import generator
from painter.learning.stroke_painting import typical_strokes
from painter.learning.stroke_trainer import StrokeTrainer
from painter.learning.tokenizer_trainer import DecoderTrainer, TokenizerTrainer, encode_all
from painter.learning.trainer import Trainer
from painter.learning.training_pictures import Collection
from painter.learning.transformer_trainer import TransformerTrainer
from painter.learning.upscaler import Upscaler
from painter.learning.upscaler_trainer import UpscalerTrainer

STAGES = ("tokenizer", "transformer", "judge")
"""The tokenizer alone; its decoder, or that of strokes, and the transformer; the judge and the upscaler."""

_FEW_LARGE = 64  # pieces at twice the size, below which the upscaler learns from pieces and their halves


@dataclass(frozen=True, eq=False)
class Material:
    """What is learned, as tensors."""

    pixels: Tensor  # uint8 [N, S, S, C]
    large: Tensor  # uint8 [M, 2 S, 2 S, C], or [N, S, S, C] where pieces at twice the size are few
    sources: Tensor  # [N] int64
    backgrounds: Tensor  # [N] int64, the number of each piece's background
    values: Tensor  # [N, traits] int64
    learned: Tensor  # the numbers of the pieces that are learned, sorted
    held_out: Tensor  # the numbers of the others, sorted


class WithJudge(Protocol):
    """Networks of any engine."""

    @property
    def judge(self) -> Judge | None: ...


def make_material(collection: Collection, networks: WithJudge, seed: int, config: ReadingConfig) -> Material:
    """The material of a collection: which pieces are held out depends on the seed."""
    count = len(collection.pixels)
    aside = min(config.most_held_out, max(1, round(count * config.held_out)))
    shuffled = torch.randperm(count, generator=generator(seed, "held out"))
    pixels = torch.from_numpy(collection.pixels)
    traits = {} if networks.judge is None else networks.judge.traits
    return Material(
        pixels,
        pixels if len(collection.large) < _FEW_LARGE else torch.from_numpy(collection.large),
        torch.from_numpy(collection.sources),
        backgrounds_of(collection.pixels),
        numbered(collection.traits, traits),
        shuffled[aside:].sort().values,
        shuffled[:aside].sort().values,
    )


def make_trainers(
    stage: int, networks: Networks, material: Material, schedule: Schedule, seed: int, config: TrainingConfig
) -> list[Trainer[Any]]:
    """The trainers of a stage. The stages before it are over."""
    tokenizer, pixels = networks.tokenizer, material.pixels
    if stage == 0:
        return [TokenizerTrainer(tokenizer, pixels, material.learned, schedule.tokenizer, seed, config)]
    codes = encode_all(tokenizer, pixels)
    if stage == 1:
        mixer = None
        if networks.transformer.classes == 2:
            mixer = Mixer(codes, material.sources, material.backgrounds, material.learned)
        return [
            _decoder_trainer(networks, material, codes, schedule.decoder, seed, config),
            TransformerTrainer(
                networks.transformer, codes, material.sources, material.learned, material.held_out, mixer,
                schedule.transformer, seed, config,
            ),
        ]  # fmt: skip
    decoded = Decoded(networks.decode, codes)
    judge, upscaler = networks.judge, networks.upscaler
    return last_trainers(judge, upscaler, decoded, material, schedule.judge, schedule.upscaler, seed, config)


def _decoder_trainer(
    networks: Networks, material: Material, codes: Tensor, total: int, seed: int, config: TrainingConfig
) -> Trainer[Any]:
    """What trains what shows pieces: the tokenizer's decoder, or that of strokes, which starts from a painting."""
    pixels, learned, strokes = material.pixels, material.learned, networks.strokes
    if strokes is None:
        return DecoderTrainer(networks.tokenizer, pixels, codes, learned, total, seed, config)
    strokes.start.copy_(typical_strokes(pixels[learned].numpy(), strokes.config.count))
    return StrokeTrainer(strokes, pixels, codes, learned, total, seed, config)


def last_trainers(
    judge: Judge | None, upscaler: Upscaler | None, decoded: Decoded | None, material: Material, judged: int,
    upscaled: int, seed: int, config: TrainingConfig, discriminator: Discriminator | None = None,
) -> list[Trainer[Any]]:  # fmt: skip
    """The trainers of judge and upscaler, where there are any.

    Args:
        decoded: pieces as the tokenizer shows them, which the judge sees as well; None if there is no tokenizer.
        judged, upscaled: pictures to show to each.
        discriminator: tells crops from those that the upscaler made; None if there is none.
    """
    trainers: list[Trainer[Any]] = []
    if judge is not None:
        pixels, values, learned = material.pixels, material.values, material.learned
        trainers.append(JudgeTrainer(judge, decoded, pixels, values, learned, judged, seed, config))
    if upscaler is not None:
        trainers.append(UpscalerTrainer(upscaler, material.large, upscaled, seed, config, discriminator))
    return trainers
