"""The lines of keys and values in a TOML document; which tomllib does not report.

Only for documents that tomllib has read: errors are not looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

KeyPath = tuple[str | int, ...]
"""Where something is in a document: keys, and positions in lists from 0."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")  # also what may come between the values of a list
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\r\n]*")  # a number, a date or a boolean
_STRINGS = (  # the longest quotes first
    re.compile(r'"""(?:\\.|[^\\])*?"{3,5}', re.DOTALL),
    re.compile(r"'''.*?'{3,5}", re.DOTALL),
    re.compile(r'"(?:\\.|[^"\\\n])*"'),
    re.compile(r"'[^'\n]*'"),
)
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)


@dataclass(frozen=True)
class Lines:
    """The lines of all keys and values of a document."""

    known: dict[KeyPath, int] = field(default_factory=dict)  # counted from 1

    def of(self, *path: str | int) -> int:
        """The line of `path`, or of the innermost table or list around it that exists; 1 for the document itself."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.known:
                return self.known[path[:length]]
        return 1


def locate(text: str) -> Lines:
    """The line at which each key, table and value of a list begins.

    >>> lines = locate('name = "Coins"\\n[[axis]]\\nvalues = [\\n  {name = "Oil"},\\n]')
    >>> lines.of("axis", 0, "values", 0, "name"), lines.of("axis", 0, "weight"), lines.of("size")
    (4, 2, 1)

    Args:
        text: a document that tomllib can read.
    """
    return Lines(_Scanner(text).document())


class _Scanner:
    """Reads the text once; `_at` is the position reached."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._counted = (0, 1)  # a position in the text, and its line
        self._lines: dict[KeyPath, int] = {}
        self._lengths: dict[KeyPath, int] = {}  # of the lists of tables so far

    def document(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._lines

    def _header(self) -> KeyPath:
        """[a.b] or [[a.b]]; the path of the table that it opens."""
        line = self._line()
        brackets = 2 if self._text.startswith("[[", self._at) else 1
        self._at += brackets
        keys = self._keys()
        self._at += brackets
        path: KeyPath = ()
        for key in keys[:-1]:
            path = self._last((*path, key))
            self._lines.setdefault(path, line)
        path = (*path, keys[-1])
        self._lines.setdefault(path, line)
        if brackets == 2:
            self._lengths[path] = self._lengths.get(path, 0) + 1
            path = self._last(path)
            self._lines[path] = line
        return path

    def _last(self, path: KeyPath) -> KeyPath:
        """The path of the last table if `path` is a list of tables; else `path` itself."""
        return (*path, self._lengths[path] - 1) if path in self._lengths else path

    def _pair(self, table: KeyPath) -> None:
        """key = value; the key may have dots."""
        line = self._line()
        path = table
        for key in self._keys():
            path = (*path, key)
            self._lines.setdefault(path, line)
        self._at += 1  # the sign =
        self._skip(_SPACE)
        self._value(path)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_SPACE)
            if self._text[self._at] in "\"'":
                keys.append(self._string())
            else:
                keys.append(self._skip(_BARE_KEY))
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return keys
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        sign = self._text[self._at]
        if sign == "[":
            with self._within("]") as more:
                for index, _ in enumerate(more):
                    item = (*path, index)
                    self._lines[item] = self._line()
                    self._value(item)
        elif sign == "{":
            with self._within("}") as more:
                for _ in more:
                    self._pair(path)
        elif sign in "\"'":
            self._string()
        else:
            self._skip(_SCALAR)

    @contextmanager
    def _within(self, end: str) -> Iterator[Iterator[None]]:
        """Inside brackets: an iterator that yields at the beginning of each item."""
        self._at += 1

        def items() -> Iterator[None]:
            self._skip(_BLANK)
            while self._text[self._at] != end:
                yield
                self._skip(_BLANK)
                if self._text[self._at] == ",":
                    self._at += 1
                    self._skip(_BLANK)

        yield items()
        self._at += 1

    def _string(self) -> str:
        """The string at this position, decoded as keys need it: a key never has more than one line."""
        match = next(match for string in _STRINGS if (match := string.match(self._text, self._at)))
        self._at = match.end()
        body = match[0][1:-1]
        return body if match[0][0] == "'" else _ESCAPE.sub(_unescaped, body)

    def _skip(self, what: re.Pattern[str]) -> str:
        match = what.match(self._text, self._at)
        assert match is not None, "only for documents that tomllib can read"
        self._at = match.end()
        return match[0]

    def _line(self) -> int:
        place, line = self._counted
        self._counted = (self._at, line + self._text.count("\n", place, self._at))
        return self._counted[1]


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else _ESCAPES.get(match[3], match[0])
