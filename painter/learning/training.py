"""The run that learns a collection: stage by stage, saved and resumed.

First the tokenizer learns alone. Then its encoder is frozen, all pieces become codes, and its decoder and the
transformer go on side by side. A step depends on its number, the seed and the networks alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from painter.learning.config import Design
from painter.learning.mixing import Mixer, backgrounds_of
from painter.learning.reading import Collection
from painter.learning.records import Record, from_rows, to_rows
from painter.learning.schedule import Schedule, pictures_in, schedule_of
from painter.learning.seeds import generator
from painter.learning.signal import to_signal
from painter.learning.tokenizer import Tokenizer, psnr
from painter.learning.tokenizer_trainer import DecoderTrainer, TokenizerTrainer, encode_all
from painter.learning.trainer import Trainer, take_step
from painter.learning.transformer import Transformer
from painter.learning.transformer_trainer import TransformerTrainer
from painter.learning.workers import worker_threads
from painter.options.learn import LearnConfig

_PSNR_PIECES = 48  # held-out pieces whose PSNR is measured
_RECENT = 200  # steps over which the speed is averaged


@dataclass(frozen=True)
class LearnProgress:
    """One more step."""

    stage: str  # 'tokenizer', then 'transformer'
    pictures: int  # shown to all networks together
    total: int  # that will have been shown at the end, unless held-out bits stop it early
    bits: float  # a token, of the last step; NaN before the transformer's first
    held_out_bits: float
    psnr: float  # of the tokenizer on held-out pieces, in dB
    speed: float  # pictures a second, lately
    seconds_left: float


@dataclass(frozen=True, eq=False)
class Learned:
    """Networks that have been trained."""

    tokenizer: Tokenizer
    transformer: Transformer
    records: tuple[Record, ...]
    held_out_bits: float
    psnr: float


class LearningRun:
    """One run.

    Args:
        collection: what is learned.
        config: what was asked for.
        design: sizes and rates.
        device: 'cpu' or 'cuda'.

    Attributes:
        label: what is made, in messages.
        schedule: how many pictures; None before it is known, when minutes were asked for.
        records: the curves.
    """

    label = "model"

    def __init__(self, collection: Collection, config: LearnConfig, design: Design, device: str = "cpu") -> None:
        self.collection, self.config, self.design, self.device = collection, config, design, device
        self.records: list[Record] = []
        training = design.training
        self.schedule = None if config.pictures is None else schedule_of(config.pictures, training)
        self.pictures, self.held_out = self._split()
        self.tokenizer = self._new_tokenizer()
        self._pixels, self._sources = torch.from_numpy(collection.pixels), torch.from_numpy(collection.sources)
        self._first: TokenizerTrainer | None = None
        self._decoder: DecoderTrainer | None = None
        self._transformer: TransformerTrainer | None = None
        self._recent: deque[tuple[float, int]] = deque(maxlen=_RECENT)

    # --- what a run is of, see painter.system.autosave ---

    def fingerprint(self) -> dict[str, Any]:
        """All that determines the result."""
        asked = {f"--{name}": value for name, value in asdict(self.config).items() if name != "strict"}
        return {**asked, "pictures": self.collection.digest(), "design": asdict(self.design), "device": self.device}

    @property
    def taken(self) -> int:
        """Pictures shown to all networks together."""
        return sum(one.done for one in self._trainers)

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
                self.schedule = schedule_of(self._measured(threads), self.design.training)
            first = self._first or self._begin()
            while not first.finished:
                take_step([first], threads)
                yield self._progress("tokenizer")
            if self._transformer is None:
                self._freeze()
            assert self._decoder is not None and self._transformer is not None
            pair: tuple[Trainer[Any], ...] = (self._decoder, self._transformer)
            while active := [one for one in pair if not one.finished]:
                take_step(active, threads)
                yield self._progress("transformer")

    def learned(self) -> Learned:
        """The networks as they are now: of the transformer the best average. Only once `has_samples`."""
        assert self._transformer is not None
        trainer = self._transformer
        measured = trainer.best_bits < float("inf")
        transformer = trainer.best if measured else trainer.average
        bits = trainer.best_bits if measured else trainer.bits_of(self.held_out)
        return Learned(self.tokenizer, transformer, tuple(self.records), bits, self._psnr())

    def current(self) -> tuple[Tokenizer, Transformer]:
        """The networks to draw samples with on the way. Only once `has_samples`."""
        assert self._transformer is not None
        return self.tokenizer, self._transformer.average

    def codes(self) -> Tensor:
        """Codes uint8 [N, places, dims] of the collection, by the tokenizer as it is."""
        return encode_all(self.tokenizer, self._pixels)

    # --- saving and resuming ---

    def state(self) -> dict[str, Any]:
        """What `restore` takes."""
        return {
            "schedule": None if self.schedule is None else asdict(self.schedule),
            "records": to_rows(self.records),
            **{one.name: one.state() for one in self._trainers},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`. Raises ValueError, LookupError or TypeError if it is not one of such a run."""
        self.schedule = None if state["schedule"] is None else Schedule(**state["schedule"])
        self.records = from_rows(state["records"])
        if "tokenizer" in state:
            self._begin().restore(state["tokenizer"])
        if "transformer" in state:
            self._freeze()
            assert self._decoder is not None and self._transformer is not None
            self._decoder.restore(state["decoder"])
            self._transformer.restore(state["transformer"])

    # --- stages ---

    @property
    def _trainers(self) -> list[Trainer[Any]]:
        every: Sequence[Trainer[Any] | None] = (self._first, self._decoder, self._transformer)
        return [one for one in every if one is not None]

    def _split(self) -> tuple[Tensor, Tensor]:
        """Numbers of the pictures that are learned, and of those held out, each sorted."""
        reading, count = self.design.reading, len(self.collection.pixels)
        aside = min(reading.most_held_out, max(1, round(count * reading.held_out)))
        shuffled = torch.randperm(count, generator=generator(self.config.seed, "held out"))
        return shuffled[aside:].sort().values, shuffled[:aside].sort().values

    def _new_tokenizer(self) -> Tokenizer:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            made = Tokenizer(self.collection.form.size, self.collection.pixels.shape[3], self.design.tokenizer)
        return made.to(self.device, memory_format=torch.channels_last)

    def _new_transformer(self) -> Transformer:
        sizes = self.design.tokenizer
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            made = Transformer(
                self.tokenizer.grid**2, sizes.dims, sizes.levels, len(self.collection.names), self.design.transformer
            )
        return made.to(self.device)

    def _begin(self) -> TokenizerTrainer:
        assert self.schedule is not None
        training, seed = self.design.training, self.config.seed
        self._first = TokenizerTrainer(
            self.tokenizer, self._pixels, self.pictures, self.schedule.tokenizer, seed, training
        )
        return self._first

    def _freeze(self) -> None:
        """Begin the second stage: pieces become codes."""
        assert self.schedule is not None
        codes = self.codes()
        training, seed = self.design.training, self.config.seed
        mixer = None
        if len(self.collection.names) == 2:
            mixer = Mixer(codes, self._sources, backgrounds_of(self.collection.pixels), self.pictures)
        self._decoder = DecoderTrainer(
            self.tokenizer, self._pixels, codes, self.pictures, self.schedule.decoder, seed, training
        )
        self._transformer = TransformerTrainer(
            self._new_transformer(), codes, self._sources, self.pictures, self.held_out, mixer,
            self.schedule.transformer, seed, training,
        )  # fmt: skip

    def _measured(self, threads: Any) -> int:
        """The pictures that fit into the minutes asked for, from a few steps of a run that is thrown away."""
        training = self.design.training
        trial = LearningRun(self.collection, self.config, self.design, self.device)
        trial.schedule = schedule_of(10**6, training)
        first = trial._begin()
        seconds = [_seconds_a_step([first], training.measured, threads)]
        trial._freeze()
        assert trial._decoder is not None and trial._transformer is not None
        seconds.append(_seconds_a_step([trial._decoder, trial._transformer], training.measured, threads))
        seconds.append(_seconds_a_step([trial._transformer], training.measured, threads))
        return pictures_in(self.config.minutes * 60, *seconds, training)

    # --- progress ---

    def _psnr(self) -> float:
        some = self._pixels[self.held_out[:_PSNR_PIECES]]
        with torch.no_grad():
            signal = to_signal(some.to(self.device)).contiguous(memory_format=torch.channels_last)
            return psnr(self.tokenizer(signal), signal)

    def _progress(self, stage: str) -> LearnProgress:
        assert self.schedule is not None
        training, taken = self.design.training, self.taken
        if taken // training.record_every > (self.records[-1].pictures if self.records else 0) // training.record_every:
            self._record()
        self._recent.append((time.monotonic(), taken))
        (began, before), (now, _) = self._recent[0], self._recent[-1]
        speed = (taken - before) / (now - began) if now > began else 0.0
        total = self.schedule.total
        transformer = self._transformer
        if transformer is not None and transformer.stopped:
            total -= transformer.total - transformer.done
        last = self.records[-1].psnr if self.records else float("nan")
        bits, held_out = _bits(transformer)
        left = (total - taken) / speed if speed else float("inf")
        return LearnProgress(stage, taken, total, bits, held_out, last, speed, left)

    def _record(self) -> None:
        losses = [one.loss for one in (self._decoder, self._first) if one is not None]
        self.records.append(Record(self.taken, losses[0], self._psnr(), *_bits(self._transformer)))


def _bits(transformer: TransformerTrainer | None) -> tuple[float, float]:
    """Bits a token of the last step and of held-out pieces; NaN where there are none yet."""
    if transformer is None:
        return float("nan"), float("nan")
    held_out = transformer.held_out_bits
    return transformer.loss, held_out if held_out < float("inf") else float("nan")


def _seconds_a_step(trainers: Sequence[Trainer[Any]], steps: int, threads: Any) -> float:
    """The median of some steps, after one to warm up."""
    times = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        take_step(trainers, threads)
        times.append(time.perf_counter() - start)
    return sorted(times[1:])[steps // 2]
