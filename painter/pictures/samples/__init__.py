"""Three pictures with transparency that come with Impasto, drawn by scripts/gallery/samples.py."""

from __future__ import annotations

from pathlib import Path

SAMPLES = ("octahedron", "apple_coin", "circuit_coin")
"""Names of the pictures; the first is the one painted when nothing else is asked for."""


def sample_path(name: str = "octahedron") -> Path:
    """Path of the 512 x 512 RGBA PNG called `name`, one of SAMPLES.

    >>> sample_path("apple_coin").name
    'apple_coin.png'

    Raises:
        ValueError: there is no such sample.
    """
    if name not in SAMPLES:
        raise ValueError(f"no sample is called {name!r}; there are {', '.join(SAMPLES)}")
    return Path(__file__).parent / f"{name}.png"
