"""One iteration of the search, whole and by part, and the floor under it: what scripts/benchmark.py measures.

The iterations are the search's own (`Search.optimise`), on strokes as the search places them. To time the parts, what
the search calls for decoding, blending and loss is wrapped: each runs on a piece of the graph of its own, cut off from
the rest, whose forward and backward pass are timed where they happen. What is left of the iteration is `step`: frames,
Adam, the way back into the allowed ranges. Whole iterations are timed apart, with nothing wrapped.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from painter.options.paint import PaintConfig
from painter.pictures.resizing import fit_size, resize_image
from painter.search import search as searching
from painter.search.config import SearchConfig
from painter.search.search import Search, Stage
from painter.search.target import Target
from renderers.blending import FrameMaps, Layers
from renderers.blending.spans import SpanTable
from renderers.brushes import Frame
from renderers.brushes.base import PATCH
from renderers.checkpoint import load_networks
from renderers.decoder import RUN_ROWS, network_maps
from renderers.decoding import MapSource
from renderers.networks import BrushNetworks
from renderers.strokes import Strokes
from renderers.threads import core_count, share

PARTS = ("decode_forward", "decode_backward", "blend_forward", "blend_backward", "loss", "step")
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

    best: float  # of the whole, unbroken
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
    wholes: dict[str, list[float]] = {name: [] for name in descents}
    broken: dict[str, list[dict[str, float]]] = {name: [] for name in descents}
    for _ in range(repeats + 1):
        for name, descent in descents.items():
            wholes[name].append(descent.whole())
            broken[name].append(descent.by_parts())
    return {
        name: Timing(
            min(wholes[name][1:]),
            statistics.median(wholes[name][1:]),
            min(broken[name][1:], key=lambda parts: sum(parts.values())),
        )
        for name in descents
    }


class Descent:
    """Iterations of the search on one workload, one at a time.

    Args:
        picture: [H, W, C] float32; it is brought to the workload's size.
        ground: [C] float32.
        backend: of `renderers.blending.blend`; the maps are decoded as the search does it for this one.
        repeats: `measure`'s.
    """

    def __init__(
        self, workload: Workload, strokes: Strokes, picture: np.ndarray, ground: np.ndarray, backend: str, repeats: int
    ) -> None:
        device = "cuda" if backend == "cuda" else "cpu"
        height, width = fit_size(picture.shape[0], picture.shape[1], workload.side)
        config = PaintConfig(style=workload.style, strokes=workload.strokes)
        goal = Target(resize_image(picture, height, width), ground)
        maps = network_maps(load_networks(workload.style).to(device), backend, SearchConfig().density)
        self.search = Search(goal, maps, workload.style, config, device=device, backend=backend)
        self.search.strokes = strokes.map(lambda values: values.to(self.search.device))
        self._steps = self.search.optimise(Stage("benchmark", workload.side, 2 * repeats + 2))

    def extent(self) -> Extent:
        """As things stand now."""
        assert self.search.strokes is not None
        with torch.no_grad():
            layers = self.search._layers(self.search.strokes, self.search.goal, self.search.maps).cpu()
        height, width, channels = self.search.goal.image.shape
        laid = SpanTable.out(layers, height, width)
        patches = int(layers.maps.size.prod(dim=1).sum()) // PATCH**2
        return Extent(int((laid.high - laid.low).sum()), patches, height * width, channels)

    def whole(self) -> float:
        """Milliseconds of one unbroken iteration."""
        clock = Clock(self.search.device)
        with clock.part("whole"):
            next(self._steps)
        return clock.milliseconds["whole"]

    def by_parts(self) -> dict[str, float]:
        """Milliseconds of the parts of one iteration."""
        clock = Clock(self.search.device)
        with clock.part("step"), pieces_timed(self.search, clock):
            next(self._steps)
        clock.milliseconds["step"] -= sum(clock.milliseconds[part] for part in PARTS if part != "step")
        return {part: clock.milliseconds[part] for part in PARTS}


# --- parts --------------------------------------------------------------------------------------------------


class Clock:
    """Milliseconds by part."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.milliseconds = dict.fromkeys((*PARTS, "whole"), 0.0)

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


class _Piece(torch.autograd.Function):
    """Work on a graph of its own, with a clock around each way through it."""

    @staticmethod
    def forward(ctx: Any, clock: Clock, names: tuple[str, str], work: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        ctx.clock, ctx.name = clock, names[1]
        ctx.inputs = [value.detach().requires_grad_(value.requires_grad) for value in inputs]
        with clock.part(names[0]), torch.enable_grad():
            ctx.output = work(*ctx.inputs)
        return ctx.output.detach()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        wanted = [value for value in ctx.inputs if value.requires_grad]
        with ctx.clock.part(ctx.name):
            found = iter(torch.autograd.grad(ctx.output, wanted, gradients, allow_unused=True))
        return (None, None, None, *(next(found) if value.requires_grad else None for value in ctx.inputs))


@contextmanager
def pieces_timed(search: Search, clock: Clock) -> Iterator[None]:
    """Meanwhile the search's decoding, blending and loss are timed."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(search, "maps", timed_maps(search.maps, clock)))
        stack.enter_context(patch.object(searching, "blend", timed_blend(searching.blend, clock)))
        stack.enter_context(patch.object(searching, "measured_loss", timed_loss(searching.measured_loss, clock)))
        yield


def timed_maps(source: MapSource, clock: Clock) -> MapSource:
    names = [spec.name for spec in fields(Frame)]

    def timed(frame: Frame, pixel: float) -> FrameMaps:
        made: list[FrameMaps] = []

        def work(*values: Tensor) -> Tensor:
            made.append(source(Frame(*values), pixel))
            return made[0].texels

        values = [getattr(frame, name) for name in names]
        texels: Tensor = _Piece.apply(clock, ("decode_forward", "decode_backward"), work, *values)
        return replace(made[0], texels=texels)

    return timed


def timed_blend(blend: Callable[..., Tensor], clock: Clock) -> Callable[..., Tensor]:
    def timed(canvas: Tensor, layers: Layers, backend: str) -> Tensor:
        def work(transform: Tensor, texels: Tensor, *rest: Tensor) -> Tensor:
            return blend(canvas, Layers(transform, replace(layers.maps, texels=texels), *rest), backend)

        inputs = (layers.transform, layers.maps.texels, layers.start, layers.end, layers.opacity)
        result: Tensor = _Piece.apply(clock, ("blend_forward", "blend_backward"), work, *inputs)
        return result

    return timed


def timed_loss(measured_loss: Callable[..., tuple[Tensor, float]], clock: Clock) -> Callable[..., tuple[Tensor, float]]:
    def timed(canvas: Tensor, *rest: Any) -> tuple[Tensor, float]:
        errors: list[float] = []

        def work(painted: Tensor) -> Tensor:
            loss, error = measured_loss(painted, *rest)
            errors.append(error)
            return loss

        loss: Tensor = _Piece.apply(clock, ("loss", "loss"), work, canvas)
        return loss, errors[0]

    return timed


# --- floor --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rates:
    """What a device can do at best, as measured, for the networks of one brush."""

    copied: float  # bytes read and written in a second
    products: float  # multiplications and additions in a second, in the networks' own matrix products
    operations: int  # of them for one patch, forward and backward

    def floor(self, extent: Extent) -> dict[str, float]:
        """Milliseconds below which an iteration cannot go, by part; see scripts/benchmark.py.

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
        with clock.part("whole"):
            work()
        times.append(clock.milliseconds["whole"] / 1000)
    return min(times)
