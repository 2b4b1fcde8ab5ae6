"""Pixel art without speckles: what its pixels become, beside the plain way to find it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from painter.learning.lone_pixels import LEAST, lone_share, settled

SIDE, COLORS = 9, 5


def around(numbers: np.ndarray, row: int, column: int) -> list[int]:
    """What the neighbours of a pixel of [H, W] have."""
    height, width = numbers.shape
    rows = range(max(0, row - 1), min(height, row + 2))
    columns = range(max(0, column - 1), min(width, column + 2))
    return [int(numbers[i, j]) for i in rows for j in columns if (i, j) != (row, column)]


def settled_plainly(scores: np.ndarray, lone: float) -> np.ndarray:
    """`settled` of one piece [K, H, W], pixel by pixel, among all colours."""
    numbers: np.ndarray = scores.argmax(0)
    height, width = numbers.shape
    for _ in range(3):
        for top, left in ((0, 0), (0, 1), (1, 0), (1, 1)):
            for row in range(top, height, 2):
                for column in range(left, width, 2):
                    known = around(numbers, row, column)
                    value = [
                        score + (0 if color in known else math.log(lone))
                        for color, score in enumerate(scores[:, row, column])
                    ]
                    numbers[row, column] = int(np.argmax(value))
    return numbers


def random_scores(seed: int, height: int = SIDE, width: int = SIDE) -> Tensor:
    return 3 * torch.randn(2, COLORS, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(SIDE, SIDE), (6, 7), (1, 5), (1, 1)])
@pytest.mark.parametrize("lone", [0.5, 0.01])
def test_every_pixel_is_decided_as_the_plain_way_does(lone: float, shape: tuple[int, int]) -> None:
    scores = random_scores(1, *shape)
    found = settled(scores, lone)
    for one, numbers in zip(scores, found, strict=True):
        assert np.array_equal(settled_plainly(one.numpy(), lone), numbers.numpy())


def test_a_speck_goes_where_the_decoder_is_unsure_and_stays_where_it_is_sure() -> None:
    scores = torch.zeros(1, 3, 7, 7)
    scores[:, 0] = 9.0  # all of one colour
    scores[0, :, 3, 3] = torch.tensor([0.0, 0.4, 0.0])  # unsure
    assert (settled(scores, 0.01) == 0).all()
    scores[0, :, 3, 3] = torch.tensor([0.0, 9.0, 0.0])  # an eye
    found = settled(scores, 0.01)
    assert found[0, 3, 3] == 1 and (found != 0).sum() == 1


def test_where_nothing_is_lone_the_share_has_a_floor() -> None:
    scores = random_scores(2)
    assert torch.equal(settled(scores, 0.0), settled(scores, LEAST))


def test_drawings_without_speckles_stay_as_they_are() -> None:
    scores = torch.tensor([0.5, 0.0])[None, :, None, None].repeat(1, 1, 8, 8)
    scores[0, 1, 2:6, 2:5] = 1.0
    assert torch.equal(settled(scores, 0.001), scores.argmax(1))


@pytest.mark.parametrize("channels", [3, 4])
def test_the_share_is_counted(channels: int) -> None:
    pixels = np.zeros((2, 8, 10, channels), np.uint8)
    pixels[0, 3, 4] = pixels[0, 5, 8] = 7
    pixels[1, 0, 0, channels - 1] = 1
    pixels[1, 4:6, 4:6] = 200
    assert lone_share(pixels) == pytest.approx(3 / 160)


def test_of_many_pieces_some_are_looked_at() -> None:
    pixels = np.random.default_rng(0).integers(0, 2, (4001, 4, 4, 3), np.uint8)
    assert lone_share(pixels) == lone_share(pixels[::3])
