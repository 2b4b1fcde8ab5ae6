"""New pieces in a folder: the same whatever their number, cleaned up, no copies; children; and the model's file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.faces import save_faces
from helpers.jobs import files_of
from helpers.learning import TINY, picture_at, quick_run, read

from painter.batch.collection.metadata import Validator
from painter.errors import ModelError, OptionError, OutputError
from painter.learning.cleaning import cleaned
from painter.learning.collection_palette import collection_palette, own_palette, pulled
from painter.learning.copies import make_originals, nearest, reduced
from painter.learning.drawing import Children
from painter.learning.enlarging import in_regions, to_paint, upscaled
from painter.learning.generating import PieceFolder
from painter.learning.learning import Paths, learn
from painter.learning.learning_config import CleaningConfig, CopyConfig
from painter.learning.listing import read_entries
from painter.learning.lone_pixels import lone_share
from painter.learning.mixtures import mixtures
from painter.learning.model_file import Model, load_model, save_model
from painter.learning.networks import Networks
from painter.learning.pieces import Origin, PieceMaker
from painter.learning.token_sampling import BATCH
from painter.learning.tokenizer import Tokenizer
from painter.learning.workers import worker_threads
from painter.options.learn import BlendConfig, GenerateConfig

pytestmark = pytest.mark.slow

CLEANING = CleaningConfig()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models that have learned next to nothing: of pixel art, and of two smooth, transparent collections."""
    folder = tmp_path_factory.mktemp("models")
    art = read(save_faces(folder / "art", 100, 32))
    one = save_faces(folder / "people", 90, 128, transparent=True)
    two = save_faces(folder / "robots", 160, 128, transparent=True, robots=True, traits=False)
    files = {"art": folder / "art.model", "pair": folder / "pair.model"}
    learn(quick_run(art), Paths(files["art"]))
    learn(quick_run(read(one, two)), Paths(files["pair"]))
    return files


@pytest.fixture(autouse=True)
def frozen_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time when a folder was started is in its metadata."""
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)


@pytest.fixture
def art(models: dict[str, Path]) -> Model:
    return load_model(models["art"])


@pytest.fixture
def pair(models: dict[str, Path]) -> Model:
    return load_model(models["pair"])


def saved(model: Model, folder: Path) -> bytes:
    save_model(model, folder / "x.model")
    return (folder / "x.model").read_bytes()


def folder_of(model: Model, path: Path, config: GenerateConfig, digest: str = "m") -> PieceFolder:
    path.mkdir(exist_ok=True)
    return PieceFolder(model, config, path, digest, TINY)


# --- the folder ---


def test_the_first_pieces_of_many_are_those_of_few(art: Model, tmp_path: Path) -> None:
    few = folder_of(art, tmp_path / "few", GenerateConfig(count=3, seed=5)).make()
    many = folder_of(art, tmp_path / "many", GenerateConfig(count=20, seed=5)).make()
    assert few.kept == [1, 2, 3] and len(many.kept) == 20
    for number in few.kept:
        names = (f"images/{number}.png", f"json/{number}.json")
        assert all((tmp_path / "few" / name).read_bytes() == (tmp_path / "many" / name).read_bytes() for name in names)


def test_a_run_that_was_killed_continues_with_the_same_bytes(art: Model, tmp_path: Path) -> None:
    config = GenerateConfig(count=34, seed=5)
    folder_of(art, tmp_path / "a", config).make()
    folder_of(art, tmp_path / "b", GenerateConfig(count=18, seed=5)).make()
    (tmp_path / "b" / "images" / "18.png").write_bytes(b"cut short")
    times = {k: (tmp_path / "b" / "images" / f"{k}.png").stat().st_mtime_ns for k in (1, 16)}
    folder_of(art, tmp_path / "b", config).make()
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    assert all((tmp_path / "b" / "images" / f"{k}.png").stat().st_mtime_ns == time for k, time in times.items())


def test_another_seed_or_model_does_not_go_into_the_same_folder(art: Model, tmp_path: Path) -> None:
    folder_of(art, tmp_path / "a", GenerateConfig(count=2)).make()
    with pytest.raises(OptionError, match=r"a was started with --seed 0; use the same model and options"):
        folder_of(art, tmp_path / "a", GenerateConfig(count=2, seed=1))
    with pytest.raises(OptionError, match="another model"):
        folder_of(art, tmp_path / "a", GenerateConfig(count=2), "other")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").touch()
    with pytest.raises(OutputError, match=r"it has other files \(letter\.txt\)"):
        folder_of(art, tmp_path / "full", GenerateConfig(count=2))


def test_metadata_is_what_marketplaces_accept(art: Model, tmp_path: Path) -> None:
    folder = folder_of(art, tmp_path / "a", GenerateConfig(count=4))
    folder.write_contact_sheet(folder.make().kept)
    tokens = json.loads((tmp_path / "a" / "json" / "_metadata.json").read_text())
    assert [token["edition"] for token in tokens] == [1, 2, 3, 4]
    assert {one["trait_type"] for one in tokens[0]["attributes"]} == {
        "background", "eyes", "hat", "head", "mouth", "skin",
    }  # fmt: skip
    validate = Validator("opensea")
    assert [validate(token) for token in tokens] == [None] * 4
    assert picture_at(tmp_path / "a" / "contact.png").shape[1] > 200


def test_pixel_art_has_only_colors_of_its_collection(art: Model, tmp_path: Path) -> None:
    made = folder_of(art, tmp_path / "a", GenerateConfig(count=6)).make()
    known = {tuple(color) for color in art.palettes[0].astype(int).tolist()}
    for number in made.kept:
        pixels = picture_at(tmp_path / f"a/images/{number}.png")
        assert {tuple(color) for color in pixels.reshape(-1, 3).tolist()} <= known


def test_pixel_art_has_few_pixels_unlike_all_around_them(art: Model, tmp_path: Path) -> None:
    """The model is unsure of most pixels; --raw leaves them as they are."""
    faces = read(save_faces(tmp_path / "art", 100, 32)).pixels
    assert art.lone == lone_share(faces) < 0.02
    shares = []
    for name, raw in (("raw", True), ("settled", False)):
        made = folder_of(art, tmp_path / name, GenerateConfig(count=6, raw=raw)).make()
        pieces = np.stack([picture_at(tmp_path / f"{name}/images/{number}.png") for number in made.kept])
        shares.append(lone_share(pieces))
    assert shares[1] < 0.4 * shares[0], shares


def test_pieces_are_enlarged_and_what_they_are_made_from_is_kept(pair: Model, tmp_path: Path) -> None:
    folder_of(pair, tmp_path / "a", GenerateConfig(count=1, upscale=4)).make()
    assert picture_at(tmp_path / "a/images/1.png").shape == (256, 256, 4)
    assert picture_at(tmp_path / "a/pieces/1.png").shape == (64, 64, 4)


def test_jobs_paint_every_piece_at_the_size(art: Model, tmp_path: Path) -> None:
    folder = folder_of(art, tmp_path / "a", GenerateConfig(count=3, paint="marker", size=200, strokes=40))
    jobs = folder.jobs(folder.make())
    assert [job.files for job in jobs] == [("images/1.png",), ("images/2.png",), ("images/3.png",)]
    assert {(job.config.style, job.config.size, job.config.strokes) for job in jobs} == {("markerpen", 200, 40)}
    assert len({job.config.seed for job in jobs}) == 3
    assert picture_at(jobs[0].pictures[0]).shape[1] >= 200


# --- copies ---


def test_copies_and_doubles_are_refused_and_the_next_try_is_taken(art: Model) -> None:
    """A drawer that gives the codes of learned pieces, and of the same piece twice, at its first tries."""
    random = torch.Generator().manual_seed(0)
    fresh = torch.randint(0, 4, (3 * BATCH, art.of_tokens.transformer.places, 4), generator=random)

    class Drawer:
        def draw(self, numbers: object, attempt: int) -> tuple[torch.Tensor, list[Origin]]:
            assert isinstance(numbers, range)
            rows = [0 if attempt == 0 and number == 2 else attempt * BATCH + number - 1 for number in numbers]
            return fresh[rows], [Origin(0)] * len(rows)

    with worker_threads("cpu") as threads:
        maker = PieceMaker(art, Drawer(), TINY, raw=True)
        first, second, third = maker.make(1, 3, threads)
        assert first.pixels is not None and not first.refusals and second.pixels is not None
        assert [refusal.why for refusal in second.refusals] == ["the same as piece 1"]
        art.originals.reduced[7] = reduced(third.pixels[None], art.originals.reduced.shape[1])[0]  # type: ignore[index]
        again = list(PieceMaker(art, Drawer(), TINY, raw=True).make(1, 3, threads))[2]
    assert "a copy of learned piece 8: it differs by 0.00" in again.refusals[0].why and again.pixels is not None


def test_a_number_whose_tries_are_all_copies_is_left_out(art: Model, tmp_path: Path) -> None:
    object.__setattr__(art.originals, "threshold", 1e9)
    made = folder_of(replace(art, rarities=None), tmp_path / "a", GenerateConfig(count=2)).make()
    assert made.kept == [] and made.refused == 2 * TINY.copies.tries
    assert read_entries(tmp_path / "a")[0].refused.count("a copy of learned piece") == TINY.copies.tries
    assert not (tmp_path / "a/images").exists()


def test_the_threshold_is_how_near_learned_pieces_are_to_each_other(tmp_path: Path) -> None:
    pixels = read(save_faces(tmp_path, 100, 32)).pixels
    originals = make_originals(np.concatenate((pixels, pixels[:20])), CopyConfig())
    distance, which = nearest(originals.reduced[:5], originals.reduced)
    assert originals.threshold > 0 and distance.tolist() == [0.0] * 5 and which.tolist() == [0, 1, 2, 3, 4]


# --- clean-up ---


def blurred_flag() -> tuple[np.ndarray, np.ndarray]:
    """A flat picture of three colours with antialiased edges, and the same with noise; uint8 [32, 32, 3]."""
    flag = np.zeros((32, 32, 3), np.float32)
    flag[:, :10], flag[:, 10:21], flag[:, 21:] = (30, 60, 90), (240, 230, 200), (200, 40, 60)
    flag[:, 10], flag[:, 21] = (135, 145, 145), (220, 135, 130)
    noise = np.random.default_rng(0).normal(0, 4, flag.shape)
    return flag.astype(np.uint8), np.clip(flag + noise, 0, 255).astype(np.uint8)


def test_cleaning_restores_flat_colors_and_soft_edges() -> None:
    flag, noisy = blurred_flag()
    palette = np.array([(30, 60, 90), (240, 230, 200), (200, 40, 60)], np.float32)
    result = cleaned(noisy, palette, False, CLEANING)
    flat = [0, 4, 15, 25, 31]
    assert np.array_equal(result[:, flat], flag[:, flat])
    assert np.abs(result[:, [10, 21]].astype(int) - flag[:, [10, 21]]).mean() < 12


def test_cleaning_keeps_colors_that_do_not_fit() -> None:
    flag, _ = blurred_flag()
    flag[5, 5] = (255, 0, 255)
    assert (
        np.abs(cleaned(flag, np.zeros((0, 3), np.float32), False, CLEANING)[5, 5].astype(int) - (255, 0, 255)).max() < 3
    )


def test_cleaning_keeps_transparency() -> None:
    _, noisy = blurred_flag()
    alpha = np.where(np.arange(32)[:, None, None] < 8, 0, 255) * np.ones((32, 32, 1))
    piece = np.concatenate((noisy, alpha.astype(np.uint8)), axis=2)
    result = cleaned(piece, np.zeros((0, 4), np.float32), False, CLEANING)
    assert (result[:8] == 0).all() and (result[9:, :, 3] == 255).all()


def test_mixtures_are_shares_that_add_up() -> None:
    flag, _ = blurred_flag()
    weights, error = mixtures(torch.from_numpy(flag.astype(np.float32)), torch.from_numpy(own_palette(flag, CLEANING)))
    assert torch.allclose(weights.sum(-1), torch.ones(32, 32)) and ((weights > 0).sum(-1) <= 2).all()
    assert float(error.max()) < 60


def test_palettes_have_the_colors_of_flat_areas() -> None:
    flag, _ = blurred_flag()
    palette = collection_palette(np.stack([flag] * 20), False, CLEANING)
    assert {tuple(color) for color in palette.astype(int).tolist()} == {(30, 60, 90), (240, 230, 200), (200, 40, 60)}
    exact = collection_palette(np.stack([flag] * 20), True, CLEANING)
    assert len(exact) == 5


def test_colors_become_those_of_the_palette_that_look_alike() -> None:
    """A brown whose farthest channel is nearer to red's (22 steps against 26) looks more like skin."""
    red, skin = (210, 72, 30), (174, 96, 44)
    brown, grey = (200, 94, 52), (128, 128, 128)
    palette, colors = np.array([red, skin], np.float32), np.array([brown, skin, grey], np.float32)
    assert {tuple(color) for color in pulled(colors, palette, 14.0).astype(int).tolist()} == {skin, grey}


def test_colors_do_not_become_more_or_less_opaque() -> None:
    opaque, half = np.array([[90, 60, 30, 255]], np.float32), np.array([[90, 60, 30, 128]], np.float32)
    assert np.array_equal(pulled(half, opaque, 14.0), half)


# --- enlarging ---


def test_regions_have_crisp_edges_and_only_their_colors() -> None:
    flag, _ = blurred_flag()
    palette = own_palette(flag, CLEANING)[:3]
    large = in_regions(flag, 8, palette)
    assert large.shape == (256, 256, 3)
    _, counts = np.unique(large.reshape(-1, 3), axis=0, return_counts=True)
    assert counts[np.argsort(-counts)[:3]].sum() > 0.98 * 256 * 256


def test_pixel_art_is_enlarged_pixel_by_pixel(art: Model) -> None:
    piece = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    assert np.array_equal(upscaled(art, piece, 4, CLEANING)[::4, ::4], piece)
    assert np.array_equal(to_paint(art, piece, 100, CLEANING)[::4, ::4], piece)


# --- children ---


@pytest.mark.parametrize("kind", ["face", "top", "bottom", "frame"])
def test_a_child_keeps_its_first_parent_outside_the_part(kind: str, pair: Model) -> None:
    blend = Children(pair, BlendConfig(count=1, kind=kind, balance=0.4), TINY.blending)
    codes, origins = blend.draw(range(1, 9), 0)
    assert {origin.source for origin in origins} == {0} and {origin.kind for origin in origins} == {kind}
    nothing, _ = Children(pair, BlendConfig(count=1, kind=kind, balance=0.0), TINY.blending).draw(range(1, 9), 0)
    changed = (codes != nothing).any(-1).any(0)
    share = float(changed.float().mean())
    assert 0.2 < share < 0.5  # of eight children; a few tokens come out alike


def test_balance_runs_from_one_parent_to_the_other(pair: Model) -> None:
    sources = []
    for balance in (0.0, 0.45, 0.5, 0.55, 1.0):
        _, origins = Children(pair, BlendConfig(count=1, balance=balance), TINY.blending).draw(range(1, 17), 0)
        sources.append(sum(origin.source for origin in origins))
    assert sources[0] == 0 and sources[-1] == 16 and sources == sorted(sources) and 0 < sources[2] < 16


def test_children_say_what_they_are_of(pair: Model, tmp_path: Path) -> None:
    folder_of(pair, tmp_path / "a", BlendConfig(count=4, kind="top")).make()
    token = json.loads((tmp_path / "a/json/1.json").read_text())
    assert token["name"] == "people x robots #1"
    assert {one["trait_type"] for one in token["attributes"]} >= {"Parent", "Top"}


def test_a_model_of_one_collection_has_no_children(art: Model, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="blend: the model was learned from one collection, art; learn two together"):
        folder_of(art, tmp_path / "a", BlendConfig(count=2))


def test_a_model_without_an_upscaler_does_not_enlarge(pair: Model, tmp_path: Path) -> None:
    object.__setattr__(pair.networks, "upscaler", None)
    with pytest.raises(OptionError, match="--upscale 2: this model has no upscaler"):
        folder_of(pair, tmp_path / "a", GenerateConfig(count=2, upscale=2))


# --- the model's file ---


def test_a_model_is_read_as_it_was_written(models: dict[str, Path], pair: Model) -> None:
    assert pair.names == ("people", "robots") and pair.counts == (90, 160) and pair.channels == 4 and pair.finished
    assert pair.networks.judge is not None and pair.networks.upscaler is not None
    assert set(pair.figures) == {"pictures", "held_out_bits", "psnr", "traits"}
    older = load_model(models["art"])
    assert older.networks.upscaler is None
    assert older.figures["lone"] == older.lone
    del older.figures["lone"]  # type: ignore[attr-defined]
    assert older.lone == 0.005


def test_pixel_art_that_was_learned_without_its_colors_is_still_read(art: Model, tmp_path: Path) -> None:
    colors = art.of_tokens.tokenizer.colors
    assert colors is not None and len(colors) == len(art.palettes[0]) and b'"version\\": 4' in saved(art, tmp_path)
    transformer = art.of_tokens.transformer
    tokenizer = Tokenizer(32, 3, art.of_tokens.tokenizer.config)
    older = replace(art, networks=Networks(tokenizer, transformer, art.networks.judge, None))
    assert b'"version\\": 1' in saved(older, tmp_path)
    again = load_model(tmp_path / "x.model")
    assert again.pixel_art and again.of_tokens.tokenizer.colors is None


def test_altered_files_are_refused_in_one_line(models: dict[str, Path], tmp_path: Path) -> None:
    content = models["art"].read_bytes()
    path = tmp_path / "x.model"
    wrong = {
        "it is not a model": b"PK\x03\x04" + content,
        "it is damaged or cut short": content[:-100],
        "its sha256 differs": content[:-1] + bytes([content[-1] ^ 1]),
        "is a model of version 9": content.replace(b'\\"version\\": 4', b'\\"version\\": 9'),
    }
    for why, altered in wrong.items():
        assert altered != content
        path.write_bytes(altered)
        with pytest.raises(ModelError, match=why) as caught:
            load_model(path)
        assert "\n" not in str(caught.value) and "x.model" in str(caught.value)
    with pytest.raises(ModelError, match="there is no such file"):
        load_model(tmp_path / "none.model")
    with pytest.raises(ModelError, match="it is a folder"):
        load_model(tmp_path)
    path.write_bytes(content.replace(b"smile", b"frown"))
    with pytest.raises(ModelError, match="its sha256 differs"):
        load_model(path)
