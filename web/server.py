"""The page and its REST API; `docs/web.md` shows every route with a line of curl."""

import asyncio
import contextlib
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from web import layers
from web.album import Album
from web.guard import Guard
from web.refusal import Refusal
from web.session import Session, Workshop
from web.store import Arrival, Store, check_picture, safe_name, too_large

STATIC = Path(__file__).parent / "static"
ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
WHOLE_SECONDS = re.compile(r"-?\d{1,11}")
MASK_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
MOST_JSON_BYTES = 32 * 2**20  # a million points
MOST_UPLOADS = 8  # at a time
SLOWEST_PIECE_S = 60.0  # an upload of which nothing comes for so long is given up
LINGER_S = 3.0  # that what is still being sent of a refused upload is read and thrown away
SWEEP_S = 60.0  # between two looks for sessions to forget
READERS = 4  # threads that decode and reduce pictures for the page
MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "TIFF": "image/tiff", "WEBP": "image/webp", "BMP": "image/bmp"}

Handler = Callable[[Request], Awaitable[Response]]


class Site:
    """The handlers of the routes.

    Args:
        workshop, store, album: what they serve; without an album there is no folder.
    """

    def __init__(self, workshop: Workshop, store: Store, album: Album | None) -> None:
        self.workshop, self.store, self.album = workshop, store, album
        self.readers = CapacityLimiter(READERS)
        self.opening = asyncio.Lock()  # two uploads under one id come one after the other
        self.uploads = 0

    def routes(self) -> list[Route | Mount]:
        """All of them."""
        photo = "/api/photos/{id}"
        listed: list[tuple[str, str, Handler]] = [
            ("GET", "/api/status", self.status),
            ("PUT", photo, self.put_photo),
            ("GET", photo, self.get_photo),
            ("DELETE", photo, self.delete_photo),
            ("GET", photo + "/preview/{layer}", self.preview),
            ("GET", photo + "/tiles/{layer}/{level:int}/{column:int}/{row:int}", self.tile),
            ("GET", photo + "/thumbnail", self.thumbnail),
            ("POST", photo + "/find", self.find),
            ("PUT", photo + "/strokes", self.put_strokes),
            ("POST", photo + "/strokes", self.post_strokes),
            ("PUT", photo + "/masks/{mask}", self.put_mask),
            ("GET", photo + "/mask", self.mask),
            ("POST", photo + "/repair", self.repair),
            ("GET", photo + "/result", self.result),
            ("GET", "/api/folder", self.folder),
            ("POST", "/api/folder/find", self.folder_find),
            ("POST", "/api/folder/accept", self.folder_accept),
        ]
        routes: list[Route | Mount] = [
            Route(path, answering(handler), methods=[verb]) for verb, path, handler in listed
        ]
        routes.append(Route("/", answering(self.page), methods=["GET"]))
        routes.append(Mount("/static", StaticFiles(directory=STATIC)))
        return routes

    async def page(self, request: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    async def status(self, request: Request) -> Response:
        """What the server can do and how busy it is; an open page asks for it, and for `?photo=` to be kept."""
        for id in request.query_params.getlist("photo"):
            if self.store.has(id):
                self.store.get(id)
        options, jobs = self.workshop.options, self.workshop.jobs
        return JSONResponse(
            {
                "structures": self.workshop.structures,
                "options": {
                    name: getattr(options, name)
                    for name in ("scope", "grow_px", "structure", "feather_px", "lift_shadow")
                },
                "limits": {"bytes": self.store.max_upload_bytes, "pixels": self.workshop.max_pixels},
                "has_folder": self.album is not None,
                "running": jobs.running,
                "waiting": jobs.waiting,
            }
        )

    async def put_photo(self, request: Request) -> Response:
        """Take a photo and search it. The same bytes under the same id are taken as the same photo."""
        id = request.path_params["id"]
        if not ID.fullmatch(id) or id.startswith("folder-"):
            raise Refusal(422, "bad_id", "The id of a photo is 8 to 64 letters, digits, - or _, and no folder-….")
        name = safe_name(request.query_params.get("name", "photo"))
        time = request.query_params.get("time", "")
        if time and not WHOLE_SECONDS.fullmatch(time):
            raise Refusal(422, "bad_time", "The time of a photo is a whole number of seconds since 1970.")
        with self.store.arriving() as arrival:
            await self._receive(request, arrival)
            await self._in_thread(check_picture, arrival.path, self.workshop.max_pixels)
            async with self.opening:
                if self.store.has(id):
                    session = self.store.get(id)
                    if not await self._in_thread(_have_same_bytes, session.path, arrival.path):
                        raise Refusal(409, "id_taken", "Another photo has this id; DELETE it first or take another id.")
                    return await self._state(session, 200)
                folder = self.store.root / id
                session = Session(id, name, folder / "photo" / name, folder, disk_bytes=arrival.size)
                await self._in_thread(self._open, session, arrival.path, int(time) if time else None)
        self.workshop.find(session)
        return await self._state(session, 201)

    def _open(self, session: Session, arrived: Path, time: int | None) -> None:
        """Move an upload to its session and decode it; whatever fails, nothing is left."""
        session.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            arrived.rename(session.path)
            if time is not None:
                os.utime(session.path, (time, time))
            try:
                self.workshop.photo(session)
            except (ValueError, OSError) as error:
                raise Refusal(415, "not_a_photo", f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
            self.store.add(session)
        except BaseException:
            self.store.forget(session)
            raise

    async def _receive(self, request: Request, arrival: Arrival) -> None:
        """Write a request's body to disk as it comes.

        Raises:
            Refusal: it is too large, comes too slowly, or too many come at once.
        """
        stated = request.headers.get("content-length", "")
        try:
            if stated.isdigit() and int(stated) > self.store.max_upload_bytes:
                raise too_large(self.store.max_upload_bytes)
            if self.uploads >= MOST_UPLOADS:
                raise Refusal(503, "too_many_uploads", "Too many photos are on their way; try again in a moment.")
            await self._receive_pieces(request, arrival)
        except Refusal as refusal:
            refusal.is_early = True
            raise
        arrival.finish()
        if not arrival.size:
            raise Refusal(422, "empty", "The file is empty.")

    async def _receive_pieces(self, request: Request, arrival: Arrival) -> None:
        self.uploads += 1
        try:
            pieces = request.stream().__aiter__()
            while True:
                try:
                    piece = await asyncio.wait_for(anext(pieces), SLOWEST_PIECE_S)
                except StopAsyncIteration:
                    break
                if piece:
                    await to_thread.run_sync(arrival.write, piece, limiter=self.readers)
        except TimeoutError:
            raise Refusal(408, "too_slow", "Nothing came for a minute; send the file again.") from None
        finally:
            self.uploads -= 1

    async def get_photo(self, request: Request) -> Response:
        return await self._state(self._session(request))

    async def delete_photo(self, request: Request) -> Response:
        await self._in_thread(self.store.forget, self._session(request))
        return Response(status_code=204)

    async def preview(self, request: Request) -> Response:
        session, layer = self._session(request), request.path_params["layer"]
        return _picture(await self._in_thread(self.workshop.preview, session, layer), layer == "mask")

    async def tile(self, request: Request) -> Response:
        session, place = self._session(request), request.path_params

        def made() -> bytes | None:
            picture = self.workshop.layer(session, place["layer"])
            piece = layers.tile(picture, place["level"], place["column"], place["row"])
            if piece is None:
                return None
            return layers.stencil(piece) if piece.dtype == bool else layers.jpeg(piece, layers.TILE_QUALITY)

        data = await self._in_thread(made)
        if data is None:
            raise Refusal(404, "no_tile", "There is no such tile of this photo.")
        return _picture(data, place["layer"] == "mask")

    async def thumbnail(self, request: Request) -> Response:
        session = self._session(request)
        if not session.thumbnail:
            raise Refusal(404, "no_thumbnail", "This photo was not searched yet.")
        return _picture(session.thumbnail, False)

    async def find(self, request: Request) -> Response:
        session, asked = self._session(request), await _json(request)
        changes = _numbers_and_words(asked, numbers=("grow_px",), words=("scope",))
        self.workshop.find(session, **changes)
        return await self._state(session, 202)

    async def put_strokes(self, request: Request) -> Response:
        return await self._set_steps(request, append=False)

    async def post_strokes(self, request: Request) -> Response:
        return await self._set_steps(request, append=True)

    async def _set_steps(self, request: Request, append: bool) -> Response:
        session, asked = self._session(request), await _json(request)
        await self._in_thread(self.workshop.set_steps, session, asked.get("steps"), append)
        return JSONResponse({"revision": session.revision})

    async def put_mask(self, request: Request) -> Response:
        session, name = self._session(request), request.path_params["mask"]
        if not MASK_NAME.fullmatch(name) or name == "found":
            raise Refusal(422, "bad_id", "The name of a mask is 1 to 40 letters, digits, - or _, and not found.")
        with self.store.arriving() as arrival:
            await self._receive(request, arrival)
            await self._in_thread(check_picture, arrival.path, self.workshop.max_pixels)
            await self._in_thread(self.workshop.add_mask, session, name, arrival.path)
        return JSONResponse({"mask": name}, 201)

    async def mask(self, request: Request) -> Response:
        session = self._session(request)

        def made() -> bytes:
            return layers.mask_file(self.workshop.layer(session, "mask"))

        data = await self._in_thread(made)
        return Response(data, media_type="image/png", headers=_attachment(f"{Path(session.name).stem}_mask.png"))

    async def repair(self, request: Request) -> Response:
        session, asked = self._session(request), await _json(request)
        settings = _numbers_and_words(asked, ("feather_px",), ("structure",), ("lift_shadow",))
        self.workshop.repair(session, **settings)
        return await self._state(session, 202)

    async def result(self, request: Request) -> Response:
        """The repaired photo as a file; where it is being written, once it is."""
        session = self._session(request)
        repaired = session.repaired
        if repaired is None:
            raise Refusal(404, "no_result", "This photo was not repaired yet; POST …/repair first.")
        while not repaired.is_written.is_set():
            await asyncio.sleep(0.02)
        if repaired.path is None:
            raise Refusal(409, "not_written", f"The result cannot be written: {session.error}")
        name = Path(session.name)
        headers = _attachment(f"{name.stem}_repaired{name.suffix}")
        return FileResponse(repaired.path, media_type=MEDIA_TYPES[session.format], headers=headers)

    async def folder(self, request: Request) -> Response:
        return JSONResponse(await self._in_thread(self._album().state))

    async def folder_find(self, request: Request) -> Response:
        album = self._album()
        await self._in_thread(album.scan)
        album.look_ahead()
        return JSONResponse(await self._in_thread(album.state), 202)

    async def folder_accept(self, request: Request) -> Response:
        """Write the results of `{"photos": [ids]}`, or `{"sure": true}` of all that nobody need look at."""
        album, asked = self._album(), await _json(request)
        ids = asked.get("photos")
        if asked.get("sure") is not True and not (isinstance(ids, list) and all(isinstance(id, str) for id in ids)):
            raise Refusal(422, "bad_request", 'Say {"sure": true} or {"photos": [ids]}.')
        count = album.accept(None if asked.get("sure") is True else ids)
        return JSONResponse({"accepted": count}, 202)

    def _album(self) -> Album:
        if self.album is None:
            raise Refusal(404, "no_folder", "The server was started without --photo_dir.")
        return self.album

    def _session(self, request: Request) -> Session:
        session = self.store.get(request.path_params["id"])
        if self.album is not None:
            self.album.check(session)
        return session

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await to_thread.run_sync(lambda: work(*arguments), limiter=self.readers)

    async def _state(self, session: Session, status: int = 200) -> Response:
        if not session.height:
            await self._in_thread(self.workshop.photo, session)
        return JSONResponse(self._described(session), status)

    def _described(self, session: Session) -> dict[str, Any]:
        waiting = self.workshop.jobs.of(session.id)
        search, repaired = session.search, session.repaired
        state: dict[str, Any] = {
            "id": session.id,
            "name": session.name,
            "width": session.width,
            "height": session.height,
            "format": session.format,
            "in_folder": not session.is_uploaded,
            "revision": session.revision,
            "masks": list(session.masks),
            "error": session.error,
            "job": None,
            "found": None,
            "result": None,
        }
        if waiting is not None:
            job, before = waiting
            state["job"] = {"kind": job.kind, "is_running": job.is_running, "before": before}
        if search is not None:
            state["found"] = {
                "number": search.number,
                "scope": search.scope,
                "grow_px": search.grow_px,
                "doubts": search.doubts,
                "regions": [{**vars(region), "box": list(region.box)} for region in search.regions],
            }
        if repaired is not None:
            state["result"] = {
                "number": repaired.number,
                "revision": repaired.revision,
                "found": repaired.search_number,
                "boxes": [list(box) for box in repaired.boxes],
                "area_share": repaired.area_share,
                "shade_share": repaired.shade_share,
                "is_corrected": repaired.is_corrected,
                "is_written": repaired.is_written.is_set(),
                "dropped": repaired.dropped,
                "settings": repaired.settings,
            }
        return state


def answering(handler: Handler) -> Handler:
    """A handler whose refusals and errors become answers in words."""

    @wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Refusal as refusal:
            error = refusal
        except ClientDisconnect:
            error = Refusal(400, "gone", "The connection broke; send the file again.")
        except MemoryError:
            error = Refusal(507, "no_memory", "There is not enough memory for this photo.")
        except (ValueError, OSError) as problem:
            error = Refusal(422, "unreadable", f"{str(problem)[:1].upper()}{str(problem)[1:]}.")
        # What is left of the request is not read: its connection is closed.
        return _refused(error)

    return answer


def _refused(refusal: Refusal) -> Response:
    body = {"error": refusal.message, "code": refusal.code}
    kind = _EarlyAnswer if refusal.is_early else JSONResponse
    return kind(body, refusal.status, headers={"Connection": "close"})


class _EarlyAnswer(JSONResponse):
    """An answer to a request that is still being sent.

    What comes for some more seconds is thrown away: a connection that is closed at once is reset, and the sender may
    never read the answer.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                    pass
        await send({"type": "http.response.body", "body": b""})


async def _not_found(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    words = {404: "There is nothing at this address.", 405: "This address takes no such request."}
    return _refused(
        Refusal(status, "no_route", words.get(status, "The server made a mistake; its terminal says which."))
    )


def build_app(
    workshop: Workshop,
    store: Store,
    album: Album | None,
    token: str,
    hosts: Iterable[str],
    any_address: bool = False,
) -> Starlette:
    """The application.

    Args:
        workshop, store, album: what it serves.
        token, hosts, any_address: see `Guard`.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async def sweep() -> None:
            while True:
                await asyncio.sleep(SWEEP_S)
                await to_thread.run_sync(store.forget_idle)

        sweeping = asyncio.create_task(sweep())
        try:
            yield
        finally:
            sweeping.cancel()
            await to_thread.run_sync(workshop.jobs.close)

    return Starlette(
        routes=Site(workshop, store, album).routes(),
        middleware=[Middleware(Guard, token=token, hosts=list(hosts), any_address=any_address)],
        exception_handlers={HTTPException: _not_found, Exception: _not_found},
        lifespan=lifespan,
    )


def _picture(data: bytes, is_mask: bool) -> Response:
    return Response(data, media_type="image/png" if is_mask else "image/jpeg")


def _attachment(name: str) -> dict[str, str]:
    """The header that lets a browser save an answer under a name of any letters (RFC 6266)."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    value = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return {"Content-Disposition": value}


def _have_same_bytes(one: Path, other: Path) -> bool:
    return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()


async def _json(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body; nothing is an empty one.

    Raises:
        Refusal: it is none, or too large.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_JSON_BYTES:
            raise Refusal(413, "too_many_bytes", f"The request is larger than {MOST_JSON_BYTES / 2**20:.0f} MB.")
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Refusal(422, "bad_json", "The body must be a JSON object.")
    return value


def _numbers_and_words(
    asked: dict[str, Any], numbers: tuple[str, ...] = (), words: tuple[str, ...] = (), switches: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The settings that a request states; null counts as not stated.

    Raises:
        Refusal: one is unknown or of another type.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    for name, value in given.items():
        is_switch = isinstance(value, bool)
        fits = (
            (name in numbers and isinstance(value, int | float) and not is_switch)
            or (name in words and isinstance(value, str))
            or (name in switches and is_switch)
        )
        if not fits:
            allowed = ", ".join([*words, *numbers, *switches])
            raise Refusal(422, "bad_option", f"{name[:40]!r}: {json.dumps(value)[:60]} cannot be set; {allowed} can.")
    try:
        return {name: float(value) if name in numbers else value for name, value in given.items()}
    except OverflowError:
        raise Refusal(422, "bad_option", f"{', '.join(numbers)}: the number is too large.") from None
