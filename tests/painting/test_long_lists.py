"""Long columns of large stroke files, read piece by piece: the same strokes and the same refusals as in one go."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.paintings import make_painting

from painter.errors import StrokeFileError
from painter.painting import long_lists
from painter.painting.load import load_painting
from painter.painting.long_lists import placeholder, take_lists


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are read as large ones, in small pieces."""
    for name, value in (("LARGE", 0), ("_LONG", 40), ("_PIECE", 256), ("_TAIL", 100)):
        monkeypatch.setattr(long_lists, name, value)


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "good.strokes.json"
    make_painting(count=90, brush="watercolor").save(path)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "a.strokes.json").write_text(text)
    return tmp_path / "a.strokes.json"


@pytest.mark.parametrize("brush", ["oilpaintbrush", "watercolor", "markerpen"])
@pytest.mark.parametrize("indent", [None, 1])
def test_strokes_are_the_same(brush: str, indent: int | None, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    make_painting(count=90, brush=brush).save(tmp_path / "good.strokes.json")
    path = written(tmp_path, json.dumps(json.loads((tmp_path / "good.strokes.json").read_text()), indent=indent))
    whole = load_painting(path).strokes
    request.getfixturevalue("in_pieces")
    assert len(take_lists(path.read_bytes())[1]) == len(whole.params) + 3
    taken = load_painting(path).strokes
    for name in whole.params:
        assert torch.equal(taken.params[name], whole.params[name])
    for one, other in ((taken.colors, whole.colors), (taken.opacity, whole.opacity), (taken.seed, whole.seed)):
        assert one.dtype == other.dtype and torch.equal(one, other)


def test_what_is_taken_out_is_what_was_there(in_pieces: None) -> None:
    rng = random.Random(1)
    lists: list[Any] = [
        [rng.random() for _ in range(300)],
        [rng.randrange(1000) for _ in range(300)],
        [[rng.random() for _ in range(3)] for _ in range(200)],
        [[[rng.random() for _ in range(3)] for _ in range(2)] for _ in range(100)],
        [],
        [1, 2],
    ]
    text = json.dumps({f"{k}": one for k, one in enumerate(lists)})
    rest, taken = take_lists(text.encode())
    assert json.loads(rest) == {**{f"{k}": placeholder(k) for k in range(4)}, "4": [], "5": [1, 2]}
    for one, values in zip(taken, lists, strict=False):
        assert one.values is not None and one.values.tolist() == values
        assert json.loads(text[one.start : one.end]) == values


def test_lists_of_different_things_are_no_arrays(in_pieces: None) -> None:
    for values in ([1.5] * 100 + [[2.5]], [[1, 2]] * 100 + [[1, 2, 3]], [10**30] * 50, [[[[1]]]] * 50):
        _, (taken,) = take_lists(json.dumps({"a": values}).encode())
        assert taken.values is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["strokes"]["opacity"].__setitem__(70, 1.5), "strokes.opacity of stroke 71 is 1.5"),
        (lambda d: d["strokes"]["seed"].__setitem__(70, 1.5), "strokes.seed of stroke 71 is 1.5"),
        (lambda d: d["strokes"]["colors"][70][1].__setitem__(2, -1), "strokes.colors of stroke 71 is -1"),
        (lambda d: d["strokes"]["x0"].pop(), "strokes.x0 has 89 entries but strokes.opacity 90"),
        (lambda d: d["strokes"].update(opacity=[[0.5]] * 90), "strokes.opacity of stroke 1 is a list of 1"),
        (lambda d: d["strokes"].update(colors=[[0.5] * 3] * 90), "strokes.colors of stroke 1 is a list of 3"),
        (lambda d: d["strokes"]["opacity"].__setitem__(70, [1]), "strokes.opacity has entries of different kinds"),
        (lambda d: d["strokes"].update(other=[0.5] * 90), "strokes.other is not a column"),
        (lambda d: d.update(canvas=[0.5] * 90), "canvas is 'a long list of numbers (0)'; it must be an object"),
        (lambda d: d["strokes"]["opacity"].__setitem__(70, None), "strokes.opacity of stroke 71 is null"),
    ],
)
def test_flaws_are_told_as_before(
    change: Any, message: str, document: dict[str, Any], in_pieces: None, tmp_path: Path
) -> None:
    change(document)
    with pytest.raises(StrokeFileError) as caught:
        load_painting(written(tmp_path, json.dumps(document)))
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["0.5.5", "01", "--1", "1 2", ",", ".5", "+1", "1e", "]["])
def test_numbers_are_those_of_json(wrong: str, in_pieces: None, tmp_path: Path) -> None:
    text = '{"format": "impasto-strokes",\n"a": [' + "0.5," * 90 + wrong + ",0.5" * 90 + "]}"
    with pytest.raises(StrokeFileError, match="it is not JSON"):
        load_painting(written(tmp_path, text))
    place = "a list of numbers is damaged at line 2, column 368; copy"
    if wrong == "01":
        with pytest.raises(StrokeFileError, match=place):
            load_painting(written(tmp_path, text))


def test_other_lists_may_be_long(document: dict[str, Any], in_pieces: None, tmp_path: Path) -> None:
    """What other programs add is passed over; texts that look like lists are texts."""
    document["extra"] = {"a": [1.5] * 300, "b": [[1], [2, 3]] * 50}
    document["input"] = {"name": '\\":[' + "1," * 200 + "1]", "sha256": "0" * 64, "width": 4, "height": 3}
    painting = load_painting(written(tmp_path, json.dumps(document)))
    assert len(painting.strokes) == 90 and painting.about["input"]["name"] == document["input"]["name"]


def test_arrays_have_the_types_of_the_slow_way() -> None:
    assert long_lists._array([1, 2.5]) is not None and long_lists._array([[1], [2, 3]]) is None
    assert long_lists._array([2**63]) is None
    values = long_lists._array([0, 1])
    assert values is not None and values.dtype == np.int64
