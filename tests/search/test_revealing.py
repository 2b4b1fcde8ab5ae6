"""Reveals: one painting whose first strokes show one picture and all of them another."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.pictures import picture
from PIL import Image

from painter import PaintConfig, Painting, Result, RevealConfig, cli, paint, reveal
from painter.errors import AutosaveError, OptionError
from painter.pictures.arrays import Arrays
from painter.pictures.metrics import compare
from painter.pictures.picture import picture_from_array
from painter.pictures.proportions import fitted, read_fitted
from painter.search.revealing import RevealSearch, RevealSubject, prepare_reveal
from painter.search.staged_run import Progress
from painter.system.autosave import Autosave, AutosaveConfig
from painter.system.snapshot import dump, load
from renderers.blending import blend
from renderers.brushes import BRUSHES
from renderers.checkpoint import load_networks
from renderers.decoder import network_maps
from renderers.decoding import make_layers
from renderers.evaluation import random_strokes
from renderers.strokes import Strokes

FIRST, SECOND = picture(5), picture(6)
SMALL: dict[str, Any] = {
    "style": "rectangle", "size": 48, "strokes": 24, "iterations": 14, "focus": "none", "device": "cpu",
    "texture": 0.0, "canvas": "white",
}  # fmt: skip


def config(**options: Any) -> PaintConfig:
    return PaintConfig(**{**SMALL, **options})


def same(a: Strokes, b: Strokes) -> bool:
    both = zip((*a.params.values(), a.colors, a.opacity, a.seed), (*b.params.values(), b.colors, b.opacity, b.seed))  # noqa: B905
    return all(torch.equal(one, other) for one, other in both)


@pytest.fixture(scope="module")
def both() -> Result:
    return reveal([FIRST, SECOND], config())


@pytest.mark.slow
def test_the_first_strokes_show_the_first_picture_and_all_of_them_the_second(both: Result) -> None:
    painting = both.painting
    frames = dict(zip((12, 24), painting.drawn_after([12, 24]), strict=True))
    psnr = {
        (k, n): float(compare(frames[n], shown)["psnr"] or 0)
        for n in frames
        for k, shown in enumerate((FIRST, SECOND), 1)
    }
    assert psnr[1, 12] > psnr[2, 12] + 3 and psnr[2, 24] > psnr[1, 24] + 3
    shown = both.report["revealed"]
    assert [(each["strokes"], each["psnr"]) for each in shown] == [(12, psnr[1, 12]), (24, psnr[2, 24])]
    assert both.report["psnr"] == psnr[2, 24] and len(painting.strokes) == both.report["strokes"] == 24


@pytest.mark.slow
def test_both_losses_descend_together(both: Result) -> None:
    """Early strokes depend on what is to come, and yet show the first picture nearly as well as on their own."""
    other = reveal([FIRST, 255 - SECOND], config(strokes=24))
    first, second = (result.painting.strokes.params["x"][:12].sort().values for result in (both, other))
    assert not torch.equal(first, second)
    few = paint(FIRST, config(strokes=12))
    assert both.report["revealed"][0]["psnr"] > few.report["psnr"] - 1.7  # whose colours are fitted


@pytest.mark.slow
@pytest.mark.parametrize("brush", ["oilpaintbrush", "watercolor", "markerpen"])
def test_every_brush_reveals(brush: str) -> None:
    shown = reveal([FIRST, SECOND, FIRST], config(style=brush, strokes=18, iterations=5)).report["revealed"]
    assert [each["strokes"] for each in shown] == [6, 12, 18]


def test_shares_are_exact() -> None:
    assert RevealConfig().ends(10, 3) == [3, 7, 10]
    assert RevealConfig(shares="1,3").ends(100, 2) == [25, 100]
    for wrong in ({"shares": "1,2,3"}, {"shares": "1,0"}, {"shares": "a"}):
        with pytest.raises(OptionError, match="--shares"):
            RevealConfig(**wrong).ends(100, 2)
    with pytest.raises(OptionError, match="--strokes 1"):
        RevealConfig().ends(1, 2)
    subject = prepare_reveal([FIRST, SECOND], config(strokes=20), RevealConfig(shares="1,3"))
    assert subject.ends == (5, 20) and subject.runs(20) == [slice(0, 5), slice(5, 20)]
    assert subject.runs(4) == [slice(0, 4)] and subject.runs(5) == [slice(0, 5)]


def test_fewer_than_two_pictures_are_refused() -> None:
    for few in ([], [FIRST]):
        with pytest.raises(OptionError, match=f"a reveal is of two pictures or more, not of {len(few)}; name another"):
            reveal(few, config())
    with pytest.raises(OptionError, match=r"--strokes 4: too few for 2 pictures with --shares 1,99; each needs at"):
        RevealConfig(shares="1,99").ends(4, 2)


def test_no_color_of_the_palette_is_spent_on_pixels_that_are_not_seen() -> None:
    clear = np.zeros((40, 40, 4), np.uint8)  # black where it is transparent, as decoders give it
    clear[:20, :, 0] = clear[:20, :, 3] = 255
    shown, region = np.full((40, 40, 3), (0, 0, 255), np.uint8), np.zeros((40, 40), np.uint8)
    subject = prepare_reveal([clear, shown], config(palette="2"))
    assert sorted(subject.palette_names() or []) == ["#0000ff", "#ff0000"]
    region[:, :20] = 255
    shown[:, 20:] = (0, 255, 0)
    subject = prepare_reveal([clear, shown], config(palette="2"), arrays=Arrays(region=region))
    assert sorted(subject.palette_names() or []) == ["#0000ff", "#ff0000"]


def searched(subject: RevealSubject) -> tuple[RevealSearch, list[Progress], list[bytes]]:
    search = RevealSearch(subject)
    steps, states = [], []
    for progress in search.run():
        steps.append(progress)
        states.append(dump(search.state()))
    return search, steps, states


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
def test_a_search_goes_on_from_any_step_with_the_same_bytes(one_thread: None) -> None:
    subject = prepare_reveal([FIRST, SECOND], config(strokes=14, iterations=8, ot=0.02, palette="5"))
    search, steps, states = searched(subject)
    assert [step.step for step in steps] == list(range(1, search.steps + 1))
    assert any(stage.moved for stage in search.stages())
    for at in (1, 2 * len(steps) // 3):
        again = RevealSearch(subject)
        again.restore(load(states[at]))
        assert dump(again.state()) == states[at]
        assert [step.step for step in again.run()] == list(range(at + 2, search.steps + 1))
        assert search.strokes is not None and again.strokes is not None and same(search.strokes, again.strokes)


def test_another_picture_or_share_cannot_be_resumed(tmp_path: Path) -> None:
    subject = prepare_reveal([FIRST, SECOND], config(strokes=12, iterations=4))
    save = Autosave(tmp_path / "a.png", subject, False, config=AutosaveConfig(seconds=0.0))
    search = RevealSearch(subject)
    save.begin(search)
    for _ in zip(search.run(), range(2), strict=False):
        save.step(search, search.taken)
    for sources, shares in (([SECOND, SECOND], None), ([FIRST, SECOND], "1,2")):
        other = prepare_reveal(sources, config(strokes=12, iterations=4), RevealConfig(shares=shares))
        with pytest.raises(AutosaveError):
            Autosave(tmp_path / "a.png", other, True).begin(RevealSearch(other))


def test_strokes_of_a_picture_stay_together_when_they_move(one_thread: None) -> None:
    subject = prepare_reveal([FIRST, SECOND], config(strokes=30, iterations=6))
    search = RevealSearch(subject)
    for stage in search.stages():
        if stage.added:
            search.begin(stage)
            search._at += 1
    before = search.strokes
    assert before is not None
    search._move_weakest_of(0, 3, 0.1, 48, False)
    after = search.strokes
    assert after is not None and len(after) == 30
    assert same(after[15:], before[15:]), "the second picture's strokes are as they were"
    kept = [bool((before.seed[:15] == seed).any()) for seed in after.seed[:15]]
    assert kept == [True] * 12 + [False] * 3, "new ones lie on the first picture's, below the second's"


def test_the_first_layers_have_the_gradients_of_all_of_them() -> None:
    strokes = random_strokes(BRUSHES["oilpaintbrush"], 6, torch.Generator().manual_seed(0))
    maps, canvas = network_maps(load_networks("oilpaintbrush"), "cpu", 1.0), torch.ones(24, 24, 3)
    found = []
    for first in (True, False):
        leaves = strokes.map(lambda values: values.clone().requires_grad_(values.is_floating_point()))
        layers = make_layers(leaves if first else leaves[:4], 1 / 24, 3, maps)
        (blend(canvas, layers.first(4) if first else layers) ** 2).sum().backward()
        found.append([leaves.params["x"].grad, leaves.params["width"].grad, leaves.colors.grad])
    for one, other in zip(*found, strict=True):
        assert one is not None and other is not None
        torch.testing.assert_close(one, other)


def test_pictures_get_the_proportions_of_the_first() -> None:
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255
    shown = fitted(picture_from_array(wide, 48), picture_from_array(np.zeros((40, 40, 3), np.uint8), 40))
    assert shown.rgb.shape == (40, 40, 3) and shown.rgb.min() > 0.9 and shown.size == (40, 40)
    assert "cut off" in shown.notes[-1]
    stripes = np.zeros((40, 160, 3), np.uint8)
    stripes[:, ::2] = 255
    fine = read_fitted(stripes, picture_from_array(np.zeros((40, 40, 3), np.uint8), 40))
    assert fine.rgb.shape == (40, 40, 3) and np.abs(np.diff(fine.rgb, axis=1)).min() > 0.9, "none of its pixels is lost"
    assert read_fitted(fine, fine) is fine
    clear = np.zeros((20, 20, 4), np.uint8)
    clear[:, 10:] = (200, 100, 50, 255)
    through = fitted(picture_from_array(clear, 48), picture_from_array(np.zeros((40, 40, 3), np.uint8), 40))
    assert through.alpha is not None and through.alpha[:, 30:].min() == 1 and not through.notes
    assert np.allclose(through.rgb[:, 30], np.array([200, 100, 50]) / 255, atol=1e-3)


def test_all_pictures_are_painted_in_one_palette_on_one_ground() -> None:
    subject = prepare_reveal([FIRST, 255 - FIRST], config(palette="4", canvas="auto"))
    first, second = subject.pictures
    assert first.target.palette is not None and second.target.palette is not None
    assert np.array_equal(first.target.palette, second.target.palette)
    assert first.ground == second.ground == subject.ground and subject.config.palette == "4"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"strokes": "auto"}, "--strokes"),
        ({"until_psnr": 20.0}, "--until-psnr"),
        ({"mixing": "glaze"}, "--mixing glaze"),
        ({"style_image": "x.png"}, "--style-image"),
    ],
)
def test_options_that_do_not_go_with_it_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        reveal([FIRST, SECOND], config(**options))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["paint.py"])
    for name, pixels in (("a.png", FIRST), ("b.png", SECOND)):
        Image.fromarray(pixels).save(name)
    return tmp_path


def command(*words: str) -> int:
    options = ["--style", "rectangle", "--size", "48", "--iterations", "4", "--focus", "none", "--texture", "0"]
    return cli.main(["a.png", *options, *words])


@pytest.mark.slow
def test_the_command_reveals(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--then", "b.png", "--strokes", "12", "--shares", "1,2", "-o", "c.png", "-o", "c.gif")
    assert command(*words, "--report", "c.json") == 0
    told = capsys.readouterr().out
    assert "12 strokes, PSNR" in told and "the first 4 show a: PSNR" in told
    report = json.loads(Path("c.json").read_text())
    assert [shown["picture"] for shown in report["revealed"]] == ["a", "b"] and report["input"]["name"] == "b"
    assert len(Painting.load("c.strokes.json").strokes) == 12
    Path("c.png").rename("before.png")
    assert command(*words[:6], "-o", "c.png", "--quiet", "--no-strokes") == 0
    assert Path("c.png").read_bytes() == Path("before.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--shares", "1,2"], "--shares 1,2: has no effect without --then"),
        (["--then", "missing.png"], "missing.png: there is no such file"),
        (["--then", "b.png", "--shares", "1"], "there are 2 pictures"),
        (["--then", "b.png", "--strokes", "auto"], "needs a number of strokes"),
        (["--then", "b.png", "-o", "b.png", "--overwrite"], "it is the file given to --then"),
        (["--then", ""], "the name is empty"),
        (["--then", "b.png"] * 8, "9 pictures are too many"),
    ],
)
def test_mistakes_are_told_in_one_line(here: Path, words: list[str], said: str, capsys: Any) -> None:
    assert command("-o", "x.png", *words) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1 and not Path("x.png").exists()
