"""A painting with other settings, to be drawn again: at another size, on another ground, in part, in other light."""

from __future__ import annotations

from dataclasses import fields, replace

from painter.errors import OptionError
from painter.options.list_kinds import Span
from painter.options.replay import ReplayConfig
from painter.painting.painting import Painting
from painter.pictures.ground import named_ground


def with_overrides(painting: Painting, config: ReplayConfig) -> Painting:
    """The painting with the settings that `config` has; without any, one that is drawn to the same bytes.

    >>> first = with_overrides(painting, ReplayConfig(strokes=":3", canvas="transparent", size=100))
    >>> len(first.strokes), first.draw().shape
    (3, (75, 100, 4))

    Raises:
        OptionError: no stroke is left, or the margin that is asked for covers the sheet.
    """
    given = {spec.name: getattr(config, spec.name) for spec in fields(config) if spec.name not in ("style", "strokes")}
    given = {name: value for name, value in given.items() if value not in (None, "auto")}
    settings = replace(painting.config, **given)
    if "margin" in given:
        settings.check_margin(*painting.aspect)
    ground = named_ground(settings.canvas) if "canvas" in given else painting.ground
    strokes = painting.strokes
    if config.strokes is not None:
        strokes = strokes[Span.split(config.strokes)]
        if not len(strokes):
            there = f"the painting has {len(painting.strokes)} strokes, counted from 0"
            raise OptionError(f"--strokes {config.strokes}: none is left; {there}")
    return replace(painting, strokes=strokes, ground=ground, config=settings)
