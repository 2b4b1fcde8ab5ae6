"""The studio as a program: how it starts, what it refuses, and that a kill loses nothing."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from helpers.studio import Client

from painter.cli import BAD_INPUT, main
from painter.studio.library import Library, new_id

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def program(folder: Path, file: str = "paint.py") -> Iterator[tuple[subprocess.Popen[str], Client]]:
    """The command, on a free port; killed in the end."""
    command = [sys.executable, str(ROOT / file), "studio", "--port", "0", "--no-browser", "--folder", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert running.stdout is not None
    line = running.stdout.readline()
    match = re.fullmatch(r"the studio is open at http://127\.0\.0\.1:(\d+)/\n", line)
    assert match, line
    client = Client(int(match[1]))
    end = time.monotonic() + 20
    while True:
        try:
            client.ask("GET", "/api/options")
            break
        except ConnectionError:
            assert time.monotonic() < end
            time.sleep(0.02)
    try:
        yield running, client
    finally:
        running.kill()
        running.wait()
        running.stdout.close()


@pytest.mark.slow
def test_a_killed_studio_finds_its_paintings_and_goes_on(tmp_path: Path) -> None:
    with program(tmp_path, "tests/helpers/quick_studio.py") as (_, client):
        picture = client.picture()
        config = {"strokes": 10, "size": 64, "iterations": 2}
        done = client.ask("POST", "/api/jobs", {"picture": picture, "config": config})[1]["id"]
        assert [head["kind"] for head, _ in client.watch(done)][-1] in ("done", "state")
        long = {"strokes": 40, "size": 128, "iterations": 1500}
        job = client.ask("POST", "/api/jobs", {"picture": picture, "config": long})[1]["id"]
        place, steps = tmp_path / "paintings" / job, 0
        with closing(client.watch(job)) as watching:  # until it has been saved
            for head, _ in watching:
                steps = head.get("step", steps)
                if steps > 20 and any(place.glob(".*.autosave")):
                    break
        cookie = client.cookie
    with program(tmp_path) as (_, client):
        client.cookie = cookie
        assert [one["id"] for one in client.ask("GET", "/api/paintings")[1]] == [done]
        assert [one["id"] for one in client.ask("GET", "/api/jobs")[1]] == [job]
        watching = client.watch(job)
        first = next(head["step"] for head, _ in watching if head["kind"] == "strokes")
        assert 10 < first <= steps + 100, "it goes on where it was saved"
        client.ask("POST", f"/api/jobs/{job}/stop", {})
        assert [head for head, _ in watching][-1]["kind"] in ("done", "state")
        assert {one["id"] for one in client.ask("GET", "/api/paintings")[1]} == {done, job}
    assert not list((tmp_path / "jobs").iterdir())


@pytest.mark.slow
def test_it_starts_at_once_without_torch_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    start = time.monotonic()
    with program(tmp_path) as (running, _):
        assert time.monotonic() - start < 5  # 0.8 s where nothing else is running
        if Path("/proc").is_dir():
            maps = Path(f"/proc/{running.pid}/maps").read_text()
            assert "libtorch" not in maps and "llvmlite" not in maps
        running.send_signal(signal.SIGINT)
        assert running.wait(15) == 0


def test_a_port_that_is_taken_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["studio", "--port", str(port), "--no-browser", "--folder", str(tmp_path / "s")]) == BAD_INPUT
    (line,) = capsys.readouterr().err.splitlines()
    assert f"error: --port {port}: cannot be used" in line and line.endswith("choose another, or 0 for any")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--host", "192.0.2.1"], "--host 192.0.2.1: is not an address of this machine"),
        (["--host", "a b"], "--host a b: must be"),
        (["--port", "70000"], "--port 70000: must be a whole number from 0 to 65535"),
        (["--folder", "FILE/x"], "--folder"),
    ],
)
def test_what_it_cannot_do_is_said_in_one_line(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    words = [word.replace("FILE", str(tmp_path / "file")) for word in words]
    more = [] if "--folder" in words else ["--folder", str(tmp_path / "s")]
    assert main(["studio", "--port", "0", "--no-browser", *more, *words]) == BAD_INPUT
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert os.listdir(tmp_path) in (["file"], ["file", "s"], ["s", "file"])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the process by /proc")
def test_a_process_that_is_killed_is_replaced_and_one_that_is_killed_again_is_reported(tmp_path: Path) -> None:
    with program(tmp_path) as (running, client):
        picture = client.picture()
        long = {"picture": picture, "config": {"strokes": 40, "size": 64, "iterations": 1500}}
        job, heard = client.ask("POST", "/api/jobs", long)[1]["id"], []
        for head, _ in client.watch(job):
            heard.append(head["kind"])
            if head["kind"] == "strokes" and heard.count("strokes") in (3, 6):
                children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
                names = {child: Path(f"/proc/{child}/cmdline").read_text() for child in children}
                for child in (child for child, name in names.items() if "spawn_main" in name):
                    os.kill(int(child), signal.SIGKILL)
        assert heard.count("strokes") == 6, "another process went on"
        assert "failed" in heard and not list((tmp_path / "jobs").iterdir())
        short = {"picture": picture, "config": {"strokes": 5, "size": 32, "iterations": 2}}
        again = client.ask("POST", "/api/jobs", short)[1]["id"]
        assert "done" in [head["kind"] for head, _ in client.watch(again)]


def test_what_a_killed_studio_leaves_is_removed_a_day_later(tmp_path: Path) -> None:
    library = Library(tmp_path, megapixels=1)
    left = [library.temporary(b"x"), tmp_path / "pictures" / new_id()]
    left[1].mkdir()
    kept = [library.temporary(b"y", ".png"), tmp_path / "pictures" / new_id()]
    kept[1].mkdir()
    for path in left:
        os.utime(path, (0, 0))
    Library(tmp_path, megapixels=1)
    assert not any(path.exists() for path in left) and all(path.exists() for path in kept)
    assert kept[0].suffix == ".png" and kept[0].read_bytes() == b"y"
