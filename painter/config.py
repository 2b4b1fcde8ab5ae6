"""Every default of Impasto, once. The command line and configuration files take their options from here."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from painter.errors import OptionError
from painter.options import (
    Address,
    ByteSize,
    Choice,
    Color,
    File,
    Kind,
    Names,
    Number,
    OrNames,
    Pair,
    Palette,
    Switch,
    Whole,
)
from painter.styling.layers import KINDS

STYLES = ("oilpaintbrush", "watercolor", "markerpen", "rectangle")
STYLE_ALIASES = {"oil": "oilpaintbrush", "watercolour": "watercolor", "marker": "markerpen", "tape": "rectangle"}
LOSSES = ("l1", "l2", "mix")
DEVICES = ("auto", "cpu", "cuda")
BACKENDS = ("auto", "reference", "cpu", "cuda")
CANVASES = ("auto", "white", "black", "transparent")
FOCUSES = ("none", "auto")
EASES = ("linear", "early", "late")
SVG_MODES = ("paint", "plot")
STYLE_MODES = ("color", "texture")
CONTENT_LOSSES = ("luminance", "features")
MAX_FRAMES = 20_000
MAX_ITERATIONS = 100_000
USUAL_ITERATIONS = 48  # of the search, where neither they nor a time are given
STYLE_OPTIONS = (
    "style_mode", "style_weight", "content_weight", "content_loss", "style_size", "style_iterations", "features",
    "weights",
)  # fmt: skip
"""Fields that mean nothing without a style picture."""

MOST_ENLARGED = 4  # how many times larger than the painting a style picture may be seen
_OPACITIES = Pair(0, 1)


def option(default: Any, metavar: str, help: str, kind: Kind) -> Any:
    """A dataclass field that can be asked for.

    Args:
        default: None if it need not be asked for; then None is allowed.
        metavar: what the help calls the value.
        help: one line; `{}` becomes what the kind takes.
    """
    return field(default=default, metadata={"metavar": metavar, "help": help.format(kind.words), "kind": kind})


def same_option(config: type, name: str, **changes: Any) -> Any:
    """The field that another dataclass has, with its default and all, but for `changes` of its metadata.

    `default` among them is the new default.
    """
    spec = config.__dataclass_fields__[name]  # type: ignore[attr-defined]
    default = changes.pop("default", spec.default)
    return field(default=default, metadata={**spec.metadata, **changes})


def option_name(name: str) -> str:
    """A field's name as the command line has it: --min-size for min_size."""
    return "--" + name.replace("_", "-")


def check_value(spec: Field[Any], value: Any) -> Any:
    """The value in the form that PaintConfig keeps. Raises ValueError, saying what it must be."""
    return None if value is None and spec.default is None else spec.metadata["kind"].check(value)


def check_fields(config: Any) -> None:
    """Bring each field of a frozen dataclass of options into its one form. Raises OptionError, naming the option."""
    for spec in fields(config):
        value = getattr(config, spec.name)
        try:
            object.__setattr__(config, spec.name, check_value(spec, value))
        except ValueError as error:
            raise OptionError(f"{option_name(spec.name)} {value}: {error}") from None


def named_files(config: Any) -> dict[str, Path]:
    """The files that a checked dataclass of options names, by the field's name; they are not looked at here."""
    files = {}
    for spec in fields(config):
        value = getattr(config, spec.name)
        file = None if value is None else spec.metadata["kind"].file(value)
        if file is not None:
            files[spec.name] = Path(file)
    return files


@dataclass(frozen=True)
class Manner:
    """What a style does where nothing else is asked for."""

    opacity: tuple[float, float] = (0.1, 1.0)  # of a stroke, least and greatest
    paper: bool = False  # an opaque picture is painted on white paper; else on its mean colour


# Watercolour is laid in pale washes, and what is light is left to the paper.
MANNERS = {"watercolor": Manner(opacity=(0.05, 0.65), paper=True)}


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
        500, "N", "how many strokes, {}, which stops where more would add little", OrNames(("auto",), Whole(1, 100_000))
    )
    until_psnr: float | None = option(
        None, "DB", "the fewest strokes that reach this PSNR, {} dB; --strokes is the most", Number(10.0, 60.0)
    )
    seconds: float | None = option(
        None, "T", "time for the search, {} s; more makes a better painting", Number(1.0, 86400.0)
    )
    size: int = option(512, "PX", "long side of the finished painting in pixels, {}", Whole(16, 8192))
    seed: int = option(0, "K", "the same seed gives the same painting, byte for byte; {}", Whole(0, 2**31 - 1))
    canvas: str = option("auto", "COLOR", "{}; auto is transparent if the picture is", Color(CANVASES))
    palette: str | None = option(None, "P", "paint in few colours only: {}", Palette())
    tones: int | None = option(None, "N", "flatten the picture to so many tones first, {}", Whole(2, 16))
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
    levels: int = option(4, "N", "steps from coarse to fine, {}", Whole(1, 8))
    relief: float = option(0.0, "R", "how much the paint stands out in the light, {}", Number(0.0, 1.0))
    loss: str = option("mix", "L", "pixel loss: {}", Names(LOSSES))
    ot: float = option(0.0, "W", "weight of the optimal-transport term, {}; 0 leaves it out", Number(0.0, 1000.0))
    iterations: int | Literal["auto"] = option(
        "auto", "N",
        f"steps of gradient descent in all, {{}}: as many as fit into --seconds, or else {USUAL_ITERATIONS}",
        OrNames(("auto",), Whole(0, MAX_ITERATIONS)),
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
        Whole(16, 8192),
    )  # fmt: skip
    style_iterations: int = option(60, "N", "steps of styling, after the search, {}", Whole(0, 100_000))
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
        if self.style_size is not None and self.style_size > MOST_ENLARGED * self.size:
            most = f"more than {MOST_ENLARGED} times --size, which is {self.size}"
            raise OptionError(f"--style-size {self.style_size}: is {most}; choose a smaller one")

    def opacity_range(self, transparent: bool = False) -> tuple[float, float]:
        """The least and the greatest opacity of a stroke, in [0, 1], on a ground that is transparent or not."""
        if self.opacity == "auto":
            return Manner.opacity if transparent else self.manner.opacity  # edges on nothing want opaque paint
        return _OPACITIES.split(self.opacity)

    @property
    def brush_name(self) -> str:
        """What files are called after: the style, or the own brush's file."""
        return self.style if self.brush is None else Path(self.brush).stem

    @property
    def manner(self) -> Manner:
        """What the style does where nothing else is asked for."""
        return MANNERS.get(self.style, Manner()) if self.brush is None else Manner()

    @property
    def files(self) -> dict[str, Path]:
        """The files that options name, by the field's name; they are not looked at here."""
        return named_files(self)


@dataclass(frozen=True)
class Level:
    """One step from coarse to fine."""

    share: float  # of all strokes
    size: float  # of a stroke (root of length times width) at 500 strokes, in longer sides
    side: int  # long side of the canvas that it is optimised on, pixels
    steps: float  # share of all iterations


@dataclass(frozen=True)
class StepRates:
    """How far the parameters of a stroke go in one step of Adam at full rate."""

    rate_length: float = 0.06  # of the stroke's size
    rate_angle: float = 0.04  # radians
    rate_ratio: float = 0.02
    rate_color: float = 0.024
    rate_opacity: float = 0.024


@dataclass(frozen=True)
class SearchConfig(StepRates):
    """How the search goes about it."""

    levels: tuple[Level, ...] = (
        Level(0.08, 0.22, 64, 0.03),
        Level(0.17, 0.11, 128, 0.04),
        Level(0.30, 0.06, 128, 0.06),
        Level(0.45, 0.035, 256, 0.10),
    )
    reference_strokes: int = 500  # the count at which `Level.size` holds
    usual_iterations: int = USUAL_ITERATIONS
    iterations_a_second: float = 90.0  # that are planned for `reference_strokes` where the time is given, a little
    # more than two cores take: a stage whose time is over ends
    likely_a_second: float = 15.0  # that are reckoned with on any machine: for how often strokes are moved, and rates
    slowing: float = 0.45  # power of the count by which steps become slower
    move_rounds: float = 1.35  # how often weak strokes are moved: times the root of the iterations
    move_share: float = 0.08  # of all strokes, each time
    move_steps: float = 0.6  # share of all iterations, after these moves together
    least_move_steps: int = 3  # after each round, even if its time is over; further rounds are left out for that
    steps_between_moves: int = 5  # where the time is given: on a slow machine some rounds move nothing
    move_pixels: tuple[float, float] = (9.0, 13.0)  # size of a stroke of the last level on the canvas of the first
    # and of the last moves
    move_side: int = 256  # the smallest canvas of the moves, pixels
    look_size: float = 0.6  # of the strokes that are moved into the focus in the end, against the others moved
    full_pixels: float = 26.0  # size of a stroke of the last level on the canvas of the steps at full size
    full_sides: tuple[int, int] = (768, 1024)  # the smallest and the largest of these canvases, pixels
    full_steps: float = 0.08  # share of all iterations at full size, after all moves
    full_moves: float = 0.25  # share of the moves that are taken at full size
    last_steps: float = 0.05  # share of all iterations that come last, with strokes as the engine draws them
    least_last_steps: int = 5  # fewer are taken at full size instead
    last_density: float = 1.5  # texels to a pixel in those maps
    last_seconds: float = 0.001  # that painting those maps takes, a stroke; with less time left they are left out
    focus_strength: float = 4.0  # how much more a pixel in the focus counts
    betas: tuple[float, float] = (0.8, 0.95)  # of Adam
    rate_iterations: int = 100  # at which all rates are as they are given; they grow with the fourth root
    most_rate: float = 1.6  # times as much, at most
    hold: float = 0.6  # share of the search at full rate, before half a cosine
    lowest_rate: float = 0.05  # at its end
    transport_side: int = 24  # cells along the longer side of the transport term's canvas
    density: float = 1.0  # texels to a pixel in the frames that the networks decode
    tries: int = 150  # steps of hill climbing for each place that is tried for a new stroke
    places: float = 0.5  # that are tried for each new stroke: times the root of the iterations
    least_places: int = 3
    place_pixels: float = 11.0  # size of a new stroke on the canvas that is looked at for its place, at most
    settling_steps: int = 3  # of gradient descent that new strokes take alone, on what lies below them
    place_spread: float = 2.5  # how much larger or smaller than planned a new stroke may be


@dataclass(frozen=True)
class StyleLevel:
    """A run of steps that give strokes a style, on one canvas."""

    side: int  # long side of the canvas, pixels
    steps: float  # share of all steps
    layers: tuple[str, ...]  # where style is compared; all count the same


@dataclass(frozen=True)
class StyleSearchConfig(StepRates):
    """How strokes are given a style. A step costs what the network costs: so small canvases and no deep layers.

    At 128 px a stroke of 500 is 5 to 30 px long, what a filter of relu4_1 sees about 50 (both seen from above: the
    composition of strokes); at 256 px relu3_1 sees single strokes and their edges. relu4_1 at 256 px, or relu5_1,
    double the time and change little that strokes could follow.
    """

    levels: tuple[StyleLevel, ...] = (
        StyleLevel(128, 0.5, ("relu1_1", "relu2_1", "relu3_1", "relu4_1")),
        StyleLevel(256, 0.5, ("relu1_1", "relu2_1", "relu3_1")),
    )
    rate_length: float = 0.045
    rate_angle: float = 0.03
    rate_ratio: float = 0.015
    rate_color: float = 0.02
    rate_opacity: float = 0.02
    plateau: float = 0.3  # share of a level at full rate, before half a cosine
    final_rate: float = 0.5  # all rates in the last level, times this
    last_steps: float = 0.12  # share of the steps of 'texture' that come last: colours, on the engine's own maps
    content_layer: str = "relu3_1"  # for the content loss 'features'
    color_weight: float = 4.0  # of the distribution of colours, against the Gram matrices: without it pink in a blue
    directions: int = 24  # along which that distribution is compared
    color_pixels: int = 2**14  # of a canvas that it looks at, about
    focus_strength: float = 12.0  # how much more light and dark count in a face: what makes it one is in few pixels
    focus_side: int = 512  # long side at which the painting is looked at for that, pixels
    alpha_weight: float = 60.0  # of alpha that changes, against style and content together: edges are to stay
    most_gain: float = 2.5  # how much contrast the first match of colours may add, where the painting has hardly any
    time_to_style: float = 0.4  # share of `--seconds` that is kept for it


@dataclass(frozen=True)
class GrowthConfig:
    """How the number of strokes is found, where it is not given."""

    first: int = 25  # strokes tried first; then twice as many each time
    most: int = 6400  # for `--strokes auto`
    suggested: int = 1600  # the last point of `suggest`'s curve
    probing: float = 1 / 3  # share of the iterations that a try takes
    finishing_gain: float = 0.85  # dB that all iterations bring beyond that
    settled_gain: float = 3 / 255  # fall of the root-mean-square error, by twice the strokes, that is little
    tries: int = 4  # full searches for a quality, at most
    spare: float = 0.25  # dB beyond the quality asked for that is near enough
    time_to_paint: float = 0.6  # share of `--seconds` that is kept for the painting itself


@dataclass(frozen=True)
class AutosaveConfig:
    """How the progress of a search is kept."""

    seconds: float = 15.0  # between saves; a step that takes longer comes before the next


@dataclass(frozen=True)
class ExportConfig:
    """How a painting becomes files. All values are numbers, strings, bools or None: ready for JSON.

    Of `duration`, `fps` and `frames` two decide the third: duration = (frames - 1) / fps, for the last frame, which
    is the finished painting, comes when the duration is over, and is held. `painter.export.timeline` says the rest.

    >>> ExportConfig(duration=8, ease="early", max_bytes="5MB").max_bytes
    5000000

    Raises:
        OptionError: when a value is outside its range, or two do not go together; the message names the option.
    """

    duration: float | None = option(
        None, "S", "seconds until the finished painting is there, {} (4.74 if neither frames nor fps say otherwise)",
        Number(0.1, 600.0),
    )  # fmt: skip
    fps: float | None = option(
        None, "N", "frames a second, {} (16.7, in MP4 30; a GIF shows at most 50)", Number(0.1, 120.0)
    )
    frames: int | None = option(
        None, "N", "frames of an animation, the ground and the finished painting included, {} (80, in MP4 143)",
        Whole(2, MAX_FRAMES),
    )  # fmt: skip
    hold: float = option(2.0, "S", "seconds that the finished painting is shown, {}", Number(0.0, 600.0))
    ease: str = option("linear", "E", "when strokes are laid: {} (most of them early or late)", Names(EASES))
    reverse: bool = option(False, "", "play it backwards, from the finished painting to the ground", Switch())
    loop: int = option(0, "N", "how often a GIF or WebP is played, {}; 0 is for ever", Whole(0, 1000))
    webp: str = option("still", "W", "what a .webp holds: {}", Names(("still", "animated")))
    gif_side: int = option(1024, "PX", "longest side of a GIF or animated WebP, {}", Whole(16, 8192))
    max_bytes: int | None = option(
        None, "SIZE", "make GIF, WebP, MP4 and JPEG fit, with fewer frames, colours and pixels: {}",
        ByteSize(1, 100 * 10**9),
    )  # fmt: skip
    bit_depth: int = option(8, "N", "bits a channel of a PNG: {}", Choice((8, 16)))
    quality: int = option(90, "Q", "of JPEG and WebP, {}; at 100 WebP is lossless", Whole(1, 100))
    svg: str = option("paint", "MODE", "strokes as filled shapes, or as lines for a pen plotter: {}", Names(SVG_MODES))
    width_mm: float | None = option(None, "MM", "width of an SVG on paper, {} mm", Number(1.0, 10_000.0))

    def __post_init__(self) -> None:
        check_fields(self)
        if self.duration is not None and self.fps is not None:
            steps = self.duration * self.fps
            if self.frames is not None and abs(self.frames - 1 - steps) > 0.5:
                raise OptionError(
                    f"--frames {self.frames}: --duration {self.duration:g} and --fps {self.fps:g} make "
                    f"{round(steps) + 1} frames; leave one of the three out"
                )
            if steps > MAX_FRAMES:
                raise OptionError(
                    f"--fps {self.fps:g}: that is {round(steps)} frames in --duration {self.duration:g}, more than "
                    f"{MAX_FRAMES}; lower one of the two"
                )


@dataclass(frozen=True)
class RunningConfig:
    """How many paintings are made: who paints them, and how often one that fails is tried again.

    Raises:
        OptionError: when a value is outside its range, or two do not go together; the message names the option.
    """

    processes: int | None = option(
        None, "N", "paintings at a time, {}; if not given, as many as --threads leaves cores for", Whole(1, 10_000)
    )
    threads: int = option(1, "N", "threads for each, {}", Whole(1, 256))
    ray: str | None = option(None, "ADDRESS", "paint on a Ray cluster: {}", Address())
    retries: int = option(2, "N", "further tries, {}, for a painting that fails", Whole(0, 100))

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class RayConfig:
    """How many machines are worked with."""

    restarts: int = 3  # of a task whose worker or machine has died, by Ray itself
    object_store_mb: int = 512  # of a cluster of our own, 2**20 bytes; it holds pictures, networks and what comes back
    answer_seconds: float = 5.0  # to wait for a cluster's answer
    glance_seconds: float = 1.0  # after which is looked again what machines there are
    farewell_seconds: float = 2.0  # for workers that are sent home


@dataclass(frozen=True)
class EncodingConfig:
    """How the encoders go about it."""

    duration: float = 4.74  # seconds until the finished painting is there: 80 frames of 60 ms, the last one held
    fps: float = 50 / 3
    video_fps: float = 30.0
    gif_fps: float = 50.0  # the most a GIF shows: browsers slow down what is shorter than 20 ms
    sample_frames: int = 8  # of the growing painting, from which a GIF's colours are chosen
    sample_side: int = 160  # their longest side, pixels
    video_side: int = 4096  # the longest side that phones decode
    video_crf: int = 18  # x264's constant rate factor; 18 is hard to tell from the original
    video_threads: int = 4  # x264's bytes depend on it, so it does not follow the machine
    fewest_frames: int = 16  # to which `max_bytes` lowers them, before it takes to the next means
    fewest_colors: int = 32
    lowest_quality: int = 40
    highest_crf: int = 34
    smallest_side: int = 32  # pixels; the last resort
