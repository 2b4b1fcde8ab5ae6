"""What pages ask for, checked before anything is done: options, uploads, limits.

Options that name files are never taken as text: a page names uploads by their ids, and the server puts the files in.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from painter.errors import OptionError, one_line
from painter.options.export import ExportConfig
from painter.options.fields import option_name
from painter.options.paint import PaintConfig
from painter.options.restyle import RestyleConfig
from painter.options.reveal import LaterPictures, RevealConfig
from painter.options.serving import StudioConfig
from painter.studio.forms import NOT_SHOWN, RESTYLED
from painter.studio.library import STROKES, Library

_PLACEHOLDER = "an upload"
_LONGEST_NAME = 100  # of an option that is not one, in messages
_FILES = ("focus", "region", "brush", "style_image", "palette", "then")


def paint_request(asked: Mapping[str, Any], library: Library, config: StudioConfig) -> dict[str, Any]:
    """What a worker is told to paint.

    Args:
        asked: 'picture', the id of an upload; 'config', values of options by field; 'files', ids of uploads by field;
            'pictures', whether the page wants pictures of the strokes, as it cannot draw them.

    Raises:
        OptionError: an option that is not allowed, names a file or is beyond a limit, or an upload that is not there;
            one line.
    """
    picture = library.picture(asked.get("picture"))
    if picture is None:
        raise OptionError("the picture is not there any more; choose it again")
    files = _object(asked, "files")
    uploads = {name: library.picture(upload) for name, upload in files.items()}
    for name, upload in uploads.items():
        if name not in _FILES or upload is None:
            raise OptionError(f"{_shown(name)}: the upload is not there any more; choose it again")
    settings = _object(asked, "config")
    own = {name: value for name, value in settings.items() if name != "shares"}
    options = read_options(own, {name: _PLACEHOLDER for name in files if name != "then"})
    _check_limits(options, config)
    places = {name: str(library.original(files[name])) for name in files}
    then = [places.pop("then")] if "then" in places else []
    later = LaterPictures(tuple(then), RevealConfig(shares=_plain(settings, "shares")))
    later.check(options)
    placed = {**asdict(options), **places}
    about = {
        "name": picture["name"], "picture": picture["id"], "created": time.time(), "settings": settings, "files": files,
    }  # fmt: skip
    return {
        "do": "paint", "picture": str(library.original(picture["id"])), "name": _stem(picture["name"]),
        "config": placed,
        "labels": {name: upload["name"] for name, upload in uploads.items() if upload}, "about": about,
        "then": then, "shares": later.shares.shares, "pictures": asked.get("pictures") is True,
    }  # fmt: skip


def restyle_request(
    asked: Mapping[str, Any], painting: Mapping[str, Any], library: Library, config: StudioConfig
) -> dict[str, Any]:
    """What a worker is told to restyle.

    Args:
        asked: 'picture', the id of the upload whose style it is; 'config', values of options by field; 'pictures', as
            of `paint_request`.
        painting: what is known of the painting.

    Raises:
        OptionError: an option that is not allowed or beyond a limit, or an upload that is not there; one line.
    """
    style = library.picture(asked.get("picture"))
    if style is None:
        raise OptionError("the style picture is not there any more; choose it again")
    settings = _object(asked, "config")
    for name, value in settings.items():
        if name not in RESTYLED or isinstance(value, (list, dict)):
            raise OptionError(f"{_shown(name)}: is not an option of a restyling; leave it out")
    options = RestyleConfig(**settings, features="random")
    for name, most in (("size", config.most_size), ("strokes", config.most_strokes)):
        if painting.get(name, 0) > most:  # it may be of a stroke file from elsewhere
            raise OptionError(f"the painting's {name} of {painting[name]}: this studio restyles at most {most}")
    if options.iterations > config.most_iterations:
        wrong = f"this studio allows at most {config.most_iterations}"
        raise OptionError(f"--iterations {options.iterations}: {wrong}; lower it")
    about = {
        **{name: painting.get(name) for name in ("name", "picture", "settings", "files")}, "created": time.time(),
    }  # fmt: skip
    return {
        "do": "restyle", "source": str(library.painting_folder(painting["id"]) / STROKES),
        "style": str(library.original(style["id"])), "style_name": style["name"], "config": asdict(options),
        "about": about, "pictures": asked.get("pictures") is True,
    }  # fmt: skip


def read_options(settings: Mapping[str, Any], files: Mapping[str, str]) -> PaintConfig:
    """The options that a page gives, with `files` for those that name files.

    Raises:
        OptionError: an option is unknown, not allowed or not for pages, or its text names a file of this machine.
    """
    known = {spec.name: spec for spec in fields(PaintConfig)}
    for name in settings:
        if name not in known or name in NOT_SHOWN:
            raise OptionError(f"{_shown(name)}: is not an option of the studio; leave it out")
        _plain(settings, name)
    options = PaintConfig(**{**settings, **files})
    for name in options.files:
        if name not in files:
            raise OptionError(f"{option_name(name)}: a file is uploaded and not named; choose it on the page")
    return options


def export_options(settings: Mapping[str, Any]) -> ExportConfig:
    """The options of a file.

    Raises:
        OptionError: one is unknown or not allowed.
    """
    known = {spec.name for spec in fields(ExportConfig)}
    for name, value in settings.items():
        if name not in known or isinstance(value, (list, dict)):
            raise OptionError(f"{_shown(name)}: is not an option of files; leave it out")
    return ExportConfig(**settings)


def _check_limits(options: PaintConfig, config: StudioConfig) -> None:
    limits = {"size": config.most_size, "strokes": config.most_strokes, "iterations": config.most_iterations}
    limits |= {"seconds": config.most_seconds, "style_iterations": config.most_iterations}
    for name, most in limits.items():
        value = getattr(options, name)
        if isinstance(value, (int, float)) and value > most:
            raise OptionError(f"{option_name(name)} {value:g}: this studio allows at most {most}; lower it")


def _plain(settings: Mapping[str, Any], name: str) -> Any:
    """A value that a page gives; None if it gives none. Raises OptionError if it is a list or an object."""
    value = settings.get(name)
    if isinstance(value, (list, dict)):
        raise OptionError(f"{option_name(name)}: must be one number or text")
    return value


def _shown(name: object) -> str:
    """What a page calls an option, as messages show it."""
    return one_line(option_name(str(name)))[:_LONGEST_NAME]


def _object(asked: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = asked.get(name) or {}
    if not isinstance(value, dict):
        raise OptionError(f"{name} must be an object")
    return value


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0] or "picture"
