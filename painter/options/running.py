"""What may be asked of a run that makes many paintings."""

from __future__ import annotations

from dataclasses import dataclass

from painter.options.fields import check_fields, option
from painter.options.kinds import (
    Address,
    Integer,
)


@dataclass(frozen=True)
class RunningConfig:
    """How many paintings are made: who paints them, and how often one that fails is tried again.

    Raises:
        OptionError: when a value is outside its range, or two do not go together; the message names the option.
    """

    processes: int | None = option(
        None, "N", "paintings at a time, {}; if not given, as many as --threads leaves cores for", Integer(1, 10_000)
    )
    threads: int = option(1, "N", "threads for each, {}", Integer(1, 256))
    ray: str | None = option(None, "ADDRESS", "paint on a Ray cluster: {}", Address())
    retries: int = option(2, "N", "further tries, {}, for a painting that fails", Integer(0, 100))

    def __post_init__(self) -> None:
        check_fields(self)
