"""Give the strokes of a painting the colours, or colours and texture, of another picture.

    python examples/restyle.py [STROKES.strokes.json] [--style-image PICTURE] [--mode texture] [--out output]

Without a stroke file a bundled logo is painted first. The style is seen by random filters, which need no download.
"""

import argparse
from pathlib import Path

from painter import PaintConfig, Painting, RestyleConfig, paint, restyle
from painter.pictures.samples import sample_path

parser = argparse.ArgumentParser(description="Give the strokes of a painting the style of another picture.")
parser.add_argument("strokes", nargs="?", type=Path, help="a stroke file")
parser.add_argument("--style-image", type=Path, default=sample_path("circuit_coin"))
parser.add_argument("--mode", default="color", choices=["color", "texture"])
parser.add_argument("--iterations", type=int, default=60)
parser.add_argument("--size", type=int, default=512, help="longer side in pixels")
parser.add_argument("--count", type=int, default=500, help="strokes, where the logo is painted")
parser.add_argument("--out", type=Path, default=Path("output"), help="folder")

if __name__ == "__main__":
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.strokes is None:
        config = PaintConfig(strokes=options.count, size=options.size)
        painting, name = paint(sample_path("apple_coin"), config).painting, "apple_coin"
    else:
        painting, name = Painting.load(options.strokes), options.strokes.name.split(".")[0]
    asked = RestyleConfig(style_mode=options.mode, features="random", iterations=options.iterations, size=options.size)
    styled = restyle(painting, options.style_image, asked)
    stem = options.out / f"{name}-{options.style_image.stem}"
    styled.painting.save(f"{stem}.png", f"{stem}.strokes.json")
    print(f"wrote {stem}.png and {stem}.strokes.json")
    if styled.style is not None:
        print(f"style loss {styled.style['before']['style']:.3f} -> {styled.style['after']['style']:.3f}")
