"""Runs that bring a style to strokes: in one with painting, gone on with, bad input, and options and files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.paintings import make_painting
from helpers.restyling import QUICK, SMALL, differing, painted, scene, stripes, the_styling
from helpers.restyling import here as here  # the fixture
from helpers.restyling import painting as painting  # the fixture
from helpers.style_network import network as network  # the fixture
from helpers.style_network import one_network as one_network  # the fixture
from PIL import Image

from painter import PaintConfig, Painting, RestyleConfig, cli, paint, restyle
from painter.errors import AutosaveError, DivergedError, OptionError, PictureError
from painter.options.fields import option_name
from painter.options.network_layers import CONVOLUTIONS
from painter.options.paint import STYLE_OPTIONS
from painter.options.toml import make_config
from painter.painting.load import load_painting
from painter.pictures.pixels import LUMINANCE
from painter.pipeline import prepare
from painter.styling.features import Features
from painter.styling.restyle import RestylingFingerprint, finish_styling
from painter.styling.stroke_objective import StyleObjective
from painter.styling.stroke_styling import StrokeStyling, StyleProgress
from painter.styling.styled_search import StyledSearch, StyledSubject
from painter.system.autosave import Autosave, AutosaveConfig
from painter.system.snapshot import dump, load
from painter.system.usage import Stopwatch

ALWAYS = AutosaveConfig(seconds=0.0)


# --- painting and styling in one ----------------------------------------------------------------------------


@pytest.mark.slow
def test_painting_in_a_style_is_painting_and_then_restyling(here: Path, painting: Painting) -> None:
    config = replace(SMALL, style_image="stripes.png", features="random", style_iterations=4, style_mode="texture")
    steps: list[Any] = []
    result = paint(scene(), config, on_progress=steps.append)
    again = restyle(painting, "stripes.png", replace(QUICK, style_mode="texture"))
    assert np.array_equal(result.image, again.painting.draw())
    assert differing(result.painting.strokes, again.painting.strokes) == set()
    assert result.report["style"] == again.style and result.report["seen_psnr"] is None
    assert [progress.step for progress in steps] == list(range(1, 13)) and {p.steps for p in steps} == {12}
    assert isinstance(steps[-1], StyleProgress) and "style" in steps[-1].figures and steps[-1].style > 0
    assert result.painting.config.style_image == "stripes.png"


@pytest.mark.slow
def test_seeds_replay(painting: Painting) -> None:
    options = replace(QUICK, style_mode="texture", iterations=6)
    one, two = (restyle(painting, stripes(), options).painting.draw() for _ in range(2))
    assert np.array_equal(one, two)


@pytest.mark.slow
def test_a_count_that_is_found_can_be_styled(here: Path) -> None:
    config = replace(SMALL, strokes="auto", style_image="stripes.png", features="random", style_iterations=2)
    subject = styled_subject(config)
    search = StyledSearch(subject)
    last = list(search.run())[-1]
    assert isinstance(last, StyleProgress) and last.step == last.steps


def styled_subject(config: PaintConfig) -> StyledSubject:
    subject = prepare(scene(), config, Stopwatch())
    assert isinstance(subject, StyledSubject)
    return subject


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["color", "texture"])
def test_styling_goes_on_from_any_step(here: Path, mode: str) -> None:
    config = replace(SMALL, iterations=4, style_image="stripes.png", features="random", style_mode=mode,
                     style_iterations=6)  # fmt: skip
    subject = styled_subject(config)
    search, states = StyledSearch(subject), []
    for progress in search.run():
        if progress.step in (2, 5, 7, 9):
            states.append((progress.step, dump(search.state())))
    for step, state in states:
        again = StyledSearch(subject)
        again.restore(load(state))
        assert dump(again.state()) == state
        assert [other.step for other in again.run()] == list(range(step + 1, 11))
        assert again.strokes is not None and search.strokes is not None
        assert differing(again.strokes, search.strokes) == set()
        assert again.styling is not None and search.styling is not None
        assert again.styling.ground == search.styling.ground and again.styling.losses == search.styling.losses


@pytest.mark.slow
def test_light_and_dark_count_more_in_the_focus_and_colors_there(painting: Painting) -> None:
    assert the_styling(replace(painting, config=replace(painting.config, focus="none"))).scene.focus(36, 48) is None
    styling = the_styling(replace(painting, config=replace(painting.config, focus="auto")))
    focus = styling.scene.focus(36, 48)
    assert focus is not None and focus.shape == (36, 48) and focus.mean() == pytest.approx(1, abs=1e-2)
    assert focus.max() > 1.5 * focus.min()
    shifted = replace(painting.strokes, colors=(painting.strokes.colors * 0.8).contiguous())
    objective = StyleObjective(styling.scene, 48, ("relu1_1",), styling.maps, painting.strokes, painting.ground)
    with torch.no_grad():
        found = objective(shifted).content
        image, before = objective.canvas(shifted).numpy(), objective.canvas(painting.strokes).numpy()
    light, kept = image @ LUMINANCE, before @ LUMINANCE
    hue = np.abs((image - light[..., None]) - (before - kept[..., None])).mean(axis=2)
    weighed = np.abs(light - kept) * focus + styling.search.focus_color * hue * (focus - focus.min())
    assert hue.max() > 0.01 and float(found) == pytest.approx(float(weighed.mean()), rel=1e-4)


class Stop:
    """Raises when so many steps of styling have been taken."""

    def __init__(self, step: int, error: type[BaseException]) -> None:
        self.step, self.error = step, error

    def __call__(self, progress: Any) -> None:
        if progress.step == self.step:
            raise self.error


@pytest.mark.slow
def test_an_autosave_is_gone_on_with(here: Path, painting: Painting) -> None:
    whole = finish_styling(the_styling(painting))

    def autosaved(styling: StrokeStyling, resume: bool, config: RestyleConfig = QUICK) -> Autosave:
        fingerprint = RestylingFingerprint(Path("scene.strokes.json"), config, styling)
        return Autosave(here / "a.png", fingerprint, resume, config=ALWAYS)

    styling = the_styling(painting)
    with pytest.raises(RuntimeError):
        finish_styling(styling, Stop(3, RuntimeError), autosaved(styling, False))
    styling, steps = the_styling(painting), []
    resumed = finish_styling(styling, lambda progress: steps.append(progress.step), autosaved(styling, True))
    assert steps == [3, 4] and differing(resumed.painting.strokes, whole.painting.strokes) == set()
    assert resumed.records == whole.records and [record.iteration for record in whole.records] == [0, 1, 2, 3]
    other = the_styling(painting, style_weight=2.0)
    with pytest.raises(AutosaveError, match=r"--style-weight 1\.0"):
        finish_styling(other, None, autosaved(other, True, replace(QUICK, style_weight=2.0)))


@pytest.mark.slow
def test_ctrl_c_keeps_what_there_is(painting: Painting) -> None:
    styled = restyle(painting, stripes(), QUICK, on_progress=Stop(2, KeyboardInterrupt))
    assert styled.interrupted and styled.style is None
    assert differing(painting.strokes, styled.painting.strokes) == {"colors"}


@pytest.mark.slow
def test_time_is_shared(here: Path) -> None:
    config = replace(SMALL, seconds=10.0, style_image="stripes.png", features="random")
    search = StyledSearch(styled_subject(config))
    assert search._painting.budget.seconds == pytest.approx(6.0)
    search._painting.strokes = painted().strokes  # type: ignore[misc]
    assert search._style(search._painting.strokes).budget.seconds == pytest.approx(10.0)  # none of it was used


# --- bad input ----------------------------------------------------------------------------------------------


def broken_weights(path: Path, network: Features) -> None:
    """A file of VGG-19 in torchvision's format whose features are not finite."""
    state = {}
    for name, place in zip(network.names, CONVOLUTIONS["vgg19"], strict=True):
        state[f"features.{place}.weight"] = getattr(network, f"{name}_filters") * 1e30
        state[f"features.{place}.bias"] = getattr(network, f"{name}_biases")
    torch.save(state, path)


@pytest.mark.slow
def test_a_loss_that_is_no_number_keeps_the_last_good_painting(
    here: Path, network: Features, capsys: pytest.CaptureFixture[str]
) -> None:
    broken_weights(here / "broken.pth", network)
    words = ["restyle", "scene.strokes.json", "--style-image", "stripes.png", "--weights", "broken.pth"]
    assert cli.main([*words, "-o", "kept.png", "--quiet"]) == cli.BAD_INPUT
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and "after 0 steps" in told[0] and "last good painting is kept" in told[0]
    assert (here / "kept.png").is_file() and len(load_painting("kept.strokes.json").strokes) == 16
    options = replace(SMALL, style_image="stripes.png", weights="broken.pth")
    with pytest.raises(DivergedError) as caught:
        paint(scene(), options)
    assert caught.value.iteration == 0 and caught.value.result.image.shape == (36, 48, 3)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "--style-image is missing"),
        (["--style-image", "none.png"], "--style-image none.png: there is no such file"),
        (["--style-image", "scene.strokes.json"], "cannot read scene.strokes.json: it is not a picture"),
        (["--style-image", "stripes.png", "--style-mode", "both"], "--style-mode both: unknown; choose from color"),
        (["--style-image", "stripes.png", "--style-weight", "-1"], "--style-weight -1.0: must be a number from 0"),
        (["--style-image", "stripes.png", "--style-size", "8192", "--size", "64"], "is more than 4 times --size"),
        (["--style-image", "stripes.png", "--weights", "stripes.png"], "neither .pth nor .safetensors"),
        (["--style-image", "stripes.png", "--features", "random", "--weights", "stripes.png"], "takes none"),
        (["--style-image", "stripes.png", "--features", "vgg"], "--features vgg: unknown"),
        (["--style-image", "stripes.png", "-o", "stripes.png"], "it is the file given to --style-image"),
        (["--style-image", "stripes.png", "-o", "a.png", "-o", "a.xyz"], "there is no format '.xyz'"),
        (["--style-image", "stripes.png", "--style", "oil"], "its brush is rectangle, not oilpaintbrush"),
    ],
)
def test_bad_input_gives_one_line(here: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path.name for path in here.iterdir())
    output = [] if "-o" in words else ["-o", "new.png"]
    assert cli.main(["restyle", "scene.strokes.json", *words, *output, "--overwrite", "--quiet"]) == cli.BAD_INPUT
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and told in lines[0]
    assert sorted(path.name for path in here.iterdir()) == before


@pytest.mark.parametrize("name", STYLE_OPTIONS)
def test_style_options_without_a_style_are_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    value = {"style_mode": "texture", "content_loss": "features", "features": "vgg16", "weights": "w.pth"}.get(
        name, "33"
    )
    assert cli.main(["cat.png", option_name(name), value]) == cli.BAD_INPUT
    assert "has no effect without a style; name one with --style-image" in capsys.readouterr().err


@pytest.mark.slow
def test_a_missing_network_is_refused_before_painting(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_network(*_: Any, **__: Any) -> Any:
        raise OSError("no network here")

    monkeypatch.setattr("torchvision.models._api.WeightsEnum.get_state_dict", no_network)
    monkeypatch.setenv("TORCH_HOME", str(here))
    words = ["scene.png", "--style-image", "stripes.png", "--features", "vgg19", "-o", "a.png", "--quiet"]
    assert cli.main(words) == cli.BAD_INPUT
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "--features random" in told and "--weights" in told


# --- options and files --------------------------------------------------------------------------------------


def test_a_configuration_file_names_a_style(here: Path) -> None:
    (here / "sub").mkdir()
    (here / "sub" / "a.toml").write_text('style-image = "s.png"\nstyle_mode = "texture"\nfeatures = "random"\n')
    config = make_config({}, here / "sub" / "a.toml")
    assert config.files == {"style_image": here / "sub" / "s.png"} and config.style_mode == "texture"


def test_defaults_are_those_of_painting() -> None:
    ours, theirs = RestyleConfig(), PaintConfig()
    shared = [name for name in STYLE_OPTIONS if name not in ("style_iterations", "style_mode")]
    assert [getattr(ours, name) for name in shared] == [getattr(theirs, name) for name in shared]
    assert ours.iterations == theirs.style_iterations
    assert (ours.style_mode, theirs.style_mode) == ("color", "auto"), "a stroke file has no photograph"


def test_the_size_of_a_large_painting_counts() -> None:
    assert RestyleConfig(style_size=3000).style_size == 3000
    with pytest.raises(OptionError, match="--style-size 3000"):
        RestyleConfig(style_size=3000, size=512)


@pytest.mark.slow
def test_all_files_of_a_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["restyle", "scene.strokes.json", "--style-image", "stripes.png", "--features", "random"]
    words += ["--iterations", "2", "-o", "a.png", "-o", "a.svg", "-o", "a.gif", "--frames", "3"]
    assert cli.main(words) == 0
    told = capsys.readouterr()
    assert "wrote a.png, a.svg, a.gif, a.strokes.json" in told.out and "style loss" in told.out
    assert "content" in told.err and "style" in told.err and "total" in told.err
    kept = load_painting("a.strokes.json")
    assert np.array_equal(kept.draw(), np.asarray(Image.open("a.png")))
    assert json.loads((here / "a.strokes.json").read_text())["config"]["style_image"] == "stripes.png"
    first = (here / "a.png").read_bytes()
    assert cli.main([*words, "--quiet"]) == 0
    assert (here / "a-2.png").read_bytes() == first and capsys.readouterr().out == ""
    assert not list(here.glob(".*"))


@pytest.mark.slow
def test_losses_step_by_step(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    style = ["--style-image", "stripes.png", "--features", "random"]
    words = ["restyle", "scene.strokes.json", *style, "--iterations", "3", "--quiet"]
    assert cli.main([*words, "-o", "a.png", "--losses", "a.csv", "--losses", "plot.png"]) == 0
    head, *rows = (here / "a.csv").read_text().splitlines()
    assert head == "iteration,scale,content,style,tv,total" and [row[0] for row in rows] == ["0", "1", "2"]
    for row in rows:
        _, _, content, loss, tv, total = map(float, row.split(","))
        weights = PaintConfig.style_weight, PaintConfig.content_weight
        assert total == pytest.approx(weights[0] * loss + weights[1] * content, rel=1e-5) and tv > 0
    with Image.open("plot.png") as plot:
        assert plot.size[0] > 400
    small = ["--size", "48", "--strokes", "5", "--iterations", "2", "--style-iterations", "2", "--quiet"]
    assert cli.main(["scene.png", *style, *small, "-o", "b.png", "--losses", "b.csv"]) == 0
    assert len((here / "b.csv").read_text().splitlines()) == 3
    for refused, why in ((["scene.png"], "only a style has losses"), (["scene.png", *style], "a.txt")):
        assert cli.main([*refused, "--losses", "a.txt", "-o", "c.png", "--quiet"]) == cli.BAD_INPUT
        assert why in capsys.readouterr().err


@pytest.mark.slow
def test_painting_with_a_style_from_the_command_line(here: Path) -> None:
    words = ["scene.png", "--size", "48", "--strokes", "9", "--iterations", "4", "--style", "tape", "--quiet"]
    words += ["--style-image", "stripes.png", "--features", "random", "--style-iterations", "2"]
    assert cli.main([*words, "-o", "b.png", "--report", "b.json"]) == 0
    report = json.loads((here / "b.json").read_text())
    assert set(report["style"]) == {"before", "after"} and report["config"]["style_image"] == "stripes.png"


@pytest.mark.slow
def test_the_identity_has_what_files_hold(here: Path) -> None:
    config = replace(SMALL, style_image="stripes.png", features="random")
    before = prepare(scene(), config, Stopwatch()).fingerprint()
    Image.fromarray(stripes()[::-1]).save("stripes.png")
    after = prepare(scene(), config, Stopwatch()).fingerprint()
    assert {name for name in before if before[name] != after[name]} == {"style picture", "--style-image"}
    assert len(before["style network"]) == 64


def test_a_painting_that_shows_nothing_has_no_style() -> None:
    bare = make_painting(count=3, ground=None)
    empty = replace(bare, region=np.zeros((3, 4), np.float32))
    with pytest.raises(PictureError, match="the painting is transparent everywhere"):
        restyle(empty, np.full((16, 16, 3), 128, np.uint8), RestyleConfig(features="random", iterations=1))
