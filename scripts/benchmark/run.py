"""Measure what painting costs: milliseconds of one iteration by part, how they grow, whole paintings.

    python -m scripts.benchmark.run [--quick | --end-to-end | --quality] [--styles S,S] [--repeats N] [--out FOLDER]
    python -m scripts.benchmark.run --kodak FOLDER [--strokes N,N] [--styles S,S]

Iterations: on strokes as the search places them on scikit-image's astronaut, for every count and size, with every
available backend in turn; the plain torch reference only up to 500 strokes at 256 px, as it is slow. One warm-up, then
the best (and the median) of --repeats; the parts are those of the fastest iteration that was timed by part. All counts
and sizes in the first style, 500 strokes at 256 px in the others. torch has one thread, as in the search; kernels have
all cores.

Floor: operations of the networks' matrix products divided by the measured rate of the same products (one core's, times
the cores); bytes that blending and the loss must move divided by the measured rate of copying a large array.

End to end: `python paint.py PHOTO --strokes 500 --size 512` from start to both files, each in a process of its own,
after a small painting that compiles the kernels; then 5,000 strokes at 1024 px in the first style.

Quality: PSNR, SSIM and L1 of four photos at 512 px beside other programs'. --quality-parts chooses among table (500
strokes), few (50 and 100 strokes), short and long (500 strokes in 5 and in 12 seconds), many (4,000 strokes), growth
(100 to 5,000 strokes) and whole (the astronaut to PNG and GIF, three times, for the seconds).

Kodak: the same for the pictures of a folder at their own size, with `--focus none`, beside published means over the
Kodak suite.

With --quality or --kodak, --options passes further options to paint.py (default options otherwise), and --against names
a checkout of another version of Impasto (--options-against: its options). Both versions then paint every picture, one
directly after the other, and take turns in going first; the table shows both, the differences in PSNR and SSIM (this
version minus the other) and the ratios of seconds (below 1: this version is faster). Targets judge this version.

Writes benchmark.json and, if iterations or paintings were timed, benchmark.png. Figures are valid for a quiet machine:
see the load that is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as painter.cli has it, before torch is imported

import numpy as np
import torch

from painter.system.atomic import replacing
from painter.system.usage import keep_freed_memory
from painter.version import __version__
from renderers.checkpoint import load_networks
from renderers.threads import core_count
from scripts.benchmark import kodak, quality
from scripts.benchmark.options import read_options
from scripts.benchmark.paintings import time_painting
from scripts.benchmark.parts import PARTS, Descent, Rates, Workload, copying_rate, measure, measure_rates, place
from scripts.benchmark.plot import plot
from scripts.benchmark.quality_targets import quality_targets
from scripts.benchmark.targets import print_targets, target
from scripts.benchmark.versions import print_versions

USUAL = (500, 256)  # strokes, side: measured in every style
REFERENCE = (500, 256)  # strokes, side: the most that the reference is measured on
PAINTINGS = ((500, 512, 20.0, 1.5), (5000, 1024, 240.0, 3.0))  # strokes, size, seconds and GB to stay below
QUIET = 0.5  # load up to which the machine counts as quiet
MOST_MILLISECONDS, LEAST_RATIO = 60.0, 10.0  # of USUAL on the CPU, and times as fast as the reference

Row = dict[str, Any]


def main() -> None:
    args = read_options(__doc__)
    torch.set_num_threads(1)
    keep_freed_memory()  # as painter.cli
    args.out.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"date": time.strftime("%Y-%m-%dT%H:%M:%S%z"), **describe()}
    load = result["machine"]["load"][0]
    print(f"{result['machine']['cpu']}, {core_count()} cores, load {load:.1f}", flush=True)
    if load > QUIET:
        print("this machine is busy: the figures are slower than on a quiet one, and the ratios are less certain")
    everything = not (args.quick or args.end_to_end or args.quality or args.kodak)
    if args.quick or everything:
        result["rates"], result["iterations"] = time_iterations(args)
        fast = [backend for backend in args.backends if backend != "reference"]
        result["growth"] = {backend: growth(result["iterations"], backend) for backend in fast}
        print_growth(result["growth"])
    if args.end_to_end or everything:
        result["paintings"] = time_paintings(args.styles)
    result["targets"] = targets(result.get("iterations", []), result.get("paintings", []))
    if args.quality or args.kodak or everything:
        compare_pictures(args, result)
    result["machine"]["load_after"] = os.getloadavg()
    print_targets(result["targets"])
    write(result, args.out)


def compare_pictures(args: argparse.Namespace, result: dict[str, Any]) -> None:
    """Measure how close paintings come to their pictures, and add that to the result, with its targets."""
    print_versions(args.versions)
    named = zip(("this", "other"), args.versions, strict=False)  # there may be no other
    result["painted_by"] = {name: version.as_json() for name, version in named}
    if args.kodak:
        rows = kodak.measure_kodak(args.pictures, args.styles, args.strokes, args.versions)
        result["kodak"] = kodak.as_json(rows)
        result["targets"] += kodak.kodak_targets(rows)
    else:
        found = quality.measure_quality(args.quality_parts, args.styles, args.versions)
        result["quality"] = quality.as_json(found)
        result["targets"] += quality_targets(found)


def describe() -> dict[str, Any]:
    """The machine, and versions of what the figures depend on."""
    names = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    machine = {
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "cores": core_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "load": os.getloadavg(),
    }
    versions = {name: version(name) for name in ("torch", "numba", "numpy")}
    return {"machine": machine, "versions": {"impasto": __version__, "python": platform.python_version(), **versions}}


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:  # not Linux
        return []


# --- iterations ---------------------------------------------------------------------------------------------


def time_iterations(args: argparse.Namespace) -> tuple[dict[str, Any], list[Row]]:
    """Rates by device and style, and a row of figures for each workload and backend; they are printed, too."""
    picture = astronaut().astype(np.float32) / 255
    ground = picture.mean(axis=(0, 1))
    copied = {device: copying_rate(device) for device in sorted({device_of(backend) for backend in args.backends})}
    rates: dict[str, dict[str, Rates]] = {device: {} for device in copied}
    rows: list[Row] = []
    print_heading()
    for style in args.styles:
        for device, rate in copied.items():
            rates[device][style] = measure_rates(load_networks(style), device, rate)
        for strokes in args.strokes:
            sides = [side for side in args.sides if style == args.styles[0] or (strokes, side) == USUAL]
            if not sides:
                continue
            placed = place(style, strokes, picture, ground)
            for side in sides:
                work = Workload(style, strokes, side)
                names = [name for name in args.backends if name != "reference" or is_quick(strokes, side)]
                descents = {name: Descent(work, placed, picture, ground, name, args.repeats) for name in names}
                found = time_workload(work, descents, {name: rates[device_of(name)][style] for name in names}, args)
                for row in found:
                    print_row(row)
                rows += found
    by_device = {device: {style: asdict(rate) for style, rate in found.items()} for device, found in rates.items()}
    return by_device, rows


def time_workload(
    work: Workload, descents: dict[str, Descent], rates: dict[str, Rates], args: argparse.Namespace
) -> list[Row]:
    """A row for each backend."""
    timings = measure(descents, args.repeats)
    rows = []
    for name, timing in timings.items():
        extent = descents[name].extent()
        floor = rates[name].floor(extent)
        rows.append(
            {
                **asdict(work),
                "backend": name,
                "covered_pixels": extent.pixels,
                "patches": extent.patches,
                "ms": timing.best,
                "median_ms": timing.median,
                "parts_ms": timing.parts,
                "floor_ms": floor,
                "over_floor": timing.best / sum(floor.values()),
                "times_reference": timings["reference"].best / timing.best if "reference" in timings else None,
            }
        )
    return rows


def astronaut() -> np.ndarray:
    """uint8 [512, 512, 3]"""
    from skimage import data

    picture: np.ndarray = data.astronaut()
    return picture


def device_of(backend: str) -> str:
    return "cuda" if backend == "cuda" else "cpu"


def is_quick(strokes: int, side: int) -> bool:
    """Whether the reference does this in reasonable time."""
    return strokes <= REFERENCE[0] and side <= REFERENCE[1]


def growth(rows: list[Row], backend: str) -> dict[str, Any]:
    """How one backend's cost grows in the first style: exponents e of cost ~ amount^e, fitted on logarithms."""
    rows = [row for row in rows if row["backend"] == backend and row["style"] == rows[0]["style"]]
    pixels, cost = [row["covered_pixels"] for row in rows], [row["ms"] for row in rows]
    blend = [row["parts_ms"]["blend_forward"] + row["parts_ms"]["blend_backward"] for row in rows]

    def along(varied: str, fixed: str) -> dict[int, float | None]:
        groups = {value: [row for row in rows if row[fixed] == value] for value in sorted({row[fixed] for row in rows})}
        power = 2 if varied == "side" else 1  # pixels, not sides
        return {
            value: exponent([row[varied] ** power for row in group], [row["ms"] for row in group])
            for value, group in groups.items()
        }

    return {
        "exponent": exponent(pixels, cost),
        "blend_exponent": exponent(pixels, blend),
        "ms_per_million_covered_pixels": 1e6 * sum(cost) / sum(pixels) if rows else None,
        "blend_fit": linear_fit(rows, blend),
        "by_strokes_at_side": along("strokes", "side"),
        "by_canvas_pixels_at_strokes": along("side", "strokes"),
    }


def exponent(amounts: Sequence[float], costs: Sequence[float]) -> float | None:
    """e of the best fit of cost ~ amount^e; None where the largest amount is not at least twice the smallest."""
    if not amounts or max(amounts) < 2 * min(amounts):
        return None
    return float(np.polyfit(np.log(amounts), np.log(costs), 1)[0])


def linear_fit(rows: list[Row], costs: Sequence[float]) -> dict[str, float] | None:
    """Milliseconds as a cost per stroke plus a cost per covered pixel: least squares of relative errors.

    Returns:
        Both, and how far off the worst workload is (0.1: by a tenth); None for fewer than three workloads.
    """
    if len(rows) < 3:
        return None
    amounts = np.array([[row["strokes"], row["covered_pixels"]] for row in rows]) / np.array(costs)[:, None]
    (stroke, pixel), *_ = np.linalg.lstsq(amounts, np.ones(len(rows)), rcond=None)
    worst = float(np.abs(amounts @ (stroke, pixel) - 1).max())
    return {"us_per_stroke": 1e3 * stroke, "ms_per_million_covered_pixels": 1e6 * pixel, "worst_deviation": worst}


# --- whole paintings ----------------------------------------------------------------------------------------


def time_paintings(styles: Sequence[str]) -> list[Row]:
    """A row for each painting; they are printed, too."""
    import imageio.v3 as iio

    print(f"\n{'style':14} {'strokes':>7} {'size':>5} {'seconds':>8} {'search':>7} {'peak GB':>8} {'PSNR dB':>8}")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "astronaut.png"
        iio.imwrite(photo, astronaut())
        for number, (strokes, size, *_) in enumerate(PAINTINGS):
            for style in styles if number == 0 else styles[:1]:
                time_painting(photo, style, 50, 64, "--iterations", "20")
                row = time_painting(photo, style, strokes, size)
                search = row["phases"]["search"]
                print(
                    f"{style:14} {strokes:7} {size:5} {row['seconds']:8.1f} {search:7.1f} {row['peak_gb']:8.2f}"
                    f" {row['psnr']:8.2f}", flush=True,
                )  # fmt: skip
                rows.append(row)
    return rows


# --- output -------------------------------------------------------------------------------------------------


def targets(iterations: list[Row], paintings: list[Row]) -> list[Row]:
    """The targets for a quiet machine of two cores, and what was measured."""
    found: list[Row] = []
    for row in iterations:
        if row["backend"] == "cpu" and (row["strokes"], row["side"]) == USUAL:
            what = f"{row['style']}, {row['strokes']} strokes at {row['side']} px"
            found.append(target(f"{what}: ms per iteration", row["ms"], "below", MOST_MILLISECONDS))
            if row["times_reference"] is not None:
                ratio = row["times_reference"]
                found.append(target(f"{what}: times as fast as the reference", ratio, "at least", LEAST_RATIO))
    limits = {(strokes, size): rest for strokes, size, *rest in PAINTINGS}
    for row in paintings:
        seconds, gigabytes = limits[row["strokes"], row["size"]]
        what = f"{row['style']}, painting {row['strokes']} strokes at {row['size']} px"
        found.append(target(f"{what}: seconds", row["seconds"], "below", seconds))
        found.append(target(f"{what}: peak GB", row["peak_gb"], "below", gigabytes))
    return found


def print_heading() -> None:
    print("\nmilliseconds per iteration; Mpx: covered pixels, counted once for each stroke; floor: see --help")
    names = "".join(f" {part.replace('_forward', '>').replace('_backward', '<'):>8}" for part in PARTS)
    print(
        f"{'style':14} {'strokes':>7} {'side':>5} {'backend':9} {'Mpx':>6} {'best':>8} {'median':>8} |{names} |"
        f" {'floor':>7} {'x floor':>7} {'x ref.':>6}"
    )


def print_row(row: Row) -> None:
    parts = "".join(f" {row['parts_ms'][part]:8.2f}" for part in PARTS)
    faster = "" if row["times_reference"] is None else f"{row['times_reference']:.1f}"
    print(
        f"{row['style']:14} {row['strokes']:7} {row['side']:5} {row['backend']:9} {row['covered_pixels'] / 1e6:6.2f}"
        f" {row['ms']:8.2f} {row['median_ms']:8.2f} |{parts} |"
        f" {sum(row['floor_ms'].values()):7.2f} {row['over_floor']:7.1f} {faster:>6}", flush=True,
    )  # fmt: skip


def print_growth(by_backend: dict[str, dict[str, Any]]) -> None:
    print("\ngrowth: exponents e of milliseconds ~ amount^e; 1 is linear")

    def shown(value: float | None) -> str:
        return "     -" if value is None else f"{value:6.2f}"

    for backend, found in by_backend.items():
        print(f"{backend:9} covered pixels {shown(found['exponent'])}  blending alone {shown(found['blend_exponent'])}")
        for name, group, unit in (
            ("strokes", "by_strokes_at_side", "px"),
            ("canvas pixels", "by_canvas_pixels_at_strokes", "strokes"),
        ):
            values = "  ".join(f"{value} {unit} {shown(e)}" for value, e in found[group].items())
            print(f"{'':9} {name:14} {values}")
        if found["blend_fit"]:
            stroke, pixel, worst = found["blend_fit"].values()
            print(
                f"{'':9} blending takes {stroke:.2f} us per stroke + {pixel:.2f} ms per million covered pixels,"
                f" within {100 * worst:.0f} %"
            )


def write(result: dict[str, Any], folder: Path) -> None:
    with replacing(folder / "benchmark.json") as temporary:
        temporary.write_text(json.dumps(result, indent=2, allow_nan=False) + "\n")
    print(f"wrote {folder / 'benchmark.json'}")
    if "iterations" in result or "paintings" in result:
        with replacing(folder / "benchmark.png") as temporary:
            plot(result, temporary)
        print(f"wrote {folder / 'benchmark.png'}")


if __name__ == "__main__":
    main()
