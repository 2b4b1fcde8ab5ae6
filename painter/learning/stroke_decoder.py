"""The decoder of the engine 'strokes': from the tokens of a piece to the strokes of a painting of it.

Each stroke has its own place in the painting's order and its own weights: stroke 80 may be the left eye's pupil in all
pieces. It starts as one stroke of a painting of a typical piece, looks at the tokens, and says how it differs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from painter.learning.learning_config import StrokesConfig
from painter.learning.regions import rows_and_columns
from painter.learning.tokenizer import Residual

NUMBERS = 8  # of a stroke: x, y, logarithms of width and height, angle, red, green, blue
_UNITS = (0.05, 0.05, 0.35, 0.35, 0.35, 0.25, 0.25, 0.25)  # of these numbers: by so much do strokes differ
_REACH = 0.09  # distance from a stroke at which tokens count for less, in sides of the piece
_FARTHEST = 12.0  # most that distance takes from a score
_SPREAD = 0.3  # standard deviation of what is learned for each place and stroke, at the start


class Looking(nn.Module):
    """Strokes look at tokens, those nearby first, then pass a layer of units; both add to what passes through."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_strokes, self.norm_tokens, self.norm_units = (nn.LayerNorm(width) for _ in range(3))
        self.query = nn.Linear(width, width, bias=False)
        self.keys_values = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 3 * width, bias=False), nn.Linear(3 * width, width, bias=False)
        self.nearness = nn.Parameter(torch.linspace(0, 1, heads))  # how much each head looks nearby
        nn.init.zeros_(self.down.weight)

    def forward(self, strokes: Tensor, tokens: Tensor, near: Tensor) -> Tensor:
        """[B, n, width] of the same shape.

        Args:
            tokens: [B, places, width].
            near: [n, places], at most 0, the nearer the larger.
        """
        batch, count, width = strokes.shape
        per_head = width // self.heads
        query = self.query(self.norm_strokes(strokes)).view(batch, count, self.heads, per_head).transpose(1, 2)
        keys, values = (
            self.keys_values(self.norm_tokens(tokens)).view(batch, -1, 2, self.heads, per_head).permute(2, 0, 3, 1, 4)
        )
        scores = query @ keys.transpose(-1, -2) * per_head**-0.5 + self.nearness[:, None, None] * near
        seen = (scores.softmax(-1) @ values).transpose(1, 2).reshape(batch, count, width)
        strokes = strokes + self.out(seen)
        units: Tensor = self.down(functional.silu(self.up(self.norm_units(strokes))))
        return strokes + units


class StrokeDecoder(nn.Module):
    """Codes to strokes.

    Args:
        grid: places along a side.
        dims, levels: numbers of a token, and their values.
        config: sizes.

    Attributes:
        start: [n, NUMBERS], where strokes start from; zeros until somebody sets it.
    """

    start: Tensor
    units: Tensor

    def __init__(self, grid: int, dims: int, levels: int, config: StrokesConfig) -> None:
        super().__init__()
        self.config, self._grid, self._levels = config, grid, levels
        width, wide = config.width, 4 * config.tokens
        self.register_buffer("start", torch.zeros(config.count, NUMBERS))
        self.register_buffer("units", torch.tensor(_UNITS), persistent=False)
        self.trunk = nn.Sequential(
            nn.Conv2d(dims, wide, 3, padding=1),
            Residual(wide),
            Residual(wide),
            nn.GroupNorm(8, wide),
            nn.SiLU(),
            nn.Conv2d(wide, width, 1),
        )
        self.place = nn.Parameter(torch.randn(grid**2, width) * _SPREAD)
        self.stroke = nn.Parameter(torch.randn(config.count, width) * _SPREAD)
        self.blocks = nn.ModuleList(Looking(width, config.heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.weights = nn.Parameter(torch.zeros(config.count, width, NUMBERS))
        self.biases = nn.Parameter(torch.zeros(config.count, NUMBERS))
        self.ground = nn.Linear(width, 3)

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """The numbers of all strokes [B, n, NUMBERS], and the colours of the grounds [B, 3], about in [0, 1].

        Args:
            codes: [B, places, dims].
        """
        batch = len(codes)
        image = (codes.float() * (2 / (self._levels - 1)) - 1).transpose(1, 2)
        tokens = self.trunk(image.reshape(batch, -1, self._grid, self._grid)).flatten(2).transpose(1, 2) + self.place
        strokes, near = self.stroke.expand(batch, -1, -1), self._near()
        for block in self.blocks:
            strokes = block(strokes, tokens, near)
        steps = torch.einsum("bnw,nwk->bnk", self.norm(strokes), self.weights) + self.biases
        return self.start + self.units * steps, self.ground(tokens.mean(1))

    def _near(self) -> Tensor:
        """[n, places]: how near each place is to where each stroke starts."""
        y, x = rows_and_columns(self._grid)
        squared = (self.start[:, :1] - x.to(self.start)) ** 2 + (self.start[:, 1:2] - y.to(self.start)) ** 2
        return (squared / (-2 * _REACH**2)).clamp(min=-_FARTHEST)
