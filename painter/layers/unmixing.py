"""From pictures of stacked parts back to the parts: a sprite for each value of each trait, and their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from painter.errors import PictureError
from painter.layers.discovery import find_traits, infer_values
from painter.layers.layer_files import Drawn, usable_names
from painter.layers.layered import LayeredCollection
from painter.layers.ordering import find_order
from painter.layers.sprites import Stacked, fill_hidden, find_sprites, stack
from painter.layers.tokens_read import ReadingLimits, Tokens
from painter.learning.sheets import COLUMNS
from painter.learning.traits import Traits

NONE = "None"  # the value of tokens that lack a trait
_RESTARTS = 60
_EXPECTED = 8.0  # tokens of a pair of values by their shares alone, from which its absence is taken as a rule
_MOST_RULES = 100
_PEAK = 120.0  # dB that stand for no difference at all

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Trait:
    """A trait, from the lowest layer to the topmost."""

    name: str
    values: tuple[str, ...]
    sprites: np.ndarray  # [values, H, W, 4] uint8, straight sRGB
    weights: tuple[int, ...]  # tokens that have each value


@dataclass(frozen=True, eq=False)
class Unmixed:
    """Layers, and how well they explain pictures that they were not found from."""

    traits: tuple[Trait, ...]
    block: int  # pixels of a side of a block in the files
    psnr: float  # of pictures held out, in dB; 120 if all are equal
    equal: float  # share of their pixels that are equal
    sure: float  # how sure the traits are, in [0, 1]; 1 with metadata
    taken: tuple[tuple[str, ...], ...]  # the values of all tokens
    exclusions: tuple[tuple[tuple[str, str], tuple[str, str]], ...]
    compared: tuple[np.ndarray, np.ndarray]  # pictures held out, and their layers stacked: [n, H, W, 4] uint8
    notes: tuple[str, ...] = ()


def as_layers(found: Unmixed, name: str) -> tuple[LayeredCollection, list[Drawn]]:
    """The layers at full size, with names that a recipe accepts, and what its tokens must not repeat."""
    names = usable_names([one.name for one in found.traits])
    values = [usable_names(one.values) for one in found.traits]
    new = {
        (trait.name, old): (name, value)
        for trait, name, ours in zip(found.traits, names, values, strict=True)
        for old, value in zip(trait.values, ours, strict=True)
    }
    drawn = [
        Drawn(name, ours, trait.weights, trait.sprites.repeat(found.block, 1).repeat(found.block, 2))
        for trait, name, ours in zip(found.traits, names, values, strict=True)
    ]
    taken = [
        tuple(new[trait.name, value][1] for trait, value in zip(found.traits, row, strict=True)) for row in found.taken
    ]
    rules = tuple((new[one], new[other]) for one, other in found.exclusions)
    smooth = found.block == 1
    title = usable_names([name])[0]
    return LayeredCollection(title, (), smooth=smooth, exclusions=rules, taken=tuple(taken)), drawn


def comparison(found: Unmixed) -> np.ndarray:
    """Pictures held out, in rows of a sheet, each above what their layers give: [n, H, W, 4] uint8."""
    real, shown = found.compared
    rows = [
        part for k in range(0, min(2 * COLUMNS, len(real)), COLUMNS)
        for part in (_filled(real[k : k + COLUMNS]), _filled(shown[k : k + COLUMNS]))
    ]  # fmt: skip
    return np.concatenate(rows)


def _filled(row: np.ndarray) -> np.ndarray:
    """A row of a sheet, with nothing where there are no more pictures."""
    return np.concatenate((row, np.zeros((COLUMNS - len(row), *row.shape[1:]), row.dtype)))


def unmix(tokens: Tokens, limits: ReadingLimits, say: Say | None = None) -> Unmixed:
    """Find the layers of a collection.

    Args:
        tokens: with traits, or without; then traits are found first.
        say: called with what is done at the moment, one line.

    Raises:
        PictureError: there are no traits that differ.
    """
    say = say or (lambda line: None)
    shape = tokens.pixels.shape[1:3]
    pixels = _premultiplied(tokens.pixels.reshape(len(tokens.pixels), -1, 4))
    learned = ~tokens.held_out if tokens.held_out.any() else np.ones(len(pixels), bool)
    tested = tokens.held_out if tokens.held_out.any() else learned
    sure, notes = 1.0, list[str]()
    if tokens.has_traits:
        table, notes = _table(tokens.traits, tokens.all_traits, limits.most_values)
    else:
        say("finding traits")
        table, sure = _found_table(pixels, learned, shape)
    if not table.names:
        raise PictureError("no trait of these pictures differs; give pictures with metadata, or more of them")
    stacked = Stacked(pixels[learned], table.read[learned], tuple(len(one) for one in table.values))
    say("finding the order of layers")
    order = find_order(stacked)
    say("finding the layers")
    ordered = stacked.reordered(order)
    sprites = find_sprites(ordered, restarts=_RESTARTS, width=shape[1])
    sprites = fill_hidden(sprites, ordered.values, (shape[0], shape[1]))
    rounded = [_straight(one) for one in sprites]
    exact = [_premultiplied(one) for one in rounded]
    chosen = table.read[tested][:, order] if tokens.has_traits else infer_values(exact, pixels[tested])
    pictures = tokens.pixels[tested], _straight(stack(exact, chosen)).reshape(-1, *shape, 4)
    if not tokens.has_traits:
        table = replace(table, every=infer_values(exact, pixels)[:, np.argsort(order)])
    traits = tuple(
        Trait(table.names[k], table.values[k], one.reshape(-1, *shape, 4), table.weights(k))
        for k, one in zip(order, rounded, strict=True)
    )
    rows = [tuple(table.values[k][row[k]] for k in order) for row in table.every]
    taken, rules = tuple(dict.fromkeys(rows)), _rules(traits, rows)
    return Unmixed(traits, tokens.block, *_compared(*pictures), sure, taken, rules, pictures, tuple(notes))


@dataclass(frozen=True, eq=False)
class _Table:
    """The values of tokens by trait."""

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]  # of each trait
    read: np.ndarray  # [N, traits] int64, of the pictures that were read
    every: np.ndarray  # the same of all pictures of the folder

    def weights(self, trait: int) -> tuple[int, ...]:
        """How many pictures have each value of a trait; at least 1."""
        counts = Counter(self.every[:, trait].tolist())
        return tuple(max(1, counts[v]) for v in range(len(self.values[trait])))


def _table(read: Sequence[Traits], every: Sequence[Traits], most: int) -> tuple[_Table, list[str]]:
    """The table of traits in metadata, without those that are no layers, with a line for each of these."""
    names = list(dict.fromkeys(name for one in read for name in one))
    kept, values, notes = [], [], []
    for name in names:
        found = sorted({one.get(name, "") for one in read})
        if len(found) > max(2, min(most, len(read) // 2)):
            notes.append(f"{name}: it has {len(found)} values in {len(read)} pictures, so it is not taken as a layer")
        elif len(found) > 1:
            kept.append(name)
            values.append(tuple(found))
    places = [{value: k for k, value in enumerate(one)} for one in values]

    def numbers(traits: Sequence[Traits]) -> np.ndarray:
        rows = [[place.get(one.get(name, ""), 0) for name, place in zip(kept, places, strict=True)] for one in traits]
        return np.array(rows, np.int64).reshape(len(traits), len(kept))

    shown = tuple(tuple(value or NONE for value in one) for one in values)
    return _Table(tuple(kept), shown, numbers(read), numbers(every)), notes


def _found_table(pixels: np.ndarray, learned: np.ndarray, shape: tuple[int, int]) -> tuple[_Table, float]:
    """The table of traits that are found in some of the pictures themselves, and how sure they are."""
    found = find_traits(pixels[learned], shape)
    names = tuple(f"Trait {k + 1}" for k in range(found.values.shape[1]))
    counts = found.values.max(0) + 1 if len(names) else []
    values = tuple(tuple(f"{v + 1}" for v in range(count)) for count in counts)
    read = np.zeros((len(pixels), found.values.shape[1]), np.int64)
    read[learned] = found.values
    return _Table(names, values, read, read), found.sure


def _rules(
    traits: Sequence[Trait], rows: Sequence[tuple[str, ...]]
) -> tuple[tuple[tuple[str, str], tuple[str, str]], ...]:
    """Pairs of values that tokens would often have together by chance, and never have."""
    found = []
    for a in range(len(traits)):
        for b in range(a + 1, len(traits)):
            together = Counter((row[a], row[b]) for row in rows)
            first, second = Counter(row[a] for row in rows), Counter(row[b] for row in rows)
            for one, times in first.items():
                for other, often in second.items():
                    expected = times * often / len(rows)
                    if expected >= _EXPECTED and not together[one, other]:
                        found.append((expected, ((traits[a].name, one), (traits[b].name, other))))
    return tuple(pair for _, pair in sorted(found, key=lambda item: -item[0])[:_MOST_RULES])


def _compared(real: np.ndarray, shown: np.ndarray) -> tuple[float, float]:
    """The PSNR of pictures on grey, in dB, and the share of pixels that are equal."""
    a, b = (_premultiplied(one)[..., :3] + 0.5 * (1 - _premultiplied(one)[..., 3:]) for one in (real, shown))
    error = float(((a - b) ** 2).mean())
    equal = float((np.rint(a * 255) == np.rint(b * 255)).all(-1).mean())
    return (-10 * float(np.log10(error)) if error > 10 ** (-_PEAK / 10) else _PEAK), equal


def _premultiplied(pixels: np.ndarray) -> np.ndarray:
    """float32 [..., 4] in [0, 1], colours multiplied by alpha, of straight uint8 pixels."""
    values = pixels.astype(np.float32) / 255
    values[..., :3] *= values[..., 3:]
    return values


def _straight(values: np.ndarray) -> np.ndarray:
    """The inverse of `_premultiplied`; 0 where nothing is."""
    alpha = values[..., 3:]
    color = values[..., :3] / np.maximum(alpha, 1e-6)
    pixels: np.ndarray = np.rint(np.concatenate((color, alpha), axis=-1).clip(0, 1) * 255).astype(np.uint8)
    pixels[pixels[..., 3] == 0] = 0
    return pixels
