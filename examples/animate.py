"""Make a film of how a painting grows, as MP4, and as a GIF that fits into a number of bytes.

    python examples/animate.py [STROKES.strokes.json] [--seconds 6] [--size 512] [--max-bytes 2MB] [--out output]

Without a stroke file the bundled logo is painted first.
"""

import argparse
from pathlib import Path

from painter import ExportConfig, PaintConfig, Painting, paint
from painter.pictures.samples import sample_path

parser = argparse.ArgumentParser(description="Make a film of how a painting grows.")
parser.add_argument("strokes", nargs="?", type=Path, help="a stroke file")
parser.add_argument("--seconds", type=float, default=6.0, help="until the painting is finished")
parser.add_argument("--size", type=int, default=512, help="longer side in pixels")
parser.add_argument("--max-bytes", default="2MB", help="of the GIF")
parser.add_argument("--count", type=int, default=300, help="strokes, where the logo is painted")
parser.add_argument("--out", type=Path, default=Path("output"), help="folder")

if __name__ == "__main__":
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.strokes is None:
        painting, name = paint(sample_path(), PaintConfig(style="marker", strokes=options.count)).painting, "logo"
    else:
        painting, name = Painting.load(options.strokes), options.strokes.name.split(".")[0]
    film = ExportConfig(duration=options.seconds, ease="early", max_bytes=options.max_bytes)
    for path in (options.out / f"{name}.mp4", options.out / f"{name}.gif"):
        notes = painting.save(path, size=options.size, config=film)
        print(f"wrote {path}, {path.stat().st_size:,} bytes", *notes, sep="\n  ")
