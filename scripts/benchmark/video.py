"""How steady and how good painted clips are: `python -m scripts.benchmark.video` prints the table of docs/video.md.

Each clip is painted by Impasto and by three rivals: each frame alone, a warm start without flow, and the canvas itself
carried along. No figure says enough alone: a canvas that is carried along wins the first two, and blurs.

    warp    mean absolute difference of each frame and the one before as the true flow carries it, 0 to 255
    over    the same, over that of frames painted alone
    tOF     how far the painted clip's optical flow is from the source's, pixels
    PSNR    dB to the source (without noise), and the difference from frames painted alone, on the same frames
    sharp   sharpness of the last frame over that of the first, each over the source's
    born    strokes born a frame, per cent of all
    most    strokes at any time
    CPU     seconds a frame, after the first; and over those of a painting
    same    frames that are like the one before, to the byte
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from painter.options.paint import STYLE_ALIASES, PaintConfig
from painter.pictures.ground import to_bytes
from painter.search.config import SearchConfig
from painter.search.parameters import Constraints
from painter.search.placer import Placer
from painter.search.subject import prepare_subject
from painter.search.view import Runtime, View
from painter.system.usage import peak_rss_mb
from painter.video.carrying import Fits
from painter.video.clip_painter import ClipPainter
from painter.video.clip_source import open_clip
from painter.video.company import Company
from painter.video.film import painting_of
from painter.video.looking_ahead import with_ahead
from painter.video.motion import flow_between, pulled
from painter.video.stroke_video import Film, FilmFrame
from renderers.drawing import draw
from scripts.benchmark.video_clips import (
    CLIPS,
    Clip,
    estimated,
    flow_error,
    kept_sharpness,
    psnr,
    warp_error,
)

NEW_SHARE = 0.04  # of the strokes that a carried canvas gets in each frame


@dataclass(frozen=True, eq=False)
class Painted:
    """A painted clip, or some of its frames."""

    frames: list[np.ndarray]
    at: list[int]  # which they are
    seconds: float  # CPU, a frame; of all but the first where it is a clip
    first_seconds: float
    ids: list[np.ndarray]
    same: int


class UnmovedPainter(ClipPainter):
    """A warm start without flow: strokes begin where they were."""

    def _carry(self, living: Company, fits: Fits, pixel: float) -> tuple[Company, np.ndarray]:
        return super()._carry(living, replace(fits, similarity=np.zeros_like(fits.similarity)), pixel)


def followed(clip: Clip, painter: ClipPainter) -> Painted:
    """All frames, one after the other."""
    found, seconds = [], []
    for image, ahead in with_ahead(clip.frames, painter.ahead):
        begun = time.process_time()
        found.append(painter.next(image, ahead))
        seconds.append(time.process_time() - begun)
    pictures = list(_drawn(found, painter.config, clip))
    same = sum(np.array_equal(a, b) for a, b in pairwise(pictures))
    ids = [frame.id for frame in found]
    return Painted(pictures, list(range(len(pictures))), float(np.mean(seconds[1:])), seconds[0], ids, same)


def alone(clip: Clip, config: PaintConfig) -> Painted:
    """Six frames in three pairs, each painted by itself."""
    count = len(clip.frames)
    at = sorted({0, 1, count // 2, count // 2 + 1, count - 2, count - 1})
    begun = time.process_time()
    found = [ClipPainter(config).next(clip.frames[k]) for k in at]
    seconds = (time.process_time() - begun) / len(at)
    return Painted(list(_drawn(found, config, clip)), at, seconds, seconds, [], 0)


def carried_canvas(clip: Clip, config: PaintConfig) -> Painted:
    """The canvas pulled along by the estimated flow, with a few new strokes where it differs most."""
    first = ClipPainter(config).next(clip.frames[0])
    pictures = list(_drawn([first], config, clip))
    subject, search = prepare_subject(clip.frames[0], config), SearchConfig()
    count = int(config.strokes)
    limits = Constraints.of(config, clip.frames[0].shape[:2], subject.target.opacity, None)
    rng, begun = np.random.default_rng(0), time.process_time()
    for before, after in pairwise(clip.frames):
        canvas = pulled(
            pictures[-1].astype(np.float32) / 255, flow_between(*(f / np.float32(255) for f in (after, before)))
        )
        target = replace(subject.target, image=after.astype(np.float32) / 255, weight=None)
        view = View(target, Runtime(torch.device("cpu"), "cpu"))
        placer = Placer(partial(_whole, view), limits, subject.brush, subject.maps, config, search, rng)
        new, _ = placer.place(
            round(NEW_SHARE * count), 0.03 * math.sqrt(500 / count), view, canvas, 3, 1.0, close=False
        )
        pictures.append(to_bytes(draw(new, canvas)))
    seconds = (time.process_time() - begun) / max(1, len(pictures) - 1)
    return Painted(pictures, list(range(len(pictures))), seconds, 0.0, [], 0)


def _whole(view: View, side: int) -> View:
    """The view itself, whatever side is asked for."""
    return view


def _drawn(frames: Sequence[FilmFrame], config: PaintConfig, clip: Clip) -> Iterator[np.ndarray]:
    height, width = clip.frames[0].shape[:2]
    film = Film(config.style, (height, width), 24, config)  # type: ignore[arg-type]
    return (painting_of(film, frame).draw() for frame in frames)


def pair_errors(painted: Painted, clip: Clip) -> float:
    """`warp_error` over all neighbours that were painted."""
    where = {k: n for n, k in enumerate(painted.at)}
    errors = [
        warp_error([painted.frames[where[k]], painted.frames[where[k + 1]]], [clip.flows[k]])
        for k in painted.at if k + 1 in where
    ]  # fmt: skip
    return float(np.mean(errors))


def row(name: str, painted: Painted, by_itself: Painted, clip: Clip, strokes: int) -> str:
    """A line of the table."""
    whole, where = len(painted.at) == len(clip.frames), {k: n for n, k in enumerate(painted.at)}
    warp, base = pair_errors(painted, clip), pair_errors(by_itself, clip)
    ours = np.mean([psnr(painted.frames[where[k]], clip.clean[k]) for k in by_itself.at])
    theirs = np.mean([psnr(frame, clip.clean[k]) for frame, k in zip(by_itself.frames, by_itself.at, strict=True)])
    cells = [
        name, f"{warp:.2f}", f"{warp / base:.2f}" if base else "–",
        f"{flow_error(painted.frames, clip):.2f}" if whole else "–", f"{ours:.2f}", f"{ours - theirs:+.2f}",
        f"{kept_sharpness(painted.frames, clip):.2f}", "–", "–", f"{painted.seconds:.2f}",
        f"{painted.seconds / by_itself.seconds:.2f}", "–",
    ]  # fmt: skip
    if painted.ids:
        born = np.mean([len(np.setdiff1d(after, before)) for before, after in pairwise(painted.ids)])
        cells[7:9] = [f"{100 * born / strokes:.1f}", str(max(map(len, painted.ids)))]
        cells[11] = str(painted.same)
    return "| " + " | ".join(cells) + " |"


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--clips", default="pan,turn,head,drift,cat,still,noisy", help="names, or files, with commas between"
    )
    parser.add_argument("--styles", default="rectangle", help="with commas between")
    parser.add_argument("--strokes", type=int, default=400)
    parser.add_argument("--side", type=int, default=384, help="pixels")
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--skip", type=int, default=0, help="frames of a file that are left out before")
    parser.add_argument(
        "--rivals", default="alone,warm,canvas", help="of alone, warm and canvas; alone is always there"
    )
    parser.add_argument(
        "--long", type=int, help="paint so many frames of a camera that goes to and fro, and compare ends"
    )
    options = parser.parse_args(words)
    torch.set_num_threads(1)
    if options.long:
        print(_long(options))
        return
    print("| clip, method | warp | over | tOF px | PSNR | to alone | sharp | born % | most | CPU s | CPU over | same |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for name in options.clips.split(","):
        clip = _clip(name, options.frames, options.side, options.skip)
        for style in options.styles.split(","):
            config = _config(style, options)
            _compare(f"{Path(name).stem}, {style}", clip, config, options.rivals.split(","))


def _config(style: str, options: argparse.Namespace) -> PaintConfig:
    name = STYLE_ALIASES.get(style, style)
    return PaintConfig(style=name, strokes=options.strokes, size=options.side, focus="none", texture=0.0)


def _long(options: argparse.Namespace) -> str:
    """Whether a long clip stays as good as it began, and memory flat."""
    clip, config = CLIPS["sway"](options.long, options.side), _config(options.styles, options)
    painter, found, memory = ClipPainter(config), [], []
    for image, ahead in with_ahead(clip.frames, painter.ahead):
        found.append(psnr(next(_drawn([painter.next(image, ahead)], config, clip)), image))
        memory.append(peak_rss_mb() or 0.0)
    fifty = min(50, len(found) // 2)
    first, last = np.mean(found[:fifty]), np.mean(found[-fifty:])
    quality = f"PSNR of the first {fifty} {first:.2f} dB, of the last {last:.2f} dB ({last - first:+.2f})"
    peak = f"peak memory {memory[fifty]:.0f} MB after {fifty}, {memory[-1]:.0f} in the end"
    return f"{options.long} frames: {quality}; {peak}"


def _clip(name: str, frames: int, side: int, skip: int) -> Clip:
    if name in CLIPS:
        return CLIPS[name](frames, side)
    found = [frame for _, frame in zip(range(skip + frames), open_clip(Path(name), side).frames(), strict=False)]
    return estimated(found[skip:])


def _compare(name: str, clip: Clip, config: PaintConfig, rivals: Sequence[str]) -> None:
    strokes, by_itself = int(config.strokes), alone(clip, config)
    source = warp_error(clip.clean, clip.flows)
    print(f"| {name}: the source itself | {source:.2f} |" + " – |" * 10, flush=True)
    methods: dict[str, Callable[[], Painted]] = {
        "**Impasto**": lambda: followed(clip, ClipPainter(config)),
        "each frame alone": lambda: by_itself,
        "warm start, no flow": lambda: followed(clip, UnmovedPainter(config)),
        "carried canvas": lambda: carried_canvas(clip, config),
    }
    wanted = {"alone": "each frame alone", "warm": "warm start, no flow", "canvas": "carried canvas"}
    chosen = {"**Impasto**", "each frame alone", *(wanted[rival] for rival in rivals)}
    for method, paint in methods.items():
        if method in chosen:
            print(row(f"{name}: {method}", paint(), by_itself, clip, strokes), flush=True)


if __name__ == "__main__":
    main()
