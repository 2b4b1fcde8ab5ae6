"""The photos that paintings are measured and shown on, and painting in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import imageio.v3 as iio
import numpy as np

from scripts import ROOT

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")  # of skimage.data; all come with the package
SIDE = 512  # of their squares, pixels
PAINT = ROOT / "paint.py"


def full_photo(name: str) -> np.ndarray:
    """scikit-image's picture, uncropped, uint8 [H, W, 3]."""
    from skimage import data

    picture: np.ndarray = getattr(data, name)()
    return picture


def square_photo(name: str, side: int = SIDE) -> np.ndarray:
    """The square in the middle of a photo, resized to `side` with cv2.INTER_AREA: uint8 [side, side, 3]."""
    picture = full_photo(name)
    height, width = picture.shape[:2]
    length = min(height, width)
    top, left = (height - length) // 2, (width - length) // 2
    middle = picture[top : top + length, left : left + length]
    return cv2.resize(middle, (side, side), interpolation=cv2.INTER_AREA)


def write_photo(picture: np.ndarray, path: Path) -> Path:
    """Write uint8 [H, W, 3] as PNG; returns the path."""
    iio.imwrite(path, picture)
    return path


def paint_file(
    picture: Path,
    png: Path,
    options: Sequence[str],
    environment: Mapping[str, str] | None = None,
    program: Path = PAINT,
) -> tuple[dict[str, Any], float]:
    """Run `paint.py` on a picture, in a process of its own.

    Args:
        picture: its file.
        png: the painting; its report is written beside it, ending in .json.
        options: further words of the command line.
        environment: of the process; ours if not given.
        program: the `paint.py` to run; that of this checkout if not given.

    Returns:
        The report, and the seconds from the start of the process to its end.

    Raises:
        SystemExit: it failed or was interrupted; the message contains the command.
    """
    report = png.with_suffix(".json")
    command = [sys.executable, str(program), str(picture), "-o", str(png), "--report", str(report)]
    command += ["--quiet", "--no-strokes", "--overwrite", *options]
    begin = time.perf_counter()
    code = subprocess.run(command, env=environment).returncode
    seconds = time.perf_counter() - begin
    if code:
        raise SystemExit(f"paint.py ended with code {code}: {' '.join(command)}")
    return json.loads(report.read_text()), seconds
