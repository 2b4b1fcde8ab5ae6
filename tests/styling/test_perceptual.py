"""The perceptual distance: nothing for alike pictures, more the more is lost, none without a network."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from helpers.style_network import network as network  # the fixture
from skimage import data

from painter.options.network_files import NetworkPackage
from painter.styling import perceptual
from painter.styling.features import Features
from painter.styling.perceptual import LAYERS, perceptual_distance


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.ascontiguousarray(data.coffee()[100:164, 200:280])


@pytest.mark.slow
def test_it_is_the_mean_of_what_a_plain_loop_finds(network: Features, photo: np.ndarray) -> None:
    other = photo[:, ::-1].copy()
    seen = [network(torch.from_numpy(each.astype(np.float32) / 255), LAYERS) for each in (photo, other)]
    terms = []
    for name in LAYERS:
        a, b = (one[name].flatten(1).T.numpy().astype(np.float64) for one in seen)
        units = [rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12) for rows in (a, b)]
        terms.append(np.mean([np.sum((p - q) ** 2) for p, q in zip(*units, strict=True)]))
    assert perceptual_distance(photo, other, network) == pytest.approx(np.mean(terms), rel=1e-4)


@pytest.mark.slow
def test_the_more_is_lost_the_further_off(network: Features, photo: np.ndarray) -> None:
    found = [perceptual_distance(photo, cv2.GaussianBlur(photo, (0, 0), sigma), network) for sigma in (0.7, 1.5, 4.0)]
    assert perceptual_distance(photo, photo, network) == 0
    values = [value for value in found if value is not None]
    assert len(values) == 3 and 0 < values[0] < values[1] < values[2]


def test_alpha_is_over_white_and_sizes_must_be_the_same(network: Features, photo: np.ndarray) -> None:
    clear = np.dstack([photo, np.zeros(photo.shape[:2], np.uint8)])
    assert perceptual_distance(clear, np.full_like(clear, 255), network) == 0
    with pytest.raises(ValueError, match=r"cannot compare uint8 \[64, 80, 3\] with uint8 \[60, 80, 3\]"):
        perceptual_distance(photo, photo[:60])


def test_without_the_network_there_is_none(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NetworkPackage, "paths", lambda package: None)
    assert perceptual_distance(photo, photo) is None
    assert perceptual.SIDE == 256
