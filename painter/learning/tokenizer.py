"""The tokenizer: a small autoencoder whose middle is a grid of tokens (finite scalar quantization).

A token is a few numbers of a few levels each, as 8 numbers of 4 levels, which are 16 bits. "Codes" below are these
numbers, int64 in [0, levels): [B, dims, G, G] as an image, or [B, G * G, dims] as a sequence of tokens in raster order.

F. Mentzer et al., "Finite Scalar Quantization: VQ-VAE Made Simple", 2023. Departures: four levels in each dimension,
and rounding after tanh without its offset for an even number of levels. Pixel art is decoded to one score for each of
its colours at every pixel, and learned as a classification: what lies between two colours is no colour of it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from painter.learning.learning_config import TokenizerConfig

_GROUPS = 8  # of channels in a normalization
_WORST, _WEIGHT_OF_WORST = 0.02, 0.3  # the share of pixels whose difference counts again, and how much
_SCORED = 32  # channels of a pixel that its colour is chosen from, in pixel art


class Residual(nn.Module):
    """x + a small change of it, which is 0 at the start."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(_GROUPS, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.last = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.last(functional.silu(self.first(functional.silu(self.norm(x)))))
        return x + change


class Tokenizer(nn.Module):
    """Pieces to codes and back.

    Args:
        size: pixels of a piece's side; a place, the square that one token stands for, has 8 pixels a side from 64 on
            and 4 below, so that small pixel art has places enough.
        channels: 3, or 4 with alpha.
        config: sizes.
        colors: those of pixel art, as signals [K, C]; None where pixels may have any colour.

    Attributes:
        size: as given.
        grid: places along a side.
        colors: as given.
    """

    colors: Tensor | None

    def __init__(self, size: int, channels: int, config: TokenizerConfig, colors: Tensor | None = None) -> None:
        super().__init__()
        self.config, self.size = config, size
        self.register_buffer("colors", colors)
        first = 4 if size >= 64 else 2  # reduction of the first layer; the second one halves again
        self.grid = size // (2 * first)
        small, middle, wide = config.width, 2 * config.width, 4 * config.width
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(first),
            nn.Conv2d(channels * first**2, middle, 3, padding=1),
            Residual(middle),
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * middle, wide, 1),
            Residual(wide),
            Residual(wide),
            nn.GroupNorm(_GROUPS, wide),
            nn.SiLU(),
            nn.Conv2d(wide, config.dims, 1),
        )
        layers = [nn.Conv2d(config.dims, wide, 3, padding=1), Residual(wide), Residual(wide)]
        layers += [nn.Conv2d(wide, 4 * middle, 1), nn.PixelShuffle(2), Residual(middle), Residual(middle)]
        last = middle
        if first == 4:
            layers += [nn.Conv2d(middle, 4 * small, 1), nn.PixelShuffle(2), Residual(small)]
            last = small
        shown = channels if colors is None else _SCORED
        layers += [nn.Conv2d(last, 4 * shown, 3, padding=1), nn.PixelShuffle(2)]
        if colors is not None:
            layers += [nn.SiLU(), nn.Conv2d(_SCORED, len(colors), 1)]
        self.decoder = nn.Sequential(*layers)

    def forward(self, signal: Tensor) -> Tensor:
        """The signal [B, C, S, S] after encoding, rounding and decoding."""
        return self._shown(self._decoded(self._rounded(signal)))

    def loss(self, signal: Tensor, numbers: Tensor | None = None) -> Tensor:
        """How much a signal [B, C, S, S] changes when it is encoded, rounded and decoded, a scalar.

        Gradients pass through the rounding.

        Args:
            numbers: in pixel art, those of its pixels' colours, [B, S, S].
        """
        return self._loss(self._decoded(self._rounded(signal)), signal, numbers)

    def decoding_loss(self, codes: Tensor, signal: Tensor, numbers: Tensor | None = None) -> Tensor:
        """How far what codes [B, G * G, dims] are decoded to is from a signal [B, C, S, S], a scalar."""
        return self._loss(self._decoded(self._image(codes)), signal, numbers)

    def numbers_of(self, signal: Tensor) -> Tensor | None:
        """[B, S, S] int16: of each pixel's colour, or of the nearest one; None where pixels may have any colour."""
        if self.colors is None:
            return None
        pixels = signal.movedim(1, -1)
        away = torch.cdist(pixels.reshape(1, -1, pixels.shape[-1]), self.colors[None])
        return away.argmin(-1).reshape(pixels.shape[:-1]).to(torch.int16)

    def encode(self, signal: Tensor) -> Tensor:
        """Codes [B, G * G, dims] of a signal [B, C, S, S]."""
        return self._values(signal).round().long().flatten(2).transpose(1, 2).contiguous()

    def decode(self, codes: Tensor) -> Tensor:
        """The signal [B, C, S, S] of codes [B, G * G, dims]."""
        return self._shown(self._decoded(self._image(codes)))

    def scores(self, codes: Tensor) -> Tensor:
        """Of pixel art: how likely each of its colours is at each pixel, for codes [B, G * G, dims]: logarithms, each
        pixel's up to a constant, float32 [B, K, S, S]."""
        return self._decoded(self._image(codes)).float()

    def colored(self, numbers: Tensor) -> Tensor:
        """Of pixel art: the signal [B, C, S, S] of its colours' numbers [B, S, S]."""
        assert self.colors is not None
        return self.colors[numbers].movedim(-1, 1)

    def _image(self, codes: Tensor) -> Tensor:
        """float32 [B, dims, G, G] of codes [B, G * G, dims]."""
        return codes.transpose(1, 2).reshape(len(codes), self.config.dims, self.grid, self.grid).float()

    def _values(self, signal: Tensor) -> Tensor:
        """[B, dims, G, G] in [0, levels - 1], not rounded yet."""
        encoded: Tensor = self.encoder(signal)
        return (torch.tanh(encoded.float()) * 0.5 + 0.5) * (self.config.levels - 1)

    def _rounded(self, signal: Tensor) -> Tensor:
        values = self._values(signal)
        return values + (values.round() - values).detach()

    def _decoded(self, values: Tensor) -> Tensor:
        """The signal [B, C, S, S]; of pixel art, scores [B, K, S, S] of its colours."""
        scaled = values * (2 / (self.config.levels - 1)) - 1
        decoded: Tensor = self.decoder(scaled.contiguous(memory_format=torch.channels_last))
        return decoded

    def _shown(self, decoded: Tensor) -> Tensor:
        """The signal of what was decoded."""
        return decoded if self.colors is None else self.colored(decoded.argmax(1))

    def _loss(self, decoded: Tensor, signal: Tensor, numbers: Tensor | None) -> Tensor:
        if numbers is None:
            return reconstruction_loss(decoded, signal)
        scores = decoded.movedim(1, -1).flatten(0, -2).float()  # as they lie in memory, which is faster
        return functional.cross_entropy(scores, numbers.flatten().long())


def reconstruction_loss(decoded: Tensor, signal: Tensor) -> Tensor:
    """The mean absolute difference of signals [B, C, S, S], which makes colours flat, half the mean squared one, and
    some of the absolute one of each piece's worst pixels: noses and brows, few as their pixels are. A scalar."""
    difference = decoded.float() - signal
    size = difference.abs()
    of_pixels = size.mean(1).flatten(1)
    worst = of_pixels.topk(max(1, round(_WORST * of_pixels.shape[1])), sorted=False).values
    return size.mean() + 0.5 * (difference * difference).mean() + _WEIGHT_OF_WORST * worst.mean()


def psnr(decoded: Tensor, signal: Tensor) -> float:
    """Mean PSNR in dB of the pieces of a batch, of signals in [-1, 1]."""
    error = ((decoded.float().clamp(-1, 1) - signal) ** 2).flatten(1).mean(1) / 4
    return float((-10 * error.clamp(min=1e-10).log10()).mean())
