"""Print digests of what is drawn from stroke files: two processors that print the same lines draw the same bytes.

    python -m scripts.same_bytes [--older]

draws random strokes of all brushes, with texture and light, with 1, 2 and 8 threads. --older does it twice: as this
processor does, and with code for an older one, of AVX2 without AVX-512, which is compiled anew in two minutes: numba
compiles for Haswell, and torch, NumPy and OpenCV are kept to AVX2. The exit code is 1 if any line differs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from painter.batch.paint_job import using_threads
from painter.options.export import ExportConfig
from painter.options.paint import PaintConfig
from painter.painting.painting import Painting
from renderers.brushes import NETWORK_BRUSHES
from renderers.evaluation import random_strokes
from scripts import ROOT

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


OLDER = {
    "NUMBA_CPU_NAME": "haswell",
    "ATEN_CPU_CAPABILITY": "avx2",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR",
    "OPENCV_CPU_DISABLE": "AVX512F,AVX512-COMMON,AVX512-SKX,AVX512-CNL,AVX512-CLX,AVX512-ICL",
    "OPENBLAS_CORETYPE": "Haswell",
}
"""Variables of the environment that make code for an older processor."""


def lines_of_older_code() -> list[str]:
    """What `draw` prints in a process with OLDER and no compiled kernels."""
    with tempfile.TemporaryDirectory() as kernels:
        environment = {**os.environ, **OLDER, "NUMBA_CACHE_DIR": kernels, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-W", "ignore", "-m", "scripts.same_bytes"]
        done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


def main() -> int:
    """Draw, and compare with older code if that is asked for; 1 if lines differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--older", action="store_true", help="compare with code for an older processor")
    options = parser.parse_args()
    lines = draw()
    by_brush = {tuple(line.split()[2:]) for line in lines}
    if len(by_brush) != len(NETWORK_BRUSHES):
        print("other bytes with another number of threads")
        return 1
    if options.older:
        older = lines_of_older_code()
        print("the same with older code" if older == lines else "\n".join(["other with older code:", *older]))
        return int(older != lines)
    return 0


def draw() -> list[str]:
    """Print a line for each brush and number of threads, and return them."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for brush in NETWORK_BRUSHES:
            for threads in THREADS:
                lines.append(" ".join((brush, str(threads), *digests(brush, threads, Path(folder)))))
                print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    sys.exit(main())
