"""The registry of commands: a new command is one module and one entry here.

A command's module is imported when the command is run. It has one function, `main(arguments, program, watch) -> int`:

    arguments  list[str], what follows the command's name on the command line
    program    how messages and --help name the program: 'paint.py replay'
    watch      a `painter.system.usage.Stopwatch` that was started with the program

It returns the exit code and raises errors as `painter.errors.ImpastoError`. So that bad options are refused at once, it
imports at its top nothing that imports torch, and the rest in one function that runs after options and paths have been
checked.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """An entry of the registry."""

    help: str  # one line
    module: str  # its full name, also of a module outside this package


COMMANDS: dict[str, Command] = {
    "batch": Command("paint every picture of a folder", "painter.cli.batch"),
    "replay": Command("draw a stroke file again, at any size and in any format", "painter.cli.replay"),
    "morph": Command("let the strokes of one painting become those of another", "painter.cli.morph"),
    "restyle": Command("give the strokes of a stroke file the style of a picture", "painter.cli.restyle"),
    "video": Command("paint a clip with strokes that move with it", "painter.cli.video"),
    "suggest": Command("show how the quality grows with the number of strokes", "painter.cli.suggest"),
    "studio": Command("paint on a page in the browser, and watch", "painter.cli.studio_command"),
    "collection": Command("paint a collection of unique tokens with their metadata", "painter.cli.collection"),
    "compile": Command("compile the kernels of all brushes ahead, once", "painter.cli.compile"),
    "features": Command("list the trained networks that are on this machine", "painter.cli.features_command"),
    "transfer": Command("give a picture the style of another, pixel by pixel", "painter.cli.transfer"),
}
"""Commands by the first word of a command line."""

PAINT = Command("paint a picture", "painter.cli.paint")
"""What runs when the first word is not a command."""

# Exit codes. INCOMPLETE: some of many paintings could not be made.
INCOMPLETE, BAD_INPUT, INTERRUPTED = 1, 2, 130
