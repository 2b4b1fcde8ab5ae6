"""Layered files for painting programs: OpenRaster and Photoshop's format. Layers in, bytes out.

OpenRaster (baseline specification 0.0.5): a zip of PNGs with a list of them. PSD (Adobe Photoshop File Formats
Specification, 2019): 8 bits a channel, layers deflated, the picture of all of them for programs that read no layers.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from PIL import Image

from painter.errors import OutputError
from painter.export.places import writing
from painter.export.png import encode_png

THUMBNAIL_SIDE = 256  # pixels, as OpenRaster asks for
MOST_PSD_SIDE = 30_000  # pixels, that the format allows
_DAY = (1980, 1, 1, 0, 0, 0)  # in place of the time, so that equal layers give equal bytes
_RAW, _DEFLATED = 0, 2  # of PSD
_CHANNELS = ((-1, 3), (0, 0), (1, 1), (2, 2))  # PSD's number of a channel, and ours


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer of a picture, at a place on it."""

    name: str
    pixels: np.ndarray  # uint8 [h, w, 4], straight alpha; h and w at least 1
    left: int = 0
    top: int = 0


def write_ora(path: Path, layers: Sequence[Layer], merged: np.ndarray) -> None:
    """Write layers, the lowest first, as OpenRaster.

    Args:
        merged: uint8 [H, W, 3 or 4], all layers over each other.

    Raises:
        OutputError: the file cannot be written; `path` is then unchanged.
    """
    height, width = merged.shape[:2]
    lines = [
        f'<layer name={quoteattr(layer.name)} src="data/layer{k}.png" x="{layer.left}" y="{layer.top}"/>'
        for k, layer in enumerate(layers)
    ]
    stack = "".join(reversed(lines))  # the uppermost comes first
    thumbnail = Image.fromarray(merged)
    thumbnail.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    files = {
        "mimetype": b"image/openraster",
        "stack.xml": (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<image version="0.0.5" w="{width}" h="{height}">'
            f"<stack>{stack}</stack></image>\n"
        ).encode(),
        **{f"data/layer{k}.png": _png(layer.pixels) for k, layer in enumerate(layers)},
        "mergedimage.png": _png(merged),
        "Thumbnails/thumbnail.png": _png(np.asarray(thumbnail)),
    }
    with writing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in files.items():  # `mimetype` first and as it is, and PNGs cannot be packed further
            archive.writestr(zipfile.ZipInfo(name, _DAY), content)


def write_psd(path: Path, layers: Sequence[Layer], merged: np.ndarray) -> None:
    """Write layers, the lowest first, as PSD; see `write_ora`.

    Raises:
        OutputError: the picture is too large for the format, or the file cannot be written.
    """
    height, width, channels = merged.shape
    if max(height, width) > MOST_PSD_SIDE:
        raise OutputError(f"cannot write {path}: a PSD has at most {MOST_PSD_SIDE} pixels a side; use .ora")
    records, planes = zip(*map(_psd_layer, layers), strict=True)
    # A negative count says that the first extra channel of the merged picture is its transparency.
    count = struct.pack(">h", -len(layers) if channels == 4 else len(layers))
    info = count + b"".join(records) + b"".join(planes)
    info += b"\0" * (len(info) % 2)
    section = struct.pack(">I", len(info)) + info + struct.pack(">I", 0)
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, channels, height, width, 8, 3) + struct.pack(">II", 0, 0)
    if channels == 4:  # programs take white away again from what is not opaque
        alpha = merged[..., 3:] / np.float32(255)
        colors = np.rint(merged[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
        merged = np.concatenate([colors, merged[..., 3:]], axis=2)
    with writing(path) as temporary, temporary.open("wb") as file:
        file.write(head + struct.pack(">I", len(section)) + section + struct.pack(">H", _RAW))
        for channel in range(channels):
            file.write(np.ascontiguousarray(merged[..., channel]).tobytes())


def _psd_layer(layer: Layer) -> tuple[bytes, bytes]:
    """What describes a layer, and its pixels."""
    height, width = layer.pixels.shape[:2]
    planes = [
        struct.pack(">H", _DEFLATED) + zlib.compress(np.ascontiguousarray(layer.pixels[..., ours]).tobytes(), 6)
        for _, ours in _CHANNELS
    ]
    record = struct.pack(">iiii", layer.top, layer.left, layer.top + height, layer.left + width)
    record += struct.pack(">H", len(_CHANNELS))
    record += b"".join(
        struct.pack(">hI", theirs, len(plane)) for (theirs, _), plane in zip(_CHANNELS, planes, strict=True)
    )
    record += b"8BIMnorm" + bytes((255, 0, 0, 0))  # opacity, clipping, flags, a filler
    short = layer.name.encode("latin-1", "replace")[:255]
    name = bytes((len(short),)) + short
    name += b"\0" * (-len(name) % 4)
    wide = struct.pack(">I", len(layer.name)) + layer.name.encode("utf-16-be")
    wide += b"\0" * (-len(wide) % 4)
    extra = struct.pack(">II", 0, 0) + name + b"8BIMluni" + struct.pack(">I", len(wide)) + wide
    return record + struct.pack(">I", len(extra)) + extra, b"".join(planes)


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    encode_png(buffer, image)
    return buffer.getvalue()
