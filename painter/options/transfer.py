"""What may be asked of a style transfer, and every default of it. Without torch, so that options are checked fast."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from painter.errors import OptionError
from painter.options.fields import check_fields, option, option_name
from painter.options.kinds import File, Integer, Names, Number, Numbers, Switch, Weighted
from painter.options.layers import KINDS, NETWORKS, check_layers
from painter.options.paint import CONTENT_LOSSES, DEVICES

STARTS = ("content", "noise", "style")
DECAYS = ("constant", "linear", "cosine", "exponential")
PRESERVES = ("none", "luminance", "histogram")
CONTENT_COLORS = ("own", "style")

LEARNING_RATES = {"adam": 0.05, "nadam": 0.05, "rmsprop": 0.002, "sgd": 0.01, "lbfgs": 1.0}
"""Of each optimiser, where none is asked for; a colour's full range is 1."""


@dataclass(frozen=True)
class FeatureDefaults:
    """What suits a network where nothing else is asked for."""

    content_layer: str = "relu4_2"
    style_layers: str = "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1"
    style_weight: float = 20.0
    tv_weight: float = 10.0
    content_color: str = "own"


# Random filters lose the content soon, beyond the third block noise looks like any style to them, and darks in a pale
# style become coloured noise unless the content has the style's colours to begin with.
FEATURE_DEFAULTS = {"random": FeatureDefaults("relu2_1", "relu1_1,relu2_1,relu3_1", 40.0, 30.0, "style")}
MAX_CONTRAST_GAIN = 2.5  # how much contrast that may add, where the content has hardly any

MIN_SCALE_SIDE = 32  # no scale has a shorter long side than this, pixels


@dataclass(frozen=True)
class TransferConfig:
    """What a person may ask of one style transfer. All values are numbers, strings, bools or None: ready for JSON.

    Raises:
        OptionError: when a value is outside its range, or two do not go together; the message names the option.
    """

    features: str = option("vgg19", "F", "the network: {}; random needs no download", Names(KINDS))
    weights: str | None = option(None, "FILE", "its weights, torchvision's as .pth or .safetensors", File())
    size: int = option(512, "PX", "long side of the result in pixels, {}", Integer(16, 4096))
    iterations: int = option(300, "N", "steps over all scales, {}", Integer(1, 100_000))
    seconds: float | None = option(None, "T", "time for the steps, {} s", Number(1.0, 86400.0))
    scales: int = option(3, "N", "sizes from coarse to fine, each twice the one before, {}", Integer(1, 8))
    seed: int = option(0, "K", "of noise and random filters, {}", Integer(0, 2**31 - 1))
    start: str = option("content", "S", "what is changed into the result: {} (noise in its colours)", Names(STARTS))
    content_weight: float = option(1.0, "A", "weight of the content, {}", Number(0.0, 1e9))
    style_weight: float = option(None, "B", "weight of the style, {} (if not given: 20; random 40)", Number(0.0, 1e9))
    tv_weight: float = option(
        None, "C", "weight of the total variation, which smoothes, {} (if not given: 10; random 30)", Number(0.0, 1e9)
    )
    content_loss: str = option("features", "L", "what of the content is kept: {}", Names(CONTENT_LOSSES))
    content_layer: str = option(
        None, "LAYER", "where content is compared (if not given: relu4_2; random relu2_1)", Names(NETWORKS["vgg19"])
    )
    style_layers: str = option(
        None, "LAYERS", "where style is compared: {} (if not given: relu1_1 to relu5_1; random to relu3_1)",
        Weighted(NETWORKS["vgg19"]),
    )  # fmt: skip
    style_weights: str | None = option(None, "W,W", "how much of each style: {}", Numbers(0, 1e6))
    style_size: str | None = option(
        None, "PX", "long side of the styles at the full size, or at each scale: {}", Numbers(16, 4096, integers=True)
    )
    scale_styles: str | None = option(
        None, "N,N", "which style at each scale, from coarse to fine: {}", Numbers(1, 99, integers=True)
    )
    preserve_color: str = option("none", "P", "what stays of the content's colours: {}", Names(PRESERVES))
    content_color: str = option(
        None, "C", "the colours that the content is taken in: {}, to which a linear map brings it first (if not given: "
        "own; random style; with --preserve-color own)", Names(CONTENT_COLORS),
    )  # fmt: skip
    region: str | None = option(
        None, "FILE", "only where this mask is bright; with two styles, the second goes elsewhere", File()
    )
    optimizer: str = option("lbfgs", "O", "{}", Names(tuple(LEARNING_RATES)))
    learning_rate: float | None = option(
        None, "R", "of the optimiser, {} (if not given, as suits it)", Number(0.0, 1e3, above=True)
    )
    beta1: float = option(0.9, "B", "momentum of adam, nadam, rmsprop and sgd, {}", Number(0.0, 0.9999))
    epsilon: float = option(1e-8, "E", "of adam, nadam and rmsprop, {}", Number(0.0, 10.0, above=True))
    amsgrad: bool = option(False, "", "adam's variant that never forgets a large gradient", Switch())
    decay: str | None = option(
        None, "D", "how the learning rate falls at each scale: {} (if not given: cosine, but constant for lbfgs)",
        Names(DECAYS),
    )  # fmt: skip
    final_rate: float = option(0.1, "F", "where it ends, in parts of where it began, {}", Number(0.0, 1.0, above=True))
    device: str = option("auto", "DEVICE", "{}; auto is cuda where there is one", Names(DEVICES))

    def __post_init__(self) -> None:
        check_fields(self)
        if self.preserve_color != "none":
            object.__setattr__(self, "content_color", "own")
        for name, value in asdict(FEATURE_DEFAULTS.get(self.features, FeatureDefaults())).items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        check_layers(self.features, self.layer_weights, "--style-layers")
        check_layers(self.features, [self.content_layer], "--content-layer")
        if self.features == "random" and self.weights is not None:
            raise OptionError(f"--weights {self.weights}: --features random takes none; choose vgg19 or vgg16")
        if self.scale_styles is not None and self.style_weights is not None:
            raise OptionError("--scale-styles with --style-weights: one style at a time or all at once; leave one out")
        for name in ("style_size", "scale_styles"):
            count = len(_numbers(getattr(self, name)) or [])
            if count > (1 if name == "style_size" else 0) and count != self.scales:
                raise OptionError(
                    f"{option_name(name)} {getattr(self, name)}: has {count} numbers for {self.scales} scales; "
                    "give one for each, or change --scales"
                )

    @property
    def layer_weights(self) -> dict[str, float]:
        """Weights of the style layers that count, by name."""
        return {name: weight for name, weight in Weighted.split(self.style_layers).items() if weight > 0}

    def sizes(self) -> list[int]:
        """The content's long side at each scale, coarse to fine; never below MIN_SCALE_SIDE but at full size."""
        sides = [round(self.size / 2**k) for k in reversed(range(self.scales))]
        return [max(side, min(MIN_SCALE_SIDE, self.size)) for side in sides]

    def style_sizes(self) -> list[int]:
        """The styles' long side at each scale."""
        asked = _numbers(self.style_size) or [self.size]
        if len(asked) > 1:
            return [round(side) for side in asked]
        return [max(16, round(asked[0] * size / self.size)) for size in self.sizes()]

    def blend(self, styles: int) -> list[list[float]]:
        """How much of each of the styles counts, at each scale: [scales][styles].

        Raises:
            OptionError: another number of styles than the options speak of.
        """
        if self.region is not None and styles > 1 and (styles > 2 or self.style_weights or self.scale_styles):
            raise OptionError(
                f"--region {self.region}: with {styles} styles there is no place for each; "
                "give one style, or two without --style-weights and --scale-styles"
            )
        if self.scale_styles is not None:
            chosen = [round(number) for number in Numbers.split(self.scale_styles)]
            if max(chosen) > styles:
                raise OptionError(f"--scale-styles {self.scale_styles}: there is no style {max(chosen)} of {styles}")
            return [[float(k + 1 == style) for k in range(styles)] for style in chosen]
        weights = _numbers(self.style_weights) or [1.0] * styles
        if len(weights) != styles or not sum(weights) > 0:
            raise OptionError(
                f"--style-weights {self.style_weights}: give one number for each of the {styles} styles, not all 0"
            )
        return [weights] * self.scales


def _numbers(text: str | None) -> list[float] | None:
    return None if text is None else Numbers.split(text)
