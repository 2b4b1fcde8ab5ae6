"""Files are whole or not there: full disks, locked folders, kills and two programs at once, on the real file system."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from painter import cli
from painter.cli.outputs import Outputs, claimed, with_strokes, write_in_turn
from painter.errors import OutputError
from painter.export import writing
from painter.export.fitting import Quality, write_fitting
from painter.export.frames import write_frames
from painter.export.png import write_png
from painter.system import locks
from painter.system.atomic import remove_abandoned_folders, replacing
from painter.system.names import free_number, numbered, split_ending

ROOT = Path(__file__).resolve().parents[2]


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def noise(side: int = 400) -> np.ndarray:
    """A picture that no compression makes small: 480 kB."""
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)


@contextmanager
def free_names(paths: Sequence[Path]) -> Iterator[list[Path]]:
    with free_number(paths) as number:
        yield [numbered(path, number) for path in paths]


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Python with this code, and `arguments` as sys.argv[1:]."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(code: str, *arguments: object) -> str:
    with start(code, *arguments) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


# --- one file -----------------------------------------------------------------------------------------------


def test_a_file_appears_whole_with_the_usual_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    before = os.umask(0o027)
    try:
        with replacing(path) as temporary:
            temporary.write_text("new")
            assert not path.exists() and temporary.parent == tmp_path
            assert temporary.suffix == ".txt" and temporary.name.startswith(".a.txt.")
    finally:
        os.umask(before)
    assert path.read_text() == "new" and path.stat().st_mode & 0o777 == 0o640
    assert listing(tmp_path) == {"a.txt"}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), SystemExit()])
def test_on_any_failure_the_old_file_stays(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(type(error)), replacing(path) as temporary:
        temporary.write_text("half of the n")
        raise error
    assert path.read_text() == "old" and listing(tmp_path) == {"a.txt"}


def test_the_content_is_on_the_disk_before_the_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    steps: list[tuple[str, str]] = []
    fsync, replace = os.fsync, Path.replace

    def note_flush(handle: int) -> None:
        steps.append(("flush", Path(f"/proc/self/fd/{handle}").resolve().name))
        fsync(handle)

    def note_rename(old: Path, new: Path) -> Path:
        steps.append(("rename", old.name))
        return replace(old, new)

    monkeypatch.setattr(os, "fsync", note_flush)
    monkeypatch.setattr(Path, "replace", note_rename)
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert steps == [("flush", temporary.name), ("rename", temporary.name), ("flush", tmp_path.name)]


def test_a_disk_that_is_full_only_when_it_is_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"^cannot write .*a\.txt: Disk quota exceeded$"), writing(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "old" and listing(tmp_path) == {"a.txt"}


def test_a_folder_that_cannot_be_flushed_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def flush(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").resolve() == tmp_path:
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", flush)
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new"


# --- full disks and locked folders --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_file_larger_than_the_system_allows(old: bytes | None, tmp_path: Path) -> None:
    """A limit on the size of files: real writes that fail half way, wherever this runs."""
    path = tmp_path / "a.png"
    if old is not None:
        path.write_bytes(old)
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from painter.errors import OutputError\n"
        "from painter.export.png import write_png\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "image = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)\n"
        "try: write_png(Path(sys.argv[1]), image)\n"
        "except OutputError as error: print(error)\n"
    )
    assert run(code, path) == f"cannot write {path}: File too large\n"
    assert listing(tmp_path) == (set() if old is None else {"a.png"})
    assert old is None or path.read_bytes() == old


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 kB; tests that want one are skipped where mounting is not allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount(disk, "-t", "tmpfs", "-o", "size=128k", "tmpfs")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def mount(folder: Path, *options: str) -> None:
    try:
        subprocess.run(["mount", *options, str(folder)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting is not allowed here")


def test_a_full_disk(small_disk: Path) -> None:
    path = small_disk / "a.png"
    write_png(path, noise(60))
    old = path.read_bytes()
    with pytest.raises(OutputError, match=r"^cannot write .*a\.png: No space left on device$"):
        write_png(path, noise())
    assert path.read_bytes() == old and listing(small_disk) == {"a.png"}


def test_what_was_written_before_the_disk_was_full_is_named_and_kept(small_disk: Path) -> None:
    small, large = small_disk / "small.png", small_disk / "large.png"
    jobs = [(str(small), lambda: write_png(small, noise(60))), (str(large), lambda: write_png(large, noise()))]
    with pytest.raises(OutputError, match=rf"large\.png: No space left on device; written before that: {small}$"):
        write_in_turn(jobs)
    assert listing(small_disk) == {"small.png"}


def test_a_read_only_disk(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (small_disk / "a.png").write_bytes(b"old")
    mount(small_disk, "-o", "remount,ro")
    with pytest.raises(OutputError, match=r"^cannot write .*a\.png: Read-only file system$"):
        write_png(small_disk / "a.png", noise(8))
    with (
        pytest.raises(OutputError, match=r"^cannot write .*a\.png: Read-only file system; choose another folder"),
        claimed(Outputs((str(small_disk / "a.png"),))),
    ):
        raise AssertionError
    monkeypatch.chdir(tmp_path)
    assert cli.main(["-o", "disk/b.png"]) == 2
    error = capsys.readouterr().err
    assert "cannot write disk/b.png: no file can be created in disk (Read-only file system)" in error
    assert error.count("\n") == 1 and listing(small_disk) == {"a.png"}


def test_a_folder_that_is_closed_to_us(ordinary_user: None, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("locked/a.png")
    with pytest.raises(OutputError, match=r"^cannot write locked/a\.png: Permission denied$"):
        write_png(path, noise(8))
    with pytest.raises(OutputError, match=r"Permission denied$"):
        write_frames(path.with_name("frames"), [noise(8)])
    with pytest.raises(OutputError, match=r"Permission denied; choose another folder"), claimed(Outputs((str(path),))):
        raise AssertionError
    assert cli.main(["-o", str(path)]) == 2
    error = capsys.readouterr().err
    assert "cannot write locked/a.png: no file can be created in locked (Permission denied)" in error
    assert error.count("\n") == 1 and not listing(path.parent)


# --- folders of frames --------------------------------------------------------------------------------------


def frames_in(folder: Path) -> list[int]:
    """The shade of each frame."""
    return [int(np.array(Image.open(path))[0, 0, 0]) for path in sorted(folder.iterdir())]


def shades(*values: int) -> list[np.ndarray]:
    return [np.full((2, 3, 3), value, np.uint8) for value in values]


def test_frames_are_on_the_disk_before_their_folder_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def note_rename(old: Path, new: Path) -> Path:
        flushed.append(f"{new.name} is there")
        return rename(old, new)

    def note_flush(handle: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{handle}").resolve().name)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", note_flush)
    monkeypatch.setattr(Path, "replace", note_rename)
    write_frames(tmp_path / "frames", shades(1, 2))
    assert sorted(flushed[:2]) == ["frame-00000.png", "frame-00001.png"]
    assert re.fullmatch(r"\.frames\.[0-9a-f]{8}\.part", flushed[2])
    assert flushed[3:] == ["frames is there", tmp_path.name] and frames_in(tmp_path / "frames") == [1, 2]


@pytest.mark.parametrize("at_once", [True, False])
def test_frames_take_the_place_of_others(at_once: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not at_once:
        monkeypatch.setattr("painter.system.atomic.ctypes.CDLL", lambda name: object())
    for values in ((1, 2, 3), (4, 5)):
        write_frames(tmp_path / "frames", shades(*values))
        assert frames_in(tmp_path / "frames") == list(values) and list(tmp_path.iterdir()) == [tmp_path / "frames"]


def test_frames_stay_where_others_cannot_take_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_frames(tmp_path / "frames", shades(1, 2))
    replace = Path.replace

    def fail(old: Path, new: Path) -> Path:
        if old.suffix == ".part":
            raise OSError(errno.EIO, "Input/output error")
        return replace(old, new)

    monkeypatch.setattr("painter.system.atomic.ctypes.CDLL", lambda name: object())
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match="Input/output error"):
        write_frames(tmp_path / "frames", shades(3))
    assert frames_in(tmp_path / "frames") == [1, 2] and list(tmp_path.iterdir()) == [tmp_path / "frames"]


# --- kills --------------------------------------------------------------------------------------------------

HALF_WAY = """
import sys, time
from pathlib import Path
from painter.system.atomic import replacing
with replacing(Path(sys.argv[1])) as temporary, temporary.open("wb") as file:
    file.write(bytes(100_000))
    file.flush()
    print("half way", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 1)])
@pytest.mark.parametrize("old", [None, b"old"])
def test_ended_while_writing(old: bytes | None, sent: signal.Signals, code: int, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    if old is not None:
        path.write_bytes(old)
    with start(f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{HALF_WAY}", path) as process:
        assert process.stdout is not None and process.stdout.readline() == "half way\n"
        process.send_signal(sent)
        process.communicate(timeout=60)
    assert process.returncode in (code, -sent)
    assert (path.read_bytes() if path.exists() else None) == old
    left = listing(tmp_path) - {"a.png"}
    assert len(left) == (1 if sent == signal.SIGKILL else 0)
    assert all(re.fullmatch(r"\.a\.png\.[0-9a-f]{8}\.part\.png", name) for name in left)


def test_folders_that_a_kill_left_are_removed_a_day_later(tmp_path: Path) -> None:
    left = [tmp_path / f".{name}.0123abcd.part" for name in ("frames", "a.gif", "b.gif")]
    for folder in left:
        folder.mkdir()
        (folder / "frame-00000.png").write_bytes(b"half")
        os.utime(folder, (0, time.time() - (80_000 if folder == left[0] else 90_000)))
    write_frames(tmp_path / "frames", shades(1))

    def write_little(path: Path, quality: Quality) -> None:
        path.write_text("gif")

    write_fitting(tmp_path / "a.gif", Quality(32), write_little, 9)
    assert [folder.exists() for folder in left] == [True, False, True], "not yet, removed, of another file"
    os.utime(left[0], (0, time.time() - 90_000))
    write_frames(tmp_path / "frames", shades(1))
    assert not left[0].exists() and frames_in(tmp_path / "frames") == [1]


def test_what_a_kill_left_is_removed_a_day_later(tmp_path: Path) -> None:
    left = tmp_path / ".a.png.0123abcd.part.png"
    others = [".b.png.0123abcd.part.png", ".a.png.original.png", "a.png.0123abcd.part.png", ".a.png.0123abcd.part.jpg"]
    for name in [left.name, *others]:
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (0, time.time() - 90_000))
    os.utime(left, (0, time.time() - 80_000))
    for gone in (False, True):
        with replacing(tmp_path / "a.png") as temporary:
            temporary.write_bytes(b"whole")
        assert left.exists() is not gone
        if not gone:
            os.utime(left, (0, time.time() - 90_000))
    assert listing(tmp_path) == {"a.png", *others}


# --- names that are taken -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "stem", "ending", "second"),
    [
        ("cat.png", "cat", ".png", "cat-2.png"),
        ("cat.v2.GIF", "cat.v2", ".GIF", "cat.v2-2.GIF"),
        ("cat.strokes.json", "cat", ".strokes.json", "cat-2.strokes.json"),
        ("cat.v2.Strokes.JSON.gz", "cat.v2", ".Strokes.JSON.gz", "cat.v2-2.Strokes.JSON.gz"),
        ("report.json", "report", ".json", "report-2.json"),
        ("frames", "frames", "", "frames-2"),
        ("cat-2.png", "cat-2", ".png", "cat-2-2.png"),
        (".png", ".png", "", ".png-2"),
    ],
)
def test_numbers_go_before_the_ending(name: str, stem: str, ending: str, second: str) -> None:
    path = Path("folder") / name
    assert split_ending(path) == (stem, ending)
    assert numbered(path, 1) == path and numbered(path, 2) == Path("folder") / second


def test_all_files_of_a_run_get_the_first_number_that_is_free_for_all(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.png", "a.gif")]
    with free_names(paths) as names:
        assert names == paths
    (tmp_path / "a.png").touch()
    (tmp_path / "a-2.gif").mkdir()
    (tmp_path / "a-3.gif").symlink_to("nowhere")
    with free_names(paths) as names:
        assert [path.name for path in names] == ["a-4.png", "a-4.gif"]
        with free_names(paths[:1]) as others:
            assert [path.name for path in others] == ["a-2.png"]
        with free_names(paths) as others:
            assert [path.name for path in others] == ["a-5.png", "a-5.gif"]
    assert listing(tmp_path) == {"a.png", "a-2.gif", "a-3.gif"}


def test_names_are_given_back_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), free_names([tmp_path / "a.png"]):
        raise KeyboardInterrupt
    assert not listing(tmp_path)
    with free_names([tmp_path / "a.png"]) as names:
        assert names == [tmp_path / "a.png"]


def test_names_are_given_back_by_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from painter.system.names import free_number, numbered\n"
        "with free_number([Path(sys.argv[1])]) as number:\n"
        "    print(numbered(Path(sys.argv[1]), number).name, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with start(code, path) as process:
        assert process.stdout is not None and process.stdout.readline() == "a.png\n"
        with free_names([path]) as names:
            assert names == [tmp_path / "a-2.png"]
        process.kill()
        process.communicate(timeout=60)
    assert listing(tmp_path) == {".a.png.claim"}
    with free_names([path]) as names:
        assert names == [path]
    assert not listing(tmp_path)


RACE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from painter.system.names import free_number, numbered
from painter.system.atomic import replacing

def paint(token):
    paths = [Path(sys.argv[1]) / name for name in sys.argv[3:]]
    with free_number(paths) as number:
        for path in paths:
            with replacing(numbered(path, number)) as temporary:
                temporary.write_text(token)
        return numbered(paths[0], number).name

print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(2) as pool:
    for name in pool.map(paint, [f"{sys.argv[2]}-{k}" for k in range(10)]):
        print(name)
"""


@pytest.mark.slow
def test_runs_into_one_folder_at_once(tmp_path: Path) -> None:
    """Three programs with two threads each, of which some write in another order, make 30 paintings of 3 files."""
    endings = ["a.png", "a.gif", "a.strokes.json"]
    processes = [start(RACE, tmp_path, k, *(endings if k else endings[::-1])) for k in range(3)]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda process: process.communicate("go\n", timeout=120), processes))
    assert all(process.returncode == 0 for process in processes), answers
    names = list(chain.from_iterable(out.split() for out, _ in answers))
    assert len(set(names)) == len(names) == 30
    paintings = [{path.read_text() for path in tmp_path.glob(f"{split_ending(Path(name))[0]}.*")} for name in names]
    assert all(len(tokens) == 1 for tokens in paintings), "files of two runs under one number"
    assert len(set.union(*paintings)) == 30
    assert len(listing(tmp_path)) == 90, "nothing else is left"


def test_overwriting_keeps_the_names(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"old")
    outputs = with_strokes(Outputs((f"{tmp_path}/a.png", f"{tmp_path}/frames/"), report=f"{tmp_path}/r.json"))
    with claimed(Outputs(outputs.paintings, overwrite=True)) as same:
        assert same.files == outputs.paintings
    with claimed(outputs) as new:
        assert new.paintings == (f"{tmp_path}/a-2.png", f"{tmp_path}/frames-2/")
        assert (new.strokes, new.report) == (f"{tmp_path}/a-2.strokes.json", f"{tmp_path}/r-2.json")


def test_file_systems_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "fcntl", None)
    (tmp_path / "a.png").touch()
    with free_names([tmp_path / "a.png"]) as names:
        assert names == [tmp_path / "a-2.png"]
    assert listing(tmp_path) == {"a.png"}


def test_abandoned_folders_for_temporary_files_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("mine-old", "mine-new", "other-old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
        if name.endswith("old"):
            os.utime(tmp_path / name, (0, 0))
    remove_abandoned_folders("mine-")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine-new", "other-old"]
