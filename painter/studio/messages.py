"""Messages: a header for JSON and bytes, as one piece. The same between processes and on the stream to a page.

u32 length of the header | u32 length of the body | header in UTF-8 | body        (little-endian)
"""

from __future__ import annotations

import json
import struct
from typing import Any

_LENGTHS = struct.Struct("<II")


def pack_message(header: dict[str, Any], body: bytes = b"") -> bytes:
    """A message.

    >>> from painter.studio.messages import pack_message, unpack_message
    >>> unpack_message(pack_message({"kind": "strokes"}, b"rows"))
    ({'kind': 'strokes'}, b'rows')
    """
    head = json.dumps(header, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(head), len(body)) + head + body


def unpack_message(message: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and body of a whole message.

    Raises:
        ValueError: it is not one.
    """
    if len(message) < _LENGTHS.size:
        raise ValueError("a message begins with two lengths")
    head, body = _LENGTHS.unpack_from(message)
    start = _LENGTHS.size
    if len(message) != start + head + body:
        raise ValueError("a message has the length that it begins with")
    return json.loads(message[start : start + head]), message[start + head :]
