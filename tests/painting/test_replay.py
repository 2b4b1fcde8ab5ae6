"""The command `replay`: the same bytes as painting wrote, or what is asked for instead; and what it refuses."""

from __future__ import annotations

import errno
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from painter import PaintConfig, cli
from painter.errors import OptionError
from painter.options.list_kinds import Span
from painter.options.replay import ReplayConfig
from painter.painting.load import load_painting
from painter.painting.painting import Painting
from painter.painting.replay import with_overrides
from painter.painting.stroke_file import save_strokes

STYLES = ("markerpen", "oilpaintbrush")


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what painting wrote in each style: STYLE.png, .gif, .jpg, .webp, .mp4 and .strokes.json."""
    folder = tmp_path_factory.mktemp("painted")
    endings = (".png", ".gif", ".jpg", ".webp", ".mp4")
    for style in STYLES:
        outputs = [word for ending in endings for word in ("-o", str(folder / f"{style}{ending}"))]
        look = ["--relief", "0.5", "--canvas", "#204060"] if style == "oilpaintbrush" else []
        search = ["--style", style, "--strokes", "20", "--size", "48", "--iterations", "8"]
        assert cli.main([*search, *look, "--quiet", *outputs]) == 0
    return folder


@pytest.fixture
def here(painted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that commands are given in, beside one with paintings."""
    folder = tmp_path / "here"
    folder.mkdir()
    (tmp_path / "painted").symlink_to(painted)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["paint.py"])
    return folder


FILE = "../painted/markerpen.strokes.json"


def replay(*arguments: str, file: str = FILE) -> int:
    return cli.main(["replay", file, "--quiet", *arguments])


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


# --- the same again -----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_replay_writes_the_bytes_that_painting_wrote(style: str, painted: Path, here: Path) -> None:
    endings = [".png", ".gif", ".jpg", ".webp", ".mp4", ".strokes.json"]
    outputs = [word for ending in endings for word in ("-o", f"a{ending}")]
    assert replay(*outputs, file=f"../painted/{style}.strokes.json") == 0
    for ending in endings:
        assert (here / f"a{ending}").read_bytes() == (painted / f"{style}{ending}").read_bytes(), ending
    assert listing(here) == {f"a{ending}" for ending in endings}, "no stroke file that was not asked for"


def test_one_output_is_as_several(painted: Path, here: Path) -> None:
    assert replay("-o", "a.png") == 0
    assert (here / "a.png").read_bytes() == (painted / "markerpen.png").read_bytes()


@pytest.mark.slow
def test_default_names(painted: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in ("", "-2"):
        assert cli.main(["replay", FILE]) == 0
        assert capsys.readouterr().out.startswith(f"wrote output/markerpen{number}.png, output/markerpen{number}.gif")
    for name in ("markerpen", "markerpen-2"):
        assert (here / "output" / f"{name}.png").read_bytes() == (painted / "markerpen.png").read_bytes()
    assert cli.main(["replay", FILE, "--overwrite", "--size", "20"]) == 0
    assert len(listing(here / "output")) == 4
    assert pixels(here / "output" / "markerpen.png").shape == (20, 20, 4)


# --- other than it was --------------------------------------------------------------------------------------


def test_another_size_canvas_and_part_in_every_file(here: Path) -> None:
    """All outputs show the same strokes, on the same ground, at the same size."""
    asked = ["--size", "64", "--canvas", "#ff0000", "--strokes", "5:15", "--texture", "0"]
    assert replay(*asked, "-o", "a.png", "-o", "a.gif", "-o", "a.strokes.json.gz") == 0
    part = load_painting(FILE)
    expected = replace(part, strokes=part.strokes[5:15], ground=(1.0, 0.0, 0.0)).draw(64, texture=0.0)
    assert expected.shape == (64, 64, 3) and np.array_equal(pixels(here / "a.png"), expected)
    with Image.open(here / "a.gif") as gif:
        assert gif.size == (64, 64)
        assert (np.asarray(gif.convert("RGB"))[0, 0] == (255, 0, 0)).all()
    again = load_painting(here / "a.strokes.json.gz")
    assert (len(again.strokes), again.config.size, again.config.canvas) == (10, 64, "#ff0000")
    assert np.array_equal(again.draw(), expected)


def test_the_ground_is_the_painting_s_own_unless_it_is_asked_for(here: Path) -> None:
    file = "../painted/oilpaintbrush.strokes.json"
    for canvas in ("auto", "transparent", "black"):
        assert replay("--canvas", canvas, "-o", f"{canvas}.png", file=file) == 0
    assert (pixels(here / "auto.png").min(axis=(0, 1)) <= (32, 64, 96)).all()
    assert [pixels(here / f"{c}.png").shape[2] for c in ("auto", "transparent", "black")] == [3, 4, 3]
    assert not np.array_equal(pixels(here / "auto.png"), pixels(here / "black.png"))


def test_light(here: Path) -> None:
    file = "../painted/oilpaintbrush.strokes.json"
    for relief in ("0", "0.5", "1"):
        assert replay("--relief", relief, "-o", f"{relief}.png", file=file) == 0
        expected = load_painting(file).draw(relief=float(relief))
        assert np.array_equal(pixels(here / f"{relief}.png"), expected)
    assert (here / "0.5.png").read_bytes() == Path("../painted/oilpaintbrush.png").read_bytes()
    assert len({(here / f"{relief}.png").read_bytes() for relief in ("0", "0.5", "1")}) == 3


@pytest.mark.slow
def test_seconds_are_those_of_the_animation(here: Path) -> None:
    for name in ("--seconds", "--duration"):
        assert replay(name, "1", "--frames", "6", "--hold", "1", "-o", f"{name.strip('-')}.gif") == 0
    with Image.open(here / "seconds.gif") as gif:
        times = [gif.info["duration"] for k in range(gif.n_frames) if gif.seek(k) is None]
    assert sum(times) == 2000
    assert (here / "seconds.gif").read_bytes() == (here / "duration.gif").read_bytes()


@pytest.mark.parametrize(
    ("text", "count", "first"),
    [("5:15", 10, 5), (":7", 7, 0), ("18:", 2, 18), ("-4:", 4, 16), (":-15", 5, 0), (":", 20, 0), ("15:99", 5, 15)],
)
def test_parts_are_counted_as_in_python(text: str, count: int, first: int, painted: Path) -> None:
    painting = load_painting(painted / "markerpen.strokes.json")
    part = with_overrides(painting, ReplayConfig(strokes=text))
    assert len(part.strokes) == count
    assert (part.strokes.opacity == painting.strokes.opacity[first : first + count]).all()


def test_nothing_asked_for_changes_nothing(painted: Path) -> None:
    painting = load_painting(painted / "markerpen.strokes.json")
    for config in (ReplayConfig(), ReplayConfig(canvas="auto")):
        same = with_overrides(painting, config)
        assert (same.config, same.ground, same.aspect) == (painting.config, painting.ground, painting.aspect)
        assert len(same.strokes) == len(painting.strokes) and same.about == painting.about


# --- refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["5", "1:2:3", "a:b", "1.5:", "", 3, None, ":1e3"])
def test_spans(value: Any) -> None:
    with pytest.raises(ValueError, match="must be A:B"):
        Span().check(value)


@pytest.mark.parametrize("text", ["20:", "3:3", "9:2", ":-20"])
def test_a_part_without_strokes(text: str, painted: Path) -> None:
    painting: Painting = load_painting(painted / "markerpen.strokes.json")
    with pytest.raises(OptionError, match=f"^--strokes {text}: none is left; the painting has 20 strokes"):
        with_overrides(painting, ReplayConfig(strokes=text))


def test_a_margin_that_covers_the_sheet(painted: Path) -> None:
    painting: Painting = load_painting(painted / "markerpen.strokes.json")
    assert with_overrides(painting, ReplayConfig(margin=0.2)).config.margin == 0.2
    with pytest.raises(OptionError, match=r"--margin 0\.2: covers a picture of 100 x 30 pixels"):
        with_overrides(replace(painting, aspect=(30, 100)), ReplayConfig(margin=0.2, texture=0.6))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: FILE"),
        (["none.json"], "cannot read none.json: there is no such file"),
        ([".."], "cannot read ..: it is a folder"),
        ([FILE, "--size", "8"], "--size 8: must be a whole number from 16 to 8192"),
        ([FILE, "--canvas", "blue"], "--canvas blue: unknown; choose from auto"),
        ([FILE, "--strokes", "5"], "--strokes 5: must be A:B"),
        ([FILE, "--strokes", "500:"], "--strokes 500:: none is left; the painting has 20 strokes"),
        ([FILE, "--relief", "2"], "--relief 2.0: must be a number from 0 to 1"),
        ([FILE, "--style", "crayon"], "--style crayon: unknown"),
        ([FILE, "--style", "oil"], f"cannot read {FILE}: its brush is markerpen, not oilpaintbrush"),
        ([FILE, "--fps", "0"], "--fps 0.0: must be a number"),
        ([FILE, "--seed", "1"], "unrecognized arguments: --seed"),
        ([FILE, "-o", "a.bmp"], "cannot write a.bmp: there is no format"),
        ([FILE, "-o", "none/a.png"], "cannot write none/a.png: the folder none does not exist"),
        ([FILE, "-o", FILE], f"cannot write {FILE}: it is the input stroke file"),
        ([FILE, "-o", FILE, "--overwrite"], f"cannot write {FILE}: it is the input stroke file"),
        (["../painted/markerpen.jpg"], "cannot read ../painted/markerpen.jpg: "),
    ],
)
def test_bad_requests(
    arguments: list[str], message: str, painted: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = listing(painted)
    assert cli.main(["replay", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith(f"paint.py replay: error: {message}")
    assert not listing(here) and listing(painted) == before


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "interrupted; nothing more was written"),
        (MemoryError(), 2, "error: there is not enough memory"),
        (OSError(errno.ENOSPC, "No space left on device"), 2, "error: cannot write a.png: No space left on device"),
    ],
)
def test_trouble_on_the_way(
    error: BaseException, code: int, message: str, here: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def fail(_: int) -> None:
        raise error

    monkeypatch.setattr("os.fsync", fail)
    assert replay("-o", "a.png") == code
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith(f"paint.py replay: {message}")
    assert not listing(here)


def test_a_painting_of_one_s_own(here: Path) -> None:
    """A stroke file that a program wrote, without any painting by the command."""
    painting = load_painting(FILE)
    config = PaintConfig(style="markerpen", size=40)
    save_strokes(Painting(painting.strokes, (30, 40), None, config), here / "mine.strokes.json")
    assert replay("-o", "a.png", file="mine.strokes.json") == 0
    assert pixels(here / "a.png").shape == (30, 40, 4)
