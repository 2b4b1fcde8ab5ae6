"""Reads a Recipe from TOML. All problems are found in one pass, each with its line."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from painter.batch.collection.combinations import Combination
from painter.batch.collection.problems import Invalid, Problems, Table, did_you_mean
from painter.batch.collection.recipe import (
    DESCRIPTION,
    DISPLAY_TYPES,
    MAX_CREATORS,
    TOKEN_NAME,
    AboutConfig,
    Axis,
    Creator,
    Exclusion,
    LayersConfig,
    Located,
    MetadataConfig,
    OneOfOne,
    OutputConfig,
    Recipe,
    Value,
)
from painter.batch.collection.recipe_kinds import Label, Text
from painter.batch.collection.taken import read_taken
from painter.batch.collection.toml_lines import KeyPath, Lines, locate
from painter.errors import RecipeError, one_line
from painter.options.export import ExportConfig
from painter.options.kinds import Integer, Kind, Names, Number
from painter.options.paint import PaintConfig
from painter.options.presets import PRESET_NAME
from painter.options.toml import from_folder, shown_value
from painter.pictures.stacking import BLENDS
from renderers.special_files import is_special_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_BYTES = 1_000_000
MAX_AXES, MAX_VALUES, MAX_RULES = 50, 1000, 200
WEIGHT = Number(1e-6, 1e9)
OPACITY = Number(0.0, 1.0)
COUNT = Integer(1, 1_000_000)
MAX_VALUE = Number(-(2.0**53), 2.0**53)
NOT_FOR_TOKENS = {
    "seed": "each token's seed comes from the collection's seed and the token's number",
    "seconds": "a painting that depends on time cannot be painted again; use strokes and iterations",
    "then": "the tokens of a collection would all end with the same picture",
    "shares": "it is about then, which is for single paintings and batches",
}
_LINE = re.compile(r" \(at line (\d+), column \d+\)| \(at end of document\)")

T = TypeVar("T")


def read_recipe(file: Path) -> Recipe:
    """The recipe in a TOML file. `painter.batch.collection.checking` looks at the files that it names.

    Raises:
        RecipeError: with everything that is wrong.
    """
    text = _text(file)
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        message = " ".join(str(error).split())
        match = _LINE.search(message)
        line = int(match[1]) if match and match[1] else 1 + text.rstrip().count("\n")
        raise RecipeError(f"{one_line(file)}:{line}: not valid TOML: {one_line(_LINE.sub('', message))}") from None
    reader = _Reader(file, locate(text))
    recipe = reader.recipe(document)
    if reader.problems:
        raise RecipeError(*(f"{one_line(file)}:{line}: {message}" for line, message in sorted(reader.problems)))
    assert recipe is not None
    return recipe


def _text(file: Path) -> str:
    named = one_line(file)
    try:
        if is_special_file(file):
            raise RecipeError(f"{named}: it is not a regular file; name a recipe")
        content = file.read_bytes()
        if len(content) > MAX_BYTES:
            raise RecipeError(f"{named}: it has more than {MAX_BYTES} bytes, so it is not a recipe; name another file")
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        raise RecipeError(f"{named}: there is no such file; `collection init` writes one to start from") from None
    except OSError as error:
        raise RecipeError(f"{named}: cannot be read ({error.strerror or error}); name a recipe") from None
    except ValueError:
        raise RecipeError(f"{named}: not UTF-8 text; save it as UTF-8, or name a recipe") from None


class _Reader(Problems):
    """Reads one document and collects its problems."""

    def __init__(self, file: Path, lines: Lines) -> None:
        super().__init__(lines)
        self._file = file
        # What could not be read has been told; that a rule names it is then no second problem.
        self._axes_lost = False
        self._values_lost: set[str] = set()  # by their axes

    def recipe(self, document: Table) -> Recipe | None:
        top = dict(document)
        tables = {name: self.table(top.pop(name, {}), (name,)) for name in ("paint", "output", "metadata", "layers")}
        lists = {name: self.tables(top.pop(name, []), (name,)) for name in ("axis", "rule", "one_of_one")}
        self.check_keys(top, [spec.name for spec in fields(AboutConfig)], (), extra=[*tables, *lists])
        about = self._config(AboutConfig, top, ())
        for name in ("name", "size"):
            if name not in top:
                example = {"name": '"Coins"', "size": "64"}[name]
                self.add((), f"{name} is missing; write {name} = {example}")
        settings = self._settings(tables["paint"], ("paint",))
        output, export = self._output(tables["output"])
        creators = self._creators(tables["metadata"].pop("creators", []))
        self.check_keys(tables["metadata"], [spec.name for spec in fields(MetadataConfig)], ("metadata",))
        metadata = self._config(MetadataConfig, tables["metadata"], ("metadata",))
        axes = self._axes(lists["axis"])
        layers = self._layers(tables["layers"], axes)
        output = self._without_strokes(output, layers, tables["output"])
        exclusions = self._exclusions(lists["rule"], axes)
        ones = self._ones(lists["one_of_one"], about)
        taken = self._taken(layers, axes)
        if self.problems:
            return None
        digest = hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()
        line = self.lines.of("size")
        return Recipe(
            self._file, about, axes, exclusions, ones, settings, output, export, metadata, creators, layers, taken,
            digest, line,
        )  # fmt: skip

    # --- tables of options --------------------------------------------------------------------------------------

    def _config(self, config: type[T], table: Table, path: KeyPath) -> T:
        """A dataclass of options, its fields taken from `table` where they are there."""
        found = {}
        for spec in fields(config):  # type: ignore[arg-type]
            if spec.name in table:
                with self.skipping_invalid():
                    found[spec.name] = self.option(spec, table[spec.name], (*path, spec.name))
        return config(**found)

    def _output(self, table: dict[str, Any]) -> tuple[OutputConfig, ExportConfig]:
        own, exported = ([spec.name for spec in fields(config)] for config in (OutputConfig, ExportConfig))
        table = self._with_underscores(table, ("output",))
        self.check_keys(table, [*own, *exported], ("output",))
        output = self._config(OutputConfig, table, ("output",))
        export = ExportConfig()
        with self.skipping_invalid(("output",)):
            # How a token was made stays with its maker, unless the recipe says otherwise.
            export = self._config(ExportConfig, {"embed": "never", **table}, ("output",))
        return output, export

    def _layers(self, table: Table, axes: Sequence[Axis]) -> LayersConfig:
        self.check_keys(table, [spec.name for spec in fields(LayersConfig)], ("layers",))
        layers = self._config(LayersConfig, table, ("layers",))
        if not layers.paint and not any(value.layer for axis in axes for value in axis.values):
            self.add(("layers", "paint"), "paint = false, but no value has a layer; give values layer = FILE")
        spec = LayersConfig.__dataclass_fields__["taken"]
        return replace(layers, taken=from_folder(self._file, spec, layers.taken))

    def _taken(self, layers: LayersConfig, axes: Sequence[Axis]) -> frozenset[Combination]:
        """The combinations that no token may have; none where the document has other problems."""
        try:
            return read_taken(Path(layers.taken), axes) if layers.taken and not self.problems else frozenset()
        except RecipeError as error:
            self.add(("layers", "taken"), str(error))
            return frozenset()

    def _without_strokes(self, output: OutputConfig, layers: LayersConfig, table: Table) -> OutputConfig:
        """What is written of tokens that are not painted: images alone."""
        if layers.paint:
            return output
        for name, allowed in (("images", "png"), ("animations", False), ("strokes", False)):
            if name in table and table[name] != allowed:
                self.add(("output", name), f"{name} is set, but tokens are not painted; leave it out")
        return replace(output, images="png", animations=False, strokes=False)

    def _settings(self, table: Table, path: KeyPath) -> Located:
        """Options of PaintConfig and ExportConfig, 'picture' and 'preset', each in its canonical form."""
        specs = {spec.name: spec for config in (ExportConfig, PaintConfig) for spec in fields(config)}
        settings: dict[str, Any] = {}
        table = self._with_underscores(table, path)
        self.check_keys(table, ["picture", "preset", *NOT_FOR_TOKENS, *specs], path)
        for name, value in table.items():
            with self.skipping_invalid():
                if name in NOT_FOR_TOKENS:
                    self.add((*path, name), f"{name} cannot be set: {NOT_FOR_TOKENS[name]}")
                elif name == "preset":
                    settings[name] = self.checked(PRESET_NAME, value, (*path, name))
                elif name == "picture":
                    picture = self.checked(Text(1000), value, (*path, name))
                    settings[name] = str(self._file.parent / picture)
                elif name in specs:
                    checked = self.option(specs[name], value, (*path, name))
                    settings[name] = from_folder(self._file, specs[name], checked)
        return Located(settings, {name: self.lines.of(*path, name) for name in settings}, self.lines.of(*path))

    def _with_underscores(self, table: Table, path: KeyPath) -> dict[str, Any]:
        """The table with - replaced by _ in its keys, as fields are named."""
        result: dict[str, Any] = {}
        for key, value in table.items():
            name = key.replace("-", "_")
            if name in result:
                self.add((*path, key), f"{key} occurs twice, with - and with _; remove one")
            result[name] = value
            if name != key:
                self.lines.known.setdefault((*path, name), self.lines.of(*path, key))
        return result

    def _creators(self, tables: Any) -> tuple[Creator, ...]:
        path = ("metadata", "creators")
        creators = []
        for k, table in enumerate(self.tables(tables, path)):
            self.check_keys(table, ["address", "share"], (*path, k))
            problem = Creator.problem(table.get("address"), table.get("share"))
            if problem is not None:
                self.add((*path, k), problem)
            else:
                creators.append(Creator(table["address"], table["share"]))
        if len(creators) > MAX_CREATORS:
            self.add(path, f"there are {len(creators)} creators; Solana allows at most {MAX_CREATORS}")
        elif creators and sum(creator.share for creator in creators) != 100 and len(creators) == len(tables):
            total = sum(creator.share for creator in creators)
            self.add(path, f"the creators' shares add up to {total}; they must add up to 100")
        return tuple(creators)

    # --- what tokens may be ---------------------------------------------------------------------------------------

    def _axes(self, tables: Sequence[dict[str, Any]]) -> tuple[Axis, ...]:
        axes: list[Axis] = []
        if len(tables) > MAX_AXES:
            self.add(("axis", MAX_AXES), f"there are {len(tables)} axes; at most {MAX_AXES} are allowed")
        for k, table in enumerate(tables[:MAX_AXES]):
            with self.skipping_invalid():
                axes.append(self._axis(table, ("axis", k)))
                self.check_unique([axis.name for axis in axes], ("axis", k, "name"), "the axis")
        self._axes_lost = len(axes) < len(tables)
        return tuple(axes)

    def _axis(self, table: dict[str, Any], path: KeyPath) -> Axis:
        self.check_keys(table, ["name", "values", "display_type", "max_value", "blend", "opacity"], path)
        name = self.checked(Text(100), self.required(table, "name", path), (*path, "name"))
        listed = self.required(table, "values", path)
        if not isinstance(listed, list) or not listed or len(listed) > MAX_VALUES:
            raise self.invalid((*path, "values"), f"values of {name} must be a list of 1 to {MAX_VALUES} values")
        values: list[Value] = []
        for j, item in enumerate(listed):
            with self.skipping_invalid():
                values.append(self._value(item, (*path, "values", j)))
                self.check_unique([value.name for value in values], (*path, "values", j), f"{name}'s value")
        if len(values) < len(listed):
            self._values_lost.add(name)
        display = table.get("display_type")
        if display is not None:
            with self.skipping_invalid():
                self.checked(Names(DISPLAY_TYPES), display, (*path, "display_type"))
        if (display is not None or "max_value" in table) and any(isinstance(value.name, str) for value in values):
            word = "max_value" if display is None else "display_type"
            self.add((*path, word), f"display_type and max_value need numbers; write {name}'s values as numbers")
        top = table.get("max_value")
        if top is not None:
            with self.skipping_invalid():
                self.checked(MAX_VALUE, top, (*path, "max_value"))
        blend = self.checked(Names(BLENDS), table.get("blend", "normal"), (*path, "blend"))
        opacity = self.checked(OPACITY, table.get("opacity", 1.0), (*path, "opacity"))
        return Axis(name, tuple(values), display, top, self.lines.of(*path), blend, opacity)

    def _value(self, item: Any, path: KeyPath) -> Value:
        """A value from a table, or from a name alone."""
        table = dict(item) if isinstance(item, dict) else {"name": item}
        name = self.checked(Label(), self.required(table, "name", path), (*path, "name"))
        del table["name"]
        weight, count = Fraction(1), None
        if "weight" in table and "count" in table:
            self.add(path, f"{name} has both a weight and a count; remove one")
        given = {word: table.pop(word) for word in ("weight", "count") if word in table}
        with self.skipping_invalid():  # the value is there all the same, for the rules that name it
            if "weight" in given:
                self.checked(WEIGHT, given["weight"], (*path, "weight"))
                weight = Fraction(str(given["weight"]))  # so that 0.1 is exactly a tenth
            if "count" in given:
                count = self.checked(COUNT, given["count"], (*path, "count"))
        layer = None
        if "layer" in table:
            layer = self._file.parent / self.checked(Text(1000), table.pop("layer"), (*path, "layer"))
        return Value(name, weight, count, self._settings(table, path), self.lines.of(*path), layer)

    def _exclusions(self, tables: Sequence[dict[str, Any]], axes: tuple[Axis, ...]) -> tuple[Exclusion, ...]:
        exclusions: list[Exclusion] = []
        if len(tables) > MAX_RULES:
            self.add(("rule", MAX_RULES), f"there are {len(tables)} rules; at most {MAX_RULES} are allowed")
        for k, table in enumerate(tables[:MAX_RULES]):
            with self.skipping_invalid():
                exclusions += self._rule(table, ("rule", k), axes)
        return tuple(exclusions)

    def _rule(self, table: dict[str, Any], path: KeyPath, axes: tuple[Axis, ...]) -> Iterator[Exclusion]:
        """When A excludes B: not both A and B. When A requires B: not A with any other value than B."""
        self.check_keys(table, ["when", "excludes", "requires"], path)
        when = self._choice(self.required(table, "when", path), (*path, "when"), axes)
        if "excludes" not in table and "requires" not in table:
            raise self.invalid(path, "a rule needs excludes = {…} or requires = {…} besides when")
        for word in ("excludes", "requires"):
            if word not in table:
                continue
            for axis, values in self._choice(table[word], (*path, word), axes).items():
                if axis in when:
                    wrong = f"the rule has {axes[axis].name} on both sides, but a token has only one value of it"
                    raise self.invalid(path, f"{wrong}; remove it from one side")
                others = frozenset(range(len(axes[axis].values))) - values
                parts = {**when, axis: values if word == "excludes" else others}
                if parts[axis]:
                    yield Exclusion(tuple(sorted(parts.items())), self.lines.of(*path))

    def _choice(self, table: Any, path: KeyPath, axes: tuple[Axis, ...]) -> dict[int, frozenset[int]]:
        """The values in {Axis = "value"} or {Axis = ["value", "value"]}, by the positions of axes and values."""
        found: dict[int, frozenset[int]] = {}
        if not isinstance(table, dict) or not table:
            raise self.invalid(path, f'{path[-1]} must name an axis and values: {path[-1]} = {{Style = "Oil"}}')
        names = [axis.name for axis in axes]
        for name, wanted in table.items():
            if name not in names:
                if self._axes_lost:
                    raise Invalid
                raise self.invalid((*path, name), f"there is no axis {shown_value(name)}{did_you_mean(name, names)}")
            axis = axes[names.index(name)]
            listed = wanted if isinstance(wanted, list) else [wanted]
            positions = [axis.index(self.checked(Label(), value, (*path, name))) for value in listed]
            for value, position in zip(listed, positions, strict=True):
                if position is None:
                    if name in self._values_lost:
                        raise Invalid
                    known = [str(value.name) for value in axis.values]
                    message = f"{name} has no value {shown_value(value)}{did_you_mean(str(value), known)}"
                    raise self.invalid((*path, name), message)
            found[names.index(name)] = frozenset(p for p in positions if p is not None)
        return found

    def _ones(self, tables: Sequence[dict[str, Any]], about: AboutConfig) -> tuple[OneOfOne, ...]:
        ones: list[OneOfOne] = []
        for k, table in enumerate(tables):
            with self.skipping_invalid():
                one = self._one(dict(table), ("one_of_one", k))
                if about.size and one.number not in range(about.first, about.first + about.size):
                    last = about.first + about.size - 1
                    message = f"there is no token {one.number}; tokens are numbered from {about.first} to {last}"
                    raise self.invalid(("one_of_one", k, "number"), message)
                ones.append(one)
                self.check_unique([one.number for one in ones], ("one_of_one", k, "number"), "the one-of-one")
        return tuple(ones)

    def _one(self, table: dict[str, Any], path: KeyPath) -> OneOfOne:
        number = self.checked(Integer(0, 2_000_000), self.required(table, "number", path), (*path, "number"))
        traits = self.table(table.pop("traits", {}), (*path, "traits"))
        given = {name: table.pop(name, None) for name in ("name", "description")}
        del table["number"]
        kinds: dict[str, Kind] = {"name": TOKEN_NAME, "description": DESCRIPTION}
        for name, value in given.items():
            if value is not None:
                self.checked(kinds[name], value, (*path, name))
        for name, value in traits.items():
            self.checked(Text(100), name, (*path, "traits", name))
            self.checked(Label(), value, (*path, "traits", name))
        settings = self._settings(table, path)
        return OneOfOne(
            number, given["name"], given["description"], tuple(traits.items()), settings, self.lines.of(*path)
        )
