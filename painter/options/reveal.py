"""The options of a reveal: one painting whose first strokes show one picture and all of them another."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from painter.errors import OptionError
from painter.options.fields import check_fields, option
from painter.options.kinds import File
from painter.options.list_kinds import Numbers
from painter.options.paint import PaintConfig

MOST_PICTURES = 8
THEN_HELP = "paint this picture over the first: the first strokes show that one, all of them this"


@dataclass(frozen=True)
class RevealConfig:
    """How the strokes are shared out among the pictures.

    >>> RevealConfig(shares="1,2").ends(300, 2)
    [100, 300]

    Raises:
        OptionError: a value is not allowed; the message names the option.
    """

    shares: str | None = option(
        None, "S", "with --then, how the strokes are shared out among the pictures, as in 1,2: {} (default: equally)",
        Numbers(0.01, 1e6),
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_fields(self)

    def ends(self, strokes: int, pictures: int) -> list[int]:
        """After how many strokes each picture is to be seen; the last number is all of them.

        Raises:
            OptionError: there are more or fewer shares than pictures, or too few strokes.
        """
        parts = [1.0] * pictures if self.shares is None else Numbers.split(self.shares)
        if len(parts) != pictures:
            raise OptionError(f"--shares {self.shares}: there are {pictures} pictures; give a share for each")
        ends = [round(strokes * sum(parts[: k + 1]) / sum(parts)) for k in range(pictures)]
        if any(end <= before for end, before in zip(ends, [0, *ends], strict=False)):
            why = f" with --shares {self.shares}" if self.shares else ""
            raise OptionError(f"--strokes {strokes}: too few for {pictures} pictures{why}; each needs at least one")
        return ends


def check_reveal(config: PaintConfig, pictures: int) -> None:
    """Raise OptionError if a painting with these options cannot show several pictures in turn."""
    if pictures < 2:
        raise OptionError(f"a reveal is of two pictures or more, not of {pictures}; name another")
    if pictures > MOST_PICTURES:
        raise OptionError(f"--then: {pictures} pictures are too many for one painting; at most {MOST_PICTURES}")
    if config.strokes == "auto" or config.until_psnr is not None:
        raise OptionError("--then: needs a number of strokes; give --strokes N, without --until-psnr")
    if config.style_image is not None:
        raise OptionError("--then with --style-image: leave one out, and restyle the finished painting instead")
    if config.glazes:
        raise OptionError("--then with --mixing glaze: thin paint cannot cover a picture; choose another --mixing")


@dataclass(frozen=True)
class LaterPictures:
    """The pictures that a painting shows after its first, as options name them; most paintings have none."""

    then: tuple[str, ...] = ()
    shares: RevealConfig = field(default_factory=RevealConfig)

    @property
    def inputs(self) -> dict[str, Path]:
        """Their files, by their description in messages."""
        names = [f"the file given to {'--then' if k == 1 else f'--then no. {k}'}" for k in range(1, len(self.then) + 1)]
        return dict(zip(names, map(Path, self.then), strict=True))

    def check(self, config: PaintConfig) -> None:
        """Raise OptionError if the options of the painting do not go with them."""
        if not self.then:
            if self.shares.shares is not None:
                wrong = "has no effect without --then; name a second picture with it"
                raise OptionError(f"--shares {self.shares.shares}: {wrong}")
            return
        check_reveal(config, 1 + len(self.then))
        assert isinstance(config.strokes, int)
        self.shares.ends(config.strokes, 1 + len(self.then))


def check_then(value: Any) -> tuple[str, ...]:
    """The names of pictures: one, or a list of them. Raises ValueError, saying what it must be."""
    names = value if isinstance(value, list) else [value]
    try:
        return tuple(File().check(name) for name in names)
    except ValueError:
        raise ValueError("must be the name of a picture, or a list of names") from None
