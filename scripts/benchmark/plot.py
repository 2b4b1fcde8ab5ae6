"""The figures of scripts/benchmark/run.py as a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

COLORS = {
    "decode_forward": "#9ecae1",
    "decode_backward": "#3182bd",
    "blend_forward": "#fdae6b",
    "blend_backward": "#e6550d",
    "loss": "#74c476",
    "step": "#969696",
}
COLUMNS = 3
Rows = list[dict[str, Any]]


def plot(result: dict[str, Any], path: Path) -> None:
    """Draw what is in `result`: parts for each size of canvas, growth, floor, whole paintings."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    panels = choose_panels(result)
    lines = -(-len(panels) // COLUMNS)
    figure, axes = plt.subplots(lines, COLUMNS, figsize=(15, 4.6 * lines), dpi=100, squeeze=False)
    for place, panel in zip(axes.flat, panels, strict=False):
        panel(place)
    for place in axes.flat[len(panels) :]:
        place.set_axis_off()
    machine = result["machine"]
    about = f"{machine['cpu']}, {machine['cores']} cores{', ' + machine['gpu'] if machine['gpu'] else ''}"
    figure.suptitle(f"{about}; load {machine['load'][0]:.1f} before; {result['date'][:10]}")
    figure.tight_layout()
    figure.savefig(path, format="png")
    plt.close(figure)


def choose_panels(result: dict[str, Any]) -> list[Callable[[Any], None]]:
    panels: list[Callable[[Any], None]] = []
    rows: Rows = result.get("iterations", [])
    fast = [row for row in rows if row["backend"] != "reference"]
    # One style: that of the whole table.
    shown = [row for row in fast or rows if row["style"] == rows[0]["style"]]
    for side in sorted({row["side"] for row in shown}):
        at_side = [row for row in shown if row["side"] == side]
        panels.append(lambda place, side=side, at_side=at_side: plot_parts(place, side, at_side))  # type: ignore[misc]
    if shown:
        for backend in dict.fromkeys(row["backend"] for row in shown):
            mine = [row for row in shown if row["backend"] == backend]
            panels.append(lambda place, mine=mine: plot_growth(place, mine))  # type: ignore[misc]
        panels.append(lambda place: plot_floor(place, shown))
    if result.get("paintings"):
        panels.append(lambda place: plot_paintings(place, result["paintings"]))
    return panels


def plot_parts(place: Any, side: int, rows: Rows) -> None:
    """Stacked bars: milliseconds by part."""
    several = len({row["backend"] for row in rows}) > 1
    labels = [f"{row['strokes']:,}" + (f"\n{row['backend']}" if several else "") for row in rows]
    bottom = [0.0] * len(rows)
    for part, color in COLORS.items():
        heights = [row["parts_ms"][part] for row in rows]
        place.bar(labels, heights, bottom=bottom, color=color, label=part.replace("_", " "))
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    place.set(title=f"{rows[0]['style']}, {side} px: one iteration by part", xlabel="strokes", ylabel="ms")
    place.legend(fontsize=8)


def plot_growth(place: Any, rows: Rows) -> None:
    """Milliseconds against covered pixels for each number of strokes, on one backend."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for strokes in sorted({row["strokes"] for row in rows}):
        mine = sorted((row for row in rows if row["strokes"] == strokes), key=lambda row: row["covered_pixels"])
        pixels = [row["covered_pixels"] / 1e6 for row in mine]
        (line,) = place.plot(pixels, [row["ms"] for row in mine], "o-", label=f"{strokes:,} strokes")
        place.plot(pixels, [blending(row) for row in mine], "^:", color=line.get_color(), label="blending alone")
    every = sorted(rows, key=lambda row: row["covered_pixels"])
    ends, last = [every[0]["covered_pixels"] / 1e6, every[-1]["covered_pixels"] / 1e6], blending(every[-1])
    place.plot(ends, [last * end / ends[-1] for end in ends], "k--", lw=1, label="if blending were linear")
    place.set(xscale="log", yscale="log", xlabel="covered pixels, millions", ylabel="ms")
    place.set_title(f"growth, {rows[0]['backend']}")
    for axis in (place.xaxis, place.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    place.grid(alpha=0.3)
    place.legend(fontsize=7)


def blending(row: dict[str, Any]) -> float:
    both: float = row["parts_ms"]["blend_forward"] + row["parts_ms"]["blend_backward"]
    return both


def plot_floor(place: Any, rows: Rows) -> None:
    """How many times its floor each part takes."""
    measured = {
        "decode": ("decode_forward", "decode_backward"),
        "blend": ("blend_forward", "blend_backward"),
        "loss": ("loss",),
    }
    several = len({row["backend"] for row in rows}) > 1
    labels = [f"{row['strokes']:,} at {row['side']}" + (f"\n{row['backend']}" if several else "") for row in rows]
    for shape, (name, parts) in zip("o^s", measured.items(), strict=True):
        times = [sum(row["parts_ms"][part] for part in parts) / row["floor_ms"][name] for row in rows]
        place.plot(labels, times, shape, color=COLORS[parts[-1]], label=name)
    place.plot(labels, [row["over_floor"] for row in rows], "k_", ms=12, label="whole iteration")
    place.axhline(1, color="k", lw=1)
    place.set(yscale="log", title="measured over floor", ylabel="times")
    place.tick_params(axis="x", labelrotation=90, labelsize=7)
    place.grid(alpha=0.3, axis="y", which="both")
    place.legend(fontsize=8)


def plot_paintings(place: Any, rows: Rows) -> None:
    """Bars: seconds of whole paintings, with their memory."""
    labels = [f"{row['style']}\n{row['strokes']:,} at {row['size']}" for row in rows]
    bars = place.barh(labels, [row["seconds"] for row in rows], color=COLORS["decode_backward"])
    place.bar_label(bars, [f" {row['seconds']:.1f} s, {row['peak_gb']:.2f} GB" for row in rows], fontsize=8)
    place.margins(x=0.5)
    place.invert_yaxis()
    place.set(title="python paint.py, start to both files", xlabel="seconds")
