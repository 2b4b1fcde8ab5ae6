"""Damaged and hostile files: a few hundred of the cases of `make fuzz`, and the flaws that it has found."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from painter.errors import CheckpointError, ModelError, OptionError, PictureError, StrokeFileError
from painter.layers.hashlips import read_layers
from painter.learning.model_file import load_model
from painter.options.paint import PaintConfig
from painter.options.serving import StudioConfig
from painter.options.toml import MAX_BYTES, read_config_file
from painter.painting.bounded_json import parse_object
from painter.painting.load import load_painting
from painter.pictures.picture import load_picture
from painter.studio.library import Library
from painter.studio.requests import paint_request
from renderers.checkpoint import checkpoint_folder, load_networks
from scripts.fuzz import run, watch, worker
from scripts.fuzz.cases import collection_files
from scripts.fuzz.cases.mutations import CANARY
from scripts.fuzz.cases.picture_files import BOMBS, pictures

LINUX = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the watch reads /proc")


@pytest.mark.slow
@LINUX
def test_hostile_files_are_refused_in_one_line_or_harmless(tmp_path: Path) -> None:
    tally = run.fuzz(range(350), 3, tmp_path / "kept")
    assert not tally.failures, "\n".join(f"case {one.case} ({one.kind}): {one.wrong}" for one in tally.failures)
    assert tally.cases == 350 and set(tally.kinds) == {*worker.KINDS, "bomb"}
    for kind in worker.KINDS:  # some files must pass, or nothing behind the readers is tried
        assert 0 < tally.refused[kind] < tally.kinds[kind] + (kind in worker.NEVER_READ), kind


@pytest.mark.slow
@LINUX
def test_the_watch_sees_what_goes_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of failure, made on purpose in a process that runs a script of its own."""
    script = tmp_path / "bad.py"
    script.write_text(BAD)
    monkeypatch.setattr(run, "WORKER", (str(script),))
    monkeypatch.setattr(run, "MAX_SECONDS", 0.5)
    monkeypatch.setattr(run, "MAX_MB", 200.0)
    tally = run.fuzz(range(4), 0, tmp_path)
    wrong = {one.case: one.wrong or "" for one in tally.failures}
    assert set(wrong) == {0, 1, 2} and tally.cases == 4
    assert wrong[0].startswith("stopped after") and wrong[1].startswith("stopped after")
    assert wrong[2] == "the process died with exit code 7"


BAD = """\
import sys, os
sys.stdin.readline()
print("ready", flush=True)
for line in sys.stdin:
    case = int(line)
    while case == 0: pass
    while case == 1: hold = bytearray(b"x") * 2**28
    if case == 2: os._exit(7)
    print('{"case": %d, "kind": "good"}' % case, flush=True)
"""


def test_breaches_are_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in" / "out").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "in")
    opened = watch.Opened()
    opened.root = str(tmp_path)
    try:
        opened.write("ours", b"")
        Path("out/a.png").write_bytes(b"")
        Path("ours").read_bytes()
        assert not opened.breaches
        Path("../b.png").write_bytes(b"")
        Path("out/a.png").rename("out/../c.png")
        opened.strict = True
        with pytest.raises(FileNotFoundError):
            Path("x", "..", CANARY).read_bytes()
        assert [note.split()[0] for note in opened.breaches] == ["open", "os.rename", "open"]
    finally:
        opened.ours = True  # an audit hook stays forever


def test_a_half_written_picture_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(pictures()[0][1][:-300])
    with pytest.raises((OSError, SyntaxError)):
        worker.check_complete(path)
    svg = tmp_path / "a.svg"
    svg.write_text('<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>')
    with pytest.raises(watch.Wrong, match="script"):
        worker.check_complete(svg)


@pytest.mark.slow
def test_cases_are_the_same_each_time() -> None:
    for name in ("picture", "stroke_file", "config_file", "checkpoint", "autosave"):
        make = getattr(worker, name)
        made: list[Any] = [make(random.Random(f"3-{n}")) for n in (*range(12), *range(12))]
        assert made[:12] == made[12:] and len(set(made)) > 6


# --- what it has found --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("strokes = 0x" + "f" * 5000, "strokes = a huge number: must be a whole number from 1 to 100000, or auto"),
        ("strokes = [" + "0," * 900 + "]", "strokes = [0, 0, 0, 0, 0"),
        ("a" + ".a" * MAX_BYTES + " = 1", f"has more than {MAX_BYTES} bytes"),
        ("\n".join(f"x{n} = 1" for n in range(900)), "there is no option 'x0', 'x1', 'x2', 'x3', 'x4' and 895 more;"),
    ],
)
def test_configurations(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(OptionError) as caught:
        read_config_file(path)
    assert expected in str(caught.value) and len(str(caught.value)) < 300 + len(str(path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    for name in ("a.toml", "manifest.json"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(OptionError, match="not a regular file"):
        read_config_file(tmp_path / "a.toml")
    with pytest.raises(CheckpointError, match="not a regular file"):
        load_networks("rectangle", tmp_path)


@pytest.mark.parametrize(
    "file", [5, None, "", ".", "..", "../rectangle.safetensors", "/etc/passwd", "a\0b", "a\nb", "a" * 5000]
)
def test_manifests_name_files_of_their_own_folder(tmp_path: Path, file: Any) -> None:
    path = checkpoint_folder() / "rectangle.safetensors"
    (tmp_path / "in").mkdir()
    for folder in (tmp_path, tmp_path / "in"):
        shutil.copyfile(path, folder / "rectangle.safetensors")
    entry = {"file": file, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    (tmp_path / "in" / "manifest.json").write_text(json.dumps({"brushes": {"rectangle": entry}}))
    with pytest.raises(CheckpointError, match=r"is not a checkpoint manifest|cannot be read") as caught:
        load_networks("rectangle", tmp_path / "in")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_are_finite(tmp_path: Path, value: float) -> None:
    weights = dict(load((checkpoint_folder() / "rectangle.safetensors").read_bytes()))
    name = next(iter(weights))
    weights[name] = weights[name].copy()
    weights[name].flat[0] = value
    content = save(weights)
    entry = {"file": "a.safetensors", "sha256": hashlib.sha256(content).hexdigest()}
    (tmp_path / "a.safetensors").write_bytes(content)
    (tmp_path / "manifest.json").write_text(json.dumps({"brushes": {"rectangle": entry}}))
    with pytest.raises(CheckpointError, match="does not fit"):
        load_networks("rectangle", tmp_path)


def test_a_picture_with_a_palette_but_no_palette(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    missing = [bomb() for bomb in BOMBS[5:6]]
    path.write_bytes(missing[0])
    with pytest.raises(PictureError, match="this PNG is damaged"):
        load_picture(path, 8)


def test_numbers_that_are_slow_to_read_are_few(tmp_path: Path) -> None:
    path = tmp_path / "a.strokes.json"
    for number, expected in ((b"6.8985865317742003e-309", "more lists, values"), (b"6.9e-29", "its 'format' is not")):
        path.write_bytes(b'{"a": [' + number + (b"," + number) * 6000 + b"]}")
        with pytest.raises(StrokeFileError, match=expected):
            load_painting(path)


def test_collecting_goes_on_after_reading() -> None:
    assert gc.isenabled()
    parse_object("{}")
    with pytest.raises(StrokeFileError):
        parse_object("{")
    assert gc.isenabled()


@pytest.mark.parametrize(("name", "value"), [("style", "\u202egnp"), ("seed", "a\0.png"), ("canvas", "b" * 5000)])
def test_values_are_shown_in_one_short_line(name: str, value: str) -> None:
    with pytest.raises(OptionError) as caught:
        PaintConfig(**{name: value})  # type: ignore[arg-type]
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1200


@pytest.mark.slow
def test_a_page_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    library = Library(tmp_path, megapixels=1)
    picture = library.add_picture(library.temporary(pictures()[0][1]), "a.png")["id"]
    for asked in ({"config": {"\x1b[31m\n": 1}}, {"files": {"\x1b[2J" * 900: "x"}}):
        with pytest.raises(OptionError) as caught:
            paint_request({"picture": picture, **asked}, library, StudioConfig())
        assert str(caught.value).isprintable() and len(str(caught.value)) < 200


def test_models_that_promise_too_much(tmp_path: Path) -> None:
    """With a digest that is right for what was changed."""
    manifest, arrays = collection_files.good_model()
    path = tmp_path / "a.model"
    path.write_bytes(collection_files.packed(manifest, arrays))
    assert load_model(path).names == ("tiny",)
    networks = manifest["networks"]
    wrong: tuple[dict[str, Any], ...] = (
        {"figures": 3.0}, {"channels": float("inf")}, {"form": {**manifest["form"], "size": 0}},
        {"networks": {**networks, "transformer": {**networks["transformer"], "layers": 100_000}}},
        {"networks": {**networks, "tokenizer": {**networks["tokenizer"], "width": 20_000}}}, {"networks": []},
        {"version": float("inf")},
    )  # fmt: skip
    for changed in wrong:
        path.write_bytes(collection_files.packed({**manifest, **changed}, arrays))
        with pytest.raises(ModelError, match=r"it is (damaged|not a model)"):
            load_model(path)


def test_constants_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "Hat").mkdir()
    (tmp_path / "Hat" / "Top.png").write_bytes(pictures()[0][1])
    for text in ("layerConfigurations = wrong;", "layerConfigurations = 5;", "x = 1;"):
        config = "const network = NETWORK.sol;\nconst solanaMetadata = { creators: 5 };\nconst " + text
        (tmp_path / "config.js").write_text(config)
        assert [layer.name for layer in read_layers(tmp_path).layers] == ["Hat"]
