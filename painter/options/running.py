"""The options of a run that makes many paintings."""

from __future__ import annotations

from dataclasses import dataclass

from painter.options.fields import check_fields, option
from painter.options.kinds import Address, Integer


@dataclass(frozen=True)
class RunningConfig:
    """How many paintings are made: by which workers, and how often one that fails is tried again.

    Raises:
        OptionError: a value is not allowed; the message names the option.
    """

    processes: int | None = option(
        None,
        "N",
        "paintings at a time, {} (default: as many as there are cores for)",
        Integer(1, 10_000),
    )
    threads: int = option(1, "N", "threads for each painting, {}", Integer(1, 256))
    ray: str | None = option(None, "ADDRESS", "paint on a Ray cluster: {}", Address())
    retries: int = option(2, "N", "how often a painting that fails is tried again, {}", Integer(0, 100))

    def __post_init__(self) -> None:
        check_fields(self)
