"""The sizes and rates of everything that is learned. What a person may ask for is in `painter.options.learn`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ReadingConfig:
    """How a folder of pictures becomes one array."""

    default_size: int = 64  # pixels of the square that pieces are learned in, unless they are smaller pixel art
    fewest: int = 64  # pictures that differ, below which nothing can be learned
    probes: int = 24  # pictures that are looked at to find out what kind they are
    largest_probe: int = 4096  # pixels of a side; larger pictures are not looked at
    most_large: int = 2000  # pictures that are also kept at twice the size, for the upscaler
    widest: float = 4.0  # how much longer than its common shape a picture may be, as a ratio
    held_out: float = 0.05  # share of the pictures that is not learned, to see when to stop
    most_held_out: int = 256


@dataclass(frozen=True)
class TokenizerConfig:
    """The network that turns a piece into tokens and back."""

    width: int = 32  # channels at half the piece's size; twice and four times as many further down
    dims: int = 8  # numbers in a token
    levels: int = 4  # values that each of them can take: 8 numbers of 4 levels are 16 bits


@dataclass(frozen=True)
class TransformerConfig:
    """The network that says which tokens follow which."""

    width: int = 160
    layers: int = 5
    heads: int = 5
    hidden: int = 32  # units for each number of a token, in the head
    token_drop: float = 0.05  # share of the tokens that are hidden in training
    class_drop: float = 0.1  # share of the samples whose collection is hidden in training
    random_order: float = 0.25  # share of the samples that are learned in random order, for blends


@dataclass(frozen=True)
class JudgeConfig:
    """The network that reads the traits of a piece."""

    width: int = 64  # channels of the first layer; half as many again and twice as many further down
    features: int = 256
    noise: float = 0.03  # largest noise on pieces in training, of signals in [-1, 1]


@dataclass(frozen=True)
class UpscalerConfig:
    """The network that doubles a piece's size."""

    width: int = 32  # channels
    blocks: int = 4
    crop: int = 32  # pixels of a crop's side, before it is doubled
    noise: float = 0.06  # largest noise on crops in training, so that it also takes noise away


@dataclass(frozen=True)
class GanConfig:
    """The networks of the engine 'dcgan', and how they are trained."""

    plain: bool = True  # the DCGAN with its own losses; otherwise the relativistic loss, without normalization
    latent: int = 100
    width: int = 64  # channels of the layer nearest to the picture; twice as many at each halving
    batch: int = 64
    rate: float = 2e-4
    momentum: float = 0.5  # Adam's first decay
    square: float = 0.999  # Adam's second decay
    epochs: int = 1000  # on a GPU, unless minutes or pictures are given
    penalty: float = 1.0  # of the squared norm of the discriminator's gradient, real and made, halved; relativistic
    average: float = 0.999  # decay of the generator's moving average; relativistic
    crop_width: int = 16  # the same as `width`, of the discriminator of the upscaler's crops


RELATIVISTIC = GanConfig(plain=False, width=32, batch=16, rate=4e-4, momentum=0.0, square=0.99)
"""What the relativistic loss is learned with."""


@dataclass(frozen=True)
class StrokesConfig:
    """The network of the engine 'strokes' that turns the tokens of a piece into a painting."""

    count: int = 120  # strokes of a painting
    width: int = 160  # channels of a stroke
    tokens: int = 32  # a quarter of the channels of a token
    layers: int = 3
    heads: int = 5
    rate: float = 1.2e-3


@dataclass(frozen=True)
class TrainingConfig:
    """Steps, rates, and how the time is shared out."""

    batch: int = 16  # pictures in a step; twice as many, half as often, learn far less from the same number
    shards: int = 2  # parts of a batch, whatever the number of cores, so that the bytes do not depend on it
    clip: float = 1.0  # largest norm of the gradient
    warmup: int = 100  # steps in which the rate rises, or a tenth of them all if that is less
    tokenizer_share: float = 0.45  # pictures of the tokenizer's first stage, for each picture of the transformer
    decoder_share: float = 0.55  # pictures of its second stage, beside the transformer, likewise
    judge_share: float = 0.25  # pictures of the judge of traits, likewise, up to `most_last`
    upscaler_share: float = 0.1  # crops of the upscaler, likewise, up to `most_last`
    crop_weight: float = 5e-3  # of the discriminator in the upscaler's loss, with the engine 'dcgan'
    crops_without: float = 0.4  # share of the crops that come before the discriminator is used
    most_last: int = 24_000
    last_stage: float = 0.1  # share of the time that is left for these two
    tokenizer_rate: float = 2e-3  # of AdamW; Muon's is twice that
    transformer_rate: float = 1.7e-3  # of both
    muon_factor: float = 2.0  # Muon's rate for the tokenizer, as a multiple of AdamW's
    transformer_decay: float = 0.05  # weight decay of the transformer's matrices
    flat: float = 0.4  # share of the steps with the full rate, before it falls
    last_rate: float = 0.03  # share of the rate that is left at the end
    average: float = 0.998  # decay of the moving average of the transformer's weights, whose weights are kept
    mixed: float = 0.3  # share of the samples that are mixtures of two collections, if there are two
    evaluate_every: int = 4000  # pictures between measurements on what is held out
    patience: int = 8  # measurements without a better one, after which the transformer stops
    record_every: int = 1600  # pictures between points of the curves
    measured: int = 6  # steps that are timed to turn minutes into pictures
    fewest_pictures: int = 1000  # of a run, however short


@dataclass(frozen=True)
class CleaningConfig:
    """How a piece is cleaned up to its collection's colours, in steps of 1/255."""

    colors: int = 512  # of a collection, at most
    own: int = 40  # of one piece, at most
    rarest: int = 30  # pixels that a collection's colour must have
    apart: int = 6  # least difference between two of them
    pull: float = 17.0  # CIE L*a*b* units within which a piece's colour becomes the collection's
    same: int = 14  # difference within which pixels of a piece are one colour
    tolerance: float = 20.0  # root mean square difference from which a pixel keeps its own colour


@dataclass(frozen=True)
class CopyConfig:
    """When a piece is too near to one that was learned."""

    side: int = 16  # pixels of the reduced pieces that are compared
    quantile: float = 0.01  # of the distances from pieces learned to their nearest: nearer than this is a copy
    tries: int = 20  # for each number, after which the piece is left out


@dataclass(frozen=True)
class RarityConfig:
    """How often pieces whose traits come too often are passed over."""

    drawn: float = 0.01  # new pieces whose traits are counted when learning ends, as a share of the pictures shown
    most_drawn: int = 2000
    smoothing: float = 5.0  # pieces that every value is thought to have had besides
    least_kept: float = 0.5  # share of the pieces that are drawn
    tries: int = 10  # for each number, after which a piece is kept whatever its traits


@dataclass(frozen=True)
class BlendingConfig:
    """How the part of a child that is of the other parent is drawn."""

    temperature: float = 0.75  # times that of the piece: near a seam the likely is better than the rare
    top_p: float = 0.95
    either: float = 0.2  # width of the range of balances around a half in which either parent may give the piece


@dataclass(frozen=True)
class Design:
    """All of these."""

    reading: ReadingConfig = field(default_factory=ReadingConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    strokes: StrokesConfig = field(default_factory=StrokesConfig)
    judge: JudgeConfig = field(default_factory=JudgeConfig)
    upscaler: UpscalerConfig = field(default_factory=UpscalerConfig)
    gan: GanConfig = field(default_factory=GanConfig)
    relativistic: GanConfig = RELATIVISTIC
    training: TrainingConfig = field(default_factory=TrainingConfig)
    cleaning: CleaningConfig = field(default_factory=CleaningConfig)
    copies: CopyConfig = field(default_factory=CopyConfig)
    rarities: RarityConfig = field(default_factory=RarityConfig)
    blending: BlendingConfig = field(default_factory=BlendingConfig)
