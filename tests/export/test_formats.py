"""Formats by their endings: stills, folders of frames, and files that have to be small."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers.paintings import WHITE, make_painting
from PIL import Image

from painter.errors import OptionError, OutputError
from painter.export import FORMATS, check_output, format_of
from painter.export.fitting import Quality, make_ladder, name_size
from painter.export.frames import write_frames
from painter.export.png import write_png
from painter.options.export import ExportConfig
from painter.options.kinds import ByteSize, Choice, Switch
from painter.painting.drawn import Drawn
from painter.painting.painting import Painting
from painter.painting.save import draw_for, save_painting
from painter.pictures.ground import to_words
from painter.pictures.metrics import over_white


def psnr(image: np.ndarray, expected: np.ndarray) -> float:
    return float(-10 * np.log10(max(1e-9, np.mean((image.astype(np.float64) - expected) ** 2) / 255**2)))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


# --- by ending ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "ending"),
    [
        ("a.png", ".png"),
        ("A.JPEG", ".jpeg"),
        ("a.b.gif", ".gif"),
        ("a.strokes.json", ".strokes.json"),
        ("a.png.Strokes.JSON.gz", ".strokes.json.gz"),
        ("out/frames/", "frames/"),
        ("out/anything/", "frames/"),
        ("out/frames", "frames/"),
        ("cat-frames", "frames/"),
    ],
)
def test_the_ending_names_the_format(path: str, ending: str) -> None:
    for given in (path, Path(path)) if path != "out/anything/" else (path,):
        found = format_of(given)
        assert (found.ending, found) == (ending, FORMATS[ending])
        assert found.is_folder == (ending == "frames/")


@pytest.mark.parametrize("path", ["a.json", ".strokes.json", "a.gz", "a", ".png", "a.frames", "a.tiff"])
def test_other_endings_are_refused(path: str) -> None:
    with pytest.raises(OutputError, match=r"use \.png, \.jpg") as caught:
        format_of(path)
    assert "\n" not in str(caught.value)


def test_mp4_is_refused_early_without_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(OutputError, match="pip install imageio-ffmpeg"):
        check_output(tmp_path / "a.mp4")


def test_svg_and_stroke_files_go_to_their_writers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []
    monkeypatch.setattr("painter.painting.save.write_svg", lambda *given, **named: seen.append((*given, named)))
    monkeypatch.setattr("painter.painting.save.save_strokes", lambda *given: seen.append(given))
    painting, config = make_painting(3), ExportConfig(svg="plot", width_mm=100, embed="never")
    for name in ("a.svg", "a.strokes.json", "a.strokes.json.gz"):
        save_painting(painting, tmp_path / name, config=config)
    drawn, first, second = seen
    assert drawn[:5] == (tmp_path / "a.svg", painting.strokes, painting.aspect, painting.ground, painting.region)
    about = {"title": None, "seed": painting.config.seed, "few_colors": False}
    assert drawn[5] == {**about, "config": config, "carried": None}
    assert first == (painting, tmp_path / "a.strokes.json") and second == (painting, tmp_path / "a.strokes.json.gz")


# --- stills -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ground", [WHITE, None])
@pytest.mark.parametrize("name", ["a.jpg", "a.jpeg"])
def test_jpeg_is_over_white(name: str, ground: tuple[float, float, float] | None, tmp_path: Path) -> None:
    painting = make_painting(ground=ground, size=128)
    assert save_painting(painting, tmp_path / name) == []
    image = painting.draw()
    read = pixels(tmp_path / name)
    with Image.open(tmp_path / name) as opened:
        assert opened.format == "JPEG" and read.shape == (96, 128, 3)
    assert psnr(read, over_white(image) if ground is None else image) > 30


@pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
def test_quality_is_bytes_for_likeness(name: str, tmp_path: Path) -> None:
    painting = make_painting(size=128)
    image, sizes, likeness = painting.draw(), [], []
    for quality in (20, 60, 95):
        save_painting(painting, tmp_path / name, Drawn(image), ExportConfig(quality=quality))
        sizes.append((tmp_path / name).stat().st_size)
        likeness.append(psnr(pixels(tmp_path / name), image))
    assert sizes == sorted(set(sizes)) and likeness == sorted(set(likeness))


def test_webp_keeps_alpha_and_at_100_everything(tmp_path: Path) -> None:
    painting = make_painting(ground=None, size=128)
    image = painting.draw()
    save_painting(painting, tmp_path / "a.webp")
    save_painting(painting, tmp_path / "b.webp", config=ExportConfig(quality=100))
    lossy, lossless = pixels(tmp_path / "a.webp"), pixels(tmp_path / "b.webp")
    assert np.array_equal(lossy[..., 3], image[..., 3]) and psnr(over_white(lossy), over_white(image)) > 28
    assert not np.array_equal(lossy, image) and np.array_equal(lossless, image)
    with Image.open(tmp_path / "a.webp") as still:
        assert getattr(still, "n_frames", 1) == 1


def test_the_image_at_hand_is_not_drawn_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    painting = make_painting()
    image = painting.draw()
    monkeypatch.setattr(Painting, "draw", lambda *_: pytest.fail("drawn again"))
    for name in ("a.png", "a.jpg", "a.webp"):
        save_painting(painting, tmp_path / name, Drawn(image))


def test_what_several_files_show_is_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    painting, config = make_painting(), ExportConfig(webp="animated", fps=30.0)
    names = ["a.png", "a.gif", "a.webp", "frames/"]
    for name in names:
        save_painting(painting, tmp_path / name, config=config)
    drawn = draw_for(painting, names, config)
    assert np.array_equal(drawn.image, painting.draw()) and len(drawn.frames) > 4
    monkeypatch.setattr(Painting, "draw", lambda *_: pytest.fail("drawn again"))
    monkeypatch.setattr("painter.painting.save.draw_frames", lambda *_: pytest.fail("drawn again"))
    (tmp_path / "again").mkdir()
    for name in names:
        save_painting(painting, tmp_path / "again" / name, drawn, config)
    files = [path for path in tmp_path.rglob("*.*") if "again" not in path.parts]
    assert len(files) > 20, "frames, too"
    for path in files:
        assert (tmp_path / "again" / path.relative_to(tmp_path)).read_bytes() == path.read_bytes()


def test_a_gif_alone_is_drawn_once_for_its_frames_and_its_colors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []
    drawn_after = Painting.drawn_after

    def noted(painting: Painting, counts: Iterable[int], size: int | None = None) -> Iterator[np.ndarray]:
        asked.append(list(counts))
        return drawn_after(painting, asked[-1], size)

    monkeypatch.setattr(Painting, "drawn_after", noted)
    monkeypatch.setattr(Painting, "draw", lambda *_: pytest.fail("drawn again"))
    save_painting(make_painting(), tmp_path / "a.gif")
    assert len(asked) == 1


def test_frames_in_reverse_are_those_drawn_once(tmp_path: Path) -> None:
    painting, config = make_painting(), ExportConfig(reverse=True)
    save_painting(painting, tmp_path / "a.gif", config=config)
    save_painting(painting, tmp_path / "b.gif", draw_for(painting, ["a.gif"], config), config)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


def test_frames_that_take_too_much_memory_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    painting = make_painting()
    shown = draw_for(painting, ["a.gif"]).frames
    monkeypatch.setattr("painter.painting.drawn.MOST_BYTES", (len(shown) - 1) * painting.draw().nbytes)
    assert not draw_for(painting, ["a.gif"]).frames, "all of a file's frames or none"
    small = ExportConfig(gif_side=16)
    monkeypatch.undo()
    assert not draw_for(painting, ["a.gif"], small).frames, "that is another size"


def test_a_gif_does_not_depend_on_what_is_written_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    painting, config = make_painting(), ExportConfig(webp="animated")
    first, slower = draw_for(painting, ["a.gif"], config), ExportConfig(webp="animated", frames=7)
    save_painting(painting, tmp_path / "a.gif", first, config)
    beside = draw_for(painting, ["b.webp"], slower)
    assert beside.frames and beside.frames.keys() != first.frames.keys()
    save_painting(painting, tmp_path / "b.gif", beside, config)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    monkeypatch.setattr("painter.painting.drawn.MOST_BYTES", 0)
    save_painting(painting, tmp_path / "c.gif", config=config)
    with Image.open(tmp_path / "a.gif") as kept, Image.open(tmp_path / "c.gif") as one_by_one:
        assert kept.n_frames == one_by_one.n_frames
        for frame in range(0, kept.n_frames, 5):
            kept.seek(frame)
            one_by_one.seek(frame)
            assert psnr(np.array(kept.convert("RGB")), np.array(one_by_one.convert("RGB"))) > 35, "of other colours"


def in_16_bits(painting: Painting, relief: float | None = None) -> np.ndarray:
    return np.concatenate(list(painting.bands(relief=relief, depth=16)))


@pytest.mark.parametrize("ground", [WHITE, None])
def test_sixteen_bits_are_those_of_the_canvas(ground: tuple[float, float, float] | None, tmp_path: Path) -> None:
    painting = make_painting(ground=ground)
    for relief in (0.0, 0.6):
        deep, image = in_16_bits(painting, relief), painting.draw(relief=relief)
        assert deep.dtype == np.uint16 and deep.shape == image.shape
        shows = image[..., -1] > 8 if ground is None else np.ones(image.shape[:2], bool)
        assert np.abs(deep / 257 - image)[shows].max() < 0.51, "both are the same canvas, rounded"
        assert (deep % 257 != 0).mean() > 0.2, "not 8 bits made longer"
    save_painting(painting, tmp_path / "a.png", config=ExportConfig(bit_depth=16))
    read = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert read is not None
    order = cv2.COLOR_BGR2RGB if ground else cv2.COLOR_BGRA2RGBA
    assert read.dtype == np.uint16 and np.array_equal(cv2.cvtColor(read, order), in_16_bits(painting))
    with Image.open(tmp_path / "a.png") as image8:  # another reader, which keeps the upper 8 bits
        assert np.array_equal(np.array(image8), in_16_bits(painting) >> 8)


def test_png16_takes_nothing_else(tmp_path: Path) -> None:
    for image in (np.zeros((4, 4, 3), np.int16), np.zeros((4, 4), np.uint16), np.zeros((0, 4, 3), np.uint16)):
        with pytest.raises(ValueError, match="expected uint8 or uint16"):
            write_png(tmp_path / "a.png", image)
    assert not list(tmp_path.iterdir())


def test_words_of_a_canvas() -> None:
    canvas = np.array([[[0.25, 0.5, 0.0, 0.5], [1e-6, 1e-6, 1e-6, 1e-6], [1.0, 2.0, -1.0, 1.0]]], np.float32)
    assert to_words(canvas).tolist() == [[[32768, 65535, 0, 32768], [0, 0, 0, 0], [65535, 65535, 0, 65535]]]


# --- a folder of frames -------------------------------------------------------------------------------------


def test_frames_are_numbered_pngs(tmp_path: Path) -> None:
    painting = make_painting(7, ground=None)
    save_painting(painting, f"{tmp_path}/frames/")
    names = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert names == [f"frame-{k:05d}.png" for k in range(8)]
    for name, frame in zip(names, painting.frames(64, 80), strict=True):
        assert np.array_equal(pixels(tmp_path / "frames" / name), frame)
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]
    assert (tmp_path / "frames").stat().st_mode & 0o777 == tmp_path_mode(tmp_path)


def tmp_path_mode(tmp_path: Path) -> int:
    """The permissions that a new folder gets."""
    (tmp_path / "new").mkdir()
    mode = (tmp_path / "new").stat().st_mode & 0o777
    (tmp_path / "new").rmdir()
    return mode


def test_frames_take_the_place_of_frames_and_of_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    for count, config in ((7, ExportConfig()), (3, ExportConfig(reverse=True))):
        save_painting(make_painting(count), folder, config=config)
    assert len(list(folder.iterdir())) == 4 and list(tmp_path.iterdir()) == [folder]
    assert np.array_equal(pixels(folder / "frame-00000.png"), make_painting(3).draw())
    (folder / "notes.txt").write_text("mine")
    for write in (check_output, lambda path: save_painting(make_painting(2), path)):
        with pytest.raises(OutputError, match=r"holds other files \(notes.txt\)"):
            write(folder)
    assert len(list(folder.iterdir())) == 5
    (tmp_path / "cat-frames").write_bytes(b"")
    with pytest.raises(OutputError, match="not a folder"):
        check_output(tmp_path / "cat-frames")
    with pytest.raises(OutputError, match="does not exist"):
        check_output(tmp_path / "missing" / "frames")
    with pytest.raises(OutputError, match="folder of their own"):
        check_output("./")


def test_frames_failing_halfway_keep_the_old_ones(tmp_path: Path) -> None:
    def failing() -> Iterator[np.ndarray]:
        yield np.zeros((4, 4, 3), np.uint8)
        raise RuntimeError("halfway")

    folder = tmp_path / "frames"
    save_painting(make_painting(2), folder)
    with pytest.raises(RuntimeError, match="halfway"):
        write_frames(folder, failing())
    assert list(tmp_path.iterdir()) == [folder] and len(list(folder.iterdir())) == 3


def test_frames_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("painter.export.png._write", full)
    with pytest.raises(OutputError, match="No space left"):
        save_painting(make_painting(2), tmp_path / "frames")
    assert not list(tmp_path.iterdir())


# --- small files --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.mp4", "a.jpg"])
def test_files_fit_where_that_is_possible(name: str, tmp_path: Path) -> None:
    painting, path = make_painting(60, size=96), tmp_path / name
    config: dict[str, Any] = {"webp": "animated", "frames": 40}
    assert save_painting(painting, path, config=ExportConfig(**config)) == []
    whole, before = path.read_bytes(), path.stat().st_size
    assert save_painting(painting, path, config=ExportConfig(**config, max_bytes=before)) == []
    assert path.read_bytes() == whole
    for share in (0.9, 0.5):
        (note,) = save_painting(painting, path, config=ExportConfig(**config, max_bytes=int(share * before)))
        assert path.stat().st_size <= share * before
        assert str(path) in note and ("quality " if name == "a.jpg" else " of 40 frames") in note
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_what_cannot_fit_says_how_small_it_gets(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match=r"the smallest it gets is \d.*; --max-bytes allows 300 bytes") as caught:
        save_painting(make_painting(60), path, config=ExportConfig(max_bytes=300))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == b"old"


def test_an_error_on_the_way_names_the_file_that_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OutputError) as caught:
        save_painting(make_painting(3), tmp_path / "a.jpg", config=ExportConfig(max_bytes=5000))
    assert str(caught.value) == f"cannot write {tmp_path / 'a.jpg'}: No space left on device"
    assert not list(tmp_path.iterdir())


def test_formats_that_do_not_shrink_say_so(tmp_path: Path) -> None:
    config = ExportConfig(max_bytes=200)
    for name in ("a.png", "frames"):
        (note,) = save_painting(make_painting(3), tmp_path / name, config=config)
        assert "--max-bytes makes only" in note and (tmp_path / name).exists()
    assert save_painting(make_painting(3), tmp_path / "a.png", config=ExportConfig(max_bytes="1MB")) == []  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_gif_of_few_colours_has_few_colours(tmp_path: Path) -> None:
    painting = make_painting(60, size=96)
    save_painting(painting, tmp_path / "a.gif", config=ExportConfig(frames=16))
    limit = (tmp_path / "a.gif").stat().st_size * 3 // 4
    (note,) = save_painting(painting, tmp_path / "a.gif", config=ExportConfig(frames=16, max_bytes=limit))
    most = int(note.split(" of 255 colours")[0].split()[-1])
    with Image.open(tmp_path / "a.gif") as gif:
        gif.seek(gif.n_frames - 1)
        assert len(np.unique(np.array(gif.convert("RGB")).reshape(-1, 3), axis=0)) <= most


def test_frames_are_lowered_first_then_colours_then_the_side() -> None:
    ladder = make_ladder(Quality(1024, 80, colors=255))
    assert ladder[0] == Quality(1024, 80, colors=255)
    assert [(rung.side, rung.colors) for rung in ladder if rung.frames == 80] == [(1024, 255)]
    changes = [
        next(n for n in ("frames", "colors", "side") if getattr(a, n) != getattr(b, n)) for a, b in pairwise(ladder)
    ]
    assert changes == sorted(changes, key=["frames", "colors", "side"].index) and len(set(changes)) == 3
    assert [rung.quality for rung in make_ladder(Quality(32, quality=90))] == [90, 80, 70, 60, 50, 40]
    assert [rung.crf for rung in make_ladder(Quality(32, 2, crf=18))] == [18, 22, 26, 30, 34]
    assert make_ladder(Quality(16)) == [Quality(16)]


def test_sizes_for_people() -> None:
    assert [name_size(n) for n in (999, 1000, 4_812_345, 3 * 10**9)] == ["999 bytes", "1.00 kB", "4.81 MB", "3.00 GB"]


# --- kinds of option ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("5MB", 5_000_000), ("800kB", 800_000), ("1.5MiB", 1_572_864), ("123", 123), (".5k", 500), ("2 G", 2 * 10**9),
        (5e6, 5_000_000), (77, 77), ("9b", 9), ("1.1MB", 1_100_000),
    ],
)  # fmt: skip
def test_byte_sizes(text: Any, size: int) -> None:
    kind = ByteSize(1, 10**11)
    assert kind.check(kind.parse(text) if isinstance(text, str) else text) == size
    assert ExportConfig(max_bytes=text).max_bytes == size


@pytest.mark.parametrize("value", ["", "MB", "5 quid", "5ib", "-5MB", "1e3", "0", 0.5, True, -1, "9" * 40, 10**12, "٥"])
def test_no_byte_sizes(value: Any) -> None:
    with pytest.raises(OptionError, match="must be a size such as 5MB"):
        ExportConfig(max_bytes=value)


def test_choices_and_switches() -> None:
    choice, switch = Choice((8, 16)), Switch()
    assert choice.check(choice.parse("16")) == 16 and choice.words == "8 or 16" and choice.parse("x") == "x"
    assert switch.check(switch.parse("Yes")) is True and switch.check(switch.parse("false")) is False
    for kind, value in ((choice, 12), (choice, True), (choice, "8"), (switch, 1), (switch, "perhaps")):
        with pytest.raises(ValueError, match="must be"):
            kind.check(value)
        assert kind.file(value) is None
