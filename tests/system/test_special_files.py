"""No reader of a file that a person names waits for a pipe: each refuses it in one line."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from painter.batch.collection.reading import read_recipe
from painter.batch.digests import Digests
from painter.batch.jobs import Failure, Job
from painter.batch.paint_job import attempt
from painter.errors import ImpastoError
from painter.options.paint import PaintConfig
from painter.options.toml import read_config_file
from painter.painting.load import load_painting
from painter.pictures.palette import check_palette_text
from painter.pictures.picture import load_picture
from painter.styling.weights import read_weights
from painter.system.fingerprint import sha256_of
from renderers.manifest import read_bounded
from renderers.special_files import is_special_file, read_regular

READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "picture": ("a.png", lambda path: load_picture(path, 8)),
    "palette": ("a.hex", lambda path: check_palette_text(str(path))),
    "options": ("a.toml", read_config_file),
    "recipe": ("recipe.toml", read_recipe),
    "strokes": ("a.strokes.json", load_painting),
    "weights": ("a.pth", lambda path: read_weights("vgg19", path)),
    "checkpoint": ("a.safetensors", read_bounded),
    "digest": ("a.png", sha256_of),
    "file of a collection": ("drop.csv", read_regular),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_pipe_is_refused(reader: str, tmp_path: Path) -> None:
    name, read = READERS[reader]
    os.mkfifo(tmp_path / name)
    with pytest.raises((ImpastoError, OSError), match="not a regular file") as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_pipe_among_the_pictures_of_a_batch_fails_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    job = Job("pipe.png", tmp_path / "pipe.png", PaintConfig(size=16), ("pipe.png",))
    assert Digests().of_file(tmp_path / "pipe.png") == "" and len(Digests().of(job)) == 64
    outcome = attempt(job)
    assert isinstance(outcome, Failure) and outcome.permanent and "not a regular file" in outcome.reason


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
