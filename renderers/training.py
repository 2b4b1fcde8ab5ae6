"""Training a brush's networks from strokes that its engine paints as it goes."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from renderers.brushes import Brush
from renderers.engine import frame_maps, random_seeds
from renderers.networks import PATCH, BrushNetworks, patch_features

EVENT_STEPS = 100
SHARP = 1e-9  # a pixel so small that a texel decides how sharp a map is


@dataclass(frozen=True)
class TrainConfig:
    """How one frame size of one brush is trained."""

    steps: int = 40_000
    patches: int = 1_024  # a step, 4 to 16 strokes: at equal cost many small steps beat few large ones (by 4 dB)
    rate: float = 8e-3  # of Adam at the start; falls to zero along half a cosine
    warm_up: int = 200  # steps over which the rate rises
    pool: int = 8_192  # strokes kept to draw batches from; the oldest give way to new ones
    first_fill: int = 2_048  # strokes painted before the first step
    renewal: float = 0.25  # new strokes painted for each one drawn
    seed: int = 1


@dataclass(frozen=True)
class Batch:
    """Strokes as the networks are told of them, and what the engine paints of them in a frame of S texels."""

    code: Tensor  # [N, K]
    patches: Tensor  # [N, (S/4)², F]
    alpha: Tensor  # [N, S, S]
    mix: Tensor  # [N, S, S]

    def __len__(self) -> int:
        return len(self.code)

    def map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        return Batch(change(self.code), change(self.patches), change(self.alpha), change(self.mix))


def paint_batch(
    brush: Brush,
    side: int,
    count: int,
    generator: torch.Generator,
    blurred: bool,
    pool: ThreadPoolExecutor | None = None,
) -> Batch:
    """`count` random strokes as the engine paints them.

    Half of them as sharp as the frame allows, or all unless `blurred`; the others as pixels of up to 0.8 of the
    stroke's half width make them, which is what small strokes on a canvas look like.
    """
    shape = brush.sample(count, generator)
    blur = 0.8 * torch.rand(count, generator=generator) ** 2
    sharp = torch.rand(count, generator=generator) < 0.5
    scale = brush.frame(shape, SHARP).scale
    pixel = torch.where(sharp, 0.0, blur) * scale * blurred + SHARP
    frame = brush.frame(shape, pixel)
    alpha, mix = frame_maps(brush, frame, pixel, side, random_seeds(count, generator), pool)
    patches = patch_features(brush, frame, pixel / frame.scale, side)
    return Batch(frame.code, patches, alpha, mix)


class StrokePool:
    """A pool of painted strokes that a thread renews in step with what is drawn from it, while it is open."""

    CHUNK = 128

    def __init__(self, brush: Brush, side: int, config: TrainConfig, device: torch.device, workers: int) -> None:
        self.brush, self.side, self.device = brush, side, device
        self.chunks: list[Batch] = []
        self.limit = max(1, config.pool // self.CHUNK)
        self.painted = 0
        self.generator = torch.Generator().manual_seed(config.seed * 1000 + side)
        self.executor = ThreadPoolExecutor(max_workers=workers)
        self.renewal = config.renewal / self.CHUNK
        self.owed = 0.0  # chunks
        self.wanted = threading.Semaphore(0)
        self.closing = threading.Event()
        for _ in range(max(1, config.first_fill // self.CHUNK)):
            self._paint()
        self.thread = threading.Thread(target=self._renew, daemon=True)
        self.thread.start()

    def _paint(self) -> None:
        batch = paint_batch(self.brush, self.side, self.CHUNK, self.generator, True, self.executor)
        batch = batch.map(lambda values: values.to(self.device))
        if len(self.chunks) < self.limit:
            self.chunks.append(batch)
        else:
            self.chunks[self.painted % self.limit] = batch
        self.painted += 1

    def _renew(self) -> None:
        while True:
            self.wanted.acquire()
            if self.closing.is_set():
                return
            self._paint()

    def draw(self, count: int, generator: torch.Generator) -> Batch:
        """`count` random strokes out of a random chunk."""
        self.owed += count * self.renewal
        while self.owed >= 1:
            self.owed -= 1
            self.wanted.release()
        chunk = self.chunks[int(torch.randint(0, len(self.chunks), (1,), generator=generator))]
        rows = torch.randint(0, self.CHUNK, (count,), generator=generator).to(self.device)
        return chunk.map(lambda values: values[rows])

    def close(self) -> None:
        self.closing.set()
        self.wanted.release()
        self.thread.join()
        self.executor.shutdown()


def psnr(mse: float) -> float:
    """dB, for values in [0, 1]."""
    return -10 * math.log10(max(mse, 1e-12))


@torch.no_grad()
def frame_figures(networks: BrushNetworks, side: int, held_out: Batch) -> tuple[float, float]:
    """PSNR in dB of α and of mix, from the squared error over all texels of all held-out strokes."""
    was_training = networks.training
    networks.eval()
    errors = torch.zeros(2, dtype=torch.float64)
    count = len(held_out)
    for begin in range(0, count, 100):
        part = held_out.map(lambda values, begin=begin: values[begin : begin + 100])  # type: ignore[misc]
        alpha, mix = networks.decode(part.code, part.patches, side)
        errors += torch.tensor([mse_loss(alpha, part.alpha), mse_loss(mix, part.mix)]) * len(part) / count
    networks.train(was_training)
    return psnr(float(errors[0])), psnr(float(errors[1]))


@dataclass(frozen=True)
class TrainEvent:
    """Some steps have been taken."""

    step: int


class Trainer:
    """Trains the rasterization and the shading network of one frame size side by side."""

    def __init__(self, networks: BrushNetworks, side: int, config: TrainConfig, device: torch.device) -> None:
        self.networks, self.side, self.config, self.device = networks.to(device).train(), side, config, device
        self.pair = nn.ModuleDict({"raster": networks.raster[str(side)], "shading": networks.shading[str(side)]})
        self.optimizer = torch.optim.Adam(self.pair.parameters())
        self.step = 0

    def run(self, workers: int = 1) -> Iterator[TrainEvent]:
        """Train from `self.step` to the end; an event every `EVENT_STEPS` steps and at the end."""
        generator = torch.Generator().manual_seed(self.config.seed * 7919 + self.step)
        pool = StrokePool(self.networks.brush, self.side, self.config, self.device, workers)
        try:
            while self.step < self.config.steps:
                batch = pool.draw(max(1, self.config.patches // (self.side // PATCH) ** 2), generator)
                for group in self.optimizer.param_groups:
                    group["lr"] = self._rate()
                alpha, mix = self.networks.decode(batch.code, batch.patches, self.side)
                self.optimizer.zero_grad()
                (mse_loss(alpha, batch.alpha) + mse_loss(mix, batch.mix)).backward()
                self.optimizer.step()
                self.step += 1
                if self.step % EVENT_STEPS == 0 or self.step == self.config.steps:
                    yield TrainEvent(self.step)
        finally:
            pool.close()

    def _rate(self) -> float:
        rise = min(1.0, (self.step + 1) / self.config.warm_up)
        return self.config.rate * rise * 0.5 * (1 + math.cos(math.pi * self.step / self.config.steps))

    def state(self) -> dict[str, Tensor]:
        """Everything needed to go on: weights, Adam's moments, the step."""
        state = {f"weights.{name}": tensor for name, tensor in self.pair.state_dict().items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            state |= {f"adam.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
        return {**state, "step": torch.tensor(self.step)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """The reverse of `state`; raises KeyError or RuntimeError for a state of other networks."""
        weights = {
            name.removeprefix("weights."): tensor for name, tensor in state.items() if name.startswith("weights.")
        }
        self.pair.load_state_dict(weights)
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in state.items():
            if name.startswith("adam."):
                _, index, key = name.split(".")
                moments.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict({"state": moments, "param_groups": self.optimizer.state_dict()["param_groups"]})
        self.step = int(state["step"])
