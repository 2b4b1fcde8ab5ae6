"""What can be wrong with a recipe that reads well: pictures, options that do not go together, numbers that cannot be.

All of it is looked at before anything is painted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from painter.batch.collection.combinations import Combinations, TangledRulesError
from painter.batch.collection.metadata import token_name
from painter.batch.collection.recipe import Recipe, named_files, settings_in
from painter.batch.collection.sampling import Token, combination_of, combinations_of, draw_tokens, one_traits
from painter.batch.collection.tokens import layered, make_jobs
from painter.batch.jobs import Job
from painter.errors import ImpastoError, OptionError, RecipeError, one_line
from painter.options.paint import PaintConfig
from painter.pictures.brush_file import load_texture
from painter.pictures.masks import load_mask
from painter.pictures.palette import check_palette_text
from painter.pictures.picture import load_picture

_MUCH = 0.25  # of all combinations, that a collection uses, from which on weights bend
_LONGEST_ON_SOLANA = 32  # bytes of a token's name


@dataclass(frozen=True)
class Checked:
    """A recipe in which nothing is wrong."""

    recipe: Recipe
    tokens: list[Token]
    jobs: list[Job]  # for all tokens, in the same order
    warnings: tuple[str, ...]  # single lines


def check_recipe(recipe: Recipe) -> Checked:
    """Draw all tokens, and look at everything that painting them needs.

    Raises:
        RecipeError: with everything that is wrong.
    """
    unsettled = [*_clashes(recipe), *_unmatched(recipe)]
    problems = [*_picture_problems(recipe), *unsettled, *_one_of_one_problems(recipe), *_name_problems(recipe)]
    tokens: list[Token] = []
    jobs: list[Job] = []
    try:
        impossible = [*_count_problems(recipe), *_impossible_values(recipe)]
        problems += impossible
        if not impossible:
            tokens = draw_tokens(recipe)
            jobs = [] if unsettled else make_jobs(recipe, tokens)
    except TangledRulesError as error:
        problems.append(f"{recipe.where(recipe.bans[0].line)}: {error}")
    except RecipeError as error:
        problems += error.problems
    if problems:
        raise RecipeError(*dict.fromkeys(problems))
    return Checked(recipe, tokens, jobs, tuple(_warnings(recipe)))


# --- files --------------------------------------------------------------------------------------------------------


def _picture_problems(recipe: Recipe) -> Iterator[str]:
    """Files that are not there or hold something else, each where it is first named."""
    seen = set()
    for settings, line in settings_in(recipe):
        for name, path in named_files(settings).items():
            if (name, path) not in seen:
                seen.add((name, path))
                try:
                    _CHECKS.get(name, _check_there)(name, path)
                except ImpastoError as error:
                    yield f"{recipe.where(line)}: {error}"


def _check_there(name: str, path: Path) -> None:
    if not path.is_file():
        raise OptionError(f"{name} = {one_line(path)}: there is no such file; check the name, as seen from the recipe")


def _check_picture(name: str, path: Path) -> None:
    load_picture(path, 64)


def _check_mask(name: str, path: Path) -> None:
    load_mask(str(path), 64, 64, name)


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


def _clashes(recipe: Recipe) -> Iterator[str]:
    """Axes that set the same option, and palettes that are no colours."""
    owners: dict[str, str] = {}
    for axis in recipe.axes:
        for name in dict.fromkeys(name for value in axis.values for name in value.settings):
            if owners.setdefault(name, axis.name) != axis.name:
                line = next(value.line for value in axis.values if name in value.settings)
                yield f"{recipe.where(line)}: {axis.name} sets {name}, which {owners[name]} sets, too; leave it to one"
    pictured = [axis for axis in recipe.axes if any("picture" in value.settings for value in axis.values)]
    for axis in pictured if "picture" not in recipe.settings else []:
        for value in axis.values:
            if "picture" not in value.settings:
                yield f"{recipe.where(value.line)}: {axis.name} {value.name} has no picture; give it one as the others"
    for settings, line in settings_in(recipe):
        palette = settings.get("palette")
        if palette is not None and "palette" not in named_files(settings):
            try:
                _check_palette("palette", palette)
            except OptionError as error:
                yield f"{recipe.where(line)}: {error}"


def _unmatched(recipe: Recipe) -> Iterator[str]:
    """Options that do not go together within one value, or one and [paint]."""
    names = {spec.name for spec in fields(PaintConfig)}
    for settings, line in settings_in(recipe):
        try:
            PaintConfig(**{name: value for name, value in layered(recipe.settings, settings).items() if name in names})
        except OptionError as error:
            yield f"{recipe.where(line)}: {error}"


def _one_of_one_problems(recipe: Recipe) -> Iterator[str]:
    seen: dict[str, int] = {}
    for one in recipe.ones:
        dna = Token(one.number, one_traits(one), None, one).dna
        if seen.setdefault(dna, one.number) != one.number:
            yield f"{recipe.where(one.line)}: {one.number} has the traits of {seen[dna]}; make them differ"


def _name_problems(recipe: Recipe) -> Iterator[str]:
    names = {axis.name for axis in recipe.axes}
    extra = {name for one in recipe.ones for name, _ in one_traits(one)} - names
    clash = {name.casefold(): name for name in names}
    for name in sorted(extra):
        if name.casefold() in clash:
            axis = clash[name.casefold()]
            yield f"{recipe.where(1)}: a one-of-one's trait {name} is written like the axis {axis}; spell it as that"
    if recipe.metadata.standard == "metaplex":
        ones = {one.number: one for one in recipe.ones}
        for number in (*ones, recipe.numbers[-1]):
            name = token_name(recipe, number, ones.get(number))
            if len(name.encode()) > _LONGEST_ON_SOLANA:
                line = ones[number].line if number in ones else 1
                yield f"{recipe.where(line)}: Solana has room for names of 32 bytes; '{one_line(name)}' is longer"


# --- numbers ------------------------------------------------------------------------------------------------------


def _count_problems(recipe: Recipe) -> Iterator[str]:
    """Counts that make more or fewer tokens than are drawn."""
    drawn = recipe.about.size - len(recipe.ones)
    for axis in recipe.axes:
        counted = sum(value.count or 0 for value in axis.values)
        weighted = any(value.count is None for value in axis.values)
        if counted > drawn or (counted < drawn and not weighted):
            than = "more" if counted > drawn else "fewer"
            told = f"the counts of {axis.name} make {counted} tokens, {than} than the {drawn} that are drawn"
            yield f"{recipe.where(axis.line)}: {told}; " + (
                "lower them" if counted > drawn else "give one value a weight instead"
            )


def _impossible_values(recipe: Recipe) -> Iterator[str]:
    """Values that the rules forbid with everything: two rules that contradict each other show like this."""
    every = Combinations([[1] * len(axis.values) for axis in recipe.axes], recipe.bans)
    if not every.total:
        lines = ", ".join(map(str, sorted({ban.line for ban in recipe.bans})))
        yield f"{recipe.where(recipe.bans[0].line)}: the rules leave no combination at all; see lines {lines}"
        return
    for k, (axis, shares) in enumerate(zip(recipe.axes, every.shares(), strict=True)):
        for v, (value, share) in enumerate(zip(axis.values, shares, strict=True)):
            if not share:
                lines = ", ".join(map(str, sorted({b.line for b in recipe.bans if v in dict(b.parts).get(k, ())})))
                yield (
                    f"{recipe.where(value.line)}: no token can be {axis.name} {value.name}: the rules forbid it with "
                    f"everything; see line {lines}"
                )


def _warnings(recipe: Recipe) -> Iterator[str]:
    room = combinations_of(recipe, weighted=False).total
    drawn = recipe.about.size - len(recipe.ones)
    if room and drawn > _MUCH * room:
        yield (
            f"the collection uses {drawn / room:.0%} of all {room} combinations, so weights cannot hold exactly: "
            "rare values come more often; more values or axes keep them"
        )
    labels = [axis for axis in recipe.axes if not any(value.settings for value in axis.values)]
    if labels and len(labels) == len(recipe.axes):
        yield "no axis changes the painting: all tokens look alike but for their seeds"
    for one in recipe.ones:
        if one.traits and combination_of(recipe, one.traits) is None and not one.settings:
            yield f"one-of-one {one.number} sets nothing of its own: it is painted like others"
