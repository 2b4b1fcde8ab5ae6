"""Small networks that learn a tiny collection in seconds, and how near new pieces come to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from helpers.faces import BACKGROUNDS, EYES, HATS, HEADS, MOUTHS, SKINS, Face, draw_face
from painter.learning.learning_config import (
    Design,
    JudgeConfig,
    TokenizerConfig,
    TrainingConfig,
    TransformerConfig,
    UpscalerConfig,
)
from painter.learning.schedule import schedule_of
from painter.learning.training import LearningRun
from painter.learning.training_pictures import Collection, read_collection
from painter.options.learn import LearnConfig

SMALL = Design(
    tokenizer=TokenizerConfig(width=16),
    transformer=TransformerConfig(width=64, layers=2, heads=2, token_drop=0, class_drop=0, random_order=0),
    judge=JudgeConfig(width=32, features=64),
    training=TrainingConfig(
        batch=8,
        shards=1,
        tokenizer_share=0.6,
        decoder_share=0.2,
        judge_share=0.4,
        tokenizer_rate=3e-3,
        transformer_rate=5e-3,
    ),
)
"""Large enough to learn faces of 32 x 32 pixels, in raster order alone, in half a minute of one core."""

TINY = Design(
    tokenizer=TokenizerConfig(width=8, dims=4),
    transformer=TransformerConfig(width=16, layers=1, heads=2, hidden=8),
    judge=JudgeConfig(width=16, features=16),
    upscaler=UpscalerConfig(width=12, blocks=1, crop=16),
    training=TrainingConfig(
        batch=64,
        tokenizer_share=0.2,
        decoder_share=0.2,
        fewest_pictures=64,
        measured=2,
        evaluate_every=128,
        record_every=128,
        warmup=4,
    ),
)
"""Learns next to nothing, in no time."""

QUICK = replace(
    TINY,
    training=replace(
        TINY.training, batch=8, tokenizer_share=0.45, decoder_share=0.55, evaluate_every=32, record_every=32
    ),
)
"""Learns even less: of few pictures in each step."""


def read(*folders: Path, **options: Any) -> Collection:
    """The collections in these folders."""
    return read_collection(folders, LearnConfig(**options))


def short_run(collection: Collection, design: Design = TINY, **options: Any) -> LearningRun:
    """A run of a thousand pictures, unless `options` of LearnConfig say otherwise."""
    return LearningRun(collection, LearnConfig(**{"pictures": 1000, **options}), design)


def quick_run(collection: Collection, design: Design = QUICK, **options: Any) -> LearningRun:
    """A run of all stages, of a few steps each."""
    run = short_run(collection, design, **options)
    run.schedule = schedule_of(64, design.training, run.networks.judge is not None, run.networks.upscaler is not None)
    return run


def picture_at(path: Path) -> np.ndarray:
    """A picture's pixels, uint8 [H, W, C]."""
    with Image.open(path) as image:
        return np.asarray(image)


@cache
def legal_faces() -> tuple[list[Face], np.ndarray]:
    """Every face of 32 x 32 pixels that there can be, and their pixels, float32 [2304, 32 * 32 * 3]."""
    faces = [Face(*traits) for traits in product(BACKGROUNDS, SKINS, HEADS, EYES, HATS, MOUTHS)]
    pixels = np.stack([np.asarray(draw_face(face, 32)) for face in faces])
    return faces, pixels.reshape(len(faces), -1).astype(np.float32)


def nearest_faces(pieces: np.ndarray) -> tuple[list[Face], np.ndarray]:
    """The legal face nearest to each piece uint8 [n, 32, 32, 3], and the share of its pixels that differ from it."""
    faces, pixels = legal_faces()
    flat = pieces.reshape(len(pieces), -1).astype(np.float32)
    squared = (flat**2).sum(1)[:, None] + (pixels**2).sum(1) - 2 * flat @ pixels.T
    which = squared.argmin(1)
    difference = np.abs(flat - pixels[which]).reshape(len(pieces), -1, 3).max(-1) > 8
    return [faces[k] for k in which], difference.mean(1)


def trait_distance(faces: Sequence[Face], others: Sequence[Face]) -> float:
    """The mean over traits of the total variation distance between the frequencies of values."""
    distances = []
    for name in Face.__dataclass_fields__:
        values = {getattr(face, name) for face in (*faces, *others)}
        shares = [[sum(getattr(f, name) == v for f in group) / len(group) for v in values] for group in (faces, others)]
        distances.append(0.5 * sum(abs(a - b) for a, b in zip(*shares, strict=True)))
    return float(np.mean(distances))
