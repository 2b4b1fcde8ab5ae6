"""Style on strokes: the strokes of a painting take on a style, and stay strokes (Zou et al. 2021, section 3.4).

The decoder networks and soft blending lay the strokes on the whole canvas; its features are compared with the style's,
and what they differ by flows back to the strokes' colours, or to all that they are made of. The loss is

    style weight · (Gram matrices + distribution of colours) + content weight · content

where content is the painting as it was, in the style's colours as far as a linear map brings them there: else a dark
style and a bright painting would pull at every stroke, wherever it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np
import torch

from painter.errors import DivergedError
from painter.painting.painting import Painting
from painter.painting.stroke_columns import strokes_of
from painter.pictures.color import levels_of
from painter.pictures.ground import Color, canvas_color, region_at
from painter.pictures.palette import nearest
from painter.search.adam import Adam
from painter.search.config import SearchConfig
from painter.search.parameters import Constraints
from painter.search.plan import split
from painter.search.staged_run import Progress, StagedRun, Styled
from painter.search.time_budget import falling_rate
from painter.styling.colors import ColorMap, color_map, color_statistics
from painter.styling.levels import StyleSearchConfig
from painter.styling.records import Record
from painter.styling.stroke_objective import StyleObjective, feature_threads
from painter.styling.style import Style
from painter.styling.style_parameters import StyleParameters
from painter.styling.style_scene import StyleScene
from painter.system.snapshot import like, number
from renderers.decoding import EngineMaps, MapSource
from renderers.strokes import Strokes

TERMS = ("content", "style", "total")  # of the losses before and after


@dataclass(frozen=True)
class StyleProgress(Progress):
    """One step of styling has been taken. `loss` is the weighted sum; `psnr` is against the painting as it was."""

    content: float = 0.0
    style: float = 0.0  # Gram matrices and colours
    tv: float = 0.0  # total variation of the canvas, which is reported and not part of `loss`

    @property
    def figures(self) -> str:
        return f"content {self.content:.4f}, style {self.style:.4f}, tv {self.tv:.4f}, total {self.loss:.4f}"


@dataclass(frozen=True)
class StyleStage:
    """A run of steps on one canvas."""

    name: str
    side: int  # long side, pixels
    steps: int
    layers: tuple[str, ...]
    shapes: bool  # whether shapes move, as the networks see them; else the engine's maps are held
    rate: float = 1.0

    @property
    def cost(self) -> float:
        """Of its steps, against those of the others."""
        return self.steps * self.side**2


class StrokeStyling(StagedRun[StyleStage, StyleProgress]):
    """Gives the strokes of one painting a style.

    Args:
        painting: as it was found; its configuration says how to style it.
        style: the picture and the network.
        maps: how its strokes look while they move, see `painter.search.maps.stroke_maps`.
        device: 'cpu' or 'cuda'.
        backend: of `renderers.blending.blend`, one that works on this device.
        seconds: the time there is; None for as long as it takes.
        content_focus: see `StyleScene`.
    """

    def __init__(
        self, painting: Painting, style: Style, maps: MapSource, device: str = "cpu", backend: str = "cpu",
        seconds: float | None = None, search: StyleSearchConfig | None = None, content_focus: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        super().__init__(seconds)
        self.painting, self.config, self.search = painting, painting.config, search or StyleSearchConfig()
        self.scene = StyleScene(painting, style, self.search, torch.device(device), backend, content_focus)
        self.maps = maps
        self._start = painting.strokes.map(lambda values: values.detach().to(self.scene.device))
        self._palette = palette = _palette(painting)
        colors = None if palette is None else torch.from_numpy(palette).to(self.scene.device)
        opacity = self.config.opacity_range(painting.ground is None)
        self.constraints = Constraints.of(self.config, painting.aspect, opacity, colors)
        shapes = self.config.style_mode != "color"
        self._parameters = StyleParameters(self._start, self.constraints, self.search, shapes)
        self.strokes, self.ground = self._start, painting.ground
        self.steps = self.config.style_iterations
        self.psnr: float | None = None  # dB, against the painting as it was
        self.before: dict[str, float] = {}  # the losses with the painting as it was, and
        self.after: dict[str, float] = {}  # as it is now
        self.records: list[Record] = []  # the losses at each step; a record's scale is the stage, from 1
        self._kept = self._start  # the painting as it is to stay: in the style's colours
        self._objective: StyleObjective | None = None  # of the stage that is under way, once it has taken a step

    def run(self) -> Iterator[StyleProgress]:
        """Descend; each step taken yields its progress. In the end `strokes` and `ground` are the styled ones.

        Without a weight nothing pulls at the strokes, and they stay as they are.

        Raises:
            DivergedError: the loss became NaN or infinite; `strokes` are the last good ones.
        """
        if self.config.style_weight == 0 or not len(self._start):
            return
        self._kept, ground = self.matched()
        if self._at == 0 and self._stage_budget is None:
            self.before = self._measured(self._start, ground)
            self.strokes = self._parameters.recolor(self._kept.colors)
        self.ground = ground
        yield from super().run()
        self.after = self._measured(self.strokes, ground)

    def begin(self, stage: StyleStage) -> None:
        """The optimiser forgets what it knew of other canvases."""
        self._parameters.optimizer = Adam(self._parameters.tensors)

    def step(self, stage: StyleStage, done: float) -> StyleProgress:
        """One step of gradient descent on all strokes."""
        if self._objective is None:
            maps = self.maps
            if not stage.shapes:
                maps = _held_maps(self._parameters.strokes(False).detach(), stage.side)
            self._objective = StyleObjective(self.scene, stage.side, stage.layers, maps, self._kept, self.ground)
        terms = self._objective(self._parameters.strokes(stage.shapes))
        if not math.isfinite(float(terms.total.detach())):
            remedy = "choose smaller weights, or other --weights for the network"
            raise DivergedError(self.taken, "painting", remedy)
        rate = stage.rate * falling_rate(done, self.search.plateau)
        with feature_threads():
            self.strokes = self._parameters.descend(terms.total, rate, stage.shapes)
        values = {name: float(getattr(terms, name).detach()) for name in ("content", "style", "tv", "total")}
        self.records.append(Record(self.taken, self._at + 1, **values))
        self.taken, self.psnr = self.taken + 1, terms.psnr
        total = values.pop("total")
        name, seen = stage.name, terms.canvas.cpu
        return StyleProgress(name, self.taken, self.steps, self.strokes, total, terms.psnr, seen, **values)

    def end(self, stage: StyleStage) -> None:
        """The next stage has another canvas."""
        self._objective = None

    @property
    def losses(self) -> dict[str, dict[str, float]] | None:
        """The losses of the painting as it was and as it is; None until it is finished, or if nothing was done."""
        return {"before": self.before, "after": self.after} if self.after else None

    @property
    def styled(self) -> Styled:
        """What has come of it so far."""
        return Styled(self.strokes, self.ground, self.losses, self.records)

    def stages(self) -> list[StyleStage]:
        """All that it does, in this order."""
        shapes = self.config.style_mode != "color"
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
        """See `StagedRun.state`."""
        return {
            **super().state(),
            "strokes": self.strokes,
            "psnr": self.psnr,
            "before": self.before,
            "records": [list(astuple(record)) for record in self.records],
            "parameters": self._parameters.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """See `StagedRun.restore`."""
        super().restore(state)
        self.psnr = None if state["psnr"] is None else number(state["psnr"])
        self.before = {name: number(state["before"][name]) for name in TERMS} if state["before"] else {}
        self.records = [Record(*values) for values in state["records"]]
        strokes = strokes_of(state["strokes"], self._start.brush)
        like(strokes.opacity, self._start.opacity.cpu())
        self.strokes = strokes.map(lambda values: values.to(self.scene.device))
        self._objective = None
        self._parameters.restore(state["parameters"])

    def _measured(self, strokes: Strokes, ground: Color | None) -> dict[str, float]:
        """The losses of strokes on the last stage's canvas, as they will be drawn."""
        stages = self.stages()
        side = stages[-1].side if stages else min(self.search.levels[-1].side, self.config.size)
        maps, layers = _held_maps(strokes, side), self.search.levels[-1].layers
        objective = StyleObjective(self.scene, side, layers, maps, self._kept, ground)
        with torch.no_grad():
            terms = objective(strokes)
        return {name: float(getattr(terms, name)) for name in TERMS}

    def matched(self) -> tuple[Strokes, Color | None]:
        """The painting in the style's colours, in closed form: strokes and ground.

        The ground goes along where it is the picture's mean colour: paper, and a ground that was asked for, stay.
        """
        painting, side = self.painting, min(self.search.levels[-1].side, self.config.size)
        picture = self.scene.style.picture
        image = painting.draw_bare(side)
        rgb = image[..., :3].astype(np.float32) / 255
        shown = image[..., 3].astype(np.float32) / 255 if image.shape[2] == 4 else None
        region = region_at(painting.region, *rgb.shape[:2])
        if region is not None and shown is None:
            shown = region
        wanted = color_statistics(picture.rgb, picture.alpha)
        change = color_map(rgb, shown, wanted, self.search.most_gain)
        colors = torch.from_numpy(change(self._start.colors.cpu().numpy())).to(self.scene.device)
        colors = self.constraints.colors(colors)
        return replace(self._start, colors=colors), self._matched_ground(change)

    def _matched_ground(self, change: ColorMap) -> Color | None:
        painting, config = self.painting, self.config
        if (
            painting.ground is None
            or painting.region is not None
            or config.canvas != "auto"
            or config.brush_defaults.paper
        ):
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
    colors: np.ndarray = np.array([list(levels_of(name)) for name in names], np.float32) / np.float32(255)
    return colors
