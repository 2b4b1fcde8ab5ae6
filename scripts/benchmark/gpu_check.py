"""All that is to be known about a GPU, in one go within eight minutes: for a card that is lent for a moment.

    python -m scripts.benchmark.gpu_check [--device cuda|cpu] [--quick] [--out FOLDER] [--limit SECONDS]

1. Values and gradients of the Triton kernels that blend and decode against the reference in float64, for random strokes
   of every brush, on opaque and transparent canvases whose sides are and are not multiples of a tile.
2. Milliseconds of an iteration, by part, at 500, 5,000 and 20,000 strokes on 512 and 1024 px, and how far from the
   floor they are: operations over the measured rate of the networks' products, bytes over that of copying.
3. Whole paintings of 500 strokes at 512 px and 5,000 at 1024 px, from start to files, twice each; the last is kept.

What comes first matters most; what does not fit into --limit (450 s) is left out, and listed. After every figure
gpu.json is written anew, and at the end gpu.txt, a table. A part that raises an error is listed, and the others go on.
The exit code is 1 if values or gradients are wrong, or a part failed.
--device cpu runs the same with the kernels under Triton's interpreter and the CPU's iterations; --quick makes it small.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
if {"cpu", "--device=cpu"} & set(sys.argv):  # before anything imports triton
    os.environ.setdefault("TRITON_INTERPRET", "1")

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from painter.options.paint import STYLES
from painter.system.atomic import replacing
from painter.system.usage import keep_freed_memory
from renderers.blending import Layers, blend
from renderers.blending.reference import blend_reference
from renderers.brushes import BRUSHES, Frame
from renderers.brushes.base import frame_grid
from renderers.checkpoint import load_networks
from renderers.decoder import network_maps
from renderers.decoding import EngineMaps, NetworkMaps, make_layers
from renderers.evaluation import random_strokes
from scripts.benchmark.paintings import time_painting
from scripts.benchmark.parts import Descent, Rates, Workload, copying_rate, measure, measure_rates, place

CANVASES = ((64, 64, 3), (83, 131, 4), (256, 256, 3))  # rows, columns, channels
WORKLOADS = ((500, 512), (5000, 512), (5000, 1024), (500, 1024), (20_000, 1024), (20_000, 512))  # strokes, side
PAINTINGS = ((500, 512), (5000, 1024))
STYLE = "oilpaintbrush"
DECODED = ("box", "geometry", "code")
FIELDS = ("transform", "texels", "start", "end", "opacity")
VALUE_ERROR, GRADIENT_ERROR = 1e-4, 1e-3  # as in tests/helpers/layers.py; gradients: of a tensor's largest
GOALS = {"an iteration of 5,000 strokes at 1024 px, ms": 10.0, "a painting of 5,000 strokes at 1024 px, s": 5.0}


class Check:
    """What has been found, and how long there is still time."""

    def __init__(self, device: str, folder: Path, limit: float) -> None:
        self.device, self.folder, self.end = device, folder, time.monotonic() + limit
        name = torch.cuda.get_device_name() if device == "cuda" else platform.processor() or platform.machine()
        about = {"device": name, "torch": torch.__version__, "python": platform.python_version(), "goals": GOALS}
        parts = ("kernels", "iterations", "paintings", "failed", "left_out")
        self.found: dict[str, Any] = {**about, **{part: [] for part in parts}}

    def do(self, part: str, what: str, work: Callable[[], dict[str, Any]]) -> None:
        """Add what `work` finds to a part, if there is time for it."""
        if time.monotonic() > self.end:
            self.found["left_out"].append(what)
        else:
            begin = time.monotonic()
            try:
                row = {**work(), "took": round(time.monotonic() - begin, 2)}
            except Exception as error:  # the card is lent for a moment: what else there is to know is still wanted
                part, row = "failed", {"what": f"{part}, {what}", "error": repr(error)}
            self.found[part].append(row)
            print(part, what, row, flush=True)
        with replacing(self.folder / "gpu.json") as temporary:
            temporary.write_text(json.dumps(self.found, indent=2))


# --- values and gradients -----------------------------------------------------------------------------------


def compare_kernels(brush: str, strokes: int, canvas: tuple[int, int, int], device: str) -> dict[str, Any]:
    """Largest differences of the kernels' canvas and gradients from the reference's, in float64."""
    pixel = 1 / max(canvas[:2])
    drawn = random_strokes(BRUSHES[brush], strokes, torch.Generator().manual_seed(3))
    layers = make_layers(drawn, pixel, canvas[2], EngineMaps(drawn, pixel, 1.0))
    below = torch.rand(canvas, generator=torch.Generator().manual_seed(4))
    one, its = _painted(lambda base, given: blend(base, given, "cuda"), below, layers, torch.float32, device)
    other, theirs = _painted(blend_reference, below, layers, torch.float64, "cpu")
    errors = {
        name: float((a - b).abs().max() / b.abs().max().clamp(min=1e-12))
        for name, a, b in zip(FIELDS, its, theirs, strict=True)
    }
    value = float((one - other).abs().max())
    good = value <= VALUE_ERROR and all(error <= GRADIENT_ERROR for error in errors.values())  # NaN is not
    return {"brush": brush, "strokes": strokes, "canvas": canvas, "value": value, "gradients": errors, "good": good}


def compare_decoders(brush: str, strokes: int, canvas: tuple[int, int, int], device: str) -> dict[str, Any]:
    """Largest differences of the texels that the networks' kernels decode, and of their gradients, from plain torch's
    in float64."""
    drawn, pixel = random_strokes(BRUSHES[brush], strokes, torch.Generator().manual_seed(3)), 1 / max(canvas[:2])
    with torch.no_grad():
        frame = BRUSHES[brush].frame(drawn.params, pixel)
        grid = frame_grid(frame.box, pixel / frame.scale, 1.0)
    networks = load_networks(brush)
    decoder = network_maps(load_networks(brush).to(device), "cuda", 1.0)
    one, its = _decoded(decoder, frame, pixel, grid, torch.float32, device)
    other, theirs = _decoded(NetworkMaps(networks.double(), 1.0), frame, pixel, grid, torch.float64, "cpu")
    errors = {
        name: float((a - b).abs().max() / b.abs().max().clamp(min=1e-12))
        for name, a, b in zip(DECODED, its, theirs, strict=True)
    }
    value = float((one - other).abs().max())
    good = value <= VALUE_ERROR and all(error <= GRADIENT_ERROR for error in errors.values())
    what = f"{brush}, decoded"
    return {"brush": what, "strokes": strokes, "canvas": canvas, "value": value, "gradients": errors, "good": good}


def _decoded(
    source: Any, frame: Frame, pixel: float, grid: Tensor, dtype: torch.dtype, device: str
) -> tuple[Tensor, list[Tensor]]:
    """The texels, and the gradients of a fixed random sum of them, in float64 on the CPU."""
    moved = {name: getattr(frame, name).to(device, dtype) for name in frame.__dataclass_fields__}
    leaves = [moved[name].requires_grad_() for name in DECODED]
    texels = source.texels(replace(frame, **moved), pixel, grid.to(device))
    weight = torch.randn(texels.shape, generator=torch.Generator().manual_seed(9)).to(texels)
    found = torch.autograd.grad((texels * weight).sum(), leaves, materialize_grads=True)
    return texels.detach().double().cpu(), [gradient.double().cpu() for gradient in found]


def _painted(
    work: Callable[[Tensor, Layers], Tensor], below: Tensor, layers: Layers, dtype: torch.dtype, device: str
) -> tuple[Tensor, list[Tensor]]:
    """The canvas, and the gradients of a fixed random sum of it, in float64 on the CPU."""
    maps = layers.maps
    given = (layers.transform, maps.texels, layers.start, layers.end, layers.opacity)
    leaves = [value.detach().to(device, dtype).requires_grad_() for value in given]
    transform, texels, start, end, opacity = leaves
    moved = Layers(transform, replace(maps, texels=texels), start, end, opacity)
    painted = work(below.to(device, dtype), moved)
    weight = torch.randn(painted.shape, generator=torch.Generator().manual_seed(9)).to(painted)
    found = torch.autograd.grad((painted * weight).sum(), leaves, materialize_grads=True)
    return painted.detach().double().cpu(), [gradient.double().cpu() for gradient in found]


# --- iterations ---------------------------------------------------------------------------------------------


class Iterations:
    """Times iterations; strokes are placed once for each number."""

    def __init__(self, picture: np.ndarray, device: str, repeats: int) -> None:
        self.picture, self.device, self.repeats = picture, device, repeats
        self.ground = picture.mean(axis=(0, 1))
        self._placed: dict[int, Any] = {}
        self._rates: Rates | None = None

    def time(self, strokes: int, side: int) -> dict[str, Any]:
        """Milliseconds of an iteration, its parts, and the floor."""
        if strokes not in self._placed:
            self._placed = {strokes: place(STYLE, strokes, self.picture, self.ground)}
        if self._rates is None:
            self._rates = measure_rates(load_networks(STYLE), self.device, copying_rate(self.device))
        work = Workload(STYLE, strokes, side)
        descent = Descent(work, self._placed[strokes], self.picture, self.ground, self.device, self.repeats)
        timing = measure({"": descent}, self.repeats)[""]
        floor = self._rates.floor(descent.extent())
        memory = floor["blend"] + floor["loss"]
        blending = timing.parts["blend_forward"] + timing.parts["blend_backward"] + timing.parts["loss"]
        return {
            "strokes": strokes, "side": side, **asdict(timing), "floor": floor,
            "times_the_floor": timing.best / sum(floor.values()), "blending_times_memory": blending / memory,
        }  # fmt: skip


# --- all of it ----------------------------------------------------------------------------------------------


def table(found: dict[str, Any]) -> str:
    """What has been found, as text."""
    lines = [f"{found['device']}, torch {found['torch']}", ""]
    for row in found["kernels"]:
        worst = float(np.max(list(row["gradients"].values())))
        said = "good" if row["good"] else "WRONG"
        lines.append(f"{row['brush']:24} {row['canvas']}: value {row['value']:.1e}, gradients {worst:.1e}: {said}")
    lines += ["", "strokes   px     ms  median  decode   blend    loss    step  times the floor"]
    for row in found["iterations"]:
        parts = row["parts"]
        decode, blended = (parts[f"{name}_forward"] + parts[f"{name}_backward"] for name in ("decode", "blend"))
        lines.append(
            f"{row['strokes']:7} {row['side']:4} {row['best']:6.1f} {row['median']:7.1f} {decode:7.1f} {blended:7.1f}"
            f" {parts['loss']:7.1f} {parts['step']:7.1f} {row['times_the_floor']:9.1f}"
        )
    lines.append("")
    for row in found["paintings"]:
        lines.append(f"{row['strokes']} strokes at {row['size']} px: {row['seconds']:.1f} s, {row['psnr']:.2f} dB")
    lines += [f"failed: {row['what']}: {row['error']}" for row in found["failed"]]
    lines += [f"left out: {what}" for what in found["left_out"]]
    return "\n".join(lines) + "\n"


def run(check: Check, picture: np.ndarray, quick: bool) -> None:
    """All parts, in this order."""
    device = check.device
    for brush in STYLES[: 1 if quick else None]:
        for canvas in CANVASES[: 1 if quick else None]:
            compared = partial(compare_kernels, brush, 4 if quick else 60, canvas, device)
            check.do("kernels", f"{brush} {canvas}", compared)
        decoded = partial(compare_decoders, brush, 4 if quick else 60, CANVASES[0], device)
        check.do("kernels", f"{brush}, decoded", decoded)
    iterations = Iterations(picture.astype(np.float32) / 255, device, 2 if quick else 7)
    for strokes, side in ((20, 64),) if quick else WORKLOADS:
        check.do("iterations", f"{strokes} at {side} px", partial(iterations.time, strokes, side))
    photo = check.folder / "photo.png"
    Image.fromarray(picture).save(photo)
    more = ("--device", device, *(("--iterations", "4") if quick else ()))
    for strokes, side in ((20, 64),) if quick else PAINTINGS:
        for _ in range(1 if quick else 2):  # the first compiles
            painted = partial(time_painting, photo, STYLE, strokes, side, *more)
            check.do("paintings", f"{strokes} at {side} px", painted)


def main(words: Sequence[str] | None = None) -> int:
    """Check, write gpu.json and gpu.txt; 1 if values or gradients are wrong, or a part failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="what is checked (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="one small case of each part")
    parser.add_argument("--limit", type=float, default=450.0, help="seconds after which no part begins (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("output/gpu"), help="folder (%(default)s)")
    options = parser.parse_args(words)
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.exit(
            2, "gpu_check: error: torch sees no CUDA device; try --device cpu --quick, which shows that it runs\n"
        )
    torch.set_num_threads(1)
    keep_freed_memory()
    options.out.mkdir(parents=True, exist_ok=True)
    from skimage.data import astronaut

    check = Check(options.device, options.out, options.limit)
    run(check, astronaut(), options.quick)
    (options.out / "gpu.txt").write_text(table(check.found))
    print(table(check.found))
    return int(bool(check.found["failed"]) or not all(row["good"] for row in check.found["kernels"]))


if __name__ == "__main__":
    sys.exit(main())
