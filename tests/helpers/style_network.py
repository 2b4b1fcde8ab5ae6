"""The network of random filters: it takes a second to make, so the files of tests in one process share one."""

from __future__ import annotations

from functools import cache

from painter.styling.feature_networks import load_features
from painter.styling.features import Features


@cache
def random_network() -> Features:
    """The network of seed 0; it must stay as it is."""
    return load_features("random")
