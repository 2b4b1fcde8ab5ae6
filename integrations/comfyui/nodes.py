"""The nodes. What passes between them as IMPASTO_PAINTING is a list of `painter.Painting`, one for each of a batch.

What is heavy is imported when a node is executed, so that ComfyUI starts as fast as before.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import comfy.model_management
import comfy.utils
import folder_paths
from comfy_api.latest import ComfyExtension, io

from painter.errors import ImpastoError
from painter.export.formats import FORMATS
from painter.options.export import ExportConfig
from painter.options.morph import MorphConfig
from painter.options.paint import STYLE_OPTIONS, PaintConfig
from painter.options.restyle import RestyleConfig

from .widgets import options_from, preset_widget, widgets_of

CATEGORY = "Impasto"
PREVIEWS = 4.0  # a second, at most
PREVIEW_SIDE = 512  # pixels
STROKE_FILES = (".strokes.json", ".strokes.json.gz", ".png", ".svg")
SERVERS = ("device", "backend", "weights")
"""Options that are the machine's own business."""

MAIN = ("style", "strokes", "seed", "size", "canvas", "palette", "relief")
NOT_PAINTED = (*SERVERS, *STYLE_OPTIONS)
PaintingType = io.Custom("IMPASTO_PAINTING")


def outputs(pixels: str, painting: bool = False) -> list[Any]:
    """Pictures under this name, the mask of what is bare and, perhaps, the painting; no input may have their ids."""
    found = [
        io.Image.Output("out_image", display_name=pixels),
        io.Mask.Output("out_bare", display_name="bare", tooltip="1 where nothing is painted"),
    ]
    return [*found, PaintingType.Output("out_painting", display_name="painting")] if painting else found


class Paint(io.ComfyNode):
    """A picture becomes a painting."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImpastoPaint", display_name="Paint", category=CATEGORY,
            description="Turns a picture into a painting made of real, parameterised brush strokes.",
            inputs=[
                io.Image.Input("image"), preset_widget(), *widgets_of(PaintConfig, MAIN, NOT_PAINTED),
                io.Mask.Input("finer", optional=True, tooltip="where to paint more finely, in place of focus"),
                io.Mask.Input("region", optional=True, tooltip="where to paint at all"),
                io.Image.Input("brush", optional=True, tooltip="a picture of a brush of your own"),
            ],
            outputs=outputs("image", painting=True),
        )  # fmt: skip

    @classmethod
    def execute(
        cls, image: Any, preset: str, finer: Any = None, region: Any = None, brush: Any = None, **held: Any
    ) -> io.NodeOutput:
        from painter import Arrays, paint

        from .tensors import mask_of, pictures_of

        config = options_from(PaintConfig, held, preset)
        pictures, paintings = pictures_of(image), []
        own = None if brush is None else pictures_of(brush)[0]
        for number, picture in enumerate(pictures):
            arrays = Arrays(focus=mask_of(finer, number), region=mask_of(region, number), brush=own)
            watched = _watched(number, len(pictures))
            paintings.append(paint(picture, config, on_progress=watched, arrays=arrays).painting)
        return io.NodeOutput(*_drawn(paintings), paintings)


class Draw(io.ComfyNode):
    """A painting drawn again: at another size, or after its first strokes."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImpastoDraw", display_name="Draw painting", category=CATEGORY,
            description="Draws a painting at any size, also after its first strokes only.",
            inputs=[
                PaintingType.Input("painting"),
                io.Int.Input("size", default=1024, min=16, max=8192, tooltip="long side, pixels"),
                io.Float.Input("share", default=1.0, min=0.0, max=1.0, step=0.01, tooltip="of the strokes"),
                io.Float.Input("relief", default=-1.0, min=-1.0, max=1.0, step=0.05, tooltip="-1 is as painted"),
                io.Float.Input("texture", default=-1.0, min=-1.0, max=1.0, step=0.05, tooltip="-1 is as painted"),
            ],
            outputs=outputs("image"),
        )  # fmt: skip

    @classmethod
    def execute(cls, painting: Any, size: int, share: float, relief: float, texture: float) -> io.NodeOutput:
        from .tensors import image_of

        parts = [replace(one, strokes=one.strokes[: round(share * len(one.strokes))]) for one in painting]
        light, medium = (None if value < 0 else value for value in (relief, texture))
        return io.NodeOutput(*image_of([one.draw(size, light, medium) for one in parts]))


class Frames(io.ComfyNode):
    """A painting as it grows."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImpastoFrames", display_name="Frames of a painting", category=CATEGORY,
            description="The painting as it grows, from the bare ground to the last stroke, as a batch of images.",
            inputs=[
                PaintingType.Input("painting"),
                io.Int.Input("size", default=512, min=16, max=8192, tooltip="long side, pixels"),
                io.Int.Input("count", default=48, min=2, max=1000, tooltip="frames, of each painting"),
            ],
            outputs=outputs("frames"),
        )  # fmt: skip

    @classmethod
    def execute(cls, painting: Any, size: int, count: int) -> io.NodeOutput:
        from .tensors import image_of

        return io.NodeOutput(*image_of([frame for one in painting for frame in one.frames(size, count)]))


class Morph(io.ComfyNode):
    """The strokes of one painting become those of another."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImpastoMorph", display_name="Morph paintings", category=CATEGORY,
            description="The strokes of one painting become those of another of the same brush: a batch of images.",
            inputs=[
                PaintingType.Input("first"), PaintingType.Input("second"),
                io.Int.Input("count", default=48, min=2, max=1000, tooltip="frames"),
                *widgets_of(MorphConfig, ("ease", "size"), ("style", "at", "frames", "hold", "one_way")),
            ],
            outputs=outputs("frames"),
        )  # fmt: skip

    @classmethod
    def execute(cls, first: Any, second: Any, count: int, **held: Any) -> io.NodeOutput:
        from painter import morph

        from .tensors import image_of

        config = options_from(MorphConfig, held)
        if len(first) != len(second):
            counts = f"{len(first)} paintings and {len(second)}"
            raise ImpastoError(f"{counts}: each of the first needs one of the second; give as many of both")
        pairs = zip(first, second, strict=True)
        return io.NodeOutput(
            *image_of([frame for one, other in pairs for frame in morph(one, other, config).frames(count=count)])
        )


class Restyle(io.ComfyNode):
    """A painting in the style of a picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImpastoRestyle", display_name="Restyle painting", category=CATEGORY,
            description="Gives the strokes of a painting the style of a picture; they remain strokes.",
            inputs=[
                PaintingType.Input("painting"), io.Image.Input("picture"),
                *widgets_of(RestyleConfig, ("style_mode", "style_weight"), (*SERVERS, "style", "features")),
            ],
            outputs=outputs("image", painting=True),
        )  # fmt: skip

    @classmethod
    def execute(cls, painting: Any, picture: Any, **held: Any) -> io.NodeOutput:
        from painter import restyle

        from .tensors import pictures_of

        config = options_from(RestyleConfig, held, features="random")  # which needs no download
        style, count = pictures_of(picture)[0], len(painting)
        styled = [restyle(one, style, config, _watched(k, count)).painting for k, one in enumerate(painting)]
        return io.NodeOutput(*_drawn(styled), styled)


class Save(io.ComfyNode):
    """Paintings as files."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        endings = [ending for ending, format in FORMATS.items() if not format.is_folder]
        return io.Schema(
            node_id="ImpastoSave", display_name="Save painting", category=CATEGORY, is_output_node=True,
            description="Writes paintings into ComfyUI's output folder: GIF, MP4, SVG, layers, strokes and others.",
            inputs=[
                PaintingType.Input("painting"),
                io.String.Input("filename_prefix", default="impasto"),
                io.Combo.Input("format", options=endings, default=".gif", tooltip="; ".join(_holds(endings))),
                io.Int.Input("size", default=0, min=0, max=8192, tooltip="long side, pixels; 0 is as painted"),
                *widgets_of(ExportConfig, ("duration", "hold", "ease")),
            ],
            outputs=[io.String.Output("out_files", display_name="files")],
        )  # fmt: skip

    @classmethod
    def execute(cls, painting: Any, filename_prefix: str, format: str, size: int, **held: Any) -> io.NodeOutput:
        config, written = options_from(ExportConfig, held), []
        output = folder_paths.get_output_directory()
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(filename_prefix, output)
        for number, one in enumerate(painting):
            file = f"{name}_{counter + number:05}_{format}"
            one.save(os.path.join(folder, file), size=size or None, config=config)
            written.append({"filename": file, "subfolder": subfolder, "type": "output"})
        shown = [one for one in written if one["filename"].endswith((".png", ".jpg", ".jpeg", ".webp", ".gif"))]
        moving = {"animated": (format == ".gif" or config.webp == "animated",)}
        names = "\n".join(one["filename"] for one in written)
        return io.NodeOutput(names, ui={"images": shown, **moving} if shown else {"text": (names,)})


class Load(io.ComfyNode):
    """A painting from its strokes."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImpastoLoad", display_name="Load strokes", category=CATEGORY,
            description="Reads a stroke file, or a PNG or SVG that carries its strokes, from ComfyUI's input folder.",
            inputs=[io.Combo.Input("file", options=_inputs())],
            outputs=outputs("image", painting=True),
        )  # fmt: skip

    @classmethod
    def fingerprint_inputs(cls, file: str) -> str:
        """Something else once the file has changed."""
        path = _input(file)
        return f"{path.stat().st_mtime_ns} {path.stat().st_size}" if path.is_file() else "missing"

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        from painter import Painting

        paintings = [Painting.load(_input(file))]
        return io.NodeOutput(*_drawn(paintings), paintings)


class Extension(ComfyExtension):
    """All nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [Paint, Draw, Frames, Morph, Restyle, Save, Load]


async def comfy_entrypoint() -> ComfyExtension:
    """What ComfyUI asks for."""
    return Extension()


def _holds(endings: list[str]) -> list[str]:
    return [f"{ending}: {FORMATS[ending].holds}" for ending in endings]


def _inputs() -> list[str]:
    """Files in ComfyUI's input folder that may hold strokes."""
    folder = Path(folder_paths.get_input_directory())
    return sorted(path.name for path in folder.glob("*") if path.name.lower().endswith(STROKE_FILES))


def _input(name: str) -> Path:
    """The file of this name in ComfyUI's input folder. Raises ImpastoError if the name leads out of it."""
    folder = Path(folder_paths.get_input_directory()).resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise ImpastoError(f"{name}: it is not in ComfyUI's input folder; put it there")
    return path


def _drawn(paintings: Any) -> tuple[Any, Any]:
    """IMAGE and MASK of finished paintings."""
    from .tensors import image_of

    return image_of([one.draw() for one in paintings])


def _watched(number: int, count: int) -> Callable[[Any], None]:
    """What is called after each step for painting `number` of `count`: it shows progress, and ends a run that is
    interrupted."""
    shown: list[float] = []
    bars: list[Any] = []

    def watch(progress: Any) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        if not bars:
            bars.append(comfy.utils.ProgressBar(count * progress.steps))
        preview, now = None, time.monotonic()
        if progress.seen is not None and (not shown or now - shown[-1] >= 1 / PREVIEWS):
            from PIL import Image

            preview = ("JPEG", Image.fromarray(progress.canvas()).convert("RGB"), PREVIEW_SIDE)
            shown[:] = [now]
        bars[0].update_absolute(number * progress.steps + progress.step, count * progress.steps, preview)

    return watch
