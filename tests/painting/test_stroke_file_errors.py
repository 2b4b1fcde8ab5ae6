"""Stroke files that are refused, and how that is told: flaws, files beyond the limits, and hostile files."""

from __future__ import annotations

import base64
import gzip
import io
import json
import random
import re
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.stroke_files import make, noise, parts, plain, saved, written
from PIL import Image

import painter.painting.file_bytes as file_bytes
import painter.painting.load as load
import painter.painting.stroke_columns as stroke_columns
from painter import StrokeFileError
from painter.errors import ImpastoError, OptionError, OutputError
from painter.painting.load import load_painting
from painter.painting.stroke_file import save_strokes
from painter.pictures.grey_png import pack_grey, unpack_grey
from renderers.brushes import NETWORK_BRUSHES

# --- what is refused ----------------------------------------------------------------------------------------


def refusal(path: Path, style: str | None = None) -> str:
    with pytest.raises(StrokeFileError) as caught:
        load_painting(path, style)
    message = str(caught.value)
    assert message.startswith(f"cannot read {path}: ") and message.isprintable() and len(message) < 400
    return message.removeprefix(f"cannot read {path}: ")


def without(*keys: str) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        for key in keys[:-1]:
            document = document[key]
        del document[keys[-1]]

    return change


def put(value: Any, *keys: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return change


CASES: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (without("format"), "it is not a stroke file: its 'format' is not 'impasto-strokes'"),
    (put("svg", "format"), "it is not a stroke file"),
    (put(3, "version"), "its version is 3 and this Impasto reads 1 to 2; read it with a newer Impasto"),
    (put(True, "version"), "its version is true"),
    (put(10**400, "version"), "its version is inf"),
    (without("version"), "its version is null"),
    (without("canvas"), "canvas is missing; it must be an object"),
    (put([1], "canvas"), "canvas is a list of 1; it must be an object"),
    (without("canvas", "height"), "canvas.height is missing; it must be a whole number from 1 to"),
    (put(0, "canvas", "width"), "canvas.width is 0; it must be"),
    (put(2.5, "canvas", "width"), "canvas.width is 2.5; it must be"),
    (without("canvas", "ground"), "canvas.ground is missing; it must be 'transparent', '#rrggbb' or three numbers"),
    (put("#ffff", "canvas", "ground"), "canvas.ground is '#ffff'; it must be"),
    (put([0, 2, 0], "canvas", "ground"), "canvas.ground is a list of 3; it must be"),
    (put([0, float("nan"), 0], "canvas", "ground"), "canvas.ground is a list of 3; it must be"),
    (put(9000, "canvas", "size"), "its config has --size 9000: must be a whole number from 16 to 8192"),
    (put({"size": 64, "style": "markerpen"}, "config"), "canvas.size is 48 but config.size 64; make them the same"),
    (put({"seed": 1, "size": 48}, "config"), "seed is 3 but config.seed 1"),
    (put({"relief": 7}, "config"), "its config has --relief 7: must be a number from 0 to 1"),
    (put({"tones": []}, "config"), "config.tones is a list of 0; it must be a number, null or a short text"),
    (put({"focus": "x" * 5000}, "config"), "config.focus is 'xxxxxxxxxx"),
    (put(3, "config"), "config is 3; it must be an object"),
    (without("brush"), "brush is missing; it must be one of oilpaintbrush, watercolor, markerpen, rectangle, stamp"),
    (put("crayon", "brush"), "brush is 'crayon'; it must be one of"),
    (put(["stamp"], "brush"), "brush is a list of 1"),
    (put("stamp", "brush"), "texture is not a text; it must be an 8-bit greyscale PNG in base64"),
    (put("watercolor", "brush"), "strokes.radius0 is missing; it must be a list with one entry for each stroke"),
    (put("#!", "region"), "region is not base64; it must be an 8-bit greyscale PNG in base64"),
    (put(base64.b64encode(b"abc").decode(), "region"), "region is not a PNG, or is damaged"),
    (put("é", "region"), "region is not base64"),
    (put({"radius": "px"}, "units"), "units.radius is 'px'; it must be 'side', the unit of this column"),
    (put({"radius": None}, "units"), "units.radius is missing; it must be 'side'"),
    (put("3" * 101, "impasto"), "impasto is '33333"),
    (put("A" * 64, "checkpoint"), "checkpoint is 'AAAA"),
    (put(["red"], "palette"), "palette is a list of 1; it must be a list of 1 to 256 colours '#rrggbb', or null"),
    (put([], "palette"), "palette is a list of 0"),
    (put({"name": 3}, "input"), "input.name is 3; it must be a text"),
    (put({"name": "a", "sha256": "b"}, "input"), "input.sha256 is 'b'; it must be a sha256 of 64 hexadecimal digits"),
    (put({"name": "a", "sha256": "b" * 64, "width": -1}, "input"), "input.width is -1; it must be a whole number"),
    (without("strokes"), "strokes is missing; it must be an object"),
    (without("strokes", "opacity"), "strokes.opacity is missing"),
    (put("1", "strokes", "x0"), "strokes.x0 is '1'; it must be a list"),
    (
        put([0.1] * 3, "strokes", "radius\n0"),
        "strokes.radius\\n0 is not a column of this brush; its columns are x0",
    ),
    (put([0.1] * 2, "strokes", "x1"), "strokes.x1 has 2 entries but strokes.opacity 3; every stroke needs one in each"),
    (put(None, "strokes", "x1", 1), "strokes.x1 of stroke 2 is null; it must be a number from -2 to 3"),
    (put("0.5", "strokes", "x1", 1), "strokes.x1 of stroke 2 is '0.5'; it must be a number"),
    (put(True, "strokes", "x1", 1), "strokes.x1 of stroke 2 is true"),
    (put(float("nan"), "strokes", "x1", 2), "strokes.x1 of stroke 3 is nan; it must be from -2 to 3"),
    (put(float("-inf"), "strokes", "x1", 2), "strokes.x1 of stroke 3 is -inf"),
    (put("HUGE", "strokes", "x1", 2), "strokes.x1 of stroke 3 is inf"),
    (put(3.001, "strokes", "y2", 0), "strokes.y2 of stroke 1 is 3.001; it must be from -2 to 3"),
    (put(0, "strokes", "radius", 0), "strokes.radius of stroke 1 is 0; it must be from 1e-06 to 4"),
    (put(-1, "strokes", "opacity", 1), "strokes.opacity of stroke 2 is -1; it must be from 0 to 1"),
    (put(1.5, "strokes", "seed", 1), "strokes.seed of stroke 2 is 1.5; it must be a whole number from 0 to 2147483647"),
    (put(2**31, "strokes", "seed", 1), "strokes.seed of stroke 2 is 2147483648; it must be from 0 to 2147483647"),
    (put([], "strokes", "colors", 1), "strokes.colors of stroke 2 is a list of 0; it must be a list of 1 [red, green"),
    (put([[0, 0]], "strokes", "colors", 1), "strokes.colors of stroke 2 is a list of 2"),
    (put([0, 0, 0], "strokes", "colors", 2), "strokes.colors of stroke 3 is a list of 3"),
    (put([[0, 0, 1.2]], "strokes", "colors", 2), "strokes.colors of stroke 3 is 1.2; it must be from 0 to 1"),
    (put([[0, "0", 1]], "strokes", "colors", 2), "strokes.colors of stroke 3 is '0'; it must be a number from 0 to 1"),
    (put([float("nan")], "comment"), "it contains NaN or Infinity, which JSON does not have"),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_each_flaw_is_named_with_its_place(tmp_path: Path, case: int) -> None:
    change, expected = CASES[case]
    document = {**plain(), "seed": 3}
    document["canvas"]["size"] = 48
    document["strokes"]["colors"] = [[[0, 0, 0]], [[0, 0, 0]], [[0, 0, 0]]]
    change(document)
    path = tmp_path / "hand.strokes.json"
    path.write_text(text_of(document))
    assert refusal(path).startswith(expected)


def text_of(document: Any) -> str:
    """JSON, in which "HUGE" becomes an integer with more digits than Python turns into text."""
    return json.dumps(document).replace('"HUGE"', "9" * 5000)


BROKEN: list[tuple[bytes, str]] = [
    (b"", "the file is empty; copy or save it again"),
    (b"\x89PNG\r\n", "it is not UTF-8 text; name a stroke file"),
    (b"hello", "it is not JSON: Expecting value at line 1, column 1"),
    (b'{"a": 1,\n}', "it is not JSON: "),
    (b"[1, 2]", "it holds a list of 2 and not a JSON object"),
    (b'{"a": [1, 2', "it is cut short"),
    (b'{"a": "x', "it is cut short"),
    (b'{"a": {"b": 1, "c": 2, "b": 3}}', "'b' is there twice in one object; remove one"),
    (b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "it is nested far too deeply"),
    (b'{"a": "\xff"}', "it is not UTF-8 text"),
    (b"\x1f\x8b\x08\0", "it is cut short: its gzip packing does not end"),
    (b"\x1f\x8b" + b"\xff" * 30, "its gzip packing is damaged"),
    (gzip.compress(b"{}")[:-3], "it is cut short: its gzip packing does not end"),
    (gzip.compress(b"{}") + b"more", "something follows after the end of its gzip packing"),
    (gzip.compress(b"{}")[:-8] + bytes(8), "its gzip packing is damaged"),
    (gzip.compress(b"nothing"), "it is not JSON"),
]


@pytest.mark.parametrize("case", range(len(BROKEN)))
def test_each_way_of_being_broken_is_told(tmp_path: Path, case: int) -> None:
    content, expected = BROKEN[case]
    assert refusal(written(tmp_path, content)).startswith(expected)


def test_a_path_that_is_no_file_is_told(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.json").startswith("there is no such file")
    assert refusal(tmp_path).startswith("it is a folder")
    assert refusal(Path("/dev/null")).startswith("it is not a regular file")
    with pytest.raises(StrokeFileError, match="check the name"):
        load_painting("a\0b")


def test_a_style_must_be_the_file_s_own(tmp_path: Path) -> None:
    path = written(tmp_path, plain())
    assert load_painting(path, "marker").strokes.brush == "markerpen"
    assert refusal(path, "oil") == "its brush is markerpen, not oilpaintbrush; leave the style out"
    with pytest.raises(OptionError, match="--style crayon: unknown"):
        load_painting(path, "crayon")


# --- limits -------------------------------------------------------------------------------------------------


def test_too_many_strokes_are_refused_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stroke_columns, "MAX_STROKES", 4)
    assert len(load_painting(written(tmp_path, plain(count=4))).strokes) == 4
    assert refusal(written(tmp_path, plain(count=5))) == "it has 5 strokes, more than 4; split the painting"
    with pytest.raises(OutputError, match="it has 5 strokes, more than 4"):
        save_strokes(make(count=5), tmp_path / "a.strokes.json")
    assert not (tmp_path / "a.strokes.json").exists()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_too_many_bytes_are_not_even_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(file_bytes, "MAX_BYTES", 2**20)
    content = json.dumps(plain()).encode()
    path = written(tmp_path, pack(content.ljust(2**20)))
    assert len(load_painting(path).strokes) == 3
    path.write_bytes(pack(content.ljust(2**20 + 1)))
    assert refusal(path) == "it holds more than 1 MB; split the painting"


@pytest.mark.parametrize("inside", [b"[],", b"{},", b"0,", b'"",'])
def test_more_values_than_a_painting_has_are_refused_unparsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bytes
) -> None:
    monkeypatch.setattr(
        "painter.painting.bounded_json.json.loads", lambda *args, **kwargs: pytest.fail("it was parsed")
    )
    path = written(tmp_path, b'{"format": "impasto-strokes", "a": [' + inside * 4_000_000 + b"0]}")
    assert refusal(path).startswith("it holds more lists, values or texts than the largest painting has")


def test_the_largest_painting_is_within_the_limits() -> None:
    for brush in NETWORK_BRUSHES.values():
        lists = 1_000_000 * (1 + brush.colors) + len(brush.names) + 300
        values = 1_000_000 * (len(brush.names) + 3 * brush.colors + 2) + 1000
        assert lists < load._BOUNDS.lists and values < load._BOUNDS.values
        assert values / lists < load._BOUNDS.per_list


def test_text_beyond_ascii_is_read_and_limited(tmp_path: Path) -> None:
    document = {**plain(), "input": {"name": "été 🎨", "sha256": "0" * 64, "width": 1, "height": 1}}
    path = written(tmp_path, json.dumps(document, ensure_ascii=False).encode())
    assert load_painting(path).about["input"]["name"] == "été 🎨"
    path.write_bytes(json.dumps({**document, "x": "é" * 600_000}, ensure_ascii=False).encode())
    assert refusal(path).startswith("it holds more than a megabyte beyond ASCII")


def png(mode: str, size: tuple[int, int]) -> str:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_pictures_inside_are_bounded() -> None:
    with pytest.raises(StrokeFileError, match=r"x is a PNG of another kind \(RGB\)"):
        unpack_grey("x", png("RGB", (2, 2)))
    with pytest.raises(StrokeFileError, match="x has 9 x 2 pixels; at most 8 along a side can be read"):
        unpack_grey("x", png("L", (9, 2)), 8)
    for side in (15_000, 50_000):  # a header is enough: no pixel is decoded
        header = b"IHDR" + side.to_bytes(4, "big") * 2 + b"\x08\0\0\0\0"
        chunk = b"\0\0\0\r" + header + zlib.crc32(header).to_bytes(4, "big") + b"\0\0\1\0IDAT"
        with pytest.raises(StrokeFileError, match=r"more than 200 megapixels|far too many pixels"):
            unpack_grey("x", base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk + bytes(50)).decode())
    grey = noise(5, 3)
    assert np.array_equal(unpack_grey("x", pack_grey("x", grey)), grey)
    with pytest.raises(StrokeFileError, match="x is not a PNG, or is damaged"):
        unpack_grey("x", base64.b64encode(base64.b64decode(pack_grey("x", noise(50, 50)))[:200]).decode())


# --- hostile files ------------------------------------------------------------------------------------------


def mutated(content: bytes, rng: random.Random) -> bytes:
    """`content` with a few random bytes, pieces or tokens changed."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at, kind = rng.randrange(len(data)), rng.randrange(6)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            del data[at : at + rng.choice((1, 3, 50))]
        elif kind == 2:
            data[at:at] = data[at : at + rng.choice((1, 20, 400))]
        elif kind == 3:
            del data[at:]
        else:
            token = rng.choice(TOKENS)
            numbers = [m.span() for m in re.finditer(rb'[-0-9.e]+|"[^"]*"|[a-z]+|[\[\]{}:,]', bytes(data))]
            if numbers:
                start, end = rng.choice(numbers)
                data[start:end] = token
        if not data:
            return b"{}"
    return bytes(data)


TOKENS = (
    b"NaN", b"-Infinity", b"1e999", b"-1", b"0", b"null", b"true", b'""', b"[]", b"{}", b"9" * 4000, b"1e-999",
    b'"\\ud800"', b'"../../x"', b"[" * 300, b'"\\u0000"', b"2147483648", b"0.5.5", b"]", b"\xff\xfe", b"-0", b"1E5",
    b'"format":1', b"4.0001",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("brush", ["oilpaintbrush", "markerpen", "stamp"])
def test_mutated_files_are_read_or_refused(tmp_path: Path, brush: str) -> None:
    whole = saved(make(brush, 3, region=noise(4, 5)), tmp_path / "a.strokes.json").read_bytes()
    rng = random.Random(2024)
    path = tmp_path / "m.strokes.json"
    refused = 0
    for round_ in range(200):
        content = mutated(whole, rng)
        if round_ % 10 == 0:
            packed = bytearray(gzip.compress(content))
            packed[rng.randrange(2, len(packed))] ^= 1 << rng.randrange(8)
            content = bytes(packed)
        path.write_bytes(content)
        try:
            painting = load_painting(path)
        except StrokeFileError as error:
            assert str(error).isprintable() and len(str(error)) < 600
            refused += 1
        else:
            assert asdict(painting.config) and all(torch.isfinite(part).all() for part in parts(painting.strokes))
            save_strokes(painting, tmp_path / "again.strokes.json")
            if round_ % 8 == 0:
                assert painting.draw(16).dtype == np.uint8
    assert 50 < refused < 200
    assert issubclass(StrokeFileError, ImpastoError)


def test_a_number_without_a_fraction_is_whole(tmp_path: Path) -> None:
    """JSON has one kind of number: programs of other languages write 1.0 for 1."""
    expected = load_painting(written(tmp_path, plain()))
    document = {**plain(), "version": 1.0, "seed": 0.0, "config": {"strokes": 3.0, "levels": 4.0}}
    document["canvas"] = {name: float(v) if type(v) is int else v for name, v in document["canvas"].items()}
    document["strokes"] = {**document["strokes"], "seed": [float(seed) for seed in document["strokes"]["seed"]]}
    read = load_painting(written(tmp_path, document))
    assert np.array_equal(read.draw(32), expected.draw(32)) and read.aspect == expected.aspect
    assert type(read.config.strokes) is int and read.strokes.seed.dtype == torch.int64
    for value in (1.5, 1e300):
        assert "its version is" in refusal(written(tmp_path, {**plain(), "version": value}))
