"""Collections from recipe to folder with the real ledger and real, tiny paintings, through the command line."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from painter import cli

RECIPE = """\
name = "Tiny"
size = 4
[paint]
size = 64
strokes = 8
iterations = 4
brush = "brush.png"
[metadata]
date = 2026-11-25
[[axis]]
name = "Motif"
values = [{name = "Red", picture = "red.png"}, {name = "Blue", picture = "blue.png"}]
[[axis]]
name = "Tones"
values = [{name = "Two", tones = 2}, {name = "Four", tones = 4}, {name = "All"}]
"""

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.usefixtures("forked_workers")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe in a folder of its own, and what it names."""
    folder = tmp_path_factory.mktemp("collections")
    (folder / "my").mkdir()
    random = np.random.default_rng(1)
    for name, color in (("red.png", (200, 30, 30)), ("blue.png", (30, 30, 200))):
        noise = random.integers(0, 50, (24, 32, 3))
        Image.fromarray((np.array(color) + noise).astype(np.uint8)).save(folder / "my" / name)
    shape = np.zeros((16, 16), np.uint8)
    shape[4:12, 2:14] = 255
    Image.fromarray(shape).save(folder / "my/brush.png")
    (folder / "my/collection.toml").write_text(RECIPE)
    return folder


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "argv", ["paint.py"])
    return place


@pytest.fixture(scope="module")
def painted(place: Path) -> Iterator[Path]:
    """The collection, painted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr(sys, "argv", ["paint.py"])
        assert run("my/collection.toml", "-o", "out") == 0
    yield place / "out"


def run(*arguments: str) -> int:
    return cli.main(["collection", "run", *arguments, "--processes", "1", "--quiet"])


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and "ledger" not in path.name)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.slow
def test_a_collection_is_painted_whole(here: Path, painted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = set(contents(painted))
    assert names == {
        *(f"images/{n}.png" for n in range(1, 5)), *(f"strokes/{n}.strokes.json" for n in range(1, 5)),
        *(f"json/{n}.json" for n in range(1, 5)), "json/_metadata.json", "drop.csv", "rarity.csv", "ranking.csv",
        "provenance.txt", "contact.png",
    }  # fmt: skip
    assert cli.main(["collection", "verify", "my/collection.toml", "-o", "out"]) == 0
    assert capsys.readouterr().out == "all is well: 4 tokens in out\n"
    assert Path.cwd() == here


@pytest.mark.slow
def test_a_token_painted_alone_elsewhere_is_the_same(
    here: Path, painted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here / "my")
    assert run("collection.toml", "--only", "2-2,3", "-o", "../alone") == 0
    alone, whole = contents(here / "alone"), contents(painted)
    assert {"images/2.png", "strokes/3.strokes.json", "json/2.json"} <= set(alone)
    assert "images/1.png" not in alone and "provenance.txt" not in alone
    for name in ("images/2.png", "images/3.png", "strokes/2.strokes.json", "strokes/3.strokes.json", "json/2.json"):
        assert alone[name] == whole[name], name
    assert alone["rarity.csv"] == whole["rarity.csv"]


@pytest.mark.slow
def test_a_changed_recipe_needs_amend_and_keeps_what_did_not_change(
    here: Path, painted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = here / "my/collection.toml"
    before = {path: path.stat().st_mtime_ns for path in sorted((painted / "images").iterdir())}
    renamed = RECIPE.replace("[metadata]", '[metadata]\ntoken_name = "T{number}"')
    recipe.write_text(renamed.replace("tones = 4", "tones = 5"))
    try:
        assert run("my/collection.toml", "-o", "out") == 2
        assert "--amend" in capsys.readouterr().err
        assert cli.main(["collection", "verify", "my/collection.toml", "-o", "out", "--quiet"]) == 1
        assert "changed my/collection.toml: the recipe is not the one" in capsys.readouterr().out
        assert run("my/collection.toml", "-o", "out", "--amend") == 0
        entries = json.loads((painted / "json/_metadata.json").read_text())
        four = {e["edition"] for e in entries if {"trait_type": "Tones", "value": "Four"} in e["attributes"]}
        assert 0 < len(four) < 4 and entries[0]["name"] == "T1"
        after = {path: path.stat().st_mtime_ns for path in sorted((painted / "images").iterdir())}
        assert {int(path.stem) for path in after if after[path] != before[path]} == four
        assert cli.main(["collection", "verify", "my/collection.toml", "-o", "out", "--quiet"]) == 0
    finally:
        recipe.write_text(RECIPE)


@pytest.mark.slow
def test_links_stay_as_they_were_set(here: Path, painted: Path) -> None:
    assert run("my/collection.toml", "-o", "out", "--amend") == 0
    command = ["collection", "set-base-uri", "ipfs://CID", "out", "--quiet"]
    hashes = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in (painted / "images").iterdir()}
    assert cli.main(command) == 0 and cli.main(command) == 0
    assert json.loads((painted / "json/1.json").read_text())["image"] == "ipfs://CID/1.png"
    assert run("my/collection.toml", "-o", "out") == 0
    assert json.loads((painted / "json/1.json").read_text())["image"] == "ipfs://CID/1.png"
    assert hashes == {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in (painted / "images").iterdir()}
    assert cli.main(["collection", "verify", "my/collection.toml", "-o", "out", "--quiet"]) == 0
    assert run("my/collection.toml", "-o", "out", "--standard", "metaplex") == 0
    entry = json.loads((painted / "json/1.json").read_text())
    assert entry["properties"]["files"] == [{"uri": "ipfs://CID/1.png", "type": "image/png"}]
    assert cli.main(["collection", "verify", "my/collection.toml", "-o", "out", "--quiet"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "my/collection.toml", "-o", "my"], "it has other files (blue.png); choose a new or empty folder"),
        (["run", "my/collection.toml", "-o", "my/red.png"], "it is not a folder"),
        (["run", "none/collection.toml"], "there is no such file"),
        (["run", "my/collection.toml", "--only", "5"], "tokens are numbered from 1 to 4"),
        (["run", "my/collection.toml", "--only", "1-"], "must be token numbers such as 17,20-25"),
        (["verify", "my/collection.toml", "-o", "my"], "there is no collection in it"),
        (["set-base-uri", "CID", "out"], "must be an address"), (["set-base-uri", "ipfs://CID", "my"], "no collection"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_a_line(
    here: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["collection", *arguments]) == 2
    out, err = capsys.readouterr()
    assert message in err and err.count("\n") == 1 and not out


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["check", "my/collection.toml"], ["verify", "my/collection.toml", "-o", "out"]])
def test_nothing_but_painting_needs_torch(here: Path, painted: Path, arguments: list[str]) -> None:
    code = (
        "import sys; from painter.cli import main\n"
        "main(sys.argv[1:])\n"
        "print(sorted({'torch', 'numba'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, "collection", *arguments, "--quiet"]
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True)
    assert (done.stdout.splitlines()[-1], done.returncode) == ("[]", 0), done
