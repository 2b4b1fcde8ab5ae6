"""The routes of the studio. Nothing is served by path: what is on the disk is found by ids, the page by a table."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from painter.errors import ImpastoError
from painter.export.formats import FORMATS
from painter.options.serving import StudioConfig
from painter.pictures.samples import SAMPLES, sample_path
from painter.studio.forms import all_forms
from painter.studio.job_queue import Job, Jobs, Mailbox, QueueFullError
from painter.studio.library import STROKES, Library, new_id
from painter.studio.requests import export_options, paint_request, restyle_request
from painter.studio.security import Access, Guard
from painter.version import __version__
from renderers.webgl.shaders import paint_script, player_script

MOST_JSON = 100_000  # bytes of a request
KINDS = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".webp": "image/webp", ".svg": "image/svg+xml",
}  # fmt: skip
NOT_EXPORTED = ("frames/", ".jpeg", ".strokes.json.gz")
KEPT = "max-age=31536000, immutable"  # what an id stands for never changes


def make_app(studio: Studio, access: Access) -> Guard:
    """The studio as an ASGI application."""

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        studio.jobs.pool.warm()
        studio.jobs.resume_all()
        await run_in_threadpool(studio.library.clean)
        yield
        studio.jobs.pool.end()

    routes = [Route(path, handler, methods=[method]) for method, path, handler in studio.routes()]
    app = Starlette(routes=routes, lifespan=life, exception_handlers={HTTPException: _refusal})
    app.router.redirect_slashes = False
    return Guard(app, access)


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)


Handler = Callable[[Request], Awaitable[Response]]


class Studio:
    """What the routes share."""

    def __init__(self, config: StudioConfig, library: Library) -> None:
        self.config, self.library = config, library
        self.jobs = Jobs(library, config.workers, config.queue, config.most_seconds)
        self.page = _page_files()
        self._decoding = asyncio.Lock()

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of each."""
        return [
            ("GET", "/", self.get_page),
            ("GET", "/static/{name}", self.get_page),
            ("GET", "/api/options", self.get_options),
            ("GET", "/api/jobs", self.get_jobs),
            ("POST", "/api/pictures", self.add_picture),
            ("GET", "/api/pictures/{id}", self.get_picture),
            ("POST", "/api/jobs", self.add_job),
            ("POST", "/api/jobs/{id}/{what}", self.steer_job),
            ("GET", "/api/jobs/{id}/stream", self.stream_job),
            ("GET", "/api/paintings", self.get_paintings),
            ("POST", "/api/paintings", self.reopen_painting),
            ("GET", "/api/paintings/{id}", self.get_painting),
            ("DELETE", "/api/paintings/{id}", self.delete_painting),
            ("GET", "/api/paintings/{id}/{part}", self.get_part),
            ("POST", "/api/paintings/{id}/export", self.export_painting),
            ("POST", "/api/paintings/{id}/restyle", self.restyle_painting),
        ]

    # --- the page -----------------------------------------------------------------------------------------------

    async def get_page(self, request: Request) -> Response:
        """A file of the page, by its name."""
        name = request.path_params.get("name", "index.html")
        if name not in self.page:
            raise HTTPException(404, "there is no such file")
        return Response(self.page[name], media_type=KINDS[Path(name).suffix], headers={"cache-control": "no-cache"})

    async def get_options(self, request: Request) -> Response:
        """All options, formats, samples and limits."""
        formats = [
            {"ending": ending, "holds": format.holds, "kind": format.kind}
            for ending, format in FORMATS.items()
            if ending not in NOT_EXPORTED
        ]
        return JSONResponse(
            {**all_forms(self.config), "formats": formats, "samples": list(SAMPLES), "version": __version__}
        )

    # --- pictures -----------------------------------------------------------------------------------------------

    async def add_picture(self, request: Request) -> Response:
        """Take an upload, or a sample."""
        sample = request.query_params.get("sample")
        if sample is not None:
            if sample not in SAMPLES:
                raise HTTPException(404, "there is no such sample")
            upload, name = self.library.temporary(sample_path(sample).read_bytes()), f"{sample}.png"
        else:
            upload, name = await self._upload(request)
        try:
            async with self._decoding:  # one at a time: a large picture takes much memory
                return JSONResponse(await run_in_threadpool(self.library.add_picture, upload, name))
        except ImpastoError as error:
            raise HTTPException(422, str(error)) from None
        finally:
            upload.unlink(missing_ok=True)

    async def get_picture(self, request: Request) -> Response:
        """A preview."""
        about = self.library.picture(request.path_params["id"])
        if about is None:
            raise HTTPException(404, "there is no such picture")
        return FileResponse(self.library.preview(about["id"]), headers={"cache-control": KEPT})

    # --- jobs ---------------------------------------------------------------------------------------------------

    async def get_jobs(self, request: Request) -> Response:
        """The jobs of this session."""
        return JSONResponse([job.summary() for job in self.jobs.of(request.scope["session"])])

    async def add_job(self, request: Request) -> Response:
        """Ask for a painting."""
        asked = await self._json(request)
        return self._submitted(request, lambda: paint_request(asked, self.library, self.config))

    async def restyle_painting(self, request: Request) -> Response:
        """Ask for a painting in the style of a picture."""
        about, asked = self._painting(request), await self._json(request)
        return self._submitted(request, lambda: restyle_request(asked, about, self.library, self.config))

    def _submitted(self, request: Request, make: Callable[[], dict[str, Any]]) -> Response:
        """The job of what `make` returns, or why there is none."""
        try:
            job = self.jobs.submit(request.scope["session"], make())
        except ImpastoError as error:
            raise HTTPException(422, str(error)) from None
        except TypeError:
            raise HTTPException(422, "an option has a value of another type") from None
        except QueueFullError:
            raise HTTPException(429, "too many paintings are waiting; try again in a minute") from None
        return JSONResponse(job.summary())

    async def steer_job(self, request: Request) -> Response:
        """Pause, resume, stop or cancel."""
        what = request.path_params["what"]
        if what not in ("pause", "resume", "stop", "cancel"):
            raise HTTPException(404, "a job can be paused, resumed, stopped or cancelled")
        job = self._job(request)
        self.jobs.steer(job, what)
        return JSONResponse(job.summary())

    async def stream_job(self, request: Request) -> Response:
        """Messages about a job, until it is finished."""
        messages = Mailbox(self._job(request)).messages()
        return StreamingResponse(messages, media_type="application/octet-stream")

    def _job(self, request: Request) -> Job:
        job = self.jobs.known.get(request.path_params["id"])
        if job is None or job.session != request.scope["session"]:
            raise HTTPException(404, "there is no such job")
        return job

    # --- paintings ----------------------------------------------------------------------------------------------

    async def get_paintings(self, request: Request) -> Response:
        """All paintings, latest first, without what it takes to draw them."""
        found = await run_in_threadpool(self.library.paintings)
        return JSONResponse([{name: value for name, value in about.items() if name != "form"} for about in found])

    async def get_painting(self, request: Request) -> Response:
        """One painting, without its strokes."""
        return JSONResponse(self._painting(request))

    async def delete_painting(self, request: Request) -> Response:
        """Delete it."""
        await run_in_threadpool(self.library.delete_painting, self._painting(request)["id"])
        return JSONResponse({})

    async def get_part(self, request: Request) -> Response:
        """Its strokes as rows, a picture of it, or a small one."""
        names = {"rows": "rows.bin", "still": "still.webp", "thumbnail": "thumbnail.webp"}
        part, folder = request.path_params["part"], self.library.painting_folder(self._painting(request)["id"])
        if part not in names:
            raise HTTPException(404, "a painting has rows, still and thumbnail")
        kind = "application/octet-stream" if part == "rows" else "image/webp"
        return FileResponse(folder / names[part], media_type=kind, headers={"cache-control": KEPT})

    async def reopen_painting(self, request: Request) -> Response:
        """Take a stroke file."""
        upload, name = await self._upload(request)
        painting_id = new_id()
        place = upload.with_name(upload.name + _strokes_ending(name))
        upload.rename(place)
        about = {"id": painting_id, "name": name, "created": time.time(), "picture": None, "settings": {}, "files": {}}
        folder = str(self.library.painting_folder(painting_id))
        try:
            told = await self.jobs.errand(
                {"do": "reopen", "source": str(place), "name": name, "folder": folder, "about": about}
            )
        finally:
            place.unlink(missing_ok=True)
        if told["kind"] == "failed":
            raise HTTPException(422, told["message"])
        return JSONResponse(told["painting"])

    async def export_painting(self, request: Request) -> Response:
        """A painting as a file, to be kept by the browser and never shown by it."""
        about, asked = self._painting(request), await self._json(request)
        ending, size = asked.get("format"), asked.get("size")
        if ending not in FORMATS or ending in NOT_EXPORTED:
            raise HTTPException(422, "there is no such format")
        if size is not None and not (isinstance(size, int) and 16 <= size <= self.config.most_size):
            raise HTTPException(422, f"size: must be a whole number from 16 to {self.config.most_size}")
        try:
            # Pictures carry their strokes, so that they can be dropped on the page again.
            options = export_options({"embed": "always", **(asked.get("config") or {})})
        except (ImpastoError, TypeError) as error:
            raise HTTPException(422, str(error)) from None
        target = self.library.temporary(b"", ending)
        source = str(self.library.painting_folder(about["id"]) / STROKES)
        message = {"do": "export", "source": source, "target": str(target), "size": size, "config": vars(options)}
        told = await self.jobs.errand(message)
        if told["kind"] == "failed":
            target.unlink(missing_ok=True)
            raise HTTPException(422, told["message"].replace(str(target), f"the {ending} file"))
        name = Path(about["name"]).name.rsplit(".", 1)[0] or "painting"
        headers = {
            "content-disposition": f"attachment; filename*=UTF-8''{quote(name + ending, safe='')}",
            "x-notes": quote("\n".join(told["notes"])),
        }
        done = BackgroundTask(target.unlink, missing_ok=True)
        return FileResponse(target, media_type="application/octet-stream", headers=headers, background=done)

    def _painting(self, request: Request) -> dict[str, Any]:
        about = self.library.painting(request.path_params["id"])
        if about is None:
            raise HTTPException(404, "there is no such painting")
        return about

    # --- bodies -------------------------------------------------------------------------------------------------

    async def _upload(self, request: Request) -> tuple[Path, str]:
        """A temporary file with a request's body, and the name that the client gives it."""
        most = self.config.upload_mb * 1_000_000
        name = unquote(request.headers.get("x-name", ""))[:200].replace("/", " ").replace("\\", " ")
        name = "".join(c for c in name if c.isprintable()) or "picture"
        place = self.library.temporary()
        try:
            with open(place, "wb") as file:
                async for part in _counted(request, most, f"{name}: it is larger than {self.config.upload_mb} MB"):
                    file.write(part)
        except BaseException:
            place.unlink(missing_ok=True)
            raise
        return place, name

    async def _json(self, request: Request) -> dict[str, Any]:
        parts = [part async for part in _counted(request, MOST_JSON, "the request is too long")]
        try:
            asked = json.loads(b"".join(parts))
        except (ValueError, RecursionError):
            raise HTTPException(400, "the request is not JSON") from None
        if not isinstance(asked, dict):
            raise HTTPException(400, "the request is not an object")
        return asked


async def _counted(request: Request, most: int, refusal: str) -> AsyncIterator[bytes]:
    """The parts of a body, refused as soon as it is too long."""
    with suppress(ValueError):
        if int(request.headers.get("content-length", "0")) > most:
            raise HTTPException(413, refusal)
    count = 0
    try:
        async for part in request.stream():
            count += len(part)
            if count > most:
                raise HTTPException(413, refusal)
            yield part
    except ClientDisconnect:
        raise HTTPException(400, "the upload was cut short") from None


def _strokes_ending(name: str) -> str:
    """The ending that says how a stroke file is read; names say no more than that."""
    return ".npz" if name.lower().endswith(".npz") else ".strokes.json"


def _page_files() -> dict[str, bytes]:
    """The page's files, by name."""
    folder = resources.files("painter.studio").joinpath("static")
    files = {one.name: one.read_bytes() for one in folder.iterdir() if Path(one.name).suffix in KINDS}
    return {**files, "paint.js": paint_script().encode(), "player.js": player_script().encode()}
