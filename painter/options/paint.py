"""Every default of Impasto, once. The command line and configuration files take their options from here."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from painter.errors import OptionError
from painter.options.fields import check_fields, named_files, option, option_name
from painter.options.kinds import (
    Color,
    File,
    Integer,
    Names,
    Number,
    OrNames,
    Pair,
    Palette,
)
from painter.options.layers import KINDS

STYLES = ("oilpaintbrush", "watercolor", "markerpen", "rectangle")
STYLE_ALIASES = {"oil": "oilpaintbrush", "watercolour": "watercolor", "marker": "markerpen", "tape": "rectangle"}
LOSSES = ("l1", "l2", "mix")
DEVICES = ("auto", "cpu", "cuda")
BACKENDS = ("auto", "reference", "cpu", "cuda")
CANVASES = ("auto", "white", "black", "transparent")
FOCUSES = ("none", "auto")
STYLE_MODES = ("color", "texture")
CONTENT_LOSSES = ("luminance", "features")
MAX_ITERATIONS = 100_000
DEFAULT_ITERATIONS = 48  # of the search, where neither they nor a time are given
MAX_WORKING_SIDE = 4096  # pixels, see `PaintConfig.working_side`
STYLE_OPTIONS = (
    "style_mode", "style_weight", "content_weight", "content_loss", "style_size", "style_iterations", "features",
    "weights",
)  # fmt: skip
"""Fields that mean nothing without a style picture."""

MAX_STYLE_ENLARGEMENT = 4  # how many times larger than the painting a style picture may be seen
_OPACITIES = Pair(0, 1)


@dataclass(frozen=True)
class BrushDefaults:
    """What a style does where nothing else is asked for."""

    opacity: tuple[float, float] = (0.1, 1.0)  # of a stroke, least and greatest
    paper: bool = False  # an opaque picture is painted on white paper; else on its mean colour


# Watercolour is laid in pale washes, and what is light is left to the paper.
BRUSH_DEFAULTS = {"watercolor": BrushDefaults(opacity=(0.05, 0.65), paper=True)}


@dataclass(frozen=True)
class PaintConfig:
    """What a person may ask of one painting. All values are numbers, strings or None: ready for JSON.

    >>> PaintConfig(style="oil", strokes=1000).style
    'oilpaintbrush'
    >>> PaintConfig(strokes=0)
    Traceback (most recent call last):
    painter.errors.OptionError: --strokes 0: must be a whole number from 1 to 100000, or auto

    Raises:
        OptionError: when a value is outside its range, or two do not go together; the message names the option.
    """

    style: str = option("oilpaintbrush", "S", "the brush: {} (or oil, marker)", Names(STYLES, STYLE_ALIASES))
    brush: str | None = option(None, "FILE", "a brush of your own instead of the style's", File())
    strokes: int | Literal["auto"] = option(
        500,
        "N",
        "how many strokes, {}, which stops where more would add little",
        OrNames(("auto",), Integer(1, 100_000)),
    )
    until_psnr: float | None = option(
        None, "DB", "the fewest strokes that reach this PSNR, {} dB; --strokes is the most", Number(10.0, 60.0)
    )
    seconds: float | None = option(
        None, "T", "time for the search, {} s; more makes a better painting", Number(1.0, 86400.0)
    )
    size: int = option(512, "PX", "long side of the finished painting in pixels, {}", Integer(16, 8192))
    seed: int = option(0, "K", "the same seed gives the same painting, byte for byte; {}", Integer(0, 2**31 - 1))
    canvas: str = option("auto", "COLOR", "{}; auto is transparent if the picture is", Color(CANVASES))
    palette: str | None = option(None, "P", "paint in few colours only: {}", Palette())
    tones: int | None = option(None, "N", "flatten the picture to so many tones first, {}", Integer(2, 16))
    focus: str = option(
        "auto", "FILE", "where strokes and loss weigh more: {}, which looks for faces and fine detail",
        OrNames(FOCUSES, File()),
    )  # fmt: skip
    region: str | None = option(
        None, "FILE", "paint only where this mask is bright, and leave the canvas elsewhere", File()
    )
    min_size: float | None = option(
        None, "F", "smallest stroke, the root of length times width in parts of the longer side; {}",
        Number(0.0, 1.0, above=True),
    )  # fmt: skip
    max_size: float | None = option(None, "F", "largest stroke, likewise; {}", Number(0.0, 1.0, above=True))
    opacity: str = option(
        "auto", "LO:HI", "how opaque strokes may be: {}, as suits the style", OrNames(("auto",), _OPACITIES)
    )
    levels: int = option(4, "N", "steps from coarse to fine, {}", Integer(1, 8))
    relief: float = option(0.0, "R", "how much the paint stands out in the light, {}", Number(0.0, 1.0))
    loss: str = option("mix", "L", "pixel loss: {}", Names(LOSSES))
    ot: float = option(0.0, "W", "weight of the optimal-transport term, {}; 0 leaves it out", Number(0.0, 1000.0))
    iterations: int | Literal["auto"] = option(
        "auto", "N",
        f"steps of gradient descent in all, {{}}: as many as fit into --seconds, or else {DEFAULT_ITERATIONS}",
        OrNames(("auto",), Integer(0, MAX_ITERATIONS)),
    )  # fmt: skip
    style_image: str | None = option(
        None, "FILE", "a picture whose style the finished strokes take on", File("a picture")
    )
    style_mode: str = option(
        "color", "M", "what they take on: {} (colours alone, or all that strokes are made of)", Names(STYLE_MODES)
    )
    style_weight: float = option(1.0, "W", "weight of the style, {}", Number(0.0, 1e6))
    content_weight: float = option(2.0, "W", "weight of the painting as it was, {}", Number(0.0, 1e6))
    content_loss: str = option("luminance", "L", "what of it is to stay: {}", Names(CONTENT_LOSSES))
    style_size: int | None = option(
        None, "PX", "long side of the style picture, beside a painting of --size, {} (default: as large as that)",
        Integer(16, 8192),
    )  # fmt: skip
    style_iterations: int = option(60, "N", "steps of styling, after the search, {}", Integer(0, 100_000))
    features: str = option("vgg19", "F", "the network that sees style: {}; random needs no download", Names(KINDS))
    weights: str | None = option(
        None, "FILE", "its weights, torchvision's as .pth or .safetensors", File("a file of weights")
    )
    device: str = option("auto", "DEVICE", "{}; where the search runs", Names(DEVICES))
    backend: str = option("auto", "B", "{}; the kernels that blend (reference: plain and slow)", Names(BACKENDS))

    def __post_init__(self) -> None:
        check_fields(self)
        if self.until_psnr is not None and self.strokes == "auto":
            raise OptionError("--until-psnr with --strokes auto: both choose the number of strokes; leave one out")
        if self.min_size is not None and self.max_size is not None and self.min_size > self.max_size:
            raise OptionError(f"--min-size {self.min_size}: must not be above --max-size, which is {self.max_size}")
        self._check_style()

    def _check_style(self) -> None:
        if self.style_image is None:
            for spec in fields(self):
                if spec.name in STYLE_OPTIONS and (value := getattr(self, spec.name)) != spec.default:
                    name = option_name(spec.name)
                    raise OptionError(f"{name} {value}: there is no style to take on; name one with --style-image")
        if self.features == "random" and self.weights is not None:
            raise OptionError(f"--weights {self.weights}: --features random takes none; choose vgg19 or vgg16")
        if self.style_size is not None and self.style_size > MAX_STYLE_ENLARGEMENT * self.size:
            most = f"more than {MAX_STYLE_ENLARGEMENT} times --size, which is {self.size}"
            raise OptionError(f"--style-size {self.style_size}: is {most}; choose a smaller one")

    def opacity_range(self, transparent: bool = False) -> tuple[float, float]:
        """The least and the greatest opacity of a stroke, in [0, 1], on a ground that is transparent or not."""
        if self.opacity == "auto":
            return (
                BrushDefaults.opacity if transparent else self.brush_defaults.opacity
            )  # edges on nothing want opaque paint
        return _OPACITIES.split(self.opacity)

    @property
    def working_side(self) -> int:
        """The longest side at which the picture is looked at, pixels.

        A larger painting is drawn from what is found there, so that its memory is not that of several pictures of its
        size.
        """
        return min(self.size, MAX_WORKING_SIDE)

    @property
    def brush_name(self) -> str:
        """What files are called after: the style, or the own brush's file."""
        return self.style if self.brush is None else Path(self.brush).stem

    @property
    def brush_defaults(self) -> BrushDefaults:
        """What the style does where nothing else is asked for."""
        return BRUSH_DEFAULTS.get(self.style, BrushDefaults()) if self.brush is None else BrushDefaults()

    @property
    def files(self) -> dict[str, Path]:
        """The files that options name, by the field's name; they are not looked at here."""
        return named_files(self)
