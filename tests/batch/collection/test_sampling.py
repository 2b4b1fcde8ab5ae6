"""Which traits tokens get: chance that is the same everywhere, rules, counts, rarity as asked, nobody alike."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.special import chdtrc  # scipy.stats takes a second to import, in each process that collects tests

from painter.batch.collection.combinations import Combinations, RulesTooComplexError, integer_weights
from painter.batch.collection.rarity import expected_counts, rarity_of_tokens, rarity_of_values
from painter.batch.collection.recipe import AboutConfig, Axis, Exclusion, OneOfOne, Recipe, Value
from painter.batch.collection.rng import bits, key, painting_seed, randbelow, weighted_choice
from painter.batch.collection.sampling import Token, combinations_of, draw_tokens, one_traits
from painter.batch.collection.tokens import make_jobs, token_settings
from painter.errors import RecipeError

PICTURE = {"picture": "a.png"}
MASK = 2**64 - 1


def axis(name: str, *weights: float | str, counts: Sequence[int] = ()) -> Axis:
    """An axis with values 0, 1, … of these weights, and after them some with counts."""
    values = [Value(f"{name}{k}", Fraction(str(weight))) for k, weight in enumerate(weights)]
    values += [Value(f"{name}c{k}", count=count) for k, count in enumerate(counts)]
    return Axis(name, tuple(values))


def recipe(
    size: int, *axes: Axis, exclusions: Sequence[Exclusion] = (), ones: Sequence[OneOfOne] = (), seed: int = 1
) -> Recipe:
    about = AboutConfig(name="Drawn", size=size, seed=seed)
    return Recipe(Path("collection.toml"), about, axes, tuple(exclusions), tuple(ones), PICTURE)


def exclusion(*parts: tuple[int, Sequence[int]]) -> Exclusion:
    return Exclusion(tuple((axis, frozenset(values)) for axis, values in parts))


MANY: tuple[Axis, ...] = (
    axis("A", 5, 3, 1, 1),
    axis("B", 1, 1, 1, 1, 0.5),
    axis("C", *range(1, 11)),
    axis("D", *[1] * 40),
)
MANY += (axis("E", 3, 2), axis("F", *[1] * 12), axis("G", *[1] * 9))


# --- chance ---------------------------------------------------------------------------------------------------


def plain_bits(start: int, number: int, attempt: int) -> int:
    """`bits` in Python's whole numbers."""

    def mix(z: int) -> int:
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        return z ^ z >> 31

    gamma = 0x9E3779B97F4A7C15
    return mix(mix(start + (number + 1) * gamma & MASK) + (attempt + 1) * gamma & MASK)


def test_chance_is_what_its_description_says() -> None:
    assert key(7, "trait", "A") == int.from_bytes(hashlib.sha256(b"impasto\x1f7\x1ftrait\x1fA").digest()[:8], "big")
    numbers, tries = np.array([0, 1, 2**63, 2**64 - 1], np.uint64), np.array([0, 5, 1, 2], np.uint64)
    drawn = bits(key(1), numbers, tries).tolist()
    assert drawn == [plain_bits(key(1), n, t) for n, t in zip(numbers.tolist(), tries.tolist(), strict=True)]


def test_chance_never_changes() -> None:
    """Every machine and every later version must draw these: else no collection can be painted again."""
    assert key(2026, "trait", "Style", "Oil") == 0x3A3F99616951330F
    numbers = np.arange(1, 9, dtype=np.uint64)
    chosen = weighted_choice(
        [key(0, k) for k in "abc"], [Fraction(1), Fraction(2), Fraction(3)], numbers, np.zeros_like(numbers)
    )
    assert chosen.tolist() == [2, 1, 2, 2, 2, 1, 1, 1]
    assert (painting_seed(0, 1), randbelow(5, 6, 7, 10**30)) == (1017698286, 587787232752482350862252853369)


def test_picking_is_an_exact_race() -> None:
    weights = [Fraction(1, 3), Fraction(5), Fraction(2)]
    starts, numbers, tries = [key(3, k) for k in range(3)], np.arange(300, dtype=np.uint64), np.full(300, 4, np.uint64)
    expected = []
    for number in range(300):
        drawn = [((plain_bits(start, number, 4) >> 11) + 0.5) / 2**53 for start in starts]
        arrivals = [-math.log(u) / weight for u, weight in zip(drawn, weights, strict=True)]
        expected.append(arrivals.index(min(arrivals)))
    assert weighted_choice(starts, weights, numbers, tries).tolist() == expected
    # Two that always arrive at once: the first of them wins, whatever logarithms are rounded to.
    assert not weighted_choice([starts[0]] * 2, weights[:1] * 2, numbers, tries).any()
    nearly = [Fraction(1), Fraction(10**15 + 1, 10**15)]
    assert weighted_choice([starts[0]] * 2, nearly, numbers, tries).all()


def test_a_value_that_is_added_takes_tokens_but_moves_none() -> None:
    before = draw_tokens(recipe(2000, *MANY))
    grown = replace(MANY[0], values=(*MANY[0].values, Value("new", Fraction(2))))
    after = draw_tokens(recipe(2000, grown, *MANY[1:]))
    pairs = [(dict(a.traits), dict(b.traits)) for a, b in zip(before, after, strict=True)]
    moved = [(a, b) for a, b in pairs if a != b and b["A"] != "new"]
    assert 250 < sum(b["A"] == "new" for _, b in pairs) < 420  # a sixth, for 2 of 12
    assert len(moved) < 10  # those that had met somebody
    same = [a for a, b in pairs if all(a[name] == b[name] for name in "BCDEFG")]
    assert len(same) > 1980


def test_numbers_below_a_limit_are_even() -> None:
    drawn = Counter(randbelow(key(1), n, 0, 10) for n in range(5000))
    assert chance([drawn[k] for k in range(10)], [500.0] * 10) > 0.001
    assert max(randbelow(1, n, 0, 3 * 2**200) for n in range(50)).bit_length() > 190


# --- combinations -----------------------------------------------------------------------------------------------


def random_case(seed: int) -> tuple[list[list[int]], list[Exclusion]]:
    random = np.random.default_rng(seed)
    weights = [random.integers(0, 4, random.integers(1, 5)).tolist() for _ in range(random.integers(1, 6))]
    exclusions = []
    for _ in range(random.integers(0, 7)):
        chosen = random.permutation(len(weights))[: random.integers(1, 4)]
        values = {int(a): [v for v in range(len(weights[a])) if random.random() < 0.5] for a in sorted(chosen)}
        exclusions.append(exclusion(*values.items()))
    return weights, exclusions


@pytest.mark.parametrize("seed", range(60))
def test_combinations_are_those_of_a_plain_list(seed: int) -> None:
    weights, exclusions = random_case(seed)
    allowed = {
        values: math.prod(row[v] for row, v in zip(weights, values, strict=True))
        for values in product(*(range(len(row)) for row in weights))
        if not any(all(values[a] in found for a, found in rule.parts) for rule in exclusions)
    }
    allowed = {values: weight for values, weight in allowed.items() if weight}
    combinations = Combinations(weights, exclusions)
    total = sum(allowed.values())
    assert combinations.total == total and Counter(combinations) == Counter(allowed.keys())
    if total:
        assert Counter(combinations.at(n) for n in range(total)) == allowed
        for a, shares in enumerate(combinations.shares()):
            for v, share in enumerate(shares):
                assert share == Fraction(sum(w for values, w in allowed.items() if values[a] == v), total)


def test_large_numbers_of_combinations_are_exact() -> None:
    huge = Combinations([[1] * 10] * 40, [exclusion((0, [0]), (39, [0]))])
    assert huge.total == 10**40 - 10**38
    hub = Combinations([[1] * 8] * 31, [exclusion((k, [0]), (30, [k % 8])) for k in range(30)])
    assert hub.total > 0, "rules that share an axis are no tangle"


@pytest.mark.slow
def test_rules_that_hang_together_too_much_are_refused() -> None:
    exclusions = [exclusion((k, [0]), (k + 18, [0])) for k in range(18)]
    with pytest.raises(RulesTooComplexError, match="use fewer"):
        Combinations([[1, 1]] * 36, exclusions)


def test_weights_keep_their_proportions() -> None:
    assert integer_weights([Fraction("0.1"), Fraction("0.25"), Fraction(1)]) == [2, 5, 20]
    assert integer_weights([Fraction(0), Fraction(0)]) == [0, 0]


# --- tokens -------------------------------------------------------------------------------------------------------


def plain_draw(drawn: Recipe) -> list[tuple[int, ...]]:
    """One token after the other: the first of its tries that is allowed and free. For recipes without counts."""
    found: list[tuple[int, ...]] = []
    for number in drawn.numbers:
        for attempt in range(64):
            one, tries = np.array([number], np.uint64), np.array([attempt], np.uint64)
            picked = []
            for a in drawn.axes:
                starts = [key(drawn.about.seed, "trait", a.name, value.name) for value in a.values]
                picked.append(int(weighted_choice(starts, [value.weight for value in a.values], one, tries)[0]))
            values = tuple(picked)
            forbidden = any(all(values[a] in parts for a, parts in rule.parts) for rule in drawn.exclusions)
            if not forbidden and values not in found:
                found.append(values)
                break
    return found


def test_tokens_take_what_those_before_them_leave() -> None:
    axes = axis("A", 5, 1, 1), axis("B", 1, 1, 2, 1), axis("C", 1, 3, 1)
    crowded = recipe(18, *axes, exclusions=[exclusion((0, [0]), (1, [1])), exclusion((1, [2]), (2, [0, 2]))])
    expected = plain_draw(crowded)
    assert len(expected) == 18
    assert [token.values for token in draw_tokens(crowded)] == expected


def test_draws_are_reproducible_and_nobody_is_alike() -> None:
    many = recipe(3000, *MANY)
    tokens = draw_tokens(many)
    assert tokens == draw_tokens(many)
    assert len({token.dna for token in tokens}) == 3000
    assert tokens != draw_tokens(replace(many, about=replace(many.about, seed=2)))
    fewer = draw_tokens(replace(many, about=replace(many.about, size=1000)))
    assert fewer == tokens[:1000], "those that come later change nothing"
    assert (
        tokens[0].dna
        == hashlib.sha1(
            json.dumps(sorted([name, value] for name, value in tokens[0].traits), separators=(",", ":")).encode()
        ).hexdigest()
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rarity_is_as_asked(seed: int) -> None:
    """10,000 tokens drawn, of 4.3 million combinations: chi-square on every axis."""
    drawn = recipe(10_000, *MANY, seed=seed)
    for entry in rarity_of_axes(drawn):
        assert chance(entry[1], entry[0]) > 0.001, entry
    shares = [[value.weight / sum(v.weight for v in a.values) for value in a.values] for a in drawn.axes]
    assert combinations_of(drawn).shares() == shares, "without rules what is expected is what is asked"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_rarity_under_rules_is_as_expected(seed: int) -> None:
    exclusions = [
        exclusion((0, [0]), (1, [0, 1])),
        exclusion((2, [9, 8]), (3, range(20))),
        exclusion((1, [2]), (4, [1]), (5, [0, 1])),
    ]
    drawn = recipe(10_000, *MANY, exclusions=exclusions, seed=seed)
    for expected, counts in rarity_of_axes(drawn):
        assert chance(counts, expected) > 0.001, (expected, counts)
    drawn_values = [token.values or () for token in draw_tokens(drawn)]
    assert not any(all(v[a] in found for a, found in rule.parts) for v in drawn_values for rule in exclusions)


def test_a_wrong_rarity_would_be_found() -> None:
    drawn = recipe(10_000, *MANY)
    _, counts = rarity_of_axes(drawn)[0]
    wrong = [5300, 2700, 1000, 1000]
    assert chance(counts, wrong) < 1e-6


def chance(counts: Sequence[int], expected: Sequence[float]) -> float:
    """Of counts at least as far from what is expected as these: Pearson's chi-square."""
    assert math.isclose(sum(counts), sum(expected))
    distance = sum((count - wanted) ** 2 / wanted for count, wanted in zip(counts, expected, strict=True))
    return float(chdtrc(len(counts) - 1, distance))


def rarity_of_axes(drawn: Recipe) -> list[tuple[list[float], list[int]]]:
    """For each axis: what is expected, and what came."""
    tokens = draw_tokens(drawn)
    expected = expected_counts(drawn)
    counts = [Counter(token.values[k] for token in tokens if token.values) for k in range(len(drawn.axes))]
    return [(row, [count[v] for v in range(len(row))]) for row, count in zip(expected, counts, strict=True)]


def test_a_collection_may_take_all_combinations() -> None:
    axes = axis("A", 1000, 1, 1), axis("B", 1, 1, 1, 1), axis("C", 1, 50)
    every = recipe(24, *axes)
    tokens = draw_tokens(every)
    assert len({token.values for token in tokens}) == 24
    with pytest.raises(RecipeError, match="25 tokens to draw but only 24 unique combinations"):
        draw_tokens(recipe(25, *axes))
    with pytest.raises(RecipeError, match="only 20 unique"):
        draw_tokens(recipe(24, *axes, exclusions=[exclusion((0, [1]), (1, [0, 1]))]))


@pytest.mark.slow
def test_a_few_values_that_outweigh_all_others_do_not_stop_a_draw() -> None:
    skewed = recipe(300, *(axis(name, 10**6, *[1] * 20) for name in "ABCDEF"))
    tokens = draw_tokens(skewed)
    assert len({token.values for token in tokens}) == 300
    assert (0,) * 6 in {token.values for token in tokens}


def test_counts_are_exact_whatever_the_rules() -> None:
    axes = axis("A", 1, 1, counts=[5, 2]), axis("B", 1, 1, 1, counts=[10]), axis("C", *[1] * 40)
    drawn = recipe(200, *axes, exclusions=[exclusion((0, [2]), (1, [3])), exclusion((0, [3]), (1, [0, 1]))])
    tokens = draw_tokens(drawn)
    counted = rarity_of_values(drawn, tokens)
    assert {entry.value: entry.drawn for entry in counted if "tokens" in entry.asked} == {"Ac0": 5, "Ac1": 2, "Bc0": 10}
    assert sum(entry.expected for entry in counted if entry.trait == "B") == pytest.approx(200)
    assert not any(token.values and token.values[0] == 2 and token.values[1] == 3 for token in tokens)
    with pytest.raises(RecipeError, match="Bc0 has a count of 2, but only 0 tokens can have it"):
        draw_tokens(
            recipe(5, axis("A", 1, counts=[5]), axis("B", 1, counts=[2]), exclusions=[exclusion((0, [1]), (1, [1]))])
        )
    with pytest.raises(RecipeError, match="5 tokens with A Ac0 but only 1 unique"):
        draw_tokens(recipe(9, axis("A", 1, counts=[5]), axis("B", 1)))


# --- one-of-ones --------------------------------------------------------------------------------------------------


def test_nobody_is_drawn_like_a_one_of_one() -> None:
    axes = axis("A", 1, 1), axis("B", 1, 1)
    one = OneOfOne(2, "Only", None, (("B", "B1"), ("A", "A0")), {"strokes": 9})
    tokens = draw_tokens(recipe(4, *axes, ones=[one]))
    assert tokens[1].one_of_one is one and [token.number for token in tokens] == [1, 2, 3, 4]
    assert len({token.dna for token in tokens}) == 4 and len({token.values for token in tokens}) == 4
    with pytest.raises(RecipeError, match="4 tokens to draw but only 3 unique"):
        draw_tokens(recipe(5, *axes, ones=[one]))
    assert one_traits(replace(one, traits=())) == (("One of One", "Only"),)


def test_settings_come_in_layers() -> None:
    oil = Value("Oil", settings={"style": "watercolor", "preset": "logo"})
    drawn = recipe(1, Axis("Style", (oil,)))
    drawn = replace(drawn, settings={**PICTURE, "strokes": 50, "preset": "sketch"})
    (token,) = draw_tokens(drawn)
    settings = token_settings(drawn, token)
    assert settings == {**PICTURE, "style": "watercolor", "strokes": 50}, "logo's strokes and style are overruled"
    one = OneOfOne(1, None, None, (("Style", "Oil"),), {"strokes": 60})
    assert token_settings(drawn, Token(1, one.traits, None, one))["strokes"] == 60


def test_jobs_depend_on_seed_and_number_alone() -> None:
    drawn = recipe(50, *MANY)
    jobs = make_jobs(drawn, draw_tokens(drawn))
    assert [job.key for job in jobs] == [str(n) for n in range(1, 51)]
    assert [job.config.seed for job in jobs] == [key(1, "painting", n) >> 33 for n in range(1, 51)]
    assert jobs[4].files == ("images/5.png", "strokes/5.strokes.json")
    assert len({job.config.seed for job in jobs}) == 50
    other = make_jobs(drawn, draw_tokens(replace(drawn, axes=drawn.axes[:4])))
    assert [job.config.seed for job in other] == [job.config.seed for job in jobs]


# --- rarity of tokens ---------------------------------------------------------------------------------------------


def test_tokens_are_ranked_by_information() -> None:
    rows = [("a", "x"), ("a", "x"), ("a", "y"), ("b", "x")]
    tokens = [Token(n, (("A", a), ("B", b)), None) for n, (a, b) in enumerate(rows)]
    tokens.append(Token(9, (("C", "only"),), None))
    found = rarity_of_tokens(tokens)
    a, x, none = math.log2(5 / 3), math.log2(5 / 3), math.log2(5 / 4)
    bits = [a + x + none, a + x + none, a + math.log2(5) + none, math.log2(5) + x + none, 3 * math.log2(5)]
    assert [entry.score for entry in found] == pytest.approx([5 * b / sum(bits) for b in bits], abs=1e-6)
    assert [entry.rank for entry in found] == [4, 4, 2, 2, 1]
    alike = [Token(n, (("A", n),), None) for n in range(3)]
    assert {(entry.score, entry.rank) for entry in rarity_of_tokens(alike)} == {(1.0, 1)}
