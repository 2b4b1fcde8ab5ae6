"""The options of style transfer, its command and the files that it writes, and what both refuse."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from helpers.style_network import network as network  # the fixture
from helpers.style_network import one_network as one_network  # the fixture
from helpers.transfers import LAYERS, quick, read, save, sources
from helpers.transfers import here as here  # the fixture
from PIL import Image

from painter import cli
from painter.errors import OptionError, PictureError
from painter.export.transfers import transfer_endings
from painter.options.fields import option_name
from painter.options.transfer import TransferConfig
from painter.styling.inputs import load_sources
from painter.styling.objective import Objective

ARGUMENTS = [
    "--features", "random", "--size", "48", "--iterations", "6", "--scales", "2", "--quiet",
    "--style-layers", LAYERS, "--content-layer", "relu2_1",
]  # fmt: skip


# --- options ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"style_layers": "relu9_1"}, "--style-layers relu9_1: there is no layer 'relu9_1'; choose from relu1_1"),
        (
            {"style_layers": "relu1_1:x"},
            "--style-layers relu1_1:x: must be relu1_1 to relu5_4, separated by commas, each with or without :WEIGHT",
        ),
        ({"style_layers": "relu1_1,relu1_1:2"}, "names a layer twice"),
        ({"style_layers": "relu1_1:0"}, "weights must be from 0"),
        ({"features": "vgg16", "style_layers": "relu5_4"}, "--style-layers: vgg16 has no layer 'relu5_4'"),
        ({"features": "vgg16", "content_layer": "relu4_4"}, "--content-layer: vgg16 has no layer 'relu4_4'"),
        ({"weights": "w.pth"}, "--weights w.pth: --features random takes none"),
        ({"style_size": "32,64"}, "--style-size 32,64: has 2 numbers for 1 scales"),
        ({"style_size": "8"}, "--style-size 8: must be whole numbers from 16 to 4096, separated by commas"),
        ({"scale_styles": "1", "style_weights": "1"}, "--scale-styles with --style-weights"),
        ({"style_weights": "1,-1"}, "--style-weights 1,-1: must be numbers from 0"),
        ({"optimizer": "adagrad"}, "--optimizer adagrad: unknown; choose from adam, nadam, rmsprop, sgd, lbfgs"),
        ({"amsgrad": "yes"}, "--amsgrad yes: must be true or false"),
        ({"content_weight": float("nan")}, "--content-weight nan: must be a number from 0"),
    ],
)
def test_bad_options(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        quick(**changes)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "styles", "message"),
    [
        ({"style_weights": "1,2"}, 1, "--style-weights 1,2: give one number for each of the 1 styles"),
        ({"style_weights": "0,0"}, 2, "not all 0"),
        ({"scale_styles": "3"}, 2, "--scale-styles 3: there is no style 3 of 2"),
        ({"region": "mask.png"}, 3, "--region mask.png: cannot assign parts of the picture to 3 styles"),
        ({"region": "mask.png", "style_weights": "1,1"}, 2, "give one style, or two without --style-weights"),
    ],
)
def test_options_that_do_not_fit_the_styles(changes: dict[str, Any], styles: int, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        quick(**changes).blend(styles)
    assert message in str(caught.value)


def test_bad_pictures(here: Path) -> None:
    with pytest.raises(PictureError, match=r"cannot read none.png: there is no such file"):
        sources(quick(), "none.png")
    save("black.png", np.zeros((36, 48, 3)))
    with pytest.raises(PictureError, match=r"--region black.png: the mask is black everywhere"):
        sources(quick(region="black.png"))
    with pytest.raises(OptionError, match="no style picture"):
        load_sources("content.png", [], quick())


# --- the command --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_command_writes_all_its_files(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = ["-o", "a.png", "-o", "a.gif", "--losses", "a.csv", "--losses", "plot.png"]
    assert cli.main(["transfer", "content.png", "stripes.png", *ARGUMENTS, *outputs]) == 0
    assert capsys.readouterr() == ("", "")
    assert read("a.png").shape == (36, 48, 3)
    with Image.open("a.gif") as gif:
        assert gif.size == (48, 36) and gif.n_frames > 4
        assert np.abs(np.asarray(gif.convert("RGB")).astype(int) - read("content.png")).mean() < 12
        gif.seek(gif.n_frames - 1)
        assert np.abs(np.asarray(gif.convert("RGB")).astype(int) - read("a.png")).mean() < 8
    rows = list(csv.DictReader(Path("a.csv").read_text().splitlines()))
    assert list(rows[0]) == ["iteration", "scale", "content", "style", "tv", "total"]
    assert [int(row["iteration"]) for row in rows] == [0, 1, 2, 3, 3, 4, 5, 6]
    assert float(rows[-1]["total"]) < float(rows[0]["total"])
    assert read("plot.png").shape[1] > 500 and read("plot.png")[..., :3].std() > 5


@pytest.mark.slow
def test_command_writes_every_format(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["a.png", "a.jpg", "a.jpeg", "a.webp", "a.gif", "a.mp4"]
    assert sorted(Path(name).suffix for name in names) == sorted(transfer_endings())
    arguments = ["transfer", "content.png", "stripes.png", *ARGUMENTS, "--bit-depth", "16", "--webp", "animated"]
    assert cli.main([*arguments, *(part for name in names for part in ("-o", name))]) == 0
    deep = np.asarray(cv2.imread("a.png", cv2.IMREAD_UNCHANGED))[..., ::-1]
    assert deep.dtype == np.uint16 and len(np.unique(deep % 257)) > 50
    assert np.abs(read("a.jpg") - deep / 257).mean() < 8
    with Image.open("a.webp") as webp, Image.open("a.gif") as gif:
        assert webp.n_frames > 4 and gif.n_frames > 4
    assert Path("a.mp4").stat().st_size > 500


@pytest.mark.slow
def test_command_numbers_what_is_there(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [option for option in ARGUMENTS if option != "--quiet"]
    arguments = ["transfer", "content.png", "stripes.png", *options, "-o", "a.png", "--losses", "a.csv"]
    save("a.png", np.zeros((4, 4, 3)))
    assert cli.main(arguments) == 0
    told = capsys.readouterr().out
    assert told.startswith("wrote a-2.png, a-2.csv (existing files were kept; --overwrite replaces them)\n")
    assert read("a.png").shape == (4, 4, 3) and read("a-2.png").shape == (36, 48, 3)
    assert cli.main([*arguments, "--overwrite"]) == 0
    assert read("a.png").shape == (36, 48, 3) and Path("a.csv").is_file()


@pytest.mark.slow
def test_command_has_a_default_name_and_says_the_losses(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [argument for argument in ARGUMENTS if argument != "--quiet"]
    assert cli.main(["transfer", "content.png", "stripes.png", *arguments]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("wrote output/content-stripes.png\ncontent ")
    assert "scale 2 of 2" in told.err and "style " in told.err and "total " in told.err
    assert Path("output/content-stripes.png").is_file()


@pytest.mark.slow
def test_command_when_interrupted(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "painter.styling.recorder.FrameRecorder.watch", lambda *arguments: signal.raise_signal(signal.SIGINT)
    )
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert cli.main(["transfer", "content.png", "stripes.png", *ARGUMENTS, "-o", "a.png", "-o", "a.gif"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert read("a.png").shape == (36, 48, 3)


@pytest.mark.slow
def test_command_when_it_diverges(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = Objective.__call__

    def spoiled(self: Any, image: torch.Tensor) -> Any:
        loss, terms = original(self, image)
        calls.append(1)
        return loss, {**terms, "total": float("nan")} if len(calls) == 3 else terms

    calls: list[int] = []
    monkeypatch.setattr(Objective, "__call__", spoiled)
    arguments = ["transfer", "content.png", "stripes.png", *ARGUMENTS, "--optimizer", "adam", "-o", "a.png"]
    arguments += ["--losses", "a.csv"]
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert "error: the loss became NaN or infinite after 2 steps" in error and error.count("\n") == 1
    assert read("a.png").shape == (36, 48, 3) and len(Path("a.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["content.png"], "the following arguments are required: STYLE"),
        (["content.png", "none.png"], "cannot read none.png: there is no such file"),
        (["content.png", "stripes.png", "-o", "a.svg"], "cannot write a.svg: style transfer makes .png, .jpg, .jpeg, "),
        (["content.png", "stripes.png", "-o", "stripes.png"], "cannot write stripes.png: it is style picture 1"),
        (
            ["content.png", "stripes.png", "--device", "cuda"],
            "--device cuda: torch finds no CUDA device on this machine",
        ),
        (["content.png", "stripes.png", "--losses", "a.txt"], "cannot write a.txt: losses are written as .csv or .png"),
        (["content.png", "stripes.png", "--region", "no.png"], "--region no.png: there is no such file"),
        (["content.png", "stripes.png", "--features", "vgg19", "--weights", "no.pth"], "--weights no.pth: there is no"),
        (["content.png", "stripes.png", "--style-weights", "1,2"], "--style-weights 1,2: give one number"),
    ],
)
def test_command_refuses(arguments: list[str], message: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(here.iterdir())
    given = [argument for argument in ARGUMENTS if argument not in ("--features", "random") or "vgg19" not in arguments]
    assert cli.main(["transfer", *arguments, *given]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and f"paint.py transfer: error: {message}" in told.err
    assert set(here.iterdir()) == before


def test_help_names_every_option(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["transfer", "--help"])
    told = capsys.readouterr().out
    assert all(f"  {option_name(spec.name)} " in told for spec in fields(TransferConfig))


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["content.png", "none.png"], ["content.png", "stripes.png", "--decay", "slow"]],
)
def test_nothing_heavy_is_imported_before_it_is_needed(arguments: list[str], here: Path) -> None:
    code = (
        "import sys\n"
        "from painter.cli import main\n"
        "try: main(['transfer', *sys.argv[1:]])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'numba', 'matplotlib'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=here, env=environment, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]", done


@pytest.mark.slow
def test_no_optimiser_imports_torchs_compiler() -> None:
    """Which takes a second and 150 MB; L-BFGS did."""
    code = """
import sys, torch
from painter.options.transfer import TransferConfig
from painter.styling.optimizers import PixelOptimizer
moved = PixelOptimizer(torch.full((4, 4, 3), 0.5), TransferConfig(features="random"))
moved.step(lambda image: (image.square().sum(), {}), 0.0)
moved.restore(moved.state())
assert moved.image.mean() < 0.5
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
