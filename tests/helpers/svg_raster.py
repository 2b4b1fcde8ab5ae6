"""A small rasteriser for the SVG that Impasto writes, and for no other: its looks can be tested without a browser.

Paths of M, l, q and z; flat colours and linear gradients; lines with mitres and dashes; groups with opacity, masks that
hold a grey picture, and `use` of a group in `defs`. Anything else is an error.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
from PIL import Image

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
FINE = 4  # subsamples along a pixel
FLAT = 8  # straight pieces of a curve
Matrix = np.ndarray  # [2, 3]
Attributes = dict[str, str]
Elements = dict[str, ElementTree.Element]  # by their ids


def rasterize(path: Path, width: int, height: int) -> np.ndarray:
    """uint8 [height, width, 4], straight."""
    root = ElementTree.parse(path).getroot()
    left, top, *extent = (float(value) for value in root.attrib["viewBox"].split())
    assert (left, top) == (0, 0)
    matrix = np.array([[width / extent[0], 0, 0], [0, height / extent[1], 0]])
    named = {element.attrib["id"]: element for element in root.iter() if "id" in element.attrib}
    canvas = np.zeros((height, width, 4))
    _draw_children(root, canvas, matrix, named, {})
    alpha = canvas[..., 3:]
    canvas[..., :3] = np.divide(canvas[..., :3], alpha, out=np.zeros_like(canvas[..., :3]), where=alpha > 0)
    return np.rint(canvas * 255).astype(np.uint8)


def _draw_children(
    parent: ElementTree.Element, canvas: np.ndarray, matrix: Matrix, named: Elements, given: Attributes
) -> None:
    for element in parent:
        tag, own = element.tag.removeprefix(SVG), element.attrib
        if tag in ("title", "desc", "defs", "mask", "linearGradient"):
            continue
        if tag == "g":
            _draw_group(element, canvas, matrix, named, {**given, **_inherited(own)})
        elif tag == "use":
            values = re.fullmatch(r"matrix\((.*)\)", own["transform"])
            assert values is not None
            a, b, c, d, e, f = (float(value) for value in values[1].split())
            inner = np.vstack([[[a, c, e], [b, d, f]], [0, 0, 1]])
            given_here = {**given, **_inherited(own)}
            wrapper = ElementTree.Element("g", {"opacity": own.get("opacity", "1")})
            wrapper.extend(named[own[HREF][1:]])
            _draw_group(wrapper, canvas, matrix @ inner, named, given_here)
        elif tag == "rect":
            corner = np.array([[0, 0], [float(own["width"]), 0], [float(own["width"]), float(own["height"])]])
            shape = [np.vstack([corner, [[0, float(own["height"])]]])]
            _paint(canvas, _coverage(canvas, _moved(shape, matrix)), _pigment(own["fill"], named, matrix), 1.0)
        else:
            assert tag == "path", tag
            _draw_path({**given, **own}, canvas, matrix, named)


def _inherited(own: Attributes) -> Attributes:
    return {key: own[key] for key in ("fill", "stroke", "stroke-linecap") if key in own}


def _draw_group(
    group: ElementTree.Element, canvas: np.ndarray, matrix: Matrix, named: Elements, given: Attributes
) -> None:
    opacity, mask = float(group.get("opacity", 1)), group.get("mask")
    if opacity == 1 and mask is None:
        _draw_children(group, canvas, matrix, named, given)
        return
    layer = np.zeros_like(canvas)
    _draw_children(group, layer, matrix, named, given)
    if mask is not None:
        layer *= _mask(named[mask[5:-1]], canvas.shape)[..., None]
    layer *= opacity
    canvas *= 1 - layer[..., 3:]
    canvas += layer


def _mask(mask: ElementTree.Element, shape: tuple[int, ...]) -> np.ndarray:
    (picture,) = mask
    data = base64.b64decode(picture.attrib[HREF].removeprefix("data:image/png;base64,"))
    grey = np.array(Image.open(io.BytesIO(data))).astype(np.float64) / 255
    return cv2.resize(grey, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)


def _draw_path(own: Attributes, canvas: np.ndarray, matrix: Matrix, named: Elements) -> None:
    outlines = path_points(own["d"])
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    whole, opacity = canvas, float(own.get("opacity", 1))
    both = own.get("fill", "#000000") != "none" and "stroke" in own
    if both:
        canvas, opacity = np.zeros_like(canvas), 1.0
    if own.get("fill", "#000000") != "none":
        cover = _coverage(canvas, _moved([points for points, _ in outlines], matrix))
        share = opacity * float(own.get("fill-opacity", 1))
        _paint(canvas, cover, _pigment(own.get("fill", "#000000"), named, matrix), share)
    if "stroke" in own:
        width = float(own["stroke-width"]) * scale
        dashes = [float(dash) * scale for dash in own.get("stroke-dasharray", "").split()]
        pieces: list[np.ndarray] = []
        for points, ring in outlines:
            line = _moved([points], matrix)[0]
            for part, closed in _dashed(line, ring, dashes):
                pieces += _stroked(part, closed, width)
        cover = _union(canvas, pieces)
        _paint(canvas, cover, _pigment(own["stroke"], named, matrix), opacity * float(own.get("stroke-opacity", 1)))
    if both:
        canvas *= float(own.get("opacity", 1))
        whole *= 1 - canvas[..., 3:]
        whole += canvas


def path_points(data: str) -> list[tuple[np.ndarray, bool]]:
    """The subpaths of a `d`: points of straight pieces, and whether they close."""
    outlines: list[tuple[np.ndarray, bool]] = []
    points: list[np.ndarray] = []
    for command, text in re.findall("([A-Za-z])([^A-Za-z]*)", data):
        values = [float(value) for value in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", text)]
        if command == "M":
            outlines += [(np.array(points), False)] if points else []
            points = [np.array(values)]
        elif command == "l":
            points += list(points[-1] + np.cumsum(np.array(values).reshape(-1, 2), axis=0))
        elif command == "q":
            for control, end in np.array(values).reshape(-1, 2, 2):
                start, t = points[-1], np.linspace(0, 1, FLAT + 1)[1:, None]
                points += list(start + 2 * t * (1 - t) * control + t * t * end)
        else:
            assert command == "z", command
            outlines.append((np.array(points), True))
            points = []
    return outlines + ([(np.array(points), False)] if points else [])


def _moved(shapes: list[np.ndarray], matrix: Matrix) -> list[np.ndarray]:
    return [points @ matrix[:, :2].T + matrix[:, 2] for points in shapes]


def _dashed(line: np.ndarray, ring: bool, dashes: list[float]) -> Iterator[tuple[np.ndarray, bool]]:
    """The drawn pieces of a line, and whether they close."""
    if not dashes:
        yield line, ring
        return
    points = np.vstack([line, line[:1]]) if ring else line
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    at, k = 0.0, 0
    while at < along[-1] - 1e-6:
        end = min(at + dashes[k % len(dashes)], along[-1])
        if k % 2 == 0:
            inner = along[(along > at) & (along < end)]
            places = np.array([at, *inner, end])
            yield np.stack([np.interp(places, along, points[:, axis]) for axis in (0, 1)], axis=1), False
        at, k = end, k + 1


def _stroked(line: np.ndarray, ring: bool, width: float) -> list[np.ndarray]:
    """Polygons that together are a line of this width: its pieces and the mitres between them."""
    keep = np.concatenate([[True], np.linalg.norm(np.diff(line, axis=0), axis=1) > 1e-9])
    line = line[keep]
    points = np.vstack([line, line[:1]]) if ring else line
    step = np.diff(points, axis=0)
    step = step[np.linalg.norm(step, axis=1) > 1e-9]
    unit = step / np.linalg.norm(step, axis=1, keepdims=True)
    normal = np.stack([-unit[:, 1], unit[:, 0]], axis=1) * width / 2
    starts, ends = points[: len(step)], points[: len(step)] + step
    pieces = list(np.stack([starts + normal, ends + normal, ends - normal, starts - normal], axis=1))
    following = np.roll(np.arange(len(step)), -1) if ring else np.arange(1, len(step))
    for k, after in zip(range(len(following)), following, strict=True):
        middle = normal[k] + normal[after]
        share = (middle @ middle) / (width * width)  # cos² of half the turn
        if share > 1 / 16:
            tip = middle / (2 * share)
            turn = unit[k, 0] * unit[after, 1] - unit[k, 1] * unit[after, 0]
            side = -1 if turn > 0 else 1
            corner = ends[k]
            kite = [corner, corner + side * normal[k], corner + side * tip, corner + side * normal[after]]
            pieces.append(np.array(kite))
    return pieces


def _coverage(canvas: np.ndarray, shapes: list[np.ndarray]) -> tuple[slice, slice, np.ndarray]:
    """The part of the canvas that shapes touch, and how much of each pixel lies within them (even-odd)."""
    return _filled(canvas, [shapes])


def _union(canvas: np.ndarray, shapes: list[np.ndarray]) -> tuple[slice, slice, np.ndarray]:
    return _filled(canvas, [[shape] for shape in shapes])


def _filled(canvas: np.ndarray, groups: list[list[np.ndarray]]) -> tuple[slice, slice, np.ndarray]:
    every = np.vstack([points for group in groups for points in group])
    height, width = canvas.shape[:2]
    low = np.clip(np.floor(every.min(axis=0)).astype(int), 0, [width, height])
    high = np.clip(np.ceil(every.max(axis=0)).astype(int), low, [width, height])
    columns, rows = high - low
    fine = np.zeros((rows * FINE, columns * FINE), np.uint8)
    if fine.size:
        for group in groups:
            places = [np.rint(((points - low) * FINE - 0.5) * 16).astype(np.int32) for points in group]
            cv2.fillPoly(fine, places, 1, shift=4)
    part = fine.reshape(rows, FINE, columns, FINE).mean(axis=(1, 3)) if fine.size else np.zeros((rows, columns))
    return slice(low[1], high[1]), slice(low[0], high[0]), part


def _pigment(value: str, named: Elements, matrix: Matrix) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two colours and the places that they are at, in pixels."""
    if not value.startswith("url("):
        return _color(value), _color(value), np.zeros(2), np.ones(2)
    gradient = named[value[5:-1]]
    assert gradient.get("gradientUnits") == "userSpaceOnUse"
    ends = np.array([float(gradient.attrib[key]) for key in ("x1", "y1", "x2", "y2")]).reshape(2, 2)
    first, last = (_color(stop.attrib["stop-color"]) for stop in gradient)
    start, end = _moved([ends], matrix)[0]
    return first, last, start, end


def _color(name: str) -> np.ndarray:
    return np.array(list(bytes.fromhex(name[1:]))) / 255


def _paint(
    canvas: np.ndarray, cover: tuple[slice, slice, np.ndarray], pigment: tuple[np.ndarray, ...], opacity: float
) -> None:
    rows, columns, share = cover
    first, last, start, end = pigment
    y, x = np.mgrid[rows, columns] + 0.5
    along = end - start
    mix = (((x - start[0]) * along[0] + (y - start[1]) * along[1]) / max(along @ along, 1e-12)).clip(0, 1)
    color = first + mix[..., None] * (last - first)
    alpha = (share * opacity)[..., None]
    canvas[rows, columns] += alpha * (np.concatenate([color, np.ones_like(alpha)], axis=2) - canvas[rows, columns])
