"""What style transfer on pixels costs: seconds and memory per evaluation (the loss with its gradient), as a table.

    python -m scripts.benchmark.style_transfer [--threads 2] [--sizes 256,512,1024] [--rounds 3]

An iteration of adam, nadam, rmsprop and sgd is one evaluation; of L-BFGS, 1.05 of them on average. All rows are of
random filters: trained ones cost the same. Each row is measured in a process of its own, for its peak of memory; there
the two modes (activations kept, or computed twice) take turns, so that a busy machine affects both alike.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor

from painter.options.transfer import TransferConfig
from painter.styling import features
from painter.styling.feature_networks import load_features
from painter.styling.features import Features
from painter.system.usage import keep_freed_memory, peak_rss_mb

NAMES = {"vgg19": "vgg19's layers, to relu5_1", "random": "random's layers, to relu3_1"}


def main() -> None:
    """Measure, and print a Markdown table; or, in a process of its own, one row as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=2, help="of torch (%(default)s)")
    parser.add_argument("--sizes", default="256,512,1024", help="long sides, pixels (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="whose median counts (%(default)s)")
    parser.add_argument("--row", nargs=2, metavar=("LAYERS", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row is not None:
        print(json.dumps(measure(options.row[0], int(options.row[1]), options.threads, options.rounds)))
        return
    print("| layers | long side | seconds | kept / computed twice | peak memory |")
    print("|---|---|---|---|---|")
    for layers in NAMES:
        for size in options.sizes.split(","):
            command = [sys.executable, "-m", "scripts.benchmark.style_transfer", "--row", layers, size]
            command += ["--threads", str(options.threads), "--rounds", str(options.rounds)]
            row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            cells = [NAMES[layers], size, f"{row['seconds']:.2f}", f"{row['ratio']:.2f}", f"{row['mb'] / 1000:.1f} GB"]
            print("| " + " | ".join(cells) + " |", flush=True)


def measure(kind: str, size: int, threads: int, rounds: int) -> dict[str, Any]:
    """Seconds of an evaluation, their ratio to those of one that computes layers twice, and the peak in 2**20 bytes."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    network, layers = load_features("random"), wanted(kind)
    image = torch.rand(size, size, 3)
    evaluate(network, image, layers)  # to warm up
    peak = peak_rss_mb()
    seconds: dict[int, list[float]] = {features.CHECKPOINT_PIXELS: [], 1: []}  # as it is, and all layers computed twice
    for _ in range(rounds):
        for pixels, times in seconds.items():
            features.CHECKPOINT_PIXELS = pixels
            times.append(timed(lambda: evaluate(network, image, layers)))
    usual, sparing = map(median, seconds.values())
    return {"seconds": usual, "ratio": usual / sparing, "mb": peak}


def wanted(kind: str) -> list[str]:
    """The layers of the default options."""
    config = TransferConfig(features=kind)
    return list(dict.fromkeys([*config.layer_weights, config.content_layer]))


def evaluate(network: Features, image: Tensor, layers: list[str]) -> None:
    """A loss of these layers, and its gradient."""
    image = image.clone().requires_grad_()
    torch.stack([layer.square().mean() for layer in network(image, layers).values()]).sum().backward()


def timed(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
