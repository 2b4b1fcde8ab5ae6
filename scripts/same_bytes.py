"""Print digests of what is drawn from stroke files: two processors that print the same lines draw the same bytes.

    python -m scripts.same_bytes

draws random strokes of all brushes, with texture and light, with 1, 2 and 8 threads. Code for an older processor can be
tried on a newer one: with NUMBA_CPU_NAME=haswell, NUMBA_CACHE_DIR set to an empty folder, ATEN_CPU_CAPABILITY=avx2,
NPY_DISABLE_CPU_FEATURES and OPENCV_CPU_DISABLE.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import torch

from painter.batch.paint_job import using_threads
from painter.options.export import ExportConfig
from painter.options.paint import PaintConfig
from painter.painting.painting import Painting
from renderers.brushes import NETWORK_BRUSHES
from renderers.evaluation import random_strokes

COUNT, SIDES, THREADS = 200, (256, 777), (1, 2, 8)
ENDINGS = (".png", ".gif", ".webp", ".svg")


def digests(brush: str, threads: int, folder: Path) -> list[str]:
    """Digests of a drawing at each of SIDES, and of a file with each of ENDINGS."""
    strokes = random_strokes(NETWORK_BRUSHES[brush], COUNT, torch.Generator().manual_seed(1))
    config = PaintConfig(style=brush, size=SIDES[0], relief=0.4, texture=0.6)
    ground = None if brush == "watercolor" else (1.0, 1.0, 1.0)
    with using_threads(threads):
        Painting(strokes, (3, 4), ground, config).save(folder / "a.strokes.json")
        painting = Painting.load(folder / "a.strokes.json")
        files = [folder / f"a{ending}" for ending in ENDINGS]
        painting.save(*files, config=ExportConfig(frames=5))
        drawn = [painting.draw(side).tobytes() for side in SIDES]
    return [hashlib.sha256(content).hexdigest()[:12] for content in (*drawn, *(file.read_bytes() for file in files))]


def main() -> None:
    """Print a line for each brush and number of threads."""
    with tempfile.TemporaryDirectory() as folder:
        for brush in NETWORK_BRUSHES:
            for threads in THREADS:
                print(brush, threads, *digests(brush, threads, Path(folder)))


if __name__ == "__main__":
    main()
