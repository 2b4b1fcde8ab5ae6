"""What it is worth to mix tubes as pigments and not as numbers of sRGB: PSNR of paintings in mixtures of five tubes.

    python -m scripts.benchmark.tubes PICTURE … [--tubes NAME,NAME] [--strokes 300] [--style oil] [--size 128]

A picture is painted as ever. Then shapes stay as they are, and every colour becomes a mixture of the tubes, in parts
that gradient descent finds. Strokes are blended as numbers, as `--palette tubes:` paints them unless asked otherwise;
pigments are blended as pigments, too. Last comes what either can reach at all: how near the picture's colours are to
the nearest mixture in whole parts, without any strokes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from painter import PaintConfig, paint
from painter.pictures.color import levels_of
from painter.pictures.picture import read_picture
from painter.pictures.resizing import fit_size, resize_image
from painter.pictures.tubes import TUBES, mixtures, tube_names
from renderers.blending.mixing import to_colors, to_pigment
from renderers.decoding import EngineMaps
from renderers.pigments import Mixing
from renderers.rendering import render
from renderers.strokes import Strokes
from scripts.gallery.photos import PHOTOS, square_photo

FIVE = "yellow,ultramarine,red,white,umber"
RATE = 0.1
WAYS: tuple[tuple[Mixing, Mixing], ...] = (("srgb", "srgb"), ("pigment", "srgb"), ("pigment", "pigment"))
"""How tubes are mixed, and how strokes are blended."""
REDUCED = 64  # longer side at which a picture's colours are looked at, pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", help=f"files, or names of {', '.join(PHOTOS)}")
    parser.add_argument("--tubes", type=tube_names, default=FIVE, help="(%(default)s)")
    parser.add_argument("--strokes", type=int, default=300, help="(%(default)s)")
    parser.add_argument("--style", default="oil", help="(%(default)s)")
    parser.add_argument("--size", type=int, default=128, help="pixels (%(default)s)")
    parser.add_argument("--steps", type=int, default=250, help="of gradient descent (%(default)s)")
    args = parser.parse_args()
    for name in args.pictures:
        picture = square_photo(name, 512) if name in PHOTOS else Path(name)
        config = PaintConfig(style=args.style, strokes=args.strokes, size=args.size, texture=0.0, canvas="white")
        result = paint(picture, config)
        target = torch.from_numpy(_target(picture, args.size))
        numbers, *pigments = (fitted(result.painting.strokes, target, args.tubes, *way, args.steps) for way in WAYS)
        laid, blended = (f"{value:.2f} ({value - numbers:+.2f})" for value in pigments)
        small = _target(picture, REDUCED)
        reached = ", ".join(
            f"{nearest_mixtures(small, args.tubes, mixing):.1f}" for mixing, blending in WAYS if blending == "srgb"
        )
        print(
            f"{Path(name).stem}: any colour {result.report['psnr']:.2f} dB, tubes mixed as numbers {numbers:.2f},",
            end=" ",
        )
        print(f"as pigments {laid}, also blended so {blended}; colours alone {reached}", flush=True)


def nearest_mixtures(target: np.ndarray, names: tuple[str, ...], mixing: Mixing) -> float:
    """PSNR in dB of a picture [H, W, 3] in [0, 1] whose pixels are the nearest of all mixtures of the tubes."""
    colors, parts = mixtures(names)
    if mixing == "srgb":
        tubes = np.array([levels_of(TUBES[name].color) for name in names])
        colors = parts / parts.sum(axis=1, keepdims=True) @ tubes
    known = torch.from_numpy(np.asarray(colors, np.float32) / 255)
    distance = torch.cdist(torch.from_numpy(target).reshape(-1, 3), known).amin(dim=1)
    return -10 * float(torch.log10(distance.square().mean() / 3))


def fitted(
    strokes: Strokes, target: Tensor, names: tuple[str, ...], mixing: Mixing, blending: Mixing, steps: int
) -> float:
    """PSNR in dB of strokes on white, in the best mixtures of the tubes that are found.

    Args:
        target: [H, W, 3] float32.
        names, mixing: of the tubes.
        blending: of the strokes.
    """
    tubes = torch.tensor([levels_of(TUBES[name].color) for name in names]) / 255
    white, pixel = torch.ones(3).expand(*target.shape), 1 / max(target.shape[:2])
    maps = EngineMaps(strokes, pixel, 1.0)
    start = torch.cdist(strokes.colors, tubes[None].expand(len(strokes), -1, -1)) * -6
    unknown = start.clone().requires_grad_()
    descent, best = torch.optim.Adam([unknown], RATE), float("inf")
    for _ in range(steps):
        parts = unknown.softmax(dim=-1)
        colors = parts @ tubes if mixing == "srgb" else to_colors(parts @ to_pigment(tubes))
        mixed = Strokes(strokes.brush, strokes.params, colors, strokes.opacity, strokes.seed)
        error = (render(mixed, white, maps, mixing=blending) - target).square().mean()
        descent.zero_grad()
        error.backward()
        descent.step()
        best = min(best, float(error.detach()))
    return -10 * float(np.log10(best))


def _target(picture: np.ndarray | Path, size: int) -> np.ndarray:
    """[H, W, 3] float32 of a long side of `size` pixels."""
    rgb = read_picture(picture, 4 * size).rgb
    target: np.ndarray = resize_image(rgb, *fit_size(rgb.shape[0], rgb.shape[1], size))
    return target


if __name__ == "__main__":
    main()
