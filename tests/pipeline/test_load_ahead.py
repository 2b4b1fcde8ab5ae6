"""Networks and kernels that are loaded before the painting is prepared."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import numpy as np
import pytest

from painter import pipeline
from painter.errors import ImpastoError
from painter.options.paint import PaintConfig
from painter.search.staged_run import Run
from painter.search.subject import Subject

CONFIG = PaintConfig(size=32, strokes=3, iterations=2, texture=0.0)


def failing(error: Exception) -> Callable[..., NoReturn]:
    def fail(*arguments: object, **options: object) -> NoReturn:
        raise error

    return fail


def test_a_painting_is_the_same_after_it() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32, 24, 3), np.uint8)
    before = pipeline.paint(picture, CONFIG).image
    pipeline.load_ahead(CONFIG)
    assert np.array_equal(pipeline.paint(picture, CONFIG).image, before)


@pytest.mark.parametrize("compiled", [True, False])
def test_nothing_is_compiled_by_it(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []
    make_run = pipeline.make_run

    def begin(subject: Subject) -> Run:
        begun.append(subject.brush)
        return make_run(subject)

    monkeypatch.setattr(pipeline, "kernels_are_compiled", lambda brush: compiled)
    monkeypatch.setattr(pipeline, "make_run", begin)
    pipeline.load_ahead(CONFIG)
    assert begun == [CONFIG.style] * compiled


def test_what_is_wrong_is_told_when_the_painting_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "kernels_are_compiled", lambda brush: True)
    monkeypatch.setattr(pipeline, "prepare", failing(ImpastoError("no networks")))
    pipeline.load_ahead(CONFIG)
