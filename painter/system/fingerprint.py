"""What a run is of: options by their names, files by their content; and what two runs differ in, for people."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from painter.errors import one_line
from painter.options.fields import named_files, option_name

_SHOWN, _LONGEST = 4, 60  # differences in a message, and characters of each


def sha256_of(path: Path) -> str:
    """The sha256 of a file's content, 64 hexadecimal digits. Raises OSError where it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def options_of(config: Any, digest: Callable[[Path], str] = sha256_of, **instead: Any) -> dict[str, Any]:
    """A dataclass of options by their names on the command line; files by their content.

    Args:
        digest: the sha256 of a file's content.
        instead: values by the fields' names, for what `config` leaves to the machine.
    """
    files = named_files(config)
    options = {option_name(name): value for name, value in {**asdict(config), **instead}.items() if name not in files}
    return {**options, **{option_name(name): f"sha256 {digest(path)}" for name, path in files.items()}}


def differences(begun: dict[str, Any], asked: dict[str, Any]) -> str:
    """What was other when it was begun, in one short line; '' if nothing.

    Args:
        begun, asked: 'version' and what `options_of` returns; names without -- are of what else decides, by its digest.
    """
    missing = object()
    names = [name for name in {**asked, **begun} if begun.get(name, missing) != asked.get(name, missing)]
    told = [one_line(_told(name, begun.get(name)))[:_LONGEST] for name in names[:_SHOWN]]
    return ", ".join(told) + (" and more" if len(names) > _SHOWN else "")


def _told(name: str, value: Any) -> str:
    """What an option, or whatever else decides, was."""
    if name == "version":
        return f"Impasto {str(value).split('/')[0]}"
    if not name.startswith("--") or (isinstance(value, str) and value.startswith("sha256 ")):
        return f"another {name}"
    if isinstance(value, list):
        return " ".join(f"{name} {one}" for one in value)
    return f"no {name}" if value is None or value is False else f"{name} {value}"
