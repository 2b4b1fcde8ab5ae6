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
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from painter.adam import Adam
from painter.config import PaintConfig, SearchConfig, StyleSearchConfig
from painter.errors import StyleDivergedError
from painter.pace import Pace, StagePace
from painter.painting import Color, Painting, canvas_color, region_at
from painter.palette import nearest
from painter.picture import Picture, load_picture, picture_from_array
from painter.resizing import fit_size, resize_image
from painter.search import Progress, falling_rate
from painter.styling import losses
from painter.styling.color_target import ColorMap, ColorTarget, color_map
from painter.styling.colors import color_statistics
from painter.styling.features import Features, load_features
from painter.variables import Allowed, natural_steps
from renderers.blending import blend
from renderers.brushes import BRUSHES
from renderers.brushes.stamp import Stamp
from renderers.decoding import EngineMaps, MapSource, make_layers
from renderers.strokes import Strokes
from renderers.threads import core_count

SMALLEST = 16  # long side at which a style picture is seen, pixels


@dataclass(frozen=True)
class StyleProgress(Progress):
    """One step of styling has been taken. `loss` is the weighted sum; `psnr` is against the painting as it was."""

    content: float = 0.0
    style: float = 0.0  # Gram matrices and colours

    @property
    def figures(self) -> str:
        return f"content {self.content:.4f}, style {self.style:.4f}, total {self.loss:.4f}"


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


class StyleVariables:
    """Strokes as unknowns: parameter = start + step · delta. Those that nothing pulls stay to the bit.

    Args:
        start: N strokes, as they are.
        allowed: what they may become.
        search: the natural steps.
        shapes: whether all parameters move, or colours only.
    """

    def __init__(self, start: Strokes, allowed: Allowed, search: SearchConfig, shapes: bool) -> None:
        self.start, self.allowed, self.search = start.detach(), allowed, search
        self.step = natural_steps(self.start, search)
        self.delta = {name: torch.zeros_like(start.opacity).requires_grad_(shapes) for name in self.step}
        self.colors = torch.zeros_like(start.colors).requires_grad_()
        self.opacity = torch.zeros_like(start.opacity).requires_grad_(shapes)
        self.unknowns = [self.colors, *((*self.delta.values(), self.opacity) if shapes else ())]
        self.optimizer = Adam(self.unknowns)

    def strokes(self, shapes: bool = True) -> Strokes:
        """The strokes as they are now, differentiable in the unknowns; but in colours only if not `shapes`."""
        opacity = self.start.opacity + self.search.rate_opacity * self.opacity
        shape = {name: self.start.shape[name] + self.step[name] * delta for name, delta in self.delta.items()}
        if not shapes:
            shape, opacity = {name: values.detach() for name, values in shape.items()}, opacity.detach()
        colors = self._wanted_colors()
        if self.allowed.palette is not None:  # straight through, see StrokeVariables
            colors = colors + (self.allowed.colors(colors) - colors).detach()
        return Strokes(self.start.brush, shape, colors, opacity, self.start.seed)

    def _wanted_colors(self) -> Tensor:
        return self.start.colors + self.search.rate_color * self.colors

    @torch.no_grad()
    def recolor(self, colors: Tensor) -> Strokes:
        """Give the strokes these colours, [N, K, 3]."""
        self.colors.copy_((colors - self.start.colors) / self.search.rate_color)
        return self._constrain(shapes=False)

    def descend(self, loss: Tensor, rate: float, shapes: bool = True) -> Strokes:
        """One step of Adam at this rate, then back into the allowed ranges: the strokes as they are after it.

        Args:
            shapes: whether all that may move has moved, or colours only.
        """
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step(rate)
        return self._constrain(shapes)

    @torch.no_grad()
    def _constrain(self, shapes: bool) -> Strokes:
        """Bring the unknowns into the allowed ranges. What has not moved is not looked at."""
        start = self.start
        self.colors.copy_((self._wanted_colors().clamp(0, 1) - start.colors) / self.search.rate_color)
        strokes = self.strokes()
        allowed = self.allowed.strokes(strokes, shapes)
        colors = torch.where((self.colors != 0).any(dim=2, keepdim=True), allowed.colors, start.colors)
        shape, opacity = strokes.shape, strokes.opacity
        if shapes:
            moved = torch.stack([delta != 0 for delta in self.delta.values()]).any(dim=0)
            shape = {name: torch.where(moved, values, start.shape[name]) for name, values in allowed.shape.items()}
            opacity = torch.where(self.opacity != 0, allowed.opacity, start.opacity)
            for name, delta in self.delta.items():
                delta.copy_((shape[name] - start.shape[name]) / self.step[name])
            self.opacity.copy_((opacity - start.opacity) / self.search.rate_opacity)
        return Strokes(start.brush, shape, colors, opacity, start.seed).map(Tensor.contiguous)

    def state(self) -> dict[str, Any]:
        """Where they stand until the next step: for `restore` of variables made with the same arguments."""
        return {"unknowns": self.unknowns, "adam": self.optimizer.state()}

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Go on as when `state` was taken."""
        for unknown, value in zip(self.unknowns, state["unknowns"], strict=True):
            unknown.copy_(value)
        self.optimizer.restore(state["adam"])


@dataclass(frozen=True)
class StyleStage:
    """A run of steps on one canvas."""

    name: str
    side: int  # long side, pixels
    steps: int
    layers: tuple[str, ...]
    shapes: bool  # whether shapes move, as the networks see them; else the engine's maps are held
    rate: float = 1.0


@dataclass(frozen=True, eq=False)
class Terms:
    """What a canvas is worth: [] float each."""

    content: Tensor
    style: Tensor
    total: Tensor
    psnr: float  # dB, against the painting as it was


class StyleObjective:
    """The loss of strokes on one canvas.

    Args:
        styling: whose painting, style and options these are.
        side: long side of the canvas, pixels.
        layers: where style is compared.
        maps: how strokes look.
        matched: the painting as it is to stay: its strokes and ground in the style's colours.
    """

    def __init__(
        self, styling: StrokeStyling, side: int, layers: tuple[str, ...], maps: MapSource,
        matched: Strokes, ground: Color | None,
    ) -> None:  # fmt: skip
        self._styling, self._maps, self._layers = styling, maps, layers
        self._config, self._search = styling.config, styling.search
        device, painting = styling.device, styling.painting
        height, width = fit_size(*painting.aspect, side)
        bare = torch.from_numpy(canvas_color(ground)).to(device)
        self._bare = bare.expand(height, width, len(bare))
        region = region_at(painting.region, height, width)
        self._region = None if region is None else torch.from_numpy(region).to(device)[:, :, None]
        seen = styling.seen_style(side)
        self._backdrop = seen.mean.to(device)
        with torch.no_grad():
            self._kept = self.canvas(matched)
            kept = self._shown(self._kept)
            self._mask = self._part(self._kept)
            self._area = 1.0 if self._mask is None else max(float(self._mask.mean()), 1e-6)
            with feature_threads():
                target = losses.style_target(styling.style.features, [seen.rgb], layers, shown=[seen.shown])
            self._targets = [replace(target, mask=self._mask)]
            self._kept_features = None
            if self._config.content_loss == "features":
                layer = self._search.content_layer
                self._kept_features = styling.style.features(kept, [layer])[layer]
        self._colors = ColorTarget(seen.rgb, seen.shown, self._search.directions)
        self._stride = max(1, round(math.sqrt(height * width / self._search.color_pixels)))

    def canvas(self, strokes: Strokes) -> Tensor:
        """[H, W, C]: the strokes on the ground, what lies outside the region taken away again."""
        pixel = 1 / max(self._bare.shape[:2])
        layers = make_layers(strokes, pixel, self._bare.shape[2], self._maps)
        canvas = blend(self._bare, layers, self._styling.backend)
        return canvas if self._region is None else self._bare + self._region * (canvas - self._bare)

    def __call__(self, strokes: Strokes) -> Terms:
        canvas = self.canvas(strokes)
        image, kept = self._shown(canvas), self._shown(self._kept)
        config, layer = self._config, self._search.content_layer
        wanted = [*self._layers, *([] if self._kept_features is None else [layer])]
        with feature_threads():
            found = self._styling.style.features(image, list(dict.fromkeys(wanted)))
        gram = losses.style_loss(found, self._targets, dict.fromkeys(self._layers, 1.0))
        s = self._stride
        mask = None if self._mask is None else self._mask[::s, ::s]
        style = gram + self._search.color_weight * self._colors(image[::s, ::s], mask)
        if self._kept_features is None:
            content = losses.luminance_loss(image, kept) / self._area
        else:
            content = losses.content_loss(found[layer], self._kept_features)
        total = config.style_weight * style + config.content_weight * content
        if canvas.shape[2] == 4:
            change = (canvas[..., 3] - self._kept[..., 3]).abs().mean() / self._area
            total = total + (config.style_weight + config.content_weight) * self._search.alpha_weight * change
        error = float((image.detach() - kept).square().mean())
        return Terms(content, style, total, -10 * math.log10(max(error, 1e-10)))

    def _shown(self, canvas: Tensor) -> Tensor:
        """[H, W, 3] of a canvas: where it is transparent, the style's mean colour, which pulls nowhere."""
        if canvas.shape[2] == 3:
            return canvas
        return canvas[..., :3] + (1 - canvas[..., 3:]) * self._backdrop

    def _part(self, canvas: Tensor) -> Tensor | None:
        """[H, W] in [0, 1], where there is paint to be styled; None: everywhere."""
        alpha = None if canvas.shape[2] == 3 else canvas[..., 3]
        if self._region is None:
            return alpha
        return self._region[..., 0] if alpha is None else alpha  # the region has been taken from alpha already


@dataclass(frozen=True, eq=False)
class SeenStyle:
    """The style picture beside one canvas."""

    rgb: Tensor  # [h, w, 3]
    shown: Tensor | None  # [h, w], its alpha
    mean: Tensor  # [3]


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
        self._variables = StyleVariables(self._start, self._allowed, SearchConfig(), shapes)
        self.strokes, self.ground = self._start, painting.ground
        self.step, self.steps = 0, self.config.style_iterations
        self.psnr: float | None = None
        self.before: dict[str, float] = {}  # the losses with the painting as it was, and
        self.after: dict[str, float] = {}  # as it is now
        self.pace = Pace(seconds)
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
        last_level, rate = stages[-1], SearchConfig.final_rate
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
            "pace": self.pace.state(),
            "stage": None if self._stage_pace is None else self._stage_pace.state(),
            "variables": self._variables.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as when `state` was taken, of the same painting and style: `run` takes the steps to come."""
        self._at, self.step, self.psnr, self.before = state["at"], state["step"], state["psnr"], state["before"]
        self.strokes = state["strokes"].map(lambda values: values.to(self.device))
        self.pace.restore(state["pace"])
        self._stage_pace = None if state["stage"] is None else StagePace(self.pace, **state["stage"])
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
            with feature_threads():
                self.strokes = self._variables.descend(terms.total, stage.rate * falling_rate(done), stage.shapes)
            self.step, self.psnr = self.step + 1, terms.psnr
            pace.step()
            content, style, total = (float(term.detach()) for term in (terms.content, terms.style, terms.total))
            yield StyleProgress(
                stage.name, self.step, self.steps, self.strokes, total, terms.psnr, content=content, style=style
            )

    def _measured(self, strokes: Strokes, matched: Strokes, ground: Color | None) -> dict[str, float]:
        """The losses of strokes on the last stage's canvas, as they will be drawn."""
        stages = self.stages()
        side = stages[-1].side if stages else min(self.search.levels[-1].side, self.config.size)
        maps, layers = _held_maps(strokes, side), self.search.levels[-1].layers
        objective = StyleObjective(self, side, layers, maps, matched, ground)
        with torch.no_grad():
            terms = objective(strokes)
        return {name: float(getattr(terms, name)) for name in ("content", "style", "total")}

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


@contextmanager
def feature_threads() -> Iterator[None]:
    """All cores for torch: what is small elsewhere in a search (see `painter.devices`) is large in such a network."""
    threads = torch.get_num_threads()
    torch.set_num_threads(core_count())
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _held_maps(strokes: Strokes, side: int) -> MapSource:
    """The engine's maps of strokes, on a canvas of this long side: what is seen is what will be drawn."""
    return EngineMaps(strokes, 1 / side, SearchConfig().last_density)


def _palette(painting: Painting) -> np.ndarray | None:
    """[K, 3] float32: the only colours that there are."""
    names = painting.about.get("palette")
    if names is None:
        return None
    return np.array([list(bytes.fromhex(name[1:])) for name in names], np.float32) / np.float32(255)
