"""What the command line paints. As a subprocess wherever that is what matters."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from helpers.cli_runs import QUICK, forked, listing, run, save_picture
from helpers.cli_runs import here as here  # the fixture
from PIL import Image

from painter import PaintConfig, cli
from painter.pictures.samples import sample_path


@pytest.fixture(scope="module")
def default_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A run without an IMAGE, in its own folder."""
    folder = tmp_path_factory.mktemp("default")
    return folder, run(*QUICK, "--report", "report.json", cwd=folder)


@pytest.mark.slow
def test_without_arguments_the_sample_is_painted(
    default_run: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = default_run
    assert done.returncode == 0, done.stderr
    paintings = [f"output/octahedron-markerpen{ending}" for ending in (".png", ".gif", ".strokes.json")]
    assert listing(folder) == {"output", *paintings, "report.json"}
    wrote, figures = done.stdout.splitlines()
    assert wrote == f"wrote {', '.join(paintings)}, report.json"
    assert figures.startswith("12 strokes, PSNR ")
    assert "12 strokes" in done.stderr and "dB" in done.stderr and "colours" in done.stderr
    assert "Warning" not in done.stderr


@pytest.mark.slow
def test_transparent_background_stays(default_run: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = default_run
    with Image.open(folder / "output/octahedron-markerpen.png") as image:
        assert (image.mode, image.size) == ("RGBA", (48, 48))
        alpha = np.asarray(image.getchannel("A"))
    assert alpha[0, 0] == alpha[-1, -1] == 0 and alpha.max() > 200
    with Image.open(folder / "output/octahedron-markerpen.gif") as gif:
        assert gif.size == (48, 48) and gif.n_frames > 6
        gif.seek(gif.n_frames - 1)
        last = np.asarray(gif.convert("RGBA"))[..., 3]
    assert (last[0, 0], last.max()) == (0, 255)


@pytest.mark.slow
def test_report(default_run: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = default_run
    report = json.loads((folder / "report.json").read_text())
    assert report["config"] == {
        **{spec.name: spec.default for spec in fields(PaintConfig)},
        **{"style": "markerpen", "strokes": 12, "size": 48, "iterations": 10},
    }
    digest = hashlib.sha256(sample_path().read_bytes()).hexdigest()
    assert report["input"] == {"name": "octahedron", "sha256": digest, "width": 512, "height": 512}
    assert (report["strokes"], report["ground"], report["interrupted"]) == (12, "transparent", False)
    endings = (".png", ".gif", ".strokes.json")
    assert report["outputs"] == [f"output/octahedron-markerpen{ending}" for ending in endings]
    assert 5 < report["psnr"] < 60 and 0 < report["l1"] < 0.5 and 0 < report["ssim"] < 1
    assert 0.3 < report["alpha_iou"] <= 1
    seconds = report["seconds"]
    assert {"load", "search", "draw", "write", "total"} <= set(seconds)
    in_turn = [value for name, value in seconds.items() if name not in ("total", "measure")]
    assert seconds["total"] >= max(sum(in_turn) - 0.01, seconds["measure"]), "it is measured while files are written"
    assert report["peak_rss_mb"] > 100 and report["version"]


@pytest.mark.slow
def test_same_seed_same_bytes(default_run: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    folder, _ = default_run
    done = forked(str(sample_path()), *QUICK, "--quiet", "-o", "b.gif", "-o", "b.png", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for ending in ("png", "gif", "strokes.json"):
        first = (folder / f"output/octahedron-markerpen.{ending}").read_bytes()
        assert first == (tmp_path / f"b.{ending}").read_bytes()


@pytest.mark.slow
def test_another_seed_another_painting(here: Path) -> None:
    for seed in "12":
        assert cli.main([*QUICK, "--quiet", "--seed", seed, "-o", f"{seed}.png"]) == 0
    assert (here / "1.png").read_bytes() != (here / "2.png").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 7, 100])
def test_stroke_count_is_exact(count: int, here: Path) -> None:
    save_picture(here / "in.png")
    arguments = ["in.png", "--style", "marker", "--strokes", str(count), "--size", "32", "--iterations", "9", "--quiet"]
    assert cli.main([*arguments, "-o", "a.png", "--report", "r.json"]) == 0
    assert json.loads((here / "r.json").read_text())["strokes"] == count


@pytest.mark.slow
@pytest.mark.parametrize("style", ["oil", "watercolor", "marker", "rectangle"])
def test_every_style_paints(style: str, here: Path) -> None:
    save_picture(here / "in.png")
    arguments = ["in.png", "--style", style, "--strokes", "9", "--size", "32", "--iterations", "9", "--quiet"]
    assert cli.main([*arguments, "--ot", "0.5", "--loss", "l1"]) == 0
    full = PaintConfig(style=style).style
    paintings = {f"output/in-{full}{ending}" for ending in (".png", ".gif", ".strokes.json")}
    assert listing(here) == {"in.png", "output", *paintings}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("height", "width", "color", "shape"),
    [
        (1, 1, (200, 30, 60), (48, 48)),
        (20, 20, (9, 9, 9), (48, 48)),
        (10, 4000, None, (1, 48)),
        (4000, 10, None, (48, 1)),
    ],
)
def test_odd_pictures_paint(
    height: int, width: int, color: tuple[int, int, int] | None, shape: tuple[int, int], here: Path
) -> None:
    if color is None:
        save_picture(here / "in.png", height, width)
    else:
        Image.new("RGB", (width, height), color).save(here / "in.png")
    assert cli.main(["in.png", *QUICK, "--quiet", "-o", "a.png", "-o", "a.gif", "--report", "r.json"]) == 0
    with Image.open(here / "a.png") as image, Image.open(here / "a.gif") as gif:
        assert image.size == gif.size == shape[::-1]
    report = json.loads((here / "r.json").read_text())
    assert report["psnr"] > (20 if color else 8)
    assert report["ground"] != "transparent"


@pytest.mark.slow
@pytest.mark.parametrize(("canvas", "color"), [("white", (255, 255, 255)), ("#204060", (32, 64, 96))])
def test_canvas_color_is_what_is_painted_on(canvas: str, color: tuple[int, int, int], here: Path) -> None:
    assert cli.main([*QUICK, "--quiet", "--canvas", canvas, "-o", "a.png", "-o", "a.gif"]) == 0
    with Image.open(here / "a.png") as image, Image.open(here / "a.gif") as gif:
        assert image.mode == "RGB"
        first = np.asarray(gif.convert("RGB"))
    assert (first == color).all()


@pytest.mark.slow
def test_opaque_picture_on_a_transparent_canvas(here: Path) -> None:
    save_picture(here / "in.png")
    arguments = ["in.png", *QUICK, "--quiet", "--canvas", "transparent", "-o", "a.png", "--report", "r.json"]
    assert cli.main(arguments) == 0
    with Image.open(here / "a.png") as image:
        assert (image.mode, image.size) == ("RGBA", (48, 36))
    assert json.loads((here / "r.json").read_text())["alpha_iou"] > 0.5


@pytest.mark.slow
def test_without_iterations_strokes_are_only_placed(here: Path) -> None:
    arguments = ["--style", "marker", "--strokes", "20", "--size", "32", "--iterations", "0"]
    assert cli.main([*arguments, "-o", "a.png", "--report", "r.json"]) == 0
    assert json.loads((here / "r.json").read_text())["strokes"] == 20


def test_names_with_odd_characters(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "two\nlines \udcff ü.png"
    save_picture(here / "in.png").rename(here / name)
    assert cli.main([name, *QUICK]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert (here / "output" / "two\nlines \udcff ü-markerpen.png").exists()
