"""The settings of a painting, from defaults, a preset, a TOML file and the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import Field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from painter.errors import OptionError, one_line
from painter.options.fields import check_value
from painter.options.paint import STYLED_STROKES, PaintConfig
from painter.options.presets import PRESET_NAME, PRESETS
from painter.options.reveal import LaterPictures, RevealConfig, check_then
from renderers.special_files import is_special_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_BYTES = 20_000
"""Largest file that is read: the time of Python's parser grows with the square of a dotted key's length."""

_MAX_UNKNOWN = 5  # unknown keys that a message names
_LONGEST_SHOWN = 80  # characters of a key or value in a message


def make_config(given: Mapping[str, Any], file: Path | None = None, preset: str | None = None) -> PaintConfig:
    """`make_settings` of a painting of one picture.

    Raises:
        OptionError: as there; the file names pictures that come after the first, too.
    """
    config, later = make_settings(given, file, preset)
    if later.then:
        raise OptionError(f"{one_line(file or '--then')}: then is for paintings of several pictures; leave it out here")
    return config


def make_settings(
    given: Mapping[str, Any], file: Path | None = None, preset: str | None = None
) -> tuple[PaintConfig, LaterPictures]:
    """Settings in layers: the defaults, a preset, a file, then `given`; each layer overrides the ones before it.

    Without a number of strokes, a painting in a style has STYLED_STROKES.

    Args:
        given: values of PaintConfig's and RevealConfig's fields, by name, and 'then', names of pictures.
        file: a TOML file; see `read_config_file`.
        preset: a name in painter.options.presets.PRESETS; it replaces the one that the file names.

    Raises:
        OptionError: a file cannot be read, a name or a value is not allowed, or options do not go together.
    """
    stored = {} if file is None else read_config_file(file)
    named = stored.pop("preset", None)
    if preset is not None:
        try:
            named = PRESET_NAME.check(preset)
        except ValueError as error:
            raise OptionError(f"--preset {preset}: {error}") from None
    settings = {} if named is None else PRESETS[named].settings
    chosen = {**settings, **stored, **given}
    if chosen.get("style_image") is not None:
        chosen.setdefault("strokes", STYLED_STROKES)
    later = LaterPictures(tuple(chosen.pop("then", ())), RevealConfig(shares=chosen.pop("shares", None)))
    config = PaintConfig(**chosen)
    later.check(config)
    return config, later


def read_config_file(path: Path) -> dict[str, Any]:
    """The settings in a TOML file: options of PaintConfig, with - or _ in their names, 'preset', 'then' and 'shares'.

    Names of files in it are relative to its own folder.

    Returns:
        Checked values by field, only of those that the file sets; of 'then' the names of pictures.

    Raises:
        OptionError: it cannot be read, or has unknown keys or values that are not allowed; the message names the
            file and the key.
    """
    specs = {spec.name: spec for config in (PaintConfig, RevealConfig) for spec in fields(config)}
    content = _load(path)
    _check_keys(path, content, [*specs, "preset", "then"])
    settings: dict[str, Any] = {}
    for key, value in content.items():
        name = key.replace("-", "_")
        if name in settings:
            raise OptionError(f"{one_line(path)}: {shown_value(key)} is set twice, with - and with _; remove one")
        try:
            if name == "preset":
                settings[name] = PRESET_NAME.check(value)
            elif name == "then":
                settings[name] = tuple(_beside(path, picture) for picture in check_then(value))
            else:
                settings[name] = from_folder(path, specs[name], check_value(specs[name], value))
        except ValueError as error:
            raise OptionError(f"{one_line(path)}: {key} = {shown_value(value)}: {error}") from None
    return settings


def _load(path: Path) -> dict[str, Any]:
    where = f"--config {one_line(path)}"
    try:
        if is_special_file(path):
            raise OptionError(f"{where}: it is not a regular file; name a TOML file")
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise OptionError(f"{where}: has more than {MAX_BYTES} bytes, too many for options; name another file")
        return tomllib.loads(content.decode("utf-8-sig"))
    except OptionError:
        raise
    except OSError as error:
        raise OptionError(f"{where}: cannot be read ({error.strerror or error}); name a TOML file") from error
    except UnicodeDecodeError as error:
        raise OptionError(f"{where}: is not UTF-8 text; name a TOML file") from error
    except (ValueError, RecursionError) as error:
        why = one_line(" ".join(str(error).split()))
        raise OptionError(f"{where}: is not TOML: {why}; write lines like strokes = 300") from error


def _check_keys(path: Path, content: Mapping[str, Any], known: list[str]) -> None:
    """Raise OptionError if keys are unknown, naming them and known ones that are similar."""
    unknown = []
    for key, value in content.items():
        name = key.replace("-", "_")
        if name in known:
            continue
        hint = ""
        if isinstance(value, dict):
            hint = " (a table; options are set outside of tables)"
        elif close := get_close_matches(name, known, n=1):
            hint = f" (did you mean {close[0].replace('_', '-')}?)"
        unknown.append(shown_value(key) + hint)
    if unknown:
        more = f" and {len(unknown) - _MAX_UNKNOWN} more" if len(unknown) > _MAX_UNKNOWN else ""
        named = ", ".join(unknown[:_MAX_UNKNOWN]) + more
        raise OptionError(f"{one_line(path)}: there is no option {named}; --help lists the painting options")


def shown_value(value: Any) -> str:
    """A value from a file as a message shows it: short and on one line."""
    try:
        text = repr(value)
    except ValueError:  # an integer with more digits than Python converts to text
        return "a huge number"
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"


def from_folder(path: Path, spec: Field[Any], value: Any) -> Any:
    """A checked value from the file `path`; where it names a file, the name becomes relative to the current folder."""
    file = None if value is None else spec.metadata["kind"].file(value)
    return value if file is None else _beside(path, file)


def _beside(path: Path, name: str) -> str:
    """A name in the file `path`, relative to the current folder."""
    return os.path.join(os.path.dirname(path), name)  # not Path's /, which would make the bare name 'auto' of './auto'
