"""Recipes of collections: where things stand in the file, what it says, and all that can be wrong with it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from painter import cli
from painter.batch.collection.checking import check_recipe
from painter.batch.collection.example import EXAMPLE, write_example
from painter.batch.collection.metadata import token_description
from painter.batch.collection.planning import duration, seconds_of, time_line
from painter.batch.collection.reading import read_recipe
from painter.batch.collection.recipe import recipe_digest
from painter.batch.collection.recipe_kinds import Color, Label, Link, Moment, Text
from painter.batch.collection.sampling import Token
from painter.batch.collection.toml_lines import locate
from painter.errors import RecipeError
from painter.options.paint import PaintConfig
from painter.options.toml import read_config_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NASTY = (
    r'''# comment with [brackets] and = signs
title = "a # b [c]"   # tail
"quoted \"key\" \u00e9" = 1
'lit.eral' = {x = 1, "y.z" = [1, 2,]}
a.b.c = """
multi = 1
[nottable]
\""" still ""\"
"""
a.b.d = '''
    + r"""'''
x = [
'''
nested = [[1, [2, "]"]], [
  3, # c ]
  {k = {m = "}"}},
], ]
date = 1979-05-27 07:32:00
[table] # c
k = -1.5e3
  [table.sub."x y"]
  k = true
[[axis]]
name = "A"
values = [
  {name = "Oil", weight = 5},
  # comment, [
  {name = "W,]}", palette = ["#ff0000", '#00ff00'], weight = 1} ,
  "bare",
]
[axis.extra]
q = 1
[[axis.sub]]
z = 1
[[axis.sub]]
z = 2
[axis.sub.deep]
r = 0
[[axis]]
name = "B"
[[axis.sub]]
z = 3
[one.two]
three = ""
[one]
seven = ''''quoted''''
"""
)

SMALL = """\
name = "Small"
size = 4

[paint]
size = 64
strokes = 8
iterations = 4

[[axis]]
name = "Motif"
values = [
  {name = "Red", picture = "red.png"},
  {name = "Blue", picture = "blue.png", weight = 0.1},
]

[[axis]]
name = "Style"
values = [{name = "Oil", style = "oil"}, {name = "Tape", style = "tape"}]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two pictures, in which commands are given."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["paint.py"])
    for name, color in (("red.png", (200, 30, 30)), ("blue.png", (30, 30, 200))):
        Image.fromarray(np.full((24, 32, 3), color, np.uint8)).save(tmp_path / name)
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "collection.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[str]:
    """What is wrong with a recipe, without the file's name: '12: …'."""
    path = write(folder, text)
    with pytest.raises(RecipeError) as caught:
        check_recipe(read_recipe(path))
    assert all(message.startswith(f"{path}:") and "\n" not in message for message in caught.value.problems)
    return [message.removeprefix(f"{path}:") for message in caught.value.problems]


# --- lines --------------------------------------------------------------------------------------------------------


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths(inner, (*path, key))


@pytest.mark.parametrize("text", [NASTY, EXAMPLE, SMALL, "", "a = 1", "[x]"])
def test_everything_in_a_document_has_a_line(text: str) -> None:
    assert set(locate(text).known) == set(paths(tomllib.loads(text)))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("title", "title ="), ('quoted "key" é', '"quoted'), (("lit.eral", "y.z", 1), "'lit.eral'"), ("date", "date ="),
        (("a", "b", "d"), "a.b.d"), (("nested", 1, 0), "  3,"), (("nested", 1, 1, "k", "m"), "  {k"),
        (("table", "sub", "x y", "k"), "  k = true"), (("axis", 0, "values", 1, "weight"), '  {name = "W'),
        (("axis", 0, "values", 2), '  "bare"'), (("axis", 0, "sub", 1, "deep", "r"), "r = 0"),
        (("axis", 1, "name"), 'name = "B"'), (("axis", 1, "sub", 0, "z"), "z = 3"), (("one", "seven"), "seven"),
    ],
)  # fmt: skip
def test_lines_are_where_things_stand(path: Any, line: str) -> None:
    path = (path,) if isinstance(path, str) else path
    assert NASTY.split("\n")[locate(NASTY).of(*path) - 1].startswith(line)


def test_what_is_not_there_is_looked_for_where_it_would_be() -> None:
    lines = locate(NASTY)
    assert lines.of("axis", 0, "values", 0, "no") == lines.of("axis", 0, "values", 0)
    assert lines.of("no", 3) == 1


# --- kinds of value -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "good", "kept"),
    [
        (Text(5), "ab cd", "ab cd"), (Text(9, lines=True), "a\nb", "a\nb"), (Label(), 3, 3), (Label(), -0.5, -0.5),
        (Link(), "ipfs://bafy/x", "ipfs://bafy/x"),
        (Link(), "https://é.example/a%20b?c=d&e#f", "https://é.example/a%20b?c=d&e#f"),
        (Link(placeholders=("number",)), "https://a/{number}", "https://a/{number}"),
        (Text(99, placeholders=("number",)), "{number} {} { x }", "{number} {} { x }"),
        (Color(), "#F6f4EE", "f6f4ee"), (Color(), "000000", "000000"),
        (Moment(), tomllib.loads("x = 1970-01-02")["x"], 86_400_000),
        (Moment(), tomllib.loads("x = 1970-01-01T01:00:00+01:00")["x"], 0), (Moment(), 5, 5),
    ],
)  # fmt: skip
def test_kinds_take(kind: Any, good: Any, kept: Any) -> None:
    assert kind.check(good) == kept


@pytest.mark.parametrize(
    ("kind", "invalid"),
    [
        (Text(5), "abcdef"), (Text(5), " "), (Text(5), "a\nb"), (Text(5), 3), (Text(5), "a\x07"), (Text(9), "=1+1"),
        (Text(9), "+x"), (Text(9), "-x"), (Text(9), "@x"), (Label(), True), (Label(), float("nan")), (Label(), "=x"),
        (Label(), 2**60), (Link(), "bafy"), (Link(), "https://a b"), (Link(), 'ipfs://x"y'), (Link(), "https://a/<b>"),
        (Link(), "https://a/{number}"), (Text(99, placeholders=("number",)), "{evil}"),
        (Link(placeholders=("number",)), "https://a/{evil}"), (Color(), "fff"), (Color(), 0), (Moment(), "now"),
    ],
)  # fmt: skip
def test_kinds_refuse(kind: Any, invalid: Any) -> None:
    with pytest.raises(ValueError, match=r"must be|formula|nothing to fill in"):
        kind.check(invalid)


# --- reading ------------------------------------------------------------------------------------------------------


def test_a_recipe_is_read(here: Path) -> None:
    recipe = read_recipe(write(here, SMALL + '[[rule]]\nwhen = {Motif = "Red"}\nrequires = {Style = "Oil"}\n'))
    assert (recipe.about.name, list(recipe.numbers), recipe.settings["strokes"]) == ("Small", [1, 2, 3, 4], 8)
    assert [axis.name for axis in recipe.axes] == ["Motif", "Style"]
    blue = recipe.axes[0].values[1]
    assert (blue.weight, blue.line, blue.settings) == (Fraction(1, 10), 13, {"picture": str(here / "blue.png")})
    assert recipe.axes[1].values[0].settings == {"style": "oilpaintbrush"}
    assert [exclusion.parts for exclusion in recipe.exclusions] == [((0, frozenset({0})), (1, frozenset({1})))]


def test_the_example_is_right_as_it_is(tmp_path: Path) -> None:
    path = write_example(tmp_path / "coins")
    checked = check_recipe(read_recipe(path))
    assert len(checked.tokens) == len(checked.jobs) == 64 and not checked.warnings
    assert checked.jobs[6].config.strokes == 400 and checked.tokens[6].one_of_one is not None
    assert path == tmp_path / "coins" / "collection.toml"
    assert write_example(tmp_path / "coins").parent == tmp_path / "coins-2"
    assert write_example(tmp_path / "coins", overwrite=True) == path


DAMAGES = {
    "size": [
        ('size = "4"', "must be a whole number"), ("size = 0", "must be a whole number"), ("", "size is missing"),
        ("size = 5", "only 4 unique combinations"), ("sise = 4", "did you mean size"),
        ("size = 4\nname2 = 1", "there is no option 'name2' here; did you mean name"),
    ],
    '{name = "Oil", style = "oil"}': [
        ('{name = "Oil", style = "crayon"}', "style = 'crayon': unknown"), ('{style = "oil"}', "name is missing"),
        ('{name = "Oil", strokes = 0}', "strokes = 0: must be"), ('{name = "Oil", weight = 0}', "weight = 0: must be"),
        ('{name = "Oil", weight = -1}', "weight = -1: must be"), ('{name = "=cmd()"}', "formula"),
        ('{name = "Oil", stroks = 3}', "did you mean strokes"), ('{name = "Oil", seed = 3}', "seed cannot be set"),
        ('{name = "Oil", seconds = 3}', "seconds cannot be set"), ('{name = "Oil", then = "a"}', "then cannot be set"),
        ('{name = "tape"}', "occurs twice"),
        ('{name = "Oil", count = 9}', "add up to 9 tokens, more than the 4"), ("true", "must be a line of text"),
        ('{name = "Oil", preset = "x"}', "preset = 'x': unknown"), ('{name = "Oil", brush = "no.png"}', "no.png"),
        ('{name = "Oil", palette = "#12"}', "is not a colour"),
        ('{name = "Oil", region = "collection.toml"}', "collection.toml"),
        ('{name = "Oil", count = 1, weight = 2}', "both a weight and a count"),
        ('{name = "Oil", picture = "red.png"}', "Style sets picture, but Motif sets it too"),
        ('{name = "Oil", min_size = 0.5, max_size = 0.1}', "--min-size 0.5: must not be above"),
    ],
    'picture = "red.png"': [
        ('picture = "no.png"', "no.png: there is no such file"), ("strokes = 9", "Motif Red has no picture"),
        ('picture = "collection.toml"', "not a picture"), ("picture = 3", "must be a line of text"),
    ],
    'name = "Style"': [
        ('name = "motif"', "the axis 'motif' occurs twice"), ("", "name is missing"),
        ("name = 3", "must be a line of text"),
        ('name = "Style"\ndisplay_type = "number"', "need numbers"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "damage", "message"),
    [(line, damage, message) for line, damages in DAMAGES.items() for damage, message in damages],
)
def test_what_is_wrong_is_said_with_its_line(here: Path, line: str, damage: str, message: str) -> None:
    good = "size = 4" if line == "size" else line
    text = SMALL.replace(good, damage, 1)
    found = problems(here, text)
    assert any(re.search(re.escape(message), problem) for problem in found), found
    if "is missing" not in message and "add up to" not in message:
        at = SMALL[: SMALL.index(good)].count("\n") + 1
        assert any(int(problem.split(":")[0]) - at in (0, 1) for problem in found), found


RULES = [
    ('when = {Stile = "Oil"}\nexcludes = {Motif = "Red"}', "there is no axis 'Stile'; did you mean Style"),
    ('when = {Style = "Oyl"}\nexcludes = {Motif = "Red"}', "Style has no value 'Oyl'; did you mean Oil"),
    ('when = {Style = "Oil"}', "needs excludes"), ('excludes = {Style = "Oil"}', "when is missing"),
    ('when = {Style = "Oil"}\nexcludes = {Style = "Tape"}', "on both sides"),
    ("when = 3\nexcludes = {}", "name an axis"),
    ('when = {Style = "Oil"}\nexcludes = {Motif = ["Red", "Blue"]}', "no token can have Style Oil"),
    ('when = {Style = ["Oil", "Tape"]}\nexcludes = {Motif = ["Red", "Blue"]}', "the rules allow no combination"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "message"), RULES)
def test_rules_that_cannot_be_are_refused(here: Path, rule: str, message: str) -> None:
    found = problems(here, SMALL + f"\n[[rule]]\n{rule}\n")
    assert any(message in problem for problem in found), found


def test_rules_that_contradict_each_other_are_named(here: Path) -> None:
    text = SMALL + '\n[[rule]]\nwhen = {Style = "Oil"}\nrequires = {Motif = "Red"}\n'
    text += '[[rule]]\nwhen = {Style = "Oil"}\nexcludes = {Motif = "Red"}\n'
    (message, *others) = problems(here, text)
    assert message.startswith("18: no token can have Style Oil") and message.endswith("see line 20, 23")
    assert not others


ONES = [
    ("name = 'x'", "number is missing"), ("number = 9", "there is no token 9; tokens are numbered from 1 to 4"),
    ("number = 1\n[[one_of_one]]\nnumber = 1", "the one-of-one 1 occurs twice"),
    ("number = 1\nstyle = 'x'", "unknown"),
    ("number = 1", "has no picture"),
    ("number = 1\ntraits = {motif = 'Red'}", "the one-of-one trait motif differs from the axis Motif only in case"),
    (
        "number = 1\npicture = 'red.png'\ntraits = {A = 1}\n[[one_of_one]]\nnumber = 2\npicture = 'red.png'\n"
        "traits = {A = 1}",
        "2 has the same traits as 1",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("one", "message"), ONES)
def test_one_of_ones_that_cannot_be_are_refused(here: Path, one: str, message: str) -> None:
    found = problems(here, SMALL + f"\n[[one_of_one]]\n{one}\n")
    assert any(message in problem for problem in found), found


METADATA = [
    ("background_color = 'fff'", "six hex digits"), ("external_url = 'example.com'", "an address"),
    ("standard = 'erc20'", "unknown"), ("creators = [{address = 'x', share = 100}]", "Solana address"),
    ("creators = [{address = '11111111111111111111111111111111', share = 99}]", "add up to 99"),
    ("creators = 3", "list of tables"), ("seller_fee_basis_points = 10001", "from 0 to 10000"),
    ("url = 'x'", "no option"),
    ("external_url = 'https://example.com/{evil}'", "nothing to fill in for {evil}; write {number}"),
    ("token_name = '{name} {nummer}'", "nothing to fill in for {nummer}; write {name} or {number} or {size}"),
    ("base_uri = 'ipfs://x\"y'", "an address"), ("base_uri = 'ipfs://{number}'", "an address"),
    ("standard = 'metaplex'\ntoken_name = 'a name that is much too long, no. {number}'", "names of at most 32 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), METADATA)
def test_metadata_that_no_marketplace_takes_is_refused(here: Path, line: str, message: str) -> None:
    found = problems(here, SMALL + f"\n[metadata]\n{line}\n")
    assert any(message in problem for problem in found), found


def test_what_is_filled_in_follows_the_recipe(here: Path) -> None:
    text = SMALL.replace("size = 4", 'size = 3\ndescription = "{number} of {size}: {name}"')
    text = text.replace('"Small"', '"The {number}"')  # what is filled in is not filled in again
    recipe = read_recipe(write(here, text))
    assert token_description(recipe, Token(2, (), None, None)) == "2 of 3: The {number}"
    assert "of 64:" not in EXAMPLE and "of {size}:" in EXAMPLE


def test_each_problem_stands_at_its_own_line_and_alone(here: Path) -> None:
    text = SMALL.replace("strokes = 8", 'strokes = 8\nbrush = "none.png"')
    (problem,) = problems(here, text)
    assert problem.startswith(f"7: --brush {here / 'none.png'}")
    text = SMALL + '[[one_of_one]]\nnumber = 1\ntraits = {Motif = "Red"}\nstyle = "oil"\npalette = "#12"\n'
    (problem,) = problems(here, text)
    assert problem.startswith("23: --palette #12")
    Image.new("L", (8, 2), 255).save(here / "wide.png")  # what it is for is not known yet, so its shape is not, either
    check_recipe(read_recipe(write(here, SMALL.replace("strokes = 8", 'strokes = 8\nregion = "wide.png"'))))


@pytest.mark.parametrize(
    ("good", "bad", "line"),
    [
        ('style = "oil"}', 'style = "oil", weight = -1}', "18: weight = -1"),
        ('style = "oil"}', 'style = "oil", count = 0}', "18: count = 0"),
        ('{name = "Oil", style = "oil"}', '{nam = "Oil", style = "oil"}', "18: name is missing"),
        ('name = "Style"', 'nam = "Style"', "16: name is missing"),
        ('name = "Style"', 'name = "Style"\nmax_value = "x"', "18: "),
        ("size = 4", "size = -4", "2: size = -4"),
    ],
)
def test_one_mistake_is_one_problem(good: str, bad: str, line: str, here: Path) -> None:
    rules = '\n[[rule]]\nwhen = {Style = "Oil"}\nexcludes = {Motif = "Red"}\n[[one_of_one]]\nnumber = 2\n'
    found = problems(here, (SMALL + rules).replace(good, bad, 1))
    assert found[0].startswith(line) and not any("no value" in one or "no axis" in one for one in found), found
    assert not any("there is no token" in one for one in found)


def test_options_of_files_that_nothing_goes_by_are_told(here: Path) -> None:
    path = write(here, SMALL + "\n[output]\nduration = 3\nbit-depth = 16\n")
    assert "duration in [output] has no effect on what is written" in check_recipe(read_recipe(path)).warnings


@pytest.mark.parametrize(
    "line",
    [
        "junk = {}", "seed = {}", "[paint]\nstrokes = {}", "[metadata]\ndate = {}",
        "[[axis]]\nname = 'a'\nmax_value = {}\nvalues = [1]", "[[axis]]\nname = 'a'\nvalues = [{}]",
        "[[axis]]\nname = 'a'\nvalues = [{{name = 1, weight = {}}}]", "[[one_of_one]]\nnumber = 1\ntraits = {{a = {}}}",
        "[[one_of_one]]\nnumber = {}", "[[rule]]\nwhen = {{Style = {}}}\nexcludes = {{Motif = 'Red'}}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("number", ["1" + "0" * 400, "0x" + "f" * 5000])
def test_numbers_larger_than_any(line: str, number: str, here: Path) -> None:
    line = line.format(number)
    text = 'name = "Small"\nsize = 4\n' if "[paint]" in line else SMALL
    found = problems(here, f"{text}\n{line}\n" if line.startswith("[") else f"{line}\n{text}")
    assert all(len(problem) < 300 for problem in found)


def test_a_byte_order_mark_is_no_statement(here: Path) -> None:
    path = write(here, "\ufeff" + SMALL)
    assert read_recipe(path).about.name == "Small"
    (here / "a.toml").write_bytes(b"\xef\xbb\xbfstrokes = 30\n")
    assert read_config_file(here / "a.toml") == {"strokes": 30}


def test_all_that_is_wrong_is_said_at_once(here: Path) -> None:
    text = SMALL.replace("size = 4", "size = 0").replace('"oil"', '"crayon"').replace("strokes = 8", "stroks = 8")
    assert [message.split(":")[0] for message in problems(here, text)] == ["2", "6", "18"]
    text = SMALL.replace("red.png", "no.png").replace("blue.png", "none.png").replace("size = 4", "size = 40", 1)
    found = problems(here, text)
    assert [message.split(":")[0] for message in found] == ["12", "13", "2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name = ", ":1: not valid TOML"), (b'name = "x"\nsize = = 3\n', ":2: not valid TOML"),
        (b"\xff\xfe", "not UTF-8 text"), (b"#" * 1_000_001, "more than 1000000 bytes"),
        (b"[paint]\n" + b"[" * 5000, "not valid TOML"), (b"axis = 3\nname='x'\nsize=1", ":1: axis must be a list"),
        (b"paint = 3\nname='x'\nsize=1", ":1: paint must be a table"),
    ],
)  # fmt: skip
def test_files_that_are_no_recipes_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "collection.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=re.escape(message)):
        read_recipe(path)
    with pytest.raises(RecipeError, match="there is no such file; `collection init`"):
        read_recipe(tmp_path / "none.toml")
    with pytest.raises(RecipeError, match="cannot be read"):
        read_recipe(tmp_path)


def test_a_recipes_digest_follows_what_it_says_and_its_pictures(here: Path) -> None:
    first = recipe_digest(read_recipe(write(here, SMALL)))
    assert recipe_digest(read_recipe(write(here, "# a remark\n" + SMALL.replace(" = ", "=")))) == first
    assert recipe_digest(read_recipe(write(here, SMALL.replace("0.1", "0.2")))) != first
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(here / "red.png")
    assert recipe_digest(read_recipe(write(here, SMALL))) != first


# --- the command --------------------------------------------------------------------------------------------------


def test_init_and_check(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["collection", "init", "coins"]) == 0
    assert "wrote coins/collection.toml" in capsys.readouterr().out
    assert cli.main(["collection", "check", "coins/collection.toml"]) == 0
    out, err = capsys.readouterr()
    assert re.search(r"^Ground +Gold leaf +3 tokens +3\.0 +3$", out, re.MULTILINE), out
    assert re.search(r"about .* with \d+ processes: .* core-seconds for each of 64 tokens", out) and not err


def test_check_lists_all_problems_and_says_2(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, SMALL.replace('"oil"', '"crayon"').replace("size = 4", "size = 0"))
    assert cli.main(["collection", "check", "collection.toml"]) == 2
    out, err = capsys.readouterr()
    assert not out and [line.split(":")[:2] for line in err.splitlines()] == [
        ["collection.toml", "2"], ["collection.toml", "18"]
    ]  # fmt: skip


def test_check_warns_where_weights_cannot_hold(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, SMALL)
    assert cli.main(["collection", "check", "collection.toml", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert not out and err.startswith("warning: the collection uses 100% of all 4 combinations")


@pytest.mark.parametrize("arguments", [[], ["paint"], ["check"], ["check", "none.toml"], ["init", "red.png"]])
def test_commands_that_make_no_sense_are_refused_in_a_line(
    here: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["collection", *arguments]) == 2
    out, err = capsys.readouterr()
    assert not out and err.count("\n") == 1


def test_time_is_guessed_from_what_is_left(here: Path) -> None:
    jobs = check_recipe(read_recipe(write(here, SMALL))).jobs
    larger = replace(jobs[0], config=PaintConfig(strokes=2000, size=512))
    filmed = replace(larger, files=(*larger.files, "animations/1.mp4"))
    assert 0 < seconds_of(jobs[0]) < 1 < 5 < seconds_of(larger) < seconds_of(filmed)
    assert "core-seconds for each of 4 tokens (a rough estimate" in time_line(jobs, {}, 2)
    done = {job.key: SimpleNamespace(state="done", seconds=30.0, reason="", files={}) for job in jobs}
    assert time_line(jobs, done, 2) == "all tokens are painted"
    del done["3"], done["4"]
    assert time_line(jobs, done, 2) == (
        "about 30 s with 2 processes: 30 core-seconds for each of 2 tokens (as measured on the 2 painted so far)"
    )
    assert duration(89) == "89 s" and duration(3600) == "60 minutes"


def test_every_option_of_a_recipe_is_documented() -> None:
    from painter.batch.collection.recipe import AboutConfig, MetadataConfig, OutputConfig

    text = (Path(__file__).parents[3] / "docs" / "collections.md").read_text(encoding="utf-8")
    for config in (AboutConfig, OutputConfig, MetadataConfig):
        for spec in fields(config):
            assert f"`{spec.name}`" in text, spec.name
