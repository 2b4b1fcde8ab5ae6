"""Mirrored pictures as more to learn from, where a collection allows it: where they look like others of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from painter.learning.copies import Originals, nearest, reduced
from painter.learning.learning_config import CopyConfig
from painter.learning.stages import Material
from painter.learning.training_pictures import Collection
from painter.options.learn import LearnConfig

_COMPARED = 600  # pieces
_FARTHER = 1.1  # how much farther from other pieces mirrored ones may be than pieces are from each other


def may_be_mirrored(pixels: np.ndarray, config: CopyConfig) -> bool:
    """Whether mirrored pieces are about as near to other pieces as pieces are to each other.

    Writing, or anything that is always at one side, makes them farther.

    Args:
        pixels: uint8 [N, S, S, C], at least two pieces that differ.
    """
    small = reduced(pixels[:: max(1, len(pixels) // _COMPARED)], config.side)
    own, _ = nearest(small, small, not_itself=True)
    mirrored, _ = nearest(small[:, :, ::-1], small)
    return float(np.median(mirrored)) <= _FARTHER * float(np.median(own))


def is_mirrored(collection: Collection, config: LearnConfig, copies: CopyConfig) -> bool:
    """Whether a run learns mirrored pieces as well."""
    groups = [collection.pixels[collection.sources == k] for k in range(len(collection.names))]
    return config.mirror == "yes" or (
        config.mirror == "auto" and all(may_be_mirrored(group, copies) for group in groups)
    )


def with_mirrored(material: Material) -> Material:
    """Material with a mirrored copy of each learned piece; those held out stay as they are."""
    learned, count = material.learned, len(material.pixels)
    return replace(
        material,
        pixels=torch.cat((material.pixels, material.pixels[learned].flip(2))),
        sources=torch.cat((material.sources, material.sources[learned])),
        backgrounds=torch.cat((material.backgrounds, material.backgrounds[learned])),
        values=torch.cat((material.values, material.values[learned])),
        learned=torch.cat((learned, torch.arange(count, count + len(learned)))),
    )


def originals_with_mirrored(originals: Originals) -> Originals:
    """Originals so that mirrored copies are refused as well; the numbers of these come after all others."""
    both = np.concatenate((originals.reduced, originals.reduced[:, :, ::-1]))
    return replace(originals, reduced=both)
