"""The files, the settings and the job of a token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

from painter.batch.collection.recipe import OutputConfig, Recipe, Settings
from painter.batch.collection.rng import painting_seed
from painter.batch.collection.sampling import Token
from painter.batch.jobs import Job
from painter.errors import OptionError, RecipeError
from painter.options.export import ExportConfig
from painter.options.paint import PaintConfig
from painter.options.presets import PRESETS
from painter.pictures.stacking import Layer, Stack

IMAGES, ANIMATIONS, STROKES, METADATA = "images", "animations", "strokes", "json"  # folders


def image_name(output: OutputConfig, number: int) -> str:
    """The name of a token's image in the collection's folder."""
    return f"{IMAGES}/{number}.{output.images}"


def animation_name(number: int) -> str:
    """The name of a token's animation in the collection's folder."""
    return f"{ANIMATIONS}/{number}.mp4"


def file_names(output: OutputConfig, number: int) -> tuple[str, ...]:
    """The names of all files that painting a token writes, in the collection's folder."""
    names = [image_name(output, number)]
    if output.animations:
        names.append(animation_name(number))
    if output.strokes:
        names.append(f"{STROKES}/{number}.strokes.json")
    return tuple(names)


def token_settings(recipe: Recipe, token: Token) -> Settings:
    """A token's settings: from the recipe's [paint], its traits and itself, the last overriding the first."""
    layers = [recipe.settings]
    named = dict(token.traits)
    for axis in recipe.axes:
        v = axis.index(named[axis.name]) if axis.name in named else None
        if v is not None:
            layers.append(axis.values[v].settings)
    if token.one_of_one is not None:
        layers.append(token.one_of_one.settings)
    return layered(*layers)


def token_stack(recipe: Recipe, token: Token) -> Stack | None:
    """The layers that a token's values stack, in the order of axes; None if they have none."""
    named = dict(token.traits)
    layers = []
    for axis in recipe.axes:
        v = axis.index(named[axis.name]) if axis.name in named else None
        layer = None if v is None else axis.values[v].layer
        if layer is not None:
            layers.append(Layer(layer, axis.blend, axis.opacity))
    size = None if recipe.layers.paint else recipe.layers.size
    return Stack(tuple(layers), size, recipe.layers.smooth) if layers else None


def layered(*layers: Settings) -> Settings:
    """Merge settings; later layers override earlier ones, and what is set by name overrides the preset."""
    settings = {name: value for layer in layers for name, value in layer.items()}
    preset = settings.pop("preset", None)
    return {**({} if preset is None else PRESETS[preset].settings), **settings}


def make_jobs(recipe: Recipe, tokens: Sequence[Token]) -> list[Job]:
    """The jobs of tokens, in the same order.

    Raises:
        RecipeError: settings of a token do not go together, or it has no picture; with each problem once.
    """
    names = {config: [spec.name for spec in fields(config)] for config in (PaintConfig, ExportConfig)}
    known: dict[tuple[object, ...], tuple[PaintConfig, ExportConfig]] = {}
    problems: dict[str, None] = {}
    jobs = []
    for token in tokens:
        settings = token_settings(recipe, token)
        same = tuple(sorted(settings.items(), key=lambda item: item[0]))
        try:
            if same not in known:
                paint = {name: settings[name] for name in names[PaintConfig] if name in settings}
                export = {name: settings[name] for name in names[ExportConfig] if name in settings}
                known[same] = PaintConfig(**paint), ExportConfig(**{**asdict(recipe.export), **export})
            config, export_config = known[same]
            own = token.one_of_one.settings if token.one_of_one is not None else {}
            stack = None if "picture" in own else token_stack(recipe, token)
            if stack is None and "picture" not in settings:
                raise OptionError(
                    "it has no picture; set picture in [paint], in the values of an axis or in the token itself"
                )
        except OptionError as error:
            problems.setdefault(f"{_source(recipe, token)}: {error}")
            continue
        files = file_names(recipe.output, token.number)
        seeded = replace(config, seed=painting_seed(recipe.about.seed, token.number))
        painted = recipe.layers.paint
        picture: Path | Stack = stack or Path(settings["picture"])
        if not painted and stack is None:
            picture = Stack((Layer(Path(settings["picture"])),), recipe.layers.size, recipe.layers.smooth)
        jobs.append(Job(str(token.number), picture, seeded, files, export_config, painted))
    if problems:
        raise RecipeError(*problems)
    return jobs


def _source(recipe: Recipe, token: Token) -> str:
    """Where a token's settings come from, for messages: FILE:LINE and its traits."""
    if token.one_of_one is not None:
        return f"{recipe.where(token.one_of_one.line)}: one-of-one {token.number}"
    assert token.values is not None
    chosen = [axis.values[v] for axis, v in zip(recipe.axes, token.values, strict=True)]
    lines = [value.line for value in chosen if value.settings] or [1]
    names = [f"{axis.name} {value.name}" for axis, value in zip(recipe.axes, chosen, strict=True) if value.settings]
    return f"{recipe.where(lines[0])}: {', '.join(names) or 'every token'}"
