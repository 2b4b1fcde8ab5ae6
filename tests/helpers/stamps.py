"""A brush of one's own, for tests that draw with it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from renderers.brushes import BRUSHES, register
from renderers.brushes.stamp import Stamp


@pytest.fixture(scope="module", autouse=True)
def stamp() -> Iterator[str]:
    """A registered brush of one's own, for as long as a module's tests run; to be imported by the module."""
    y, x = np.mgrid[-1:1:40j, -1:1:60j]
    own = Stamp(((x**2 + y**2 < 0.95) * (0.5 + 0.5 * np.cos(9 * x) ** 2)).astype(np.float32))
    register(own)
    yield own.name
    del BRUSHES[own.name]
