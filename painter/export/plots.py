"""Curves as pictures, for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def plot_curve(points: Sequence[tuple[int, float]], chosen: int, path: Path) -> None:
    """Draw a curve of quality into a PNG file.

    Args:
        points: numbers of strokes, rising, and the PSNR in dB that each reaches; at least one.
        chosen: the number that `--strokes auto` takes, which is marked.
        path: of the file. Raises OSError if it cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    counts, psnr = [count for count, _ in points], [psnr for _, psnr in points]
    figure, axes = pyplot.subplots(figsize=(7, 4.2), dpi=120)
    axes.plot(counts, psnr, "o-", color="#1b5e8c")
    axes.axvline(chosen, color="#d1495b", linestyle="--", label=f"--strokes auto: {chosen}")
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_xlim(counts[0] / 1.2, counts[-1] * 1.2)  # a single count has no range of its own
    axes.set_xlabel("strokes")
    axes.set_ylabel("PSNR, dB")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, format="png")
    pyplot.close(figure)
