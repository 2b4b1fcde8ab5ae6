"""JSON from untrusted files: strict, with bounds on memory and time, and errors of one line.

Python's parser takes whatever fits into memory, and small texts can need a lot: a list of empty lists takes thirty
times its text. What a text can need is bounded here by counting its brackets, commas and quotes before it is parsed.
They are compared with each other, too: millions of numbers without the lists of colours that strokes have would take
seconds to be parsed and then be refused.
"""

from __future__ import annotations

import codecs
import gc
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from painter.errors import StrokeFileError, one_line

_NON_ASCII = re.compile(rb"[\x80-\xff]+")
_ESCAPED = "impasto.escaped"  # our error handler, for what is not ASCII
_MOST_NON_ASCII = 1_000_000  # bytes; only names have any
_LONGEST_INTEGER = 20  # digits that are read as an int: more than any of ours has
_COUNTED = 2**20  # bytes that are counted at a time
_SHORTEST = 22  # powers of ten up to this one are exact in float64


@dataclass(frozen=True)
class Bounds:
    """How much a text may hold."""

    lists: int
    values: int
    per_list: float  # values that there may be for each list, of those beyond `loose`
    loose: int = 20_000
    objects: int = 1000
    strings: int = 5_000
    tiny: int = 5_000  # numbers below 1e-29 or so, which no float32 of ours needs and which are slow to read


def check_bounds(content: bytes, bounds: Bounds) -> None:
    """Raise StrokeFileError if a JSON file holds more than `bounds` say."""
    lists = count(content, b"[")
    values = min(bounds.values, bounds.loose + int(bounds.per_list * lists))
    limits = {b",": values, b"{": bounds.objects, b'"': 2 * bounds.strings}
    too_many = lists > bounds.lists or any(count(content, sign) > limit for sign, limit in limits.items())
    tiny = (sign for sign in (b"e", b"E") if count(content, sign) > bounds.tiny)  # these are counted in no time
    if too_many or any(content.count(sign + b"-3") > bounds.tiny for sign in tiny):
        wrong = "it holds more lists, values or texts than the largest painting has"
        raise StrokeFileError(f"{wrong}; split the painting, or see docs/stroke-format.md")


def count(content: bytes, sign: bytes) -> int:
    """`content.count(sign)` of one byte, many times as fast where there are many."""
    found = np.frombuffer(content, np.uint8)
    return sum(int(np.count_nonzero(found[at : at + _COUNTED] == ord(sign))) for at in range(0, len(found), _COUNTED))


def plain_text(content: bytes) -> str:
    """The text of a JSON file, in ASCII. Raises StrokeFileError if it is not UTF-8, or has much that is not ASCII."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.isascii():  # one such character would make Python keep up to four bytes for each of all others
        plain = content.translate(None, bytes(range(128, 256)))
        if len(content) - len(plain) > _MOST_NON_ASCII:
            raise StrokeFileError(
                "it holds more than a megabyte beyond ASCII, so it is not a stroke file; name another"
            )
        del plain
    try:
        return content.decode("ascii", _ESCAPED)
    except UnicodeDecodeError:
        raise StrokeFileError("it is not UTF-8 text; name a stroke file") from None


def _escape(error: UnicodeError) -> tuple[str, int]:
    """Error handler: the run of UTF-8 at which the ASCII decoder stopped, as JSON escapes, and where the run ends."""
    assert isinstance(error, UnicodeDecodeError)
    run = _NON_ASCII.match(error.object, error.start)
    assert run is not None
    return json.dumps(run[0].decode())[1:-1], run.end()


codecs.register_error(_ESCAPED, _escape)


def parse_object(text: str) -> tuple[dict[str, Any], bool]:
    """The object in a JSON text, and whether the text contains NaN or Infinity, which JSON does not have.

    Integers of more than 20 digits become floats. Keys and texts are not changed.

    Raises:
        StrokeFileError: it is not JSON, cut short, nested too deeply or not an object, or an object has a key twice.
    """
    constants: list[str] = []

    def constant(name: str) -> float:
        constants.append(name)
        return float(name)

    try:
        with no_collection():
            document = json.loads(text, object_pairs_hook=_members, parse_int=_integer, parse_constant=constant)
    except RecursionError:
        raise StrokeFileError("it is nested far too deeply; see docs/stroke-format.md") from None
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            wrong = "it is cut short: the text ends before its last bracket; copy or save it again"
        else:
            wrong = f"it is not JSON: {error.msg} at line {error.lineno}, column {error.colno}; copy or save it again"
        raise StrokeFileError(wrong) from None
    if not isinstance(document, dict):
        raise StrokeFileError(f"it holds {shown(document)} and not a JSON object; see docs/stroke-format.md")
    return document, bool(constants)


def whole(value: Any) -> Any:
    """A number without a fraction as an int: to JSON 1.0 and 1 are the same. Any other value as it is."""
    return int(value) if type(value) is float and abs(value) < 2**53 and value.is_integer() else value


def shown(value: Any) -> str:
    """A value of a file as messages show it: short and in one line."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | np.ndarray):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return repr(one_line(value if len(value) <= 40 else value[:40] + "…"))
    if isinstance(value, float):
        return f"{value:.10g}"
    return json.dumps(value)  # an integer, true, false or null


def number_texts(values: np.ndarray) -> list[str]:
    """The shortest decimals that read back to the same float32.

    Args:
        values: [N] float32, finite.

    Returns:
        N texts; read as float64 and rounded to float32 they give the same bits, -0.0 included.
    """
    exact = values.astype(np.float64)
    short = exact.copy()  # the float64 itself, which is long but exact, where no decimal is found below
    with np.errstate(divide="ignore"):
        magnitude = np.floor(np.log10(np.abs(exact)))
    left = np.flatnonzero((exact != 0) & (magnitude > -_SHORTEST + 9) & (magnitude < 9))
    for digits in range(1, 10):  # nine digits distinguish any float32 from its neighbours
        places = digits - 1 - magnitude[left]
        # A product and a quotient by exact powers of ten: the quotient is the float64 nearest to the decimal.
        power = 10.0 ** np.abs(places)
        down = places >= 0
        decimal = np.where(down, np.rint(exact[left] * power) / power, np.rint(exact[left] / power) * power)
        same = decimal.astype(np.float32) == values[left]
        short[left[same]] = decimal[same]
        left = left[~same]
    return list(map(repr, short.tolist()))


@contextmanager
def no_collection() -> Iterator[None]:
    """Without Python's garbage collector: JSON makes no cycles, and with millions of lists it doubles the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        left = set(members)
        for key, _ in pairs:
            if key not in left:
                raise StrokeFileError(f"{shown(key)} is there twice in one object; remove one")
            left.discard(key)
    return members


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= _LONGEST_INTEGER else float(text)
