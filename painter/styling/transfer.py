"""Style transfer on pixels (Gatys et al. 2016): a picture is changed until it has one's content and another's style.

`objective.py` has what is lowered, `optimizers.py` how; here are the scales, from coarse to fine, and what is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from painter.devices import resolve_torch_device
from painter.errors import ImpastoError
from painter.pace import Pace, StagePace
from painter.resizing import resize_image
from painter.state import like, real, whole
from painter.styling.colors import color_statistics, grey, mixed_statistics, noise_like
from painter.styling.config import TransferConfig
from painter.styling.export import in_whole
from painter.styling.features import Features, load_features
from painter.styling.film import Film
from painter.styling.objective import Objective
from painter.styling.optimizers import Stepper
from painter.styling.records import Record
from painter.styling.scene import Sources

if TYPE_CHECKING:
    from painter.autosave import Autosave

OnProgress = Callable[["TransferProgress"], Any]


@dataclass(frozen=True, eq=False)
class TransferResult:
    """A picture and how it came about."""

    pixels: np.ndarray  # float32 [H, W, 3] in [0, 1], or [H, W, 4] with the content's alpha
    records: list[Record]
    film: Film
    interrupted: bool = False  # by Ctrl-C

    @property
    def image(self) -> np.ndarray:
        """The picture as uint8."""
        return in_whole(self.pixels)


class DivergedError(ImpastoError):
    """The loss became infinite or no number. `result` has the last good picture, `iteration` says when."""

    def __init__(self, message: str, iteration: int, result: TransferResult) -> None:
        super().__init__(message)
        self.iteration, self.result = iteration, result


@dataclass(frozen=True, eq=False)
class TransferProgress:
    """One step further."""

    record: Record
    iterations: int  # planned
    scales: int
    picture: Callable[[], np.ndarray] = field(repr=False)  # uint8 [H, W, C] as in TransferResult, of this scale's size


class _TimeUpError(Exception):
    """The time for a scale is over in the midst of a step."""


class Transfer:
    """A style transfer under way; `run` takes it to its end.

    Args:
        sources: the pictures, from `load_sources`.
        config: everything else.
        features: the network; the steps are taken on the device where it is.

    Attributes:
        stepper: moves the picture of the present scale; `stepper.image` is [H, W, C] float32, where C is 1 if only
            grey may change, and `stepper.optimizer` is torch's, with its state.
        scale: 0 the coarsest.
        iteration: steps taken, over all scales.
        records: the losses so far.
        film: pictures on the way.
    """

    def __init__(self, sources: Sources, config: TransferConfig, features: Features) -> None:
        self.sources, self.config, self._features = sources, config, features
        self._blend = config.blend(len(sources.styles))
        self._steps = _shares(config.iterations, config.scales)
        self.records: list[Record] = []
        self.film = Film(config.iterations)
        self.iteration = 0
        self.pace = Pace(config.seconds)
        self._stage: StagePace | None = None  # of the present scale, once it is under way
        self._enter(0)
        self._place(self._start())
        if config.start == "content" and config.content_color == "style":
            self.film.keep(in_whole(self._finished(sources.content.rgb)))  # before its colours were changed

    def run(self) -> Iterator[TransferProgress]:
        """All scales, from coarse to fine; yields the start of each and every step.

        Raises:
            DivergedError: the loss is no number any more; it has the last good picture.
        """
        if self.scale == 0 and self._stage is None:
            sides = self.config.sizes()
            self.pace.share_out([count * side**2 for count, side in zip(self._steps, sides, strict=True)])
        while True:
            self.pace.begin()
            if self._stage is None:
                self._stage = self.pace.stage(self._steps[self.scale])
            yield from self._descend(self._stage)
            if self.scale + 1 == self.config.scales or self.pace.seconds_left() <= 0:
                return
            self._stage = None
            self._enter(self.scale + 1)
            self._place(self._enlarged())

    def state(self) -> dict[str, Any]:
        """Where it stands between two steps, until the next: a tree for `painter.state.pack`."""
        return {
            "scale": self.scale,
            "iteration": self.iteration,
            "stepper": self.stepper.state(),
            "best": torch.from_numpy(self._best),
            "least": None if self._least == float("inf") else self._least,
            "pace": self.pace.state(),
            "stage": None if self._stage is None else self._stage.state(),
            "records": [list(astuple(record)) for record in self.records],
            "film": self.film.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as when `state` was taken, of a transfer made with the same arguments: `run` takes the steps to come.

        Raises:
            ValueError, LookupError, TypeError or AttributeError: it is no such state.
        """
        self._enter(whole(state["scale"], 0, self.config.scales - 1))
        self._place(like(state["best"], torch.from_numpy(self._scene.content)).numpy())
        self._least = float("inf") if state["least"] is None else real(state["least"])
        self.stepper.restore(state["stepper"])
        self.iteration = whole(state["iteration"], 0, self.config.iterations)
        self.pace.restore(state["pace"])
        self._stage = None
        if state["stage"] is not None:
            self._stage = StagePace.restored(self.pace, self._steps[self.scale], state["stage"])
        self.records = [Record(*values) for values in state["records"]]
        self.film.restore(state["film"])

    def result(self, interrupted: bool = False) -> TransferResult:
        """The best so far, at full size."""
        best = resize_image(self._best, *self.sources.content.rgb.shape[:2])
        return TransferResult(self._finished(best), self.records, self.film, interrupted)

    def _enter(self, scale: int) -> None:
        """Make ready for a scale, but for the picture that it begins with."""
        self.scale, self._scene = scale, self.sources.scene(self.config, scale)
        self.objective = Objective(self._features, self._scene, self._blend[scale], self.config)

    def _place(self, before: np.ndarray) -> None:
        """Begin from this picture, [H, W, C] float32 in [0, 1]."""
        self._best, self._least = before, float("inf")
        self.stepper = Stepper(torch.from_numpy(before).to(self._features.mean.device), self.config)

    def _enlarged(self) -> np.ndarray:
        """The best of the last scale at this one's size, with the finest detail that the content has where it began."""
        content = self._scene.content
        larger = resize_image(self._best, *content.shape[:2])
        if self.config.start != "content":
            return larger
        without = resize_image(resize_image(content, *self._best.shape[:2]), *content.shape[:2])
        return np.clip(larger + (content - without), 0, 1)

    def _start(self) -> np.ndarray:
        content, config = self._scene.content, self.config
        if config.start == "content":
            return content
        if config.start == "noise":
            drawn = np.random.default_rng(config.seed).random(content.shape, dtype=np.float32)
            return 0.5 + 0.4 * (drawn - 0.5)
        found = [color_statistics(*pair) for pair in zip(self._scene.styles, self._scene.shown, strict=True)]
        return noise_like(mixed_statistics(found, self._blend[0]), content.shape[:2], config.seed)

    def _descend(self, stage: StagePace) -> Iterator[TransferProgress]:
        """One scale."""

        def evaluate(image: Tensor) -> tuple[Tensor, dict[str, float]]:
            if self.pace.seconds is not None and self.records and stage.done() >= 1:
                raise _TimeUpError
            return self.objective(image)

        try:
            while True:
                done = stage.done()
                # Where it goes on after a break, what is noted below is so already.
                terms = self.stepper.here(evaluate)[1]
                if [(last.iteration, last.scale) for last in self.records[-1:]] != [(self.iteration, self.scale + 1)]:
                    yield self._note(terms)
                if done >= 1:
                    return
                self.stepper.step(evaluate, done)
                self.iteration += 1
                stage.step()
        except _TimeUpError:
            return

    def _note(self, terms: dict[str, float]) -> TransferProgress:
        """Keep the losses, and the picture if it is the best at this scale."""
        if not np.isfinite(list(terms.values())).all():
            raise DivergedError(
                f"the loss is no number any more after {self.iteration} steps; the last good picture is kept; "
                "choose a smaller --learning-rate or smaller weights",
                self.iteration,
                self.result(),
            )
        record = Record(self.iteration, self.scale + 1, **terms)
        self.records.append(record)
        if terms["total"] < self._least:
            self._least, self._best = terms["total"], self._snapshot()
        self.film.watch(self.iteration, self._picture)
        return TransferProgress(record, self.config.iterations, self.config.scales, self._picture)

    def _picture(self) -> np.ndarray:
        return in_whole(self._finished(self._snapshot()))

    def _snapshot(self) -> np.ndarray:
        """[H, W, C] float32 in [0, 1], a copy."""
        with torch.no_grad():
            return self.objective.composed(self.stepper.image).clamp(0, 1).cpu().numpy().copy()

    def _finished(self, image: np.ndarray) -> np.ndarray:
        """float32 as in TransferResult, from [H, W, C]; grey is given the content's colours again."""
        height, width = image.shape[:2]
        content = self.sources.content
        if image.shape[2] == 1:
            rgb = resize_image(content.rgb, height, width)
            image = np.clip(rgb + (image - grey(rgb)), 0, 1)
        if content.alpha is not None:
            alpha = resize_image(content.alpha, height, width)[..., None]
            image = np.concatenate([image * (alpha > 0), alpha], 2)
        return image


def transfer(
    sources: Sources,
    config: TransferConfig,
    features: Features | None = None,
    on_progress: OnProgress | None = None,
    autosave: Autosave | None = None,
) -> TransferResult:
    """Give the content the style. Ctrl-C ends it with the best so far.

    Args:
        sources: the pictures, from `load_sources`.
        config: everything else.
        features: the network; loaded, but not downloaded, if not given.
        on_progress: called at every step.
        autosave: where progress is kept, and perhaps gone on from.

    Raises:
        CheckpointError: the network's weights are missing or of another one.
        DeviceError: a device that this machine does not have.
        AutosaveError: there is something else where progress should be; see `Autosave.begin`.
        DivergedError: the loss is no number any more; it has the last good picture.
    """
    under_way = Transfer(sources, config, load_network(config) if features is None else features)
    if autosave is not None:
        autosave.begin(under_way)
    try:
        for progress in under_way.run():
            if on_progress is not None:
                on_progress(progress)
            if autosave is not None:
                autosave.step(under_way, progress.record.iteration)
        if autosave is not None:
            autosave.end(under_way, under_way.iteration)
    except KeyboardInterrupt:
        return under_way.result(interrupted=True)
    return under_way.result()


def load_network(config: TransferConfig, download: bool = False, progress: bool = False) -> Features:
    """The network that the options ask for, on the device that they ask for; the rest as in `load_features`."""
    device = resolve_torch_device(config.device)
    weights = None if config.weights is None else Path(config.weights)
    loaded = load_features(config.features, weights, download=download, progress=progress, seed=config.seed)
    return loaded.to(device)


def _shares(iterations: int, scales: int) -> list[int]:
    """The steps at each scale: as many at each, give or take one."""
    return [iterations * (k + 1) // scales - iterations * k // scales for k in range(scales)]
