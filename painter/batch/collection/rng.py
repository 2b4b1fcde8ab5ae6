"""Random numbers that are the same on every machine: functions of a seed and names, in any order, without state.

A 64-bit key is the beginning of a SHA-256 over a seed and names. The bits for token n at its a-th try are two rounds of
SplitMix64's mixing function (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014) over key,
n and a. All of it is integer arithmetic, so it depends neither on a library's version nor on rounding.

A weighted choice is an exponential race: value k of weight w arrives at -ln(u_k) / w, with its own u_k, and the first
one wins, so each wins with a probability proportional to its weight. A value that is added later takes tokens from
others and changes no others, which is what an amended recipe needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Context, Decimal
from fractions import Fraction

import numpy as np

_GAMMA = np.uint64(0x9E3779B97F4A7C15)  # SplitMix64's step
_EXACT = Context(prec=40)
_NEAR = 1e-9  # relative; closer arrivals are compared again in decimals, as logarithms may be rounded differently


def key(seed: int, *names: str | int | float) -> int:
    """The first 64 bits of SHA-256 over the seed and the names."""
    text = "\x1f".join(map(str, ("impasto", seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def bits(start: int, numbers: np.ndarray, tries: np.ndarray) -> np.ndarray:
    """Random bits for each token at its try.

    Args:
        start: a key.
        numbers: [N] uint64.
        tries: [N] uint64, the try of each.

    Returns:
        [N] uint64, uniform.
    """
    with np.errstate(over="ignore"):  # all of it is modulo 2^64
        return _mix(_mix(np.uint64(start) + (numbers + np.uint64(1)) * _GAMMA) + (tries + np.uint64(1)) * _GAMMA)


def _mix(z: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser, [N] uint64 to [N] uint64."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = z ^ (z >> np.uint64(31))
    return mixed


def weighted_choice(
    starts: Sequence[int], weights: Sequence[Fraction], numbers: np.ndarray, tries: np.ndarray
) -> np.ndarray:
    """The value that each token draws at its try.

    Args:
        starts: a key for each of K values.
        weights: of the K values, above 0.
        numbers, tries: [N] uint64.

    Returns:
        [N] int64 in [0, K).
    """
    if len(starts) == 1:
        return np.zeros(len(numbers), np.int64)
    drawn = np.stack([bits(start, numbers, tries) >> np.uint64(11) for start in starts])  # [K, N] of 53 bits
    rates = np.array([float(weight) for weight in weights])
    times = -np.log((drawn.astype(np.float64) + 0.5) * 2.0**-53) / rates[:, None]
    first: np.ndarray = times.argmin(axis=0)
    two = np.partition(times, 1, axis=0)[:2]
    for n in np.flatnonzero(two[1] - two[0] <= _NEAR * two[1]):
        first[n] = _exact_first([int(value) for value in drawn[:, n]], weights)
    return first


def _exact_first(drawn: Sequence[int], weights: Sequence[Fraction]) -> int:
    def arrival(k: int) -> Decimal:
        logarithm = _EXACT.ln(_EXACT.divide(Decimal(2 * drawn[k] + 1), Decimal(2**54)))
        share = _EXACT.divide(Decimal(weights[k].denominator), Decimal(weights[k].numerator))
        return _EXACT.multiply(-logarithm, share)

    return min(range(len(drawn)), key=arrival)  # the first of equal ones


def randbelow(start: int, number: int, attempt: int, limit: int) -> int:
    """An integer in [0, limit), of any size, uniform to one part in 2^64."""
    size = limit.bit_length() // 8 + 9
    blocks, count = b"", 0
    while len(blocks) < size:
        blocks += hashlib.sha256(f"{start} {number} {attempt} {count}".encode()).digest()
        count += 1
    return int.from_bytes(blocks[:size], "big") * limit >> (8 * size)


def painting_seed(seed: int, number: int) -> int:
    """The seed of a token's painting, in [0, 2^31), from the collection's seed and the token's number alone."""
    return key(seed, "painting", number) >> 33
