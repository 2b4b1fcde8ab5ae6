"""Stroke videos: what is written reads back to the same bits, what is malformed is refused in one line, and films."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
from helpers.clips import random_film, random_strokes, write_film

from painter.batch.collection.schemas import read_schema
from painter.errors import StrokeFileError
from painter.painting.painting import Painting
from painter.video import stroke_video_reader
from painter.video.film import between, drawn, retimed
from painter.video.stroke_video import FilmFrame
from painter.video.stroke_video_reader import count_frames, read_film, read_frames

BRUSHES = ("oilpaintbrush", "watercolor", "markerpen", "rectangle")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "film.strokes.jsonl.gz"


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def write_lines(path: Path, lines: list[Any]) -> None:
    path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))


def same(one: FilmFrame, other: FilmFrame) -> bool:
    a, b = one.strokes, other.strokes
    tensors = [(a.params[name], b.params[name]) for name in a.params]
    tensors += [(a.colors, b.colors), (a.opacity, b.opacity), (a.seed, b.seed)]
    return (
        np.array_equal(one.id, other.id) and all(torch.equal(x, y) for x, y in tensors) and one.ground == other.ground
    )


@pytest.mark.parametrize("brush", BRUSHES)
def test_a_film_reads_back_to_the_same_bits(brush: str, path: Path) -> None:
    film, frames = random_film(brush)
    write_film(path, film, frames)
    assert read_film(path) == film
    found = list(read_frames(path))
    assert all(same(*pair) for pair in zip(found, frames, strict=True))
    assert [(frame.cut, frame.still) for frame in found] == [(frame.cut, frame.still) for frame in frames]
    again = path.with_name("again")
    write_film(again, film, found)
    assert again.read_bytes() == path.read_bytes()
    assert count_frames(path) == 5


def test_only_what_changed_is_written(path: Path) -> None:
    write_film(path, *random_film())
    _, first, moved, born, still, _, end = lines_of(path)
    assert first["cut"] and first["set"]["id"] == first["born"]["id"] == [0, 1, 2, 3]
    assert moved["set"]["id"] == [1] and "born" not in moved
    assert born["gone"] == [2] and born["born"]["id"] == [4] == born["set"]["id"]
    assert still == {"frame": 3} and end == {"end": 5}


def test_every_line_is_as_the_schema_says(path: Path) -> None:
    write_film(path, *random_film("oilpaintbrush"))
    schema = read_schema("stroke-video-1")
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for line in lines_of(path):
        validator.validate(line)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({"frame": 1, "set": 3})


Change = Callable[[list[Any]], object]
MALFORMED: dict[str, Change] = {
    "not a stroke video": lambda d: d[0].update(format="impasto-strokes"),
    "its version": lambda d: d[0].update(version=2),
    "brush is": lambda d: d[0].update(brush="broom"),
    "brush is an object": lambda d: d[0].update(brush={}),
    "canvas is": lambda d: d[0].update(canvas=[]),
    "canvas.height": lambda d: d[0]["canvas"].update(height=0),
    "rate is": lambda d: d[0].update(rate=[24]),
    "rate is 0": lambda d: d[0].update(rate=[24, 0]),
    "config is": lambda d: d[0].pop("config"),
    "config has": lambda d: d[0]["config"].update(size=-1),
    "frame is 7": lambda d: d[2].update(frame=7),
    "frame is missing": lambda d: d[2].pop("frame"),
    "not a member": lambda d: d[2].update(blur=1),
    "cut is": lambda d: d[1].update(cut=1),
    "begins no shot": lambda d: d[1].update(cut=False),
    "ground is": lambda d: d[1].update(ground="red"),
    "ground is missing": lambda d: d[1].pop("ground"),
    "which is not there": lambda d: d[2].update(gone=[99]),
    "twice": lambda d: d[2].update(gone=[1, 1]),
    "gone is": lambda d: d[2].update(gone="all"),
    "gone is true": lambda d: d[2].update(gone=[True]),
    "born is": lambda d: d[2].update(born=[]),
    "there already": lambda d: d[2].update(born={"id": [1], "seed": [5]}),
    "born.seed 2": lambda d: d[3]["born"].update(seed=[1, 2]),
    "born.seed is": lambda d: d[3]["born"].update(seed=[2**31]),
    "set is missing": lambda d: d[3].pop("set"),
    "which was born": lambda d: d[3]["set"].update(id=[0]),
    "set.id has stroke 77": lambda d: d[2]["set"].update(id=[77]),
    "set.id is": lambda d: d[2]["set"].pop("id"),
    "set.seed": lambda d: d[2]["set"].update(seed=[1]),
    "set is 3": lambda d: d[2].update(set=3),
    "entries": lambda d: d[2]["set"].update(opacity=[0.5, 0.5]),
    "strokes.x": lambda d: d[2]["set"].update(x=[1e9]),
    "strokes.opacity": lambda d: d[2]["set"].update(opacity=[2.0]),
    "strokes.colors": lambda d: d[2]["set"].update(colors=[[1, 2]]),
    "strokes.y is missing": lambda d: d[2]["set"].pop("y"),
    "NaN": lambda d: d[2]["set"].update(x=[float("nan")]),
    "not a JSON object": lambda d: d.insert(2, [1]),
    "cut short": lambda d: d.pop(),
    "it has 5 frames": lambda d: d[-1].update(end=4),
    "something follows": lambda d: d.append({"frame": 5}),
    "largest painting": lambda d: d[2].update(gone=[{}] * 100),
}


@pytest.mark.parametrize("said", MALFORMED)
def test_what_is_malformed_is_refused_in_one_line(said: str, path: Path) -> None:
    write_film(path, *random_film())
    lines = lines_of(path)
    MALFORMED[said](lines)
    write_lines(path, lines)
    with pytest.raises(StrokeFileError) as error:
        read_film(path)
        count_frames(path)
    words = said.replace("an object", "").replace(" 2", "").split()
    assert all(word in str(error.value) for word in words), error.value
    assert str(error.value).startswith(f"cannot read {path}: ") and "\n" not in str(error.value)


def test_a_file_that_breaks_off_anywhere_is_refused(path: Path) -> None:
    write_film(path, *random_film())
    whole = path.read_bytes()
    for length in [0, 1, 9, *range(20, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(StrokeFileError, match="cannot read"):
            count_frames(path)


def test_bytes_changed_anywhere_are_refused_or_harmless(path: Path) -> None:
    write_film(path, *random_film())
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for at in rng.integers(0, len(whole), 60).tolist():
        path.write_bytes(whole[:at] + bytes([rng.integers(256)]) + whole[at + 1 :])
        try:
            count_frames(path)
        except StrokeFileError as error:
            assert "\n" not in str(error)


@pytest.mark.slow
def test_a_bomb_is_refused_before_it_fills_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stroke_video_reader, "LONGEST_LINE", 2**20)
    path.write_bytes(gzip.compress(b"0" * 2**24))
    with pytest.raises(StrokeFileError, match="more than a stroke video may"):
        read_film(path)
    monkeypatch.setattr(stroke_video_reader, "LARGEST", 2**16)
    write_film(path, *random_film())
    lines = lines_of(path)[:-1]
    write_lines(path, lines + [{"frame": number} for number in range(5, 9000)])
    with pytest.raises(StrokeFileError, match="more than a stroke video may"):
        count_frames(path)


@pytest.mark.parametrize("name", [".", "no-such-file"])
def test_what_is_no_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(StrokeFileError, match="cannot read"):
        read_film(tmp_path / name)


# --- films --------------------------------------------------------------------------------------------------


def test_frames_between_are_half_way() -> None:
    _, (first, moved, born, _, last) = random_film()
    half = between(first, moved, 0.5)
    for name in first.strokes.params:
        middle = (first.strokes.params[name] + moved.strokes.params[name]) / 2
        assert half.strokes.params[name].numpy() == pytest.approx(middle.numpy(), abs=1e-6)
    fading = between(moved, born, 0.25)
    assert fading.id.tolist() == [0, 1, 2, 3, 4]
    assert float(fading.strokes.opacity[2]) == pytest.approx(0.75 * float(moved.strokes.opacity[2]))
    assert float(fading.strokes.opacity[4]) == pytest.approx(0.25 * float(born.strokes.opacity[3]))
    assert fading.strokes.seed.tolist() == [*moved.strokes.seed.tolist(), int(born.strokes.seed[3])]
    assert same(between(born, last, 0.5), born)  # a cut comes with its frame


def test_frames_without_strokes_are_between_others_too(path: Path) -> None:
    film, (beginning, moved, *_) = random_film()
    first = replace(beginning, cut=False)
    none = FilmFrame(first.strokes[:0], first.id[:0], first.ground)
    white = np.full((24, 32, 3), 255, np.uint8)
    found = list(retimed([replace(none, cut=True), first, none, none], Fraction(24), Fraction(48)))
    assert [len(frame.id) for frame in found] == [0, 4, 4, 4, 0, 0, 0, 0]
    for half in (found[1], found[3]):
        assert all(torch.equal(half.strokes.params[name], first.strokes.params[name]) for name in first.strokes.params)
        assert torch.equal(half.strokes.colors, first.strokes.colors)
        assert torch.equal(half.strokes.seed, first.strokes.seed)
        assert torch.equal(half.strokes.opacity, first.strokes.opacity / 2)
    pictures = list(drawn(film, found))
    assert all(np.array_equal(pictures[k], white) for k in (0, 4, 7)) and (pictures[1] != white).any()
    write_film(path, film, [replace(none, cut=True), moved])
    assert [len(frame.id) for frame in read_frames(path)] == [0, 4]


def test_strokes_turn_the_shorter_way() -> None:
    strokes = random_strokes("rectangle", 1)
    turned = strokes.map(torch.Tensor.clone)
    strokes.params["angle"][0], turned.params["angle"][0] = 3.0, -3.0
    ground, who = (1.0, 1.0, 1.0), np.array([0])
    half = between(FilmFrame(strokes, who, ground), FilmFrame(turned, who, ground), 0.5)
    assert abs(float(half.strokes.params["angle"][0])) == pytest.approx(np.pi, abs=1e-5)


@pytest.mark.parametrize(("rate", "count"), [(24, 5), (48, 10), (12, 3), (36, 8), (10, 3)])
def test_a_film_lasts_as_long_at_any_rate(rate: int, count: int) -> None:
    _, frames = random_film()
    found = list(retimed(frames, Fraction(24), Fraction(rate)))
    assert len(found) == count
    assert same(found[0], frames[0])


def test_twice_the_rate_shows_every_frame_too() -> None:
    _, frames = random_film()
    found = list(retimed(frames, Fraction(24), Fraction(48)))
    assert all(same(*pair) for pair in zip(found[::2], frames, strict=True))


def test_a_still_frame_is_right_at_another_rate_and_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    film, (first, moved, *_) = random_film()
    found = list(retimed([first, moved, replace(moved, still=True)], Fraction(24), Fraction(60)))
    alone = [next(drawn(film, [replace(frame, still=False)])) for frame in found]
    drawings, draw = list[Painting](), Painting.draw

    def counted(painting: Painting, size: int | None = None) -> np.ndarray:
        drawings.append(painting)
        return draw(painting, size)

    monkeypatch.setattr(Painting, "draw", counted)
    pictures = list(drawn(film, found))
    assert len(pictures) == 8 and all(np.array_equal(*pair) for pair in zip(pictures, alone, strict=True))
    assert len(drawings) == 4  # the first, two between, and what follows once
    assert not np.array_equal(pictures[2], pictures[3])


def test_frames_are_drawn_at_any_size_and_still_ones_once() -> None:
    film, frames = random_film()
    pictures = list(drawn(film, frames, 64))
    assert {picture.shape for picture in pictures} == {(48, 64, 3)}
    assert pictures[3] is pictures[2] and not np.array_equal(pictures[0], pictures[1])
    red = next(drawn(film, frames[:1], 64, (1.0, 0.0, 0.0)))
    assert not np.array_equal(red, pictures[0])
    lit = replace(film, config=replace(film.config, relief=1.0))
    assert not np.array_equal(next(drawn(lit, frames, 64)), pictures[0])
