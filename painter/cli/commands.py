"""The commands besides painting. Each is a module of this package under the same name, imported when it is asked for.

Such a module has one function, `main(arguments, program, watch) -> int`: it parses what follows the command's name on
the command line, does the work and returns the exit code; errors it raises as ImpastoError.
"""

from __future__ import annotations

# Name -> what it does, for the help. This is the registry: a new command adds its line here.
COMMANDS: dict[str, str] = {
    "batch": "paint every picture of a folder",
    "replay": "draw a stroke file again, at any size and in any format",
    "restyle": "give strokes that are kept in a file the style of a picture",
    "suggest": "show how the quality grows with the number of strokes",
    "collection": "paint a collection of unique tokens with their metadata",
    "transfer": "give a picture the style of another, pixel by pixel",
}
DEFAULT_COMMAND = "painting"

# Exit codes; INCOMPLETE: of many paintings, some could not be made.
INCOMPLETE, BAD_INPUT, INTERRUPTED = 1, 2, 130
