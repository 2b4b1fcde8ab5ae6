"""The options of the studio, the page on which people paint."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from painter.options.fields import check_fields, option
from painter.options.kinds import File, Integer, TextKind

_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,253}")
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class HostName(TextKind):
    """A name or an address of this machine."""

    words: str = "127.0.0.1 for this machine alone, 0.0.0.0 for all networks, or an address"

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or not _HOST.fullmatch(value):
            raise ValueError(f"must be {self.words}")
        return value


@dataclass(frozen=True)
class StudioConfig:
    """How the studio runs, and what it allows. Each limit is for one painting or one upload.

    >>> from painter.options.serving import StudioConfig
    >>> StudioConfig(host="0.0.0.0").is_open, StudioConfig().is_open
    (True, False)

    Raises:
        OptionError: a value is not allowed; the message names the option.
    """

    host: str = option("127.0.0.1", "HOST", "where it listens: {}", HostName())
    port: int = option(8080, "N", "its port, {}; 0 is any free one", Integer(0, 65535))
    folder: str = option("~/Impasto", "FOLDER", "where pictures and paintings are kept", File("a folder"))
    workers: int = option(1, "N", "how many are painted at once, {}", Integer(1, 64))
    queue: int = option(20, "N", "how many may wait, {}", Integer(1, 10_000))
    upload_mb: int = option(20, "MB", "largest upload, {} MB of 1,000,000 bytes", Integer(1, 10_000))
    megapixels: int = option(50, "N", "largest picture, {} megapixels", Integer(1, 200))
    most_size: int = option(2048, "PX", "largest size of a painting, {} pixels", Integer(16, 8192))
    most_strokes: int = option(20_000, "N", "most strokes of a painting, {}", Integer(1, 100_000))
    most_iterations: int = option(2000, "N", "most iterations of a search, {}", Integer(1, 100_000))
    most_seconds: int = option(120, "S", "longest search, {} s; it ends with what it has", Integer(1, 86_400))

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def is_open(self) -> bool:
        """Whether others than this machine can reach it, so that it asks for a token."""
        return self.host not in LOOPBACK
