"""Rarities: values that come too often in new pieces are passed over, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.faces import save_faces
from helpers.jobs import files_of
from helpers.learning import TINY, quick_run, read

from painter.errors import ModelError
from painter.learning.counting_traits import with_rarities
from painter.learning.generating import PieceFolder, make_maker
from painter.learning.learning import Paths, learn
from painter.learning.learning_config import RarityConfig
from painter.learning.listing import read_entries
from painter.learning.model_file import Model, load_model, save_model
from painter.learning.pieces import Piece, shown
from painter.learning.rarities import Rarities, rarities_of
from painter.learning.token_sampling import BATCH, draw_batch, plain_request
from painter.learning.workers import AtOnce
from painter.options.learn import GenerateConfig


def numbers(counts: list[int]) -> torch.Tensor:
    """Each value as often as these say."""
    return torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))


def distance(a: torch.Tensor, b: torch.Tensor, size: int) -> float:
    """The total variation distance of the frequencies of values."""
    shares = [torch.bincount(one, minlength=size).double() / len(one) for one in (a, b)]
    return 0.5 * float((shares[0] - shares[1]).abs().sum())


# --- probabilities ---


def test_only_values_that_come_too_often_are_passed_over() -> None:
    config = RarityConfig(smoothing=0, least_kept=0.01)
    rarities = rarities_of([numbers([60, 30, 10])], [numbers([30, 60, 10])], [3], config)
    assert rarities.kept[0].tolist() == pytest.approx([0.5, 1, 1])
    assert rarities.chances([torch.tensor([0, 1])]).tolist() == pytest.approx([0.5, 1])


def test_a_piece_is_kept_by_all_of_its_values() -> None:
    rarities = Rarities((torch.tensor([0.5, 1.0]), torch.tensor([0.2, 1.0, 0.6])))
    values = [torch.tensor([0, 0, 1, 1]), torch.tensor([0, 2, 0, 1])]
    assert rarities.chances(values).tolist() == pytest.approx([0.1, 0.3, 0.2, 1.0])


def test_few_pieces_tell_little() -> None:
    """Four in place of one may be chance; four hundred in place of one hundred are not."""
    config = RarityConfig(least_kept=0.01)
    few = rarities_of([numbers([4, 4])], [numbers([1, 7])], [2], config)
    many = rarities_of([numbers([400, 400])], [numbers([100, 700])], [2], config)
    assert many.kept[0][0] < 0.3 < 0.6 < few.kept[0][0] < 0.7


@pytest.mark.parametrize("least", [0.3, 0.5, 0.8])
def test_most_pieces_are_never_passed_over(least: float) -> None:
    random = torch.Generator().manual_seed(0)
    drawn = [torch.randint(0, 2, (1000,), generator=random) for _ in range(8)]
    learned = [torch.ones(1000, dtype=torch.long) for _ in range(8)]
    rarities = rarities_of(drawn, learned, [2] * 8, RarityConfig(least_kept=least))
    assert float(rarities.chances(drawn).mean()) == pytest.approx(least, abs=1e-3)
    assert all(0 < kept[0] < 1 == kept[1] for kept in rarities.kept)


def test_frequencies_come_nearer_to_those_that_were_learned() -> None:
    random = torch.Generator().manual_seed(0)
    wanted, ours = torch.tensor([5.0, 3, 1, 1]), torch.tensor([2.0, 2, 4, 2])
    learned = torch.multinomial(wanted, 5000, replacement=True, generator=random)
    counted, drawn = torch.multinomial(ours, 22000, replacement=True, generator=random).split([2000, 20000])
    chances = rarities_of([counted], [learned], [4], RarityConfig(least_kept=0.1)).chances([drawn])
    kept = drawn[torch.rand(len(drawn), generator=random) < chances]
    assert distance(kept, learned, 4) < 0.18 < 0.38 < distance(drawn, learned, 4)  # 0.17 of 0.4 is what it can reach


# --- models ---


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learned next to nothing, of pixel art with traits."""
    folder = tmp_path_factory.mktemp("model")
    drawn: list[tuple[int, int]] = []
    learn(
        quick_run(read(save_faces(folder / "art", 100, 32))),
        Paths(folder / "art.model"),
        on_drawn=lambda done, count: drawn.append((done, count)),
    )
    assert drawn[-1][0] == drawn[-1][1] >= BATCH
    return folder / "art.model"


@pytest.fixture
def model(model_file: Path) -> Model:
    return load_model(model_file)


def hats(model: Model) -> int:
    """Which trait the hat is."""
    assert model.networks.judge is not None
    return list(model.networks.judge.traits).index("hat")


def without_hat(model: Model, value: int, chance: float) -> Model:
    """The model, keeping pieces with a value of the hat with this probability, and all others."""
    assert model.networks.judge is not None
    kept = [torch.ones(len(values)) for values in model.networks.judge.traits.values()]
    kept[hats(model)][value] = chance
    return replace(model, rarities=Rarities(tuple(kept)))


def hats_of(model: Model, pieces: list[Piece]) -> list[int]:
    """The hats that the judge reads."""
    assert model.networks.judge is not None
    codes = torch.stack([piece.codes for piece in pieces if piece.codes is not None])
    parts = [model.networks.judge.numbers(shown(model, part))[hats(model)][: len(part)] for part in codes.split(BATCH)]
    return [number for part in parts for number in part.tolist()]


def pieces_of(model: Model, **options: object) -> list[Piece]:
    config = GenerateConfig(**{"count": 40, "seed": 5, **options})  # type: ignore[arg-type]
    return list(make_maker(model, config, TINY).make(1, config.count, AtOnce()))


@pytest.mark.slow
def test_a_model_keeps_its_rarities(model: Model, tmp_path: Path) -> None:
    assert model.rarities is not None and model.networks.judge is not None
    assert [len(kept) for kept in model.rarities.kept] == [len(v) for v in model.networks.judge.traits.values()]
    save_model(model, tmp_path / "again.model")
    again = load_model(tmp_path / "again.model").rarities
    assert again is not None and all(map(torch.equal, again.kept, model.rarities.kept))
    save_model(replace(model, rarities=None), tmp_path / "older.model")
    assert load_model(tmp_path / "older.model").rarities is None


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [0.0, 1.5, float("nan")])
def test_rarities_that_are_no_probabilities_are_refused(model: Model, tmp_path: Path, wrong: float) -> None:
    save_model(without_hat(model, 0, wrong), tmp_path / "x.model")
    with pytest.raises(ModelError, match=r"x\.model: it is damaged"):
        load_model(tmp_path / "x.model")


@pytest.mark.slow
def test_pieces_with_a_frequent_value_are_drawn_again(model: Model) -> None:
    before = pieces_of(replace(model, rarities=None))
    found = hats_of(model, before)
    common = max(set(found), key=found.count)
    rare = without_hat(model, common, 1e-6)
    after = pieces_of(rare)
    for old, new, hat, now in zip(before, after, found, hats_of(model, after), strict=True):
        if hat != common:
            assert new.passed_over == 0 and new.codes is not None and old.codes is not None
            assert torch.equal(new.codes, old.codes)
        else:
            assert new.passed_over > 0 and (now != common or new.passed_over >= TINY.rarities.tries)
    raw = [piece.pixels.tobytes() for piece in pieces_of(rare, raw=True) if piece.pixels is not None]
    assert raw == [one.pixels.tobytes() for one in pieces_of(model, raw=True) if one.pixels is not None]


@pytest.mark.slow
def test_a_piece_whose_every_try_has_a_frequent_value_is_kept_all_the_same(model: Model) -> None:
    assert model.rarities is not None
    never = replace(model, rarities=Rarities(tuple(torch.full_like(kept, 1e-12) for kept in model.rarities.kept)))
    pieces = pieces_of(never, count=3)
    assert [piece.passed_over for piece in pieces] == [TINY.rarities.tries] * 3
    assert all(piece.pixels is not None and not piece.refusals for piece in pieces)


@pytest.mark.slow
def test_the_list_says_how_many_were_passed_over_and_they_are_no_copies(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)
    assert model.rarities is not None
    half = replace(model, rarities=Rarities(tuple(torch.full_like(kept, 0.9) for kept in model.rarities.kept)))
    for name, counts in (("a", (34,)), ("b", (5, 20, 34))):
        (tmp_path / name).mkdir()
        for count in counts:
            folder = PieceFolder(half, GenerateConfig(count=count), tmp_path / name, "m", TINY)
            assert folder.make().refused == 0
    entries = read_entries(tmp_path / "a")
    assert sum(entry.passed_over for entry in entries) > 5
    assert all(entry.tries == entry.passed_over + 1 and not entry.refused for entry in entries)
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


@pytest.mark.slow
def test_a_list_of_an_earlier_version_is_read(model: Model, tmp_path: Path) -> None:
    PieceFolder(model, GenerateConfig(count=3), tmp_path, "m", TINY).make()
    path = tmp_path / "pieces.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line.rsplit(",", 1)[0] for line in lines) + "\n")
    assert [entry.passed_over for entry in read_entries(tmp_path)] == [0, 0, 0]


@pytest.mark.slow
def test_counting_new_pieces_again_gives_the_same_rarities_and_can_be_stopped(model: Model, tmp_path: Path) -> None:
    pixels = read(save_faces(tmp_path / "art", 100, 32)).pixels
    first, second = (with_rarities(model, pixels, 40, TINY, AtOnce()).rarities for _ in range(2))
    assert first is not None and second is not None
    assert all(map(torch.equal, first.kept, second.kept))
    bare = replace(model, rarities=None)
    assert with_rarities(bare, pixels, 40, TINY, AtOnce(), lambda: True) is bare
    judged = replace(bare, networks=replace(bare.of_tokens, judge=None))
    assert with_rarities(judged, pixels, 40, TINY, AtOnce()).rarities is None


@pytest.mark.slow
def test_what_is_shown_of_a_piece_does_not_depend_on_the_others(model: Model) -> None:
    network = model.of_tokens.transformer
    codes = draw_batch(network, [plain_request(network, 0, 1, k) for k in range(3)], 1.0, 1.0)
    assert torch.equal(shown(model, codes)[0], shown(model, codes[:1])[0])
