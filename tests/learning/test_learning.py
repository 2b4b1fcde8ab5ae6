"""Runs: they resume with the same bytes, end early on Ctrl-C, and learn a tiny collection to a stated quality."""

from __future__ import annotations

import csv
import itertools
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.faces import save_faces
from helpers.learning import SMALL, TINY, nearest_faces, picture_at, quick_run, read, short_run, trait_distance

from painter.errors import AutosaveError, DivergedError
from painter.learning.generating import PieceFolder
from painter.learning.learning import Paths, learn, model_of
from painter.learning.model_file import load_model, save_model
from painter.learning.schedule import pictures_in
from painter.learning.training import LearningRun, LearnProgress
from painter.learning.training_log import Record, from_rows, to_csv, to_rows
from painter.learning.training_pictures import Collection
from painter.options.learn import GenerateConfig
from painter.system.autosave import Autosave, AutosaveConfig
from painter.system.snapshot import dump, load

pytestmark = pytest.mark.slow

NAN = float("nan")


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return read(save_faces(tmp_path_factory.mktemp("faces"), 90, 32))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    folder = tmp_path_factory.mktemp("pair")
    return read(
        save_faces(folder / "a", 72, 128, transparent=True, traits=False),
        save_faces(folder / "b", 90, 128, transparent=True, robots=True, traits=False),
    )


@pytest.fixture(scope="module")
def entire(collection: Collection, tmp_path_factory: pytest.TempPathFactory) -> tuple[LearningRun, Paths, Any]:
    """A run to its end, its files, and its progress."""
    run, seen = short_run(collection), list[LearnProgress]()
    paths = Paths(tmp_path_factory.mktemp("entire") / "x.model")
    model = learn(run, paths, on_progress=seen.append)
    assert model is not None and model.finished
    return run, paths, seen


def weights(run: LearningRun) -> dict[str, Any]:
    return {
        f"{name}.{key}": values
        for name, network in run.networks.named()
        for key, values in network.state_dict().items()
    }


@pytest.mark.parametrize("which", ["collection", "pair"])
def test_a_run_resumed_at_any_step_ends_with_the_same_bytes(
    which: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    collection = request.getfixturevalue(which)
    entire, steps = quick_run(collection), list[LearnProgress]()
    learn(entire, Paths(tmp_path / "entire.model"), on_progress=steps.append)
    stages = [progress.stage for progress in steps]
    for stop in (1, stages.index("transformer") - 1, stages.index("transformer") + 2, stages.index("judge")):
        first = quick_run(collection)
        for number, _ in enumerate(first.run()):
            if number == stop:
                break
        second = quick_run(collection)
        second.restore(load(dump(first.state())))
        assert second.taken == steps[stop].pictures
        learn(second, Paths(tmp_path / "resumed.model"))
        assert (tmp_path / "resumed.model").read_bytes() == (tmp_path / "entire.model").read_bytes()
        assert [str(one) for one in second.records] == [str(one) for one in entire.records]


def test_another_seed_gives_another_model(collection: Collection, tmp_path: Path) -> None:
    for seed in (0, 1):
        run = quick_run(collection, seed=seed)
        for _ in run.run():
            pass
        save_model(model_of(run), tmp_path / f"{seed}.model")
    assert (tmp_path / "0.model").read_bytes() != (tmp_path / "1.model").read_bytes()


def test_progress_counts_pictures_and_records_make_curves(entire: tuple[LearningRun, Paths, Any]) -> None:
    run, paths, seen = entire
    assert run.schedule is not None and seen[-1].pictures == run.schedule.total == seen[-1].total
    assert [one.pictures for one in seen] == sorted(one.pictures for one in seen)
    assert seen[0].bits != seen[0].bits and seen[-1].bits < 9 and seen[-1].held_out_bits < 9
    rows = list(csv.DictReader(paths.losses.read_text().splitlines()))
    assert list(rows[0]) == ["pictures", "tokenizer_loss", "psnr", "bits", "held_out_bits"] and rows[0]["bits"] == ""
    assert float(rows[-1]["tokenizer_loss"]) < float(rows[0]["tokenizer_loss"]) and float(rows[-1]["psnr"]) > 0
    for path in (paths.curves, paths.sheet):
        assert picture_at(path).shape[1] > 500


def test_records_survive_json() -> None:
    records = [Record(64, 0.5, 20.0, NAN, NAN), Record(128, 0.25, 21.0, 4.0, float("inf"))]
    assert str(from_rows(to_rows(records), Record)) == str(records)
    assert to_csv(records).splitlines()[1] == "64,0.5,20,,"


def test_minutes_become_a_number_of_pictures(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine where every step takes 4 ms, whatever this one does."""
    ticks = itertools.count()
    monkeypatch.setattr("painter.learning.training.time.perf_counter", lambda: 0.004 * next(ticks))
    run = short_run(collection, pictures=None, minutes=0.2)
    for _ in run.run():
        break
    pictures = pictures_in(12, 0.004, 0.004, 0.004, run.design.training)
    assert run.schedule is not None and run.schedule.transformer >= 1000 and run.taken == run.design.training.batch
    assert run.schedule.transformer == pytest.approx(pictures, abs=run.design.training.batch)


def test_ctrl_c_keeps_what_is_done(
    collection: Collection, entire: tuple[LearningRun, Paths, Any], tmp_path: Path
) -> None:
    paths, run = Paths(tmp_path / "x.model"), short_run(collection)
    autosave = Autosave(paths.model, run, config=AutosaveConfig(0.0))

    def interrupt(progress: LearnProgress) -> None:
        if progress.stage == "transformer" and progress.bits == progress.bits:
            os.kill(os.getpid(), signal.SIGINT)

    model = learn(run, paths, autosave, interrupt)
    assert model is not None and not model.finished and not load_model(paths.model).finished
    autosave.close(finished=False)
    resumed = short_run(collection)
    again = Autosave(paths.model, resumed, resume=True, config=AutosaveConfig(0.0))
    again.begin(resumed)
    assert resumed.taken == run.taken
    learn(resumed, paths, again)
    assert paths.model.read_bytes() == entire[1].model.read_bytes()


def test_ctrl_c_before_there_is_a_model_writes_none(collection: Collection, tmp_path: Path) -> None:
    paths = Paths(tmp_path / "x.model")
    assert learn(short_run(collection), paths, on_progress=lambda _: os.kill(os.getpid(), signal.SIGINT)) is None
    assert not paths.model.exists()


def test_progress_of_another_collection_is_not_resumed(
    collection: Collection, pair: Collection, tmp_path: Path
) -> None:
    run = short_run(collection)
    autosave = Autosave(tmp_path / "x.model", run, config=AutosaveConfig(0.0))
    next(run.run())
    autosave.step(run, run.taken)
    other = short_run(pair)
    with pytest.raises(AutosaveError, match="it is of another model"):
        Autosave(tmp_path / "x.model", other, resume=True).begin(other)


def test_sheets_that_cannot_be_written_do_not_end_a_run(collection: Collection, tmp_path: Path) -> None:
    paths = Paths(tmp_path / "x.model")
    said: list[str] = []
    paths.sheet.mkdir()
    (paths.sheet / "in the way").touch()
    assert learn(short_run(collection), paths, report=said.append) is not None
    assert len(said) == 1 and "learning continues" in said[0]


def test_a_loss_that_became_nan_is_reported(collection: Collection) -> None:
    run = short_run(collection)
    steps = run.run()
    next(steps)
    with torch.no_grad():
        next(run.networks.tokenizer.parameters()).fill_(float("nan"))
    with pytest.raises(DivergedError, match="became NaN or infinite"):
        list(steps)


def test_the_transformer_stops_when_held_out_bits_no_longer_fall(collection: Collection) -> None:
    run = short_run(collection, pictures=2000)
    iterator = run.run()
    while next(iterator).stage != "transformer":
        pass
    trainer = run._transformer
    assert trainer is not None
    trainer.best_bits, trainer.worse = 0.0, TINY.training.patience - 1
    last = list(iterator)[-1]
    assert trainer.stopped and trainer.done < trainer.total and last.pictures == last.total


def test_a_tiny_collection_is_learned_in_a_minute(tmp_path: Path) -> None:
    """600 faces of 2304 that there can be: most pieces are one of them nearly pixel by pixel, with the right traits."""
    collection = read(save_faces(tmp_path / "faces", 600, 32, blocks=4))
    run = short_run(collection, SMALL, pictures=3500)
    model = learn(run, Paths(tmp_path / "x.model"))
    assert model is not None and model.figures["held_out_bits"] < 2.4 and model.figures["psnr"] > 50
    assert model.figures["traits"] > 0.95
    (tmp_path / "new").mkdir()
    folder = PieceFolder(load_model(tmp_path / "x.model"), GenerateConfig(count=128), tmp_path / "new", "", SMALL)
    made = folder.make()
    pieces = np.stack([picture_at(tmp_path / f"new/images/{number}.png") for number in made.kept])
    faces, difference = nearest_faces(pieces)
    assert len(made.kept) == 128 and len({piece.tobytes() for piece in pieces}) == 128
    assert made.refused > 10  # a fourth of the faces that there can be were learned
    assert np.median(difference) < 0.03 and difference.mean() < 0.05
    real, _ = nearest_faces(collection.pixels)
    assert trait_distance(faces, real) < 0.15
    assert not {tuple(color) for color in pieces.reshape(-1, 3)} - {
        tuple(color) for color in collection.pixels.reshape(-1, 3)
    }
