"""What is to be painted: picture, options and networks brought together, ready for the search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from painter.options.network_files import face_detector
from painter.options.paint import NAMES_OF_STYLE, PaintConfig
from painter.painting.painting import Painting
from painter.pictures.arrays import Arrays
from painter.pictures.brush_file import load_texture
from painter.pictures.color import to_hex
from painter.pictures.focus import focus_weights
from painter.pictures.ground import Color, canvas_color, make_target, resolve_ground, to_bytes, within_region
from painter.pictures.looked_at import focus_of
from painter.pictures.masks import load_mask
from painter.pictures.palette import nearest, read_palette
from painter.pictures.picture import Picture, PictureSource, read_picture
from painter.pictures.pixels import in_steps
from painter.pictures.resizing import at_most, fit_size, resize_image
from painter.pictures.tones import divide_tones
from painter.search.config import SearchConfig, searched_side
from painter.search.maps import stroke_maps
from painter.search.target import Target
from painter.system.devices import resolve_device
from painter.system.fingerprint import options_of
from painter.version import __version__
from renderers.brushes import register
from renderers.brushes.stamp import Stamp
from renderers.checkpoint import checkpoint_folder, listed_digest, read_manifest
from renderers.decoding import SearchMaps

TONES_SIDE = 1024  # the longest side at which a picture is divided into tones, pixels


@dataclass(frozen=True, eq=False)
class Subject:
    """What is to be painted, with all that the search needs."""

    config: PaintConfig
    about: dict[str, Any]  # the picture's name, sha256, width and height, for the report
    aspect: tuple[int, int]  # height, width
    ground: Color | None  # None is transparent
    target: Target  # at the size searched on
    picture: np.ndarray  # uint8 [H, W, C] with straight alpha, at `config.working_side`
    region: np.ndarray | None  # [H, W] float32 in [0, 1], like `picture`: where there may be paint
    brush: str  # a name in `renderers.brushes.BRUSHES`
    maps: SearchMaps
    device: str  # 'cpu' or 'cuda', where the search runs
    backend: str  # 'reference', 'cpu' or 'cuda', what blends there
    notes: tuple[str, ...]  # lines for people about the picture, see `painter.pictures.picture.Picture.notes`
    digests: Mapping[str, str]  # sha256 of arrays that stand for files, by the option's field
    focus: np.ndarray | None  # [h, w] float32 in [0, 1], where to paint most finely; None: alike everywhere
    label = "painting"  # what comes out, for people

    def fingerprint(self) -> dict[str, Any]:
        """All that decides what a search finds, ready for JSON: options, files by their content, networks."""
        networks = None
        if self.config.brush is None:
            networks = read_manifest(checkpoint_folder())[self.config.style]["sha256"]
        about = {"picture": self.about["sha256"], "checkpoint": networks}
        if self.config.focus == "auto" and (detector := face_detector()) != "cascade":
            about["face detector (IMPASTO_FACES=cascade)"] = detector  # what to do, where it differs
        options = options_of(self.config, known=self.digests, device=self.device, backend=self.backend)
        if self.config.style_image is None:  # then these have no effect; their defaults may change
            options = {name: value for name, value in options.items() if name not in NAMES_OF_STYLE}
        return {**about, **options}

    def fields(self) -> dict[str, Any]:
        """What every subject has, by its name: to make a subject of another kind with it."""
        return {name: getattr(self, name) for name in Subject.__dataclass_fields__}

    def provenance(self) -> dict[str, Any]:
        """Where a painting of it comes from; see `painter.painting.painting.Painting.about`."""
        return {
            "input": self.about,
            "palette": self.palette_names(),
            "impasto": __version__,
            "checkpoint": None if self.config.brush is not None else listed_digest(self.config.style),
        }

    def palette_names(self) -> list[str] | None:
        """The only colours that there are, as #rrggbb; None: all."""
        palette = self.target.palette
        return None if palette is None else [to_hex(color) for color in palette.tolist()]

    def runs(self, count: int) -> list[slice]:
        """Strokes, of `count`, that keep their place among each other when they are put into paint order."""
        return [slice(0, count)]

    def figures(self, painting: Painting) -> dict[str, Any]:
        """What a report says of a painting of it beyond how near it is to `picture`."""
        return {}

    @property
    def compared_with(self) -> str:
        """What figures compare the painting with, for people: 'the picture', and what was made of it."""
        words = ["the picture"]
        if self.config.tones is not None:
            words.append(f"in {self.config.tones} tones" + (" of the palette" if self.config.palette else ""))
        elif self.config.palette is not None:
            words.append("in all its colours")
        if self.config.region is not None:
            words.append("within the region")
        return " ".join(words)

    @property
    def working_side(self) -> int:
        """The longer side of `picture`, pixels: the size at which the painting is compared with it."""
        side: int = max(self.picture.shape[:2])
        return side


def prepare_subject(source: PictureSource, config: PaintConfig, arrays: Arrays | None = None) -> Subject:
    """Read the picture and the files that options name, check the device and load the networks or the own brush.

    Args:
        arrays: what stands for some of those files; see `Arrays.applied_to` for what that makes of `config`.

    Raises:
        ImpastoError: PictureError, OptionError, DeviceError or CheckpointError.
    """
    arrays = arrays or Arrays()
    config = arrays.applied_to(config)
    seen = config.working_side
    picture = read_picture(source, seen)
    config.check_margin(*picture.size)
    rows, columns = picture.rgb.shape[:2]
    notes = picture.notes
    region = region_of(picture, config, arrays)
    shown = shown_of(picture, region)
    palette = None
    if config.palette is not None:
        palette = read_palette(config.palette, picture.rgb, shown, config.seed)
    device, backend = resolve_device(config.device, config.backend)
    brush, maps = _brush(config, backend, device, arrays)
    side = searched_side(config)
    focus = _focus(picture, config, side, arrays)
    weight = None if focus is None else focus_weights(focus, SearchConfig().focus_strength)
    picture = _in_tones(picture, shown, config, palette)
    ground = chosen_ground(picture, config, palette)
    if ground is None and shown is not None and not shown.any():  # nothing is to be seen: no stroke may show, either
        region = np.zeros((rows, columns), np.float32)
    height, width = picture.size
    target = Target(
        within_region(make_target(picture, ground, side), region, ground),
        canvas_color(ground),
        weight,
        None if region is None else at_most(region, side),
        palette,
        config.opacity_range(ground is None),
        config.blending,
    )
    return Subject(
        config=config,
        about={"name": picture.name, "sha256": picture.sha256, "width": width, "height": height},
        aspect=picture.size,
        ground=ground,
        target=target,
        picture=to_bytes(within_region(make_target(picture, ground, seen), region, ground)),
        region=region,
        brush=brush,
        maps=maps,
        device=device,
        backend=backend,
        notes=notes,
        digests=arrays.digests(),
        focus=focus,
    )


def _either(array: np.ndarray | None, file: str) -> np.ndarray | str:
    return file if array is None else array


def _focus(picture: Picture, config: PaintConfig, side: int, arrays: Arrays) -> np.ndarray | None:
    """[h, w] float32 in [0, 1] at `side`; None if all pixels count the same."""
    if config.focus == "none":
        return None
    if config.focus == "auto":
        return focus_of(picture, side)
    rows, columns = fit_size(picture.rgb.shape[0], picture.rgb.shape[1], side)
    return load_mask(_either(arrays.focus, config.focus), rows, columns, "--focus", picture.size)


def region_of(picture: Picture, config: PaintConfig, arrays: Arrays) -> np.ndarray | None:
    """[H, W] float32 in [0, 1]: where there may be paint; None is 1 everywhere. Raises PictureError."""
    if config.region is None:
        return None
    rows, columns = picture.rgb.shape[:2]
    return in_steps(load_mask(_either(arrays.region, config.region), rows, columns, "--region", picture.size))


def shown_of(picture: Picture, region: np.ndarray | None) -> np.ndarray | None:
    """[H, W] how much of each pixel will be seen, so that no colour is spent on others; None is 1 everywhere."""
    if picture.alpha is None or region is None:
        return region if picture.alpha is None else picture.alpha
    both: np.ndarray = picture.alpha * region
    return both


def _in_tones(picture: Picture, shown: np.ndarray | None, config: PaintConfig, palette: np.ndarray | None) -> Picture:
    if config.tones is None:
        return picture
    weight = None if shown is None else at_most(shown, TONES_SIDE)
    toned = divide_tones(at_most(picture.rgb, TONES_SIDE), weight, config.tones, palette)
    return replace(picture, rgb=np.clip(resize_image(toned, *picture.rgb.shape[:2]), 0, 1))


def chosen_ground(picture: Picture, config: PaintConfig, palette: np.ndarray | None) -> Color | None:
    """The ground that was asked for; one that is chosen here is of the palette."""
    ground = resolve_ground(config.canvas, picture, config.brush_defaults.paper)
    if ground is None or palette is None or config.canvas != "auto":
        return ground
    red, green, blue = (round(255 * c) / 255 for c in palette[nearest(np.array(ground, np.float32), palette)].tolist())
    return red, green, blue


def _brush(config: PaintConfig, backend: str, device: str, arrays: Arrays) -> tuple[str, SearchMaps]:
    """The brush's name, and how the search sees its strokes."""
    name = config.style
    if config.brush is not None:
        stamp = Stamp(load_texture(_either(arrays.brush, config.brush)))
        register(stamp)
        name = stamp.name
    return name, stroke_maps(name, backend, device)
