"""Training a brush's networks on strokes that its engine paints meanwhile."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from renderers.brushes import NetworkBrush
from renderers.brushes.base import DENSITY, frame_grid
from renderers.engine import paint_patches, random_seeds
from renderers.networks import BrushNetworks, Patches, patch_features

EVENT_STEPS = 100
SHARP = 1e-9  # width of a pixel so small that only texels limit how sharp a map is, canvas units
WIDEST = 0.8  # width of the largest pixel of a training stroke, stroke units (half its thickness)
FINEST = 0.025  # width of the smallest, stroke units


@dataclass(frozen=True)
class TrainConfig:
    """How one brush's networks are trained."""

    steps: int = 70_000
    patches: int = 1_024  # in a step: at equal cost many small steps beat few large ones (by 4 dB)
    rate: float = 8e-3  # of Adam at first; falls to zero along half a cosine
    warm_up: int = 200  # steps over which the rate rises
    pool: int = 16_384  # strokes to draw batches from; new ones replace the oldest
    first_fill: int = 4_096  # strokes painted before the first step
    renewal: float = 0.1  # new strokes painted for each one drawn
    sharp: float = 0.08  # share of strokes in the largest frame, as sharp as it allows
    seed: int = 1


@dataclass(frozen=True)
class Batch:
    """Strokes as the networks read them, and as the engine paints them, patch by patch; all float32 but `owner`."""

    code: Tensor  # [N, K]
    owner: Tensor  # [P] int64: index of its stroke
    features: Tensor  # [P, F]
    alpha: Tensor  # [P, PATCH²]
    mix: Tensor  # [P, PATCH²]

    def __len__(self) -> int:
        return len(self.code)

    def to(self, device: torch.device) -> Batch:
        return Batch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))

    def select(self, strokes: Tensor) -> Batch:
        """The strokes at the ascending positions `strokes` [M] int64, with their patches."""
        counts = torch.bincount(self.owner, minlength=len(self))
        first = torch.cumsum(counts, 0) - counts
        counts, first = counts[strokes], first[strokes]
        owner = torch.arange(len(strokes), device=counts.device).repeat_interleave(counts)
        inside = torch.arange(len(owner), device=counts.device) - (torch.cumsum(counts, 0) - counts)[owner]
        rows = first[owner] + inside
        return Batch(self.code[strokes], owner, self.features[rows], self.alpha[rows], self.mix[rows])


def paint_batch(
    brush: NetworkBrush, count: int, generator: torch.Generator, sharp: float, pool: ThreadPoolExecutor | None = None
) -> Batch:
    """`count` random strokes as the engine paints them.

    A share `sharp` of them is as sharp as the largest frame allows; the others are on pixels of any size from FINEST to
    WIDEST, at any density, like the strokes of a painting.
    """
    params = brush.sample(count, generator)
    scale = brush.frame(params, SHARP).scale
    blur = FINEST * (WIDEST / FINEST) ** torch.rand(count, generator=generator)
    density = DENSITY[0] + (DENSITY[1] - DENSITY[0]) * torch.rand(count, 1, generator=generator)
    pixel = torch.where(torch.rand(count, generator=generator) < sharp, SHARP, blur * scale)
    frame = brush.frame(params, pixel)
    blur = pixel / frame.scale
    patches = Patches.of(frame_grid(frame.box, blur, density))
    alpha, mix = paint_patches(brush, frame, pixel, patches, random_seeds(count, generator), pool)
    return Batch(frame.code, patches.owner, patch_features(brush, frame, blur, patches), alpha, mix)


class StrokePool:
    """A pool of painted strokes, which a thread renews at the rate at which they are drawn, until `close`."""

    CHUNK = 128

    def __init__(self, brush: NetworkBrush, config: TrainConfig, device: torch.device, workers: int) -> None:
        self.brush, self.config, self.device = brush, config, device
        self.chunks: list[Batch] = []
        self.limit = max(1, config.pool // self.CHUNK)
        self.painted = 0
        self.generator = torch.Generator().manual_seed(config.seed * 1000)
        self.executor = ThreadPoolExecutor(max_workers=workers)
        self.renewal = config.renewal / self.CHUNK
        self.due = 0.0  # chunks to be painted, not yet requested
        self.requests = threading.Semaphore(0)
        self.closing = threading.Event()
        for _ in range(max(1, config.first_fill // self.CHUNK)):
            self._paint()
        self.thread = threading.Thread(target=self._renew, daemon=True)
        self.thread.start()

    def _paint(self) -> None:
        batch = paint_batch(self.brush, self.CHUNK, self.generator, self.config.sharp, self.executor).to(self.device)
        if len(self.chunks) < self.limit:
            self.chunks.append(batch)
        else:
            self.chunks[self.painted % self.limit] = batch
        self.painted += 1

    def _renew(self) -> None:
        while True:
            self.requests.acquire()
            if self.closing.is_set():
                return
            self._paint()

    def draw(self, patches: int, generator: torch.Generator) -> Batch:
        """Random strokes of a random chunk, with about `patches` patches in all."""
        chunk = self.chunks[int(torch.randint(0, len(self.chunks), (1,), generator=generator))]
        count = min(self.CHUNK, max(1, round(patches * self.CHUNK / len(chunk.owner))))
        self.due += count * self.renewal
        while self.due >= 1:
            self.due -= 1
            self.requests.release()
        return chunk.select(torch.randperm(self.CHUNK, generator=generator)[:count].sort().values.to(self.device))

    def close(self) -> None:
        self.closing.set()
        self.requests.release()
        self.thread.join()
        self.executor.shutdown()


def psnr(mse: float) -> float:
    """The peak signal-to-noise ratio of a mean squared error, for values in [0, 1]: dB, at most 120."""
    return -10 * math.log10(max(mse, 1e-12))


@torch.no_grad()
def patch_figures(networks: BrushNetworks, held_out: Batch) -> tuple[float, float]:
    """PSNR in dB of α and of mix over all texels of all held-out strokes."""
    was_training = networks.training
    networks.eval()
    alpha, mix = networks.decode(held_out.code, held_out.features, held_out.owner)
    networks.train(was_training)
    return psnr(float(mse_loss(alpha, held_out.alpha))), psnr(float(mse_loss(mix, held_out.mix)))


@dataclass(frozen=True)
class TrainEvent:
    """Progress of training."""

    step: int  # how many have been taken


class Trainer:
    """Trains a brush's rasterization and shading network side by side."""

    def __init__(self, networks: BrushNetworks, config: TrainConfig, device: torch.device) -> None:
        self.networks, self.config, self.device = networks.to(device).train(), config, device
        self.optimizer = torch.optim.Adam(networks.parameters())
        self.step = 0

    def run(self, workers: int = 1) -> Iterator[TrainEvent]:
        """Train from `self.step` to the end, and yield an event every `EVENT_STEPS` steps and at the end.

        Args:
            workers: threads that paint strokes.
        """
        generator = torch.Generator().manual_seed(self.config.seed * 7919 + self.step)
        pool = StrokePool(self.networks.brush, self.config, self.device, workers)
        try:
            while self.step < self.config.steps:
                batch = pool.draw(self.config.patches, generator)
                for group in self.optimizer.param_groups:
                    group["lr"] = self._rate()
                alpha, mix = self.networks.decode(batch.code, batch.features, batch.owner)
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
        """All that is needed to resume: weights, Adam's moments, the step."""
        state = {f"weights.{name}": tensor for name, tensor in self.networks.state_dict().items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            state |= {f"adam.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
        return {**state, "step": torch.tensor(self.step)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Resume from a `state`.

        Raises:
            KeyError, RuntimeError: it is of other networks.
        """
        weights = {
            name.removeprefix("weights."): tensor for name, tensor in state.items() if name.startswith("weights.")
        }
        self.networks.load_state_dict(weights)
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in state.items():
            if name.startswith("adam."):
                _, index, key = name.split(".")
                moments.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict({"state": moments, "param_groups": self.optimizer.state_dict()["param_groups"]})
        self.step = int(state["step"])
