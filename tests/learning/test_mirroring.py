"""Mirrored pictures as more to learn from, and the figures of the benchmark that need no long training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.faces import save_faces
from helpers.learning import TINY, read

from painter.learning.copies import make_originals, nearest, reduced
from painter.learning.form import Form
from painter.learning.learning import make_run
from painter.learning.learning_config import CopyConfig
from painter.learning.mirroring import is_mirrored, may_be_mirrored, originals_with_mirrored, with_mirrored
from painter.learning.training_pictures import Collection
from painter.options.learn import LearnConfig
from scripts.benchmark.learn_figures import ParentJudge, kernel_distance


def at_one_side(count: int) -> np.ndarray:
    """Pictures with something at the left side alone: uint8 [n, 32, 32, 3]."""
    random = np.random.default_rng(0)
    pixels = np.full((count, 32, 32, 3), 200, np.uint8)
    pixels[:, :, :12] = random.integers(0, 60, (count, 1, 1, 3))
    pixels[:, 8:24, 20:24] = random.integers(180, 220, (count, 1, 1, 3))
    return pixels


def of_pixels(pixels: np.ndarray) -> Collection:
    count = len(pixels)
    return Collection(pixels, pixels[:0], np.zeros(count, np.int64), ("a",), (None,) * count, Form(32, (32, 32)))


def test_collections_whose_mirrored_pictures_look_like_others_may_be_mirrored(tmp_path: Path) -> None:
    faces = read(save_faces(tmp_path, 90, 32, traits=False))
    assert may_be_mirrored(faces.pixels, CopyConfig())
    assert not may_be_mirrored(at_one_side(90), CopyConfig())
    for mirror, expected in (("no", False), ("yes", True), ("auto", False)):
        assert is_mirrored(of_pixels(at_one_side(90)), LearnConfig(mirror=mirror), CopyConfig()) is expected
    assert is_mirrored(faces, LearnConfig(mirror="auto"), CopyConfig())


def test_learned_pieces_are_there_twice_and_held_out_ones_are_not() -> None:
    collection = of_pixels(at_one_side(90))
    plain = make_run(collection, LearnConfig(pictures=1000), TINY).material
    both = with_mirrored(plain)
    count = len(plain.learned)
    assert len(both.learned) == 2 * count and torch.equal(both.held_out, plain.held_out)
    first, second = both.pixels[both.learned[:count]], both.pixels[both.learned[count:]]
    assert torch.equal(first.flip(2), second) and not torch.equal(first, second)
    assert len(both.sources) == len(both.values) == len(both.backgrounds) == 90 + count
    assert make_run(collection, LearnConfig(pictures=1000, mirror="yes"), TINY).mirrored


def test_a_mirrored_copy_is_a_copy() -> None:
    pixels = at_one_side(90)
    originals = originals_with_mirrored(make_originals(pixels, CopyConfig()))
    distance, which = nearest(reduced(pixels[7:8, :, ::-1].copy(), CopyConfig().side), originals.reduced)
    assert distance[0] < 0.5 and which[0] == 90 + 7


def test_the_kernel_distance_is_that_of_all_pairs() -> None:
    random = torch.Generator().manual_seed(0)
    a, b = torch.randn(7, 5, generator=random).double(), torch.randn(9, 5, generator=random).double() + 0.3

    def mean(x: torch.Tensor, y: torch.Tensor, same: bool) -> float:
        pairs = [(float(p @ q) / 5 + 1) ** 3 for i, p in enumerate(x) for j, q in enumerate(y) if not (same and i == j)]
        return sum(pairs) / len(pairs)

    expected = 1000 * (mean(a, a, True) + mean(b, b, True) - 2 * mean(a, b, False))
    assert kernel_distance(a, b) == pytest.approx(expected)


@pytest.mark.slow
def test_a_judge_of_parents_sees_both_in_mixtures() -> None:
    pixels = np.concatenate([np.full((40, 32, 32, 3), color, np.uint8) for color in ((230, 40, 40), (40, 40, 230))])
    collection = Collection(
        pixels, pixels[:0], np.repeat([0, 1], 40), ("a", "b"), (None,) * 80, Form(32, (32, 32))
    )  # fmt: skip
    judge = ParentJudge(collection, 480, design=TINY).train()
    mixed = pixels[:20].copy()
    mixed[:, 16:] = pixels[40:60, 16:]
    assert judge.both(mixed) == 1 and judge.both(pixels[:20]) == 0 and judge.both(pixels[40:60]) == 0
