"""The options of a style transfer: the pixels of one picture in the style of others."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise

from painter.errors import OptionError
from painter.options.fields import check_fields, option, option_name
from painter.options.kinds import File, Integer, Names, Number, OrNames, Switch
from painter.options.list_kinds import Numbers, Weighted
from painter.options.network_files import choose_features
from painter.options.network_layers import FEATURES, NETWORKS, check_layers
from painter.options.paint import CONTENT_LOSSES, DEVICES, FOCUSES
from painter.options.style_checks import check_weights

STARTS = ("content", "noise", "style")
DECAYS = ("constant", "linear", "cosine", "exponential")
PRESERVES = ("none", "luminance", "histogram")
CONTENT_COLORS = ("own", "style")
STYLE_LOSSES = ("gram", "nearest", "both")

LEARNING_RATES = {"adam": 0.05, "nadam": 0.05, "rmsprop": 0.002, "sgd": 0.01, "lbfgs": 1.0}
"""Default learning rate of each optimiser, for colours in [0, 1]."""


@dataclass(frozen=True)
class FeatureDefaults:
    """Defaults that depend on the network."""

    content_layer: str = "relu4_2"
    style_layers: str = "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1"
    style_weight: float = 20.0
    tv_weight: float = 10.0
    content_color: str = "own"
    focus: str = "none"


# Random filters soon lose the content; beyond their third block noise resembles any style; and dark areas become
# coloured noise in a pale style unless the content is first given the style's colours.
FEATURE_DEFAULTS = {
    "random": FeatureDefaults("relu2_1", "relu1_1,relu2_1,relu3_1", 40.0, 30.0, "style"),
    "hed": FeatureDefaults("relu3_1", "relu1_1,relu2_1,relu3_1,relu4_1", 20.0, 10.0, "style", "auto"),
}
STEP_RATIOS = {"hed": 0.8}
"""Steps at a scale in parts of those at the coarser one before, by network; as many if not named here."""
MAX_CONTRAST_GAIN = 2.5  # how much giving it those colours may amplify its contrast

MIN_SCALE_SIDE = 32  # long side of the coarsest scale, pixels


@dataclass(frozen=True)
class TransferConfig:
    """The options of one style transfer. All values are numbers, strings, bools or None: ready for JSON.

    Raises:
        OptionError: a value is not allowed, or two contradict each other; the message names the option.
    """

    features: str = option(
        "auto", "F", "the network that sees style: {}; auto is the best on this machine, `features` lists them",
        Names(FEATURES),
    )  # fmt: skip
    weights: str | None = option(None, "FILE", "its weights from torchvision, as .pth or .safetensors", File())
    size: int = option(512, "PX", "long side of the result in pixels, {}", Integer(16, 4096))
    iterations: int = option(300, "N", "steps in total, over all scales, {}", Integer(1, 100_000))
    seconds: float | None = option(None, "T", "time for these steps, {} s", Number(1.0, 86400.0))
    scales: int = option(3, "N", "number of sizes from coarse to fine, each twice the one before, {}", Integer(1, 8))
    seed: int = option(0, "K", "seed of noise and random filters, {}", Integer(0, 2**31 - 1))
    start: str = option(
        "content", "S", "the picture that optimisation starts from: {} (noise has the content's colours)", Names(STARTS)
    )
    content_weight: float = option(1.0, "A", "weight of the content, {}", Number(0.0, 1e9))
    style_weight: float = option(None, "B", "weight of the style, {} (default: 20; random 40)", Number(0.0, 1e9))
    tv_weight: float = option(
        None, "C", "weight of the total variation, which smooths, {} (default: 10; random 30)", Number(0.0, 1e9)
    )
    content_loss: str = option("features", "L", "what of the content is preserved: {}", Names(CONTENT_LOSSES))
    content_layer: str = option(
        None,
        "LAYER",
        "the layer that compares content (default: relu4_2; hed relu3_1; random relu2_1)",
        Names(NETWORKS["vgg19"]),
    )
    style_layers: str = option(
        None, "LAYERS",
        "the layers that compare style: {} (default: relu1_1 to relu5_1; hed to relu4_1; random to relu3_1)",
        Weighted(NETWORKS["vgg19"]),
    )  # fmt: skip
    style_loss: str = option(
        "gram", "L", "how style is compared: {} (how often features occur together; place by place; or both)",
        Names(STYLE_LOSSES),
    )  # fmt: skip
    focus: str = option(
        None, "FILE", "where the content is kept most closely: {}, which looks for faces and fine detail (default: "
        "none; hed auto)", OrNames(FOCUSES, File()),
    )  # fmt: skip
    style_weights: str | None = option(None, "W,W", "weights of the styles: {}", Numbers(0, 1e6))
    style_size: str | None = option(
        None, "PX", "long side of the styles at full size, or at each scale: {}", Numbers(16, 4096, integers=True)
    )
    scale_styles: str | None = option(
        None, "N,N", "which style is used at each scale, from coarse to fine: {}", Numbers(1, 99, integers=True)
    )
    preserve_color: str = option("none", "P", "what of the content's colours is preserved: {}", Names(PRESERVES))
    content_color: str = option(
        None, "C", "the colours in which the content is compared: {}, to which a linear map brings it first (default: "
        "own; hed and random style; own with --preserve-color)", Names(CONTENT_COLORS),
    )  # fmt: skip
    region: str | None = option(
        None, "FILE", "apply the style only where this mask is bright, and a second style elsewhere", File()
    )
    optimizer: str = option("lbfgs", "O", "the optimiser: {}", Names(tuple(LEARNING_RATES)))
    learning_rate: float | None = option(
        None, "R", "of the optimiser, {} (default: depends on it)", Number(0.0, 1e3, above=True)
    )
    beta1: float = option(0.9, "B", "momentum of adam, nadam, rmsprop and sgd, {}", Number(0.0, 0.9999))
    epsilon: float = option(1e-8, "E", "of adam, nadam and rmsprop, {}", Number(0.0, 10.0, above=True))
    amsgrad: bool = option(False, "", "use AMSGrad, the variant of adam that never forgets a large gradient", Switch())
    decay: str | None = option(
        None, "D", "how the learning rate falls at each scale: {} (default: cosine, but constant for lbfgs)",
        Names(DECAYS),
    )  # fmt: skip
    final_rate: float = option(0.1, "F", "its last value, as a share of its first, {}", Number(0.0, 1.0, above=True))
    device: str = option("auto", "DEVICE", "where it runs: {}; auto is cuda if the machine has it", Names(DEVICES))

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "features", choose_features(self.features, self.weights))
        if self.preserve_color != "none":
            object.__setattr__(self, "content_color", "own")
        for name, value in asdict(FEATURE_DEFAULTS.get(self.features, FeatureDefaults())).items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        check_layers(self.features, self.layer_weights, "--style-layers")
        check_layers(self.features, [self.content_layer], "--content-layer")
        check_weights(self.features, self.weights)
        if self.scale_styles is not None and self.style_weights is not None:
            raise OptionError("--scale-styles with --style-weights: one style at a time or all at once; leave out one")
        for name in ("style_size", "scale_styles"):
            count = len(_numbers(getattr(self, name)) or [])
            if count > (1 if name == "style_size" else 0) and count != self.scales:
                raise OptionError(
                    f"{option_name(name)} {getattr(self, name)}: has {count} numbers for {self.scales} scales; "
                    "give one for each, or change --scales"
                )

    @property
    def layer_weights(self) -> dict[str, float]:
        """Weights of the style layers, by name; only those above 0."""
        return {name: weight for name, weight in Weighted.split(self.style_layers).items() if weight > 0}

    def sizes(self) -> list[int]:
        """Long side of the content at each scale in pixels, coarse to fine; at least MIN_SCALE_SIDE below full size."""
        sides = [round(self.size / 2**k) for k in reversed(range(self.scales))]
        return [max(side, min(MIN_SCALE_SIDE, self.size)) for side in sides]

    def steps(self) -> list[int]:
        """Steps at each scale, coarse to fine."""
        ratio = STEP_RATIOS.get(self.features, 1.0)
        shares = [ratio**k for k in range(self.scales)]
        ends = [self.iterations * sum(shares[:k]) / sum(shares) for k in range(self.scales + 1)]
        return [math.floor(end + 1e-9) - math.floor(start + 1e-9) for start, end in pairwise(ends)]

    def style_sizes(self) -> list[int]:
        """Long side of the style pictures at each scale in pixels, coarse to fine."""
        sides = _numbers(self.style_size) or [self.size]
        if len(sides) > 1:
            return [round(side) for side in sides]
        return [max(16, round(sides[0] * size / self.size)) for size in self.sizes()]

    def blend(self, styles: int) -> list[list[float]]:
        """Weight of each style at each scale: [scales][styles].

        Args:
            styles: how many there are.

        Raises:
            OptionError: the options need another number of styles.
        """
        if self.region is not None and styles > 1 and (styles > 2 or self.style_weights or self.scale_styles):
            raise OptionError(
                f"--region {self.region}: cannot assign parts of the picture to {styles} styles with these options; "
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
