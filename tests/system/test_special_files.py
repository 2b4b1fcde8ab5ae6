"""No reader of a file that a person names waits for a pipe: each refuses it in one line."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from painter.batch.collection.reading import read_recipe
from painter.errors import ImpastoError
from painter.options.toml import read_config_file
from painter.painting.load import load_painting
from painter.pictures.palette import check_palette_text
from painter.pictures.picture import load_picture
from painter.styling.weights import read_weights
from renderers.manifest import read_bounded
from renderers.special_files import is_special_file

READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "picture": ("a.png", lambda path: load_picture(path, 8)),
    "palette": ("a.hex", lambda path: check_palette_text(str(path))),
    "options": ("a.toml", read_config_file),
    "recipe": ("recipe.toml", read_recipe),
    "strokes": ("a.strokes.json", load_painting),
    "weights": ("a.pth", lambda path: read_weights("vgg19", path)),
    "checkpoint": ("a.safetensors", read_bounded),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_pipe_is_refused(reader: str, tmp_path: Path) -> None:
    name, read = READERS[reader]
    os.mkfifo(tmp_path / name)
    with pytest.raises((ImpastoError, OSError), match="not a regular file") as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_what_is_special(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    (tmp_path / "broken").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    special = {path.name for path in tmp_path.iterdir() if is_special_file(path)}
    assert special == {"pipe", "link", "socket"}
    assert is_special_file(Path("/dev/null")) and not is_special_file(tmp_path) and not is_special_file(Path("none"))
