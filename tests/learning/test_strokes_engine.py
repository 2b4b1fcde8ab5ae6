"""The engine strokes: its decoder, its run, resumed with the same bytes, and the paintings that models of it make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.faces import save_faces
from helpers.learning import QUICK, picture_at, quick_run, read
from PIL import Image

from painter import Painting, cli
from painter.errors import OptionError
from painter.learning.form import Form
from painter.learning.generating import PieceFolder
from painter.learning.learning import Paths, learn, make_run, model_of
from painter.learning.learning_config import StrokesConfig
from painter.learning.model_file import Model, load_model, save_model
from painter.learning.networks import make_networks
from painter.learning.stroke_decoder import NUMBERS, StrokeDecoder
from painter.learning.stroke_painting import drawn, grounds_of, numbers_of, painting_of, strokes_of, typical_strokes
from painter.learning.stroke_trainer import StrokeTrainer, detail_weight
from painter.learning.trainer import take_step
from painter.learning.training import LearningRun, sizes_of
from painter.learning.training_pictures import Collection
from painter.learning.workers import AtOnce
from painter.options.learn import GenerateConfig, LearnConfig
from painter.system.snapshot import dump, load

STROKES = StrokesConfig(count=10, width=16, tokens=8, layers=1, heads=2, rate=4e-3)
DESIGN = replace(QUICK, strokes=STROKES)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    collection = read(save_faces(tmp_path_factory.mktemp("strokes") / "faces", 80, 32), size=32)
    return replace(collection, form=Form(32, (32, 24)))  # not pixel art, and narrower than its square


def run_of(collection: Collection) -> LearningRun:
    run = quick_run(collection, DESIGN, engine="strokes")
    assert run.networks.strokes is not None and run.networks.upscaler is None
    return run


@pytest.fixture(scope="module")
def model_path(faces: Collection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a few steps."""
    path = tmp_path_factory.mktemp("painted") / "x.model"
    assert learn(run_of(faces), Paths(path)) is not None
    return path


@pytest.mark.slow
def test_a_run_resumed_at_any_step_ends_with_the_same_bytes(
    faces: Collection, model_path: Path, tmp_path: Path
) -> None:
    stages = [progress.stage for progress in run_of(faces).run()]
    for stop in (stages.index("transformer") - 1, stages.index("transformer") + 1, stages.index("judge")):
        first, second = run_of(faces), run_of(faces)
        for number, _ in enumerate(first.run()):
            if number == stop:
                break
        second.restore(load(dump(first.state())))
        learn(second, Paths(tmp_path / "y.model"))
        assert (tmp_path / "y.model").read_bytes() == model_path.read_bytes()


def test_a_model_makes_paintings_of_any_size(faces: Collection, model_path: Path, tmp_path: Path) -> None:
    model = load_model(model_path)
    assert model.engine == "strokes" and model.figures["psnr"] > 5
    save_model(model, tmp_path / "again.model")
    assert (tmp_path / "again.model").read_bytes() == model_path.read_bytes()
    contents = []
    for name, count in (("a", 3), ("b", 2)):
        (tmp_path / name).mkdir()
        folder = PieceFolder(model, GenerateConfig(count=count, size=96), tmp_path / name, "digest", DESIGN)
        assert folder.make().kept == [1, 2, 3][:count]
        contents.append([(tmp_path / name / f"images/{k}.png").read_bytes() for k in (1, 2)])
    assert contents[0] == contents[1]
    painting = Painting.load(tmp_path / "a/strokes/2.strokes.json.gz")
    assert len(painting.strokes) == STROKES.count
    image = picture_at(tmp_path / "a/images/2.png")
    assert image.shape == (96, 72, 3) and np.array_equal(painting.draw(96), image)
    small = np.asarray(Image.fromarray(image).resize((24, 32), Image.Resampling.BOX)).astype(float)
    assert np.abs(small - picture_at(tmp_path / "a/pieces/2.png")).mean() < 8


def test_the_decoder_starts_from_a_painting_and_learns(faces: Collection) -> None:
    sizes = replace(sizes_of(faces, DESIGN, "strokes"), strokes=replace(STROKES, count=16))
    decoder = make_networks(sizes, 0).strokes
    assert decoder is not None
    pixels, pictures = torch.from_numpy(faces.pixels), torch.arange(len(faces.pixels))
    decoder.start.copy_(typical_strokes(faces.pixels, 16))
    values = torch.randint(0, 4, (len(pixels), 64, sizes.tokenizer.dims))
    numbers, grounds = decoder(values)
    assert torch.equal(numbers[3], decoder.start) and grounds.shape == (len(pixels), 3)
    codes = torch.zeros_like(values)
    codes[..., :3] = (pixels[:, 2::4, 2::4].flatten(1, 2) // 64).long()  # the colours of places stand for tokens
    trainer = StrokeTrainer(decoder, pixels, codes.to(torch.uint8), pictures, 8 * 60, 0, DESIGN.training)
    losses = []
    for _ in range(60):
        take_step([trainer], AtOnce())
        losses.append(trainer.loss)
    assert np.mean(losses[-8:]) < 0.6 * np.mean(losses[:4])


def test_strokes_and_their_numbers_go_into_each_other() -> None:
    numbers = torch.tensor([[0.3, 0.6, -1.5, -2.5, 0.4, 0.1, 0.5, 0.9]])
    assert torch.allclose(numbers_of(strokes_of(numbers)), numbers, atol=1e-6)
    wild = torch.tensor([[1.2, -0.1, 3.0, 5.0, 9.0, 1.5, -0.5, 0.5]], requires_grad=True)
    strokes = strokes_of(wild)
    assert strokes.params["x"].item() == 1 and strokes.params["height"].item() <= strokes.params["width"].item() < 0.71
    assert strokes.colors.min() == 0 and strokes.colors.max() == 1
    (outwards,) = torch.autograd.grad(-strokes.params["x"].sum(), wild, retain_graph=True)
    (back,) = torch.autograd.grad(strokes.params["x"].sum(), wild)
    assert outwards[0, 0] == 0 and back[0, 0] == 1  # a step of descent goes against the gradient


def test_a_painting_shows_what_the_piece_has_in_its_square() -> None:
    numbers = torch.tensor([[0.5, 0.25, -1.5, -2.0, 0.3, 1.0, 0.0, 0.0]])
    ground = torch.tensor([0.0, 0.0, 1.0])
    square = ((drawn(numbers[None], ground[None], 64)[0].permute(1, 2, 0) + 1) * 127.5).round().to(torch.uint8).numpy()
    narrow = painting_of(numbers[0:1], ground, Form(64, (64, 48)), 64).draw_bare(64)
    assert np.abs(Form(64, (64, 48)).cropped(square).astype(int) - narrow).max() <= 1
    assert tuple(square[-1, -1]) == (0, 0, 255) and square[16, 32, 0] > 250


def test_grounds_and_fine_detail_are_found() -> None:
    pixels = np.full((2, 32, 32, 3), 200, np.uint8)
    pixels[1] = (10, 20, 30)
    pixels[:, 10:20:2, 8:24] = 0
    pixels[:, 20:, 4:28] = 90  # up to the lower border
    assert np.array_equal((grounds_of(pixels) * 255).round(), [[200, 200, 200], [10, 20, 30]])
    weight = detail_weight(torch.from_numpy(pixels))
    assert weight.mean().item() == pytest.approx(1) and weight[12, 16] > 3 * weight[3, 16] > 0


def test_a_stroke_looks_nearby_first() -> None:
    decoder = StrokeDecoder(8, 4, 4, STROKES)
    decoder.start[:, 0], decoder.start[:, 1] = 0.8, 0.1
    near = decoder._near()
    assert near.shape == (STROKES.count, 64) and int(near[0].argmax()) == 6 and near.max() <= 0
    assert decoder(torch.zeros(1, 64, 4))[0].shape == (1, STROKES.count, NUMBERS)


def test_requests_that_cannot_be_are_refused(
    faces: Collection, model_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    transparent = replace(faces, pixels=np.concatenate((faces.pixels, faces.pixels[..., :1]), axis=-1))
    pixel_art = replace(faces, form=Form(32, (32, 32), (32, 32)))
    for collection, kind in ((transparent, "transparent"), (pixel_art, "pixel art")):
        with pytest.raises(OptionError, match=f"--engine strokes: these pictures are {kind}"):
            make_run(collection, LearnConfig(engine="strokes", pictures=1000), DESIGN)
    for words in (("--paint", "oil"), ("--upscale", "2"), ("--raw",)):
        command = ["collection", "generate", str(model_path), "-o", str(tmp_path / "new"), *words]
        assert cli.main(command) == 2
        error = capsys.readouterr().err
        assert f"{words[0]}: has no effect with a model of the engine strokes" in error and error.count("\n") == 1
    tokens = model_of_tokens(faces)
    with pytest.raises(OptionError, match="--size 96: has no effect without --paint"):
        PieceFolder(tokens, GenerateConfig(size=96), tmp_path, "digest", DESIGN)


def model_of_tokens(faces: Collection) -> Model:
    """A model of the engine tokens that has learned nothing."""
    run = quick_run(faces)
    for progress in run.run():
        if progress.stage == "transformer":
            break
    return model_of(run, finished=False)
