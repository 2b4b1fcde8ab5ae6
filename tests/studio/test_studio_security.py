"""What the studio refuses: foreign hosts and pages, paths, bombs, uploads too large, files of the server."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from helpers.paintings import make_painting
from helpers.studio import Client, serving

from painter.options.restyle import RestyleConfig
from painter.options.serving import StudioConfig
from painter.studio import task_worker
from painter.studio.library import new_id, write_json
from painter.studio.messages import unpack_message
from painter.studio.pool import Pool
from painter.studio.requests import read_options

CONFIG = StudioConfig(upload_mb=1, megapixels=2, queue=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    """A studio without processes: whatever is refused is refused before any is needed, and jobs wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pool, "_start", lambda pool: None)
        with serving(folder, CONFIG) as client:
            yield client


@pytest.fixture(scope="module")
def picture(client: Client) -> str:
    return client.picture()


# --- who asks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "127.0.0.1"])
def test_a_foreign_host_is_refused(client: Client, host: str) -> None:
    status, _, _ = client.ask("GET", "/", host=host)
    assert status in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_names_of_this_machine_are_taken(client: Client, host: str) -> None:
    assert client.ask("GET", "/api/options", host=f"{host}:{client.port}")[0] == 200


FOREIGN: dict[str, dict[str, str | None]] = {
    "another origin": {"origin": "https://evil.example"},
    "no origin": {"origin": None},
    "a null origin": {"origin": "null"},
    "another scheme": {"origin": "https://127.0.0.1"},
    "another site": {"sec_fetch_site": "cross-site"},
    "another port of this host": {"sec_fetch_site": "same-site", "origin": "http://127.0.0.1:1"},
    "typed by hand": {"sec_fetch_site": "none", "origin": None},
}


@pytest.mark.parametrize("who", FOREIGN)
def test_what_changes_anything_comes_from_our_page(client: Client, who: str) -> None:
    for path in ("/api/jobs", "/api/pictures?sample=octahedron", "/api/paintings"):
        status, _, headers = client.ask("POST", path, {}, **FOREIGN[who])
        assert status == 403
        assert "access-control-allow-origin" not in headers


def test_other_pages_cannot_read_either(client: Client) -> None:
    assert client.ask("GET", "/api/paintings", sec_fetch_site="cross-site", sec_fetch_mode="no-cors")[0] == 403
    assert client.ask("GET", "/", sec_fetch_site="cross-site", sec_fetch_mode="navigate")[0] == 200


def test_forms_of_other_pages_are_refused(client: Client) -> None:
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"):
        assert client.ask("POST", "/api/jobs", "{}", content_type=kind)[0] == 415


def test_every_answer_says_what_a_browser_may_do(client: Client) -> None:
    for path in ("/", "/static/app.js", "/api/options", "/nothing"):
        headers = client.ask("GET", path)[2]
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_elsewhere_a_token_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pool, "_start", lambda pool: None)
    with serving(tmp_path, token="the-token") as client:
        assert client.ask("GET", "/")[0] == client.ask("GET", "/api/options")[0] == 403
        assert client.ask("GET", "/?token=wrong")[0] == client.ask("GET", "/", cookie="impasto-token=x")[0] == 403
        client.cookie = ""
        status, _, headers = client.ask("GET", "/?token=the-token", host="studio.example:8080")
        assert status == 200 and "HttpOnly; SameSite=Strict" in headers["set-cookie"]
        assert client.ask("GET", "/api/options", cookie="impasto-token=the-token")[0] == 200
        assert client.ask("POST", "/api/jobs", {}, cookie="impasto-token=the-token", origin="http://evil")[0] == 403
    assert StudioConfig(host="0.0.0.0").is_open and not StudioConfig(host="::1").is_open


# --- what is asked for ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/%2e%2e/errors.py", "/static//etc/passwd",
        "/api/pictures/..%2f..%2fetc", "/api/pictures/" + "0" * 31 + "/", "/api/paintings/..%2fjobs/still",
        "/api/paintings/" + "0" * 32 + "/still", "/api/paintings/" + "0" * 32 + "/..%2f..%2fabout.json",
        "/api/jobs/" + "f" * 32 + "/stream",
    ],
)  # fmt: skip
def test_nothing_is_found_by_path(client: Client, path: str) -> None:
    status, body, _ = client.ask("GET", path)
    assert status == 404 and b"root:" not in (body if isinstance(body, bytes) else b"")


def test_a_painting_is_deleted_by_its_id_only(client: Client, folder: Path) -> None:
    (folder / "precious").mkdir()
    for name in ("..%2fprecious", "../precious", "precious"):
        assert client.ask("DELETE", f"/api/paintings/{name}")[0] in (404, 405)
    assert (folder / "precious").is_dir()


SECRETS = [
    {"palette": "/etc/passwd"}, {"palette": "setup.cfg"}, {"region": "/etc/passwd"}, {"focus": "/etc/passwd"},
    {"brush": "/etc/passwd"}, {"style_image": "/etc/passwd"}, {"weights": "/etc/passwd"}, {"device": "cuda"},
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("options", SECRETS, ids=str)
def test_options_cannot_name_files_of_the_server(client: Client, picture: str, options: dict[str, str]) -> None:
    status, answer, _ = client.ask("POST", "/api/jobs", {"picture": picture, "config": options})
    (name,) = options
    assert status == 422 and f"--{name.replace('_', '-')}" in answer["error"]
    assert "root" not in answer["error"] and "metadata" not in answer["error"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"config": {"weights": "/etc/passwd"}}, "--weights: is not an option of a restyling"),
        ({"config": {"style_image": "/etc/passwd"}}, "--style-image: is not an option of a restyling"),
        ({"config": {"iterations": 99_999}}, "--iterations 99999: this studio allows"),
        ({"config": {"style_mode": "texture", "iterations": []}}, "--iterations: is not an option"),
        ({"config": {"a\n" * 500: 1}}, ": is not an option of a restyling; leave it out"),
        ({"picture": "../jobs"}, "the style picture is not there"),
    ],
)
def test_a_restyling_names_no_files_and_keeps_to_the_limits(
    client: Client, picture: str, folder: Path, asked: dict[str, object], message: str
) -> None:
    painting = new_id()
    place = folder / "paintings" / painting
    place.mkdir()
    write_json(place / "about.json", {"id": painting, "created": 0.0, "name": "a"})
    status, answer, _ = client.ask("POST", f"/api/paintings/{painting}/restyle", {"picture": picture, **asked})
    assert status == 422 and message in answer["error"] and "\n" not in answer["error"] and len(answer["error"]) < 200
    assert client.ask("POST", f"/api/paintings/{new_id()}/restyle", {"picture": picture})[0] == 404


@pytest.mark.parametrize(("name", "value"), [("size", 8192), ("strokes", 100_000)])
def test_a_painting_beyond_the_limits_is_not_restyled(
    client: Client, picture: str, folder: Path, name: str, value: int
) -> None:
    painting = new_id()
    (folder / "paintings" / painting).mkdir()
    about = {"id": painting, "created": 0.0, "name": "a", "size": 64, "strokes": 9, name: value}
    write_json(folder / "paintings" / painting / "about.json", about)
    status, answer, _ = client.ask("POST", f"/api/paintings/{painting}/restyle", {"picture": picture})
    most = {"size": 2048, "strokes": 20_000}[name]
    assert status == 422
    assert answer["error"] == f"the painting's {name} of {value}: this studio restyles at most {most}"


def test_no_message_says_where_the_studio_keeps_its_files(tmp_path: Path) -> None:
    sent: list[dict[str, Any]] = []
    connection = SimpleNamespace(send_bytes=lambda content: sent.append(unpack_message(content)[0]))
    worker = task_worker.Worker(cast(Any, connection))
    style, strokes = (str(tmp_path / name) for name in ("style", "a.strokes.json"))
    restyled: dict[str, Any] = {"source": strokes, "style": style, "style_name": "waves.jpg", "folder": str(tmp_path)}
    restyled |= {"config": asdict(RestyleConfig(features="random"))}
    exported: dict[str, Any] = {"source": strokes, "target": str(tmp_path / "no" / "a.png"), "size": None, "config": {}}
    for named in (("the painting", "the painting"), ("waves.jpg", "the file")):
        task_worker.restyle(worker, restyled)
        task_worker.export(worker, exported)
        told = [message["message"] for message in sent[-3:] if message["kind"] == "failed"]
        assert all(name in said for name, said in zip(named, told, strict=True))
        assert not [said for said in told if str(tmp_path) in said]
        make_painting(3).save(strokes)


def test_options_without_files_are_taken() -> None:
    options = read_options({"palette": "#ff0000,#fff", "focus": "none", "strokes": "auto"}, {})
    assert (options.palette, options.focus, options.strokes) == ("#ff0000,#fff", "none", "auto")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"config": {"strokes": 100_000}}, "--strokes 100000: this studio allows at most 20000"),
        ({"config": {"size": 8192}}, "--size 8192: this studio allows at most 2048"),
        ({"config": {"iterations": 99_999}}, "--iterations 99999: this studio allows"),
        ({"config": {"seconds": 5000}}, "--seconds 5000: this studio allows at most 120"),
        ({"config": {"strokes": -1}}, "--strokes -1: must be a whole number"),
        ({"config": {"strokes": [1]}}, "--strokes: must be one number or text"),
        ({"config": {"__class__": 1}}, "--__class__".replace("_", "-") + ": is not an option"),
        ({"config": 5}, "config must be an object"),
        ({"files": {"region": "../../etc/passwd"}}, "--region: the upload is not there"),
        ({"files": {"then": "/etc/passwd"}}, "--then: the upload is not there"),
        ({"config": {"then": "/etc/passwd"}}, "--then: is not an option of the studio"),
        ({"config": {"shares": "1,2"}}, "--shares 1,2: has no effect without --then"),
        ({"config": {"shares": [1, 2]}}, "--shares: must be one number or text"),
        ({"config": {"shares": "1,2,3"}, "then": True}, "--shares 1,2,3: there are 2 pictures"),
        ({"config": {"strokes": "auto"}, "then": True}, "--then: needs a number of strokes"),
        ({"files": {"weights": "0" * 32}}, "--weights: the upload is not there"),
        ({"picture": "../jobs"}, "the picture is not there"),
    ],
)
def test_what_is_beyond_limits_is_refused_in_one_line(
    client: Client, picture: str, asked: dict[str, object], message: str
) -> None:
    if asked.get("then"):
        asked = {**asked, "files": {"then": picture}}
    status, answer, _ = client.ask("POST", "/api/jobs", {"picture": picture, **asked})
    assert status == 422 and message in answer["error"] and "\n" not in answer["error"]


def test_a_request_that_is_no_json_is_refused(client: Client) -> None:
    for body in ("{", "[1]", "[" * 20_000, '"x"'):
        assert client.ask("POST", "/api/jobs", body, content_type="application/json")[0] == 400
    assert client.ask("POST", "/api/jobs", " " * 200_000, content_type="application/json")[0] == 413


# --- uploads ----------------------------------------------------------------------------------------------------


def bomb(width: int, height: int) -> bytes:
    """A small PNG of black pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, rows = zlib.compressobj(9), bytes(width // 8 + 1) * 1000
    packed = b"".join(packer.compress(rows) for _ in range(height // 1000)) + packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.slow
def test_a_bomb_is_refused_before_it_is_unpacked(client: Client) -> None:
    content = bomb(30_000, 30_000)
    assert len(content) < 200_000
    status, answer, _ = client.ask("POST", "/api/pictures", content, x_name="bomb.png")
    assert status == 422 and "bomb.png" in answer["error"] and "megapixels" in answer["error"]
    status, answer, _ = client.ask("POST", "/api/pictures", bomb(1600, 2000), x_name="large.png")
    assert answer["error"].startswith("cannot take large.png: it has 1600 x 2000 pixels, more than 2 megapixels")


def test_an_upload_too_large_is_refused(client: Client, folder: Path) -> None:
    before = len(list((folder / "pictures").iterdir()))
    status, answer, _ = client.ask("POST", "/api/pictures", bytes(1_000_001), x_name="a.png")
    assert status == 413 and answer["error"] == "a.png: it is larger than 1 MB"
    assert len(list((folder / "pictures").iterdir())) == before


def test_names_of_clients_are_only_texts(client: Client, folder: Path) -> None:
    for name in ("..%2F..%2Fetc%2Fpasswd", "%00%0d%0aX-Evil:%201", "a" * 5000):
        status, answer, headers = client.ask("POST", "/api/pictures", b"no picture", x_name=name)
        assert status == 422 and "\n" not in answer["error"] and "x-evil" not in headers
        assert str(folder) not in answer["error"] and "/tmp" not in answer["error"]


def test_jobs_are_those_of_their_session(client: Client, picture: str) -> None:
    status, job, _ = client.ask("POST", "/api/jobs", {"picture": picture, "config": {"strokes": 5}})
    assert status == 200 and job["state"] == "waiting"
    other = Client(client.port)
    assert other.ask("GET", "/api/jobs")[1] == []
    for path in (f"/api/jobs/{job['id']}/cancel", f"/api/jobs/{job['id']}/stop"):
        assert other.ask("POST", path, {})[0] == 404
    assert other.ask("GET", f"/api/jobs/{job['id']}/stream")[0] == 404
    assert [one["id"] for one in client.ask("GET", "/api/jobs")[1]] == [job["id"]]
    assert client.ask("POST", f"/api/jobs/{job['id']}/dance", {})[0] == 404
    assert client.ask("POST", f"/api/jobs/{job['id']}/cancel", {})[1]["state"] == "cancelled"


def test_a_full_queue_says_so(client: Client, picture: str, folder: Path) -> None:
    jobs = [client.ask("POST", "/api/jobs", {"picture": picture})[1] for _ in range(2)]
    status, answer, _ = client.ask("POST", "/api/jobs", {"picture": picture})
    assert status == 429 and "too many" in answer["error"]
    assert len(list((folder / "jobs").iterdir())) == 2
    assert [client.ask("POST", f"/api/jobs/{job['id']}/cancel", {})[0] for job in jobs] == [200, 200]
    assert not list((folder / "jobs").iterdir())


def test_the_page_names_no_other_machine(client: Client) -> None:
    options = client.ask("GET", "/api/options")[1]
    assert {"paint", "export", "presets", "formats", "samples", "limits"} <= set(options)
    assert "weights" not in json.dumps([form["name"] for form in options["paint"]])
    for name in ("", "static/app.js", "static/style.css", "static/paint.js", "static/player.js", "static/stage.js"):
        text = client.ask("GET", f"/{name}")[1].decode().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text and "https://" not in text and "//cdn" not in text
