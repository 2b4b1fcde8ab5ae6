"""One iteration of the search, undivided and by part, and the least time it could take: for scripts/benchmark/run.py.

The iterations are the search's own (`Search.run_stage`), on strokes as the search places them. What the search calls
for decoding, blending and loss is handed to it in a form that can be timed: while a clock runs, each call works on a
piece of the graph of its own, cut off from the rest, whose forward and backward pass are timed where they happen. What
is left of the iteration is `step`: frames, Adam, bringing parameters back within their limits. Undivided iterations
are timed by themselves, with calls passed straight through.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from painter.options.paint import PaintConfig
from painter.pictures.resizing import fit_size, resize_image
from painter.search.config import SearchConfig
from painter.search.fused_loss import measured_loss
from painter.search.search import Search, SearchStage
from painter.search.target import Target
from painter.search.view import Composite, Loss, Runtime
from renderers import Strokes, composite
from renderers.blending import FrameMaps, Layers
from renderers.blending.spans import SpanTable
from renderers.brushes import Frame
from renderers.brushes.base import PATCH
from renderers.checkpoint import load_networks
from renderers.decoder import RUN_ROWS, network_maps
from renderers.decoding import MapSource, SearchMaps
from renderers.networks import BrushNetworks
from renderers.threads import core_count, share

PARTS = ("decode_forward", "decode_backward", "blend_forward", "blend_backward", "loss", "step")
UNDIVIDED = "undivided"
FLOAT = 4  # bytes
COPIED = 2**25  # numbers, 128 MiB: far more than caches hold
DEVICE_ROWS = 2**16  # patches in one matrix product on a GPU


@dataclass(frozen=True)
class Workload:
    """A painting to iterate on."""

    style: str
    strokes: int
    side: int  # of the canvas, pixels


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one iteration on one backend."""

    best: float  # undivided
    median: float
    parts: dict[str, float]  # of the fastest iteration that was timed by part; they add up to it


@dataclass(frozen=True)
class Extent:
    """How much there is to do, all strokes together."""

    pixels: int  # covered, once for each stroke
    patches: int  # decoded by the networks
    canvas: int  # pixels
    channels: int

    @property
    def texels(self) -> int:
        return self.patches * PATCH**2


def place(style: str, strokes: int, picture: np.ndarray, ground: np.ndarray) -> Strokes:
    """Strokes on a picture [H, W, C] as the search places them, level by level, before any step."""
    maps = network_maps(load_networks(style), "cpu", SearchConfig().density)
    search = Search(Target(picture, ground), maps, style, PaintConfig(style=style, strokes=strokes, iterations=0))
    for _ in search.run():
        raise AssertionError("a step was taken")
    assert search.strokes is not None
    return search.strokes


def measure(descents: dict[str, Descent], repeats: int) -> dict[str, Timing]:
    """Time all backends in turn, so that what disturbs one disturbs all; the first of each is not counted."""
    undivided: dict[str, list[float]] = {name: [] for name in descents}
    by_part: dict[str, list[dict[str, float]]] = {name: [] for name in descents}
    for _ in range(repeats + 1):
        for name, descent in descents.items():
            undivided[name].append(descent.time_step())
            by_part[name].append(descent.time_parts())
    return {
        name: Timing(
            min(undivided[name][1:]),
            statistics.median(undivided[name][1:]),
            min(by_part[name][1:], key=lambda parts: sum(parts.values())),
        )
        for name in descents
    }


class Descent:
    """Iterations of the search on one workload, one at a time.

    Args:
        picture: [H, W, C] float32; it is resized to the workload's size.
        ground: [C] float32.
        backend: of `renderers.blending.blend`; the maps are decoded as the search does it for this one.
        repeats: `measure`'s.
    """

    def __init__(
        self, workload: Workload, strokes: Strokes, picture: np.ndarray, ground: np.ndarray, backend: str, repeats: int
    ) -> None:
        device = torch.device("cuda" if backend == "cuda" else "cpu")
        height, width = fit_size(picture.shape[0], picture.shape[1], workload.side)
        config = PaintConfig(style=workload.style, strokes=workload.strokes)
        target = Target(resize_image(picture, height, width), ground)
        maps = network_maps(load_networks(workload.style).to(device), backend, SearchConfig().density)
        self._side, self._probe = workload.side, Probe()
        runtime = Runtime(
            device, backend, timed_composite(composite, self._probe), timed_loss(measured_loss, self._probe)
        )
        self.search = Search(target, TimedMaps(maps, self._probe), workload.style, config, runtime=runtime)
        self.search.strokes = strokes.map(lambda values: values.to(device))
        self._steps = self.search.run_stage(SearchStage("benchmark", workload.side, 2 * repeats + 2))

    def extent(self) -> Extent:
        """As things stand now."""
        assert self.search.strokes is not None
        view = self.search.view(self._side)
        with torch.no_grad():
            layers = view.layers(self.search.strokes, self.search.maps).cpu()
        height, width, channels = view.target.image.shape
        spans = SpanTable.of(layers, height, width)
        patches = int(layers.maps.size.prod(dim=1).sum()) // PATCH**2
        return Extent(int((spans.high - spans.low).sum()), patches, height * width, channels)

    def time_step(self) -> float:
        """Milliseconds of one undivided iteration."""
        clock = Clock(self.search.runtime.device)
        with clock.part(UNDIVIDED):
            next(self._steps)
        return clock.milliseconds[UNDIVIDED]

    def time_parts(self) -> dict[str, float]:
        """Milliseconds of the parts of one iteration."""
        clock = Clock(self.search.runtime.device)
        with clock.part("step"), self._probe.timed_by(clock):
            next(self._steps)
        clock.milliseconds["step"] -= sum(clock.milliseconds[part] for part in PARTS if part != "step")
        return {part: clock.milliseconds[part] for part in PARTS}


# --- parts --------------------------------------------------------------------------------------------------


class Clock:
    """Milliseconds by part."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.milliseconds = dict.fromkeys((*PARTS, UNDIVIDED), 0.0)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the time within towards `name`."""
        self._wait()
        begin = time.perf_counter()
        yield
        self._wait()
        self.milliseconds[name] += 1000 * (time.perf_counter() - begin)

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


class Probe:
    """Times pieces of work, forward and backward, while there is a clock; otherwise they are simply done."""

    def __init__(self) -> None:
        self._clock: Clock | None = None

    @contextmanager
    def timed_by(self, clock: Clock) -> Iterator[None]:
        """Within, pieces of work are timed by this clock."""
        self._clock = clock
        try:
            yield
        finally:
            self._clock = None

    def do(self, forward: str, backward: str, work: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """`work` of these inputs; its forward and backward pass are counted towards these two parts."""
        if self._clock is None:
            return work(*inputs)
        result: Tensor = _Piece.apply(self._clock, forward, backward, work, *inputs)
        return result


class _Piece(torch.autograd.Function):
    """Work on a graph of its own, with a clock around each of its passes."""

    @staticmethod
    def forward(
        ctx: Any, clock: Clock, forward: str, backward: str, work: Callable[..., Tensor], *inputs: Tensor
    ) -> Tensor:
        ctx.clock, ctx.name = clock, backward
        ctx.inputs = [value.detach().requires_grad_(value.requires_grad) for value in inputs]
        with clock.part(forward), torch.enable_grad():
            ctx.output = work(*ctx.inputs)
        output: Tensor = ctx.output.detach()
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        wanted = [value for value in ctx.inputs if value.requires_grad]
        with ctx.clock.part(ctx.name):
            found = iter(torch.autograd.grad(ctx.output, wanted, gradients, allow_unused=True))
        inputs = (next(found) if value.requires_grad else None for value in ctx.inputs)
        return (None, None, None, None, *inputs)


class TimedMaps:
    """Maps whose decoding a probe times."""

    def __init__(self, source: SearchMaps, probe: Probe) -> None:
        self._source, self._probe = source, probe

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps:
        made: list[FrameMaps] = []

        def work(*values: Tensor) -> Tensor:
            made.append(self._source(Frame(*values), pixel))
            return made[0].texels

        values = [getattr(frame, spec.name) for spec in fields(Frame)]
        texels = self._probe.do("decode_forward", "decode_backward", work, *values)
        return replace(made[0], texels=texels)

    def near(self, strokes: Strokes, pixel: float, density: float) -> MapSource:
        """See `SearchMaps.near`; these are not timed."""
        return self._source.near(strokes, pixel, density)


def timed_composite(plain: Composite, probe: Probe) -> Composite:
    """`renderers.composite`, its blending timed by the probe."""

    def timed(canvas: Tensor, layers: Layers, backend: str, region: Tensor | None) -> Tensor:
        def work(transform: Tensor, texels: Tensor, start: Tensor, end: Tensor, opacity: Tensor) -> Tensor:
            maps = replace(layers.maps, texels=texels)
            return plain(canvas, Layers(transform, maps, start, end, opacity, layers.mixing), backend, region)

        inputs = (layers.transform, layers.maps.texels, layers.start, layers.end, layers.opacity)
        return probe.do("blend_forward", "blend_backward", work, *inputs)

    return timed


def timed_loss(plain: Loss, probe: Probe) -> Loss:
    """`measured_loss`, both passes timed by the probe as one part."""

    def timed(canvas: Tensor, target: Tensor, kind: str, weight: Tensor | None) -> tuple[Tensor, float]:
        errors: list[float] = []

        def work(painted: Tensor) -> Tensor:
            loss, error = plain(painted, target, kind, weight)
            errors.append(error)
            return loss

        return probe.do("loss", "loss", work, canvas), errors[0]

    return timed


# --- floor --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rates:
    """What a device can do at best, as measured, for the networks of one brush."""

    copied: float  # bytes read and written in a second
    products: float  # multiplications and additions in a second, in the networks' own matrix products
    operations: int  # of them for one patch, forward and backward

    def floor(self, extent: Extent) -> dict[str, float]:
        """Milliseconds below which an iteration cannot go, by part; see scripts/benchmark/run.py.

        For each covered pixel the canvas is read and written and what lay below is noted; on the way back the
        gradient is read and written and the note read: six numbers for each channel. Each texel (two numbers) is
        read on both ways, and its gradient written. The loss reads canvas and target and writes the gradient.
        """
        blend = FLOAT * (6 * extent.channels * extent.pixels + 3 * 2 * extent.texels)
        loss = FLOAT * 3 * extent.channels * extent.canvas
        return {
            "decode": 1000 * self.operations * extent.patches / self.products,
            "blend": 1000 * blend / self.copied,
            "loss": 1000 * loss / self.copied,
        }


def measure_rates(networks: BrushNetworks, device: str, copied: float) -> Rates:
    """Rates of a device: all of a GPU, or one core in matrix products times the number of cores."""
    rows, cores = (DEVICE_ROWS, 1) if device == "cuda" else (RUN_ROWS, core_count())
    operations, seconds = 0, 0.0
    for head in (networks.raster, networks.shading):
        for layer in (head.inner, head.middle, head.outer):
            weight = layer.weight.detach().to(device)
            for right in (weight.T, weight):  # forward, backward; the weights themselves need no gradient
                operations += 2 * right.numel()
                seconds += product_seconds(rows, right)
    return Rates(copied, cores * operations * rows / seconds, operations)


def product_seconds(rows: int, right: Tensor) -> float:
    """The best time of a product of `rows` rows with a matrix [K, M]."""
    left = torch.rand(rows, right.shape[0], device=right.device)
    out = torch.empty(rows, right.shape[1], device=right.device)
    return best_seconds(lambda: torch.mm(left, right, out=out), right.device, 20)


def copying_rate(device: str) -> float:
    """Bytes read and written in a second by copying large arrays, on all cores or on the GPU."""
    if device == "cuda":
        source, target = torch.ones(2, COPIED, device=device)
        seconds = best_seconds(lambda: target.copy_(source), source.device, 10)
    else:
        # Both are written to here: pages that nobody has touched yet cost more than copying does.
        old, new = np.ones((2, core_count(), COPIED // core_count()), np.float32)

        def copy(first: int, step: int) -> None:
            for k in range(first, len(old), step):
                np.copyto(new[k], old[k])

        seconds = best_seconds(lambda: share(copy), torch.device("cpu"), 10)
    return 2 * FLOAT * COPIED / seconds


def best_seconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """The best time of `work`, which is done once before."""
    work()
    times = []
    for _ in range(repeats):
        clock = Clock(device)
        with clock.part(UNDIVIDED):
            work()
        times.append(clock.milliseconds[UNDIVIDED] / 1000)
    return min(times)
