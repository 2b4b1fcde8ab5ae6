"""What is written of a collection: metadata, tables, provenance, the contact sheet; links and verification.

The ledger here is a fake; test_collection_run.py has the real one.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from painter.batch.collection import writing
from painter.batch.collection.checking import check_recipe
from painter.batch.collection.contact import contact_sheet, shown_on_sheet
from painter.batch.collection.derived import Edition, derive
from painter.batch.collection.finishing import edition_of, finish
from painter.batch.collection.links import set_links
from painter.batch.collection.metadata import Links, Validator, make_metadata
from painter.batch.collection.provenance import provenance_hash
from painter.batch.collection.reading import read_recipe
from painter.batch.collection.recipe import Recipe
from painter.batch.collection.sampling import Token
from painter.batch.collection.schemas import read_schema
from painter.batch.collection.tokens import file_names
from painter.batch.collection.verifying import Finding, verify
from painter.batch.collection.writing import write_all
from painter.errors import OutputError, PictureError, RecipeError

RECIPE = """\
name = "Müßig & Söhne"
symbol = "MS"
description = "Number {number},\\nwith a comma, and \\"quotes\\""
size = 6
first = 0
[paint]
size = 64
strokes = 8
[metadata]
date = 2026-11-25
external_url = "https://example.com/{number}"
background_color = "#F6F4EE"
seller_fee_basis_points = 250
creators = [{address = "11111111111111111111111111111111", share = 100}]
[[axis]]
name = "Motif"
values = [{name = "Red", picture = "red.png"}, {name = "Blue", picture = "blue.png", weight = 2}]
[[axis]]
name = "Size"
display_type = "number"
max_value = 400
values = [{name = 100, strokes = 10}, {name = 400, strokes = 20}, {name = 2.5}]
[[axis]]
name = "Say, \\"hi\\""
values = ["Yes", "No"]
[[one_of_one]]
number = 3
name = "The One"
description = "Alone"
traits = {Motif = "Red", Mood = "Odd"}
"""


@dataclass
class Row:
    files: dict[str, Any]
    state: str = "done"
    reason: str = ""
    seconds: float = 1.0


@dataclass(frozen=True)
class Written:
    sha256: str


@dataclass
class FakeLedger:
    """A ledger in memory."""

    kept: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, Row] = field(default_factory=dict)

    def meta(self, key: str) -> str | None:
        return self.kept.get(key)

    def set_meta(self, key: str, value: str) -> None:
        self.kept[key] = value

    def rows(self) -> Mapping[str, Row]:
        return self.jobs


@dataclass
class Made:
    """A collection in a folder, its paintings stood in for by plain pictures."""

    recipe: Recipe
    tokens: list[Token]
    folder: Path
    ledger: FakeLedger

    def paint(self, *numbers: int) -> None:
        for token in self.tokens:
            if token.number in numbers:
                files = {}
                for name in file_names(self.recipe.output, token.number):
                    path = self.folder / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    if name.startswith("images"):
                        shade = (40 * token.number, 99, 200, 255 if token.number % 2 else 128)
                        Image.fromarray(np.full((48, 64, 4), shade, np.uint8)).save(path)
                    else:
                        path.write_bytes(name.encode())
                    files[name] = Written(hashlib.sha256(path.read_bytes()).hexdigest())
                self.ledger.jobs[str(token.number)] = Row(files)

    def edition(self) -> Edition:
        return edition_of(self.recipe, self.tokens, self.ledger)

    def finish(self) -> list[str]:
        return finish(self.folder, self.edition(), self.ledger)

    def verify(self) -> list[tuple[str, str]]:
        return [(f.kind, f.name) for f in verify(self.recipe, self.tokens, self.folder, self.ledger)]

    def json(self, number: int) -> Any:
        return json.loads((self.folder / f"json/{number}.json").read_text(encoding="utf-8"))


def make(tmp_path: Path, text: str = RECIPE) -> Made:
    for name, color in (("red.png", (200, 30, 30)), ("blue.png", (30, 30, 200))):
        Image.fromarray(np.full((24, 32, 3), color, np.uint8)).save(tmp_path / name)
    (tmp_path / "collection.toml").write_text(text, encoding="utf-8")
    checked = check_recipe(read_recipe(tmp_path / "collection.toml"))
    (tmp_path / "out").mkdir()
    return Made(checked.recipe, checked.tokens, tmp_path / "out", FakeLedger({"started": "1000"}))


@pytest.fixture
def made(tmp_path: Path) -> Made:
    collection = make(tmp_path)
    collection.paint(*range(6))
    collection.finish()
    return collection


# --- metadata -----------------------------------------------------------------------------------------------------


def test_the_metadata_is_what_marketplaces_read(made: Made) -> None:
    entry = made.json(0)
    token = made.tokens[0]
    assert entry == {
        "name": "Müßig & Söhne #0",
        "description": 'Number 0,\nwith a comma, and "quotes"',
        "image": "images/0.png",
        "external_url": "https://example.com/0",
        "background_color": "f6f4ee",
        "dna": token.dna,
        "edition": 0,
        "date": 1795564800000,
        "attributes": entry["attributes"],
        "compiler": "Impasto",
    }
    named = {a["trait_type"]: a for a in entry["attributes"]}
    assert {name: a["value"] for name, a in named.items()} == dict(token.traits)
    assert named["Size"]["display_type"] == "number" and named["Size"]["max_value"] == 400
    assert set(named["Motif"]) == {"trait_type", "value"}
    one = made.json(3)
    assert (one["name"], one["description"]) == ("The One", "Alone")
    assert one["attributes"] == [{"trait_type": "Motif", "value": "Red"}, {"trait_type": "Mood", "value": "Odd"}]
    assert json.loads((made.folder / "json/_metadata.json").read_text()) == [made.json(n) for n in range(6)]
    for n in range(6):
        Draft202012Validator(read_schema("opensea")).validate(made.json(n))


def test_metaplex_has_files_creators_and_royalties(made: Made) -> None:
    recipe = replace(made.recipe, output=replace(made.recipe.output, animations=True))
    links = Links("ipfs://IMG/", "ipfs://ANIM")
    entry = make_metadata(recipe, made.tokens, links, 5, "metaplex")[2]
    Draft202012Validator(read_schema("metaplex")).validate(entry)
    assert (entry["symbol"], entry["seller_fee_basis_points"], entry["image"]) == ("MS", 250, "ipfs://IMG/2.png")
    assert entry["properties"] == {
        "files": [
            {"uri": "ipfs://IMG/2.png", "type": "image/png"}, {"uri": "ipfs://ANIM/2.mp4", "type": "video/mp4"}
        ],
        "category": "video",
        "creators": [{"address": "11111111111111111111111111111111", "share": 100}],
    }  # fmt: skip
    plain = make_metadata(made.recipe, made.tokens, Links(), 5, "metaplex")[2]
    assert plain["properties"]["category"] == "image" and "animation_url" not in plain


@pytest.mark.parametrize(
    ("standard", "change", "message"),
    [
        ("opensea", {"animation_url": "ipfs://x/1.gif"}, "animation_url"), ("opensea", {"image": "x.mp4"}, "image"),
        ("opensea", {"background_color": "#ffffff"}, "background_color"), ("opensea", {"dna": "x"}, "dna"),
        ("opensea", {"attributes": [{"trait_type": "A", "value": "x", "display_type": "number"}]}, "attributes.0"),
        ("opensea", {"attributes": [{"trait_type": "A", "value": 1, "display_type": "bar"}]}, "display_type"),
        ("opensea", {"attributes": [{"value": 1}]}, "attributes.0"), ("opensea", {"extra": 1}, "it"),
        ("metaplex", {"symbol": "ELEVENCHARS"}, "symbol"), ("metaplex", {"seller_fee_basis_points": 10001}, "seller"),
        ("metaplex", {"properties": {"files": [], "category": "image", "creators": []}}, "files"),
        ("metaplex", {"name": "x" * 33}, "name"),
    ],
)  # fmt: skip
def test_schemas_refuse_what_marketplaces_refuse(
    made: Made, standard: str, change: dict[str, Any], message: str
) -> None:
    entry = make_metadata(made.recipe, made.tokens, Links(), 5, standard)[2]
    validate = Validator(standard)
    assert validate(entry) is None
    assert message in (validate({**entry, **change}) or "")


def test_metadata_that_a_schema_refuses_is_not_written(made: Made) -> None:
    recipe = replace(made.recipe, metadata=replace(made.recipe.metadata, background_color="#fff"))
    with pytest.raises(RecipeError, match=r":1: token 0: opensea does not accept background_color"):
        derive(replace(made.edition(), recipe=recipe))


def test_the_date_is_the_runs_start_where_the_recipe_has_none(tmp_path: Path) -> None:
    made = make(tmp_path, RECIPE.replace("date = 2026-11-25\n", ""))
    made.paint(1)
    made.finish()
    assert made.json(1)["date"] == 1000


# --- tables -------------------------------------------------------------------------------------------------------


def table(made: Made, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((made.folder / name).read_text(encoding="utf-8"), newline="")))


def test_the_drops_table_has_a_line_a_token_and_a_column_a_trait(made: Made) -> None:
    rows = table(made, "drop.csv")
    traits = ["attributes[Motif]", "attributes[Size]", 'attributes[Say, "hi"]', "attributes[Mood]"]
    assert list(rows[0]) == ["tokenID", "name", "description", "file_name", "external_url", *traits]
    assert [row["tokenID"] for row in rows] == list("012345")
    assert rows[0]["description"] == 'Number 0,\nwith a comma, and "quotes"' and rows[0]["file_name"] == "0.png"
    assert {name: rows[2][f"attributes[{name}]"] for name, _ in made.tokens[2].traits} == {
        name: str(value) for name, value in made.tokens[2].traits
    }
    assert rows[3]["attributes[Mood]"] == "Odd" and rows[3]["attributes[Size]"] == "" == rows[0]["attributes[Mood]"]
    cells = [cell for row in rows for cell in row.values()]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


def test_the_rarity_tables_tell_of_values_and_of_tokens(made: Made) -> None:
    values = {(row["trait"], row["value"]): row for row in table(made, "rarity.csv")}
    assert values["Motif", "Red"]["asked"] == "33.33 %" and values["Mood", "Odd"]["asked"] == "one of one"
    assert float(values["Motif", "Red"]["expected"]) == pytest.approx(5 / 3 + 1, abs=0.01)
    drawn = sum(dict(token.traits)["Motif"] == "Red" for token in made.tokens)
    assert values["Motif", "Red"]["drawn"] == str(drawn) and sum(int(v["drawn"]) for v in values.values()) == 5 * 3 + 2
    ranks = table(made, "ranking.csv")
    assert [row["tokenID"] for row in ranks] == list("012345")
    assert ranks[3]["rank"] == "1" and float(ranks[3]["score"]) > 1


# --- provenance ---------------------------------------------------------------------------------------------------


def test_provenance_is_the_hash_of_hashes(made: Made) -> None:
    digests = [hashlib.sha256((made.folder / f"images/{n}.png").read_bytes()).hexdigest() for n in range(6)]
    text = (made.folder / "provenance.txt").read_text(encoding="utf-8")
    assert hashlib.sha256("".join(digests).encode()).hexdigest() == provenance_hash(digests)
    assert f"\n{provenance_hash(digests)}\n" in text


@pytest.mark.parametrize("damaged", [False, True])
def test_the_commands_that_provenance_tells_of_work(made: Made, damaged: bool) -> None:
    if damaged:
        (made.folder / "images/2.png").write_bytes(b"else")
    text = (made.folder / "provenance.txt").read_text(encoding="utf-8")
    whole, single = re.findall(r"^    (.+)$", text, re.MULTILINE)
    done = subprocess.run(["bash", "-c", whole], cwd=made.folder, capture_output=True, text=True)
    assert (done.stdout.split()[0] in text) is not damaged
    done = subprocess.run(["bash", "-c", single], cwd=made.folder, capture_output=True, text=True)
    assert (done.returncode == 0 and not done.stdout) is not damaged


# --- what is there so far -----------------------------------------------------------------------------------------


def test_what_is_not_painted_is_not_told_of(tmp_path: Path) -> None:
    made = make(tmp_path)
    made.paint(1, 4)
    assert "provenance.txt" not in made.finish()
    assert sorted(path.name for path in (made.folder / "json").iterdir()) == ["1.json", "4.json", "_metadata.json"]
    assert len(table(made, "drop.csv")) == 2 and len(table(made, "ranking.csv")) == 6
    made.paint(*range(6))
    made.finish()
    assert not made.verify()
    del made.ledger.jobs["2"]
    made.finish()
    assert not (made.folder / "provenance.txt").exists() and not (made.folder / "json/2.json").exists()


def test_finishing_again_changes_nothing(made: Made) -> None:
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in made.folder.rglob("*") if path.is_file()}
    made.finish()
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in made.folder.rglob("*") if path.is_file()}
    assert before == after and len(before) == 6 * 3 + 6


def test_writing_many_keeps_what_was_there_when_the_disk_is_full(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.read_bytes() for path in made.folder.rglob("*") if path.is_file()}

    def full(path: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match=r"No space left on device; free some space"):
        write_all(made.folder, {"json/1.json": b"new", "drop.csv": b"new"})
    assert before == {path: path.read_bytes() for path in made.folder.rglob("*") if path.is_file()}
    assert not (made.folder / writing._STAGE).exists()


# --- the contact sheet --------------------------------------------------------------------------------------------


def test_the_contact_sheet_shows_all_tokens(made: Made) -> None:
    with Image.open(made.folder / "contact.png") as sheet:
        assert sheet.mode == "RGB" and sheet.size == (14 + 3 * 142, 14 + 2 * 158)
        # Token 5 is opaque, token 4 half transparent, on paper.
        assert sheet.getpixel((14 + 2 * 142 + 64, 14 + 158 + 64)) == (200, 99, 200)
        red, green, _ = sheet.getpixel((14 + 142 + 64, 14 + 158 + 64))
        assert abs(red - 205) < 3 and abs(green - 174) < 3


def test_the_last_picture_of_a_gif_is_shown(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (32, 32), color) for color in ("#000000", "#00ff00", "#ff0000")]
    frames[0].save(tmp_path / "1.gif", save_all=True, append_images=frames[1:])
    assert contact_sheet([(1, tmp_path / "1.gif")]).getpixel((78, 78)) == (255, 0, 0)
    (tmp_path / "2.gif").write_bytes(b"GIF89a")
    with pytest.raises(PictureError, match=r"2\.gif: it is damaged"):
        contact_sheet([(2, tmp_path / "2.gif")])


def test_of_many_tokens_some_are_shown() -> None:
    assert shown_on_sheet(range(5), 9) == [0, 1, 2, 3, 4]
    some = shown_on_sheet(range(10_000), 400)
    assert len(set(some)) == 400 and some[0] == 0 and some[-1] == 9999


# --- links --------------------------------------------------------------------------------------------------------


def test_links_are_rewritten_and_again_changes_nothing(made: Made) -> None:
    assert set_links(made.folder, Links("ipfs://CID/")) == 7
    assert set_links(made.folder, Links("ipfs://CID")) == 0
    assert made.json(4)["image"] == "ipfs://CID/4.png"
    made.ledger.set_meta("base_uri", "ipfs://CID")
    assert not made.verify(), "it is what is derived with that base"
    assert set_links(made.folder, Links("https://example.com/a")) == 7
    assert made.json(4)["image"] == "https://example.com/a/4.png"


@pytest.mark.parametrize("standard", ["opensea", "metaplex"])
def test_films_have_links_of_their_own(tmp_path: Path, standard: str) -> None:
    head = f'[output]\nanimations = true\n[metadata]\nstandard = "{standard}"'
    made = make(tmp_path, RECIPE.replace("[metadata]", head))
    made.paint(*range(6))
    made.finish()
    set_links(made.folder, Links("ipfs://I", "ipfs://A"))
    assert made.json(1)["animation_url"] == "ipfs://A/1.mp4"
    assert [row["animation_url"] for row in table(made, "drop.csv")][1] == "ipfs://A/1.mp4"
    if standard == "metaplex":
        assert [file["uri"] for file in made.json(1)["properties"]["files"]] == ["ipfs://I/1.png", "ipfs://A/1.mp4"]
    made.ledger.kept |= {"base_uri": "ipfs://I", "animation_base_uri": "ipfs://A"}
    assert not made.verify()


def test_links_of_damaged_metadata_are_left_alone(made: Made) -> None:
    (made.folder / "json/2.json").write_text('{"name": "x"}')
    with pytest.raises(OutputError, match=r"2.json: it is damaged"):
        set_links(made.folder, Links("ipfs://CID"))
    assert made.json(1)["image"] == "images/1.png"
    with pytest.raises(OutputError, match=r"there is no json/_metadata.json"):
        set_links(made.folder / "images", Links("ipfs://CID"))


# --- verifying ----------------------------------------------------------------------------------------------------


def test_a_whole_collection_is_well(made: Made) -> None:
    seen: list[tuple[int, int]] = []
    (made.folder / ".DS_Store").write_text("x")
    (made.folder / "ledger.sqlite").write_text("x")
    assert not verify(made.recipe, made.tokens, made.folder, made.ledger, lambda k, n: seen.append((k, n)))
    assert seen[-1] == (24, 24) and len(seen) == 24


def test_what_is_missing_changed_or_foreign_is_found(made: Made) -> None:
    folder = made.folder
    (folder / "images/1.png").unlink()
    (folder / "strokes/2.strokes.json").write_bytes(b"strokes/2.strokes.jsoN")
    (folder / "json/3.json").write_text("{}")
    (folder / "contact.png").unlink()
    (folder / "drop.csv").write_text("")
    (folder / "images/7.png").write_text("x")
    (folder / "more").mkdir()
    (folder / "more/notes.txt").write_text("x")
    made.ledger.jobs["5"].state, made.ledger.jobs["5"].reason = "failed", "no luck"
    found = verify(made.recipe, made.tokens, folder, made.ledger)
    kinds: dict[str, set[str]] = {}
    for finding in found:
        kinds.setdefault(finding.kind, set()).add(finding.name)
    assert kinds["missing"] == {"images/1.png", "contact.png", "images/5.png", "strokes/5.strokes.json"}
    assert kinds["changed"] >= {"strokes/2.strokes.json", "json/3.json", "drop.csv"}
    assert kinds["foreign"] >= {"images/7.png", "more/notes.txt", "json/5.json"}
    assert Finding("missing", "images/5.png", "it failed: no luck") in found
    assert [f.kind for f in found] == sorted((f.kind for f in found), key=["missing", "changed", "foreign"].index)
