"""Palettes: the few colours that a painting may use, given by a person or chosen from the picture.

A palette is [K, 3] float32, straight sRGB in exact steps of 1/255, with all colours different. One that is given keeps
its order; one that is chosen is sorted from dark to light.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from painter.errors import OptionError, PictureError, one_line
from painter.pictures.color import levels_of
from painter.pictures.picture import load_picture
from painter.pictures.tubes import PREFIX, mixtures, recipe, tube_names
from renderers.special_files import is_special_file

MAX_COLORS = 256
MIN_CHOSEN = 2
MAX_TEXT_BYTES = 1_000_000
MAX_PICTURE_PIXELS = 4_000_000
"""Largest picture that is read as a palette, at its own size; a larger one is probably not a palette."""

MIXED_COLORS = 128
"""For how many of a picture's colours a mixture is looked for, if a palette is mixed from tubes."""

_HOW = 'give a number from 2 to 256, colours as "#rrggbb,#rrggbb", tubes:NAME,NAME or a palette file'
_TEXT_ENDINGS = (".hex", ".txt", ".gpl")
_NUMBER = re.compile(r"[+-]?[0-9]+")
_HEX = re.compile(r"#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_ALPHA_HEX = re.compile(r"[0-9a-fA-F]{8}")  # aarrggbb, as paint.net writes its .txt
_GPL_COLOR = re.compile(r"([0-9]{1,3})\s+([0-9]{1,3})\s+([0-9]{1,3})(?:\s.*)?")
_GPL_HEADER = re.compile(r"#|[A-Za-z]+:")  # a comment, or "Name:", "Columns:", ...

_SAMPLES = 20_000  # of the clustering
_BIN = 8  # side of a colour bin in 8-bit steps
_BUSY = 0.1  # difference between neighbours at which a pixel has half the weight
_CHUNK = 16_384  # colours compared at a time


def read_palette(text: str, rgb: np.ndarray, weight: np.ndarray | None, seed: int) -> np.ndarray:
    """The palette that `--palette TEXT` asks for.

    >>> read_palette("#ff0000, #fff", picture / np.float32(255), None, seed=0).tolist()
    [[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    >>> read_palette("2", picture / np.float32(255), None, seed=0)[0].tolist()
    [0.0, 0.0, 0.0]

    Args:
        text: a whole number from 2 to 256: as many colours are chosen from the picture (see `choose_palette`); or
            "#rrggbb,#rrggbb,…" (also #rgb), 1 to 256 colours; or a file of 1 to 256 colours: text with one #rrggbb a
            line (`#` may be missing; blank lines and those that start with `;` or `//` are ignored; eight digits are
            aarrggbb), a GIMP palette (.gpl), or a picture, whose opaque colours are read from the top left on; or
            "tubes:NAME,NAME", artists' colours of `painter.pictures.tubes`: mixtures for the picture's colours, and the
            tubes themselves.
        rgb: [H, W, 3] float32 in [0, 1], the picture to choose from.
        weight: [H, W] weights of the pixels, at least 0; None means 1 everywhere.
        seed: of the choice, at least 0.

    Returns:
        [K, 3] float32 in [0, 1]. A colour named twice occurs once, in its first place. A picture with fewer colours
        than asked for gives those that it has.

    Raises:
        OptionError: the text is nothing of this, a file cannot be read, a colour is malformed, there are no colours or
            too many, or the weights are 0 everywhere.
    """
    wanted = _parse(text)
    if isinstance(wanted, np.ndarray):
        return wanted
    if isinstance(wanted, tuple):
        return mixed_palette(wanted, choose_palette(rgb, weight, MIXED_COLORS, seed))
    chosen = choose_palette(rgb, weight, wanted, seed)
    if not len(chosen):
        raise _error(text, 'the picture shows nothing to choose colours from; give them as "#rrggbb,#rrggbb"')
    return chosen


def check_palette_text(text: str) -> None:
    """Check all that can be checked without the picture; files are read, too.

    Raises:
        OptionError: as for `read_palette`.
    """
    _parse(text)


def mixed_palette(tubes: tuple[str, ...], wanted: np.ndarray) -> np.ndarray:
    """The tubes' own colours, and the nearest mixture of them to each of some colours.

    Args:
        tubes: names in `painter.pictures.tubes.TUBES`.
        wanted: [N, 3] float32 in [0, 1].

    Returns:
        [K, 3] float32 in exact steps of 1/255, all different.
    """
    colors = mixtures(tubes)[0].astype(np.float32) / np.float32(255)
    used = np.union1d(np.arange(len(tubes)), nearest(wanted, colors))
    palette: np.ndarray = colors[used]
    return palette


def recipes(text: str, colors: Iterable[str]) -> dict[str, dict[str, int]] | None:
    """How colours #rrggbb of the palette `text` are mixed: parts of tubes, by name; None if it is not one of tubes.

    >>> recipes("tubes:yellow,white", ["#fccb06"])
    {'#fccb06': {'yellow': 1}}
    """
    if not text.startswith(PREFIX):
        return None
    found = {color: recipe(tube_names(text), color) for color in colors}
    return {color: parts for color, parts in found.items() if parts is not None}


def choose_palette(rgb: np.ndarray, weight: np.ndarray | None, count: int, seed: int) -> np.ndarray:
    """The `count` colours that represent a picture best, by k-means in CIE Lab.

    Colours are clustered in bins weighted by the square root of their frequency, so that a small vivid spot gets a
    colour of its own; pixels at edges weigh little, so that the blends of antialiasing do not get one.

    >>> flag = np.zeros((6, 9, 3), np.float32)  # black, white, red
    >>> flag[:, 3:6], flag[:, 6:] = 1, (1, 0, 0)
    >>> choose_palette(flag, None, 8, seed=0).tolist()
    [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    >>> choose_palette(flag, None, 2, seed=0).shape
    (2, 3)

    Args:
        rgb: [H, W, 3] float32 in [0, 1].
        weight: [H, W] weights of the pixels, at least 0; None means 1 everywhere. Pixels of weight 0 are ignored.
        count: at least 1.
        seed: at least 0.

    Returns:
        [count, 3] float32 in exact steps of 1/255, dark to light, all different; all colours of the picture if it has
        at most `count` ([0, 3] if every weight is 0).
    """
    mass = _calmness(rgb) if weight is None else _calmness(rgb) * weight
    seen = (mass > 0).ravel()
    pixels = np.rint(rgb.reshape(-1, 3)[seen] * 255).astype(np.int64)
    codes, index = np.unique(pixels @ (65536, 256, 1), return_inverse=True)
    colors = np.stack((codes >> 16, codes >> 8 & 255, codes & 255), axis=1)  # [D, 3] 8-bit, all different
    frequency = np.bincount(index, mass.ravel()[seen], len(codes))  # [D]
    if len(colors) > count:
        colors = _distinct(_cluster_means(colors, frequency, count, seed), colors, count)
    palette = colors.astype(np.float32) / np.float32(255)
    ordered: np.ndarray = palette[np.lexsort((*colors.T, to_lab(palette)[:, 0]))]
    return ordered


def nearest(colors: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """The index of the nearest colour in the palette, by Euclidean distance in sRGB, as in the losses.

    Args:
        colors: [..., 3] floats.
        palette: [K, 3] floats, K at least 1.

    Returns:
        [...] int64 in [0, K); the first of several that are equally near.
    """
    flat, anchors = colors.reshape(-1, 3), palette.astype(np.float64)
    half = 0.5 * (anchors**2).sum(1)
    result = np.empty(len(flat), dtype=np.int64)
    for start in range(0, len(flat), _CHUNK):  # |c - p|² = |c|² + 2 (|p|² / 2 - c · p)
        result[start : start + _CHUNK] = (half - flat[start : start + _CHUNK] @ anchors.T).argmin(1)
    return result.reshape(colors.shape[:-1])


def to_lab(colors: np.ndarray) -> np.ndarray:
    """[..., 3] float32 sRGB in [0, 1] as CIE Lab (D65) float32: L in [0, 100]. The array may be empty."""
    import cv2

    if not colors.size:
        return np.zeros(colors.shape, dtype=np.float32)
    flat = np.ascontiguousarray(colors, dtype=np.float32).reshape(-1, 1, 3)
    return cv2.cvtColor(flat, cv2.COLOR_RGB2LAB).reshape(colors.shape)


def perceived(colors: np.ndarray) -> np.ndarray:
    """CIE Lab of [..., 3 or 4] float32 in [0, 1], premultiplied where there is alpha, and alpha scaled like L."""
    return np.concatenate((to_lab(colors[..., :3]), colors[..., 3:] * 100), axis=-1)


# --- choosing -----------------------------------------------------------------------------------------------


def _calmness(rgb: np.ndarray) -> np.ndarray:
    """[H, W] in (0, 1]: 1 where a pixel equals its neighbours, near 0 at edges."""
    import cv2

    image, window = np.ascontiguousarray(rgb, dtype=np.float32), np.ones((3, 3), np.uint8)
    difference = (cv2.dilate(image, window) - cv2.erode(image, window)).max(axis=2)
    calm: np.ndarray = 1.0 / (1.0 + (difference / _BUSY) ** 2)
    return calm


def _cluster_means(colors: np.ndarray, frequency: np.ndarray, count: int, seed: int) -> np.ndarray:
    """At most `count` means, [K, 3] 8-bit, of the clusters of `colors` [D, 3] 8-bit with `frequency` [D]."""
    import cv2

    _, bins = np.unique(colors // _BIN @ (65536, 256, 1), return_inverse=True)
    total = np.bincount(bins, frequency)  # [B]
    lab = to_lab(_means(colors, frequency, bins) / 255)
    root = np.sqrt(total)
    copies = np.maximum(1, np.rint(root * (_SAMPLES / root.sum()))).astype(np.int64)  # cv2.kmeans has no weights
    cv2.setRNGSeed(seed)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 0.2)
    start = np.zeros((0, 1), np.int32)
    count, tries = min(count, len(lab)), 3 if count <= 32 else 1  # with many colours, the start matters little
    _, cluster, _ = cv2.kmeans(np.repeat(lab, copies, 0), count, start, stop, tries, cv2.KMEANS_PP_CENTERS)
    of_bin = cluster.ravel()[np.cumsum(copies) - 1]
    cluster_of = np.unique(of_bin, return_inverse=True)[1][bins]
    means: np.ndarray = np.rint(_means(colors, frequency, cluster_of)).astype(np.int64)
    return means


def _means(colors: np.ndarray, frequency: np.ndarray, group: np.ndarray) -> np.ndarray:
    """[G, 3] the weighted mean of each group of `colors` [D, 3], all of frequency above 0."""
    total = np.bincount(group, frequency)
    return np.stack([np.bincount(group, frequency * channel) / total for channel in colors.T], axis=1)


def _distinct(means: np.ndarray, colors: np.ndarray, count: int) -> np.ndarray:
    """[count, 3]: `means` without duplicates, filled up with those of `colors` that are farthest from them."""
    chosen = list(np.unique(means, axis=0))
    distance = np.min([((colors - color) ** 2).sum(1) for color in chosen], axis=0)
    while len(chosen) < count:
        chosen.append(colors[distance.argmax()])
        distance = np.minimum(distance, ((colors - chosen[-1]) ** 2).sum(1))
    return np.array(chosen)


# --- reading ------------------------------------------------------------------------------------------------


def _parse(text: str) -> int | tuple[str, ...] | np.ndarray:
    """How many colours to choose, or the tubes to mix them from, or the palette itself."""
    text = text.strip()
    if text.startswith(PREFIX):
        try:
            return tube_names(text)
        except ValueError as error:
            raise _error(text, str(error)) from None
    if _NUMBER.fullmatch(text):
        if len(text) > 9 or not MIN_CHOSEN <= int(text) <= MAX_COLORS:
            raise _error(text, f"a palette can be chosen with {MIN_CHOSEN} to {MAX_COLORS} colours")
        return int(text)
    if text.startswith("#"):
        words = enumerate(text.split(","), start=1)
        return _finish(text, [_parse_hex(text, word.strip(), f"colour {place}") for place, word in words])
    if not text:
        raise _error(text, f"it is empty; {_HOW}")
    return _finish(text, _read_file(text))


def _read_file(text: str) -> list[tuple[int, ...]]:
    path = Path(text)
    try:
        if path.is_dir():
            raise _error(text, "it is a folder; name a palette file inside it")
        if is_special_file(path):
            raise _error(text, "it is not a regular file; name a palette file")
        with path.open("rb") as stream:
            data = stream.read(MAX_TEXT_BYTES + 1)
    except OptionError:
        raise
    except FileNotFoundError:
        raise _error(text, f"there is no such file; {_HOW}") from None
    except PermissionError:
        raise _error(text, "you are not allowed to read this file; change its permissions or copy it") from None
    except (OSError, ValueError) as error:  # a name too long, or with a null character in it
        raise _error(text, f"{getattr(error, 'strerror', None) or error}; {_HOW}") from error
    if path.suffix.lower() not in _TEXT_ENDINGS and _is_binary(data):
        return _colors_of_picture(text, path)
    if b"\0" in data:
        raise _error(text, "it is not a text file; save it as plain text, one #rrggbb a line")
    if len(data) > MAX_TEXT_BYTES:
        raise _error(text, f"the file is larger than {MAX_TEXT_BYTES} bytes, too large for a palette; name another")
    lines = data.decode("utf-8-sig", errors="replace").splitlines()  # names of colours may be in any encoding
    is_gpl = bool(lines) and lines[0].startswith("GIMP Palette")
    return _colors_of_gpl(text, lines) if is_gpl else _colors_of_lines(text, lines)


def _is_binary(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return b"\0" in data


def _colors_of_lines(text: str, lines: list[str]) -> list[tuple[int, ...]]:
    colors = []
    for number, line in enumerate(lines, start=1):
        word = line.strip()
        if word and not word.startswith((";", "//")):
            digits = word[2:] if _ALPHA_HEX.fullmatch(word) else word
            colors.append(_parse_hex(text, digits, f"line {number}"))
    return colors


def _colors_of_gpl(text: str, lines: list[str]) -> list[tuple[int, ...]]:
    colors = []
    for number, line in enumerate(lines[1:], start=2):
        word = line.strip()
        if not word or _GPL_HEADER.match(word):
            continue
        match = _GPL_COLOR.fullmatch(word)
        values = tuple(int(value) for value in match.groups()) if match else (256,)
        if max(values) > 255:
            raise _error(text, f"line {number}, {_shown(word)!r}, is not three numbers from 0 to 255")
        colors.append(values)
    return colors


def _colors_of_picture(text: str, path: Path) -> list[tuple[int, ...]]:
    try:
        height, width = load_picture(path, 1).size
        if height * width > MAX_PICTURE_PIXELS:
            wrong = f"a picture of {width} x {height} pixels is too large for a palette"
            raise _error(text, f"{wrong}; make it one pixel a colour")
        picture = load_picture(path, max(height, width))
    except PictureError as error:
        raise _error(text, str(error)) from error
    pixels = np.rint(picture.rgb.reshape(-1, 3) * 255).astype(np.int64)
    if picture.alpha is not None:
        pixels = pixels[np.rint(picture.alpha.ravel() * 255) == 255]
    _, first = np.unique(pixels @ (65536, 256, 1), return_index=True)
    return [tuple(color) for color in pixels[np.sort(first)].tolist()]


def _parse_hex(text: str, word: str, place: str) -> tuple[int, ...]:
    if not _HEX.fullmatch(word):
        raise _error(text, f"{place}, {_shown(word)!r}, is not a colour; write #rrggbb")
    digits = word.lstrip("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    return levels_of(f"#{digits}")


def _finish(text: str, colors: list[tuple[int, ...]]) -> np.ndarray:
    different = list(dict.fromkeys(colors))
    if not different:
        raise _error(text, f"there is no (opaque) colour in it; {_HOW}")
    if len(different) > MAX_COLORS:
        raise _error(text, f"it has {len(different)} different colours; a palette has at most {MAX_COLORS}")
    palette: np.ndarray = np.array(different, dtype=np.float32) / np.float32(255)
    return palette


def _error(text: str, wrong: str) -> OptionError:
    return OptionError(f"--palette {_shown(text)}: {wrong}")


def _shown(text: str) -> str:
    """A text on one line, shortened if it is long."""
    text = one_line(text)
    return text if len(text) <= 80 else f"{text[:30]}…{text[-49:]}"
