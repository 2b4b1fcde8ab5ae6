"""kill -9 at any moment: the same command with --resume ends with the same bytes under the same names."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from helpers.forked import fork_context, paint_forked
from helpers.pictures import FILES, OUT, picture
from PIL import Image

from painter import cli
from painter.cli.outputs import Outputs, claimed
from painter.system.atomic import move_into_place, replacing
from painter.system.autosave import AutosaveConfig
from painter.system.journal import Journal

ROOT = Path(__file__).resolve().parents[2]
HANGS = "hangs.txt"  # where a process was that did not come to its end

# --- while it searches --------------------------------------------------------------------------------------


def paint_watched(folder: str, arguments: list[str], seconds: float, steps: Connection, files: int | None) -> None:
    """In a process of its own: the command line, reporting each step through `steps` and saving this often.

    It kills itself when `files` have been written and the next one is complete, or at the end.
    """
    os.chdir(folder)
    faulthandler.dump_traceback_later(240, exit=True, file=open(HANGS, "w"))  # noqa: SIM115
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    import painter.system.atomic
    import painter.system.autosave
    from painter.cli.progress import ProgressBar

    written = 0

    def move_or_die(temporary: Path, path: Path) -> None:
        nonlocal written
        if path.name[0] != ".":
            if written == files:
                os.kill(os.getpid(), signal.SIGKILL)
            written += 1
        move_into_place(temporary, path)

    painter.system.atomic.move_into_place = move_or_die
    if files == len(FILES):
        painter.system.autosave.Autosave.close = lambda self, finished: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore

    painter.system.autosave.AutosaveConfig = lambda: AutosaveConfig(seconds)  # type: ignore
    ProgressBar.show = lambda self, progress: steps.send((progress.step, progress.steps))  # type: ignore
    code = cli.main(arguments)
    os._exit(code)


class Killer:
    """Runs one command in `folder` again and again, and kills it again and again."""

    def __init__(self, folder: Path, arguments: list[str]) -> None:
        self.folder, self.arguments = folder, arguments
        self.context = fork_context()

    def run(
        self, seconds: float, resume: bool = True, until: int | None = None, delay: float = 0.0,
        files: int | None = None,
    ) -> list[int]:  # fmt: skip
        """Run until this step has been taken and a moment longer, or so many files are written, or to the end.

        Returns:
            The steps seen.
        """
        ours, theirs = self.context.Pipe(duplex=False)
        arguments = [*self.arguments, *(["--resume"] if resume else [])]
        process = self.context.Process(target=paint_watched, args=(str(self.folder), arguments, seconds, theirs, files))
        process.start()
        theirs.close()
        seen: list[int] = []
        try:
            while until is None or not seen or seen[-1] < until:
                seen.append(ours.recv()[0])
            time.sleep(delay)
        except EOFError:
            pass
        finally:
            if until is not None:
                with suppress(ProcessLookupError):  # it has ended
                    os.kill(process.pid or 0, signal.SIGKILL)
            process.join(120)
        said = (self.folder / HANGS).read_text()
        (self.folder / HANGS).unlink()
        assert process.exitcode == (0 if until is None and files is None else -signal.SIGKILL), said
        return seen


def kill_and_resume(folder: Path, options: tuple[str, ...], kills: int, steps: int, seed: int) -> list[str]:
    """Paint `whole` undisturbed, and `a` killed and resumed this often; the log. The end of `a` is left to do."""
    random = np.random.default_rng(seed)
    whole = Killer(folder, ["in.png", *options, "-o", "whole.png", "-o", "whole.gif"])
    total = whole.run(seconds=1e9, resume=False)[-1]
    assert total >= steps, "the search is long enough to be killed in many places"
    killer, log, resumed = Killer(folder, ["in.png", *options, *OUT]), [], 0
    for k, moment in enumerate(np.sort(random.uniform(0, 0.95, kills)) * total):
        seconds, delay = random.choice([0.0, 0.0, 0.05]), random.uniform(0, 0.02)
        seen = killer.run(seconds, k > 0, int(moment) + 1, delay)
        log.append(f"steps {seen[0]} to {seen[-1]} of {total}, then killed {delay * 1000:.0f} ms later")
        resumed += seen[0] > 1
        assert not (folder / "a.png").exists()
    assert resumed >= kills - 2
    return log


def check_the_same(folder: Path) -> None:
    for name in FILES:
        assert (folder / name).read_bytes() == (folder / name.replace("a.", "whole.", 1)).read_bytes()
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.fromarray(picture()).save(tmp_path / "in.png")
    Image.fromarray(255 - picture(8)).save(tmp_path / "brush.png")
    return tmp_path


@pytest.mark.slow
def test_ten_kills_change_nothing(folder: Path) -> None:
    options = ("--style", "watercolor", "--strokes", "30", "--size", "64", "--iterations", "60", "--seed", "4")
    log = kill_and_resume(folder, options, kills=10, steps=60, seed=1)
    print(*log, sep="\n")
    done = paint_forked(["in.png", *options, *OUT, "--resume"], folder)
    assert done.returncode == 0 and "resuming after" in done.stderr, done
    check_the_same(folder)


OWN = ("--brush", "brush.png", "--palette", "5", "--strokes", "16", "--size", "48", "--iterations", "30")
AUTO = ("--style", "rectangle", "--strokes", "auto", "--size", "48", "--iterations", "24")


@pytest.mark.slow
@pytest.mark.parametrize(("options", "steps"), [(OWN, 30), (AUTO, 40)], ids=["own brush and palette", "auto"])
def test_kills_change_nothing_of_other_searches(options: tuple[str, ...], steps: int, folder: Path) -> None:
    kill_and_resume(folder, options, kills=3, steps=steps, seed=2)
    assert Killer(folder, ["in.png", *options, *OUT]).run(seconds=0.0)[0] > 1
    check_the_same(folder)


# --- while it writes ----------------------------------------------------------------------------------------

# Writes three outputs of a run that had been there before, again and again in new folders, each time killed before
# another change of the disk, then resumed and killed again, and resumed to the end.
WRITER = """
import os, shutil, signal, sys
from itertools import count
from pathlib import Path

import numpy as np

from painter.cli.outputs import Outputs, claimed, write_in_turn
from painter.export import png_filter, writing  # the former takes seconds to import: once, here
from painter.export.frames import write_frames
from painter.system.journal import Journal

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "ctypes.dlsym")
OUTPUTS = Outputs(("a.png", "frames/", "b/c.gif"), strokes="a.strokes.json")
os.fsync = lambda handle: None  # takes most of the time; what is written outlives a process without


def die_at(moment):
    seen = 0

    def note(event, arguments):
        nonlocal seen
        if event in CHANGES or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(note)


def save(name):
    if name.endswith("/"):
        return write_frames(Path(name), [np.full((2, 3, 3), value, np.uint8) for value in (9, 99)])
    with writing(Path(name)) as temporary:
        temporary.write_text("whole " + Path(name).suffix)


def paint(resume):
    journal = Journal(Path(".a.png.0123abcd.journal"), repr(OUTPUTS), resume)
    with claimed(OUTPUTS, journal) as outputs:
        write_in_turn([(name, lambda name=name: save(name)) for name in (outputs.strokes, *outputs.paintings)])
    journal.close()


def run(resume, moment):
    if (child := os.fork()) == 0:
        die_at(moment)
        paint(resume)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def listing():
    return {str(path): path.read_text("latin-1") for path in Path().rglob("*") if path.is_file()}


def shown(files):
    return {name: text for name, text in files.items() if not any(p[0] == "." for p in Path(name).parts)}


def prepare(kept):
    os.chdir(sys.argv[1])
    shutil.rmtree("run", ignore_errors=True)
    os.makedirs("run/b")
    os.chdir("run")
    for name in kept:
        Path(name).write_text("mine")


os.chdir(sys.argv[1])
write_frames(Path("warm"), [np.zeros((2, 3, 3), np.uint8)])
for kept in ((), ("a.png", "b/c-2.gif")):
    prepare(kept)
    assert run(False, 0) == 0
    whole = listing()
    assert whole == shown(whole), whole
    for moment in count(1):
        prepare(kept)
        if run(False, moment) == 0:
            break
        there = shown(listing())
        assert there.items() <= whole.items(), (moment, there)
        run(True, 1 + moment * 7 % 40)
        assert run(True, 0) == 0
        assert shown(listing()) == whole, (moment, listing())
        assert not [name for name in listing() if name.endswith((".journal", ".claim"))], (moment, listing())
    print(moment - 1, len(whole))
"""


@pytest.mark.slow
def test_kills_at_any_moment_while_writing_change_no_name(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (fresh, files), (beside, more) = (map(int, line.split()) for line in done.stdout.splitlines())
    assert min(fresh, beside) > 30 and (files, more) == (5, 7)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["saved", "too short to be saved"])
def test_kills_while_writing_a_painting_change_no_name(seconds: float, folder: Path) -> None:
    (folder / "a.gif").write_bytes(b"mine")
    options = ["in.png", "--style", "rectangle", "--strokes", "12", "--size", "48", "--iterations", "12"]
    Killer(folder, [*options, "-o", "whole.png", "-o", "whole.gif"]).run(seconds=1e9, resume=False)
    killer = Killer(folder, [*options, *OUT])
    for files in (0, 2, 1, 3):
        seen = killer.run(seconds, resume=files > 0, files=files)
        assert (folder / "a-2.strokes.json").exists() == (files > 0)
        assert not seen or seen[0] == 1 or seconds == 0
    assert len(killer.run(seconds)) == (0 if seconds == 0 else 12)
    names = {path.name for path in folder.iterdir() if path.name[0] != "."}
    beside = [name.replace("a.", "a-2.", 1) for name in FILES]
    assert names == {"in.png", "brush.png", "a.gif", *beside, *(name.replace("a.", "whole.", 1) for name in FILES)}
    assert (folder / "a.gif").read_bytes() == b"mine"
    for name, other in zip(FILES, beside, strict=True):
        assert (folder / other).read_bytes() == (folder / name.replace("a.", "whole.", 1)).read_bytes()


# --- the journal --------------------------------------------------------------------------------------------


def write_as(folder: Path, text: str, resume: bool, count: int = 2) -> tuple[str, ...]:
    """Write the first files of a run, and leave it at that unless these are all; their names."""
    outputs = Outputs((f"{folder}/a.png", f"{folder}/a.gif"))
    journal = Journal(folder / ".a.png.0123abcd.journal", repr(outputs), resume)
    with claimed(outputs, journal) as named:
        for name in named.files[:count]:
            with replacing(Path(name)) as temporary:
                temporary.write_text(text)
    if count == 2:
        journal.close()
    return tuple(Path(name).name for name in named.files)


def test_only_what_the_run_has_written_is_written_over(tmp_path: Path) -> None:
    assert write_as(tmp_path, "first", False, 1) == ("a.png", "a.gif")
    assert write_as(tmp_path, "other", False) == ("a-2.png", "a-2.gif"), "without --resume nothing is"
    (tmp_path / "a-2.gif").unlink()
    assert write_as(tmp_path, "third", False, 1) == ("a-3.png", "a-3.gif")
    (tmp_path / "a-3.gif").write_text("mine")  # before the run is resumed
    assert write_as(tmp_path, "again", True, 1) == ("a-4.png", "a-4.gif")
    (tmp_path / "a-4.png").write_text("changed")
    assert write_as(tmp_path, "again", True, 1) == ("a-5.png", "a-5.gif")
    assert write_as(tmp_path, "fifth", True) == ("a-5.png", "a-5.gif")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a.png": "first", "a-2.png": "other", "a-3.png": "third", "a-3.gif": "mine", "a-4.png": "changed",
        "a-5.png": "fifth", "a-5.gif": "fifth",
    }  # fmt: skip


def test_a_journal_that_lies_is_none(tmp_path: Path) -> None:
    path = tmp_path / ".a.png.0123abcd.journal"
    command = repr(Outputs((f"{tmp_path}/a.png", f"{tmp_path}/a.gif")))
    (tmp_path / "a.png").write_text("mine")
    unlike = {str(tmp_path / "a.png"): [[], [4], [4, 0], None]}
    for number, stamps in ((0, {}), (1, unlike), (10**9, {}), ("1", {}), (1, []), (None, None)):
        path.write_text(json.dumps({"command": command, "number": number, "stamps": stamps}))
        journal = Journal(path, command, resume=True)
        assert journal.number == 1 and not journal.is_ours(tmp_path / "a.png")
    for content in (b"", b"{", b"[" * 100_000, b"[]", b"\xff", b'{"command": 3}', b"1" * 5000, b" " * 2**21):
        path.write_bytes(content)
        assert Journal(path, command, resume=True).number == 1
    path.unlink()
    os.mkfifo(path)
    assert Journal(path, command, resume=True).number == 1
    path.unlink()
    path.mkdir()
    assert write_as(tmp_path, "new", True) == ("a-2.png", "a-2.gif"), "written all the same"
