"""What a run is of: its options by name and its files by content; and how two runs differ, for messages."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from painter.errors import one_line
from painter.options.fields import named_files, option_name
from renderers.special_files import check_regular

_SHOWN, _LONGEST = 4, 60  # differences in a message, and characters of each


def sha256_of(path: Path) -> str:
    """The sha256 of a file's content, 64 hexadecimal digits.

    Raises:
        OSError: it cannot be read, or is a pipe, a socket or a device, whose reading may never end.
    """
    check_regular(path)
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def options_of(
    config: Any, digest: Callable[[Path], str] = sha256_of, known: Mapping[str, str] | None = None, **instead: Any
) -> dict[str, Any]:
    """The values of a dataclass of options by their names on the command line, with files by their content.

    Args:
        config: the dataclass.
        digest: computes the sha256 of a file's content.
        known: sha256 of contents, by field, of which there is no file.
        instead: values by field that replace those in `config`: what it leaves to the machine.
    """
    files = named_files(config)
    options = {option_name(name): value for name, value in {**asdict(config), **instead}.items() if name not in files}
    known = known or {}
    contents = {name: known.get(name) or digest(path) for name, path in files.items()}
    return {**options, **{option_name(name): f"sha256 {content}" for name, content in contents.items()}}


def differences(earlier: dict[str, Any], current: dict[str, Any]) -> str:
    """What the earlier run had that the current one has not, in one short line; '' if they are equal.

    Args:
        earlier, current: 'version' and what `options_of` returns; names without -- stand for digests of anything else
            that determines the result.
    """
    missing = object()
    names = [name for name in {**current, **earlier} if earlier.get(name, missing) != current.get(name, missing)]
    shown = [one_line(_described(name, earlier.get(name)))[:_LONGEST] for name in names[:_SHOWN]]
    return ", ".join(shown) + (" and more" if len(names) > _SHOWN else "")


def _described(name: str, value: Any) -> str:
    """An option, or whatever else determines the result, with its value."""
    if name == "version":
        return f"Impasto {str(value).split('/')[0]}"
    if not name.startswith("--") or (isinstance(value, str) and value.startswith("sha256 ")):
        return f"another {name}"
    if isinstance(value, list):
        return " ".join(f"{name} {one}" for one in value)
    return f"no {name}" if value is None or value is False else f"{name} {value}"
