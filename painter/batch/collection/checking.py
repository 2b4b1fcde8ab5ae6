"""Checks a recipe that has been read: files, options that do not go together, impossible counts and rules.

Everything is checked before anything is painted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from painter.batch.collection.combinations import Combinations, RulesTooComplexError
from painter.batch.collection.metadata import token_name
from painter.batch.collection.recipe import Recipe, line_of, named_files, settings_in
from painter.batch.collection.sampling import Token, combination_of, combinations_of, draw_tokens, one_traits
from painter.batch.collection.tokens import file_names, layered, make_jobs
from painter.batch.jobs import Job
from painter.errors import ImpastoError, OptionError, RecipeError, one_line
from painter.export import without_effect
from painter.options.paint import PaintConfig
from painter.pictures.brush_file import load_texture
from painter.pictures.masks import check_mask
from painter.pictures.palette import check_palette_text
from painter.pictures.picture import load_picture
from painter.pictures.stacking import picture_size

_LARGE_SHARE = 0.25  # of all combinations; a collection that uses more distorts weights noticeably
_MAX_SOLANA_NAME = 32  # bytes


@dataclass(frozen=True)
class Checked:
    """A valid recipe with its tokens."""

    recipe: Recipe
    tokens: list[Token]
    jobs: list[Job]  # one for each token, in the same order
    warnings: tuple[str, ...]  # single lines


def check_recipe(recipe: Recipe) -> Checked:
    """Draw all tokens, and check everything that painting them needs.

    Raises:
        RecipeError: with every problem.
    """
    conflicts = [*_axis_conflicts(recipe), *_invalid_settings(recipe)]
    problems = [*_picture_problems(recipe), *conflicts, *_one_of_one_problems(recipe), *_name_problems(recipe)]
    tokens: list[Token] = []
    jobs: list[Job] = []
    try:
        impossible = [*_count_problems(recipe), *_impossible_values(recipe)]
        problems += impossible
        if not impossible:
            tokens = draw_tokens(recipe)
            jobs = [] if conflicts else make_jobs(recipe, tokens)
    except RulesTooComplexError as error:
        problems.append(f"{recipe.where(recipe.exclusions[0].line)}: {error}")
    except RecipeError as error:
        problems += error.problems
    if problems:
        raise RecipeError(*dict.fromkeys(problems))
    return Checked(recipe, tokens, jobs, tuple(_warnings(recipe)))


# --- files --------------------------------------------------------------------------------------------------------


def _picture_problems(recipe: Recipe) -> Iterator[str]:
    """Files that are missing or unusable, each at the line where it is first named."""
    seen = set()
    for settings in settings_in(recipe):
        for name, path in named_files(settings).items():
            if (name, path) not in seen:
                seen.add((name, path))
                try:
                    _CHECKS.get(name, _check_exists)(name, path)
                except ImpastoError as error:
                    yield f"{recipe.where(line_of(settings, name))}: {error}"
    yield from _layer_problems(recipe)


def _layer_problems(recipe: Recipe) -> Iterator[str]:
    """Layers that are missing or unusable, or of another size than the first."""
    size = None
    for path, line in recipe.layer_files.items():
        try:
            _check_exists("layer", path)
            found = picture_size(path)
        except ImpastoError as error:
            yield f"{recipe.where(line)}: {error}"
            continue
        size = size or found
        if found != size:
            wrong = f"{one_line(path)} has {found[1]} x {found[0]} pixels, and the first layer {size[1]} x {size[0]}"
            yield f"{recipe.where(line)}: {wrong}; make all layers one size"


def _check_exists(name: str, path: Path) -> None:
    if not path.is_file():
        raise OptionError(
            f"{name} = {one_line(path)}: there is no such file; names are relative to the recipe's folder"
        )


def _check_picture(name: str, path: Path) -> None:
    load_picture(path, 64)


def _check_mask(name: str, path: Path) -> None:
    check_mask(path, name)


def _check_palette(name: str, path: Path) -> None:
    check_palette_text(str(path))


def _check_brush(name: str, path: Path) -> None:
    load_texture(path)


_CHECKS: dict[str, Callable[[str, Path], None]] = {
    "picture": _check_picture,
    "region": _check_mask,
    "focus": _check_mask,
    "palette": _check_palette,
    "brush": _check_brush,
}

# --- options ------------------------------------------------------------------------------------------------------


def _axis_conflicts(recipe: Recipe) -> Iterator[str]:
    """Axes that set the same option, axes with pictures for some values only, and invalid palettes."""
    owners: dict[str, str] = {}
    for axis in recipe.axes:
        for name in dict.fromkeys(name for value in axis.values for name in value.settings):
            if owners.setdefault(name, axis.name) != axis.name:
                line = next(value.line for value in axis.values if name in value.settings)
                wrong = f"{axis.name} sets {name}, but {owners[name]} sets it too"
                yield f"{recipe.where(line)}: {wrong}; keep it in one axis"
    pictured = [axis for axis in recipe.axes if any("picture" in value.settings for value in axis.values)]
    for axis in pictured if "picture" not in recipe.settings else []:
        for value in axis.values:
            if "picture" not in value.settings:
                wrong = f"{axis.name} {value.name} has no picture, but other values have one"
                yield f"{recipe.where(value.line)}: {wrong}; set its picture"
    for settings in settings_in(recipe):
        palette = settings.get("palette")
        if palette is not None and "palette" not in named_files(settings):
            try:
                _check_palette("palette", palette)
            except OptionError as error:
                yield f"{recipe.where(line_of(settings, 'palette'))}: {error}"


def _invalid_settings(recipe: Recipe) -> Iterator[str]:
    """Options of a value that do not go together with each other or with [paint]."""
    names = {spec.name for spec in fields(PaintConfig)}
    for settings in settings_in(recipe):
        try:
            PaintConfig(**{name: value for name, value in layered(recipe.settings, settings).items() if name in names})
        except OptionError as error:
            yield f"{recipe.where(line_of(settings))}: {error}"


def _one_of_one_problems(recipe: Recipe) -> Iterator[str]:
    seen: dict[str, int] = {}
    for one in recipe.one_of_ones:
        dna = Token(one.number, one_traits(one), None, one).dna
        if seen.setdefault(dna, one.number) != one.number:
            wrong = f"one-of-one {one.number} has the same traits as {seen[dna]}"
            yield f"{recipe.where(one.line)}: {wrong}; make them differ"


def _name_problems(recipe: Recipe) -> Iterator[str]:
    names = {axis.name for axis in recipe.axes}
    extra = {name for one in recipe.one_of_ones for name, _ in one_traits(one)} - names
    clash = {name.casefold(): name for name in names}
    for name in sorted(extra):
        if name.casefold() in clash:
            axis = clash[name.casefold()]
            wrong = f"the one-of-one trait {name} differs from the axis {axis} only in case"
            yield f"{recipe.where(1)}: {wrong}; spell it like the axis"
    if recipe.metadata.standard == "metaplex":
        ones = {one.number: one for one in recipe.one_of_ones}
        for number in (*ones, recipe.numbers[-1]):
            name = token_name(recipe, number, ones.get(number))
            if len(name.encode()) > _MAX_SOLANA_NAME:
                line = ones[number].line if number in ones else 1
                wrong = f"Solana allows names of at most {_MAX_SOLANA_NAME} bytes"
                yield f"{recipe.where(line)}: {wrong}; shorten '{one_line(name)}'"


# --- numbers ------------------------------------------------------------------------------------------------------


def _count_problems(recipe: Recipe) -> Iterator[str]:
    """Counts that add up to more or fewer tokens than are drawn."""
    drawn = recipe.about.size - len(recipe.one_of_ones)
    for axis in recipe.axes:
        counted = sum(value.count or 0 for value in axis.values)
        weighted = any(value.count is None for value in axis.values)
        if counted > drawn or (counted < drawn and not weighted):
            than = "more" if counted > drawn else "fewer"
            wrong = f"the counts of {axis.name} add up to {counted} tokens, {than} than the {drawn} that are drawn"
            remedy = "lower them" if counted > drawn else "give one value a weight instead"
            yield f"{recipe.where(axis.line)}: {wrong}; {remedy}"


def _impossible_values(recipe: Recipe) -> Iterator[str]:
    """Values that the rules exclude in every combination, for instance by two rules that contradict each other."""
    every = Combinations([[1] * len(axis.values) for axis in recipe.axes], recipe.exclusions)
    if not every.total:
        lines = ", ".join(map(str, sorted({exclusion.line for exclusion in recipe.exclusions})))
        yield f"{recipe.where(recipe.exclusions[0].line)}: the rules allow no combination at all; see lines {lines}"
        return
    for k, (axis, shares) in enumerate(zip(recipe.axes, every.shares(), strict=True)):
        for v, (value, share) in enumerate(zip(axis.values, shares, strict=True)):
            if not share:
                matching = {each.line for each in recipe.exclusions if v in dict(each.parts).get(k, ())}
                lines = ", ".join(map(str, sorted(matching)))
                yield (
                    f"{recipe.where(value.line)}: no token can have {axis.name} {value.name}: the rules exclude it in "
                    f"every combination; see line {lines}"
                )


def _warnings(recipe: Recipe) -> Iterator[str]:
    room = combinations_of(recipe, weighted=False).total
    drawn = recipe.about.size - len(recipe.one_of_ones)
    if room and drawn > _LARGE_SHARE * room:
        yield (
            f"the collection uses {drawn / room:.0%} of all {room} combinations, so weights cannot be kept "
            "exactly: rare values occur more often; add values or axes to keep them"
        )
    idle = without_effect(file_names(recipe.output, recipe.numbers[0]), recipe.export)
    if idle:
        yield f"{', '.join(name.replace('_', '-') for name in idle)} in [output] has no effect on what is written"
    labels = [axis for axis in recipe.axes if not any(value.settings or value.layer for value in axis.values)]
    if labels and len(labels) == len(recipe.axes):
        yield "no axis changes the painting: tokens differ only in their seeds"
    for one in recipe.one_of_ones:
        if one.traits and combination_of(recipe, one.traits) is None and not one.settings:
            yield f"one-of-one {one.number} has no settings of its own: it is painted like drawn tokens"
