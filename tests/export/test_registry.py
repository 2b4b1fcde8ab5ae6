"""The table of file formats: a new one is added from outside the package, and all that writes files accepts it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.paintings import make_painting
from PIL import Image

import painter.export
from painter import ExportConfig, cli
from painter.errors import OutputError
from painter.export import FORMATS, Artwork, Format, check_output, format_of, register, writing
from painter.export.transfers import check_transfer_ending, transfer_endings
from painter.export.write import save_transfer
from painter.painting.save import PaintedArtwork

ROOT = Path(__file__).resolve().parents[2]
QUICK = ["--style", "markerpen", "--strokes", "4", "--size", "32", "--iterations", "2", "--quiet"]


def write_toy(path: Path, artwork: Artwork, config: ExportConfig) -> list[str]:
    """The finished picture as its shape, in text, and bare bytes."""
    image = artwork.still(artwork.side)
    with writing(path) as temporary:
        temporary.write_bytes(json.dumps(image.shape).encode() + b"\n" + image.tobytes())
    return [] if config.quality == 90 else [f"{path}: a toy has no quality"]


def read_toy(path: Path) -> np.ndarray:
    shape, pixels = path.read_bytes().split(b"\n", 1)
    image: np.ndarray = np.frombuffer(pixels, np.uint8).reshape(json.loads(shape))
    return image


def write_count(path: Path, artwork: Artwork, config: ExportConfig) -> list[str]:
    """How many strokes there are."""
    assert isinstance(artwork, PaintedArtwork)
    with writing(path) as temporary:
        temporary.write_text(str(len(artwork.painting.strokes)))
    return []


@pytest.fixture
def toy() -> Iterator[Format]:
    before = list(FORMATS)
    yield register(Format(".toy", "the finished painting as a toy", "still", write_toy))
    del FORMATS[".toy"]
    assert list(FORMATS) == before


def test_a_format_from_outside_is_one_like_the_others(toy: Format, tmp_path: Path) -> None:
    path, painting = tmp_path / "a.toy", make_painting(4)
    assert format_of("A.TOY") is toy and not toy.is_folder and not toy.needs_strokes
    check_output(path)
    assert not path.exists()
    assert painting.save(path) == [] and np.array_equal(read_toy(path), painting.draw())
    assert painting.save(path, size=48) == [] and read_toy(path).shape == (36, 48, 3)
    assert painting.save(path, config=ExportConfig(quality=50)) == [f"{path}: a toy has no quality"]
    assert list(tmp_path.iterdir()) == [path]


def test_the_command_writes_it(
    toy: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main([*QUICK, "-o", "a.png", "-o", "a.toy"]) == 0
    with Image.open("a.png") as image:
        assert np.array_equal(read_toy(Path("a.toy")), np.asarray(image))
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert ".toy" in capsys.readouterr().out


def test_style_transfer_writes_it(toy: Format, tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).random((6, 8, 3), np.float32)
    assert ".toy" in transfer_endings()
    save_transfer(tmp_path / "a.toy", pixels, lambda: pytest.fail("a still needs no frames"))
    assert np.array_equal(read_toy(tmp_path / "a.toy"), np.rint(pixels * 255))


def test_a_format_may_need_strokes(tmp_path: Path) -> None:
    register(Format(".count.toy", "the number of strokes", "strokes", write_count))
    try:
        make_painting(7).save(tmp_path / "a.count.toy")
        assert (tmp_path / "a.count.toy").read_text() == "7"
        with pytest.raises(OutputError, match=r"style transfer makes \.png, .* files"):
            check_transfer_ending(tmp_path / "a.count.toy")
    finally:
        del FORMATS[".count.toy"]


def test_it_may_refuse_a_path_before_any_work(tmp_path: Path) -> None:
    def refuse(path: Path) -> None:
        raise OutputError(f"cannot write {path}: there are no toys; choose another format")

    register(Format(".toy", "nothing", "still", write_toy, check=refuse))
    try:
        with pytest.raises(OutputError, match="there are no toys"):
            make_painting(2).save(tmp_path / "a.toy")
    finally:
        del FORMATS[".toy"]
    assert not list(tmp_path.iterdir())


def test_without_it_its_ending_is_unknown(tmp_path: Path) -> None:
    for call in (format_of, check_output, make_painting(2).save):
        with pytest.raises(OutputError, match=r"there is no format '\.toy'; use \.png, "):
            call(str(tmp_path / "a.toy"))


@pytest.mark.parametrize("ending", ["toy", ".", "", ".TOY", ".png", "frames/", "toys/"])
def test_endings_that_cannot_be_registered(ending: str) -> None:
    before = dict(FORMATS)
    with pytest.raises(ValueError, match="format"):
        register(Format(ending, "nothing", "still", write_toy))
    assert before == FORMATS


def test_the_table_says_what_formats_can_hold() -> None:
    kinds: dict[str, list[str]] = {}
    for ending, format in FORMATS.items():
        kinds.setdefault(format.kind, []).append(ending)
    assert kinds == {
        "still": [".png", ".jpg", ".jpeg", ".webp"], "animation": [".gif", ".mp4", "frames/"],
        "vector": [".svg", ".ora", ".psd", ".html"], "strokes": [".strokes.json", ".strokes.json.gz"],
    }  # fmt: skip
    assert [ending for ending, format in FORMATS.items() if format.is_folder] == ["frames/"]
    assert [ending for ending in FORMATS if ending not in transfer_endings()] == [
        ".svg", ".ora", ".psd", ".html", ".strokes.json", ".strokes.json.gz", "frames/",
    ]  # fmt: skip


def test_looking_at_paths_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; import painter.export, painter.export.transfers, painter.painting.file_bytes\n"
        "for name in ('a.png', 'a.svg', 'a.strokes.json', 'a.mp4', 'frames/'): painter.export.check_output(name)\n"
        "print(sorted({'torch', 'numba', 'cv2', 'skimage', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_example_in_the_room_s_description_works(tmp_path: Path) -> None:
    text = painter.export.__doc__ or ""
    example = "".join(line[4:] + "\n" for line in text.split("too:\n\n")[1].split("\n\nAfter")[0].splitlines())
    exec(example, {"writing": writing, "register": register, "Format": Format})
    try:
        make_painting(2).save(tmp_path / "a.raw")
        assert (tmp_path / "a.raw").read_bytes() == make_painting(2).draw().tobytes()
    finally:
        del FORMATS[".raw"]
