"""The options of a reveal: one painting whose first strokes show one picture and all of them another."""

from __future__ import annotations

from dataclasses import dataclass

from painter.errors import OptionError
from painter.options.fields import check_fields, option
from painter.options.list_kinds import Numbers
from painter.options.paint import PaintConfig

MOST_PICTURES = 8


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
