"""Stroke files: round trips to the bit, files written by hand, the schema, and what is not written."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
from helpers.stroke_files import ABOUT, make, noise, parts, plain, saved, written
from PIL import Image

from painter import PaintConfig, Painting, paint
from painter.batch.collection.schemas import SCHEMAS, read_schema
from painter.errors import OutputError
from painter.painting.bounded_json import number_texts
from painter.painting.load import load_painting
from painter.painting.stroke_columns import allowed
from painter.painting.stroke_file import save_strokes
from painter.pictures.samples import sample_path
from renderers.brushes import NETWORK_BRUSHES
from renderers.brushes.stamp import Stamp
from renderers.strokes import Strokes

ROOT = Path(__file__).resolve().parents[2]


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
