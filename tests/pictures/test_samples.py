"""The sample pictures: they are what the script draws, small, square, and partly transparent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from painter.pictures.picture import load_picture
from painter.pictures.samples import SAMPLES, sample_path
from scripts.gallery import samples


def weighted(image: Image.Image) -> np.ndarray:
    """[H, W, 4] floats in which the colours of transparent pixels do not count."""
    pixels = np.asarray(image.convert("RGBA"), dtype=np.float64) / 255
    pixels[..., :3] *= pixels[..., 3:]
    return pixels


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_the_script_draws_what_is_kept(name: str) -> None:
    with Image.open(sample_path(name)) as kept:
        difference = np.abs(weighted(kept) - weighted(samples.DRAWINGS[name]()))
    # Another version of Pillow may round the edge of a shape elsewhere; nothing more may differ.
    assert difference.mean() < 5e-4
    assert (difference.max(axis=2) > 0.25).mean() < 1e-3


@pytest.mark.slow
def test_the_script_is_deterministic(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        samples.main(tmp_path / folder)
    for name in SAMPLES:
        one, two = (tmp_path / folder / f"{name}.png" for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_script_and_package_name_the_same() -> None:
    assert tuple(samples.DRAWINGS) == SAMPLES
    assert sample_path() == sample_path("octahedron")
    assert sample_path().parent == samples.SAMPLES_FOLDER
    with pytest.raises(ValueError, match="octahedron"):
        sample_path("nothing")


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_small_square_and_transparent(name: str) -> None:
    path = sample_path(name)
    assert path.stat().st_size < 100_000
    picture = load_picture(path, 512)
    assert picture.name == name
    assert picture.rgb.shape == (512, 512, 3)
    assert picture.alpha is not None
    assert 0.1 < (picture.alpha == 0).mean() < 0.8
    assert (picture.alpha == 1).mean() > 0.15
    assert ((picture.alpha > 0) & (picture.alpha < 1)).any(), "soft edges"
    assert picture.alpha[[0, 0, -1, -1], [0, -1, 0, -1]].max() == 0
    opaque = picture.rgb[picture.alpha == 1]
    assert (opaque.max(axis=1) - opaque.min(axis=1)).mean() > 0.3, "strong colours"
