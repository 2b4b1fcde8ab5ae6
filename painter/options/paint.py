"""The options of a painting, each with its default, which is stated here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from painter.errors import OptionError
from painter.options.fields import check_fields, named_files, option, option_name
from painter.options.kinds import Color, File, Integer, Names, Number, OrNames, Palette
from painter.options.list_kinds import Pair
from painter.options.network_layers import FEATURES
from painter.options.style_checks import check_style_size, check_weights

STYLES = ("oilpaintbrush", "watercolor", "markerpen", "rectangle")
STYLE_ALIASES = {"oil": "oilpaintbrush", "watercolour": "watercolor", "marker": "markerpen", "tape": "rectangle"}
LOSSES = ("l1", "l2", "mix")
DEVICES = ("auto", "cpu", "cuda")
BACKENDS = ("auto", "reference", "cpu", "cuda")
CANVASES = ("auto", "white", "black", "transparent")
GROUNDS = ("smooth", "cold-press", "hot-press", "rough", "linen")
MIXINGS = ("srgb", "pigment", "glaze")
FOCUSES = ("none", "auto")
STYLE_MODES = ("auto", "paint", "color", "texture")
CONTENT_LOSSES = ("luminance", "features")
MAX_ITERATIONS = 100_000
MAX_CONTENT_WEIGHT = 1e6
STYLED_STROKES = 4000  # of --strokes on the command line with --style-image: fine texture needs many of them
DEFAULT_ITERATIONS = 48  # of the search, if neither --iterations nor --seconds is given
SMALLEST_STROKE = 1e-5  # of --min-size and --max-size: what is smaller cannot be kept in a stroke file
MAX_WORKING_SIDE = 4096  # pixels, see `PaintConfig.working_side`
STYLE_OPTIONS = (
    "style_mode", "style_weight", "content_weight", "content_loss", "style_size", "style_iterations", "features",
    "weights",
)  # fmt: skip
"""Fields that have no effect without a style picture."""

NAMES_OF_STYLE = frozenset(map(option_name, STYLE_OPTIONS))
"""The same on the command line."""

_OPACITIES = Pair(0, 1)


@dataclass(frozen=True)
class BrushDefaults:
    """Defaults that depend on the brush."""

    opacity: tuple[float, float] = (0.1, 1.0)  # least and greatest of a stroke
    paper: bool = False  # whether an opaque picture is painted on white paper instead of its mean colour


# Watercolour is laid in pale washes, and light areas are left to the paper.
BRUSH_DEFAULTS = {"watercolor": BrushDefaults(opacity=(0.05, 0.65), paper=True)}
GLAZE_DEFAULTS = BrushDefaults(opacity=(0.05, 0.5), paper=True)  # of any brush that glazes: paper shows through


@dataclass(frozen=True)
class PaintConfig:
    """The options of one painting. All values are numbers, strings or None: ready for JSON.

    >>> PaintConfig(style="oil", strokes=1000).style
    'oilpaintbrush'
    >>> PaintConfig(strokes=0)
    Traceback (most recent call last):
    painter.errors.OptionError: --strokes 0: must be a whole number from 1 to 100000, or auto

    Raises:
        OptionError: a value is not allowed, or two contradict each other; the message names the option.
    """

    style: str = option("oilpaintbrush", "S", "the brush: {} (or oil, marker)", Names(STYLES, STYLE_ALIASES))
    brush: str | None = option(None, "FILE", "a picture of your own brush, used instead of the style's", File())
    strokes: int | Literal["auto"] = option(
        500, "N",
        f"how many strokes, {{}}, which stops where more would improve little; with --style-image {STYLED_STROKES} if "
        "not given",
        OrNames(("auto",), Integer(1, 100_000)),
    )  # fmt: skip
    until_psnr: float | None = option(
        None, "DB", "use the fewest strokes that reach this PSNR, {} dB, and at most --strokes", Number(10.0, 60.0)
    )
    seconds: float | None = option(
        None, "T", "time for the search, {} s; more gives a better painting", Number(1.0, 86400.0)
    )
    size: int = option(512, "PX", "long side of the finished painting in pixels, {}", Integer(16, 8192))
    seed: int = option(0, "K", "the same seed gives the same painting, byte for byte; {}", Integer(0, 2**31 - 1))
    canvas: str = option(
        "auto", "COLOR", "what is painted on: {}; auto is transparent if the picture is", Color(CANVASES)
    )
    palette: str | None = option(None, "P", "paint in these few colours only: {}", Palette())
    tones: int | None = option(None, "N", "flatten the picture to this many tones first, {}", Integer(2, 16))
    focus: str = option(
        "auto", "FILE", "where to paint more finely: {}, which looks for faces and fine detail",
        OrNames(FOCUSES, File()),
    )  # fmt: skip
    region: str | None = option(
        None, "FILE", "paint only where this mask is bright, and leave the canvas bare elsewhere", File()
    )
    min_size: float | None = option(
        None, "F", "smallest stroke: the square root of length times width, as a share of the longer side; {}",
        Number(SMALLEST_STROKE, 1.0),
    )  # fmt: skip
    max_size: float | None = option(None, "F", "largest stroke, measured likewise; {}", Number(SMALLEST_STROKE, 1.0))
    opacity: str = option(
        "auto", "LO:HI", "how opaque strokes may be: {}, which depends on the style", OrNames(("auto",), _OPACITIES)
    )
    levels: int = option(4, "N", "steps from coarse to fine, {}", Integer(1, 8))
    relief: float = option(0.0, "R", "how strongly the paint stands out in relief, {}", Number(0.0, 1.0))
    texture: float = option(
        0.6, "T", "how much of the medium and the sheet shows, {}; 0 draws bare strokes", Number(0.0, 1.0)
    )
    ground: str = option("auto", "G", "the sheet: {}, which suits the brush", Names(("auto", *GROUNDS)))
    margin: float = option(
        0.0, "M", "bare sheet around the painting, in parts of its longer side; {}", Number(0.0, 0.2)
    )
    pencil: float = option(0.0, "P", "how dark pencil lines of the drawing are, over the paint; {}", Number(0.0, 1.0))
    mixing: str = option(
        "srgb",
        "M",
        "how colours mix: {} (as numbers; as paint, blue and yellow give green; or so in thin layers, light to dark)",
        Names(MIXINGS),
    )
    loss: str = option("mix", "L", "pixel loss: {}", Names(LOSSES))
    ot: float = option(0.0, "W", "weight of the optimal-transport term, {}; 0 leaves it out", Number(0.0, 1000.0))
    iterations: int | Literal["auto"] = option(
        "auto", "N",
        f"steps of gradient descent in total, {{}}: as many as fit into --seconds, or else {DEFAULT_ITERATIONS}",
        OrNames(("auto",), Integer(0, MAX_ITERATIONS)),
    )  # fmt: skip
    style_image: str | None = option(
        None, "FILE", "a picture whose style is applied to the finished strokes", File("a picture")
    )
    style_mode: str = option(
        "auto", "M",
        "what takes on the style: {} (the picture before it is painted; colours only or all properties of its strokes; "
        "auto is paint for photographs where a trained network is there, else color)", Names(STYLE_MODES),
    )  # fmt: skip
    style_weight: float = option(1.0, "W", "weight of the style, {}", Number(0.0, 1e6))
    content_weight: float = option(
        2.0, "W", "weight of the painting before styling, {}", Number(0.0, MAX_CONTENT_WEIGHT)
    )  # fmt: skip
    content_loss: str = option("luminance", "L", "what of it is preserved: {}", Names(CONTENT_LOSSES))
    style_size: int | None = option(
        None, "PX", "long side of the style picture, for a painting of --size, {} (default: the same)",
        Integer(16, 8192),
    )  # fmt: skip
    style_iterations: int = option(60, "N", "steps of styling, after the search, {}", Integer(0, 100_000))
    features: str = option(
        "auto", "F", "the network that sees style: {}; auto is the best on this machine, `features` lists them",
        Names(FEATURES),
    )  # fmt: skip
    weights: str | None = option(
        None, "FILE", "its weights from torchvision, as .pth or .safetensors", File("a file of weights")
    )
    device: str = option("auto", "DEVICE", "where the search runs: {}", Names(DEVICES))
    backend: str = option("auto", "B", "what blends strokes: {} (reference is plain and slow)", Names(BACKENDS))

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
                    raise OptionError(f"{name} {value}: has no effect without a style; name one with --style-image")
        check_weights(self.features, self.weights)
        check_style_size(self.style_size, self.size)

    def opacity_range(self, transparent: bool = False) -> tuple[float, float]:
        """The least and the greatest opacity of a stroke, in [0, 1], on a ground that is transparent or not."""
        if self.opacity == "auto":
            # On a transparent ground, edges need opaque paint.
            return BrushDefaults.opacity if transparent else self.brush_defaults.opacity
        return _OPACITIES.split(self.opacity)

    def check_margin(self, height: int, width: int) -> None:
        """Raises OptionError if the margin leaves nothing of a picture of this height and width to be seen."""
        most = min(height, width) / (2 * max(height, width))
        if self.texture > 0 and self.margin >= most:
            shape = f"{width} x {height} pixels"
            raise OptionError(f"--margin {self.margin}: covers a picture of {shape}; choose less than {most:.3g}")

    @property
    def working_side(self) -> int:
        """Long side of the picture during the search, in pixels.

        A larger painting is drawn from the strokes found at this size, so that several pictures of its own size need
        not be in memory.
        """
        return min(self.size, MAX_WORKING_SIDE)

    @property
    def blending(self) -> Literal["srgb", "pigment"]:
        """How colours are mixed; see `renderers.pigments`."""
        return "srgb" if self.mixing == "srgb" else "pigment"

    @property
    def glazes(self) -> bool:
        """Whether strokes are thin layers on paper, from light to dark."""
        return self.mixing == "glaze"

    @property
    def brush_name(self) -> str:
        """What files are named after: the style, or the file of a brush of one's own."""
        return self.style if self.brush is None else Path(self.brush).stem

    @property
    def brush_defaults(self) -> BrushDefaults:
        """Defaults of the brush in use."""
        if self.glazes:
            return GLAZE_DEFAULTS
        return BRUSH_DEFAULTS.get(self.style, BrushDefaults()) if self.brush is None else BrushDefaults()

    @property
    def files(self) -> dict[str, Path]:
        """The files that options name, by field; they are not opened."""
        return named_files(self)
