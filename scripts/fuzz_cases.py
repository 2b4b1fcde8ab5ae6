"""What `scripts/fuzz.py` feeds to the program: good files of every kind, and ways to make them lie.

A case is a number: the same seed and number give the same bytes.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import random
import re
import struct
import tempfile
import zlib
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageCms

from painter.config import PaintConfig
from painter.painting import Painting
from painter.pixels import in_steps
from painter.stroke_columns import allowed
from painter.stroke_file import save_strokes
from renderers.brushes import BRUSHES, NETWORK_BRUSHES, register
from renderers.brushes.stamp import Stamp
from renderers.checkpoint import checkpoint_folder
from renderers.strokes import Strokes

CANARY = "canary"
"""In every name that a lying file tells the program to open: nothing so called may ever be opened."""

TRICKS = (
    f"../../{CANARY}.png", f"/{CANARY}/etc/passwd", f"~/{CANARY}", f"..\\..\\{CANARY}", f"{CANARY}\x00.png", "..", "/",
    f"\x1b[31m{CANARY}\n\r\t", f"</title><script>{CANARY}()</script>", f'"/><image href="http://{CANARY}/"/>', "]]>&x;",
    "\ud800\uffff", "\u202egnp", "a" * 5000, "-o", "--overwrite", "%s%n{0}", f"file:///{CANARY}", f"data:,{CANARY}", "",
)  # fmt: skip
_HOSTILE: tuple[Any, ...] = (
    None, True, -1, 0, 1, -0.0, 0.5, 1e-320, 3.0000001, 1e308, float("nan"), float("inf"), -float("inf"), 2**31, 2**63,
    -(2**64), 10**19, 10**400, [], {}, [[]], [1, 2, 3], {"a": {}}, "", "0.5", "#ff00ff", "auto", "stamp", *TRICKS,
)  # fmt: skip
_TOKENS = (
    b"NaN", b"-Infinity", b"1e999", b"-1", b"0", b"null", b"true", b'""', b"[]", b"{}", b"9" * 4500, b"1e-999", b"=",
    b'"\\ud800"', b"[" * 3000, b'"\\u0000"', b"2147483648", b"0.5.5", b"]", b"\xff\xfe", b"-0", b"0x" + b"f" * 5000,
    b"4.0001", b"a.b.c", b'"""', b"\x1b[2J", b"1979-05-27T07:32:00Z", b"\n", b"\x00",
)  # fmt: skip
_WORDS = re.compile(rb'[-0-9.e]+|"[^"\n]*"|[a-z_]+|[\[\]{}:,=]')
_EXTREMES = (0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


# --- ways to lie --------------------------------------------------------------------------------------------


def mutated(content: bytes, rng: random.Random) -> bytes:
    """`content` with a few bytes or pieces changed, doubled, moved or missing, and numbers made extreme."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at, kind = rng.randrange(len(data)), rng.randrange(7)
        if rng.random() < 0.5:  # headers are where the lies are
            at = min(at, rng.randrange(128))
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del data[at : at + rng.choice((1, 4, 50))]
        elif kind == 3:
            data[at:at] = data[at : at + rng.choice((1, 20, 400))]
        elif kind == 4 and rng.random() < 0.3:
            del data[at:]
        elif kind == 5:
            other = rng.randrange(len(data))
            data[at : at + 8] = data[other : other + 8]
        else:
            form = rng.choice((">I", "<I", ">H", "<H"))
            number = rng.choice(_EXTREMES) & (0xFFFFFFFF if form[1] == "I" else 0xFFFF)
            data[at : at + struct.calcsize(form)] = struct.pack(form, number)
        if not data:
            return b"\0"
    return bytes(data)


def retold(content: bytes, rng: random.Random) -> bytes:
    """A text with a few of its words replaced by worse ones."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        words = [match.span() for match in _WORDS.finditer(content)]
        if words:
            start, end = rng.choice(words)
            content = content[:start] + rng.choice(_TOKENS) + content[end:]
    return content


def rearranged(document: Any, rng: random.Random) -> Any:
    """A JSON document with a few members, anywhere in it, set to hostile values, renamed or removed."""
    document = json.loads(json.dumps(document))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        holder: Any = document
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = rng.choice(keys)
            if isinstance(holder[key], (dict, list)) and rng.random() < 0.8:
                holder = holder[key]
                continue
            action = rng.random()
            if action < 0.8:
                holder[key] = rng.choice(_HOSTILE)
            elif action < 0.9:
                del holder[key]
            elif isinstance(holder, dict):
                holder[rng.choice(TRICKS)] = holder.pop(key)
            else:
                holder.append(holder[key])
            break
    return document


def resigned_png(content: bytes) -> bytes:
    """A PNG whose chunks have the right checksums, so that a reader gets past them."""
    out, at = bytearray(content[:8]), 8
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        body = content[at + 4 : at + 8 + length]
        out += content[at : at + 4] + body + zlib.crc32(body).to_bytes(4, "big")
        at += 12 + length
    return bytes(out)


# --- pictures -----------------------------------------------------------------------------------------------


@cache
def pictures() -> tuple[tuple[str, bytes], ...]:
    """Good ones, of all kinds that are read: (ending, bytes)."""
    values = np.random.default_rng(7).integers(0, 256, (17, 24, 4), dtype=np.uint8)
    rgba = Image.fromarray(values)
    rgb, grey = rgba.convert("RGB"), rgba.convert("L")
    deep = Image.fromarray(values.view(np.uint32)[..., 0].astype(np.uint16))
    floats = Image.fromarray(values[..., 0].astype(np.float32) / 255)
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    made: list[tuple[str, Image.Image, dict[str, Any]]] = [
        ("png", rgba, {}), ("png", grey, {"icc_profile": icc}), ("png", rgb, {"icc_profile": srgb, "exif": exif}),
        ("png", rgb.quantize(16), {"transparency": bytes(range(16))}), ("png", deep, {}),
        ("png", grey.convert("1"), {}),
        ("jpg", rgb, {"exif": exif}), ("jpg", rgb.convert("CMYK"), {}), ("jpg", rgb, {"progressive": True}),
        ("webp", rgba, {"lossless": True}), ("webp", rgba, {"exif": exif}), ("webp", rgba, {"save_all": True,
         "append_images": [rgba.rotate(90)]}), ("gif", rgb, {"save_all": True, "append_images": [grey.convert("RGB")]}),
        ("gif", rgb.quantize(8), {"transparency": 3}), ("bmp", rgb, {}), ("bmp", grey.convert("1"), {}),
        ("tif", rgba, {}), ("tif", rgb, {"compression": "tiff_lzw"}), ("tif", rgb, {"compression": "jpeg"}),
        ("tif", grey, {"compression": "tiff_adobe_deflate"}), ("tif", deep, {}), ("tif", floats, {}),
        ("tif", grey.convert("1"), {"compression": "group4"}), ("tif", rgb, {"exif": exif}),
    ]  # fmt: skip
    kinds = {"jpg": "JPEG", "tif": "TIFF"}
    result = []
    for ending, image, options in made:
        buffer = io.BytesIO()
        image.save(buffer, format=kinds.get(ending, ending.upper()), **options)
        result.append((ending, buffer.getvalue()))
    return tuple(result)


def picture(rng: random.Random) -> tuple[str, bytes]:
    """A picture that lies: (name, bytes)."""
    ending, content = rng.choice(pictures())
    content = mutated(content, rng)
    if ending == "png" and rng.random() < 0.8:
        content = resigned_png(content)
    return f"a.{rng.choice((ending, ending, 'png', 'gpl', 'txt'))}", content


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def _png(width: int, height: int, depth: int, kind: int, *chunks: bytes) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + _chunk(b"IEND", b"")


def _zeros(count: int) -> bytes:
    packer = zlib.compressobj(1)
    block = bytes(2**20)
    return b"".join(packer.compress(block) for _ in range(count >> 20)) + packer.flush()


def png_bomb(width: int, height: int, depth: int = 1, kind: int = 0) -> bytes:
    """A small PNG that unpacks to all the pixels that it says."""
    row = 1 + (width * depth * {0: 1, 2: 3, 6: 4}[kind] + 7) // 8
    return _png(width, height, depth, kind, _chunk(b"IDAT", _zeros(row * height + 2**20)))


def _tiff(*tags: tuple[int, int, int, int], after: int = 0) -> bytes:
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + struct.pack("<I", after) + bytes(64)


_SIDES = ((256, 4, 1, 14000), (257, 4, 1, 14000), (258, 3, 1, 8), (262, 3, 1, 1))
BOMBS: tuple[Callable[[], bytes], ...] = (
    lambda: _png(2**31 - 1, 2**31 - 1, 8, 6, _chunk(b"IDAT", b"")),
    lambda: _png(0, 0, 8, 6, _chunk(b"IDAT", b"")),
    lambda: _png(8, 8, 8, 0, _chunk(b"zTXt", b"a\0\0" + _zeros(2**27)), _chunk(b"IDAT", zlib.compress(bytes(72)))),
    lambda: _png(8, 8, 8, 0, _chunk(b"iCCP", b"a\0\0" + _zeros(2**27)), _chunk(b"IDAT", zlib.compress(bytes(72)))),
    lambda: _png(8, 8, 8, 0, _chunk(b"IDAT", _zeros(2**28))),
    lambda: _png(8, 8, 8, 3, _chunk(b"IDAT", zlib.compress(bytes(72)))),  # a palette that is not there
    lambda: _png(8, 8, 8, 0, b"\xff\xff\xff\xffIDAT" + bytes(40)),
    lambda: _png(8, 8, 8, 0, *[_chunk(b"tEXt", b"a\0" + bytes([65]) * 10_000)] * 300),
    lambda: png_bomb(14_000, 14_000),
    lambda: png_bomb(1, 2_000_000),
    lambda: b"GIF89a" + struct.pack("<HHBBBcHHHHB", 65535, 3000, 0, 0, 0, b",", 0, 0, 1, 1, 0) + b"\2;",
    lambda: b"BM" + struct.pack("<IIIIiiHHIIiiII", 99, 0, 54, 40, 14000, -14000, 1, 1, 0, 0, 0, 0, 2, 2) + bytes(60),
    lambda: b"BM" + struct.pack("<IIIIiiHHIIiiII", 99, 0, 54, 40, -8, 2**31 - 1, 1, 8, 1, 0, 0, 0, 2, 2) + bytes(60),
    lambda: b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + b"\xff" * 6,
    lambda: b"\xff\xd8\xff\xc0\0\x11\x08" + struct.pack(">HH", 65535, 3000) + b"\3\1\x11\0\2\x11\0\3\x11\0" + bytes(40),
    lambda: _tiff(*_SIDES, (273, 4, 2**31, 8), (279, 4, 2**31, 8)),
    lambda: _tiff(*_SIDES, (273, 4, 1, 8), (279, 4, 1, 2**32 - 1), after=8),  # a list that goes round
    lambda: _tiff(*_SIDES, (273, 4, 1, 2**32 - 1), (278, 4, 1, 0), (279, 4, 1, 0)),
)
"""Pictures that are not what their headers say, or far too much of it."""


# --- stroke files -------------------------------------------------------------------------------------------


@cache
def stroke_documents() -> tuple[dict[str, Any], ...]:
    """Good stroke files of all brushes, as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.strokes.json")
        documents = []
        for brush in (*NETWORK_BRUSHES, "stamp"):
            save_strokes(_painting(brush), path)
            documents.append(json.loads(path.read_bytes()))
    return tuple(documents)


def _painting(brush: str, count: int = 6) -> Painting:
    noise = in_steps(np.random.default_rng(5).random((9, 14), np.float32))
    tools = register(Stamp(noise)) if brush == "stamp" else BRUSHES[brush]
    generator = torch.Generator().manual_seed(count)
    strokes = Strokes(
        tools.name,
        tools.sample(count, generator),
        torch.rand(count, tools.colors, 3, generator=generator),
        torch.rand(count, generator=generator),
        torch.randint(0, 2**31, (count,), generator=generator),
    )
    about = {
        "input": {"name": "a.png", "sha256": "0f" * 32, "width": 40, "height": 30},
        "palette": ["#102030", "#ffffff"],
        "impasto": "1.0.0",
        "checkpoint": None,
    }
    region = noise if brush in ("stamp", "rectangle") else None
    style = "oilpaintbrush" if brush == "stamp" else brush
    config = PaintConfig(style=style, strokes=77, size=48, relief=0.5 if brush == "oilpaintbrush" else 0)
    return Painting(strokes, (30, 40), (0.2, 0.4, 0.6) if region is None else None, config, region, about)


def _original(rng: random.Random) -> bytes:
    """A file of the original program's, whose arrays or bytes lie."""
    columns, colors = rng.choice(((5, 6), (5, 3), (8, 6), (8, 3), (7, 3)))
    shapes = {"x_ctt": columns, "x_color": colors, "x_alpha": 1}
    arrays: dict[str, Any] = {
        name: np.random.default_rng(rng.randrange(99)).random((1, 4, d), np.float32) for name, d in shapes.items()
    }
    name = rng.choice(list(arrays))
    for _ in range(rng.randrange(3)):
        arrays[name][0, rng.randrange(4), 0] = rng.choice((np.nan, np.inf, -1, -1e30, 2.5, 1e-30))
    if rng.random() < 0.3:
        arrays[name] = rng.choice(
            (np.zeros((1, 0, 5)), np.zeros(3), np.zeros((1, 4, 5), "c8"), np.zeros((2, 3, 8), "f2"), np.array("../x"),
             np.zeros((1, 4, 5), ">f8"), np.zeros((1, 1_000_001, 1), "f4"), np.zeros((1, 4, 5), [("a", "f4")]))
        )  # fmt: skip
    if rng.random() < 0.1:
        arrays[f"../../{CANARY}"] = arrays.pop(name)
    buffer = io.BytesIO()
    (np.savez_compressed if rng.random() < 0.5 else np.savez)(buffer, **arrays)
    return mutated(buffer.getvalue(), rng) if rng.random() < 0.6 else buffer.getvalue()


def _at_the_limits(document: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The document with numbers that are only just allowed, on a canvas that is."""
    document = json.loads(json.dumps(document))
    brush = _painting(document["brush"], 1).strokes.brush
    for parameter in BRUSHES[brush].parameters:
        column, limits = document["strokes"][parameter.name], allowed(parameter)
        for n in range(len(column)):
            if rng.random() < 0.4:
                column[n] = rng.choice((*limits, parameter.low, parameter.high, min(max(0.0, limits[0]), limits[1])))
    canvas = document["canvas"]
    canvas["height"], canvas["width"] = rng.choice(((1, 1), (30, 40), (1, 200_000_000), (200_000_000, 1), (3, 7)))
    canvas["ground"] = rng.choice(("transparent", "#ffffff", [0, 1, 0.123456789]))
    return document


def stroke_file(rng: random.Random) -> tuple[str, bytes]:
    """A stroke file that lies: (name, bytes)."""
    way = rng.random()
    if way < 0.15:
        return "a.npz", _original(rng)
    document = rng.choice(stroke_documents())
    if way < 0.3:
        document = _at_the_limits(document, rng)
    elif way < 0.65:
        document = rearranged(document, rng)
    if way < 0.8 and isinstance(document.get("input"), dict) and rng.random() < 0.5:
        document = {**document, "input": {**document["input"], "name": rng.choice(TRICKS)}}
    if 0.65 < way < 0.8:  # whole, but for the files that it names
        named = {key: rng.choice(TRICKS) for key in ("region", "focus", "palette", "brush") if rng.random() < 0.7}
        document = {**document, "config": {**document["config"], **named}}
    if isinstance(document.get("texture"), str) and rng.random() < 0.2:
        document = {**document, "texture": base64.b64encode(picture(rng)[1]).decode()}
    content = json.dumps(document, ensure_ascii=rng.random() < 0.7).encode(errors="surrogatepass")
    if way > 0.8:
        content = retold(content, rng) if rng.random() < 0.5 else mutated(content, rng)
    if rng.random() < 0.2:
        content = gzip.compress(content, 1)
        content = mutated(content, rng) if rng.random() < 0.7 else content + gzip.compress(b"{}")
    if rng.random() < 0.004:
        content = gzip.compress(b'{"a":' + b" " * 2**28, 1)
    return "a.strokes.json", content


def _large(inside: bytes, times: int, before: bytes = b'{"a":[0', after: bytes = b"]}") -> bytes:
    return before + inside * times + after


HEAVY: tuple[tuple[str, Callable[[], bytes]], ...] = (
    ("a.png", lambda: png_bomb(14_100, 14_100, 8, 6)),
    ("a.png", lambda: png_bomb(14_100, 14_100, 8, 2)),
    ("a.png", lambda: png_bomb(14_100, 14_100, 16, 0)),
    ("a.png", lambda: png_bomb(199_000_000, 1, 8, 0)),
    ("a.strokes.json", lambda: _large(b",0.91234567890123456789", 16_900_000)),
    ("a.strokes.json", lambda: _large(b",6.8985865317742003e-309", 16_900_000)),
    ("a.strokes.json", lambda: _large(b",1", 16_900_000)),
    ("a.strokes.json", lambda: _large(b",[0,0]", 3_000_000)),
    ("a.strokes.json", lambda: _large(b",[" + b"1" * 160, 3_000_000)),
    ("a.strokes.json", lambda: _large(b" ", 530_000_000, '{"a":"é"'.encode(), b"}")),
    ("a.strokes.json", lambda: _large("é".encode() + b"a" * 1000, 499_000, b'{"a":"', b'"}')),
    ("a.strokes.json", lambda: _large(b"\\n", 260_000_000, b'{"a":"', b'"}')),
    ("a.strokes.json", lambda: _large(b"9", 530_000_000, b'{"a":', b"}")),
    ("a.strokes.json", lambda: _large(b"9", 530_000_000, b'{"a":0.', b"}")),
    ("a.strokes.json", lambda: gzip.compress(_large(b" ", 2**30), 1)),
    ("a.toml", lambda: b"a" + b".a" * 1_000_000 + b" = 1"),
)
"""Files as heavy as can be before they are refused."""


# --- configurations and checkpoints -------------------------------------------------------------------------

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
    """A configuration that lies: (name, bytes)."""
    lines, way = CONFIG.splitlines(keepends=True), rng.random()
    if way < 0.5:
        for _ in range(rng.choice((1, 1, 2, 6))):
            n = rng.randrange(len(lines))
            lines[n] = lines[n].split(b"=")[0] + b"= " + _toml(rng.choice(_HOSTILE)) + b"\n"
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
    return "a.toml", retold(CONFIG, rng) if way < 0.9 else mutated(CONFIG, rng)


def _toml(value: Any) -> bytes:
    if isinstance(value, float):
        return repr(value).encode()
    if isinstance(value, int) and not isinstance(value, bool) and value > 2**64:
        return b"0x" + b"f" * 5000
    text = json.dumps(value).replace("null", '"null"').replace(": ", " = ")
    return text.encode()


@cache
def _checkpoint() -> tuple[dict[str, Any], bytes]:
    folder = checkpoint_folder()
    manifest = json.loads((folder / "manifest.json").read_text())
    entry = {**manifest["brushes"]["rectangle"], "trained": {}}
    return {"brushes": {"rectangle": entry}}, (folder / entry["file"]).read_bytes()


def checkpoint(rng: random.Random) -> tuple[bytes, bytes]:
    """A checkpoint that lies: (manifest.json, rectangle.safetensors). Most have the right sha256."""
    manifest, content = _checkpoint()
    way = rng.random()
    if way < 0.25:
        return json.dumps(rearranged(manifest, rng)).encode(), content
    if way < 0.35:
        return retold(json.dumps(manifest).encode(), rng), content
    size = int.from_bytes(content[:8], "little")
    if way < 0.65:
        header = json.loads(content[8 : 8 + size])
        text = json.dumps(rearranged(header, rng)).encode()
        if rng.random() < 0.3:
            text = retold(text, rng)
        content = len(text).to_bytes(8, "little") + text + content[8 + size :]
    elif way < 0.75:
        at = 8 + size + 4 * rng.randrange((len(content) - 8 - size) // 4)
        content = content[:at] + struct.pack("<f", rng.choice((np.nan, np.inf, -np.inf))) + content[at + 4 :]
    else:
        content = mutated(content, rng)
    if rng.random() < 0.9:
        manifest = {"brushes": {"rectangle": {"file": "rectangle.safetensors", "sha256": sha256(content).hexdigest()}}}
    return json.dumps(manifest).encode(), content
