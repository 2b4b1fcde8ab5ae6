"""Widgets made from the options' own fields, and the options' values from what the widgets hold.

A widget always holds a value. Where an option may be left out, or be 'auto', that is 0 (-1 where 0 means something) or
an empty text; its tooltip says so.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import Field, fields
from typing import Any

from comfy_api.latest import io

from painter.errors import OptionError
from painter.options.fields import named_files, option_name
from painter.options.presets import PRESETS
from painter.studio.forms import form_of

NO_PRESET = "none"
UNSET = "(default)"  # of a choice that may be left out


def widgets_of(config: type, main: Collection[str], without: Collection[str] = ()) -> list[Any]:
    """A widget for each option of a dataclass that names no file; those not in `main` are among the advanced ones.

    Args:
        config: a dataclass of options.
        main: fields that are shown first, in this order.
        without: fields that get no widget.
    """
    specs = {spec.name: spec for spec in _specs(config) if spec.name not in without}
    order = [*main, *(name for name in specs if name not in main)]
    widgets = [_widget(specs[name]) for name in order]
    for widget in widgets[len(main) :]:  # not as `advanced=`, which earlier versions of the V3 schema do not know
        widget.extra_dict = {"advanced": True}
    return widgets


def preset_widget() -> Any:
    """A choice of presets."""
    about = "; ".join(f"{name}: {preset.about}" for name, preset in PRESETS.items())
    return io.Combo.Input("preset", options=[NO_PRESET, *PRESETS], default=NO_PRESET, tooltip=about)


def options_from(config: type, held: Mapping[str, Any], preset: str = NO_PRESET, **more: Any) -> Any:
    """The dataclass of options that widgets ask for. What is as it was at first gives way to the preset.

    Args:
        held: what the widgets hold, by name; others are ignored.
        more: further fields.

    Raises:
        OptionError: a value is not allowed, or names a file of this machine: workflows come from anywhere.
    """
    given = {spec.name: _value(spec, held[spec.name]) for spec in _specs(config) if spec.name in held}
    given = {
        spec.name: given[spec.name] for spec in fields(config) if given.get(spec.name, spec.default) != spec.default
    }
    settings = PRESETS[preset].settings if preset != NO_PRESET else {}
    options = config(**{**settings, **given})
    for name in named_files(options):
        raise OptionError(f"{option_name(name)}: a workflow names no files; connect a picture or a mask instead")
    return config(**{**settings, **given, **more})


def _specs(config: type) -> list[Field[Any]]:
    """The options that have a widget: those that are more than a file."""
    specs = [spec for spec in fields(config) if "kind" in spec.metadata]
    return [spec for spec in specs if form_of(spec)["type"] != "file" or form_of(spec).get("names")]


def _widget(spec: Field[Any]) -> Any:
    form = form_of(spec)
    known: dict[str, Any] = {"tooltip": _without_dashes(form["help"])}
    names, unset = form.get("names", []), form["optional"]
    match form["type"]:
        case "switch":
            return io.Boolean.Input(spec.name, default=spec.default, **known)
        case "choice":
            choices = [UNSET] * unset + form["choices"]
            return io.Combo.Input(spec.name, options=choices, default=spec.default or choices[0], **known)
        case "file":
            return io.Combo.Input(spec.name, options=names, default=spec.default, **known)
        case "integer" | "number" as kind:
            low = _nothing(form) if unset or names else form["low"]
            default = spec.default if isinstance(spec.default, (int, float)) else low
            if unset or names:
                known["tooltip"] += f"; {low:g} is {names[0] if names else 'not set'}"
            if kind == "integer":
                # Else ComfyUI changes whatever is called seed after each run: another painting where only its file was
                # to be another, and any number for -1.
                seed = {"control_after_generate": False} if spec.name == "seed" else {}
                return io.Int.Input(spec.name, default=default, min=low, max=form["high"], **known, **seed)
            return io.Float.Input(spec.name, default=default, min=low, max=form["high"], step=0.01, **known)
    return io.String.Input(spec.name, default="" if spec.default is None else str(spec.default), **known)


def _without_dashes(text: str) -> str:
    """A help text with the names of widgets instead of those of the command line: 'strokes', not '--strokes'."""
    return re.sub(r"--([a-z][a-z-]*)", lambda option: option[1].replace("-", "_"), text)


def _nothing(form: Mapping[str, Any]) -> int:
    """The number that stands for no value."""
    return 0 if form["low"] > 0 else -1


def _value(spec: Field[Any], held: Any) -> Any:
    """What a widget's value means."""
    form = form_of(spec)
    names = form.get("names", [])
    if form["type"] in ("integer", "number") and (form["optional"] or names):
        if held == _nothing(form):
            return names[0] if names else None
    elif held in ("", UNSET) and form["optional"]:
        return None
    return held
