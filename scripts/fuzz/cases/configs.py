"""Damaged and hostile configuration files."""

from __future__ import annotations

import json
import random
from typing import Any

from scripts.fuzz.cases.mutations import HOSTILE, mutate_text, mutated

CONFIG = b"""\
preset = "logo"
style = "oil"   # the brush
strokes = 300
until-psnr = 20.5
size = 64
seed = 3
canvas = "#ffffff"
palette = "#000000,#ffffff,#ff0000"
focus = "auto"
min-size = 0.01
max_size = 0.5
opacity = "0.1:1"
levels = 3
relief = 0.2
ot = 0.0
iterations = 5
device = "cpu"
"""


def config_file(rng: random.Random) -> tuple[str, bytes]:
    """A damaged or hostile configuration file: (name, bytes)."""
    lines, way = CONFIG.splitlines(keepends=True), rng.random()
    if way < 0.5:
        for _ in range(rng.choice((1, 1, 2, 6))):
            n = rng.randrange(len(lines))
            lines[n] = lines[n].split(b"=")[0] + b"= " + _toml(rng.choice(HOSTILE)) + b"\n"
        return "a.toml", b"".join(lines)
    if way < 0.6:
        key = rng.choice((b"a", b"strokes", b'"x\\n"', b"'../x'"))
        times = rng.choice((10, 1000, 9000, 60_000))
        forms = (
            b".".join([key] * times) + b" = 1", b"x = " + b"[" * times, key + b" = {" * times,
            (b"[[" + key + b"]]\n") * (times // 8),
        )  # fmt: skip
        form = rng.choice(forms)
        return "a.toml", b"".join(lines) + form
    if way < 0.75:  # nothing wrong: a line less
        del lines[rng.randrange(len(lines))]
        return "a.toml", b"".join(lines)
    return "a.toml", mutate_text(CONFIG, rng) if way < 0.9 else mutated(CONFIG, rng)


def _toml(value: Any) -> bytes:
    if isinstance(value, float):
        return repr(value).encode()
    if isinstance(value, int) and not isinstance(value, bool) and value > 2**64:
        return b"0x" + b"f" * 5000
    text = json.dumps(value).replace("null", '"null"').replace(": ", " = ")
    return text.encode()
