"""The command `features`: which trained networks are on this machine, and how to get those that are not."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from painter.cli.arguments import add_common_options, new_parser
from painter.cli.progress import say
from painter.errors import CheckpointError
from painter.options.network_files import (
    PACKAGES,
    TORCHVISION,
    NetworkPackage,
    choose_features,
    torch_folder,
)
from painter.system.fingerprint import sha256_of
from painter.system.usage import Stopwatch


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Print the list; the exit code."""
    make_parser(program).parse_args(arguments)
    for kind, name in TORCHVISION.items():
        _say_torchvision(kind, torch_folder() / name)
    for package in PACKAGES:
        _say_package(package)
    say(sys.stdout, "random    always there: filters that were never trained, which see colours and fine texture")
    say(sys.stdout, f"--features auto uses {choose_features('auto')}")
    return 0


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The parser of the command."""
    what = (
        "List the networks trained by others that Impasto can use: what each is for, whether it is on this machine,\n"
        "and the command that gets it. Nothing is downloaded, and everything works without them."
    )
    parser = new_parser(what, program)
    add_common_options(parser)
    return parser


def _say_torchvision(kind: str, path: Path) -> None:
    try:
        if not path.is_file():
            said = f"missing; --features {kind} downloads it once to {path}"
        elif sha256_of(path).startswith(path.stem.rsplit("-", 1)[1]):
            said = f"there: {path}"
        else:
            said = f"damaged: delete {path}"
    except OSError as error:
        said = f"cannot be read ({error.strerror or error}): change the permissions of {path}"
    say(sys.stdout, f"{kind:<9} {said}")


def _say_package(package: NetworkPackage) -> None:
    name, paths = f"{package.name} {package.version} ({package.purpose})", package.paths()
    if paths is None:
        say(sys.stdout, f"{name}: missing; {package.install}")
        return
    try:
        for path in paths:
            package.check(path, sha256_of(path))
    except (CheckpointError, OSError) as error:
        say(sys.stdout, f"{name}: {error}")
    else:
        say(sys.stdout, f"{name}: there")
