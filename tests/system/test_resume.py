"""Runs that are killed can be resumed, and nothing else can. test_kills.py kills them at any moment."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.pictures import FILES, OUT, picture
from PIL import Image

from painter import PaintConfig, cli
from painter.errors import AutosaveError
from painter.pipeline import find_strokes
from painter.search.search import Search
from painter.search.staged_run import Progress, Run
from painter.search.stroke_count import StrokeCountSearch, make_search
from painter.search.subject import Subject, prepare_subject
from painter.search.time_budget import StageBudget, TimeBudget
from painter.system.autosave import Autosave, AutosaveConfig
from painter.system.snapshot import MAGIC, dump, load
from painter.system.usage import Stopwatch
from renderers.brushes import BRUSHES, NETWORK_BRUSHES
from renderers.evaluation import random_strokes
from renderers.strokes import Strokes

ROOT = Path(__file__).resolve().parents[2]
ALWAYS = AutosaveConfig(seconds=0.0)
SMALL = PaintConfig(style="rectangle", size=48, strokes=20, iterations=24, focus="none", device="cpu")


def tensors(strokes: Strokes) -> dict[str, torch.Tensor]:
    return {**strokes.params, "colors": strokes.colors, "opacity": strokes.opacity, "seed": strokes.seed}


def same(a: Strokes | None, b: Strokes | None) -> bool:
    assert a is not None and b is not None
    return a.brush == b.brush and all(torch.equal(value, tensors(b)[name]) for name, value in tensors(a).items())


def a_subject(**options: Any) -> Subject:
    return prepare_subject(picture(), replace(SMALL, **options))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As a painting has it: with more threads, sums differ from time to time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# --- the state of a search ----------------------------------------------------------------------------------


def check_every(count: int, subject: Subject) -> Run:
    """Stop at every `count`th step, resume in a new search and compare the results; the uninterrupted search."""
    search, states = make_search(subject), []
    for progress in search.run():
        if progress.step % count == 1 % count:
            states.append((progress.step, dump(search.state())))
    states.append((progress.step, dump(search.state())))
    assert len(states) > 2
    for step, state in states:
        again = make_search(subject)
        again.restore(load(state))
        assert dump(again.state()) == state
        rest = list(again.run())
        assert [other.step for other in rest] == list(range(step + 1, progress.step + 1))
        assert same(again.strokes, search.strokes) and again.psnr == search.psnr
        assert dump(again.state()) == states[-1][1]
    return search


@pytest.mark.slow
@pytest.mark.parametrize("brush", list(BRUSHES)[:4])
def test_a_search_goes_on_from_any_step(brush: str, one_thread: None) -> None:
    check_every(5, a_subject(style=brush))


@pytest.mark.slow
def test_a_search_goes_on_from_each_of_its_steps(one_thread: None) -> None:
    search = check_every(1, a_subject(strokes=12, iterations=14))
    assert isinstance(search, Search) and sum(stage.steps > 0 for stage in search.stages()) > 5
    assert sum(stage.moved > 0 for stage in search.stages()) > 1


@pytest.mark.slow
def test_a_search_with_everything_goes_on(tmp_path: Path, one_thread: None) -> None:
    mask = tmp_path / "mask.png"
    Image.fromarray(np.tile(np.linspace(0, 255, 48, dtype=np.uint8), (36, 1))).save(mask)
    options = {"palette": "4", "region": str(mask), "focus": str(mask), "canvas": "transparent"}
    check_every(9, a_subject(style="watercolor", ot=0.05, min_size=0.05, levels=3, **options))


@pytest.mark.slow
def test_the_search_for_a_count_goes_on(one_thread: None) -> None:
    search = check_every(9, a_subject(size=32, strokes="auto", iterations=18))
    assert isinstance(search, StrokeCountSearch) and len(search.points) > 1


@pytest.mark.slow
def test_the_search_for_a_quality_goes_on(one_thread: None) -> None:
    search = check_every(17, a_subject(size=32, strokes=60, until_psnr=17.0, iterations=18))
    assert isinstance(search, StrokeCountSearch) and len(search._painted) > 1


def test_time_that_is_used_up_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("painter.search.time_budget.time.monotonic", lambda: now[0])
    pace = TimeBudget(10)
    pace.share_out([1, 3])
    stage = pace.stage(1000)
    stage.step()  # the clock starts
    now[0] += 1
    stage.step()
    states = pace.state(), stage.state()
    now[0] += 5000  # the machine was off
    again = TimeBudget(10)
    again.restore(states[0])
    resumed = StageBudget.restored(again, 1000, states[1])
    assert again.left() == pytest.approx(0.9) and resumed.done() == pytest.approx(0.4)
    now[0] += 3  # until the first step, for which kernels may be compiled
    assert again.left() == pytest.approx(0.9)
    resumed.step()
    now[0] += 1.5
    assert again.left() == pytest.approx(0.75) and resumed.done() == 1
    assert again.stage(5).state() == {"steps": 5, "begin": pytest.approx(0.25), "end": 1.0, "taken": 0}


# --- as bytes -----------------------------------------------------------------------------------------------


def a_tree() -> dict[str, Any]:
    shape = {"x": torch.tensor([0.1, float("nan")]), "y": torch.tensor([-0.0, 1e-40])}
    strokes = Strokes("brush", shape, torch.rand(2, 1, 3), torch.rand(2), torch.tensor([2**31 - 1, 0]))
    numbers: dict[str, Any] = {"big": 2**127 + 1, "third": 1 / 3, "none": None, "yes": True, "text": "ü\n", "empty": {}}
    return {"strokes": strokes, "list": [1, [strokes.opacity, torch.tensor(3.0)], []], "numbers": numbers}


def test_a_state_comes_back_to_the_bit() -> None:
    tree = a_tree()
    data = dump(tree)
    back = load(data)
    assert back["numbers"] == tree["numbers"] and back["list"][0] == 1 and back["list"][2] == []
    for name, values in tensors(tree["strokes"]).items():
        found = tensors(back["strokes"])[name]
        assert found.dtype == values.dtype and found.numpy().tobytes() == values.numpy().tobytes()
    assert back["list"][1][1].shape == () and torch.equal(back["list"][1][0], tree["strokes"].opacity)
    assert dump(tree) == data == dump(back)


def test_a_state_that_is_cut_or_altered_is_refused() -> None:
    data = dump(a_tree())
    random = np.random.default_rng(1)
    for length in [0, 1, len(MAGIC), len(MAGIC) + 32, len(data) - 1, *random.integers(0, len(data), 40)]:
        with pytest.raises(ValueError, match=r"not the state|damaged"):
            load(data[:length])
    for place in random.integers(0, len(data), 60):
        spoilt = bytearray(data)
        spoilt[place] ^= 1 << random.integers(8)
        with pytest.raises(ValueError, match=r"not the state|damaged"):
            load(bytes(spoilt))
    with pytest.raises(ValueError, match="damaged"):
        load(data + b"\0")


@pytest.mark.parametrize(
    "tree",
    [
        {"$tensor": 5},
        {"$tensor": []},
        {"a": {"$tensor": "tree"}},
        {"$strokes": 3},
        {"$strokes": {"brush": "a"}},
        {"$strokes": {"brush": 1, "params": 2, "colors": 3, "opacity": 4, "seed": 5}},
    ],
)
def test_a_tree_that_means_nothing_is_refused(tree: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        load(dump(tree))


# --- the file -----------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for the end of the process."""


def search_until(step: int | None, subject: Subject, autosave: Autosave) -> Strokes:
    """Search, and die before this step is saved."""

    def watch(progress: Progress) -> None:
        if progress.step == step:
            raise Killed

    return find_strokes(subject, Stopwatch(), watch, autosave).painting.strokes


def left_by(folder: Path, subject: Subject, step: int = 9) -> Path:
    """The autosave of a run that died before this step was saved."""
    autosave = Autosave(folder / "a.png", subject, config=ALWAYS)
    with pytest.raises(Killed):
        search_until(step, subject, autosave)
    assert list(folder.iterdir()) == [autosave.path]
    return autosave.path


@pytest.fixture(scope="module")
def plain() -> Subject:
    return a_subject()


@pytest.fixture(scope="module")
def expected(plain: Subject) -> Strokes:
    return find_strokes(plain, Stopwatch()).painting.strokes


@pytest.mark.slow
def test_a_run_that_died_is_gone_on_with(tmp_path: Path, plain: Subject, expected: Strokes) -> None:
    left_by(tmp_path, plain)
    lines: list[str] = []
    for step in (15, 16, None):
        autosave = Autosave(tmp_path / "a.png", a_subject(), True, lines.append, ALWAYS)
        if step is None:
            assert same(search_until(step, plain, autosave), expected)
            assert load(autosave.path.read_bytes())["steps"] == 24  # drawing and writing may be cut short, too
        else:
            with pytest.raises(Killed):
                search_until(step, plain, autosave)
    assert [line.split(",")[0] for line in lines] == [f"resuming after {steps} steps" for steps in (8, 14, 15)]
    # Killed while drawing: nothing is searched again.
    autosave = Autosave(tmp_path / "a.png", plain, True, lines.append, ALWAYS)
    assert same(search_until(1, plain, autosave), expected)
    autosave.path.with_name(f".{autosave.path.name}.0a1b2c3d.part.autosave").write_bytes(b"half")
    (tmp_path / "a.png").touch()
    autosave.close(finished=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.slow
def test_short_searches_leave_nothing(tmp_path: Path, plain: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    search_until(None, plain, Autosave(tmp_path / "a.png", plain))
    assert list(tmp_path.iterdir()) == []
    assert AutosaveConfig().seconds <= 15  # at most 30 s at risk, with a long step and drawing
    now = [0.0]

    def clock() -> float:
        now[0] += 0.5
        return now[0]

    monkeypatch.setattr("painter.system.autosave.time.monotonic", clock)
    saved: list[int] = []
    autosave = Autosave(tmp_path / "a.png", plain, config=AutosaveConfig(seconds=4.0))

    def keep(path: Path, tree: dict[str, Any]) -> None:
        saved.append(tree["steps"])
        path.touch()

    monkeypatch.setattr("painter.system.autosave.dump_into", keep)
    search_until(None, plain, autosave)
    assert saved == [8, 16, 24]


@pytest.mark.slow
def test_without_anything_kept_it_starts_from_the_beginning(tmp_path: Path, plain: Subject, expected: Strokes) -> None:
    lines: list[str] = []
    autosave = Autosave(tmp_path / "a.png", plain, True, lines.append, ALWAYS)
    assert same(search_until(None, plain, autosave), expected)
    assert lines == [f"--resume: no progress is saved beside {tmp_path / 'a.png'}; starting from the beginning"]


@pytest.mark.slow
@pytest.mark.parametrize("own", [True, False], ids=["its own name", "another's"])
def test_a_torn_file_is_refused_and_left_alone(own: bool, tmp_path: Path, plain: Subject) -> None:
    path = left_by(tmp_path, plain)
    whole = path.read_bytes()
    if not own:
        path = path.rename(tmp_path / ".a.png.00000000.autosave")
    for content in (b"", whole[:10], whole[:60], whole[: len(whole) // 2], whole[:-1], b"\x80\x04" + whole):
        path.write_bytes(content)
        with pytest.raises(AutosaveError) as caught:
            search_until(None, plain, Autosave(tmp_path / "a.png", plain, True, config=ALWAYS))
        line = str(caught.value)
        assert line.startswith(f"--resume: {path}: it is ") and line.endswith("it was left alone"), line
        assert "\n" not in line and "delete it to start from the beginning" in line
        assert path.read_bytes() == content and list(tmp_path.iterdir()) == [path]


def foreign(kind: str, folder: Path) -> tuple[Subject, str]:
    """A subject that differs from `plain`, and how the message describes it."""
    if kind == "picture":
        return prepare_subject(picture(6), SMALL), "started with another picture"
    if kind == "options":
        return a_subject(strokes=21, seed=3), "started with --strokes 21, --seed 3"
    mask = folder.parent / f"mask-{folder.name}.png"
    Image.fromarray(np.full((36, 48), 200, np.uint8)).save(mask)
    return a_subject(region=str(mask)), "started with another --region"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["picture", "options", "region"])
def test_a_foreign_file_is_refused_and_left_alone(kind: str, tmp_path: Path, plain: Subject, expected: Strokes) -> None:
    subject, difference = foreign(kind, tmp_path)
    path = left_by(tmp_path, subject)
    content = path.read_bytes()
    with pytest.raises(AutosaveError) as caught:
        search_until(None, plain, Autosave(tmp_path / "a.png", plain, True, config=ALWAYS))
    assert str(caught.value) == (
        f"--resume: {path}: it is of another painting ({difference}); resume it by the command that started it; "
        "it was left alone"
    )
    assert path.read_bytes() == content
    # Neither does a new run touch it.
    lines: list[str] = []
    autosave = Autosave(tmp_path / "a.png", plain, False, lines.append, ALWAYS)
    assert same(search_until(None, plain, autosave), expected)
    autosave.close(finished=True)
    assert path.read_bytes() == content and list(tmp_path.iterdir()) == [path]
    assert len(lines) == 1 and lines[0].startswith(f"{path}: left by a run with other options or another picture")


@pytest.mark.slow
def test_a_file_that_says_it_is_ours_and_is_not(tmp_path: Path, plain: Subject) -> None:
    path = left_by(tmp_path, plain)
    saved = load(path.read_bytes())
    other = load(left_by(tmp_path, plain).read_bytes())["search"]
    other["parameters"]["tensors"].pop()
    damaged: list[Any] = [None, [], {}, {**saved["search"], "at": 99}, {**saved["search"], "rng": {}}, other]
    for search in damaged:
        path.write_bytes(dump({**saved, "search": search}))
        with pytest.raises(AutosaveError, match="its content is not what this version of Impasto saves"):
            search_until(None, plain, Autosave(tmp_path / "a.png", plain, True))
    for tree in ({}, {**saved, "steps": "9"}, {**saved, "identity": 7}):
        path.write_bytes(dump(tree))
        with pytest.raises(AutosaveError, match="it is not an autosave"):
            search_until(None, plain, Autosave(tmp_path / "a.png", plain, True))


@pytest.mark.slow
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("nowhere", path)])
def test_what_is_no_file_is_left_alone(make: Callable[[Path], None], tmp_path: Path, plain: Subject) -> None:
    path = Autosave(tmp_path / "a.png", plain).path
    make(path)
    with pytest.raises(AutosaveError, match="not an autosave"):
        search_until(None, plain, Autosave(tmp_path / "a.png", plain, True))
    lines: list[str] = []
    autosave = Autosave(tmp_path / "a.png", plain, False, lines.append, ALWAYS)
    search_until(None, plain, autosave)
    autosave.close(finished=True)
    assert list(tmp_path.iterdir()) == [path] and len(lines) == 1
    assert lines[0].endswith("it is left alone, and no progress is saved while it is there")


@pytest.mark.slow
def test_a_forgotten_resume_loses_nothing(tmp_path: Path, plain: Subject, expected: Strokes) -> None:
    path = left_by(tmp_path, plain, 13)
    kept = path.read_bytes()
    lines: list[str] = []
    for step, steps in ((6, 12), (13, 12), (15, 14)):
        with pytest.raises(Killed):
            search_until(step, plain, Autosave(tmp_path / "a.png", plain, False, lines.append, ALWAYS))
        assert load(path.read_bytes())["steps"] == steps
        assert (path.read_bytes() == kept) == (steps == 12)
    assert lines[0].startswith(f"{path}: an earlier run of this reached 12 steps, and --resume continues it")
    assert same(search_until(None, plain, Autosave(tmp_path / "a.png", plain, True, config=ALWAYS)), expected)


@pytest.mark.slow
def test_a_full_disk_does_not_end_the_search(
    tmp_path: Path, plain: Subject, expected: Strokes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = left_by(tmp_path, plain, 4)
    kept = path.read_bytes()

    def fail(file: Path, tree: dict[str, Any]) -> None:
        with open(file, "wb") as stream:
            stream.write(dump(tree)[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("painter.system.autosave.dump_into", fail)
    lines: list[str] = []
    autosave = Autosave(tmp_path / "a.png", plain, True, lines.append, ALWAYS)
    assert same(search_until(None, plain, autosave), expected)
    assert lines[1:] == [f"cannot save progress to {path}: No space left on device; the painting continues without it"]
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == kept


@pytest.mark.slow
def test_another_machine_is_told_of(tmp_path: Path, plain: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    left_by(tmp_path, plain)
    monkeypatch.setattr("painter.system.autosave.machine", lambda: {"processor": "abacus"})
    lines: list[str] = []
    search_until(None, plain, Autosave(tmp_path / "a.png", plain, True, lines.append))
    assert len(lines) == 2 and lines[1].startswith("it was started on another machine or with other libraries")


def test_the_identity_is_of_what_decides(tmp_path: Path, plain: Subject) -> None:
    mask, copy = tmp_path / "mask.png", tmp_path / "copy.png"
    Image.fromarray(np.full((36, 48), 200, np.uint8)).save(mask)
    copy.write_bytes(mask.read_bytes())
    assert a_subject(device="auto").fingerprint() == plain.fingerprint() == a_subject(backend="cpu").fingerprint()
    masked = a_subject(region=str(mask)).fingerprint()
    assert masked == a_subject(region=str(copy)).fingerprint()
    Image.fromarray(np.full((36, 48), 199, np.uint8)).save(mask)
    different = [
        a_subject(**options).fingerprint()
        for options in ({"region": str(mask)}, {"style": "markerpen"}, {"ot": 0.5}, {"seconds": 5.0}, {"size": 47},
                        {"backend": "reference"}, {"brush": str(mask)}, {"palette": "3"}, {"palette": "#aabbcc"})
    ]  # fmt: skip
    different += [masked, plain.fingerprint(), prepare_subject(picture(6), SMALL).fingerprint()]
    assert all(a != b for k, a in enumerate(different) for b in different[:k])


# --- the command line ---------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a picture, that commands run in this process are given in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["paint.py"])
    Image.fromarray(picture()).save("in.png")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield tmp_path
    signal.signal(signal.SIGINT, before)


QUICK = ("--style", "rectangle", "--strokes", "12", "--size", "48", "--iterations", "12")


def test_a_torn_file_is_one_line_on_the_command_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torn = here / ".a.png.01234567.autosave"
    torn.write_bytes(MAGIC + bytes(50))
    before = {path.name for path in here.iterdir()}
    assert cli.main(["in.png", *QUICK, *OUT, "--resume", "--quiet"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err == (
        "paint.py: error: --resume: .a.png.01234567.autosave: it is damaged or incomplete (its sha256 differs); "
        "delete it to start from the beginning; it was left alone\n"
    )
    assert {path.name for path in here.iterdir()} == before


@pytest.mark.slow
def test_ctrl_c_keeps_the_way_on(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["in.png", *QUICK, *OUT]) == 0
    whole = {name: (here / name).read_bytes() for name in FILES}
    monkeypatch.setattr("painter.system.autosave.AutosaveConfig", lambda: ALWAYS)

    def press(self: Any, progress: Progress) -> None:
        if progress.step == 7:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("painter.cli.progress.ProgressBar.show", press)
        assert cli.main(["in.png", *QUICK, *OUT, "--overwrite"]) == 130
    assert "can be resumed by the same command with --resume" in capsys.readouterr().err
    assert len(list(here.glob(".a.png.*.autosave"))) == 1
    assert all((here / name).read_bytes() != content for name, content in whole.items())
    assert cli.main(["in.png", *QUICK, *OUT, "--overwrite", "--resume"]) == 0
    assert "resuming after 6 steps" in capsys.readouterr().err
    assert {name: (here / name).read_bytes() for name in FILES} == whole
    assert {path.name for path in here.iterdir()} == {"in.png", *FILES}


def test_tries_without_a_curve_are_no_state() -> None:
    """Found by `make fuzz-long`: the next number of strokes comes from the curve."""
    subject = a_subject(strokes=40, until_psnr=30.0)
    state = make_search(subject).state()
    strokes = random_strokes(NETWORK_BRUSHES[subject.brush], 5, torch.Generator().manual_seed(1))
    attempt = {"count": 5, "probing": False, "part": 1.0}
    for damage in ({"painted": [(5, 12.0)], "strokes": strokes, "psnr": 12.0}, {"attempt": attempt}):
        with pytest.raises(ValueError, match="there is no curve"):
            make_search(subject).restore({**state, **damage})


class Counted:
    """A run that counts, of something whose style options are in its fingerprint or not."""

    label = "painting"

    def __init__(self, **options: str | None) -> None:
        self.options, self.count = options, 0

    def fingerprint(self) -> dict[str, Any]:
        return {"picture": "abc", "--style-image": None, **self.options}

    def state(self) -> dict[str, Any]:
        return {"count": self.count}

    def restore(self, state: dict[str, Any]) -> None:
        self.count = state["count"]


def test_an_autosave_that_names_options_without_effect_is_resumed(tmp_path: Path) -> None:
    """Earlier versions kept the style's options even where there was no style; their defaults have changed since."""
    before = Counted(**{"--features": "vgg19", "--style-mode": "color"})
    before.count = 7
    old = Autosave(tmp_path / "a.png", before, config=AutosaveConfig(seconds=0.0))
    old.begin(before)
    old.step(before, 7)
    now, lines = Counted(), list[str]()
    resumed = Autosave(tmp_path / "a.png", now, resume=True, report=lines.append)
    resumed.begin(now)
    assert now.count == 7 and "resuming after 7 steps" in lines[0]
    resumed.close(finished=True)
    assert list(tmp_path.iterdir()) == []


def test_an_autosave_of_another_face_detector_is_refused(tmp_path: Path) -> None:
    before = Counted()
    old = Autosave(tmp_path / "a.png", before, config=AutosaveConfig(seconds=0.0))
    old.begin(before)
    old.step(before, 3)
    now = Counted(**{"face detector (IMPASTO_FACES=cascade)": "mtcnn"})
    with pytest.raises(AutosaveError, match=r"started with another face detector \(IMPASTO_FACES=cascade\)"):
        Autosave(tmp_path / "a.png", now, resume=True).begin(now)
