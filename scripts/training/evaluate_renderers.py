"""Print how well each brush's networks imitate its engine: PSNR in dB over held-out random strokes.

    python -m scripts.training.evaluate_renderers [--json FILE]

alpha_64 and mix_64: coverage and pigment mix in the largest frame (64² texels), as sharp as it allows. alpha and mix:
in frames as in a search, for pixels of all sizes. canvas_128: the mean of foreground and alpha of single strokes on a
128² canvas, as Stylized Neural Painting measures it (26.98 dB for its oil brush, 31.39 dB for its watercolor).
Errors are pooled over all strokes before the logarithm.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from painter.search.config import SearchConfig
from painter.system.atomic import replacing
from renderers.brushes import NETWORK_BRUSHES
from renderers.checkpoint import load_networks
from renderers.decoder import Decoder
from renderers.evaluation import figures, random_strokes
from renderers.networks import BrushNetworks
from renderers.threads import limited_to

DECODED = 500  # strokes timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--count", type=int, default=1000, help="held-out strokes (%(default)s)")
    args = parser.parse_args()
    result = {}
    for name in NETWORK_BRUSHES:
        networks = load_networks(name)
        result[name] = figures(networks, SearchConfig().density, args.count)
        line = "  ".join(f"{figure} {value:5.2f}" for figure, value in result[name].items())
        print(f"{name:14} {line}   decode {DECODED} at 512 px: {decode_milliseconds(networks):.0f} ms", flush=True)
    if args.json:
        with replacing(args.json) as temporary:
            temporary.write_text(json.dumps(result, indent=2) + "\n")


@torch.no_grad()
def decode_milliseconds(networks: BrushNetworks, repeats: int = 15) -> float:
    """Best time of both networks for 500 random strokes of a 512 px canvas, forward, on one core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    strokes = random_strokes(networks.brush, DECODED, torch.Generator().manual_seed(5))
    frame = networks.brush.frame(strokes.params, 1 / 512)
    decoder = Decoder(networks, SearchConfig().density)
    times = []
    with limited_to(1):
        for _ in range(repeats):
            begin = time.perf_counter()
            decoder(frame, 1 / 512)
            times.append(time.perf_counter() - begin)
    torch.set_num_threads(threads)
    return 1000 * min(times)


if __name__ == "__main__":
    main()
