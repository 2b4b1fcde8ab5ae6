"""The run of the engine 'dcgan': a generator against one discriminator, or two; then the small networks."""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from painter.errors import OptionError
from painter.learning.gan_networks import GanNetworks, Generator, calibrate, make_gan_networks
from painter.learning.gan_trainer import DiscriminatorTrainer, GeneratorTrainer
from painter.learning.judge import accuracy
from painter.learning.learning_config import Design
from painter.learning.mirroring import is_mirrored, with_mirrored
from painter.learning.seeds import generator as random_generator
from painter.learning.sheets import COLUMNS, ROWS
from painter.learning.signal import to_pixels, to_signal
from painter.learning.stages import last_trainers, make_material
from painter.learning.trainer import Trainer, take_step
from painter.learning.training import LearnProgress, fingerprint_of, sizes_of
from painter.learning.training_log import GanRecord, from_rows, to_rows
from painter.learning.training_pictures import Collection
from painter.learning.upscaler_trainer import CropDiscriminatorTrainer, UpscalerTrainer, make_crop_discriminator
from painter.learning.workers import worker_threads
from painter.options.learn import GAN_SIZES, LearnConfig

STAGES = ("generator", "judge")
_MEASURED_PIECES = 256
_FEWEST_RECORDS = 50  # points of the curves of a short run
_RECENT = 50  # steps over which the speed is averaged
_NAN = float("nan")


@dataclass(frozen=True)
class GanSchedule:
    """Pictures of each network."""

    generator: int  # as many as each discriminator sees
    judge: int
    upscaler: int


class GanRun:
    """One run. Arguments and attributes are those of painter.learning.training.LearningRun.

    Raises:
        OptionError: pieces of this size cannot be learned by this engine.
    """

    label = "model"
    record_type = GanRecord

    def __init__(self, collection: Collection, config: LearnConfig, design: Design, device: str = "cpu") -> None:
        size = collection.form.size
        if size not in GAN_SIZES:
            raise OptionError(f"--size {size} with --engine dcgan: must be 32, 64 or 128")
        self.collection, self.config, self.design, self.device = collection, config, design, device
        self.records: list[GanRecord] = []
        self._gan = design.gan if config.gan_loss == "plain" else design.relativistic
        sizes = sizes_of(collection, design)
        self.networks = make_gan_networks(
            size, sizes.channels, sizes.classes, sizes.traits, sizes.upscales, self._gan, design.judge,
            design.upscaler, config.seed, device,
        )  # fmt: skip
        self.material = make_material(collection, self.networks, config.seed, design.reading)
        self.mirrored = is_mirrored(collection, config, design.copies)
        if self.mirrored:
            self.material = with_mirrored(self.material)
        self.schedule = self._asked()
        self._first: list[Trainer[Any]] = []  # the discriminators, and then the generator
        self._last: list[Trainer[Any]] = []  # the judge and the upscaler
        self._crop_discriminator: CropDiscriminatorTrainer | None = None  # of the upscaler, once that has begun
        self._recent: deque[tuple[float, int]] = deque(maxlen=_RECENT)

    def fingerprint(self) -> dict[str, Any]:
        """All that determines the result, see painter.system.autosave."""
        return fingerprint_of(self.collection, self.config, self.design, self.device)

    # --- the run ---

    @property
    def taken(self) -> int:
        """Pictures shown to the generator, the judge and the upscaler together."""
        return sum(trainer.done for trainer in (*self._first[-1:], *self._last))

    @property
    def has_samples(self) -> bool:
        """Whether the generator has begun."""
        return bool(self._first) and self._first[-1].done > 0

    def run(self) -> Iterator[LearnProgress]:
        """Take all steps that are left.

        Raises:
            DivergedError: a loss became NaN or infinite.
        """
        with worker_threads(self.device) as threads:
            if self.schedule is None:
                self.schedule = self._schedule(self._measured(threads))
            if not self._first:
                self._begin()
            while not self._first[-1].finished:
                self._take_round(threads)
                yield self._progress(STAGES[0])
            if not self._last:
                self._begin_last()
            while active := [one for one in self._last if not one.finished]:
                if self._crop_discriminator is not None and any(
                    isinstance(one, UpscalerTrainer) and one.uses_discriminator for one in active
                ):
                    take_step([self._crop_discriminator], threads)
                take_step(active, threads)
                yield self._progress(STAGES[1])

    def learned(self) -> tuple[GanNetworks, dict[str, float]]:
        """The networks to be kept, and by name 'pictures' (shown), the losses, and 'traits' as LearningRun has it."""
        begun = {one.name for one in self._last if one.done}
        judge = self.networks.judge if "judge" in begun else None
        networks = GanNetworks(self._ready(), judge, self.networks.upscaler if "upscaler" in begun else None)
        figures = {
            "pictures": float(self.taken),
            "generator_loss": self._first[-1].loss,
            "discriminator_loss": self._first[0].loss,
        }
        if networks.judge is not None:
            some = self.material.held_out[:_MEASURED_PIECES]
            with torch.no_grad():
                logits = networks.judge(to_signal(self.material.pixels[some].to(self.device)))
            figures["traits"] = accuracy([one.cpu() for one in logits], self.material.values[some])
        return networks, figures

    @torch.no_grad()
    def samples(self) -> np.ndarray:
        """What a sheet shows: new pieces, or pictures before there are any; uint8 [n, H, W, C]."""
        count = COLUMNS * ROWS
        if not self.has_samples:
            return self.collection.form.cropped(self.collection.pixels[:count])
        latents = torch.randn(count, self._gan.latent, generator=random_generator("sheet"))
        return self.collection.form.cropped(to_pixels(self._ready()(latents.to(self.device))))

    # --- saving and resuming ---

    def state(self) -> dict[str, Any]:
        """What `restore` takes."""
        return {
            "schedule": None if self.schedule is None else asdict(self.schedule),
            "records": to_rows(self.records),
            "first": [trainer.state() for trainer in self._first],
            "last": [trainer.state() for trainer in self._last],
            "crop_discriminator": None if self._crop_discriminator is None else self._crop_discriminator.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`. Raises ValueError, LookupError or TypeError if it is not one of such a run."""
        self.schedule = None if state["schedule"] is None else GanSchedule(**state["schedule"])
        self.records = from_rows(state["records"], GanRecord)
        for saved, begin, trainers in (
            (state["first"], self._begin, self._first),
            (state["last"], self._begin_last, self._last),
        ):
            if saved:
                begin()
                for trainer, one in zip(trainers, saved, strict=True):
                    trainer.restore(one)
        if self._crop_discriminator is not None:
            self._crop_discriminator.restore(state["crop_discriminator"])

    # --- steps ---

    def _asked(self) -> GanSchedule | None:
        """The schedule where it does not depend on time: for pictures, or for epochs on a GPU."""
        config = self.config
        if config.pictures is not None:
            return self._schedule(config.pictures)
        if self.device == "cuda" and config.minutes == LearnConfig.minutes:
            return self._schedule(self._gan.epochs * len(self.collection.pixels))
        return None

    def _schedule(self, pictures: int) -> GanSchedule:
        training, batch = self.design.training, self._gan.batch
        judge, upscaler = (
            max(1, round(min(training.most_last, pictures * share) / training.batch)) * training.batch
            for share in (training.judge_share, training.upscaler_share)
        )
        networks = self.networks
        return GanSchedule(
            max(1, round(pictures / batch)) * batch,
            judge if networks.judge else 0,
            upscaler if networks.upscaler else 0,
        )

    def _begin(self) -> None:
        assert self.schedule is not None
        networks, material, training = self.networks, self.material, self.design.training
        seed, total = self.config.seed, self.schedule.generator
        groups = [
            material.pixels[material.learned[material.sources[material.learned] == k]]
            for k in range(len(networks.discriminators))
        ]
        self._first += [
            DiscriminatorTrainer(k, one, networks.generator, groups[k], total, seed, training)
            for k, one in enumerate(networks.discriminators)
        ]
        self._first.append(GeneratorTrainer(networks.generator, networks.discriminators, groups, total, seed, training))

    def _begin_last(self) -> None:
        assert self.schedule is not None
        networks, material, schedule = self.networks, self.material, self.schedule
        seed, training, discriminator = self.config.seed, self.design.training, None
        if networks.upscaler is not None:
            upscaler, large = networks.upscaler, material.large
            discriminator = make_crop_discriminator(upscaler, large, self._gan, seed)
            self._crop_discriminator = CropDiscriminatorTrainer(
                discriminator, upscaler, large, schedule.upscaler, seed, training
            )
        self._last += last_trainers(
            networks.judge, networks.upscaler, None, material, schedule.judge, schedule.upscaler, seed, training,
            discriminator,
        )  # fmt: skip

    def _take_round(self, threads: Executor) -> None:
        """A step of the discriminators, and then one of the generator against them."""
        take_step(self._first[:-1], threads)
        take_step(self._first[-1:], threads)

    def _measured(self, threads: Executor) -> int:
        """The pictures that fit into the minutes asked for, from a few rounds of a run that is thrown away."""
        training = self.design.training
        trial = GanRun(self.collection, self.config, self.design, self.device)
        trial.schedule = trial._schedule(10**6)
        trial._begin()
        times = []
        for _ in range(training.measured + 1):
            start = time.perf_counter()
            trial._take_round(threads)
            times.append(time.perf_counter() - start)
        rounds = self.config.minutes * 60 * (1 - training.last_stage) / sorted(times[1:])[training.measured // 2]
        return max(training.fewest_pictures, int(rounds) * self._gan.batch)

    def _ready(self) -> Generator:
        """The generator as it is now, to draw pieces with."""
        trainer = self._first[-1]
        assert isinstance(trainer, GeneratorTrainer)
        return calibrate(copy.deepcopy(trainer.average), random_generator(self.config.seed, "calibration"))

    # --- what is measured ---

    def _losses(self) -> GanRecord:
        """The losses of the last step; NaN for what is over or has not begun."""
        of = {trainer.name: trainer.loss for trainer in (self._last or self._first)}
        of_crops = _NAN if self._crop_discriminator is None else self._crop_discriminator.loss
        names = ("generator", "discriminator 1", "discriminator 2", "upscaler")
        generator, first, second, upscaler = (of.get(name, _NAN) for name in names)
        return GanRecord(self.taken, generator, first, second, upscaler, of_crops)

    def _progress(self, stage: str) -> LearnProgress:
        assert self.schedule is not None
        total, taken = self.schedule.generator + self.schedule.judge + self.schedule.upscaler, self.taken
        every = min(self.design.training.record_every, max(1, total // _FEWEST_RECORDS))
        if taken // every > (self.records[-1].pictures if self.records else 0) // every:
            self.records.append(self._losses())
        self._recent.append((time.monotonic(), taken))
        (began, before), (now, _) = self._recent[0], self._recent[-1]
        speed = (taken - before) / (now - began) if now > began else 0.0
        left = (total - taken) / speed if speed else float("inf")
        losses = self._losses()
        shown = (losses.generator_loss, losses.discriminator_loss)
        return LearnProgress(stage, taken, total, _NAN, _NAN, _NAN, speed, left, *shown)
