"""Small, quick style transfers, and the pictures that they are made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from painter.options.transfer import TransferConfig
from painter.styling.inputs import Sources, load_sources

LAYERS = "relu1_1,relu2_1:2"
QUICK = {"features": "random", "size": 48, "iterations": 6, "scales": 1, "style_layers": LAYERS,
         "content_layer": "relu2_1"}  # fmt: skip


def quick(**changes: Any) -> TransferConfig:
    """One scale of 48 pixels, six steps, unless the changes say otherwise."""
    return TransferConfig(**{**QUICK, **changes})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a content, two styles, a transparent picture and a mask."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["paint.py"])
    y, x = np.mgrid[:36, :48]
    disc = (x - 24) ** 2 + (y - 18) ** 2 < 150
    rgb = np.stack([200 - 2 * y, 90 + 2 * x, 60 + disc * 150], 2)
    save("content.png", rgb)
    save("see-through.png", np.concatenate([rgb, disc[..., None] * 255], 2))
    y, x = np.mgrid[:48, :40]
    save("stripes.png", np.stack([150 + 80 * ((x + y) // 8 % 2), 0 * x + 60, 0 * x + 40], 2))
    save("checks.png", np.stack([0 * x + 40, 0 * x + 80, 140 + 80 * ((x // 8 + y // 8) % 2)], 2))
    save("mask.png", np.repeat((np.mgrid[:36, :48][1] < 24)[..., None] * 255, 3, 2))
    return tmp_path


def save(name: str, pixels: np.ndarray) -> None:
    """Write a picture file of these pixels, from 0 to 255."""
    Image.fromarray(pixels.astype(np.uint8)).save(name)


def read(name: str) -> np.ndarray:
    """The pixels of a picture file."""
    with Image.open(name) as image:
        return np.asarray(image)


def sources(config: TransferConfig, *styles: str, content: str = "content.png") -> Sources:
    """The content and the styles of a transfer; stripes, unless styles are named."""
    return load_sources(content, styles or ["stripes.png"], config)
