"""What may be asked of a painting, and what presets, files and the command line make of it together."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from painter import cli
from painter.cli.paint import make_parser, read_request
from painter.errors import OptionError
from painter.options.export import ExportConfig
from painter.options.fields import option_name
from painter.options.paint import STYLE_OPTIONS, PaintConfig
from painter.options.presets import PRESETS
from painter.options.toml import make_config, read_config_file

OTHER: dict[str, Any] = {  # a value other than the default for every field
    "style": "watercolor",
    "brush": "own/tuft.png",
    "strokes": 77,
    "until_psnr": 24.5,
    "seconds": 30.0,
    "size": 300,
    "seed": 9,
    "canvas": "#102030",
    "palette": "#102030,#ffffff",
    "tones": 5,
    "focus": "faces.png",
    "region": "mask.png",
    "min_size": 0.01,
    "max_size": 0.3,
    "opacity": "0.25:0.75",
    "levels": 6,
    "relief": 0.5,
    "texture": 0.3,
    "ground": "linen",
    "margin": 0.05,
    "pencil": 0.7,
    "mixing": "pigment",
    "loss": "l1",
    "ot": 0.05,
    "iterations": 30,
    "style_image": "waves.png",
    "style_mode": "texture",
    "style_weight": 2.0,
    "content_weight": 0.5,
    "content_loss": "features",
    "style_size": 400,
    "style_iterations": 12,
    "features": "vgg16",
    "weights": "vgg16.pth",
    "device": "cpu",
    "backend": "reference",
}


def alone(name: str) -> dict[str, Any]:
    """That field, and what it needs to mean anything."""
    needed = {"style_image": OTHER["style_image"]} if name in STYLE_OPTIONS else {}
    return {**needed, name: OTHER[name]}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that commands run in this process are given in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["paint.py"])
    return tmp_path


def parsed(*arguments: str) -> PaintConfig:
    """What these arguments ask for."""
    return read_request(make_parser(), list(arguments)).paint.config


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def as_toml(settings: dict[str, Any]) -> str:
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())


# --- one value ----------------------------------------------------------------------------------------------


def test_other_values_are_other_values_of_every_field() -> None:
    assert list(OTHER) == [spec.name for spec in fields(PaintConfig)]
    assert all(OTHER[spec.name] != spec.default for spec in fields(PaintConfig))


@pytest.mark.parametrize(
    "settings", [{}, OTHER, {"strokes": "auto", "focus": "auto"}, *(alone(name) for name in OTHER)]
)
def test_configurations_survive_dictionaries_and_json(settings: dict[str, Any]) -> None:
    config = PaintConfig(**settings)
    assert PaintConfig(**asdict(config)) == config
    assert PaintConfig(**json.loads(json.dumps(asdict(config)))) == config
    assert all(getattr(config, name) == value for name, value in settings.items())


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("style", "marker", "markerpen"),
        ("opacity", (0.2, 1), "0.2:1"),
        ("opacity", [0, 0.5], "0:0.5"),
        ("opacity", "0.10:1.0", "0.1:1"),
        ("opacity", "1e-7:1", "1e-07:1"),
        ("opacity", "-0.0:1", "0:1"),
        ("opacity", "0.7:0.7", "0.7:0.7"),
        ("palette", 8, "8"),
        ("palette", " #ffffff ", "#ffffff"),
        ("ot", 2, 2.0),
        ("min_size", 1, 1.0),
        ("brush", Path("tuft.png"), "tuft.png"),
        ("focus", Path("a") / "b.png", "a/b.png"),
    ],
)
def test_values_have_one_form(name: str, value: Any, kept: object) -> None:
    found: Any = getattr(PaintConfig(**{name: value}), name)
    assert found == kept and type(found) is type(kept)
    again: dict[str, Any] = {name: found}
    assert getattr(PaintConfig(**again), name) == kept


@pytest.mark.parametrize("limits", [(0.1, 1.0), (1 / 3, 2 / 3), (0.0, 1e-9), (0.1 + 0.2, 0.1 + 0.2)])
def test_opacities_lose_nothing_as_text(limits: tuple[float, float]) -> None:
    assert PaintConfig(opacity=limits).opacity_range() == limits  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("style", ("crayon", None, ["oil"], 3), "unknown; choose from oilpaintbrush, "),
        ("strokes", (0, 100_001, 2.0, "Auto", "500", None, True, []), "must be a whole number from 1 to 100000, or "),
        ("until_psnr", (9.99, 60.1, float("nan"), "24", True), "must be a number from 10 to 60"),
        ("seconds", (0.5, 86401, float("inf"), "1"), "must be a number from 1 to 86400"),
        ("min_size", (0, -0.1, 1.01, "0.1"), "must be a number from 1e-05 to 1"),
        ("max_size", (0.0, 10**400), "must be a number from 1e-05 to 1"),
        ("levels", (0, 9, 4.0, None), "must be a whole number from 1 to 8"),
        ("tones", (1, 17, 4.0, "4"), "must be a whole number from 2 to 16"),
        ("relief", (-0.1, 1.1, None), "must be a number from 0 to 1"),
        ("canvas", ("reddish", "#12345", 0, ["white"]), "unknown; choose from auto, white, black, transparent, "),
        ("focus", ("", 3, None), "must be the name of a file, or none or auto"),
        ("region", ("", 3, b"mask.png"), "must be the name of a file"),
        ("brush", ("", True), "must be the name of a file"),
        ("palette", ("", "  ", 1.5, True, ["#ffffff"]), "must be a number of colours, a file or "),
        ("opacity", ("1", "0:0", "0.5:0.4", "0:1.1", "-1:1", "nan:1", "0:1:1", "a:b"), "must be LO:HI, two numbers "),
        ("opacity", (0.5, (0.5,), (0, 1, 1), ("0", "1"), (False, True), (0, 10**400), None), "must be LO:HI, two "),
    ],
)
def test_values_that_are_refused(name: str, values: tuple[Any, ...], message: str) -> None:
    for value in values:
        with pytest.raises(OptionError) as caught:
            PaintConfig(**{name: value})
        assert str(caught.value).startswith(f"{option_name(name)} {value}: {message}")


def test_what_does_not_go_together() -> None:
    with pytest.raises(OptionError, match="--until-psnr with --strokes auto: both choose the number of strokes"):
        PaintConfig(until_psnr=25.0, strokes="auto")
    with pytest.raises(OptionError, match=r"--min-size 0\.3: must not be above --max-size, which is 0\.2"):
        PaintConfig(min_size=0.3, max_size=0.2)
    assert PaintConfig(min_size=0.2, max_size=0.2).until_psnr is None


def test_a_margin_that_covers_the_picture() -> None:
    PaintConfig(margin=0.2).check_margin(41, 100)
    PaintConfig(margin=0.2, texture=0.0).check_margin(10, 100)  # it has no effect
    for shape in ((40, 100), (100, 40), (1, 1000)):
        with pytest.raises(OptionError, match=r"^--margin 0\.2: covers a picture of .*; choose less than 0\.\d+"):
            PaintConfig(margin=0.2).check_margin(*shape)


def test_files_are_those_that_options_name() -> None:
    assert PaintConfig().files == PaintConfig(palette="12", focus="auto").files == {}
    assert PaintConfig(palette="#102030").files == {}
    assert PaintConfig(**{**OTHER, "palette": "gameboy.hex"}).files == {
        "brush": Path("own/tuft.png"),
        "palette": Path("gameboy.hex"),
        "focus": Path("faces.png"),
        "region": Path("mask.png"),
        "style_image": Path("waves.png"),
        "weights": Path("vgg16.pth"),
    }


# --- presets, files and the command line --------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_presets_say_something_else_than_the_defaults(name: str) -> None:
    config, default = make_config({}, preset=name), PaintConfig()
    changed = {spec.name for spec in fields(PaintConfig) if getattr(config, spec.name) != getattr(default, spec.name)}
    settings = PRESETS[name].settings
    assert changed | {"style"} == set(settings) | {"style"}
    assert all(getattr(config, key) == value for key, value in settings.items())
    assert parsed("--preset", name) == config
    if config.palette is not None:
        from painter.pictures.palette import check_palette_text

        check_palette_text(config.palette)


@pytest.mark.parametrize("separator", "-_")
def test_files_say_what_the_command_line_says(separator: str, here: Path) -> None:
    (here / "a.toml").write_text(as_toml({name.replace("_", separator): value for name, value in OTHER.items()}))
    given = [text for name, value in OTHER.items() for text in (option_name(name), as_text(value))]
    assert parsed("--config", "a.toml") == parsed(*given) == PaintConfig(**OTHER)


@pytest.mark.parametrize("name", OTHER)
def test_each_layer_covers_the_ones_before(name: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "preset": {"style": "rectangle", "strokes": 11, "device": "auto", "backend": "cpu"}.get(name, OTHER[name]),
        "default": getattr(PaintConfig(), name),
    }
    monkeypatch.setitem(PRESETS, "logo", type(PRESETS["logo"])("", {**alone(name), name: values["preset"]}))
    (here / "preset.toml").write_text('preset = "logo"\n')
    (here / "both.toml").write_text(as_toml({"preset": "logo", **alone(name)}))
    default: tuple[str, ...] = ()
    if values["default"] is not None:
        default = (option_name(name), as_text(values["default"]))
    assert getattr(parsed("--preset", "logo"), name) == values["preset"]
    assert getattr(parsed("--config", "preset.toml"), name) == values["preset"]
    assert getattr(parsed("--config", "both.toml"), name) == OTHER[name]
    # The default's own value, if it is really given, counts as well.
    expected = values["default"] if default else OTHER[name]
    assert getattr(parsed(*default, "--config", "both.toml", "--preset", "logo"), name) == expected


def test_the_command_lines_preset_beats_the_files(here: Path) -> None:
    (here / "a.toml").write_text('preset = "popart"\nstrokes = 40\n')
    config = parsed("--config", "a.toml", "--preset", "portrait", "--seed", "3")
    assert config == PaintConfig(style="oilpaintbrush", strokes=40, relief=0.4, seed=3)
    assert parsed("--config", "a.toml").tones == 4


def test_files_in_a_file_are_found_from_its_folder(here: Path) -> None:
    (here / "sets").mkdir()
    names = {"brush": "tuft.png", "region": "../mask.png", "focus": "./auto", "palette": "four.hex"}
    (here / "sets" / "a.toml").write_text(as_toml(names))
    config = make_config({}, Path("sets/a.toml"))
    assert (config.brush, config.region) == ("sets/tuft.png", "sets/../mask.png")
    assert (config.focus, config.palette) == ("sets/./auto", "sets/four.hex")
    (here / "a.toml").write_text(as_toml({**names, "region": os.path.abspath("mask.png")}))
    config = make_config({}, Path("a.toml"))
    assert (config.brush, config.region, config.focus) == ("tuft.png", str(here / "mask.png"), "./auto")
    (here / "sets" / "b.toml").write_text(as_toml({"focus": "auto", "palette": "12"}))
    assert make_config({}, Path("sets/b.toml")) == PaintConfig(focus="auto", palette="12")


def test_a_file_names_the_pictures_that_are_shown_later(here: Path) -> None:
    (here / "sets").mkdir()
    (here / "sets" / "a.toml").write_text('then = ["b.png", "../c.png"]\nshares = [1, 2, 1]\nstrokes = 40\n')
    (here / "sets" / "b.toml").write_text('then = "b.png"\n')

    def later(*arguments: str) -> tuple[tuple[str, ...], str | None]:
        found = read_request(make_parser(), list(arguments)).paint.later
        return found.then, found.shares.shares

    assert later("--config", "sets/a.toml") == (("sets/b.png", "sets/../c.png"), "1,2,1")
    assert later("--config", "sets/b.toml") == (("sets/b.png",), None)
    assert later("--config", "sets/b.toml", "--then", "d.png", "--then", "e.png") == (("d.png", "e.png"), None)
    assert later("--config", "sets/a.toml", "--shares", "2,1,1")[1] == "2,1,1"
    assert later() == ((), None)


def test_a_curve_is_of_one_picture(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.toml").write_text('then = "b.png"\n')
    assert cli.main(["suggest", "--config", "a.toml"]) == 2
    told = capsys.readouterr().err
    assert "--config a.toml: `suggest` is about paintings of one picture; leave out its then\n" in told
    with pytest.raises(OptionError, match=r"a\.toml: then is for paintings of several pictures"):
        make_config({}, Path("a.toml"))


def test_toml_has_its_own_ways_to_say_it(here: Path) -> None:
    (here / "a.toml").write_text("# mine\nopacity = [0.3, 1]\npalette = 8\not = 1\nstrokes = 1_000\n")
    assert read_config_file(Path("a.toml")) == {"opacity": "0.3:1", "palette": "8", "ot": 1.0, "strokes": 1000}
    (here / "empty.toml").write_text("")
    assert make_config({}, Path("empty.toml")) == PaintConfig()


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("strokes = \n", "--config a.toml: is not TOML: Invalid value (at line 1, column 11); write lines like"),
        ("strokes = 1\nstrokes = 2\n", "--config a.toml: is not TOML: Cannot overwrite a value"),
        (b"style = '\xff'\n", "--config a.toml: is not UTF-8 text"),
        pytest.param("x = " + "[" * 5000 + "]" * 5000, "--config a.toml: is not TOML: ", id="deep"),
        pytest.param("x = " + "1" * 5000, "--config a.toml: is not TOML: ", id="long"),
        ("strokes = '500'\n", "a.toml: strokes = '500': must be a whole number from 1 to 100000, or auto"),
        ("min-size = 0\n", "a.toml: min-size = 0: must be a number from 1e-05 to 1"),
        ("size = true\n", "a.toml: size = True: must be a whole number"),
        ("relief = [1]\n", "a.toml: relief = [1]: must be a number"),
        ("size.x = 3\n", "a.toml: size = {'x': 3}: must be a whole number"),
        ("region = 2024-01-01\n", "a.toml: region = datetime.date(2024, 1, 1): must be the name of a file"),
        ("style = 'crayon'\n", "a.toml: style = 'crayon': unknown; choose from oilpaintbrush"),
        ("preset = 'selfie'\n", "a.toml: preset = 'selfie': unknown; choose from portrait, logo, "),
        ("then = 3\n", "a.toml: then = 3: must be the name of a picture, or a list of names"),
        ("then = ['b.png', '']\n", "a.toml: then = ['b.png', '']: must be the name of a picture, or a list of names"),
        ("shares = '1'\n", "--shares 1: has no effect without --then"),
        ("then = 'b.png'\nshares = 'x'\n", "a.toml: shares = 'x': must be numbers from 0.01"),
        ("then = 'b.png'\nstrokes = 'auto'\n", "--then: needs a number of strokes"),
        ("preset = 3\n", "a.toml: preset = 3: unknown; choose from portrait"),
        ("min-size = 0.1\nmin_size = 0.1\n", "a.toml: 'min_size' is set twice, with - and with _; remove one"),
        ("min_size = 0.3\nmax_size = 0.2\n", "--min-size 0.3: must not be above --max-size, which is 0.2"),
        (
            "stroke = 3\nminsize = 1\n'zq\\n' = 1\n[paint]\nsize = 3\n",
            "a.toml: there is no option 'stroke' (did you mean strokes?), 'minsize' (did you mean min-size?), "
            "'zq\\\\n', 'paint' (a table; options are set outside of tables); --help lists",
        ),
        ("quiet = true\nimage = 'cat.png'\n", "a.toml: there is no option 'quiet', 'image'"),
        ("preset = 'logo'\nuntil_psnr = 20\nstrokes = 'auto'\n", "--until-psnr with --strokes auto: "),
        ("focus = 'faces.png'\n", "--focus faces.png: there is no such file; give a file, or none or auto"),
    ],
)
def test_bad_configuration_files(
    content: str | bytes, message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert refused(["--config", "a.toml"], here, capsys).startswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "none.toml"], "--config none.toml: cannot be read (No such file or directory); name a TOML file"),
        (["--config", "folder"], "--config folder: cannot be read (Is a directory)"),
        (["--preset", "selfie"], "--preset selfie: unknown; choose from portrait, logo, landscape, sketch, popart"),
        (["--until-psnr", "9"], "--until-psnr 9.0: must be a number from 10 to 60"),
        (["--until-psnr", "good"], "--until-psnr good: must be a number from 10 to 60"),
        (["--until-psnr", "20", "--strokes", "auto"], "--until-psnr with --strokes auto: "),
        (["--seconds", "0"], "--seconds 0.0: must be a number from 1 to 86400"),
        (["--min-size", "0.5", "--max-size", "0.1"], "--min-size 0.5: must not be above --max-size, which is 0.1"),
        (["--opacity", "0.5"], "--opacity 0.5: must be LO:HI"),
        (["--levels", "9"], "--levels 9: must be a whole number from 1 to 8"),
        (["--tones", "1"], "--tones 1: must be a whole number from 2 to 16"),
        (["--relief", "2"], "--relief 2.0: must be a number from 0 to 1"),
        (["--focus", "atuo"], "--focus atuo: there is no such file; give a file, or none or auto"),
        (["--region", "folder"], "--region folder: it is not a regular file; give a file"),
        (["--brush", ""], "--brush : must be the name of a file"),
        (["--palette", "1"], "--palette 1: "),
        (["--palette", "tubes:mauve"], "--palette tubes:mauve: there is no tube 'mauve'; choose from white, lemon, "),
        (["--mixing", "oils"], "--mixing oils: unknown; choose from srgb, pigment, glaze"),
        (["--pencil", "2"], "--pencil 2.0: must be a number from 0 to 1"),
        (["--palette", "#12345"], "--palette #12345: "),
        (["--palette", "none.hex"], "--palette none.hex: there is no such file; give a number of colours, a file or"),
        (
            ["--brush", "in.png", "-o", "in.png"],
            "cannot write in.png: it is the file given to --brush; choose another name",
        ),
        (["--region", "in.png", "-o", "./in.png"], "cannot write in.png: it is the file given to --region"),
        (
            ["--focus", "in.png", "-o", "a.png", "--report", "in.png"],
            "cannot write in.png: it is the file given to --focus",
        ),
        (["--palette", "four.hex", "--report", "four.hex"], "cannot write four.hex: it is the file given to --palette"),
        (["--config", "a.toml", "--report", "a.toml"], "cannot write a.toml: it is the file given to --config"),
        (["suggest", "--config", "a.toml", "-o", "in.png"], "cannot write in.png: it is the file given to --region"),
        (["suggest", "-o", "curve.pdf"], "cannot write curve.pdf: a curve is written as .png"),
        (["suggest", "-o", "none/curve.png"], "cannot write none/curve.png: the folder none does not exist"),
        (["suggest", "--report", "a.json"], "unrecognized arguments: --report"),
    ],
)
def test_bad_options(arguments: list[str], message: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "folder").mkdir()
    (here / "in.png").write_bytes(b"looked at later")
    (here / "four.hex").write_text("102030\nffffff\n")
    (here / "a.toml").write_text("region = 'in.png'\n")
    assert refused(arguments, here, capsys).startswith(message)


def refused(arguments: list[str], here: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Run and expect one line on standard error, exit code 2 and no new file; returns what follows 'error: '."""
    before = sorted(here.rglob("*"))
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    program = "paint.py suggest" if arguments[0] == "suggest" else "paint.py"
    assert out == "" and err.count("\n") == 1 and err.startswith(f"{program}: error: ")
    assert sorted(here.rglob("*")) == before
    return err.removeprefix(f"{program}: error: ")


# --- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "stem"),
    [([], "cat-oilpaintbrush"), (["--style", "oil", "--brush", "tufts/wide tuft.v2.png"], "cat-wide tuft.v2")],
)
def test_paintings_are_named_after_their_brush(arguments: list[str], stem: str) -> None:
    request = read_request(make_parser(), ["photos/cat.jpg", *arguments])
    assert request.outputs.paintings == (f"output/{stem}.png", f"output/{stem}.gif")
    assert request.outputs.strokes == f"output/{stem}.strokes.json"


def test_numbers_of_numpy_are_numbers() -> None:
    config = PaintConfig(strokes=np.int64(7), relief=np.float32(0.5), size=np.array(64), palette=np.int16(5))  # type: ignore[arg-type]
    assert config == PaintConfig(strokes=7, relief=0.5, size=64, palette="5")
    assert {type(getattr(config, name)) for name in ("strokes", "size")} == {int} and type(config.relief) is float
    export = ExportConfig(reverse=np.bool_(True), bit_depth=np.uint8(16), max_bytes=np.int64(5000))  # type: ignore[arg-type]
    assert export == ExportConfig(reverse=True, bit_depth=16, max_bytes=5000)
    for wrong in (np.float64(7.5), np.array([7]), np.bool_(True)):
        with pytest.raises(OptionError, match="--strokes"):
            PaintConfig(strokes=wrong)  # type: ignore[arg-type]
