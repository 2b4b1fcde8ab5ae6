"""Style transfer on pixels (Gatys et al. 2016): a picture is changed until it has one's content and another's style.

`objective.py` has what is lowered, `optimizers.py` how; here are the scales, from coarse to fine, and what is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from painter.errors import DivergedError
from painter.export.recorded import to_levels
from painter.options.transfer import TransferConfig
from painter.pictures.resizing import resize_image
from painter.search.staged_run import StagedRun, take_steps
from painter.styling import recycled, winograd
from painter.styling.colors import color_statistics, grey, mixed_statistics, noise_like
from painter.styling.feature_networks import load_features
from painter.styling.features import Features
from painter.styling.inputs import Sources, TransferInputs
from painter.styling.nearest_features import LAYERS
from painter.styling.objective import Objective
from painter.styling.optimizers import PixelOptimizer
from painter.styling.recorder import FrameRecorder
from painter.styling.records import Record
from painter.system.autosave import Autosave
from painter.system.devices import resolve_torch_device
from painter.system.snapshot import like, number
from painter.system.usage import return_freed_memory

OnProgress = Callable[["TransferProgress"], Any]


@dataclass(frozen=True, eq=False)
class TransferResult:
    """A picture and how it came about."""

    pixels: np.ndarray  # float32 [H, W, 3] in [0, 1], or [H, W, 4] with the content's alpha
    records: list[Record]
    film: FrameRecorder
    interrupted: bool = False  # by Ctrl-C

    @property
    def image(self) -> np.ndarray:
        """The picture as uint8."""
        return to_levels(self.pixels)


@dataclass(frozen=True, eq=False)
class TransferProgress:
    """One step further."""

    record: Record
    iterations: int  # planned
    scales: int
    picture: Callable[[], np.ndarray] = field(repr=False)  # uint8 [H, W, C] as in TransferResult, of this scale's size


class _TimeUpError(Exception):
    """The time for a scale is over during a step."""


@dataclass(frozen=True)
class TransferStage:
    """One scale."""

    scale: int  # 0 the coarsest
    side: int  # of the content, pixels
    steps: int

    @property
    def cost(self) -> float:
        """Of its steps, against those of the others."""
        return self.steps * self.side**2


class Transfer(StagedRun[TransferStage, TransferProgress]):
    """A style transfer; `run` takes it to its end, yielding the start of each scale and every step.

    Args:
        sources: the pictures, from `load_sources`.
        config: everything else.
        features: the network; the steps are taken on the device where it is.

    Attributes:
        pixel_optimizer: moves the picture of the present scale; its `image` is [H, W, C] float32, where C is 1 if only
            grey may change, and its `optimizer` is torch's, with its state.
        scale: 0 the coarsest.
        records: the losses so far.
        film: pictures on the way.
    """

    objective: Objective
    pixel_optimizer: PixelOptimizer
    _scene: TransferInputs

    def __init__(self, sources: Sources, config: TransferConfig, features: Features) -> None:
        super().__init__(config.seconds)
        self.sources, self.config, self._features = sources, config, features
        self._blend = config.blend(len(sources.styles))
        self.records: list[Record] = []
        self.film = FrameRecorder(config.iterations)
        self._enter(0)
        self._place(self._start())
        if config.start == "content" and config.content_color == "style":
            self.film.keep(to_levels(self._finished(sources.content.rgb)))  # before its colours were changed

    def stages(self) -> list[TransferStage]:
        """The scales, from coarse to fine."""
        pairs = zip(self.config.sizes(), self.config.steps(), strict=True)
        return [TransferStage(k, side, count) for k, (side, count) in enumerate(pairs)]

    def begin(self, stage: TransferStage) -> TransferProgress | None:
        """Enlarge what the scale before has found, and note the losses there."""
        self.budget.begin()
        if stage.scale > 0:
            self._enter(stage.scale)
            self._place(self._enlarged())
        try:
            return self._note(self.pixel_optimizer.here(self._evaluate)[1])
        except _TimeUpError:
            return None

    def step(self, stage: TransferStage, done: float) -> TransferProgress | None:
        """One step of gradient descent on the pixels.

        Raises:
            DivergedError: the loss became NaN or infinite; it has the last good picture.
        """
        try:
            self.pixel_optimizer.step(self._evaluate, done)
            self.taken += 1
            return self._note(self.pixel_optimizer.here(self._evaluate)[1])
        except _TimeUpError:
            return None

    def skips(self, stage: TransferStage) -> bool:
        """Finer scales for which there is no time."""
        return stage.scale > 0 and self.budget.seconds_left() <= 0

    def state(self) -> dict[str, Any]:
        """See `StagedRun.state`."""
        return {
            **super().state(),
            "pixels": self.pixel_optimizer.state(),
            "best": torch.from_numpy(self._best),
            "least": None if self._least == float("inf") else self._least,
            "records": [list(astuple(record)) for record in self.records],
            "film": self.film.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """See `StagedRun.restore`."""
        super().restore(state)
        self._enter(min(self._at, self.config.scales - 1))
        self._place(like(state["best"], torch.from_numpy(self._scene.content)).numpy())
        self._least = float("inf") if state["least"] is None else number(state["least"])
        self.pixel_optimizer.restore(state["pixels"])
        self.records = [Record(*values) for values in state["records"]]
        self.film.restore(state["film"])

    def result(self, interrupted: bool = False) -> TransferResult:
        """The best so far, at full size."""
        best = resize_image(self._best, *self.sources.content.rgb.shape[:2])
        return TransferResult(self._finished(best), self.records, self.film, interrupted)

    def end(self, stage: TransferStage) -> None:
        """Return the memory that evaluations of this scale took."""
        recycled.features.forget()

    def _enter(self, scale: int) -> None:
        """Make ready for a scale, but for the picture that it begins with."""
        if hasattr(self, "objective"):  # that of the last scale, before memory is taken for this one's
            del self.objective, self.pixel_optimizer
            return_freed_memory()
        self.scale, self._scene = scale, self.sources.scene(self.config, scale)
        self.objective = Objective(self._features, self._scene, self._blend[scale], self.config)

    def _place(self, before: np.ndarray) -> None:
        """Begin from this picture, [H, W, C] float32 in [0, 1]."""
        self._best, self._least = before, float("inf")
        self.pixel_optimizer = PixelOptimizer(torch.from_numpy(before).to(self._features.mean.device), self.config)

    def _enlarged(self) -> np.ndarray:
        """The best of the last scale at this one's size, with the finest detail that the content has where it began."""
        content = self._scene.content
        larger = resize_image(self._best, *content.shape[:2])
        if self.config.start != "content":
            return larger
        without = resize_image(resize_image(content, *self._best.shape[:2]), *content.shape[:2])
        sharp: np.ndarray = np.clip(larger + (content - without), 0, 1)
        return sharp

    def _start(self) -> np.ndarray:
        content, config = self._scene.content, self.config
        if config.start == "content":
            return content
        if config.start == "noise":
            drawn = np.random.default_rng(config.seed).random(content.shape, dtype=np.float32)
            return 0.5 + 0.4 * (drawn - 0.5)
        found = [color_statistics(*pair) for pair in zip(self._scene.styles, self._scene.shown, strict=True)]
        return noise_like(mixed_statistics(found, self._blend[0]), content.shape[:2], config.seed)

    def _evaluate(self, image: Tensor) -> tuple[Tensor, dict[str, float]]:
        """The loss of a picture and its terms, unless the scale's time is over."""
        over = self._stage_budget is not None and self._stage_budget.done() >= 1
        if self.budget.seconds is not None and self.records and over:
            raise _TimeUpError
        return self.objective(image)

    def _note(self, terms: dict[str, float]) -> TransferProgress:
        """Keep the losses, and the picture if it is the best at this scale."""
        if not np.isfinite(list(terms.values())).all():
            remedy = "choose a smaller --learning-rate or smaller weights"
            error = DivergedError(self.taken, "picture", remedy)
            error.result = self.result()
            raise error
        record = Record(self.taken, self.scale + 1, **terms)
        self.records.append(record)
        if terms["total"] < self._least:
            self._least, self._best = terms["total"], self._snapshot()
        self.film.watch(self.taken, self._picture)
        return TransferProgress(record, self.config.iterations, self.config.scales, self._picture)

    def _picture(self) -> np.ndarray:
        return to_levels(self._finished(self._snapshot()))

    def _snapshot(self) -> np.ndarray:
        """[H, W, C] float32 in [0, 1], a copy."""
        with torch.no_grad():
            image: np.ndarray = self.objective.composed(self.pixel_optimizer.image).clamp(0, 1).cpu().numpy().copy()
            return image

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
        autosave: where progress is kept, and perhaps resumed from.

    Raises:
        CheckpointError: the network's weights are missing or of another one.
        DeviceError: a device that this machine does not have.
        AutosaveError: there is something else where progress should be; see `Autosave.begin`.
        DivergedError: the loss is NaN or infinite; it has the last good picture.
    """
    run = Transfer(sources, config, load_network(config) if features is None else features)
    if autosave is not None:
        autosave.begin(run)
    try:
        take_steps(run, on_progress, autosave)
    except KeyboardInterrupt:
        return run.result(interrupted=True)
    return run.result()


def load_network(config: TransferConfig, download: bool = False, progress: bool = False) -> Features:
    """The network that the options ask for, as deep as they need it, on the device that they ask for.

    The rest as in `load_features`.
    """
    device = resolve_torch_device(config.device)
    weights = None if config.weights is None else Path(config.weights)
    loaded = load_features(
        config.features, weights, download=download, progress=progress, seed=config.seed,
        layers=[*config.layer_weights, config.content_layer, *LAYERS],
    )  # fmt: skip
    loaded.gradients = winograd.GRADIENTS
    return loaded.to(device)
