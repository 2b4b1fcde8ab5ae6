"""Paint a picture and show the progress; Ctrl-C finishes early with what there is.

    python examples/paint_photo.py [PICTURE] [--style watercolor] [--strokes 500] [--size 512] [--out output]

The painting is written as a PNG and as a stroke file, from which it can be drawn again.
"""

import argparse
from pathlib import Path
from typing import Any

from painter import PaintConfig, paint
from painter.pictures.samples import sample_path

parser = argparse.ArgumentParser(description="Paint a picture and show the progress.")
parser.add_argument("picture", nargs="?", type=Path, default=sample_path("apple_coin"))
parser.add_argument("--style", default="watercolor", help="oil, watercolor, marker or tape")
parser.add_argument("--strokes", type=int, default=500)
parser.add_argument("--size", type=int, default=512, help="longer side in pixels")
parser.add_argument("--out", type=Path, default=Path("output"), help="folder")


def show(progress: Any) -> None:
    """Print where the search stands, on one line."""
    print(f"\rstep {progress.step}/{progress.steps}: {progress.psnr:.2f} dB ", end="", flush=True)


if __name__ == "__main__":
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    config = PaintConfig(style=options.style, strokes=options.strokes, size=options.size)
    result = paint(options.picture, config, on_progress=show)
    print()
    stem = options.out / f"{options.picture.stem}-{config.style}"
    result.save(f"{stem}.png", f"{stem}.strokes.json")
    print(f"wrote {stem}.png and {stem}.strokes.json: {result.report['psnr']:.2f} dB to the picture")
