"""Style on strokes: the strokes of a painting take on a style, and stay strokes (Zou et al. 2021, section 3.4).

The decoder networks and soft blending lay the strokes on the whole canvas; its features are compared with the style's,
and what they differ by flows back to the strokes' colours, or to all that they are made of. The loss is

    style weight · (Gram matrices + distribution of colours) + content weight · content

where content is the painting as it was, in the style's colours as far as a linear map brings them there: else a dark
style and a bright painting would pull at every stroke, wherever it is.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from painter.adam import Adam
from painter.config import PaintConfig, SearchConfig, StyleSearchConfig
from painter.errors import StyleDivergedError
from painter.focus import auto_focus, focus_weights
from painter.pace import Pace, StagePace, falling_rate
from painter.painting import Color, Painting, canvas_color, region_at
from painter.palette import nearest
from painter.picture import Picture, load_picture, picture_from_array
from painter.resizing import fit_size, resize_image
from painter.search import Progress
from painter.state import like, real, strokes_of, whole
from painter.styling.colors import ColorMap, color_map, color_statistics
from painter.styling.features import Features, load_features
from painter.styling.records import Record
from painter.styling.stroke_objective import SeenStyle, StyleObjective, feature_threads
from painter.styling.stroke_variables import StyleVariables
from painter.variables import Allowed
from renderers.brushes import BRUSHES
from renderers.brushes.stamp import Stamp
from renderers.decoding import EngineMaps, MapSource
from renderers.strokes import Strokes

SMALLEST = 16  # long side at which a style picture is seen, pixels
TERMS = ("content", "style", "total")  # of the losses before and after


@dataclass(frozen=True)
class StyleProgress(Progress):
    """One step of styling has been taken. `loss` is the weighted sum; `psnr` is against the painting as it was."""

    content: float = 0.0
    style: float = 0.0  # Gram matrices and colours
    tv: float = 0.0  # total variation of the canvas, which is told and not part of `loss`

    @property
    def figures(self) -> str:
        return f"content {self.content:.4f}, style {self.style:.4f}, tv {self.tv:.4f}, total {self.loss:.4f}"


@dataclass(frozen=True, eq=False)
class Style:
    """A style picture, and the network that sees it."""

    picture: Picture
    features: Features

    @property
    def identity(self) -> dict[str, str]:
        """What they are, by content, ready for JSON."""
        digest = hashlib.sha256()
        for name, values in self.features.state_dict().items():
            digest.update(name.encode() + values.cpu().contiguous().numpy().tobytes())
        return {"style picture": self.picture.sha256, "style network": digest.hexdigest()}


def load_style(
    source: str | os.PathLike[str] | np.ndarray, config: PaintConfig, download: bool = False, progress: bool = False
) -> Style:
    """Read the style picture and the network that `config` names.

    Args:
        source: a file, or an array as `painter.paint` takes it.
        download: whether weights may be downloaded where they are missing.
        progress: whether a bar of that may be shown.

    Raises:
        PictureError: the picture cannot be read.
        CheckpointError: the network's weights are missing or of another one.
    """
    most = max(level.side for level in StyleSearchConfig().levels)
    side = max(SMALLEST, _style_side(config, most))
    picture = picture_from_array(source, side) if isinstance(source, np.ndarray) else load_picture(source, side)
    weights = None if config.weights is None else Path(config.weights)
    features = load_features(config.features, weights, download=download, progress=progress, seed=config.seed)
    return Style(picture, features)


def _style_side(config: PaintConfig, side: int) -> int:
    """The style picture's long side beside a canvas of this one."""
    side = min(side, config.size)
    return max(SMALLEST, round((config.style_size or config.size) * side / config.size))


def stroke_maps(brush: str, backend: str, device: str) -> MapSource:
    """How strokes of this brush look while they move: as the networks decode them, or a stamp's own maps."""
    known = BRUSHES[brush]
    if isinstance(known, Stamp):
        from renderers.stamping import StampMaps

        return StampMaps(known)
    from renderers.checkpoint import load_networks
    from renderers.decoder import network_maps

    return network_maps(load_networks(brush).to(device), backend, SearchConfig().density)


@dataclass(frozen=True)
class StyleStage:
    """A run of steps on one canvas."""

    name: str
    side: int  # long side, pixels
    steps: int
    layers: tuple[str, ...]
    shapes: bool  # whether shapes move, as the networks see them; else the engine's maps are held
    rate: float = 1.0


class StrokeStyling:
    """Gives the strokes of one painting a style. It is run and looked at as `painter.search.Search` is.

    Args:
        painting: as it was found; its configuration says how to style it.
        style: the picture and the network.
        maps: how its strokes look while they move, see `stroke_maps`.
        device: 'cpu' or 'cuda'.
        backend: of `renderers.blending.blend`, one that works on this device.
        seconds: the time there is; None for as long as it takes.
    """

    def __init__(
        self, painting: Painting, style: Style, maps: MapSource, device: str = "cpu", backend: str = "cpu",
        seconds: float | None = None, search: StyleSearchConfig | None = None,
    ) -> None:  # fmt: skip
        self.painting, self.style, self.maps = painting, style, maps
        self.config, self.search = painting.config, search or StyleSearchConfig()
        self.device, self.backend = torch.device(device), backend
        style.features.to(self.device)
        self._start = painting.strokes.map(lambda values: values.detach().to(self.device))
        palette = _palette(painting)
        self._palette = palette
        colors = None if palette is None else torch.from_numpy(palette).to(self.device)
        opacity = self.config.opacity_range(painting.ground is None)
        self._allowed = Allowed.of(self.config, painting.aspect, opacity, colors)
        shapes = self.config.style_mode == "texture"
        self._variables = StyleVariables(self._start, self._allowed, self.search, shapes)
        self.strokes, self.ground = self._start, painting.ground
        self.step, self.steps = 0, self.config.style_iterations
        self.psnr: float | None = None
        self.before: dict[str, float] = {}  # the losses with the painting as it was, and
        self.after: dict[str, float] = {}  # as it is now
        self.records: list[Record] = []  # the losses at each step; a record's scale is the stage, from 1
        self.pace = Pace(seconds)
        self._focus: np.ndarray | None = None  # [h, w] float32 in [0, 1], once it is asked for
        self._at = 0  # the stage that is underway or comes next, of `stages`
        self._stage_pace: StagePace | None = None  # of that stage, once it is underway

    def run(self) -> Iterator[StyleProgress]:
        """Descend; each step taken yields its progress. In the end `strokes` and `ground` are the styled ones.

        Without a weight nothing pulls at the strokes, and they stay as they are.

        Raises:
            StyleDivergedError: the loss is no number any more; `strokes` are the last good ones.
        """
        if self.config.style_weight == 0 or not len(self._start):
            return
        matched, ground = self._matched()
        stages = self.stages()
        if self._at == 0 and self._stage_pace is None:
            self.before = self._measured(self._start, matched, ground)
            self.strokes, self.ground = self._variables.recolor(matched.colors), ground
            self.pace.share_out([stage.steps * stage.side**2 for stage in stages])
        self.ground = ground
        while self._at < len(stages):
            yield from self._descend(stages[self._at], matched, ground)
            self._at, self._stage_pace = self._at + 1, None
        self.after = self._measured(self.strokes, matched, ground)

    @property
    def figures(self) -> dict[str, dict[str, float]] | None:
        """The losses of the painting as it was and as it is; None until it is finished, or if nothing was done."""
        return {"before": self.before, "after": self.after} if self.after else None

    def stages(self) -> list[StyleStage]:
        """All that it does, in this order."""
        from painter.plan import split

        shapes = self.config.style_mode == "texture"
        levels, last = self.search.levels, self.search.last_steps if shapes else 0.0
        steps = split(self.steps, [*(level.steps * (1 - last) for level in levels), last])
        stages = [
            StyleStage(f"style {k}/{len(levels)}", min(level.side, self.config.size), count, level.layers, shapes)
            for k, (level, count) in enumerate(zip(levels, steps, strict=False), 1)
        ]
        last_level, rate = stages[-1], self.search.final_rate
        end = StyleStage("style, colours", last_level.side, steps[-1], last_level.layers, False, rate)
        return [stage for stage in [*stages, end] if stage.steps]

    def state(self) -> dict[str, Any]:
        """Where it stands between two steps, until the next: a tree for `painter.state.pack`."""
        return {
            "at": self._at,
            "step": self.step,
            "strokes": self.strokes,
            "psnr": self.psnr,
            "before": self.before,
            "records": [list(astuple(record)) for record in self.records],
            "pace": self.pace.state(),
            "stage": None if self._stage_pace is None else self._stage_pace.state(),
            "variables": self._variables.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as when `state` was taken, of the same painting and style: `run` takes the steps to come.

        Raises:
            ValueError, LookupError, TypeError or AttributeError: it is no such state.
        """
        stages = self.stages()
        self._at = whole(state["at"], 0, len(stages))
        self.step = whole(state["step"], 0, self.steps)
        self.psnr = None if state["psnr"] is None else real(state["psnr"])
        self.before = {name: real(state["before"][name]) for name in TERMS} if state["before"] else {}
        self.records = [Record(*values) for values in state["records"]]
        strokes = strokes_of(state["strokes"], self._start.brush)
        like(strokes.opacity, self._start.opacity.cpu())
        self.strokes = strokes.map(lambda values: values.to(self.device))
        self.pace.restore(state["pace"])
        self._stage_pace = None
        if state["stage"] is not None:
            self._stage_pace = StagePace.restored(self.pace, stages[self._at].steps, state["stage"])
        self._variables.restore(state["variables"])

    def seen_style(self, side: int) -> SeenStyle:
        """The style picture as it is seen beside a canvas with this long side."""
        picture = self.style.picture
        rows, columns = picture.rgb.shape[:2]
        size = fit_size(rows, columns, _style_side(self.config, side))
        mean, _ = color_statistics(picture.rgb, picture.alpha)
        rgb, shown = picture.rgb, None
        if picture.alpha is not None:
            alpha = picture.alpha[..., None]
            rgb = (rgb * alpha + mean * (1 - alpha)).astype(np.float32)
            shown = torch.from_numpy(resize_image(picture.alpha, *size)).to(self.device)
        seen = torch.from_numpy(resize_image(rgb, *size)).to(self.device)
        return SeenStyle(seen, shown, torch.from_numpy(mean.astype(np.float32)))

    def focus(self, height: int, width: int) -> np.ndarray | None:
        """[height, width] float32 of mean 1: what light and dark count, most in faces; None: the same everywhere."""
        if self.config.focus == "none":
            return None
        if self._focus is None:
            image = self.painting.draw(min(self.config.size, self.search.focus_side), 0.0)
            alpha = image[..., 3].astype(np.float32) / 255 if image.shape[2] == 4 else None
            self._focus = auto_focus(image[..., :3].astype(np.float32) / 255, alpha)
        return focus_weights(resize_image(self._focus, height, width), self.search.focus_strength)

    def _descend(self, stage: StyleStage, matched: Strokes, ground: Color | None) -> Iterator[StyleProgress]:
        if self._stage_pace is None:
            self._stage_pace = self.pace.stage(stage.steps)
            self._variables.optimizer = Adam(self._variables.unknowns)
        pace = self._stage_pace
        if pace.done() >= 1:
            return
        maps = self.maps if stage.shapes else _held_maps(self._variables.strokes(False).detach(), stage.side)
        objective = StyleObjective(self, stage.side, stage.layers, maps, matched, ground)
        while (done := pace.done()) < 1:
            terms = objective(self._variables.strokes(stage.shapes))
            if not math.isfinite(float(terms.total.detach())):
                raise StyleDivergedError(self.step)
            rate = stage.rate * falling_rate(done, self.search.plateau)
            with feature_threads():
                self.strokes = self._variables.descend(terms.total, rate, stage.shapes)
            values = {name: float(getattr(terms, name).detach()) for name in ("content", "style", "tv", "total")}
            self.records.append(Record(self.step, self._at + 1, **values))
            self.step, self.psnr = self.step + 1, terms.psnr
            pace.step()
            total = values.pop("total")
            yield StyleProgress(stage.name, self.step, self.steps, self.strokes, total, terms.psnr, **values)

    def _measured(self, strokes: Strokes, matched: Strokes, ground: Color | None) -> dict[str, float]:
        """The losses of strokes on the last stage's canvas, as they will be drawn."""
        stages = self.stages()
        side = stages[-1].side if stages else min(self.search.levels[-1].side, self.config.size)
        maps, layers = _held_maps(strokes, side), self.search.levels[-1].layers
        objective = StyleObjective(self, side, layers, maps, matched, ground)
        with torch.no_grad():
            terms = objective(strokes)
        return {name: float(getattr(terms, name)) for name in TERMS}

    def _matched(self) -> tuple[Strokes, Color | None]:
        """The painting in the style's colours, in closed form: strokes and ground.

        The ground goes along where it is the picture's mean colour: paper, and a ground that was asked for, stay.
        """
        painting, side = self.painting, min(self.search.levels[-1].side, self.config.size)
        picture = self.style.picture
        image = painting.draw(side, 0.0)
        rgb = image[..., :3].astype(np.float32) / 255
        shown = image[..., 3].astype(np.float32) / 255 if image.shape[2] == 4 else None
        region = region_at(painting.region, *rgb.shape[:2])
        if region is not None and shown is None:
            shown = region
        wanted = color_statistics(picture.rgb, picture.alpha)
        change = color_map(rgb, shown, wanted, self.search.most_gain)
        colors = torch.from_numpy(change(self._start.colors.cpu().numpy())).to(self.device)
        colors = self._allowed.colors(colors)
        return replace(self._start, colors=colors), self._matched_ground(change)

    def _matched_ground(self, change: ColorMap) -> Color | None:
        painting, config = self.painting, self.config
        if painting.ground is None or painting.region is not None or config.canvas != "auto" or config.manner.paper:
            return painting.ground
        color = change(canvas_color(painting.ground))
        if self._palette is not None:
            color = self._palette[nearest(color, self._palette)]
        red, green, blue = (round(255 * float(channel)) / 255 for channel in color)
        return red, green, blue


def _held_maps(strokes: Strokes, side: int) -> MapSource:
    """The engine's maps of strokes, on a canvas of this long side: what is seen is what will be drawn."""
    return EngineMaps(strokes, 1 / side, SearchConfig().last_density)


def _palette(painting: Painting) -> np.ndarray | None:
    """[K, 3] float32: the only colours that there are."""
    names = painting.about.get("palette")
    if names is None:
        return None
    return np.array([list(bytes.fromhex(name[1:])) for name in names], np.float32) / np.float32(255)
