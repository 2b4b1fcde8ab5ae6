"""Bytes, seconds and memory of every export of two paintings: the table in docs/formats.md.

    python -m scripts.benchmark.exports [--counts 500,5000] [--iterations 30] [--size 512] [--style oilpaintbrush]
    python -m scripts.benchmark.exports FILE.strokes.json [FILE.strokes.json …] [--size 512]

Paints one of scikit-image's photos, chelsea, once for each count (a few iterations are enough: the cost of an export
depends on the number of strokes, not on their quality), or takes the given stroke files. Each export is made in a
process of its own. Its seconds do not include the start of the process, reading the strokes and a first drawing of
16 px, which loads the compiled kernels; its memory is the peak of the process, all of that included, in units of
2**20 bytes. (ffmpeg, which makes an MP4, is another process and not included.)
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from painter.options.export import ExportConfig
from painter.options.paint import STYLES, PaintConfig
from painter.system.usage import peak_rss_mb
from scripts.gallery.photos import full_photo

# Name in the table, the file, and options of ExportConfig.
EXPORTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("none: loaded, drawn at 16 px", "", {}),
    (".png", "out.png", {}),
    (".png, 16 bits a channel", "out.png", {"bit_depth": 16}),
    (".jpg", "out.jpg", {}),
    (".webp", "out.webp", {}),
    (".webp, animated", "out.webp", {"webp": "animated"}),
    (".gif", "out.gif", {}),
    (".mp4", "out.mp4", {}),
    (".svg", "out.svg", {}),
    (".svg, plot", "out.svg", {"svg": "plot"}),
    (".ora", "out.ora", {}),
    (".psd", "out.psd", {}),
    (".html", "out.html", {}),
    (".strokes.json", "out.strokes.json", {}),
    (".strokes.json.gz", "out.strokes.json.gz", {}),
    ("frames/", "frames/", {}),
)
WARMUP = 16  # pixels


def main(words: Sequence[str] | None = None) -> None:
    options = _parse(words)
    if options.export is not None:
        print(json.dumps(measure(options.files[0], options.size, *EXPORTS[options.export][1:])))
        return
    with tempfile.TemporaryDirectory() as folder:
        files = options.files or [
            paint_photo(Path(folder), count, options.style, options.iterations) for count in options.counts
        ]
        columns = [[_run(file, options.size, k) for k in range(len(EXPORTS))] for file in tqdm(files, unit="painting")]
    print("\n".join(table(columns)))


def paint_photo(folder: Path, count: int, style: str, iterations: int) -> Path:
    """The stroke file of a painting of chelsea in `count` strokes."""
    from painter import paint

    path = folder / f"{count}.strokes.json"
    paint(full_photo("chelsea"), PaintConfig(style=style, strokes=count, iterations=iterations)).save(path)
    return path


def measure(file: Path, size: int, name: str, options: dict[str, Any]) -> dict[str, float]:
    """Export the strokes in `file`, in this process.

    Returns:
        'strokes', 'bytes' (of all files), 'seconds', 'mb' (peak of this process, in units of 2**20 bytes).
    """
    from painter import Painting

    painting = Painting.load(file)
    painting = replace(painting, config=replace(painting.config, size=size))
    next(painting.frames(WARMUP, 2))
    painting.draw(WARMUP)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        if name:
            painting.save(f"{folder}/{name}", config=ExportConfig(**options))
        seconds = time.perf_counter() - start
        written = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return {"strokes": len(painting.strokes), "bytes": written, "seconds": seconds, "mb": peak_rss_mb() or 0.0}


def table(columns: Sequence[Sequence[dict[str, float]]]) -> list[str]:
    """Lines of Markdown: a row for each export, three columns for each painting; `columns` are figures of `measure`."""
    heads = [f"{column[0]['strokes']:,.0f} strokes: size | s | MB" for column in columns]
    lines = [f"| export | {' | '.join(heads)} |", "|---" + "|--:" * (3 * len(columns)) + "|"]
    for k, (title, *_) in enumerate(EXPORTS):
        cells = [f"{_size(c[k]['bytes'])} | {c[k]['seconds']:.1f} | {c[k]['mb']:.0f}" for c in columns]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines


def _size(count: float) -> str:
    if not count:
        return ""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _run(file: Path, size: int, export: int) -> dict[str, float]:
    command = [
        sys.executable,
        "-m",
        "scripts.benchmark.exports",
        str(file),
        "--size",
        str(size),
        "--export",
        str(export),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _counts(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def _parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="stroke files; without any, paintings are made"
    )
    parser.add_argument("--counts", default=[500, 5000], type=_counts, help="of strokes (500,5000)")
    parser.add_argument("--iterations", type=int, default=30, help="of each search (%(default)s)")
    parser.add_argument("--style", default=STYLES[0], choices=STYLES, help="(%(default)s)")
    parser.add_argument("--size", type=int, default=512, help="long side, pixels (%(default)s)")
    parser.add_argument("--export", type=int, help=argparse.SUPPRESS)  # this one, in this process
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
