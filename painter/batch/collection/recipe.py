"""A collection's recipe: names, axes and rules of its tokens, and what is written of them.

`painter.batch.collection.reading` reads one from a file; docs/collections.md explains each part.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from painter.batch.collection.recipe_kinds import Color, Link, Moment, Text, TraitValue
from painter.errors import one_line
from painter.options.export import ExportConfig
from painter.options.fields import option
from painter.options.kinds import File, Integer, Names, Switch
from painter.options.paint import PaintConfig

STANDARDS = ("opensea", "metaplex")
IMAGES = ("png", "gif")
DISPLAY_TYPES = ("number", "boost_number", "boost_percentage", "date")
MAX_TOKENS = 1_000_000
MAX_CREATORS = 5  # in Metaplex's token metadata
_ADDRESS = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")  # base58, 32 bytes

PLACEHOLDERS = ("name", "number", "size")
"""What is filled in, in braces: the collection's name, the token's number, how many tokens there are."""
TOKEN_NAME = Text(200, placeholders=PLACEHOLDERS)
DESCRIPTION = Text(5000, lines=True, placeholders=PLACEHOLDERS)
_DESCRIPTION = replace(DESCRIPTION, empty=True)  # that of all tokens may be left empty

Settings = Mapping[str, Any]
"""Checked options of a painting and of its files, by name; also 'picture' and 'preset'."""


class Located(dict[str, Any]):
    """Settings that know where they stand.

    Args:
        settings: their values.
        lines: of each.
        line: of the table that they are in.
    """

    def __init__(self, settings: Mapping[str, Any], lines: Mapping[str, int], line: int) -> None:
        super().__init__(settings)
        self.lines, self.line = lines, line


def line_of(settings: Settings, name: str | None = None) -> int:
    """The line of a setting, or of the table of all of them; 1 where that is not known."""
    if not isinstance(settings, Located):
        return 1
    return settings.line if name is None else settings.lines.get(name, settings.line)


Traits = tuple[tuple[str, TraitValue], ...]
"""A token's traits as (trait, value), in the recipe's order."""


@dataclass(frozen=True)
class AboutConfig:
    """The lines at the top of a recipe. `name` and `size` are required."""

    name: str = option("", "TEXT", "the collection's name, {}", Text(100))
    symbol: str = option("", "TEXT", "its short name, {}, for Solana", Text(10, empty=True))
    description: str = option("", "TEXT", "the description of each token, {}", _DESCRIPTION)
    seed: int = option(0, "K", "another seed draws another collection, {}", Integer(0, 2**63 - 1))
    size: int = option(0, "N", "the number of tokens, {}", Integer(1, MAX_TOKENS))
    first: int = option(1, "N", "the first token's number, {}", Integer(0, MAX_TOKENS))


@dataclass(frozen=True)
class OutputConfig:
    """What is written of each token: [output], with painter.options.export.ExportConfig."""

    images: str = option("png", "ENDING", "what images/N.* is, {}; a GIF shows the painting grow", Names(IMAGES))
    animations: bool = option(False, "", "write animations/N.mp4, {}", Switch())
    strokes: bool = option(True, "", "write strokes/N.strokes.json, {}", Switch())


@dataclass(frozen=True)
class LayersConfig:
    """How tokens are stacked from the layers of their values: [layers]."""

    paint: bool = option(True, "", "paint the stacked pictures, {}; otherwise they are the images", Switch())
    size: int | None = option(None, "PX", "long side of images that are not painted, {}", Integer(8, 8192))
    smooth: bool = option(True, "", "enlarge smoothly, {}; otherwise pixel by pixel, for pixel art", Switch())
    taken: str | None = option(
        None, "FILE.csv", "combinations that no token may have, a column for each axis, {}", File()
    )


@dataclass(frozen=True)
class MetadataConfig:
    """The metadata of each token: [metadata]."""

    standard: str = option("opensea", "S", "{}; opensea suits all ERC-721 marketplaces", Names(STANDARDS))
    token_name: str = option("{name} #{number}", "TEXT", "a token's name, {{name}} the collection's", TOKEN_NAME)
    base_uri: str | None = option(None, "URI", "the address of images/, {}; if not given, links are file names", Link())
    animation_base_uri: str | None = option(None, "URI", "the address of animations/, {}", Link())
    external_url: str | None = option(
        None, "URI", "a token's page, {{number}} its number, {}", Link(placeholders=("number",))
    )
    background_color: str | None = option(None, "RRGGBB", "behind the image, {}", Color())
    date: int | None = option(None, "DATE", "the tokens' date, {}; if not given, when the first run started", Moment())
    seller_fee_basis_points: int = option(0, "N", "royalty in parts of 10,000, {}, for Solana", Integer(0, 10_000))


@dataclass(frozen=True)
class Creator:
    """A recipient of royalties: [[metadata.creators]]."""

    address: str
    share: int  # percent; all shares add up to 100

    @staticmethod
    def problem(address: Any, share: Any) -> str | None:
        """What is wrong with a creator; None if Solana accepts it."""
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
            return "a creator's address must be a Solana address, 32 to 44 characters of base58"
        if not isinstance(share, int) or isinstance(share, bool) or not 0 <= share <= 100:
            return "a creator's share must be a whole number from 0 to 100"
        return None


@dataclass(frozen=True)
class Value:
    """One of the values of an axis."""

    name: TraitValue
    weight: Fraction = Fraction(1)  # how likely, relative to the others of its axis
    count: int | None = None  # instead of a weight: exactly so many of the drawn tokens
    settings: Settings = field(default_factory=dict)
    line: int = 1
    layer: Path | None = None  # the picture that it stacks on those of the axes before


@dataclass(frozen=True)
class Axis:
    """A trait and its possible values."""

    name: str
    values: tuple[Value, ...]
    display_type: str | None = None  # how OpenSea shows a number
    max_value: int | float | None = None
    line: int = 1
    blend: str = "normal"  # of its layers, one of painter.pictures.stacking.BLENDS
    opacity: float = 1.0  # of its layers

    def index(self, name: TraitValue) -> int | None:
        """The position of the value with this name; None if there is none."""
        return next((k for k, value in enumerate(self.values) if str(value.name) == str(name)), None)


@dataclass(frozen=True)
class Exclusion:
    """A set of combinations that no token may have: those with one of the given values on each of the given axes."""

    parts: tuple[tuple[int, frozenset[int]], ...]  # (axis, values), by position, in the order of axes
    line: int = 1


@dataclass(frozen=True)
class OneOfOne:
    """A token that is listed in the recipe instead of drawn."""

    number: int
    name: str | None
    description: str | None
    traits: Traits  # those that name a value of an axis bring its settings
    settings: Settings  # these override them
    line: int = 1


@dataclass(frozen=True)
class Recipe:
    """A recipe as read; `painter.batch.collection.checking` checks the rest."""

    file: Path
    about: AboutConfig
    axes: tuple[Axis, ...]
    exclusions: tuple[Exclusion, ...] = ()
    one_of_ones: tuple[OneOfOne, ...] = ()
    settings: Settings = field(default_factory=dict)  # of every token; those of its traits override them
    output: OutputConfig = field(default_factory=OutputConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
    metadata: MetadataConfig = field(default_factory=MetadataConfig)
    creators: tuple[Creator, ...] = ()
    layers: LayersConfig = field(default_factory=LayersConfig)
    taken: frozenset[tuple[int, ...]] = frozenset()  # combinations that no token may have, by positions of values
    text_digest: str = ""  # sha256 of the parsed document
    size_line: int = 1

    @property
    def numbers(self) -> range:
        """The numbers of all tokens."""
        return range(self.about.first, self.about.first + self.about.size)

    @property
    def layer_files(self) -> dict[Path, int]:
        """The files of all layers, with the line that first names each."""
        files: dict[Path, int] = {}
        for axis in self.axes:
            for value in axis.values:
                if value.layer is not None:
                    files.setdefault(value.layer, value.line)
        return files

    def where(self, line: int) -> str:
        """FILE:LINE, for messages."""
        return f"{one_line(self.file)}:{line}"


def settings_in(recipe: Recipe) -> Iterator[Settings]:
    """All settings of a recipe, those of every token first; see `line_of`."""
    yield recipe.settings
    for axis in recipe.axes:
        for value in axis.values:
            yield value.settings
    for one in recipe.one_of_ones:
        yield one.settings


def named_files(settings: Settings) -> dict[str, Path]:
    """The files that settings name, by option."""
    files = {"picture": settings["picture"]} if "picture" in settings else {}
    for spec in fields(PaintConfig):
        value = settings.get(spec.name)
        file = None if value is None else spec.metadata["kind"].file(value)
        if file is not None:
            files[spec.name] = file
    return {name: Path(file) for name, file in files.items()}


def folder_name(name: str) -> str:
    """A collection's name as the name of a folder: letters, digits and dashes.

    >>> folder_name("Coins & Medals!"), folder_name("¿?")
    ('coins-medals', 'collection')
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "collection"


def recipe_digest(recipe: Recipe) -> str:
    """The sha256 of a recipe's content and of the files it names: it changes whenever a token or its metadata may.

    Comments, layout and the recipe's folder do not count.

    Returns:
        64 hexadecimal digits.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256(recipe.text_digest.encode())
    for settings in settings_in(recipe):
        for name, file in sorted(named_files(settings).items()):
            digest.update(f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    others = [*recipe.layer_files, *([Path(recipe.layers.taken)] if recipe.layers.taken else [])]
    for file in others:
        digest.update(f"layer {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
