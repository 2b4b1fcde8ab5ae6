"""Which network `auto` takes, for every set of files on a machine; what `features` says of them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib import invalidate_caches
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

from painter.cli import features_command, main
from painter.errors import CheckpointError, OptionError
from painter.options import network_files
from painter.options.network_files import (
    HED,
    MTCNN,
    PACKAGES,
    TORCHVISION,
    choose_features,
    face_detector,
    features_note,
)
from painter.options.paint import PaintConfig
from painter.options.transfer import TransferConfig


class Machine:
    """Whose only packages and weights are those put into a folder."""

    def __init__(self, folder: Path) -> None:
        self.packages, self.weights = folder / "packages", folder / "torch/hub/checkpoints"

    def install(self, package: network_files.NetworkPackage, content: bytes = b"numbers") -> list[Path]:
        files = [self.packages / package.module / name for name in package.files]
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        invalidate_caches()  # the finder may have seen the folder without it, in the same moment
        (self.packages / package.module / "__init__.py").write_text("raise ImportError('it must not be imported')")
        return files

    def download(self, kind: str) -> None:
        self.weights.mkdir(parents=True, exist_ok=True)
        (self.weights / TORCHVISION[kind]).write_bytes(b"weights")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(network_files, "find_spec", lambda name: PathFinder.find_spec(name, [str(made.packages)]))
    return made


@pytest.mark.parametrize(
    ("downloaded", "installed", "weights", "chosen"),
    [
        ([], False, None, "random"),
        ([], True, None, "hed"),
        (["vgg19"], False, None, "vgg19"),
        (["vgg19", "vgg16"], True, None, "vgg19"),
        (["vgg16"], True, None, "hed"),
        (["vgg16"], False, None, "random"),
        ([], False, "given.pth", "vgg19"),
        ([], True, "given.pth", "vgg19"),
    ],
)
def test_auto_takes_the_best_that_is_there(
    downloaded: list[str], installed: bool, weights: str | None, chosen: str, machine: Machine
) -> None:
    for kind in downloaded:
        machine.download(kind)
    if installed:
        machine.install(HED)
    assert choose_features("auto", weights) == chosen
    assert TransferConfig(weights=weights).features == chosen
    assert choose_features("vgg16", weights) == "vgg16", "what is asked for is taken"
    note = features_note(chosen)
    assert chosen.split("9")[0] in note and "\n" not in note
    assert (HED.install in note) == (chosen == "random")


def test_a_package_with_a_file_missing_is_not_there(machine: Machine) -> None:
    files = machine.install(MTCNN)
    assert MTCNN.paths() == files
    files[1].unlink()
    assert MTCNN.paths() is None


def test_faces_are_found_by_what_is_there(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMPASTO_FACES", raising=False)
    assert face_detector() == "cascade"
    machine.install(MTCNN)
    assert face_detector() == "mtcnn"
    monkeypatch.setenv("IMPASTO_FACES", "cascade")
    assert face_detector() == "cascade"


@pytest.mark.parametrize("kind", ["hed", "random"])
def test_networks_that_take_no_weights(kind: str) -> None:
    with pytest.raises(OptionError, match=f"--weights w.pth: --features {kind} takes none; choose vgg19 or vgg16"):
        PaintConfig(style_image="s.png", features=kind, weights="w.pth")


def test_each_kind_has_its_own_defaults() -> None:
    found = {kind: TransferConfig(features=kind) for kind in ("vgg19", "hed", "random")}
    assert [config.content_layer for config in found.values()] == ["relu4_2", "relu3_1", "relu2_1"]
    assert [max(config.layer_weights) for config in found.values()] == ["relu5_1", "relu4_1", "relu3_1"]
    assert [config.content_color for config in found.values()] == ["own", "style", "style"]
    assert [config.focus for config in found.values()] == ["none", "auto", "none"]


def test_the_command_lists_them(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.download("vgg16")
    damaged = machine.install(HED)[0]
    assert main(["features"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    assert lines[0].startswith("vgg19") and "missing" in lines[0] and str(machine.weights) in lines[0]
    assert lines[1].startswith("vgg16") and "damaged: delete" in lines[1]
    assert str(damaged) in lines[2] and "sha256 differs" in lines[2] and HED.install in lines[2]
    assert MTCNN.install in lines[3] and "missing" in lines[3]
    assert lines[-1] == "--features auto uses hed"


def test_make_installs_them() -> None:
    text = (Path(__file__).resolve().parents[2] / "Makefile").read_text()
    assert all(f"{package.name}=={package.version}" in text for package in PACKAGES)


def test_a_file_is_known_by_its_sha256(tmp_path: Path) -> None:
    right, wrong = (hashlib.sha256(content).hexdigest() for content in (b"right", b"wrong"))
    package = replace(HED, files={"a.h5": right})
    package.check(tmp_path / "a.h5", right)
    with pytest.raises(
        CheckpointError, match=r"a\.h5: is damaged or of another version .* --force-reinstall"
    ) as caught:
        package.check(tmp_path / "a.h5", wrong)
    assert "\n" not in str(caught.value)


def test_a_file_is_not_known_by_that_of_another(tmp_path: Path) -> None:
    package = replace(HED, files={"data/a.pt": "1" * 64, "data/b.pt": "2" * 64})
    package.check(tmp_path / "data/b.pt", "2" * 64)
    with pytest.raises(CheckpointError, match="is damaged or of another version"):
        package.check(tmp_path / "data/b.pt", "1" * 64)


def test_a_file_that_cannot_be_read_is_a_line(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.download("vgg19")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features_command, "sha256_of", refuse)
        assert main(["features"]) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith("vgg19     cannot be read (Permission denied): change the permissions of ")


def refuse(path: Path) -> str:
    raise PermissionError(13, "Permission denied")
