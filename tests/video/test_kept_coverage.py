"""Coverage that is kept from frame to frame is what would be computed anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.clips import random_strokes

from painter.video import kept_coverage
from painter.video.kept_coverage import KeptCoverage, covered_pixels
from renderers.brushes import BRUSHES
from renderers.coverage import Coverage, Covered, coverage_of, covered_by
from renderers.strokes import Strokes


def same(a: Coverage, b: Coverage) -> bool:
    return all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("brush", sorted(BRUSHES))
def test_it_is_what_would_be_computed_anew(brush: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def counted(strokes: Strokes, height: int, width: int) -> list[Covered]:
        drawn.append(len(strokes))
        return covered_by(strokes, height, width)

    monkeypatch.setattr(kept_coverage, "covered_by", counted)
    kept, strokes = KeptCoverage(), random_strokes(brush, 9, seed=1)
    moved = {name: values.clone() for name, values in strokes.params.items()}
    next(iter(moved.values()))[3] += 0.01
    seed = strokes.seed.clone()
    seed[5] += 1
    frames = [
        (strokes, 9),
        (replace(strokes, opacity=torch.zeros(9), colors=1 - strokes.colors), 0),
        (replace(strokes, params=moved), 1),
        (replace(strokes, params=moved, seed=seed), 1),
        (Strokes.cat([strokes[4:], random_strokes(brush, 2, seed=2), strokes[:2]]), 3),  # one had another seed
        (strokes[:0], 0),
        (strokes, 9),
    ]
    for number, (now, new) in enumerate(frames):
        assert same(kept.of(now, 40, 60), coverage_of(now, 40, 60)), number
        assert drawn[-1] == new, number
    assert same(kept.of(strokes, 80, 120), coverage_of(strokes, 80, 120)) and drawn[-1] == 9


def test_two_strokes_of_one_shape_are_both_there() -> None:
    strokes = random_strokes("rectangle", 2, seed=1)
    twice = strokes[torch.tensor([0, 1, 0])]
    kept = KeptCoverage()
    assert same(kept.of(twice, 40, 60), coverage_of(twice, 40, 60))
    assert same(kept.of(twice, 40, 60), coverage_of(twice, 40, 60))


def test_pixels_of_a_mask_are_counted() -> None:
    strokes = random_strokes("oilpaintbrush", 7)
    mask = np.random.default_rng(0).random((40, 60)) < 0.3
    counts = covered_pixels(coverage_of(strokes, 40, 60), mask)
    alone = [coverage_of(strokes[n : n + 1], 40, 60).pixel for n in range(7)]
    assert counts.tolist() == [mask.reshape(-1)[pixel].sum() for pixel in alone]
    assert covered_pixels(coverage_of(strokes[:0], 40, 60), mask).tolist() == []
