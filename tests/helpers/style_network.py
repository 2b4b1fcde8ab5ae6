"""The network of random filters: it takes a second to make, so the files of tests in one process share one."""

from __future__ import annotations

from functools import cache

import pytest

from painter.styling.feature_networks import load_features
from painter.styling.features import Features


@cache
def random_network() -> Features:
    """The network of seed 0; it must stay as it is."""
    return load_features("random")


@pytest.fixture(scope="module")
def network() -> Features:
    """The network that all tests share."""
    return random_network()


@pytest.fixture(autouse=True)
def one_network(network: Features, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that asks for a random network is given the one; to be imported by the module, together with `network`."""
    monkeypatch.setattr("painter.styling.feature_networks.random_features", lambda seed: network)
