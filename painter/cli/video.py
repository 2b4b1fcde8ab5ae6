"""The command `video`: paint a clip with strokes that stay themselves."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from painter.batch.ray_pool import check_ray
from painter.cli.arguments import (
    LIST_OF_PRESETS,
    add_common_options,
    add_options,
    given,
    given_name,
    new_parser,
)
from painter.cli.commands import BAD_INPUT, INCOMPLETE, INTERRUPTED
from painter.cli.outputs import Outputs, add_overwrite, claimed, print_written, write_in_turn
from painter.cli.paths import check_overwriting, default_folder
from painter.cli.progress import StepBar, announce_compiling, say
from painter.cli.running import make_pool
from painter.errors import OptionError
from painter.options.presets import PRESET_NAME, PRESETS
from painter.options.running import RunningConfig
from painter.options.video import VideoConfig
from painter.system.interrupts import deferred_interrupts
from painter.system.journal import Journal
from painter.system.usage import Stopwatch, keep_freed_memory
from renderers.threads import core_count

if TYPE_CHECKING:
    from painter.video.clip_run import ClipProgress, ClipRun, PaintedClip
    from painter.video.shot_run import ShotProgress, ShotRun

LONG = 3000  # frames, from which an estimate is said before
FRAME_SECONDS = 0.5  # that a frame of 500 strokes at 512 pixels takes, for that estimate


@dataclass(frozen=True)
class Request:
    """A parsed command line."""

    clip: Path
    config: VideoConfig
    outputs: Outputs
    resume: bool
    quiet: bool


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Paint, and write the files; the exit code."""
    request = read_request(make_parser(program), arguments)
    with default_folder(request.outputs.own_folder):
        return run(request)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The parser of the command, with the options of VideoConfig."""
    what = "Paint a clip with strokes that are carried along by what they depict."
    parser = new_parser(what, program, LIST_OF_PRESETS)
    parser.add_argument(
        "clip", metavar="CLIP", type=given_name,
        help="a video that ffmpeg reads, an animated GIF or WebP, or a folder of pictures",
    )  # fmt: skip
    parser.add_argument(
        *("-o", "--output"), action="append", default=[], type=given_name, metavar="FILE",
        help="an output file, ending in .mp4, .gif, .webp, .html or .strokes.jsonl.gz, or a folder frames/; may be "
        "repeated (default: output/NAME-STYLE.mp4)",
    )  # fmt: skip
    add_overwrite(parser)
    add_options(parser, VideoConfig)
    parser.add_argument("--preset", metavar="NAME", help=f"what a clip can have of a preset: {', '.join(PRESETS)}")
    parser.add_argument("--resume", action="store_true", help="go on where a run of the same command was cut short")
    add_common_options(parser)
    return parser


def read_request(parser: argparse.ArgumentParser, arguments: list[str]) -> Request:
    """Parse a command line. Raises OptionError: an unknown option, or a value outside its range."""
    options = parser.parse_args(arguments)
    config = VideoConfig(**{**_preset(options.preset), **given(options, VideoConfig)})
    if config.ray is not None:
        check_ray(config.ray)
    clip = Path(options.clip)
    named = options.output or [f"output/{clip.stem or 'clip'}-{config.style}.mp4"]
    shown = tuple(f"{Path(name)}/" if name.endswith("/") else str(Path(name)) for name in named)
    outputs = Outputs(shown, own_folder=not options.output, overwrite=options.overwrite)
    return Request(clip, config, outputs, options.resume, options.quiet)


def _preset(name: str | None) -> dict[str, Any]:
    """What a clip can have of a preset's settings. Raises OptionError if there is none of this name."""
    if name is None:
        return {}
    try:
        settings = PRESETS[PRESET_NAME.check(name)].settings
    except ValueError as error:
        raise OptionError(f"--preset {name}: {error}") from None
    ours = {spec.name for spec in fields(VideoConfig)}
    return {key: value for key, value in settings.items() if key in ours}


def run(request: Request) -> int:
    """Paint and write; the exit code."""
    keep_freed_memory()
    from painter.video.clip_config import ClipConfig
    from painter.video.clip_run import ClipRun
    from painter.video.clip_source import open_clip
    from painter.video.film_files import FilmCut, check_film_output, write_film_file
    from painter.video.shot_run import ShotRun

    outputs, config = request.outputs, request.config
    for name in outputs.files:
        check_film_output(name)
    check_overwriting([Path(name) for name in outputs.files], {"the clip": request.clip})
    source = open_clip(request.clip, min(config.size, ClipConfig.most_side), config.fps)
    first = Path(outputs.paintings[0])
    folder = first.with_name(f".{first.name}.video")
    by_shots = config.processes is not None or config.ray is not None
    clip = (ShotRun if by_shots else ClipRun)(source, config, folder, request.resume)
    if not request.quiet:
        announce_compiling(config.style)
        _say_beginning(clip, request.resume)
    journal = Journal(folder / "names", repr(outputs), request.resume)
    with closing(FrameBar(request.quiet)) as bar:
        painted = _paint_shots(clip, bar) if isinstance(clip, ShotRun) else clip.run(bar.show)
        bar.finish()
    sound = request.clip if source.sound and not config.mute else None
    shown = FilmCut(painted.path, painted.film, painted.frames, config.size, sound=sound)
    with deferred_interrupts(stopped=not painted.ended) as late, claimed(outputs, journal) as written:
        notes = write_in_turn([(name, partial(write_film_file, name, shown)) for name in written.files])
    _say_end(request, written, notes, clip, painted)
    clip.close(finished=painted.ended or painted.failed is not None)
    if painted.unpainted:
        say(sys.stderr, f"error: {painted.unpainted}; what comes before it is in the files")
        return INCOMPLETE
    if painted.failed is not None:
        say(sys.stderr, f"error: {painted.failed}; what was painted before is in the files")
        return BAD_INPUT
    return INTERRUPTED if late or painted.interrupted else 0


def _paint_shots(clip: ShotRun, bar: FrameBar) -> PaintedClip:
    config = clip.config
    with make_pool(RunningConfig(processes=config.processes, ray=config.ray)) as pool:
        return clip.run(pool, bar.show_shots)


class FrameBar(StepBar):
    """The progress of a clip: its frames."""

    def __init__(self, quiet: bool) -> None:
        super().__init__()
        self._quiet = quiet

    def show(self, progress: ClipProgress) -> None:
        """Show one more frame."""
        if not self._quiet:
            total = max(progress.frame, progress.frames or 0)
            self.update(progress.frame, total, "frames", f"{len(progress.shown.id)} strokes")

    def show_shots(self, progress: ShotProgress) -> None:
        """Show one more frame that was looked at, or one more shot that is painted."""
        if progress.problem:
            say(sys.stderr, progress.problem)
        if not self._quiet:
            total = max(progress.frames, progress.total or 0)
            self.update(progress.frames, total, progress.stage, f"{progress.shots} shots")


def _say_beginning(clip: ClipRun | ShotRun, resume: bool) -> None:
    if resume and not clip.resumed:
        say(sys.stderr, f"--resume: no progress is saved in {clip.folder}; starting from the beginning")
    elif clip.resumed:
        say(sys.stderr, f"resuming after {clip.resumed} frames, from {clip.folder}")
    left, config = (clip.frames or 0) - clip.resumed, clip.config
    if left >= LONG and config.ray is None:  # of a cluster nothing is known yet
        seconds = left * FRAME_SECONDS * (config.strokes / 500) * (min(config.size, 768) / 512)
        seconds /= min(config.processes or 1, core_count())
        some = f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{math.ceil(seconds / 60)} minutes"
        say(sys.stderr, f"about {left:,} frames are left: some {some}; Ctrl-C writes what is painted by then")


def _say_end(
    request: Request, written: Outputs, notes: Sequence[str], clip: ClipRun | ShotRun, painted: PaintedClip
) -> None:
    if request.quiet:
        return
    print_written(request.outputs, written, notes, "interrupted; wrote" if painted.interrupted else "wrote")
    if not painted.ended and painted.failed is None:
        say(sys.stdout, f"{painted.frames} frames; the same command with --resume goes on, from {clip.folder}")
