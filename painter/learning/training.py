"""The run that learns a collection: stage by stage, saved and resumed.

First the tokenizer learns alone. Then its encoder is frozen, all pieces become codes, and its decoder and the
transformer go on side by side. At last come the judge of traits and the upscaler. A step depends on its number, the
seed and the networks alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from painter.learning.collection_palette import collection_palette
from painter.learning.judge import accuracy
from painter.learning.learning_config import Design
from painter.learning.lone_pixels import lone_share
from painter.learning.mirroring import is_mirrored, with_mirrored
from painter.learning.networks import Networks, Sizes, make_networks
from painter.learning.schedule import Schedule, pictures_in, schedule_of
from painter.learning.sheets import COLUMNS, ROWS
from painter.learning.signal import to_pixels, to_signal
from painter.learning.stages import STAGES, make_material, make_trainers
from painter.learning.token_sampling import BATCH, draw_batch, plain_request
from painter.learning.tokenizer import psnr
from painter.learning.trainer import Trainer, take_step
from painter.learning.training_log import Record, from_rows, to_rows
from painter.learning.training_pictures import Collection
from painter.learning.traits import learnable
from painter.learning.transformer_trainer import TransformerTrainer
from painter.learning.workers import worker_threads
from painter.options.learn import LearnConfig

_MEASURED_PIECES = 64  # held-out pieces that the tokenizer and the judge are measured on
_RECENT = 200  # steps over which the speed is averaged
_NAN = float("nan")


@dataclass(frozen=True)
class LearnProgress:
    """One more step."""

    stage: str  # one of painter.learning.stages.STAGES
    pictures: int  # shown to all networks together
    total: int  # that will have been shown at the end, unless held-out bits stop it early
    bits: float  # a token, of the transformer's last step; NaN before its first
    held_out_bits: float  # a token, of held-out pieces; NaN before they are measured
    psnr: float  # of the tokenizer on held-out pieces, in dB; NaN before it is measured
    speed: float  # pictures a second, lately
    seconds_left: float
    generator_loss: float = _NAN  # of the engine dcgan
    discriminator_loss: float = _NAN


class LearningRun:
    """One run.

    Args:
        collection: what is learned.
        config: what was asked for.
        design: sizes and rates.
        device: 'cpu' or 'cuda'.

    Attributes:
        label: what is made, in messages.
        networks: are trained in place.
        schedule: how many pictures; None before it is known, when minutes were asked for.
        records: the curves.
        mirrored: whether each picture is learned mirrored as well.
    """

    label = "model"

    def __init__(self, collection: Collection, config: LearnConfig, design: Design, device: str = "cpu") -> None:
        self.collection, self.config, self.design, self.device = collection, config, design, device
        self.records: list[Record] = []
        self.networks = make_networks(sizes_of(collection, design, config.engine), config.seed, device)
        self.material = make_material(collection, self.networks, config.seed, design.reading)
        self.mirrored = is_mirrored(collection, config, design.copies)
        if self.mirrored:
            self.material = with_mirrored(self.material)
        self.schedule = None if config.pictures is None else self._schedule(config.pictures)
        self._stages: list[list[Trainer[Any]]] = []  # those that have begun
        self._recent: deque[tuple[float, int]] = deque(maxlen=_RECENT)

    # --- what a run is of, see painter.system.autosave ---

    def fingerprint(self) -> dict[str, Any]:
        """All that determines the result."""
        return fingerprint_of(self.collection, self.config, self.design, self.device)

    # --- the run ---

    @property
    def taken(self) -> int:
        """Pictures shown to all networks together."""
        return sum(trainer.done for stage in self._stages for trainer in stage)

    @property
    def has_samples(self) -> bool:
        """Whether the transformer has begun, so that there is something to draw pieces with."""
        return self._transformer is not None and self._transformer.done > 0

    def run(self) -> Iterator[LearnProgress]:
        """Take all steps that are left.

        Raises:
            DivergedError: a loss became NaN or infinite.
        """
        with worker_threads(self.device) as threads:
            if self.schedule is None:
                self.schedule = self._schedule(self._measured(threads))
            for number, name in enumerate(STAGES):
                if number == len(self._stages):
                    self._begin(number)
                while active := [one for one in self._stages[number] if not one.finished]:
                    take_step(active, threads)
                    yield self._progress(name)

    @cached_property
    def lone(self) -> float | None:
        """Of pixel art: the share of pixels that differ from all their neighbours; else None."""
        form = self.collection.form
        return None if form.native is None else lone_share(form.cropped(self.collection.pixels))

    @torch.no_grad()
    def samples(self) -> np.ndarray:
        """What a sheet shows: new pieces, or before there are any, held-out pieces above what the tokenizer makes.

        Returns:
            uint8 [n, H, W, C].
        """
        collection = self.collection
        if not self.has_samples:
            some = collection.pixels[self.material.held_out[: COLUMNS * ROWS // 2].numpy()]
            made = to_pixels(self.networks.tokenizer(to_signal(torch.from_numpy(some).to(self.device))))
            rows = [
                np.concatenate((some[k : k + COLUMNS], made[k : k + COLUMNS])) for k in range(0, len(some), COLUMNS)
            ]
            return collection.form.cropped(np.concatenate(rows))
        networks, pieces = self.current(), []
        for first in range(0, COLUMNS * ROWS, BATCH):
            numbers = range(first, first + BATCH)
            requests = [plain_request(networks.transformer, k % len(collection.names), "sheet", k) for k in numbers]
            pieces.append(to_pixels(networks.decode(draw_batch(networks.transformer, requests, 1.0, 1.0), self.lone)))
        return collection.form.cropped(np.concatenate(pieces))

    def current(self) -> Networks:
        """The networks as they are, with the transformer's moving average."""
        transformer = self.networks.transformer if self._transformer is None else self._transformer.average
        return replace(self.networks, transformer=transformer)

    def learned(self) -> tuple[Networks, dict[str, float]]:
        """The networks to be kept, with what was measured of them on held-out pieces. Only once `has_samples`.

        Returns:
            The networks, with that average of the transformer that did best; and by name 'pictures' (shown),
            'held_out_bits' (a token), 'psnr' (of the tokenizer, dB), 'traits' (the share that the judge reads
            correctly) and, of pixel art, 'lone'.
        """
        assert self._transformer is not None
        transformer, bits = self._transformer.result()
        networks = replace(self.networks, transformer=transformer)
        if self.networks.judge is not None and (len(self._stages) < 3 or not self._stages[2][0].done):
            networks = replace(networks, judge=None)
        if self.networks.upscaler is not None and (len(self._stages) < 3 or not self._stages[2][-1].done):
            networks = replace(networks, upscaler=None)
        figures = {"pictures": float(self.taken), "held_out_bits": bits, "psnr": self._psnr()}
        if networks.judge is not None:
            figures["traits"] = self._accuracy()
        if self.lone is not None:
            figures["lone"] = self.lone
        return networks, figures

    # --- saving and resuming ---

    def state(self) -> dict[str, Any]:
        """What `restore` takes."""
        return {
            "schedule": None if self.schedule is None else asdict(self.schedule),
            "records": to_rows(self.records),
            "stages": [[trainer.state() for trainer in stage] for stage in self._stages],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`. Raises ValueError, LookupError or TypeError if it is not one of such a run."""
        self.schedule = None if state["schedule"] is None else Schedule(**state["schedule"])
        self.records = from_rows(state["records"], Record)
        for number, saved in enumerate(state["stages"]):
            self._begin(number)
            for trainer, one in zip(self._stages[number], saved, strict=True):
                trainer.restore(one)

    # --- stages ---

    @property
    def _transformer(self) -> TransformerTrainer | None:
        trainer = self._stages[1][1] if len(self._stages) > 1 else None
        assert trainer is None or isinstance(trainer, TransformerTrainer)
        return trainer

    def _schedule(self, pictures: int) -> Schedule:
        networks = self.networks
        judge, upscaler = networks.judge is not None, networks.upscaler is not None
        return schedule_of(pictures, self.design.training, judge, upscaler)

    def _begin(self, stage: int) -> None:
        assert self.schedule is not None and len(self._stages) == stage
        training, seed = self.design.training, self.config.seed
        self._stages.append(make_trainers(stage, self.networks, self.material, self.schedule, seed, training))

    def _measured(self, threads: Executor) -> int:
        """The pictures that fit into the minutes asked for, from a few steps of a run that is thrown away."""
        training = self.design.training
        trial = LearningRun(self.collection, self.config, self.design, self.device)
        trial.schedule = trial._schedule(10**6)
        for stage in (0, 1):
            trial._begin(stage)
        (first,), (decoder, transformer) = trial._stages
        alone = _seconds_a_step([first], training.measured, threads)
        both = _seconds_a_step([decoder, transformer], training.measured, threads)
        last = _seconds_a_step([transformer], training.measured, threads)
        return pictures_in(self.config.minutes * 60, alone, both, last, training)

    # --- what is measured ---

    @torch.no_grad()
    def _psnr(self) -> float:
        signal = to_signal(self.material.pixels[self.material.held_out[:_MEASURED_PIECES]].to(self.device))
        signal = signal.contiguous(memory_format=torch.channels_last)
        tokenizer = self.networks.tokenizer
        if self.networks.strokes is None or len(self._stages) < 2:
            return psnr(tokenizer(signal), signal)
        return psnr(self.networks.decode(tokenizer.encode(signal)).to(signal.device), signal)

    @torch.no_grad()
    def _accuracy(self) -> float:
        assert self.networks.judge is not None
        some = self.material.held_out[: 4 * _MEASURED_PIECES]
        logits = self.networks.judge(to_signal(self.material.pixels[some].to(self.device)))
        return accuracy([one.cpu() for one in logits], self.material.values[some])

    def _progress(self, stage: str) -> LearnProgress:
        assert self.schedule is not None
        every, taken = self.design.training.record_every, self.taken
        if taken // every > (self.records[-1].pictures if self.records else 0) // every:
            self._record()
        self._recent.append((time.monotonic(), taken))
        (began, before), (now, _) = self._recent[0], self._recent[-1]
        speed = (taken - before) / (now - began) if now > began else 0.0
        total, transformer = self.schedule.total, self._transformer
        if transformer is not None and transformer.stopped:
            total -= transformer.total - transformer.done
        left = (total - taken) / speed if speed else float("inf")
        last = self.records[-1].psnr if self.records else _NAN
        return LearnProgress(stage, taken, total, *self._bits(), last, speed, left)

    def _record(self) -> None:
        tokenizer = [stage[0].loss for stage in self._stages[:2]][-1]  # of the tokenizer, then of its decoder
        self.records.append(Record(self.taken, tokenizer, self._psnr(), *self._bits()))

    def _bits(self) -> tuple[float, float]:
        """Bits a token of the last step and of held-out pieces; NaN where there are none yet."""
        if self._transformer is None:
            return _NAN, _NAN
        held_out = self._transformer.held_out_bits
        return self._transformer.loss, held_out if held_out < float("inf") else _NAN


def fingerprint_of(collection: Collection, config: LearnConfig, design: Design, device: str) -> dict[str, Any]:
    """All that determines what a run learns, of whatever engine."""
    asked = {f"--{name}": value for name, value in asdict(config).items() if name != "strict"}
    return {**asked, "pictures": collection.digest(), "design": asdict(design), "device": device}


def sizes_of(collection: Collection, design: Design, engine: str = "tokens") -> Sizes:
    """What the networks for a collection are made from.

    Pixel art has colours of its own. It and paintings are enlarged without a network.
    """
    colors = None
    if collection.form.native is not None:
        palette = collection_palette(collection.pixels, True, design.cleaning).astype(np.uint8)
        colors = to_signal(torch.from_numpy(palette[None, None]))[0, :, 0].T.contiguous()
    return Sizes(
        collection.form.size,
        collection.pixels.shape[3],
        len(collection.names),
        learnable(list(collection.traits)),
        collection.form.native is None and engine != "strokes",
        design.tokenizer,
        design.transformer,
        design.judge,
        design.upscaler,
        design.strokes if engine == "strokes" else None,
        colors,
    )


def _seconds_a_step(trainers: Sequence[Trainer[Any]], steps: int, threads: Executor) -> float:
    """The median of some steps, after one to warm up."""
    times = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        take_step(trainers, threads)
        times.append(time.perf_counter() - start)
    return sorted(times[1:])[steps // 2]
