"""The three painted clips of docs/video.md, each beside its source: from scikit-image's sample pictures.

python -m scripts.gallery.clips [--out docs]
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from itertools import starmap
from pathlib import Path

import numpy as np

from painter.export.webp import write_animated_webp
from painter.options.paint import PaintConfig
from painter.video.clip_painter import ClipPainter
from painter.video.film import drawn
from painter.video.looking_ahead import with_ahead
from painter.video.stroke_video import Film
from scripts.benchmark.video_clips import CLIPS

CLIPS_SHOWN = (("turn", "rectangle", 300), ("head", "rectangle", 300), ("pan", "oilpaintbrush", 300))
FRAMES, SIDE, RATE, QUALITY = 16, 256, 12, 82


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs"), help="the folder (%(default)s)")
    args = parser.parse_args()
    for name, style, strokes in CLIPS_SHOWN:
        clip = CLIPS[name](FRAMES, SIDE)
        config = PaintConfig(style=style, strokes=strokes, size=SIDE, focus="none", texture=0.0)
        painter = ClipPainter(config)
        height, width = clip.frames[0].shape[:2]
        film = Film(style, (height, width), Fraction(RATE), config)
        painted = drawn(film, starmap(painter.next, with_ahead(clip.frames, painter.ahead)))
        pairs = [np.hstack(pair) for pair in zip(clip.frames, painted, strict=True)]
        there_and_back = [*pairs, *pairs[-2:0:-1]]
        times = [Fraction(1000, RATE)] * len(there_and_back)
        write_animated_webp(args.out / f"video-{name}.webp", there_and_back, times, QUALITY)


if __name__ == "__main__":
    main()
