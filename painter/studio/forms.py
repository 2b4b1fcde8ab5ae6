"""Every option of a painting and of its files as the page shows it, made from the options' own fields."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import Any

from painter.options.export import ExportConfig
from painter.options.kinds import ByteSize, Choice, Color, File, Integer, Names, Number, OrNames, Palette, Switch
from painter.options.paint import BRUSH_DEFAULTS, PaintConfig
from painter.options.presets import PRESETS
from painter.options.restyle import RestyleConfig
from painter.options.reveal import THEN_HELP, RevealConfig
from painter.options.serving import StudioConfig

NOT_SHOWN = ("device", "backend", "weights")
"""Options that are the server's own business."""


RESTYLED = ("style_mode", "style_weight", "content_weight", "content_loss", "iterations", "seed")
"""Options of a restyling that pages show: the network that sees style is one that needs no weights."""

THEN = {"name": "then", "help": THEN_HELP, "default": None, "optional": True, "type": "file"}
"""The picture that a painting shows after its first."""


def all_forms(config: StudioConfig) -> dict[str, Any]:
    """All that the page needs to know of options, ready for JSON."""
    return {
        "paint": [
            *(form for form in map(form_of, fields(PaintConfig)) if form["name"] not in NOT_SHOWN),
            THEN, *map(form_of, fields(RevealConfig)),
        ],
        "restyle": [form_of(spec) for spec in fields(RestyleConfig) if spec.name in RESTYLED],
        "export": [form_of(spec) for spec in fields(ExportConfig)],
        "presets": {name: {"about": preset.about, **preset.settings} for name, preset in PRESETS.items()},
        "paper": [style for style, defaults in BRUSH_DEFAULTS.items() if defaults.paper],
        "limits": {
            "size": config.most_size, "strokes": config.most_strokes, "iterations": config.most_iterations,
            "seconds": config.most_seconds, "upload": config.upload_mb * 1_000_000,
        },
    }  # fmt: skip


def form_of(spec: Field[Any]) -> dict[str, Any]:
    """One option, ready for JSON: its name, help and default, and its type with bounds or choices."""
    help: str = spec.metadata["help"]
    form = {"name": spec.name, "help": help, "default": spec.default, "optional": spec.default is None}
    return {**form, **_kind(spec.metadata["kind"])}


def _kind(kind: Any) -> dict[str, Any]:
    match kind:
        case OrNames(names=names, kind=inner):
            return {**_kind(inner), "names": list(names)}
        case Integer(low=low, high=high):
            return {"type": "integer", "low": low, "high": high}
        case Number(low=low, high=high):
            return {"type": "number", "low": low, "high": high}
        case Choice(values=values):
            return {"type": "choice", "choices": list(values)}
        case Names(names=names):
            return {"type": "choice", "choices": list(names)}
        case Switch():
            return {"type": "switch"}
        case Color(names=names):
            return {"type": "color", "names": list(names)}
        case Palette():
            return {"type": "palette"}
        case File():
            return {"type": "file"}
        case ByteSize():
            return {"type": "text"}
    return {"type": "text"}
