"""What `replay` does with a stroke video: draw it again, at any size, rate, relief and texture, on any ground."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from painter.cli.outputs import Outputs, claimed, print_written, write_in_turn
from painter.cli.paths import check_overwriting
from painter.cli.progress import say_notes
from painter.errors import OptionError
from painter.options.fields import option_name
from painter.options.replay import ReplayConfig
from painter.painting.file_bytes import check_readable
from painter.system.names import FILM_ENDING
from painter.system.usage import keep_freed_memory

HEEDED = ("size", "canvas", "relief", "texture", "ground", "margin", "pencil", "mixing")
HEEDED_BY = {FILM_ENDING: (), ".html": ("size", "relief", "texture")}
"""By ending, the options that a file goes by; all others go by HEEDED and the rate."""


def replay_film(file: Path, config: ReplayConfig, outputs: Outputs, quiet: bool) -> int:
    """Draw a stroke video again; the exit code.

    Raises:
        OptionError: an option that a film does not have, or --canvas transparent.
        OutputError: a file cannot be written.
        StrokeFileError: the stroke video cannot be read or has an error; nothing is written then.
    """
    check_readable(file)
    given = {spec.name: getattr(config, spec.name) for spec in fields(config)}
    given = {name: value for name, value in given.items() if value not in (None, "auto")}
    for name in given:
        if name not in HEEDED:
            raise OptionError(f"{option_name(name)} {given[name]}: a stroke video has none; leave it out")
    if given.get("canvas") == "transparent":
        raise OptionError("--canvas transparent: the frames of a film are opaque; choose a colour, or auto")
    keep_freed_memory()
    from painter.pictures.ground import named_ground
    from painter.video.film_files import FilmCut, check_film_output, film_ending, write_film_file
    from painter.video.stroke_video_reader import count_frames, read_film

    if outputs.own_folder:
        outputs = replace(outputs, paintings=(outputs.paintings[0].removesuffix(".png") + ".mp4",))
    for name in outputs.files:
        check_film_output(name)
    say_notes(_without_effect(outputs, given, film_ending), quiet)
    check_overwriting([Path(name) for name in outputs.files], {"the input stroke video": file})
    film = read_film(file)
    count = count_frames(file)  # all of it is checked before anything is written
    film = replace(film, config=replace(film.config, **given))
    fps, ground = outputs.export.fps, named_ground(given["canvas"]) if "canvas" in given else None
    rate = None if fps is None else Fraction(fps).limit_denominator(1001)
    shown = FilmCut(file, film, count, film.config.size, rate, ground)
    with claimed(outputs) as written:
        notes = write_in_turn([(name, partial(write_film_file, name, shown)) for name in written.files])
    if not quiet:
        print_written(outputs, written, notes)
    return 0


def _without_effect(outputs: Outputs, given: Iterable[str], ending: Callable[[str], str]) -> list[str]:
    """A line for each option that some of the files do not go by.

    Args:
        given: those of the painting that were given.
        ending: of a file's name, as in HEEDED_BY.
    """
    export = outputs.export
    said = [*given, *(spec.name for spec in fields(export) if getattr(export, spec.name) != spec.default)]
    notes = []
    for name in said:
        idle = [file for file in outputs.files if name not in HEEDED_BY.get(ending(file), (*HEEDED, "fps"))]
        if idle:
            notes.append(f"{option_name(name)} has no effect on {', '.join(idle)}")
    return notes
