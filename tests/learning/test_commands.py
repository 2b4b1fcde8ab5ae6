"""`collection learn`, `generate` and `blend`: from folders to files, killed and resumed, and what they refuse."""

from __future__ import annotations

import json
import os
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from helpers.faces import save_faces
from helpers.forked import fork_context
from helpers.jobs import files_of
from helpers.learning import TINY, picture_at, read, short_run

from painter import cli
from painter.cli.commands import BAD_INPUT, INTERRUPTED
from painter.learning.learning import Paths, learn
from painter.learning.model_file import load_model
from painter.options.fields import option_name
from painter.options.learn import BlendConfig, GenerateConfig, LearnConfig
from painter.system.autosave import Autosave, AutosaveConfig

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked_workers")]


def learn_slowly(here: Path, folder: Path, pause: float) -> None:
    """Learn `folder` into x.model in `here`, with progress saved after every step, and rests."""
    os.chdir(here)
    run = short_run(read(folder))
    autosave = Autosave(Path("x.model"), run, resume=True, config=AutosaveConfig(0.0))
    autosave.begin(run)
    learn(run, Paths(Path("x.model")), autosave, lambda progress: time.sleep(pause))
    autosave.close(True)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_faces(tmp_path_factory.mktemp("data") / "faces", 110, 32)


@pytest.fixture(scope="module")
def robots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_faces(tmp_path_factory.mktemp("data") / "robots", 160, 32, robots=True)


@pytest.fixture(scope="module")
def learned(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What learning `faces` without an interruption gives: a model's file."""
    path = tmp_path_factory.mktemp("learned") / "entire.model"
    learn(short_run(read(faces)), Paths(path))
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, where networks are tiny."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("painter.learning.learning_config.Design", lambda: TINY)
    monkeypatch.setattr("painter.learning.generating.Design", lambda: TINY)
    return tmp_path


def collection(*words: object) -> int:
    """Run an action of `collection`; its exit code."""
    return cli.main(["collection", *map(str, words)])


def test_a_folder_becomes_a_model_and_a_model_pieces(
    here: Path, faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (faces / "images" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert collection("learn", faces, "-o", "x.model", "--pictures", 1000) == 0
    said = capsys.readouterr()
    assert "skipped: cannot read" in said.err and "broken.png" in said.err
    assert "110 pixel art of 32 x 32 pixels" in said.err and "bits a token" in said.err
    assert "wrote x.model: held-out pieces take" in said.out
    assert {path.name for path in here.iterdir()} == {"x.model", "x-samples.png", "x-losses.csv", "x-losses.png"}
    assert collection("learn", faces, "-o", "y.model", "--strict") == BAD_INPUT
    (faces / "images" / "broken.png").unlink()
    assert collection("generate", "x.model", "-o", "new", "--count", 5, "--seed", 3) == 0
    assert "5 pieces in new" in capsys.readouterr().out
    assert {path.name for path in (here / "new" / "images").iterdir()} == {f"{number}.png" for number in range(1, 6)}
    assert len(json.loads((here / "new/json/_metadata.json").read_text())) == 5
    assert collection("set-base-uri", "ipfs://CID", "new", "--quiet") == 0
    assert json.loads((here / "new/json/5.json").read_text())["image"] == "ipfs://CID/5.png"
    before = files_of(here / "new")
    assert collection("generate", "x.model", "-o", "new", "--count", 5, "--seed", 3, "--quiet") == 0
    assert files_of(here / "new") == before


def test_the_same_pictures_and_seed_give_the_same_bytes(here: Path, faces: Path, learned: Path) -> None:
    assert collection("learn", faces, "-o", "a.model", "--pictures", 1000, "--quiet") == 0
    assert (here / "a.model").read_bytes() == learned.read_bytes()


def test_two_folders_are_blended_in_one_command(here: Path, faces: Path, robots: Path) -> None:
    words = ("blend", faces, robots, "-o", "children", "--count", 6, "--pictures", 1000, "--quiet")
    assert collection(*words) == 0
    assert load_model(here / "children.model").names == ("faces", "robots")
    token = json.loads((here / "children/json/2.json").read_text())
    assert token["name"] == "faces x robots #2"
    time_before = (here / "children.model").stat().st_mtime_ns
    assert collection("blend", "children.model", "-o", "tops", "--count", 3, "--kind", "top", "--balance", 0.3) == 0
    assert collection(*words) == 0 and (here / "children.model").stat().st_mtime_ns == time_before


def test_pieces_are_painted_with_a_ledger(here: Path, learned: Path) -> None:
    words = ("generate", learned, "-o", "new", "--count", 2, "--paint", "marker", "--size", 96, "--strokes", 20)
    assert collection(*words, "--processes", 1) == 0
    assert picture_at(here / "new/images/1.png").shape[:2] == (96, 96)
    assert picture_at(here / "new/regions/1.png").shape[:2] == (96, 96)
    assert picture_at(here / "new/pieces/1.png").shape[:2] == (32, 32)
    assert (here / "new/ledger.sqlite").is_file() and (here / "new/contact.png").is_file()
    before = (here / "new/images/1.png").stat().st_mtime_ns
    assert collection(*words, "--processes", 1) == 0
    assert (here / "new/images/1.png").stat().st_mtime_ns == before


def test_a_run_killed_again_and_again_ends_with_the_same_bytes(tmp_path: Path, faces: Path, learned: Path) -> None:
    kills = 0
    for attempt in range(5):
        process = fork_context().Process(target=learn_slowly, args=(tmp_path, faces, 0.03 if attempt < 3 else 0.0))
        process.start()
        if attempt < 3:
            autosave = wait_for_autosave(tmp_path, process)
            time.sleep(0.3 * attempt)
            process.kill()
            kills += autosave
        process.join()
        if process.exitcode == 0:
            break
    assert kills >= 2 and process.exitcode == 0
    assert (tmp_path / "x.model").read_bytes() == learned.read_bytes()
    assert not list(tmp_path.glob(".*"))


def wait_for_autosave(folder: Path, process: BaseProcess) -> bool:
    """Wait until progress is saved anew; whether it was before the process ended."""
    start = time.time()
    while process.is_alive() and time.time() - start < 60:
        if any(path.stat().st_mtime > start for path in folder.glob(".*.autosave")):
            return True
        time.sleep(0.02)
    return False


def test_ctrl_c_is_exit_code_130_and_resume_finishes(
    here: Path, faces: Path, learned: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("painter.cli.collection.learn._SAVED_EVERY", 0.0)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt(self: object, progress: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    try:
        with monkeypatch.context() as patch:
            patch.setattr("painter.cli.collection.learn.LearnBar.show", interrupt)
            words = ("learn", faces, "-o", "x.model", "--pictures", 1000)
            assert collection(*words) == INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, before)
    assert "the model can be resumed by the same command with --resume" in capsys.readouterr().err
    assert collection(*words, "--resume") == 0
    assert "resuming after" in capsys.readouterr().err and load_model(here / "x.model").finished
    assert (here / "x.model").read_bytes() == learned.read_bytes()


def test_a_full_disk_keeps_the_progress(
    here: Path, faces: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("painter.cli.collection.learn._SAVED_EVERY", 0.0)
    words = ("learn", faces, "-o", "x.model", "--pictures", 1000)
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if "x.model." in path.name and not path.name.endswith(".autosave"):
            raise OSError(28, "No space left on device")
        return write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert collection(*words) == BAD_INPUT
    assert "cannot write x.model: No space left on device; free some space" in capsys.readouterr().err
    assert not (here / "x.model").exists() and list(here.glob(".x.model.*.autosave"))
    assert collection(*words, "--resume") == 0 and not list(here.glob(".x.model.*.autosave"))


def test_bad_requests_are_refused_in_one_line(
    here: Path, faces: Path, robots: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "there.model").touch()
    (here / "few").mkdir()
    requests = {
        "there is no such folder; name a folder of pictures": ("learn", "nowhere", "-o", "x.model"),
        "-o x.bin: the name of a model ends in .model; use x.model": ("learn", faces, "-o", "x.bin"),
        "it is named twice": ("learn", faces, faces, "-o", "x.model"),
        "3 folders: at most two collections": ("learn", faces, robots, here, "-o", "x.model"),
        "there.model: it exists; choose another name, or add --overwrite": ("learn", faces, "-o", "there.model"),
        "cannot write no/x.model: there is no such folder": ("learn", faces, "-o", "no/x.model"),
        "it has no pictures": ("learn", "few", "-o", "x.model"),
        "both choose how long": ("learn", faces, "-o", "x.model", "--minutes", 3, "--pictures", 2000),
        "--size 40: must be": ("learn", faces, "-o", "x.model", "--size", 40),
        "pixel art of 32 x 32 pixels; use --size 32": ("learn", faces, "-o", "x.model", "--size", 24),
        "there.model: it is not a model": ("generate", "there.model", "-o", "new"),
        "none.model: there is no such file": ("generate", "none.model", "-o", "new"),
        "--strokes 40: has no effect without --paint": ("generate", "there.model", "-o", "new", "--strokes", 40),
        "--upscale 2 with --paint: paintings have a --size of their own": (
            "generate",
            "there.model",
            "-o",
            "new",
            "--upscale",
            2,
            "--paint",
            "oil",
        ),
        "it is complete, unless you want another": ("learn", faces, "-o", "there.model", "--resume"),
        "--balance 2.0: must be a number from 0 to 1": ("blend", "there.model", "-o", "new", "--balance", 2),
        "there.model b.model: models that were learned apart cannot be blended; learn both": (
            "blend",
            "there.model",
            "b.model",
            "-o",
            "new",
        ),
        "--minutes: has no effect with a model": ("blend", "there.model", "-o", "new", "--minutes", 5),
        "--kind side: unknown; choose from mixed": ("blend", "there.model", "-o", "new", "--kind", "side"),
    }
    for expected, words in requests.items():
        assert collection(*words) == BAD_INPUT, words
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert expected in line, line


def test_every_option_is_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    for action, config in (("learn", LearnConfig), ("generate", GenerateConfig), ("blend", BlendConfig)):
        with pytest.raises(SystemExit):
            collection(action, "--help")
        text = capsys.readouterr().out
        assert all(option_name(name) in text for name in config.__dataclass_fields__)
