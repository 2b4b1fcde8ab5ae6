"""Stroke files: round trips to the bit, what a reader refuses and how it says so, and hostile files."""

from __future__ import annotations

import base64
import gzip
import io
import json
import random
import re
import zlib
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
from PIL import Image

import painter.painting.file_bytes as file_bytes
import painter.painting.load as load
import painter.painting.stroke_columns as stroke_columns
from painter import PaintConfig, Painting, StrokeFileError, paint
from painter.batch.collection.schemas import SCHEMAS, read_schema
from painter.errors import ImpastoError, OptionError, OutputError
from painter.painting.bounded_json import number_texts
from painter.painting.load import load_painting
from painter.painting.stroke_columns import allowed
from painter.painting.stroke_file import save_strokes
from painter.pictures.grey_png import pack_grey, unpack_grey
from painter.pictures.pixels import in_steps
from painter.pictures.samples import sample_path
from renderers.brushes import BRUSHES, NETWORK_BRUSHES, Brush, register
from renderers.brushes.stamp import Stamp
from renderers.strokes import Strokes

ROOT = Path(__file__).resolve().parents[2]
ABOUT = {
    "input": {"name": 'cät "1"\n\udcff', "sha256": "0f" * 32, "width": 400, "height": 300},
    "palette": ["#102030", "#ffffff"],
    "impasto": "0.1.2",
    "checkpoint": "a1" * 32,
}


def noise(*shape: int, seed: int = 5) -> np.ndarray:
    return in_steps(np.random.default_rng(seed).random(shape, np.float32))


def make(brush: str = "markerpen", count: int = 12, **changes: Any) -> Painting:
    """`count` random strokes, and every field filled."""
    generator = torch.Generator().manual_seed(count)
    tools = register(Stamp(noise(9, 14))) if brush == "stamp" else BRUSHES[brush]
    strokes = Strokes(
        tools.name,
        tools.sample(count, generator),
        torch.rand(count, tools.colors, 3, generator=generator),
        torch.rand(count, generator=generator),
        torch.randint(0, 2**31, (count,), generator=generator),
    )
    style = "oilpaintbrush" if brush == "stamp" else brush
    config = PaintConfig(style=style, strokes=77, size=48, seed=9, until_psnr=23.3, region="no/such.png", relief=0.3)
    given = {"strokes": strokes, "aspect": (300, 400), "ground": (0.2, 0.4, 0.6), "config": config, "about": ABOUT}
    return Painting(**{**given, **changes})


def saved(painting: Painting, path: Path) -> Path:
    save_strokes(painting, path)
    return path


def bits(values: torch.Tensor) -> list[int]:
    kept = values.view(torch.int32) if values.dtype == torch.float32 else values
    return kept.flatten().tolist()


def assert_same(first: Painting, second: Painting) -> None:
    assert second.strokes.brush == first.strokes.brush
    assert list(second.strokes.params) == list(first.strokes.params)
    for a, b in zip(parts(first.strokes), parts(second.strokes), strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape and bits(a) == bits(b)
    assert second.aspect == first.aspect and second.ground == first.ground and second.config == first.config
    assert second.about == first.about
    assert (second.region is None) == (first.region is None)
    if first.region is not None and second.region is not None:
        assert second.region.dtype == np.float32 and np.array_equal(first.region, second.region)


def parts(strokes: Strokes) -> list[torch.Tensor]:
    return [*strokes.params.values(), strokes.colors, strokes.opacity, strokes.seed]


# --- round trips --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".strokes.json", ".strokes.json.gz"])
@pytest.mark.parametrize("brush", [*NETWORK_BRUSHES, "stamp"])
def test_a_painting_comes_back_to_the_bit_and_is_drawn_alike(tmp_path: Path, brush: str, ending: str) -> None:
    painting = make(brush, region=noise(30, 40))
    loaded = Painting.load(saved(painting, tmp_path / f"a{ending}"))
    assert_same(painting, loaded)
    assert np.array_equal(loaded.draw(), painting.draw())
    assert saved(loaded, tmp_path / f"b{ending}").read_bytes() == (tmp_path / f"a{ending}").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 1, 20_000])
def test_any_number_of_strokes(tmp_path: Path, count: int) -> None:
    painting = make("watercolor", count)
    loaded = load_painting(saved(painting, tmp_path / "a.strokes.json"))
    assert len(loaded.strokes) == count
    assert_same(painting, loaded)


@pytest.mark.parametrize("aspect", [(1, 1), (1, 7919), (123_456, 3), (10**8, 2)])
@pytest.mark.parametrize("ground", [None, (0.0, 0.0, 0.0), (1 / 255, 254 / 255, 77 / 255), (0.1234567, 0.5, 1.0)])
def test_odd_canvases(tmp_path: Path, aspect: tuple[int, int], ground: Any) -> None:
    painting = make(aspect=aspect, ground=ground)
    assert_same(painting, load_painting(saved(painting, tmp_path / "a.strokes.json")))


def test_special_numbers_keep_their_bits(tmp_path: Path) -> None:
    painting = make("oilpaintbrush", 5)
    painting.strokes.params["x"][:] = torch.tensor([-0.0, 1e-45, -1.1754944e-38, 0.1, 2.9999998])
    painting.strokes.params["bend"][:] = torch.tensor([0.0, -0.0, 1e-20, -2.0, 2.0])
    painting.strokes.opacity[:] = torch.tensor([-0.0, 0.0, 1.0, 0.99999994, 5e-44])
    assert_same(painting, load_painting(saved(painting, tmp_path / "a.strokes.json")))


def test_numbers_are_the_shortest_that_read_back() -> None:
    random_bits = np.random.default_rng(1).integers(0, 2**32, 20_000, np.uint64).astype(np.uint32).view(np.float32)
    values = np.concatenate(
        [random_bits[np.isfinite(random_bits)], noise(5000), np.array([0, -0.0, 0.1, 1e22], np.float32)]
    )
    texts = number_texts(values)
    back = np.array([json.loads(text) for text in texts], np.float64).astype(np.float32)
    assert np.array_equal(back.view(np.uint32), values.view(np.uint32))
    usual = [k for k, value in enumerate(values) if 1e-6 < abs(value) < 4]
    assert len(usual) > 5000
    for k in usual:
        assert len(texts[k]) <= len(str(values[k]))
    assert texts[-4:-1] == ["0.0", "-0.0", "0.1"]


def test_packed_bytes_do_not_depend_on_time_or_name(tmp_path: Path) -> None:
    first, second = (saved(make(), tmp_path / name).read_bytes() for name in ("a.strokes.json.gz", "B.JSON.GZ"))
    assert first == second and first[4:8] == bytes(4)
    assert gzip.decompress(first) == saved(make(), tmp_path / "a.strokes.json").read_bytes()


def test_gradients_and_views_can_be_saved(tmp_path: Path) -> None:
    painting = make("oilpaintbrush", 6)
    strokes = painting.strokes.map(lambda values: values.flip(0).clone().requires_grad_(values.is_floating_point()))
    other = Painting(strokes[::2], painting.aspect, None, painting.config, None, ABOUT)
    loaded = load_painting(saved(other, tmp_path / "a.strokes.json"))
    assert bits(loaded.strokes.opacity) == bits(strokes.opacity.detach()[::2].contiguous())


@pytest.mark.slow
def test_a_painting_knows_where_it_comes_from(tmp_path: Path) -> None:
    mask, tip = tmp_path / "mask.png", tmp_path / "tip.png"
    Image.fromarray(np.tile(np.linspace(0, 255, 50).astype(np.uint8), (50, 1))).save(mask)
    Image.fromarray(np.tile(np.linspace(255, 90, 21).astype(np.uint8), (9, 1))).save(tip)
    both: list[dict[str, Any]] = [{"region": str(mask), "palette": "3", "canvas": "auto"}, {"brush": str(tip)}]
    for changes in both:
        config = PaintConfig(strokes=6, size=40, iterations=4, levels=1, focus="none", **changes)
        painting = paint(sample_path(), config).painting
        picture = painting.about["input"]
        assert picture["name"] == "octahedron" and (picture["width"], picture["height"]) == (512, 512)
        assert (painting.about["checkpoint"] is None) == ("brush" in changes)
        assert len(painting.about["palette"] or []) == (3 if "palette" in changes else 0)
        loaded = load_painting(saved(painting, tmp_path / "a.strokes.json"))
        assert_same(painting, loaded)
        for file in (mask, tip) if "brush" in changes else ():
            file.unlink()  # drawing opens neither
        assert np.array_equal(loaded.draw(), painting.draw())


@pytest.mark.parametrize(
    ("look", "version"),
    [({}, 1), ({"relief": 0.5}, 1), ({"texture": 0.6}, 2), ({"mixing": "pigment"}, 2), ({"pencil": 0.2}, 2)],
)
def test_the_version_is_raised_for_what_an_older_reader_would_leave_out(
    look: dict[str, Any], version: int, tmp_path: Path
) -> None:
    painting = make()
    painting = replace(painting, config=replace(painting.config, **{"texture": 0.0, **look}))
    path = saved(painting, tmp_path / "a.strokes.json")
    assert json.loads(path.read_text())["version"] == version
    assert np.array_equal(load_painting(path).draw(64), painting.draw(64))


def test_painting_saves_itself_in_several_formats(tmp_path: Path) -> None:
    make().save(tmp_path / "a.png", tmp_path / "b.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "b.png")), make().draw())
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


# --- by hand ------------------------------------------------------------------------------------------------


def plain(brush: str = "markerpen", count: int = 3) -> dict[str, Any]:
    """A file as short as can be."""
    tools: Brush = Stamp(noise(3, 4)) if brush == "stamp" else BRUSHES[brush]
    strokes: dict[str, Any] = {name: [0.25] * count for name in tools.names}
    strokes |= {"colors": [[[0, 0.5, 1]] * tools.colors] * count, "opacity": [1] * count, "seed": [7] * count}
    document = {"format": "impasto-strokes", "version": 1, "canvas": {"height": 2, "width": 3, "ground": "#FFffff"}}
    texture = {"texture": pack_grey("", noise(3, 4))} if brush == "stamp" else {}
    return {**document, "brush": brush, **texture, "strokes": strokes}


def written(tmp_path: Path, document: Any) -> Path:
    path = tmp_path / "hand.strokes.json"
    path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    return path


@pytest.mark.parametrize("brush", [*NETWORK_BRUSHES, "stamp"])
def test_a_short_file_is_enough(tmp_path: Path, brush: str) -> None:
    document = plain(brush)
    jsonschema.Draft202012Validator(read_schema()).validate(document)
    painting = load_painting(written(tmp_path, document))
    assert painting.about == {"input": None, "palette": None, "impasto": None, "checkpoint": None}
    assert painting.ground == (1.0, 1.0, 1.0) and painting.aspect == (2, 3) and painting.region is None
    assert painting.config == PaintConfig(style="oilpaintbrush" if brush == "stamp" else brush, texture=0.0)
    assert painting.draw(32).shape[:2] == (21, 32)


def test_what_other_programs_may_add_is_passed_over(tmp_path: Path) -> None:
    document = {**plain(), "comment": ["é", {"deep": [1]}], "canvas": {**plain()["canvas"], "dpi": 300}}
    document |= {"config": {"later": 3, "size": 64, "seed": 4}, "seed": 4, "input": None, "units": {"radius": "side"}}
    painting = load_painting(written(tmp_path, b"\xef\xbb\xbf" + json.dumps(document, ensure_ascii=False).encode()))
    assert painting.config.size == 64 and painting.config.seed == 4


def test_options_of_a_style_that_there_is_not_are_passed_over(tmp_path: Path) -> None:
    """Earlier versions wrote their defaults, which have changed since."""
    file = saved(make("watercolor"), tmp_path / "a.strokes.json")
    document = json.loads(file.read_text())
    document["config"] |= {"features": "vgg19", "style_mode": "color", "style_image": None}
    file.write_text(json.dumps(document))
    assert load_painting(file).config.features == PaintConfig.features
    document["config"]["style_image"] = "s.png"
    file.write_text(json.dumps(document))
    assert load_painting(file).config.features == "vgg19"


def test_options_that_name_files_are_kept_and_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"brush": "/dev/zero", "region": "../../etc/passwd", "focus": "\0", "palette": "CON"}
    path = written(tmp_path, {**plain(), "config": names})
    painting = load_painting(path)
    assert {name: getattr(painting.config, name) for name in names} == names
    assert painting.draw(16).any()


def test_the_example_in_the_document_is_right(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "stroke-format.md").read_text()
    (example,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    jsonschema.Draft202012Validator(read_schema()).validate(json.loads(example))
    painting = load_painting(written(tmp_path, example.encode()))
    assert painting.draw().shape == (600, 800, 3) and len(np.unique(painting.draw(40).reshape(-1, 3), axis=0)) > 5
    for name in json.loads(saved(make("watercolor"), tmp_path / "a.strokes.json").read_text()):
        assert f"`{name}" in text
    for brush in NETWORK_BRUSHES.values():
        assert all(f"`{name}`" in text for name in brush.names)


# --- the schema ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("brush", [*NETWORK_BRUSHES, "stamp"])
@pytest.mark.parametrize("ground", [None, (0.1234567, 0.5, 1.0)])
def test_written_files_fit_the_schema(tmp_path: Path, brush: str, ground: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(read_schema())
    painting = make(brush, ground=ground, region=noise(4, 4))
    document = json.loads(saved(painting, tmp_path / "a.strokes.json").read_text())
    jsonschema.Draft202012Validator(read_schema()).validate(document)
    for damage in ({"version": 3}, {"brush": "rectangle" if brush != "rectangle" else "stamp"}, {"seed": -1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(read_schema()).validate({**document, **damage})


def test_the_schema_has_the_ranges_and_options_of_the_program() -> None:
    schema = read_schema()
    assert set(schema["properties"]["config"]["properties"]) == {spec.name for spec in fields(PaintConfig)}
    for name, brush in {**NETWORK_BRUSHES, "stamp": Stamp(noise(3, 4))}.items():
        columns = schema["$defs"][name]["properties"]
        assert list(columns) == schema["$defs"][name]["required"] == [*brush.names, "colors", "opacity", "seed"]
        for parameter in brush.parameters:
            item = columns[parameter.name]["items"]
            assert (item["minimum"], item["maximum"]) == allowed(parameter)
            assert allowed(parameter)[0] <= parameter.low and parameter.high <= allowed(parameter)[1]
    assert schema["properties"]["brush"]["enum"] == [*NETWORK_BRUSHES, "stamp"]
    assert SCHEMAS[0] == "strokes-1"
    with pytest.raises(ValueError, match="no schema is called 'x'"):
        read_schema("x")


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


# --- what is not written ------------------------------------------------------------------------------------


def test_nothing_is_written_that_could_not_be_read(tmp_path: Path) -> None:
    def refused(match: str, **changes: Any) -> None:
        with pytest.raises(OutputError, match=match) as caught:
            save_strokes(make(**changes), path)
        assert str(caught.value).startswith(f"cannot write {path}: ") and str(caught.value).isprintable()
        assert path.read_text() == "before"

    path = tmp_path / "a.strokes.json"
    path.write_text("before")
    refused("its region is not .* in steps of 1/255", region=np.full((4, 4), 0.3, np.float32))
    refused("its region", region=np.full((4, 4), np.nan, np.float32))
    refused("its region", region=np.full((4, 4), 1.2, np.float32))
    refused("its ground is", ground=(0.0, float("nan"), 0.0))
    refused("its aspect is 0", aspect=(0, 3))
    refused("palette is a list of 1", about={"palette": ["red"]})
    strokes = make().strokes
    strokes.opacity[4] = torch.nan
    refused("strokes.opacity of stroke 5 is nan; it must be from 0 to 1", strokes=strokes)
    strokes = make().strokes
    refused("its strokes have 2 colours each", strokes=Strokes(
        strokes.brush, strokes.params, strokes.colors.repeat(1, 2, 1), strokes.opacity, strokes.seed
    ))  # fmt: skip
    assert [file.name for file in tmp_path.iterdir()] == ["a.strokes.json"]


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
