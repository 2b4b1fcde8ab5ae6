"""Gram matrices and losses: against loops in float64, and what must hold of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from painter.pictures.pixels import LUMINANCE
from painter.styling import style_losses as losses
from painter.styling.colors import color_statistics, match_colors, matrix_power, noise_like


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def direct_gram(features: Tensor, mask: Tensor | None = None) -> Tensor:
    channels, height, width = features.shape
    total, weight = torch.zeros(channels, channels, dtype=torch.float64), 0.0
    for y in range(height):
        for x in range(width):
            counts = 1.0 if mask is None else float(mask[y, x])
            weight += counts
            for i in range(channels):
                for j in range(channels):
                    total[i, j] += counts * features[i, y, x] * features[j, y, x]
    return total / weight


class Pixels:
    """A network whose one layer is the picture itself, and another with every second pixel."""

    def __call__(self, image: Tensor, layers: list[str]) -> dict[str, Tensor]:
        h = image.permute(2, 0, 1)
        return {name: h if name == "a" else h[:, ::2, ::2] for name in layers}


def test_gram_against_loops() -> None:
    features, mask = drawn(4, 5, 3), drawn(5, 3, seed=1)
    torch.testing.assert_close(losses.gram(features), direct_gram(features), rtol=1e-12, atol=0)
    torch.testing.assert_close(losses.gram(features, mask), direct_gram(features, mask), rtol=1e-12, atol=0)
    torch.testing.assert_close(losses.gram(features.float()), direct_gram(features).float(), rtol=1e-5, atol=0)


def test_guided_gram_is_that_of_the_paper() -> None:
    """Gatys et al. 2017: of features times a guidance channel T whose squares sum to 1."""
    features, mask = drawn(3, 4, 4), drawn(4, 4, seed=1)
    guidance = (mask / mask.sum()).sqrt()
    guided = (features * guidance).flatten(1)
    torch.testing.assert_close(losses.gram(features, mask), guided @ guided.T)


def test_gram_sees_only_what_the_mask_shows() -> None:
    features, mask = drawn(3, 6, 8), torch.zeros(6, 8, dtype=torch.float64)
    mask[:, :4] = 1
    before = losses.gram(features, mask)
    features[:, :, 4:] = 99
    assert torch.equal(before, losses.gram(features, mask))
    torch.testing.assert_close(before, losses.gram(features[:, :, :4]))
    assert torch.equal(losses.gram(features, 0 * mask), torch.zeros(3, 3, dtype=torch.float64))


def test_gram_does_not_care_where_things_are() -> None:
    features = drawn(3, 6, 6)
    torch.testing.assert_close(losses.gram(features), losses.gram(features.flip(1, 2)))


def test_masks_of_ones_are_no_masks() -> None:
    image, style, layers = drawn(8, 8, 3), drawn(6, 9, 3, seed=1), {"a": 1.0, "b": 2.0}
    ones = torch.ones(8, 8, dtype=torch.float64)
    plain = losses.style_target(Pixels(), [style], list(layers))
    masked = losses.style_target(
        Pixels(), [style], list(layers), shown=[torch.ones(6, 9, dtype=torch.float64)], mask=ones
    )
    found = Pixels()(image, list(layers))
    torch.testing.assert_close(
        losses.style_loss(found, [plain], layers), losses.style_loss(found, [masked], layers), rtol=1e-12, atol=0
    )


def test_style_loss_against_loops() -> None:
    image, styles = drawn(8, 6, 3), [drawn(5, 5, 3, seed=1), drawn(4, 7, 3, seed=2)]
    layers, blend, mask = {"a": 3.0, "b": 1.0}, [2.0, 1.0], drawn(8, 6, seed=3)
    one = losses.style_target(Pixels(), styles, list(layers), blend, mask=mask)
    two = losses.StyleTarget(losses.style_target(Pixels(), styles[:1], list(layers)).grams, None, 0.5)
    found = losses.style_loss(Pixels()(image, list(layers)), [one, two], layers)
    expected = 0.0
    for name, weight in layers.items():
        first, second, ours = (Pixels()(picture, [name])[name] for picture in (*styles, image))
        rows, columns = ours.shape[1:]
        cut = mask if name == "a" else mask.reshape(rows, 2, columns, 2).mean((1, 3))
        targets = (
            (2 / 3 * direct_gram(first) + 1 / 3 * direct_gram(second), direct_gram(ours, cut), 1 / 1.5),
            (direct_gram(first), direct_gram(ours), 0.5 / 1.5),
        )
        for wanted, gram, share in targets:
            apart = sum(float(gram[i, j] - wanted[i, j]) ** 2 for i in range(3) for j in range(3))
            size = sum(float(wanted[i, j]) ** 2 for i in range(3) for j in range(3))
            expected += weight / 4 * share * apart / size
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_style_loss_ends() -> None:
    style, layers = drawn(6, 6, 3), {"a": 1.0, "b": 5.0}
    target = losses.style_target(Pixels(), [style], list(layers))
    assert losses.style_loss(Pixels()(style, list(layers)), [target], layers).item() == pytest.approx(0, abs=1e-25)
    assert losses.style_loss(Pixels()(0 * style, list(layers)), [target], layers).item() == pytest.approx(1)


def test_content_losses_against_numpy() -> None:
    a, b = drawn(4, 5, 6), drawn(4, 5, 6, seed=1)
    expected = float(((a - b).numpy() ** 2).sum() / (b.numpy() ** 2).sum())
    assert losses.content_loss(a, b).item() == pytest.approx(expected, rel=1e-12)
    assert losses.content_loss(b, b).item() == 0
    image, other = drawn(5, 6, 3), drawn(5, 6, 3, seed=1)
    expected = float(np.abs((image - other).numpy() @ LUMINANCE.astype(np.float64)).mean())
    assert losses.luminance_loss(image, other).item() == pytest.approx(expected, rel=1e-6)


def test_luminance_loss_lets_colours_go() -> None:
    red, grey = torch.zeros(2, 2, 3), torch.full((2, 2, 3), float(LUMINANCE[0]))
    red[..., 0] = 1
    assert losses.luminance_loss(red, grey).item() == pytest.approx(0, abs=1e-6)


def test_total_variation() -> None:
    assert losses.total_variation(torch.full((5, 7, 3), 0.3)).item() == 0
    assert losses.total_variation(torch.rand(1, 1, 3)).item() == 0
    image = drawn(4, 5, 2)
    h = image.tolist()
    squares = [(h[y][x][c] - h[y][x - 1][c]) ** 2 for y in range(4) for x in range(1, 5) for c in range(2)]
    squares += [(h[y][x][c] - h[y - 1][x][c]) ** 2 for y in range(1, 4) for x in range(5) for c in range(2)]
    assert losses.total_variation(image).item() == pytest.approx(math.fsum(squares) / len(squares), rel=1e-12)


@pytest.mark.parametrize("name", ["style", "content", "counted", "luminance", "tv"])
def test_gradients(name: str) -> None:
    layers, mask = {"a": 1.0, "b": 0.5}, drawn(4, 4, seed=4)
    target = losses.style_target(Pixels(), [drawn(5, 5, 3, seed=1)], list(layers), mask=mask)
    other = drawn(4, 4, 3, seed=2)
    terms = {
        "style": lambda image: losses.style_loss(Pixels()(image, list(layers)), [target], layers),
        "content": lambda image: losses.content_loss(image, other),
        "counted": lambda image: losses.content_loss(image, other, drawn(4, 3, seed=5).abs()),
        "luminance": lambda image: losses.luminance_loss(image, other),
        "tv": losses.total_variation,
    }
    assert torch.autograd.gradcheck(terms[name], drawn(4, 4, 3).requires_grad_())


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match=r"got \[3, 4, 4\] and \[4, 5\]"):
        losses.gram(drawn(3, 4, 4), drawn(4, 5))
    with pytest.raises(ValueError, match="one shape"):
        losses.content_loss(drawn(1, 4, 4), drawn(1, 4, 5))
    with pytest.raises(ValueError, match=r"both be \[H, W, 3\]"):
        losses.luminance_loss(drawn(4, 4, 3), drawn(4, 5, 3))
    with pytest.raises(ValueError, match=r"\[H, W, C\], got \[4, 4\]"):
        losses.total_variation(drawn(4, 4))


# --- colours ------------------------------------------------------------------------------------------------


def test_matched_colors_have_the_statistics_asked_for() -> None:
    rng = np.random.default_rng(0)
    image = (0.5 + 0.1 * rng.standard_normal((30, 20, 3))).astype(np.float32)
    mixing = np.array([[0.05, 0.02, 0], [0, 0.04, 0.01], [0, 0, 0.06]])
    wanted = (np.array([0.4, 0.5, 0.6]), mixing @ mixing.T)
    mean, covariance = color_statistics(match_colors(image, wanted))
    np.testing.assert_allclose(mean, wanted[0], atol=1e-4)
    np.testing.assert_allclose(covariance, wanted[1], atol=1e-5)
    np.testing.assert_allclose(match_colors(image, color_statistics(image)), image, atol=1e-5)


def test_color_statistics_see_what_is_shown() -> None:
    rng = np.random.default_rng(1)
    image, shown = rng.random((6, 8, 3)), np.zeros((6, 8))
    shown[:, :4] = 0.5
    mean, covariance = color_statistics(image, shown)
    colors = image[:, :4].reshape(-1, 3)
    np.testing.assert_allclose(mean, colors.mean(0))
    np.testing.assert_allclose(covariance, np.cov(colors.T, bias=True))


def test_flat_colors_stay_finite() -> None:
    flat = np.full((4, 4, 3), 0.2, np.float32)
    assert np.isfinite(match_colors(flat, (np.full(3, 0.7), np.eye(3) * 0.01))).all()
    np.testing.assert_allclose(matrix_power(np.zeros((3, 3)), -0.5), 0)


def test_noise_has_the_statistics() -> None:
    mean, covariance = np.array([0.3, 0.5, 0.6]), np.diag([0.01, 0.002, 0.005])
    found = color_statistics(noise_like((mean, covariance), (100, 100), 5))
    np.testing.assert_allclose(found[0], mean, atol=0.005)
    np.testing.assert_allclose(found[1], covariance, atol=5e-4)
