"""Style transfers that die are gone on with: the same bytes after kill -9, and nothing else is ever gone on with."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.forked import Ended, run_forked
from PIL import Image

from painter import cli
from painter.errors import AutosaveError
from painter.options.transfer import LEARNING_RATES, TransferConfig
from painter.styling.feature_networks import load_features
from painter.styling.features import Features
from painter.styling.inputs import Sources, load_sources
from painter.styling.transfer import Transfer, TransferProgress, transfer
from painter.styling.transfer_fingerprint import TransferFingerprint
from painter.system.autosave import Autosave, AutosaveConfig
from painter.system.snapshot import dump, load

ALWAYS = AutosaveConfig(seconds=0.0)
SMALL = TransferConfig(
    features="random", size=40, scales=2, iterations=7, style_layers="relu1_1,relu2_1", content_layer="relu2_1"
)


@pytest.fixture(scope="module")
def network() -> Features:
    return load_features("random")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Where there are more, sums may come out otherwise when the machine is busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a content, a style and a mask."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["paint.py"])
    random = np.random.default_rng(3)
    for name, shape in (("content.png", (30, 40, 3)), ("style.png", (40, 32, 3)), ("mask.png", (30, 40))):
        coarse = Image.fromarray(random.integers(0, 256, (6, 8, *shape[2:]), dtype=np.uint8))
        coarse.resize(shape[1::-1], Image.Resampling.BICUBIC).save(name)
    return tmp_path


def sources(config: TransferConfig = SMALL) -> Sources:
    return load_sources("content.png", ["style.png"], config)


EVERYTHING: dict[str, Any] = {"preserve_color": "luminance", "start": "style", "region": "mask.png", "amsgrad": True}


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [*({"optimizer": name} for name in LEARNING_RATES), {"optimizer": "adam", **EVERYTHING}],
    ids=[*LEARNING_RATES, "everything"],
)
def test_a_transfer_goes_on_from_any_step(changes: dict[str, Any], here: Path, network: Features) -> None:
    config = replace(SMALL, **changes)
    under_way = Transfer(sources(config), config, network)
    states = [dump(under_way.state()) for _ in under_way.run()]
    whole, end = under_way.result(), dump(under_way.state())
    assert len(states) == 9  # seven steps, and where each scale begins
    for state in [*states[::2], end]:
        again = Transfer(sources(config), config, network)
        again.restore(load(state))
        assert dump(again.state()) == state
        assert len(list(again.run())) == len(whole.records) - len(load(state)["records"])
        result = again.result()
        assert np.array_equal(result.pixels, whole.pixels) and result.records == whole.records
        assert all(map(np.array_equal, result.film.shown(result.image), whole.film.shown(whole.image)))
        assert dump(again.state()) == end


class Killed(BaseException):
    """Stands for the end of the process."""


def left_by(config: TransferConfig, network: Features) -> Autosave:
    """What a run that died at the sixth step has left."""
    autosave = Autosave(Path("a.png"), TransferFingerprint(sources(config), config, "cpu"), config=ALWAYS)

    def watch(progress: TransferProgress) -> None:
        if progress.record.iteration == 5:
            raise Killed

    with pytest.raises(Killed):
        transfer(sources(config), config, network, watch, autosave)
    assert autosave.path.is_file()
    return autosave


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"tv_weight": 3.0}, "started with --tv-weight 30.0"),
        ({"style_size": "30"}, "started with no --style-size"),
        ({"region": "mask.png"}, "started with no --region"),
    ],
)
def test_another_transfer_is_left_alone(
    changes: dict[str, Any], difference: str, here: Path, network: Features
) -> None:
    path = left_by(SMALL, network).path
    before, config = path.read_bytes(), replace(SMALL, **changes)
    autosave = Autosave(Path("a.png"), TransferFingerprint(sources(config), config, "cpu"), True, config=ALWAYS)
    with pytest.raises(AutosaveError) as caught:
        transfer(sources(config), config, network, None, autosave)
    assert str(caught.value) == (
        f"--resume: {path}: it is of another transfer ({difference}); resume it by the command that started it; "
        "it was left alone"
    )
    assert path.read_bytes() == before


def test_another_style_picture_is_another_transfer(here: Path, network: Features) -> None:
    left_by(SMALL, network)
    Image.new("RGB", (32, 40), (200, 30, 30)).save("style.png")
    autosave = Autosave(Path("a.png"), TransferFingerprint(sources(), SMALL, "cpu"), True, config=ALWAYS)
    with pytest.raises(AutosaveError, match="of another transfer \\(started with another style 1\\)"):
        transfer(sources(), SMALL, network, None, autosave)


def test_a_state_of_something_else_is_refused(here: Path, network: Features) -> None:
    autosave = left_by(SMALL, network)
    saved = load(autosave.path.read_bytes())
    saved["search"]["pixels"]["moved"] = torch.zeros(2, 3, 3)
    autosave.path.write_bytes(dump(saved))
    again = Autosave(Path("a.png"), TransferFingerprint(sources(), SMALL, "cpu"), True, config=ALWAYS)
    with pytest.raises(AutosaveError, match="its content is not what this version of Impasto saves; it was left alone"):
        transfer(sources(), SMALL, network, None, again)


# --- the command line ---------------------------------------------------------------------------------------

ARGUMENTS = [
    "transfer", "content.png", "style.png", "--features", "random", "--size", "40", "--scales", "2",
    "--iterations", "7", "--style-layers", "relu1_1,relu2_1", "--content-layer", "relu2_1", "--device", "cpu",
]  # fmt: skip
OUT = ["-o", "a.png", "-o", "a.gif", "--losses", "a.csv"]
FILES = ("a.png", "a.gif", "a.csv")


def transfer_killed(last: int, arguments: list[str]) -> None:
    """The command line, with each step saved; it kills itself right after the step `last`."""
    import painter.system.autosave

    step = Autosave.step

    def stepped(self: Autosave, search: Any, steps: int) -> None:
        step(self, search, steps)
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)

    painter.system.autosave.AutosaveConfig = lambda: ALWAYS  # type: ignore
    Autosave.step = stepped  # type: ignore
    sys.exit(cli.main(arguments))


def run(last: int, *arguments: str) -> Ended:
    """One command in a process of its own, killed after this step if there is one."""
    return run_forked(transfer_killed, last, [*ARGUMENTS, *arguments], folder=Path())


@pytest.mark.slow
def test_kills_change_nothing(here: Path) -> None:
    assert run(99, "-o", "whole.png", "-o", "whole.gif", "--losses", "whole.csv").returncode == 0
    for last in (2, 5):
        killed = run(last, *OUT, *(["--resume"] if last > 2 else []))
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert not Path("a.png").exists()
    done = run(99, *OUT, "--resume")
    assert done.returncode == 0 and "resuming after 5 steps, from .a.png." in done.stderr, done
    for name in FILES:
        assert Path(name).read_bytes() == Path(name.replace("a.", "whole.", 1)).read_bytes()
    assert [path.name for path in here.iterdir() if path.name.startswith(".")] == []


@pytest.mark.slow
def test_ctrl_c_keeps_the_way_on(
    here: Path, network: Features, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("painter.styling.feature_networks.random_features", lambda seed: network)
    assert cli.main([*ARGUMENTS, *OUT]) == 0
    whole = {name: Path(name).read_bytes() for name in FILES}
    monkeypatch.setattr("painter.system.autosave.AutosaveConfig", lambda: ALWAYS)

    def press(self: Any, progress: TransferProgress) -> None:
        if progress.record.iteration == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("painter.cli.progress.TransferBar.show", press)
        assert cli.main([*ARGUMENTS, *OUT, "--overwrite"]) == 130
    assert "the transfer can be resumed by the same command with --resume" in capsys.readouterr().err
    assert Path("a.png").read_bytes() != whole["a.png"]
    assert cli.main([*ARGUMENTS, *OUT, "--overwrite", "--resume"]) == 0
    assert "resuming after 3 steps" in capsys.readouterr().err
    assert {name: Path(name).read_bytes() for name in FILES} == whole
    assert {path.name for path in here.iterdir()} == {"content.png", "style.png", "mask.png", *FILES}
