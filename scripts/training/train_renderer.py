"""Train one brush's networks on strokes that its engine paints meanwhile.

    python -m scripts.training.train_renderer --brush watercolor

Saves its state in runs/BRUSH, so that a run that was stopped can be resumed with --resume, and draws a learning curve
there; at the end it writes the checkpoint and its manifest entry to checkpoints/.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import platform
import shlex
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from painter.search.config import SearchConfig
from painter.system.atomic import replacing
from renderers.brushes import NETWORK_BRUSHES
from renderers.checkpoint import MANIFEST, checkpoint_folder, dump_networks, read_manifest
from renderers.errors import CheckpointError
from renderers.evaluation import figures
from renderers.networks import BrushNetworks
from renderers.training import TrainConfig, Trainer, paint_batch, patch_figures

SAVE_SECONDS = 30
CURVE_STEPS = 1000  # between two points of the learning curve
CURVE_STROKES = 200  # held-out strokes that a point is measured on


def main() -> None:
    args = parse_arguments()
    torch.set_num_threads(1)  # the networks are too small to share
    config = replace(TrainConfig(), steps=args.steps)
    device = torch.device(args.device)
    folder = args.runs / args.brush
    for needed in (folder, args.out):
        needed.mkdir(parents=True, exist_ok=True)
    networks = BrushNetworks(NETWORK_BRUSHES[args.brush])
    seconds = train(networks, config, device, folder, args)
    networks = networks.cpu().eval()
    result = figures(networks, SearchConfig().density)
    print(args.brush, json.dumps(result))
    how = {
        "command": shlex.join(["python", "-m", "scripts.training.train_renderer", *sys.argv[1:]]),
        "config": asdict(config),
        "machine": describe_machine(device),
        "seconds": round(seconds),
    }
    publish(networks, args.out, how, result)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brush", required=True, choices=list(NETWORK_BRUSHES), help="whose networks are trained")
    parser.add_argument("--steps", type=int, default=TrainConfig.steps, help="of training (%(default)s)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="that paint strokes (%(default)s)")
    parser.add_argument("--resume", action="store_true", help="resume a run that was stopped")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder for states and learning curves (%(default)s)"
    )
    parser.add_argument("--out", type=Path, default=checkpoint_folder(), help="folder for the checkpoint (%(default)s)")
    return parser.parse_args()


def train(
    networks: BrushNetworks, config: TrainConfig, device: torch.device, folder: Path, args: argparse.Namespace
) -> float:
    """Train both networks; returns the seconds that it took, earlier runs included."""
    trainer = Trainer(networks, config, device)
    state, curve = folder / "state.safetensors", folder / "curve.csv"
    earlier = 0.0
    if args.resume and state.exists():
        loaded = load_file(state)
        earlier = float(loaded.pop("seconds"))
        trainer.load_state(loaded)
    elif curve.exists():
        curve.unlink()
    held_out = paint_batch(networks.brush, CURVE_STROKES, torch.Generator().manual_seed(config.seed + 77), 0.5)
    held_out = held_out.to(device)
    begin = saved = time.monotonic()
    with tqdm(total=config.steps, initial=trainer.step, desc=args.brush, mininterval=5) as bar:
        for event in trainer.run(workers=args.threads):
            bar.update(event.step - bar.n)
            if event.step % CURVE_STEPS == 0 or event.step == config.steps:
                alpha, mix = patch_figures(networks, held_out)
                bar.set_postfix_str(f"α {alpha:.2f} dB, mix {mix:.2f} dB")
                add_point(curve, event.step, alpha, mix)
            if time.monotonic() - saved > SAVE_SECONDS or event.step == config.steps:
                saved = time.monotonic()
                elapsed = torch.tensor(earlier + saved - begin)
                with replacing(state) as temporary:
                    save_file({**trainer.state(), "seconds": elapsed}, temporary)
    plot_curve(curve)
    return earlier + saved - begin


def add_point(curve: Path, step: int, alpha: float, mix: float) -> None:
    new = not curve.exists()
    with curve.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["step", "alpha_db", "mix_db"])
        writer.writerow([step, f"{alpha:.3f}", f"{mix:.3f}"])


def plot_curve(path: Path) -> None:
    """A learning curve as PNG, beside its CSV."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), dpi=110)
    rows = list(csv.DictReader(path.open()))
    for column, style in (("alpha_db", "-"), ("mix_db", "--")):
        values = [float(row[column]) for row in rows]
        axes.plot([int(row["step"]) for row in rows], values, style, label=column.removesuffix("_db"))
    axes.set(xlabel="step", ylabel="held-out PSNR, dB", title=path.parent.name)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path.with_suffix(".png"))
    plt.close(figure)


def describe_machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {os.cpu_count()} cores"


def publish(networks: BrushNetworks, out: Path, how: dict[str, Any], result: dict[str, float]) -> None:
    """Write the checkpoint and its manifest entry, each completely or not at all."""
    content = dump_networks(networks)
    name = f"{networks.brush.name}.safetensors"
    try:
        entries = read_manifest(out)
    except CheckpointError:
        entries = {}
    entries[networks.brush.name] = {
        "file": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "trained": how,
        "figures": result,
    }
    with replacing(out / name) as temporary:
        temporary.write_bytes(content)
    with replacing(out / MANIFEST) as temporary:
        temporary.write_text(json.dumps({"brushes": dict(sorted(entries.items()))}, indent=2) + "\n")


if __name__ == "__main__":
    main()
