"""Strokes drawn in a browser against the engines that they are translated from."""

from __future__ import annotations

import ast
import base64
import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.browser import browser
from playwright.sync_api import Page

from painter import PaintConfig, Painting
from renderers.brushes import BRUSHES, NETWORK_BRUSHES, Limits, register
from renderers.brushes.stamp import Stamp
from renderers.media.media import MEDIA
from renderers.stamp_size import LONGEST
from renderers.strokes import Strokes
from renderers.webgl.kernel_source import source_of
from renderers.webgl.media_shaders import media_parts
from renderers.webgl.shaders import _SHARED, BRUSH_MODULES, paint_script, shader_parts, shared_parts
from renderers.webgl.stroke_rows import ROW, pack_rows, unpack_rows
from renderers.webgl.translate import _Translation

SIDE, LEAST = 256, 50.0  # pixels; dB
WIDTH, HEIGHT = SIDE, SIDE * 3 // 4
STAMP = "stamp"

DRAW = """([painting, rows, width, height, count, view]) => {
  for (const part of [painting.region, painting.stamp]) if (part) part.levels = Uint8Array.from(part.levels);
  window.renderer ??= new ImpastoPaint.Renderer(document.createElement("canvas"));
  renderer.open(painting);
  renderer.setRows(Uint8Array.from(atob(rows), (c) => c.charCodeAt(0)).buffer);
  const text = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(count.map((k) => text(renderer.pixels(width, height, k, view))).join(""));
}"""


def random_strokes(brush: str, count: int = 100) -> Strokes:
    """Strokes of all shapes that the search may use."""
    kind, rng = BRUSHES[brush], torch.Generator().manual_seed(3)
    params = kind.fit(kind.sample(count, rng), Limits(height=HEIGHT / WIDTH))
    colors, opacity = torch.rand(count, kind.colors, 3, generator=rng), 0.3 + 0.7 * torch.rand(count, generator=rng)
    return Strokes(brush, params, colors, opacity, torch.randint(0, 2**31, (count,), generator=rng))


def painting_of(brush: str, color: tuple[float, float, float] | None, region: bool = False, **options: Any) -> Painting:
    """100 strokes on a canvas of this colour, without texture; a region that fades from left to right."""
    mask = (np.rint(np.linspace(0, 255, WIDTH)) / 255).astype(np.float32)
    shown = np.repeat(mask[None], HEIGHT, axis=0) if region else None
    config = PaintConfig(**{"size": SIDE, "texture": 0.0, **options})
    return Painting(random_strokes(brush), (HEIGHT, WIDTH), color, config, shown)


@pytest.fixture(scope="module")
def stamp() -> str:
    """The name of a stamp whose texture has soft and hard edges; small, so that it is enlarged."""
    y, x = np.mgrid[0:40, 0:60] / 20
    texture = np.clip(1 - ((x - 1.5) ** 2 / 2 + (y - 1) ** 2), 0, 1) * np.where((x * 4).astype(int) % 2, 1.0, 0.4)
    return register(Stamp((np.rint(255 * texture) / 255).astype(np.float32))).name


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as running:
        page = running.new_page()
        page.set_content("<title>strokes</title>")
        page.add_script_tag(content=paint_script())
        yield page


@pytest.fixture(scope="module")
def other(page: Page) -> Page:
    """Another page, for other scripts."""
    assert page.context.browser is not None
    return page.context.browser.new_page()


def seen_by(
    page: Page, painting: Painting, relief: float = 0.0, counts: tuple[int, ...] = (100,), zoom: float = 1.0,
    corner: tuple[float, float] = (0, 0), size: tuple[int, int] = (WIDTH, HEIGHT),
) -> np.ndarray:  # fmt: skip
    """[frames, H, W, C] uint8: what the browser draws."""
    brush = BRUSHES[painting.strokes.brush]
    about: dict[str, Any] = {
        "brush": brush.name,
        "aspect": painting.aspect,
        "ground": painting.ground,
        "relief": relief,
        "mixing": painting.config.blending,
        "pencil": painting.config.pencil,
        "texture": (surface := painting.surface()) and asdict(surface),
    }
    if painting.region is not None:
        about["region"] = levels(painting.region)
    if isinstance(brush, Stamp):
        about["stamp"] = {**levels(brush.texture), "longest": LONGEST}
    rows = base64.b64encode(pack_rows(painting.strokes).tobytes()).decode()
    view = {"x": corner[0], "y": corner[1], "zoom": zoom}
    text = page.evaluate(DRAW, [about, rows, *size, list(counts), view])
    frames = np.frombuffer(base64.b64decode(text), np.uint8).reshape(len(counts), size[1], size[0], 4)
    return frames if painting.ground is None else frames[..., :3]


def levels(values: np.ndarray) -> dict[str, object]:
    whole = np.rint(values * 255).astype(int)
    return {"width": whole.shape[1], "height": whole.shape[0], "levels": whole.ravel().tolist()}


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """dB, of premultiplied pictures: colours below nothing do not show."""

    def premultiplied(image: np.ndarray) -> np.ndarray:
        image = image.astype(np.float64)
        return (
            image
            if image.shape[-1] == 3
            else np.concatenate([image[..., :3] * image[..., 3:] / 255, image[..., 3:]], -1)
        )

    error = float(np.square(premultiplied(a) - premultiplied(b)).mean())
    return 10 * float(np.log10(255**2 / max(error, 1e-9)))


@pytest.mark.slow
@pytest.mark.parametrize("brush", [*NETWORK_BRUSHES, STAMP])
def test_the_browser_draws_as_the_engines_do(page: Page, stamp: str, brush: str) -> None:
    painting = painting_of(stamp if brush == STAMP else brush, (0.2, 0.5, 0.7))
    assert psnr(seen_by(page, painting)[0], painting.draw()) >= LEAST


@pytest.mark.slow
@pytest.mark.parametrize("brush", [*NETWORK_BRUSHES, STAMP])
def test_the_medium_and_its_sheet_are_the_same(page: Page, stamp: str, brush: str) -> None:
    painting = painting_of(stamp if brush == STAMP else brush, (0.97, 0.95, 0.9), texture=0.6)
    drawn = seen_by(page, painting)[0]
    like, bare = psnr(drawn, painting.draw()), psnr(drawn, painting.draw(texture=0.0))
    print(f"{brush}: {like:.1f} dB; without texture {bare:.1f} dB")
    assert like >= LEAST and bare < LEAST


@pytest.mark.slow
@pytest.mark.parametrize("brush", ["watercolor", "oilpaintbrush", "rectangle"])  # one for each way of laying
def test_pigments_mix_and_margins_are_the_same(page: Page, brush: str) -> None:
    options = {"texture": 1.0, "mixing": "pigment", "margin": 0.04, "relief": 0.5, "ground": "rough"}
    painting = painting_of(brush, None, region=True, **options)
    size = WIDTH // 2, HEIGHT // 2
    drawn = seen_by(page, painting, relief=0.5, size=size)[0]
    assert psnr(drawn, painting.draw(size[0])) >= LEAST


def test_glazes_have_no_blacks_and_colours_mix_without_texture(page: Page) -> None:
    glazed = painting_of("rectangle", (1.0, 1.0, 1.0), mixing="pigment")
    assert psnr(seen_by(page, glazed)[0], glazed.draw()) >= LEAST
    dark = painting_of("markerpen", (1.0, 1.0, 1.0), texture=0.6, mixing="glaze")
    assert dark.surface().limited  # type: ignore[union-attr]
    assert psnr(seen_by(page, dark)[0], dark.draw()) >= LEAST


@pytest.mark.slow
@pytest.mark.parametrize(("brush", "texture"), [("rectangle", 0.0), ("oilpaintbrush", 0.6)])
def test_pencil_lines_are_the_same(page: Page, brush: str, texture: float) -> None:
    painting = painting_of(brush, (1.0, 1.0, 1.0), texture=texture, pencil=0.8, margin=0.03)
    drawn = seen_by(page, painting)[0]
    without = replace(painting, config=replace(painting.config, pencil=0.0)).draw()
    print(f"{brush}: {psnr(drawn, painting.draw()):.1f} dB")
    assert psnr(drawn, painting.draw()) >= LEAST and psnr(without, painting.draw()) < LEAST - 5


@pytest.mark.slow
@pytest.mark.parametrize("brush", [*NETWORK_BRUSHES, STAMP])
def test_transparent_grounds_relief_and_region_are_the_same(page: Page, stamp: str, brush: str) -> None:
    painting = painting_of(stamp if brush == STAMP else brush, None, region=True)
    drawn = seen_by(page, painting, relief=0.6)[0]
    lit, flat = psnr(drawn, painting.draw(relief=0.6)), psnr(drawn, painting.draw())
    assert lit >= LEAST and lit > flat + 1


@pytest.mark.slow
def test_any_view_is_a_part_of_a_larger_painting(page: Page) -> None:
    painting = painting_of("oilpaintbrush", (1.0, 1.0, 1.0))
    width, height = WIDTH // 4, HEIGHT // 4
    part = seen_by(page, painting, relief=0.5, zoom=8.0, corner=(0.25, 0.25), size=(width, height))[0]
    whole = painting.draw(size=8 * width, relief=0.5)
    # At the rim of the view, light does not see the paint beyond it.
    inner = np.s_[8:-8, 8:-8]
    assert psnr(part[inner], whole[2 * width :][:height, 2 * width :][:, :width][inner]) >= LEAST


@pytest.mark.slow
def test_strokes_can_be_added_and_taken_away(page: Page) -> None:
    painting = painting_of("rectangle", (1.0, 1.0, 1.0))
    few, all_of_them, again = seen_by(page, painting, counts=(30, 100, 30))
    first, last = painting.drawn_after([30, 100])
    assert psnr(few, first) >= LEAST and psnr(all_of_them, last) >= LEAST
    assert np.array_equal(few, again)


@pytest.mark.slow
def test_a_graphics_card_that_was_lost_draws_the_same_again(page: Page) -> None:
    painting = painting_of("oilpaintbrush", (1.0, 1.0, 1.0), region=True, texture=0.6, pencil=0.8)
    page.evaluate("window.renderer = undefined")  # a new one counts its revisions from the same number again
    before = seen_by(page, painting)[0]
    page.evaluate(
        """([width, height]) => new Promise((done) => {
          Object.assign(renderer.canvas, { width, height });
          const loss = renderer.gl.getExtension("WEBGL_lose_context");
          renderer.canvas.addEventListener("webglcontextlost", () => setTimeout(() => loss.restoreContext()));
          renderer.canvas.addEventListener("webglcontextrestored", done);
          loss.loseContext(); })""",
        [WIDTH, HEIGHT],
    )
    after = np.array(page.evaluate(f"Array.from(renderer.pixels({WIDTH}, {HEIGHT}))"), np.uint8)
    assert np.array_equal(after.reshape(HEIGHT, WIDTH, 4)[..., :3], before)


@pytest.mark.slow
def test_the_stroke_at_a_point_is_the_uppermost_one(page: Page) -> None:
    painting = painting_of("rectangle", (1.0, 1.0, 1.0))
    seen_by(page, painting)
    x, y = (float(painting.strokes.params[name][60]) for name in ("x", "y"))
    assert page.evaluate(f"renderer.strokeAt({x}, {y}, 61)") == 60
    assert page.evaluate(f"renderer.strokeAt({x}, {y}, 0)") is None
    assert page.evaluate("renderer.describe(60).opacity") == pytest.approx(float(painting.strokes.opacity[60]))


# A constant of each engine, and what it is changed to: the difference is small, and is seen.
CHANGES = {
    "oilpaintbrush": ("(0.36 * s)", "(0.33 * s)"),
    "watercolor": ("(0.22 * pool)", "(0.19 * pool)"),
    "markerpen": ("(0.96 + ", "(0.93 + "),
    "rectangle": ("width) + 0.5)", "width) + 0.4)"),
}


# The same of each medium.
MEDIA_CHANGES = {
    "oilpaintbrush": ("((0.12 - 0.25) * texture)", "((0.2 - 0.25) * texture)"),
    "watercolor": ("(texture * 0.085)", "(texture * 0.06)"),
    "markerpen": ("(0.3 * dwell)", "(0.15 * dwell)"),
    "rectangle": ("(texture * min((0.003", "(texture * min((0.001"),
}


@pytest.mark.slow
@pytest.mark.parametrize("textured", [False, True], ids=["bare", "textured"])
@pytest.mark.parametrize("brush", CHANGES)
def test_a_changed_constant_is_found(other: Page, brush: str, textured: bool) -> None:
    before, after = (MEDIA_CHANGES if textured else CHANGES)[brush]
    script = paint_script(brush, texture=textured)
    assert script.count(before) >= 1
    painting = painting_of(brush, (0.2, 0.5, 0.7), texture=float(textured))
    other.goto("about:blank")  # nothing is left of the script before
    other.add_script_tag(content=script.replace(before, after))
    assert psnr(seen_by(other, painting)[0], painting.draw()) < LEAST


# --- without a browser --------------------------------------------------------------------------------------------


def test_constants_are_those_of_the_modules() -> None:
    for module, names in _SHARED.items():
        for name in names:
            assert shared_parts()["constants"][name] == getattr(importlib.import_module(module), name)
    for brush in NETWORK_BRUSHES:
        body = BRUSHES[brush].body
        assert shader_parts(brush)["body"] == {name: getattr(body, name) for name in shader_parts(brush)["body"]}
        assert len(shader_parts(brush)["body"]) == 4


def test_constants_of_media_are_those_of_their_classes() -> None:
    for brush, medium in MEDIA.items():
        parts = media_parts(brush)
        if "density" in parts:
            assert parts["density"] == medium.density.numbers.tolist()  # type: ignore[attr-defined]
        else:
            assert parts["light"]["detail"] == medium.detail  # type: ignore[attr-defined]
        assert parts["constants"].get("MARGIN", 0.0) == medium.margin
    assert len(media_parts("watercolor")["density"]) == 8


@pytest.mark.parametrize(
    ("line", "glsl"),
    [
        ("x = x**3", "x = cube(x);"),
        ("for k in range(-1, 3): x = x + k", "for (int k = (-1); k < 3; k++)"),
        ("a = np.ones(3)\n    x = a[2]", "x = a[2];"),
        ("x, y = y, x", "x = new_x;"),
        ("x = 1.0 if int(x) & 1 else 2.0", "x = (((int(x) & 1) != 0) ? 1.0 : 2.0);"),
    ],
)
def test_what_media_are_written_in_is_translated(line: str, glsl: str) -> None:
    function = ast.parse(f"def mix(x: float, y: float) -> float:\n    {line}\n    return x").body[0]
    assert isinstance(function, ast.FunctionDef)
    assert glsl in _Translation(source_of("renderers.brushes.texture"), function, {}).text()


@pytest.mark.parametrize("brush", NETWORK_BRUSHES)
def test_every_number_of_an_engine_is_in_its_translation(brush: str) -> None:
    source = source_of(f"renderers.brushes.{BRUSH_MODULES[brush][0]}")
    numbers = {
        node.value
        for node in ast.walk(source.functions["_paint"])
        if isinstance(node, ast.Constant) and isinstance(node.value, float)
    }
    found = {float(text) for text in re.findall(r"\d+\.\d*(?:e[+-]?\d+)?|\d+e[+-]?\d+", shader_parts(brush)["engine"])}
    assert numbers and numbers <= found


@pytest.mark.parametrize(
    "line", ["x = [1.0, 2.0]", "x = math.tan(1.0)", "while x > 0: x = x - 1.0", "x = 1.0 // 2.0", "x = unknown"]
)
def test_what_cannot_be_translated_is_refused(line: str) -> None:
    function = ast.parse(f"def paint(x: float) -> float:\n    {line}\n    return x").body[0]
    assert isinstance(function, ast.FunctionDef)
    with pytest.raises((ValueError, LookupError)):
        _Translation(source_of("renderers.brushes.texture"), function, {}).text()


@pytest.mark.parametrize("brush", NETWORK_BRUSHES)
def test_rows_are_64_bytes_and_become_strokes_again(brush: str) -> None:
    strokes = random_strokes(brush, 5)
    rows = pack_rows(strokes)
    assert rows.nbytes == 5 * 64 and ROW.itemsize == 64
    again = unpack_rows(np.frombuffer(rows.tobytes(), ROW), brush)
    same: Callable[[torch.Tensor, torch.Tensor], bool] = torch.equal
    assert all(same(again.params[name], values) for name, values in strokes.params.items())
    assert (
        same(again.colors, strokes.colors) and same(again.opacity, strokes.opacity) and same(again.seed, strokes.seed)
    )
