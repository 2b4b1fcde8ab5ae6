"""Places of a picture, and the style's places that they are drawn to."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from painter.styling.nearest_features import LAYERS, NearestTarget, hypercolumns, nearest


def features(height: int, width: int, seed: int) -> dict[str, Tensor]:
    """Of three layers, each half as large as the one before."""
    make = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(4 + k, -(-height // 2**k), -(-width // 2**k), generator=make, dtype=torch.float64)
        for k, name in enumerate(LAYERS)
    }


def network(image: Tensor, layers: object) -> dict[str, Tensor]:
    """Layers that are the picture's colours, smaller and smaller."""
    planes = image.permute(2, 0, 1)
    height, width = (-(-side // 2) for side in planes.shape[1:])
    return {
        name: F.adaptive_avg_pool2d(planes[None], (max(1, height // 2**k), max(1, width // 2**k)))[0]
        for k, name in enumerate(LAYERS)
    }


def test_nearest_is_what_a_plain_loop_finds() -> None:
    ours, theirs = hypercolumns(features(9, 7, 0)), hypercolumns(features(12, 10, 1))
    found = nearest(ours, theirs)
    for row, best in zip(ours, found.tolist(), strict=True):
        cosines = [float(row @ other) for other in theirs]
        assert cosines[best] == max(cosines)


def test_hypercolumns_have_length_one_and_the_second_layers_size() -> None:
    columns = hypercolumns(features(9, 7, 0))
    assert columns.shape == (5 * 4, 4 + 5 + 6)
    torch.testing.assert_close(columns.norm(dim=1), torch.ones(20, dtype=torch.float64))


def test_a_style_is_at_no_distance_from_itself() -> None:
    style, other = (torch.rand(24, 32, 3, generator=torch.Generator().manual_seed(k)) for k in range(2))
    target = NearestTarget(network, [style], [None])
    assert abs(float(target(network(style, LAYERS)))) < 1e-5
    assert float(NearestTarget(network, [style], [None])(network(other, LAYERS))) > 0.01


def test_what_is_transparent_in_a_style_is_not_matched() -> None:
    style = torch.rand(24, 32, 3, generator=torch.Generator().manual_seed(0))
    shown = torch.ones(24, 32)
    shown[:, 16:] = 0
    whole, half = NearestTarget(network, [style], [None]), NearestTarget(network, [style], [shown])
    assert len(half.columns) == len(whole.columns) // 2


def test_places_count_as_they_are_told() -> None:
    style, image = (torch.rand(16, 16, 3, generator=torch.Generator().manual_seed(k)) for k in range(2))
    counts = torch.zeros(16, 16)
    counts[:8] = 1
    found, image = network(image, LAYERS), image.clone()
    above = NearestTarget(network, [style], [None], counts)(found)
    below = NearestTarget(network, [style], [None], 1 - counts)(found)
    every = NearestTarget(network, [style], [None])(found)
    torch.testing.assert_close((above + below) / 2, every)


def test_gradient() -> None:
    target = NearestTarget(lambda *_: features(12, 10, 1), [torch.zeros(1, 1, 3)], [None])
    start = features(9, 7, 0)
    inputs = [layer.requires_grad_() for layer in start.values()]

    def loss(*layers: Tensor) -> Tensor:
        target._age = 0  # the match holds
        return target(dict(zip(LAYERS, layers, strict=True)))

    loss(*inputs)
    assert torch.autograd.gradcheck(loss, inputs, fast_mode=True)


@pytest.mark.parametrize("steps", [3])
def test_a_match_holds_for_some_evaluations(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("painter.styling.nearest_features.STEPS_BETWEEN", steps)
    target, matches = NearestTarget(lambda *_: features(12, 10, 1), [torch.zeros(1, 1, 3)], [None]), []
    for k in range(2 * steps):
        target(features(9, 7, k))
        matches.append(target._nearest)
    assert all(matches[k] is matches[0] for k in range(steps)) and matches[steps] is not matches[0]
