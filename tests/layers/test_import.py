"""Folders of layers as the HashLips engine has them, and recipes that stack them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.layered import ORDER, draw_layers, save_layers
from PIL import Image

from painter import cli
from painter.batch.collection.checking import Checked, check_recipe
from painter.batch.collection.reading import read_recipe
from painter.batch.digests import Digests
from painter.batch.paint_job import paint_job
from painter.errors import OptionError, PictureError, RecipeError
from painter.layers.hashlips import read_layers
from painter.layers.javascript import UNKNOWN, Name, read_constants
from painter.pictures.stacking import BLENDS, Layer, Stack, blend_stack, read_stack, resized

CONFIG = """\
"use strict";
const basePath = process.cwd();
const { MODE } = require(`${basePath}/constants/blend_mode.js`);
const network = NETWORK.sol; // or NETWORK.eth
/* const namePrefix = "Not this"; */
const namePrefix = "Glass \\"Heads\\"";
const description = `Heads
of glass`;
const solanaMetadata = {symbol: "GH", seller_fee_basis_points: 250, creators: [],};
const layerConfigurations = [
  {growEditionSizeTo: 5, layersOrder: [{ name: "Ground" }]},
  {
    growEditionSizeTo: 30,
    layersOrder: [
      { name: "Ground" }, { name: "Body" }, { name: "Head" },
      { name: "Eyes", options: { displayName: "Gaze", opacity: .5, bypassDNA: true } },
      { name: "Hat", options: { blend: MODE.hardLight } },
    ],
  },
];
const format = { width: 64, height: 64, smoothing: false };
process.exit(1);
"""


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_layers(tmp_path_factory.mktemp("glass"), soft=False)


def collection(*words: object) -> int:
    return cli.main(["collection", *map(str, words)])


def checked(recipe: Path) -> Checked:
    return check_recipe(read_recipe(recipe))


def png(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))


def test_constants_are_read_as_text() -> None:
    found = read_constants(CONFIG)
    assert found["namePrefix"] == 'Glass "Heads"' and found["description"] == "Heads\nof glass"
    assert found["network"] == Name("NETWORK.sol") and found["basePath"] is UNKNOWN
    assert found["layerConfigurations"][1]["layersOrder"][4] == {
        "name": "Hat",
        "options": {"blend": Name("MODE.hardLight")},
    }
    assert found["format"] == {"width": 64, "height": 64, "smoothing": False}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("const a = 'x\\u0041\\x42\\u{43}'", "xABC"), ("let a = -1.5e2;", -150.0),
        ("var a = [1, two(), 3,]", [1, UNKNOWN, 3]), ("/* const a = 1", None),
        ("const a = {b: 1, c() { return {d: 2}; }, ...e, 'f-g': null}", {"b": 1, "f-g": None}),
        ("const a = {b: {c: [true, {d: `x`}]}}", {"b": {"c": [True, {"d": "x"}]}}),
        ("const a = 2 + 2\nconst b = 1", UNKNOWN), ('"const a = 1"; const a = 2', 2), ("xconst a = 1; const a = 3", 3),
        ("const a = " + "[" * 80 + "]" * 80, None), ("const a = {b: [1, 2", None), ("const a = 'x", None),
    ],
)  # fmt: skip
def test_whatever_is_written_is_read_or_passed_over(text: str, value: object) -> None:
    assert read_constants(text).get("a") == value


def test_a_folder_becomes_a_recipe_whose_tokens_are_the_stacked_layers(layers: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "x.toml"
    assert collection("import", layers, "-o", recipe, "--count", 40, "--order", ",".join(ORDER), "--quiet") == 0
    found = checked(recipe)
    assert [axis.name for axis in found.recipe.axes] == list(ORDER) and len({token.dna for token in found.tokens}) == 40
    assert {value.name: value.weight for value in found.recipe.axes[0].values}["Night"] == 2
    drawn = draw_layers(soft=False)
    for job, token in zip(found.jobs[:6], found.tokens, strict=False):
        pictures = [drawn[trait][str(value)] for trait, value in token.traits]
        assert job.files == (f"images/{token.number}.png",) and not job.painted
        made = paint_job(job)
        expected = blend_stack(pictures, ["normal"] * 5, [1.0] * 5)
        assert np.array_equal(png(made.files[job.files[0]]), expected)


def test_config_js_gives_order_names_sizes_and_blend_modes(layers: Path, tmp_path: Path) -> None:
    (tmp_path / "config.js").write_text(CONFIG)
    recipe = tmp_path / "x.toml"
    words = ("import", layers, "-o", recipe, "--config", tmp_path / "config.js", "--configuration", 2, "--quiet")
    assert collection(*words) == 0
    found = checked(recipe)
    assert found.recipe.about.name == 'Glass "Heads"' and found.recipe.about.symbol == "GH"
    assert found.recipe.metadata.standard == "metaplex" and found.recipe.metadata.seller_fee_basis_points == 250
    assert [axis.name for axis in found.recipe.axes] == ["Ground", "Body", "Head", "Gaze", "Hat"]
    assert [axis.blend for axis in found.recipe.axes][-1] == "hard-light" and found.recipe.axes[3].opacity == 0.5
    assert len(found.tokens) == 25 and found.recipe.layers.size == 64
    made = png(paint_job(found.jobs[0]).files["images/1.png"])
    assert made.shape == (64, 64, 4) and np.array_equal(made[::2, ::2], made[1::2, 1::2])
    assert "bypassDNA" in "".join(read_layers(layers, tmp_path / "config.js", 2).notes)


def test_without_an_order_numbers_decide_or_what_covers_more_lies_lower(layers: Path, tmp_path: Path) -> None:
    guessed = read_layers(layers)
    assert guessed.layers[0].name == "Ground" and "--order changes it" in guessed.notes[-1]
    for number, name in ((2, "Eyes"), (10, "Hat"), (1, "Body")):
        place = tmp_path / "n" / f"{number}. {name}"
        place.mkdir(parents=True)
        Image.new("RGBA", (8, 8)).save(place / "Only.png")
    assert [layer.name for layer in read_layers(tmp_path / "n").layers] == ["Body", "Eyes", "Hat"]


def test_stacked_tokens_can_be_painted(layers: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "x.toml"
    words = ("--paint", "marker", "--size", 32, "--strokes", 4, "--order", ",".join(ORDER))
    assert collection("import", layers, "-o", recipe, "--count", 2, *words, "--quiet") == 0
    recipe.write_text(recipe.read_text().replace("[paint]", "[paint]\ntexture = 0.0\niterations = 1"))
    job = checked(recipe).jobs[0]
    assert job.painted and job.files == ("images/1.png", "strokes/1.strokes.json")
    made = paint_job(job)
    assert png(made.files["images/1.png"]).shape[:2] == (32, 32) and made.figures["strokes"] <= 4


def test_a_token_is_made_anew_when_one_of_its_layers_changes(layers: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "x.toml"
    assert collection("import", layers, "-o", recipe, "--count", 3, "--order", ",".join(ORDER), "--quiet") == 0
    job = checked(recipe).jobs[0]
    assert isinstance(job.picture, Stack)
    copy = tmp_path / "copy.png"
    copy.write_bytes(job.picture.layers[0].file.read_bytes())
    files = [copy, *(one.file for one in job.picture.layers[1:])]
    same = type(job)(job.key, Stack(tuple(map(Layer, files))), job.config, job.files, job.export, job.painted)
    assert Digests().of(same) == Digests().of(job)
    Image.new("RGBA", (32, 32), "red").save(copy)
    assert Digests().of(same) != Digests().of(job)


def test_combinations_that_are_taken_are_not_drawn(layers: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "x.toml"
    words = ("--order", "Ground,Head", "--count", 9, "--quiet")
    assert collection("import", layers, "-o", recipe, *words) == 0
    text = recipe.read_text().replace("paint = false", 'paint = false\ntaken = "t.csv"')
    recipe.write_text(text)
    (tmp_path / "t.csv").write_text("Head,Ground\nRound,Night\nTall,Sea\nNone,Sea\nRound,Paper\n")
    tokens = {tuple(str(value) for _, value in token.traits) for token in checked(recipe).tokens}
    assert len(tokens) == 9 and not tokens & {("Night", "Round"), ("Sea", "Tall"), ("Paper", "Round")}
    recipe.write_text(text.replace("size = 9", "size = 10"))
    with pytest.raises(RecipeError, match="10 tokens to draw but only 9 unique combinations"):
        checked(recipe)
    (tmp_path / "t.csv").write_text("Head\nRound\n")
    with pytest.raises(RecipeError, match=r"x.toml:\d+: taken = .*t.csv: it has no column Ground"):
        checked(recipe)


# Formulas of the W3C's "Compositing and Blending Level 1", for one channel, as an obvious reference.
W3C: dict[str, Callable[[float, float], float]] = {
    "normal": lambda b, s: s, "multiply": lambda b, s: b * s, "screen": lambda b, s: b + s - b * s,
    "overlay": lambda b, s: W3C["hard-light"](s, b), "darken": min, "lighten": max,
    "color-dodge": lambda b, s: 0 if b == 0 else 1 if s == 1 else min(1, b / (1 - s)),
    "color-burn": lambda b, s: 1 if b == 1 else 0 if s == 0 else 1 - min(1, (1 - b) / s),
    "hard-light": lambda b, s: b * 2 * s if s <= 0.5 else W3C["screen"](b, 2 * s - 1),
    "soft-light": lambda b, s: (
        b - (1 - 2 * s) * b * (1 - b) if s <= 0.5
        else b + (2 * s - 1) * ((((16 * b - 12) * b + 4) * b if b <= 0.25 else b**0.5) - b)
    ),
    "difference": lambda b, s: abs(b - s), "exclusion": lambda b, s: b + s - 2 * b * s,
}  # fmt: skip


@pytest.mark.parametrize("blend", BLENDS)
def test_blend_modes_are_those_of_the_standard(blend: str) -> None:
    rng = np.random.default_rng(3)
    below, above = (rng.choice([0, 3, 64, 127, 128, 200, 255], (4, 5, 4)).astype(np.uint8) for _ in range(2))
    made = blend_stack([below, above], ["normal", blend], [1.0, 0.7])
    for place in np.ndindex(4, 5):
        b, s = below[place] / 255, above[place] / 255
        cover, alpha = s[3] * 0.7, s[3] * 0.7 + b[3] * (1 - s[3] * 0.7)
        for k in range(3):
            mixed = (1 - b[3]) * s[k] + b[3] * W3C[blend](b[k], s[k])
            color = (cover * mixed + (1 - cover) * b[3] * b[k]) / alpha if alpha > 0.002 else 0
            assert abs(float(made[place][k]) - color * 255) <= 0.51
        assert abs(float(made[place][3]) - alpha * 255) <= 0.51


def test_pixel_art_is_enlarged_pixel_by_pixel() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 4, 4), np.uint8)
    assert np.array_equal(resized(pixels, 18, smooth=False), pixels.repeat(3, 0).repeat(3, 1))
    assert resized(pixels, 18, smooth=True).shape == (18, 12, 4)


def test_bad_layers_are_refused_in_one_line(layers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def folder(name: str, *files: str) -> Path:
        for file in files:
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGBA", (8, 8)).save(path) if path.suffix else path.mkdir()
        return tmp_path / name

    (tmp_path / "bad.js").write_bytes(b"\xff\xfe")
    (tmp_path / "odd.js").write_text(
        "const layerConfigurations = [{layersOrder: [{name: 'Hat', options: {blend: MODE.hue}}]}]"
    )
    requests = {
        "there is no such folder; name a folder of layers": (tmp_path / "none",),
        "it has no folders of layers": (folder("flat", "x.png"),),
        "this layer has no pictures": (folder("empty", "Hat/none"),),
        "Cap#1.png has the same name": (folder("twice", "Hat/Cap#1.png", "Hat/cap#2.png"),),
        "the name =1 a spreadsheet would read it as a formula": (folder("formula", "Hat/=1.png"),),
        "there is no layer Shoe; it has Body, Eyes": (layers, "--order", "Ground,Shoe"),
        "nothing.js: there is no such file": (layers, "--config", "nothing.js"),
        "it is not UTF-8 text": (layers, "--config", tmp_path / "bad.js"),
        "has the blend mode hue; use one of normal": (layers, "--config", tmp_path / "odd.js"),
        "--configuration 2": (layers, "--config", tmp_path / "odd.js", "--configuration", 2),
        "--count 1000: these layers have only 432 combinations": (layers, "--count", 1000),
        "--strokes 9: has no effect without --paint STYLE": (layers, "--strokes", 9),
        "cannot write": (layers, "-o", tmp_path / "no" / "x.toml"),
    }
    for expected, words in requests.items():
        output = () if "-o" in words else ("-o", tmp_path / "x.toml")
        assert collection("import", *words, *output) == 2, words
        error = capsys.readouterr().err
        assert expected in error and error.count("\n") == 1, error
    assert not (tmp_path / "x.toml").exists()
    with pytest.raises(PictureError, match="make all layers one size"):
        read_stack(Stack((Layer(layers / "Hat" / "Cap.png"), Layer(tmp_path / "flat" / "x.png"))))
    with pytest.raises(OptionError, match="opacity of Hat must be"):
        (tmp_path / "odd.js").write_text(
            "const layerConfigurations = [{layersOrder: [{name: 'Hat', options: {opacity: 2}}]}]"
        )
        read_layers(layers, tmp_path / "odd.js")


def test_layers_of_another_size_or_missing_are_found_before_anything_is_made(layers: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "x.toml"
    assert collection("import", layers, "-o", recipe, "--count", 3, "--quiet") == 0
    Image.new("RGBA", (8, 8)).save(tmp_path / "small.png")
    text = recipe.read_text()
    layer = next(line for line in text.splitlines() if '"Cap"' in line).split('layer = "')[1].split('"')[0]
    recipe.write_text(text.replace(layer, "small.png"))
    with pytest.raises(RecipeError, match=r"x.toml:\d+: .*small.png has 8 x 8 pixels, and the first layer 32 x 32"):
        checked(recipe)
    recipe.write_text(text.replace(layer, "none.png"))
    with pytest.raises(RecipeError, match=r"none.png: there is no such file"):
        checked(recipe)
    recipe.write_text(text.replace("paint = false", "paint = false\n[output]\nanimations = true"))
    with pytest.raises(RecipeError, match="animations is set, but tokens are not painted"):
        checked(recipe)
