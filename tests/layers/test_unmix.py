"""Layers found again in the pictures that they were stacked into: exact on layers made by a script."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from helpers.layered import ORDER, Token, draw_layers, save_tokens, stack_tokens
from PIL import Image

from painter import cli
from painter.batch.collection.checking import check_recipe
from painter.batch.collection.reading import read_recipe
from painter.batch.paint_job import paint_job
from painter.errors import PictureError
from painter.layers.discovery import infer_values
from painter.layers.layer_files import usable_names
from painter.layers.sprites import Stacked, fill_hidden, find_sprites, stack
from painter.layers.tokens_read import ReadingLimits, Tokens, read_tokens
from painter.layers.unmixing import Unmixed, unmix
from painter.pictures.stacking import blend_stack

SIDE = 16


@pytest.fixture(scope="module")
def hard() -> list[Token]:
    return stack_tokens(110, seed=1, side=SIDE, soft=False)


@pytest.fixture(scope="module")
def folder(hard: list[Token], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tokens(tmp_path_factory.mktemp("parts") / "heads", hard)


@pytest.fixture(scope="module")
def unmixed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection taken apart through the command line; the folder of its layers."""
    out = tmp_path_factory.mktemp("unmixed") / "heads"
    assert collection("unmix", folder, "-o", out, "--quiet") == 0
    return out


def collection(*words: object) -> int:
    return cli.main(["collection", *map(str, words)])


def in_memory(tokens: list[Token], traits: bool = True) -> Tokens:
    """Tokens as they are read, every ninth held out."""
    named = tuple(token.traits if traits else {} for token in tokens)
    held_out = np.arange(len(tokens)) % 9 == 4
    return Tokens(np.stack([token.pixels for token in tokens]), named, named, 1, held_out, ())


def rebuilt(found: Unmixed, tokens: list[Token]) -> np.ndarray:
    """What the layers that were found give for the traits of tokens."""
    stacks = []
    for token in tokens:
        pictures = [trait.sprites[trait.values.index(token.traits[trait.name])] for trait in found.traits]
        stacks.append(blend_stack(pictures, ["normal"] * len(pictures), [1.0] * len(pictures)))
    return np.stack(stacks)


@pytest.mark.slow
def test_layers_are_found_exactly_with_traits_from_metadata(hard: list[Token]) -> None:
    found = unmix(in_memory(hard), ReadingLimits())
    assert [trait.name for trait in found.traits] == list(ORDER)
    assert found.psnr == 120 and found.equal == 1 and found.sure == 1
    unseen = stack_tokens(300, seed=9, side=SIDE, soft=False)
    assert np.array_equal(rebuilt(found, unseen), np.stack([token.pixels for token in unseen]))
    drawn = draw_layers(SIDE, soft=False)
    hats = dict(zip(found.traits[-1].values, found.traits[-1].sprites, strict=True))
    assert all(np.array_equal(hats[name], drawn["Hat"][name]) for name in hats)
    assert found.traits[0].weights == tuple(sum(t.traits["Ground"] == v for t in hard) for v in found.traits[0].values)


@pytest.mark.slow
def test_soft_edges_and_glass_are_found_as_well() -> None:
    tokens, drawn = stack_tokens(170, seed=1, side=SIDE), draw_layers(SIDE)
    values = np.array([[list(drawn[name]).index(token.traits[name]) for name in ORDER] for token in tokens])
    pixels = np.stack([token.pixels for token in tokens]).reshape(len(tokens), -1, 4).astype(np.float32) / 255
    learned = Stacked(pixels[:130], values[:130], tuple(len(drawn[name]) for name in ORDER))
    sprites = find_sprites(learned, restarts=60, width=SIDE)
    error = np.abs(np.rint(stack(sprites, values[130:]) * 255) - pixels[130:] * 255).max(-1)
    assert -10 * np.log10(((error / 255) ** 2).mean()) >= 40 and (error == 0).mean() >= 0.95
    glass = sprites[4][list(drawn["Hat"]).index("Dome"), SIDE * SIDE // 2 + SIDE // 2, 3]
    assert abs(glass * 255 - 0x60) <= 2


@pytest.mark.slow
def test_traits_are_found_without_metadata(hard: list[Token]) -> None:
    found = unmix(in_memory(hard, traits=False), ReadingLimits())
    assert found.psnr >= 40 and found.equal >= 0.95 and 0.8 < found.sure <= 1
    assert sorted(len(trait.values) for trait in found.traits) == [3, 3, 3, 4, 4]
    # Each of the true traits is one of those found, by other names.
    rows = np.array(found.taken)
    for name in ORDER:
        true = [token.traits[name] for token in hard]
        assert any(len(set(zip(true, column, strict=True))) == len(set(true)) for column in rows.T), name


def test_pictures_with_nothing_in_common_are_not_called_sure() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, SIDE, SIDE, 4), np.uint8)
    tokens = Tokens(noise, ({},) * 40, ({},) * 40, 1, np.zeros(40, bool), ())
    try:
        assert unmix(tokens, ReadingLimits()).sure < 0.5
    except PictureError as error:
        assert "no trait of these pictures differs" in str(error)


def test_values_are_read_from_pictures() -> None:
    random = np.random.default_rng(0)
    drawn = draw_layers(SIDE, soft=False)
    sprites = [np.stack(list(drawn[name].values())).reshape(-1, SIDE * SIDE, 4) / 255 for name in ORDER]
    for one in sprites:
        one[..., :3] *= one[..., 3:]
    values = np.stack([random.integers(0, len(one), 40) for one in sprites], axis=1)
    assert np.array_equal(infer_values(sprites, stack(sprites, values)), values)


def test_what_no_token_shows_continues_what_is_beside_it() -> None:
    ground = np.zeros((1, 9, 4), np.float32)
    ground[0, :, :] = [0.2, 0.4, 0.6, 1]
    lid = np.zeros((1, 9, 4), np.float32)
    lid[0, 4] = 1
    tokens = Stacked(stack([ground, lid], np.zeros((5, 2), np.int64)), np.zeros((5, 2), np.int64), (1, 1))
    hidden = [ground.copy(), lid]
    hidden[0][0, 4] = 0
    filled = fill_hidden(hidden, tokens.values, (3, 3))
    assert np.array_equal(filled[0], ground) and np.array_equal(filled[1], lid)
    assert np.allclose(stack(find_sprites(tokens), tokens.values), tokens.pixels, atol=1 / 255)


@pytest.mark.slow
def test_new_tokens_are_new_and_made_of_the_layers_that_were_found(hard: list[Token], unmixed: Path) -> None:
    checked = check_recipe(read_recipe(unmixed / "collection.toml"))
    old = {tuple(token.traits[name] for name in ORDER) for token in hard}
    with (unmixed / "taken.csv").open() as stream:
        assert {tuple(row[name] for name in ORDER) for row in csv.DictReader(stream)} == old
    new = [tuple(str(value) for _, value in token.traits) for token in checked.tokens]
    assert len(new) == 100 and not set(new) & old and (unmixed / "compared.png").is_file()
    drawn = draw_layers(SIDE, soft=False)
    made = paint_job(checked.jobs[0]).files["images/1.png"]
    (unmixed.parent / "1.png").write_bytes(made)
    shown = np.asarray(Image.open(unmixed.parent / "1.png").convert("RGBA"))
    pictures = [drawn[name][value] for name, value in zip(ORDER, new[0], strict=True)]
    assert np.array_equal(shown, blend_stack(pictures, ["normal"] * 5, [1.0] * 5))


def test_pairs_that_never_occur_become_rules() -> None:
    tokens = [
        one
        for one in stack_tokens(170, seed=2, side=8, soft=False)
        if not (one.traits["Hat"] == "None" and one.traits["Ground"] == "Night")
    ]
    found = unmix(in_memory(tokens), ReadingLimits())
    assert found.exclusions == ((("Ground", "Night"), ("Hat", "None")),)


@pytest.mark.slow
def test_pixel_art_is_taken_apart_pixel_by_pixel_and_given_back_at_its_size(tmp_path: Path) -> None:
    for number, token in enumerate(stack_tokens(60, seed=3, side=SIDE, soft=False), 1):
        large = token.pixels.repeat(3, 0).repeat(3, 1)
        (tmp_path / "a/json").mkdir(parents=True, exist_ok=True)
        Image.fromarray(large).save(tmp_path / f"a/{number}.png")
        attributes = [{"trait_type": name, "value": value} for name, value in token.traits.items()]
        (tmp_path / f"a/json/{number}.json").write_text(json.dumps({"attributes": attributes}))
    tokens = read_tokens(tmp_path / "a", ReadingLimits())
    assert tokens.block == 3 and tokens.pixels.shape == (60, SIDE, SIDE, 4)
    assert collection("unmix", tmp_path / "a", "-o", tmp_path / "u", "--count", 5, "--quiet") == 0
    recipe = read_recipe(tmp_path / "u/collection.toml")
    assert not recipe.layers.smooth and recipe.about.size == 5
    with Image.open(next(iter(recipe.layer_files))) as image:
        assert image.size == (3 * SIDE, 3 * SIDE)


def test_pictures_of_another_size_and_without_metadata_are_skipped_and_named(tmp_path: Path) -> None:
    save_tokens(tmp_path, stack_tokens(30, side=SIDE, soft=False))
    Image.new("RGBA", (9, 9)).save(tmp_path / "images/100.png")
    (tmp_path / "images/101.png").write_bytes(b"no picture")
    Image.new("RGBA", (SIDE, SIDE)).save(tmp_path / "images/102.png")
    tokens = read_tokens(tmp_path, ReadingLimits())
    assert len(tokens.pixels) == 30 and len(tokens.skipped) == 3
    text = "\n".join(tokens.skipped)
    assert "has 9 x 9 pixels, and most have 16 x 16" in text and "101.png" in text and "102.png: it has no" in text


def test_of_many_pictures_those_with_rare_values_are_read(tmp_path: Path) -> None:
    save_tokens(tmp_path, stack_tokens(80, side=SIDE, soft=False))
    (tmp_path / "json/7.json").write_text(json.dumps({"attributes": [{"trait_type": "Hat", "value": "Crown"}]}))
    tokens = read_tokens(tmp_path, ReadingLimits(most=40, each=5))
    assert len(tokens.pixels) == 40 and len(tokens.all_traits) == 80
    assert any(one.get("Hat") == "Crown" for one in tokens.traits)


def test_names_are_made_usable() -> None:
    assert usable_names(["Red", "red", "=1", "", "a\nb"]) == ("Red", "red 2", "1", "Value 4", "a b")


# --- crossing ---


@pytest.mark.slow
def test_heads_of_one_are_put_on_bodies_of_the_other(unmixed: Path, tmp_path: Path) -> None:
    save_tokens(tmp_path / "b", stack_tokens(110, seed=4, side=SIDE, soft=False, shift=2, palette=1))
    assert collection("unmix", tmp_path / "b", "-o", tmp_path / "u", "--quiet") == 0
    words = ("cross", tmp_path / "u/collection.toml", unmixed / "collection.toml", "-o", tmp_path / "x", "--quiet")
    assert collection(*words) == 0
    recipe = read_recipe(tmp_path / "x/collection.toml")
    assert [axis.name for axis in recipe.axes] == list(ORDER)
    layers = {axis.name: {value.name: picture(value.layer) for value in axis.values} for axis in recipe.axes}
    bodies, heads = draw_layers(SIDE, soft=False), draw_layers(SIDE, soft=False, palette=1)
    seen = bodies["Body"]["Coat"][..., 3] > 0
    assert np.array_equal(layers["Body"]["Coat"][seen], bodies["Body"]["Coat"][seen])
    square = layers["Head"]["Square"]
    assert np.array_equal(square[..., 3], heads["Head"]["Square"][..., 3]), "moved back by the shift"
    palette = {tuple(color) for one in bodies.values() for p in one.values() for color in p[p[..., 3] > 0][:, :3]}
    assert {tuple(color) for color in square[square[..., 3] > 0][:, :3]} <= palette
    assert collection(*words[:-2], tmp_path / "own", "--own-colors", "--quiet") == 0


def picture(path: Path | None) -> np.ndarray:
    assert path is not None
    with Image.open(path) as image:
        return np.asarray(image.convert("RGBA"))


@pytest.mark.slow
def test_bad_requests_are_refused_in_one_line(
    folder: Path, unmixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_tokens(tmp_path / "few", stack_tokens(9, side=SIDE), traits=False)
    save_tokens(tmp_path / "plain", stack_tokens(20, side=SIDE), traits=False)
    recipe, new = unmixed / "collection.toml", tmp_path / "new"
    (tmp_path / "r.toml").write_text('name = "X"\nsize = 1\n[[axis]]\nname = "A"\nvalues = ["B"]\n')
    requests = {
        "there is no such folder": ("unmix", tmp_path / "none", "-o", new),
        "only 9 of its pictures can be used; at least 12": ("unmix", tmp_path / "few", "-o", new),
        "it has no metadata in json/": ("unmix", tmp_path / "plain", "-o", new, "--traits", "metadata"),
        "--traits guess: unknown": ("unmix", folder, "-o", new, "--traits", "guess"),
        "it has other files": ("unmix", folder, "-o", unmixed),
        "--count 5000: there are only 322 combinations besides": ("unmix", folder, "-o", new, "--count", 5000),
        "its values have no layers": ("cross", recipe, tmp_path / "r.toml", "-o", new),
        "--take Nose: there is no such layer; choose from Ground": (
            "cross",
            recipe,
            recipe,
            "-o",
            new,
            "--take",
            "Nose",
        ),
        "every layer would be of the head": ("cross", recipe, recipe, "-o", new, "--leave", ",".join(ORDER)),
    }
    for expected, words in requests.items():
        assert collection(*words) == 2, words
        error = capsys.readouterr().err
        assert expected in error.strip().splitlines()[-1], error
    assert not new.exists()
