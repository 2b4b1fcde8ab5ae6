"""Style on strokes: the loss and its gradients, what must not change, and every painting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.placing import tensors
from helpers.restyling import QUICK, SMALL, differing, painted, scene, stripes, the_styling
from helpers.restyling import here as here  # the fixture
from helpers.restyling import painting as painting  # the fixture
from helpers.style_network import network as network  # the fixture
from helpers.style_network import one_network as one_network  # the fixture
from PIL import Image

from painter import Painting, cli, paint, restyle
from painter.painting.load import load_painting
from painter.painting.stroke_file import save_strokes
from painter.styling.color_target import ColorTarget
from painter.styling.colors import color_map, color_statistics
from painter.styling.levels import StyleSearchConfig
from painter.styling.stroke_objective import StyleObjective
from painter.styling.style_parameters import StyleParameters
from renderers.brushes import BRUSHES

BRUSHES_SHIPPED = ("oilpaintbrush", "watercolor", "markerpen", "rectangle")


# --- the loss -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_color_map_gives_mean_and_covariance() -> None:
    rng = np.random.default_rng(0)
    colors = 0.5 + 0.1 * rng.standard_normal((40, 50, 3)) @ rng.standard_normal((3, 3))
    wanted = np.array([0.4, 0.5, 0.6]), np.diag([0.004, 0.002, 0.001])
    change = color_map(colors, None, wanted, most_gain=100.0)
    mapped = colors @ change.matrix.T + change.offset
    mean, covariance = color_statistics(mapped)
    assert np.allclose(mean, wanted[0]) and np.allclose(covariance, wanted[1], atol=1e-5)
    assert np.allclose(change.matrix, change.matrix.T)
    assert np.linalg.eigvalsh(color_map(colors, None, (mean, 100 * covariance), 2.5).matrix).max() <= 2.5 + 1e-9


def test_the_color_target_is_the_sliced_wasserstein_distance() -> None:
    """Against sorting by hand, with as many pixels on both sides."""
    generator = torch.Generator().manual_seed(1)
    style, canvas = (torch.rand(16, 32, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    canvas = canvas**2
    target = ColorTarget(style, None, 24)
    along = target.directions
    sorts = [(image.reshape(-1, 3) @ along).sort(dim=0).values for image in (style, canvas)]
    expected = (sorts[0] - sorts[1]).square().mean() / target.variance
    assert torch.allclose(target(canvas), expected, rtol=2e-3)
    assert float(target(style)) < 1e-6 < float(target(canvas))
    ones = torch.ones(16, 32, dtype=torch.float64)
    assert torch.allclose(target(canvas, ones), target(canvas))
    half = ones.clone()
    half[8:] = 0
    assert torch.allclose(target(canvas, half), target(canvas[:8]), rtol=1e-3)


def test_the_color_target_has_the_right_gradient() -> None:
    generator = torch.Generator().manual_seed(2)
    style, canvas = (torch.rand(6, 8, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    target = ColorTarget(style, None, 5)
    # The colours' ranks are held, so that small steps see a smooth function.
    assert torch.autograd.gradcheck(target, canvas.requires_grad_(), eps=1e-7, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("content", ["luminance", "features"])
@pytest.mark.parametrize("brush", BRUSHES_SHIPPED)
def test_gradients_reach_every_parameter(brush: str, content: str) -> None:
    """Directional derivatives of the whole objective, through network, blending and decoder, by finite differences."""
    painting = painted(style=brush, strokes=5, iterations=4)
    styling = the_styling(painting, style_mode="texture", content_loss=content)
    matched, ground = styling.matched()
    layers = ("relu1_1", "relu2_1")
    objective = StyleObjective(styling.scene, 32, layers, styling.maps, matched, ground)
    variables = StyleParameters(painting.strokes, styling.constraints, StyleSearchConfig(), shapes=True)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():  # off the start, where the content term has a kink
        for unknown in variables.tensors:
            unknown.add_(0.3 * torch.randn(unknown.shape, generator=generator))
    objective(variables.strokes()).total.backward()
    for unknown in variables.tensors:
        assert unknown.grad is not None and unknown.grad.abs().max() > 0
        direction = torch.randn(unknown.shape, generator=generator)
        ends = []
        for sign in (-1, 1):
            with torch.no_grad():
                unknown.add_(sign * 0.02 * direction)
                ends.append(float(objective(variables.strokes()).total))
                unknown.sub_(sign * 0.02 * direction)
        expected = float((unknown.grad * direction).sum())
        assert (ends[1] - ends[0]) / 0.04 == pytest.approx(expected, rel=0.15, abs=0.03)


@pytest.mark.slow
def test_styling_lowers_the_loss(painting: Painting) -> None:
    for mode in ("color", "texture"):
        styled = restyle(painting, stripes(), replace(QUICK, style_mode=mode, iterations=12))
        assert styled.style is not None
        assert styled.style["after"]["total"] < 0.5 * styled.style["before"]["total"]


# --- what must not change -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("content", ["luminance", "features"])
def test_a_stroke_restyled_with_weight_0_does_not_move(painting: Painting, content: str) -> None:
    for mode in ("color", "texture"):
        options = replace(QUICK, style_weight=0.0, style_mode=mode, content_loss=content)
        styled = restyle(painting, stripes(), options).painting
        for name, values in tensors(painting.strokes).items():
            assert torch.equal(values, tensors(styled.strokes)[name])
        assert styled.ground == painting.ground and np.array_equal(styled.draw(), painting.draw())


@pytest.mark.slow
def test_with_weight_0_nothing_pulls(painting: Painting) -> None:
    """Not only is nothing done: the content term by itself has no gradient where the strokes are, and no step moves."""
    styling = the_styling(painting, style_weight=0.0, style_mode="texture")
    objective = StyleObjective(styling.scene, 48, ("relu1_1",), styling.maps, painting.strokes, painting.ground)
    variables = StyleParameters(painting.strokes, styling.constraints, StyleSearchConfig(), shapes=True)
    for _ in range(3):
        moved = variables.descend(objective(variables.strokes()).total, 1.0)
    assert differing(painting.strokes, moved) == set()


@pytest.mark.slow
def test_color_mode_changes_colors_alone(painting: Painting) -> None:
    assert differing(painting.strokes, restyle(painting, stripes(), QUICK).painting.strokes) == {"colors"}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["color", "texture"])
def test_colors_stay_of_the_palette(mode: str) -> None:
    painting = painted(palette="#102040,#e0c040,#ffffff", canvas="white")
    styled = restyle(painting, stripes(), replace(QUICK, style_mode=mode)).painting
    palette = {(16, 32, 64), (224, 192, 64), (255, 255, 255)}
    assert {tuple(c) for c in (styled.strokes.colors.reshape(-1, 3) * 255).tolist()} <= palette
    assert "colors" in differing(painting.strokes, styled.strokes)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["color", "texture"])
def test_outside_the_region_nothing_changes(here: Path, mode: str) -> None:
    painting = painted(region=str(here / "right.png"), canvas="white")
    styled = restyle(painting, stripes(), replace(QUICK, style_mode=mode)).painting
    before, after = painting.draw(), styled.draw()
    assert np.array_equal(before[:, :24], after[:, :24]) and not np.array_equal(before[:, 25:], after[:, 25:])


@pytest.mark.slow
def test_what_lies_outside_the_region_neither_counts_nor_moves(here: Path) -> None:
    painting = painted(region=str(here / "right.png"), canvas="white", strokes=40)
    styling = the_styling(painting, style_mode="texture")
    objective = StyleObjective(styling.scene, 48, ("relu1_1",), styling.maps, painting.strokes, painting.ground)
    assert objective._mask is not None and objective._targets[0].mask is objective._mask
    assert objective._mask[:, :24].max() == 0 and objective._mask[:, 24:].min() == 1
    # A stroke at the far left that is brought there by hand is seen by nothing, and stays to the bit.
    left = {"x": 0.1, "y": 0.3, "width": 0.1, "height": 0.05, "angle": 0.0, "bend": 0.0}
    shape = {name: values.clone() for name, values in painting.strokes.params.items()}
    for name, value in left.items():
        if name in shape:
            shape[name][0] = value
    moved = replace(painting, strokes=replace(painting.strokes, params=shape))
    styling = the_styling(moved, style_mode="texture")
    list(styling.run())
    for name, values in tensors(moved.strokes).items():
        same = torch.equal(values[0], tensors(styling.strokes)[name][0])
        assert same == (name != "colors")  # those were matched beforehand, in closed form


@pytest.mark.slow
def test_transparency_stays(here: Path) -> None:
    picture = np.dstack([scene(), np.zeros((36, 48), np.uint8)])
    picture[8:30, 10:40, 3] = 255
    found = paint(picture, replace(SMALL, iterations=30)).painting
    colored = restyle(found, stripes(), QUICK).painting
    assert colored.ground is None
    assert np.array_equal(colored.draw()[..., 3], found.draw()[..., 3])
    assert not np.array_equal(colored.draw()[..., :3], found.draw()[..., :3])
    textured = restyle(found, stripes(), replace(QUICK, style_mode="texture", iterations=12)).painting
    change = textured.draw()[..., 3].astype(float) - found.draw()[..., 3]
    assert np.abs(change).mean() < 0.06 * 255


@pytest.mark.slow
def test_limits_are_obeyed() -> None:
    painting = painted(min_size=0.08, max_size=0.2, opacity="0.3:0.8")
    options = replace(QUICK, style_mode="texture", iterations=10, content_weight=0.0)
    strokes = restyle(painting, stripes(), options).painting.strokes
    assert differing(painting.strokes, strokes) >= {"x", "y", "width", "height", "colors", "opacity"}
    size = BRUSHES[strokes.brush].size({name: values.double() for name, values in strokes.params.items()})
    assert size.min() >= 0.08 and size.max() <= 0.2
    assert strokes.opacity.min() >= np.float32(0.3) and strokes.opacity.max() <= np.float32(0.8)


@pytest.mark.slow
def test_the_ground_goes_along_where_it_was_not_asked_for() -> None:
    auto = painted()
    assert restyle(auto, stripes(), QUICK).painting.ground != auto.ground
    white = painted(canvas="white")
    assert restyle(white, stripes(), QUICK).painting.ground == (1.0, 1.0, 1.0)
    paper = painted(style="watercolor")
    assert restyle(paper, stripes(), QUICK).painting.ground == (1.0, 1.0, 1.0)


# --- every painting -----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["color", "texture"])
@pytest.mark.parametrize("brush", BRUSHES_SHIPPED)
def test_every_brush(brush: str, mode: str) -> None:
    painting = painted(style=brush)
    styled = restyle(painting, stripes(), replace(QUICK, style_mode=mode)).painting
    changed = differing(painting.strokes, styled.strokes)
    assert "colors" in changed and (len(changed) > 1) == (mode == "texture")


@pytest.mark.slow
def test_an_own_stamp(here: Path) -> None:
    mark = np.full((20, 30), 255, np.uint8)
    mark[4:16, 5:25] = 0
    Image.fromarray(mark).save("mark.png")
    painting = painted(brush="mark.png")
    save_strokes(painting, "stamped.strokes.json")
    (here / "mark.png").unlink()
    for mode in ("color", "texture"):
        styled = restyle(load_painting("stamped.strokes.json"), stripes(), replace(QUICK, style_mode=mode))
        assert "colors" in differing(painting.strokes, styled.painting.strokes)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(12, 90), (90, 12)])
def test_any_aspect(size: tuple[int, int]) -> None:
    painting = painted(*size)
    styled = restyle(painting, stripes(), replace(QUICK, style_mode="texture")).painting
    assert styled.draw().shape == painting.draw().shape and styled.aspect == size


@pytest.mark.slow
def test_the_originals_strokes(here: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {"x_ctt": rng.random((1, 12, 5)) * 0.4 + 0.2, "x_color": rng.random((1, 12, 6)),
              "x_alpha": np.ones((1, 12, 1))}  # fmt: skip
    np.savez("old_strokes.npz", **arrays)  # type: ignore[arg-type]
    quick = ["--features", "random", "--iterations", "2", "--quiet", "--size", "48"]
    words = ["restyle", "old_strokes.npz", "--style", "oil", "--style-image", "stripes.png", "-o", "new.png"]
    assert cli.main([*words, *quick]) == 0
    old, new = load_painting("old_strokes.npz"), load_painting("new.strokes.json")
    assert differing(old.strokes, new.strokes) == {"colors"} and new.ground == (0.0, 0.0, 0.0)
