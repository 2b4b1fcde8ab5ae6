"""The engine dcgan: its losses, its run, resumed with the same bytes, and what models of it make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.faces import save_faces
from helpers.learning import TINY, read
from torch.nn import functional

from painter import cli
from painter.errors import ModelError, OptionError
from painter.learning.form import Form
from painter.learning.gan_losses import AUGMENTED, augmented, discriminator_loss, generator_loss
from painter.learning.gan_networks import Discriminator, Generator, calibrate
from painter.learning.gan_run import GanRun, GanSchedule
from painter.learning.generating import PieceFolder
from painter.learning.learning import Paths, learn, make_run, model_of
from painter.learning.learning_config import RELATIVISTIC, GanConfig
from painter.learning.model_file import load_model, save_model
from painter.learning.seeds import generator
from painter.learning.training_pictures import Collection
from painter.learning.upscaler import Upscaler
from painter.learning.upscaler_trainer import CropDiscriminatorTrainer, UpscalerTrainer, make_crop_discriminator
from painter.options.learn import BlendConfig, GenerateConfig, LearnConfig
from painter.system.snapshot import dump, load

pytestmark = pytest.mark.slow

PLAIN = GanConfig(latent=8, width=4, batch=6)
STABLE = replace(RELATIVISTIC, latent=8, width=4, batch=6)
SMALL = replace(TINY, gan=PLAIN, relativistic=STABLE, training=replace(TINY.training, batch=6))
LOSSES = ("plain", "relativistic")


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    collection = read(save_faces(tmp_path_factory.mktemp("gan") / "faces", 80, 32), size=32, engine="dcgan")
    return replace(collection, form=Form(32, (32, 32)))  # not pixel art, so that there is an upscaler


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    folder = tmp_path_factory.mktemp("gans")
    first, second = (save_faces(folder / name, 80, 32, traits=False, robots=name == "b") for name in "ab")
    return read(first, second, size=32, engine="dcgan")


def run_of(collection: Collection, loss: str = "plain") -> GanRun:
    run = make_run(collection, LearnConfig(engine="dcgan", gan_loss=loss, pictures=1000), SMALL)
    assert isinstance(run, GanRun) and run.schedule is not None and run.schedule.generator == 1002
    run.schedule = GanSchedule(36, 12, 12)  # a few steps, so that the tests are quick
    return run


def model_bytes(run: GanRun, folder: Path) -> bytes:
    """The model of a run, to its end."""
    for _ in run.run():
        pass
    save_model(model_of(run), folder / "m.model")
    return (folder / "m.model").read_bytes()


def signals(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=generator("test", seed)) * 2 - 1


@pytest.mark.parametrize("which", ["one", "two"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_run_resumed_at_any_step_ends_with_the_same_bytes(
    which: str, loss: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    collection = request.getfixturevalue(which)
    entire = model_bytes(run_of(collection, loss), tmp_path)
    for stop in (1, 5, 6):
        first = run_of(collection, loss)
        for number, _ in enumerate(first.run()):
            if number == stop:
                break
        second = run_of(collection, loss)
        second.restore(load(dump(first.state())))
        assert model_bytes(second, tmp_path) == entire


def test_the_plain_losses_are_cross_entropy() -> None:
    torch.manual_seed(0)
    network, real, fake = Discriminator(32, 3, PLAIN), signals(6), signals(6, 1)
    random = torch.rand(2, 6, AUGMENTED)
    bce = functional.binary_cross_entropy_with_logits
    expected = bce(network(real), torch.ones(6)) + bce(network(fake), torch.zeros(6))
    assert torch.allclose(discriminator_loss(network, real, fake, random), expected, atol=1e-6)
    expected = bce(network(fake), torch.ones(6))
    assert torch.allclose(generator_loss([network], [real], fake, random), expected, atol=1e-6)


def test_the_relativistic_loss_has_both_penalties() -> None:
    """Against gradients by differences, in one direction at a time."""
    torch.manual_seed(0)
    network = Discriminator(32, 3, STABLE).double()
    real, fake, random = signals(2).double(), signals(2, 1).double(), torch.rand(2, 2, AUGMENTED).double()
    seen = [augmented(picture, numbers) for picture, numbers in zip((real, fake), random, strict=True)]
    penalties = []
    for pictures in seen:
        slopes = torch.autograd.functional.jacobian(network, pictures)
        penalties.append(sum(slopes[k, k].square().sum() for k in range(2)) / 2)
    expected = functional.softplus(network(seen[1]) - network(seen[0])).mean() + STABLE.penalty / 2 * sum(penalties)
    assert torch.allclose(discriminator_loss(network, real, fake, random), expected)


def test_of_two_discriminators_the_larger_loss_counts_for_each_picture() -> None:
    torch.manual_seed(0)
    networks = [Discriminator(32, 3, PLAIN) for _ in range(2)]
    fake, random = signals(8), torch.rand(2, 8, AUGMENTED)
    each = torch.stack([functional.softplus(-network(fake)) for network in networks])
    assert (each[0] > each[1]).any() and (each[0] < each[1]).any()
    made = generator_loss(networks, [fake, fake], fake, random)
    assert torch.allclose(made, torch.maximum(each[0], each[1]).mean())


@pytest.mark.parametrize("gan", [PLAIN, STABLE])
def test_the_upscaler_learns_against_a_discriminator_in_its_later_steps(gan: GanConfig) -> None:
    torch.manual_seed(0)
    upscaler, config = Upscaler(3, TINY.upscaler), replace(TINY.training, batch=4, shards=1)
    large = torch.randint(0, 256, (8, 32, 32, 3), dtype=torch.uint8)
    discriminator = make_crop_discriminator(upscaler, large, gan, 1)
    with_it = UpscalerTrainer(upscaler, large, 8, 1, config, discriminator)
    alone = UpscalerTrainer(upscaler, large, 8, 1, config)
    (part,) = with_it.parts()
    assert not with_it.uses_discriminator and torch.equal(with_it.loss_of(part), alone.loss_of(part))
    with_it.done = 4
    of_discriminator = generator_loss([discriminator], [part.large], upscaler(part.small), part.random)
    expected = alone.loss_of(part) + config.crop_weight * of_discriminator
    assert with_it.uses_discriminator and torch.allclose(with_it.loss_of(part), expected)
    trainer = CropDiscriminatorTrainer(discriminator, upscaler, large, 8, 1, config)
    (part,) = trainer.parts()
    before = discriminator_loss(discriminator, part.large, upscaler(part.small), part.random)
    weights = list(map(torch.clone, upscaler.parameters()))
    for _ in range(4):
        trainer.apply([trainer.gradients(part)], None)
    assert trainer.loss_of(part) < before
    assert all(map(torch.equal, upscaler.parameters(), weights))


def test_augmentation_moves_colours_and_cuts_and_can_do_nothing() -> None:
    signal = signals(4)
    nothing = torch.full((4, AUGMENTED), 0.5)
    nothing[:, 5:] = 5.0  # the square lies outside
    assert torch.allclose(augmented(signal, nothing), signal, atol=1e-6)
    moved = nothing.clone()
    moved[:, 3] = 0.0  # by an eighth of the side
    assert torch.allclose(augmented(signal, moved)[:, :, 4:], signal[:, :, :-4], atol=1e-6)
    assert not augmented(signal, moved)[:, :, :4].any()
    cut = nothing.clone()
    cut[:, 5:] = 0.5
    assert (augmented(signal, cut) == 0).float().mean() == pytest.approx(0.25, abs=0.04)
    signal.requires_grad_()
    augmented(signal, torch.rand(4, AUGMENTED)).sum().backward()
    assert signal.grad is not None and signal.grad.abs().sum() > 0


def test_a_calibrated_generator_makes_the_same_piece_in_any_batch() -> None:
    torch.manual_seed(0)
    network = calibrate(Generator(32, 3, replace(PLAIN, width=8)), generator("c"))
    latents = torch.randn(40, 8)
    alone = torch.cat([network(part) for part in latents.split(4)])
    assert torch.allclose(network(latents), alone, atol=1e-5)
    network.train()
    assert torch.allclose(network(torch.randn(512, 8)).std(), alone.std(), rtol=0.2)


@pytest.mark.parametrize("loss", LOSSES)
def test_colours_are_learned(loss: str) -> None:
    """Of orange pictures: grey at first, and nearer to orange after some steps."""
    orange = np.full((64, 32, 32, 3), (240, 120, 20), np.uint8)
    collection = Collection(orange, orange[:0], np.zeros(64, np.int64), ("a",), (None,) * 64, Form(32, (32, 32)))
    plain, stable = (replace(config, width=8, rate=4e-3, batch=16) for config in (PLAIN, STABLE))
    fast = replace(SMALL, gan=plain, relativistic=stable)
    run = GanRun(collection, LearnConfig(engine="dcgan", gan_loss=loss, size=32, pictures=1000), fast)
    run.schedule = GanSchedule(16 * 16, 0, 0)
    distances = []
    for number, progress in enumerate(run.run()):
        if number in (0, 15):
            distances.append(float(np.abs(run.samples().astype(int) - orange[0, 0, 0]).mean()))
        if progress.stage == "judge":
            break
    assert distances[1] < 0.8 * distances[0], distances


def test_models_are_written_read_and_make_pieces(one: Collection, two: Collection, tmp_path: Path) -> None:
    run = run_of(one)
    model = learn(run, Paths(tmp_path / "x.model"))
    table = (tmp_path / "x-losses.csv").read_text().splitlines()
    losses = "generator_loss,discriminator_loss,second_discriminator_loss,upscaler_loss,upscaler_discriminator_loss"
    assert table[0] == f"pictures,{losses}" and len(table) > 3
    assert [field == "" for field in table[1].split(",")] == [False, False, False, True, True, True]
    assert [field == "" for field in table[-1].split(",")] == [False, True, True, True, False, False]
    assert (tmp_path / "x-losses.png").is_file() and (tmp_path / "x-samples.png").is_file()
    assert model is not None and model.engine == "dcgan" and set(model.figures) >= {"generator_loss", "traits"}
    again = load_model(tmp_path / "x.model")
    save_model(again, tmp_path / "y.model")
    assert (tmp_path / "y.model").read_bytes() == (tmp_path / "x.model").read_bytes()
    (tmp_path / "p").mkdir()
    made = PieceFolder(again, GenerateConfig(count=3, raw=True), tmp_path / "p", "digest", SMALL).make()
    assert made.kept == [1, 2, 3] and (tmp_path / "p/json/3.json").is_file()
    both = run_of(two)
    model_bytes(both, tmp_path)
    pair = model_of(both)
    (tmp_path / "c").mkdir()
    children = PieceFolder(pair, BlendConfig(count=2, raw=True), tmp_path / "c", "digest", SMALL).make()
    assert children.kept == [1, 2] and "Other parent" in (tmp_path / "c/json/1.json").read_text()
    for config, wrong in (
        (GenerateConfig(count=1), "makes children of two; use `collection blend`"),
        (BlendConfig(count=1, balance=0.3), "--balance 0.3: has no effect with a model of the engine dcgan"),
    ):
        with pytest.raises(OptionError, match=wrong):
            PieceFolder(pair, config, tmp_path / "c", "digest", SMALL)


def test_requests_that_cannot_be_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save_faces(tmp_path / "f", 70, 32)
    requests = {
        "--gan-loss relativistic: has no effect without --engine dcgan": ("--gan-loss", "relativistic"),
        "--size 48 with --engine dcgan: must be 32, 64 or 128": ("--engine", "dcgan", "--size", "48"),
        "--engine vae: unknown; choose from tokens, dcgan": ("--engine", "vae"),
    }
    for expected, words in requests.items():
        assert cli.main(["collection", "learn", str(folder), "-o", str(tmp_path / "x.model"), *words]) == 2
        error = capsys.readouterr().err
        assert expected in error and error.count("\n") == 1
    (tmp_path / "x.model").write_bytes(b"nothing")
    with pytest.raises(ModelError):
        load_model(tmp_path / "x.model")
