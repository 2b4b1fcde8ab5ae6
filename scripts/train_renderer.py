"""Train one brush's networks from strokes that its engine paints as it goes.

    python scripts/train_renderer.py --brush watercolor

Keeps its state in runs/BRUSH, so that a run that was stopped goes on with --resume; leaves a learning curve there,
and at the end the checkpoint and its manifest entry in checkpoints/.
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

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from painter.config import SearchConfig
from painter.files import replacing
from renderers.brushes import BRUSHES
from renderers.checkpoint import MANIFEST, checkpoint_folder, pack_networks, read_manifest
from renderers.errors import CheckpointError
from renderers.evaluation import figures
from renderers.networks import FRAME_SIDES, BrushNetworks
from renderers.training import TrainConfig, Trainer, frame_figures, paint_batch

SAVE_SECONDS = 30
CURVE_STEPS = 1000  # between two points of the learning curve
CURVE_STROKES = 200  # held-out strokes that a point is measured on


def main() -> None:
    args = parse_arguments()
    torch.set_num_threads(1)  # the networks are too small to share
    config = replace(TrainConfig(), steps=args.steps)
    device = torch.device(args.device)
    folder = args.runs / args.brush
    folder.mkdir(parents=True, exist_ok=True)
    networks = BrushNetworks(BRUSHES[args.brush])
    seconds = 0.0
    for side in FRAME_SIDES:
        seconds += train_frame(networks, side, config, device, folder, args)
    networks = networks.cpu().eval()
    result = figures(networks, SearchConfig().small_frame)
    print(args.brush, json.dumps(result))
    how = {
        "command": "python " + shlex.join(sys.argv),
        "config": asdict(config),
        "machine": describe_machine(device),
        "seconds": round(seconds),
    }
    publish(networks, args.out, how, result)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brush", required=True, choices=list(BRUSHES))
    parser.add_argument("--steps", type=int, default=TrainConfig.steps, help="per frame size (%(default)s)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="strokes painted at a time (%(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on where a stopped run was")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="states and learning curves (%(default)s)")
    parser.add_argument("--out", type=Path, default=checkpoint_folder(), help="where the checkpoint goes (%(default)s)")
    return parser.parse_args()


def train_frame(
    networks: BrushNetworks,
    side: int,
    config: TrainConfig,
    device: torch.device,
    folder: Path,
    args: argparse.Namespace,
) -> float:
    """Train the two networks of one frame size; returns the seconds it took, earlier runs included."""
    trainer = Trainer(networks, side, config, device)
    state, curve = folder / f"state-{side}.safetensors", folder / f"curve-{side}.csv"
    earlier = 0.0
    if args.resume and state.exists():
        loaded = load_file(state)
        earlier = float(loaded.pop("seconds"))
        trainer.load_state(loaded)
    elif curve.exists():
        curve.unlink()
    held_out = paint_batch(networks.brush, side, CURVE_STROKES, torch.Generator().manual_seed(config.seed + 77), False)
    held_out = held_out.map(lambda values: values.to(device))
    begin = saved = time.monotonic()
    with tqdm(total=config.steps, initial=trainer.step, desc=f"{args.brush} {side}²", mininterval=5) as bar:
        for event in trainer.run(workers=args.threads):
            bar.update(event.step - bar.n)
            if event.step % CURVE_STEPS == 0 or event.step == config.steps:
                alpha, mix = frame_figures(networks, side, held_out)
                bar.set_postfix_str(f"α {alpha:.2f} dB, mix {mix:.2f} dB")
                add_point(curve, event.step, alpha, mix)
            if time.monotonic() - saved > SAVE_SECONDS or event.step == config.steps:
                saved = time.monotonic()
                elapsed = torch.tensor(earlier + saved - begin)
                with replacing(state) as temporary:
                    save_file({**trainer.state(), "seconds": elapsed}, temporary)
    plot_curves(folder)
    return earlier + time.monotonic() - begin


def add_point(curve: Path, step: int, alpha: float, mix: float) -> None:
    new = not curve.exists()
    with curve.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["step", "alpha_db", "mix_db"])
        writer.writerow([step, f"{alpha:.3f}", f"{mix:.3f}"])


def plot_curves(folder: Path) -> None:
    """All learning curves of a brush as one PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), dpi=110)
    for path in sorted(folder.glob("curve-*.csv")):
        rows = list(csv.DictReader(path.open()))
        for column, style in (("alpha_db", "-"), ("mix_db", "--")):
            label = f"{column.removesuffix('_db')} {path.stem.removeprefix('curve-')}²"
            axes.plot([int(row["step"]) for row in rows], [float(row[column]) for row in rows], style, label=label)
    axes.set(xlabel="step", ylabel="held-out PSNR, dB", title=folder.name)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(folder / "curve.png")
    plt.close(figure)


def describe_machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {os.cpu_count()} cores"


def publish(networks: BrushNetworks, out: Path, how: dict, result: dict[str, float]) -> None:
    """Write the checkpoint and its manifest entry, whole or not at all."""
    content = pack_networks(networks)
    name = f"{networks.brush.name}.safetensors"
    try:
        entries = read_manifest(out)
    except CheckpointError:
        entries = {}
    entries[networks.brush.name] = {
        "file": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "frames": list(FRAME_SIDES),
        "trained": how,
        "figures": result,
    }
    with replacing(out / name) as temporary:
        temporary.write_bytes(content)
    with replacing(out / MANIFEST) as temporary:
        temporary.write_text(json.dumps({"brushes": dict(sorted(entries.items()))}, indent=2) + "\n")


if __name__ == "__main__":
    main()
