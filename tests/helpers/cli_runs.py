"""The program as tests run it, and pictures to give it."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.forked import Ended, paint_forked
from helpers.light import Light, light_processes
from painter import PaintConfig

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("--style", "markerpen", "--strokes", "12", "--size", "48", "--iterations", "10")
TINY = PaintConfig(style="markerpen", strokes=12, size=48, iterations=10)


def start(*arguments: str, cwd: Path, **options: Any) -> subprocess.Popen[str]:
    """`python paint.py` with these arguments."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "paint.py"), *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def run(*arguments: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    with start(*arguments, cwd=cwd, **options) as process:
        out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def forked(*arguments: str, cwd: Path) -> Ended:
    """The same as `run`, where how the process starts is not what matters."""
    return paint_forked(arguments, cwd)


def refused(*arguments: str, cwd: Path, by: Callable[..., Ended | subprocess.CompletedProcess[str]] = run) -> str:
    """Run and expect one line on standard error, exit code 2 and no new file; returns what follows 'error: '."""
    before = listing(cwd)
    done = by(*arguments, cwd=cwd)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith("paint.py: error: ")
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n"), done.stderr
    assert listing(cwd) == before
    return done.stderr.removeprefix("paint.py: error: ").rstrip("\n")


def save_picture(path: Path, height: int = 30, width: int = 40, channels: int = 3) -> Path:
    """A picture with a gradient and a disc."""
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([255 * x / width, 255 * y / height, 0 * x + 90, 0 * x + 255], axis=2)[..., :channels]
    pixels[(x - width / 2) ** 2 + (y - height / 2) ** 2 < (min(height, width) / 3) ** 2, :3] = (250, 240, 60)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is this large and ends soon after."""
    parts = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(9)))
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in parts:
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return content


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


@pytest.fixture(scope="module")
def light() -> Iterator[Light]:
    """What runs as `run` does wherever torch is not to be imported, and without the half second of a start."""
    with light_processes() as light:
        yield light


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that commands run in this process are given in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["paint.py"])
    return tmp_path
