"""The command `compile`: compile the kernels of all brushes ahead, so that no painting waits for them."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from painter.cli.arguments import add_common_options, new_parser
from painter.cli.progress import say
from painter.options.paint import STYLES, PaintConfig
from painter.system.usage import Stopwatch
from renderers.compiled import STAMP, kernels_are_compiled

_SIDE, _STROKES, _STEPS = 64, 12, 10  # of paintings that need every kernel and take no time


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Compile what is not compiled yet; the exit code."""
    options = make_parser(program).parse_args(arguments)
    missing = [brush for brush in (*STYLES, STAMP) if not kernels_are_compiled(brush)]
    return run(missing, options.quiet)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The parser of the command."""
    what = (
        "Compile the kernels of all brushes ahead, which takes about a minute. They are kept beside the program, or\n"
        "in the user's cache folder; what is not compiled ahead is compiled when it is first needed."
    )
    parser = new_parser(what, program)
    add_common_options(parser)
    return parser


def run(brushes: list[str], quiet: bool) -> int:
    """Paint a tiny picture with each of these brushes, once transparent and once not; the exit code."""
    import numpy as np
    from PIL import Image

    from painter.pipeline import paint

    colors = np.random.default_rng(0).integers(0, 256, (_SIDE, _SIDE, 4), np.uint8)
    with tempfile.TemporaryDirectory(prefix="impasto-") as folder:
        own = Path(folder, "own.png")
        Image.fromarray(colors[:16, :24]).save(own)
        for k, brush in enumerate(brushes, 1):
            if not quiet:
                say(sys.stderr, f"compiling kernels, once: {brush} ({k} of {len(brushes)})")
            about = {"brush": str(own)} if brush == STAMP else {"style": brush}
            config = PaintConfig(size=_SIDE, strokes=_STROKES, iterations=_STEPS, relief=0.5, **about)  # type: ignore
            for picture in (colors, colors[..., :3]):
                paint(picture, config).save(Path(folder, "a.png"), Path(folder, "a.gif"))
    if not quiet:
        say(sys.stdout, f"compiled the kernels of {', '.join(brushes)}" if brushes else "all kernels are compiled")
    return 0
