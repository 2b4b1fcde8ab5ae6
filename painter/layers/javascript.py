"""Constants in a JavaScript file, read as text: `const NAME = VALUE`. Nothing is ever executed.

Values are what is written out: objects, lists, texts, numbers, true, false and null. Whatever needs to be computed,
such as a call or a sum, becomes UNKNOWN; a name such as MODE.multiply becomes a `Name`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_SPACE = re.compile(r"(?:\s+|//[^\n]*|/\*.*?(?:\*/|\Z))+", re.DOTALL)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w$])")
_NAME = re.compile(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*")
_CONSTANT = re.compile(r"(?:const|let|var)\s+([A-Za-z_$][\w$]*)\s*=(?!=)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}
_WORDS = {"true": True, "false": False, "null": None, "undefined": None}
_CLOSING = {"{": "}", "[": "]", "(": ")"}
_DEEPEST = 50  # objects and lists within each other


@dataclass(frozen=True)
class Name:
    """A name that stands for a value which is not in the file."""

    text: str


class _Unknown:
    """A value that would have to be computed."""


UNKNOWN = _Unknown()


def read_constants(text: str) -> dict[str, Any]:
    """The constants at any place of a file, by name; of two with one name, the first.

    >>> read_constants("const size = {width: 8, /* px */ 'smooth': false,}; const two = 1 + 1;")["size"]
    {'width': 8, 'smooth': False}

    Texts and comments never count as code. A file that breaks off gives what is complete before.
    """
    found: dict[str, Any] = {}
    reader = _Reader(text)
    while not reader.ended:
        reader.skip_space()
        match = _CONSTANT.match(reader.text, reader.at) if reader.at_word_start else None
        if match is None:
            reader.skip_token()
            continue
        reader.at = match.end()
        try:
            value = reader.value_until(";\n")
        except ValueError:
            break
        found.setdefault(match[1], value)
    return found


class _Reader:
    """Reads values from a text; `at` is the place reached."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self._depth = text, 0, 0

    @property
    def ended(self) -> bool:
        return self.at >= len(self.text)

    @property
    def at_word_start(self) -> bool:
        before = self.text[self.at - 1 : self.at]
        return not (before.isalnum() or before in {"_", "$", "."})

    def skip_space(self, lines: bool = True) -> None:
        """Skip spaces and comments; without `lines`, up to the end of the line."""
        while match := _SPACE.match(self.text, self.at):
            end = self.text.find("\n", self.at, match.end())
            if not lines and end >= 0:
                self.at = end
                return
            self.at = match.end()

    def skip_token(self) -> None:
        """Skip one text, name or sign."""
        if self.ended:
            return
        if self.text[self.at] in "'\"`":
            try:
                self._text()
            except ValueError:
                self.at = len(self.text)
            return
        match = re.compile(r"[\w$]+").match(self.text, self.at)
        self.at = match.end() if match else self.at + 1

    def value_until(self, ends: str) -> Any:
        """A value that ends before one of these signs, or before a closing bracket. Raises ValueError if it is cut."""
        self.skip_space()
        value = self._literal()
        self.skip_space(lines="\n" not in ends)
        if self.ended or self.text[self.at] in ends or self.text[self.at] in "}])":
            return value
        self._skip_expression(ends)
        return UNKNOWN

    def _literal(self) -> Any:
        """What is written out here; UNKNOWN, without a step, if nothing is."""
        if self.ended:
            raise ValueError("cut short")
        sign = self.text[self.at]
        if sign in "{[":
            self._depth += 1
            if self._depth > _DEEPEST:
                raise ValueError("too deep")
            value: Any = self._object() if sign == "{" else self._list()
            self._depth -= 1
            return value
        if sign in "'\"`":
            return self._text()
        number = _NUMBER.match(self.text, self.at)
        if number:
            self.at = number.end()
            return float(number[0]) if set(number[0]) & set(".eE") else int(number[0])
        name = _NAME.match(self.text, self.at)
        if name:
            self.at = name.end()
            return _WORDS[name[0]] if name[0] in _WORDS else Name(name[0])
        return UNKNOWN

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.at += 1
        while not self._closed("}"):
            key = self._literal()
            self.skip_space()
            if self.text[self.at : self.at + 1] == ":" and isinstance(key, (str, int, float, Name)):
                self.at += 1
                found[key.text if isinstance(key, Name) else str(key)] = self.value_until(",")
            else:  # a method, a spread or a name alone
                self._skip_expression(",")
        return found

    def _list(self) -> list[Any]:
        found = []
        self.at += 1
        while not self._closed("]"):
            found.append(self.value_until(","))
        return found

    def _closed(self, sign: str) -> bool:
        """Skip what stands between values; whether the bracket closes here."""
        self.skip_space()
        while self.text[self.at : self.at + 1] == ",":
            self.at += 1
            self.skip_space()
        if self.ended:
            raise ValueError("cut short")
        if self.text[self.at] in "}])":
            if self.text[self.at] != sign:
                raise ValueError("another bracket closes")
            self.at += 1
            return True
        return False

    def _text(self) -> str:
        """A text in any of the three quotes; what a template would compute stays as it is written."""
        quote, parts = self.text[self.at], []
        self.at += 1
        while not self.ended and self.text[self.at] != quote:
            sign = self.text[self.at]
            if sign == "\n" and quote != "`":
                raise ValueError("a text that does not end")
            self.at += 1
            if sign == "\\" and not self.ended:
                sign = self._escaped()
            parts.append(sign)
        if self.ended:
            raise ValueError("a text that does not end")
        self.at += 1
        return "".join(parts)

    def _escaped(self) -> str:
        sign = self.text[self.at]
        self.at += 1
        code = re.compile(r"([0-9a-fA-F]{2})").match(self.text, self.at) if sign == "x" else None
        if sign == "u":
            code = re.compile(r"([0-9a-fA-F]{4})|\{([0-9a-fA-F]{1,6})\}").match(self.text, self.at)
        if code is None:
            return _ESCAPES.get(sign, sign)
        self.at = code.end()
        number = int(next(filter(None, code.groups())), 16)
        return chr(number) if number < 0x110000 else "\ufffd"

    def _skip_expression(self, ends: str) -> None:
        """Skip to one of these signs, or to a closing bracket, outside of all brackets and texts."""
        open_brackets: list[str] = []
        while not self.ended:
            self.skip_space(lines="\n" not in ends or bool(open_brackets))
            if self.ended:
                return
            sign = self.text[self.at]
            if not open_brackets and (sign in ends or sign in "}])"):
                return
            if sign in _CLOSING:
                open_brackets.append(_CLOSING[sign])
            elif open_brackets and sign == open_brackets[-1]:
                open_brackets.pop()
            self.skip_token()
