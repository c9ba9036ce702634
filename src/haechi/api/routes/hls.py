"""Low-Latency HLS: `GET /{camera}/index.m3u8`, and what it leads to. Whoever asks is asked for the right each time;
what the gate found out is good for two seconds, for a player asks five times in one.

A read token that came as ``?token=`` is put behind every address in the playlists: players ask for nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import Depends, Path, Query, Request, Response

from haechi.api.asked import AskedCamera, AskedViewing
from haechi.api.media import bytes_answer
from haechi.api.policy import Access, Routes, camera_not_found
from haechi.api.rights import RECHECK_S, Viewing
from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Conflict, Invalid, NotFound, Unavailable
from haechi.fleet.cameras import Camera
from haechi.live.llhls.room import HlsRoom, Watched
from haechi.live.llhls.track import Track
from haechi.live.streams import stream_named

FIRST_S = 10.0
"""For the first segment: a GOP, or what is cut of a long one, and the moment that a stream takes to be made."""
WAIT_TARGETS = 3
"""A reload waits for so many target durations at most (bis 6.2.5.2)."""
PLAYLIST = "application/vnd.apple.mpegurl"
LARGEST_NUMBER = 10**12

LONGEST_STREAM = 16
_PIECE = re.compile(r"[ps][0-9]{1,12}\.m4s|i[0-9]{1,12}\.[0-9]{1,6}\.mp4")
_NUMBER = re.compile(r"[0-9]{1,12}")
_QUERY = {
    "_HLS_msn": _NUMBER,
    "_HLS_part": _NUMBER,
    "_HLS_skip": re.compile("YES|v2"),
    "token": re.compile(r"[A-Za-z0-9_-]{1,256}"),
}
_SKIPS: Mapping[str, Literal["YES", "v2"]] = {"YES": "YES", "v2": "v2"}

Stream = Annotated[str, Path(max_length=LONGEST_STREAM, examples=["main"])]
TrackName = Annotated[Literal["video", "audio"], Path()]
Piece = Annotated[str, Path(pattern=f"^({_PIECE.pattern})$", examples=["p12.m4s"])]
Msn = Annotated[int | None, Query(alias="_HLS_msn", ge=0, le=LARGEST_NUMBER, description="Wait for this segment")]
Part = Annotated[int | None, Query(alias="_HLS_part", ge=0, le=LARGEST_NUMBER, description="And for this part of it")]
Skip = Annotated[Literal["YES", "v2"] | None, Query(alias="_HLS_skip", description="Leave out what is old")]
Token = Annotated[str | None, Query(max_length=256, description="A read token")]
Source = Annotated[str, Query(pattern=r"^cam_[a-z0-9]{3,32}$")]
TEXT = {200: {"content": {PLAYLIST: {"schema": {"type": "string"}}}}}
MEDIA = {200: {"content": {"video/mp4": {"schema": {"type": "string", "format": "binary"}}}}}


class _Asked:
    """One request for a stream."""

    def __init__(
        self, room: HlsRoom, watched: Watched, clock: Clock, viewing: Viewing, camera: Camera, admitted_ns: int
    ) -> None:
        self.room = room
        self.watched = watched
        self._clock = clock
        self._admitted_ns = admitted_ns
        self._viewing = viewing
        self._camera = camera

    async def track(self, name: str) -> Track:
        """One of its tracks, as soon as there is a segment of it."""
        programme = self.watched.programme
        if name == "audio" and not self.watched.wants_sound.is_set():
            if self.room.sound_of(self._camera.id) is None:
                raise NotFound("this camera sends no sound that players play", code="no-sound")
            self.watched.wants_sound.set()

        def is_there() -> bool:
            found = programme.track(name)
            return found is not None and bool(found.closed)

        await self.wait(is_there, FIRST_S)
        found = programme.track(name)
        assert found is not None
        return found

    async def wait(self, is_so: Callable[[], bool], seconds: float) -> None:
        """Wait for it. Who may watch no more by then gets nothing (CONTRACT S3).

        Raises:
            Unavailable: ``hls-not-ready``.
        """
        if is_so():
            return
        is_there = await self.watched.until(is_so, seconds)
        since_ns = self._clock.monotonic_ns() - self._admitted_ns
        if since_ns > RECHECK_S * NS_PER_S and not await self._viewing.may_still(self._camera.id):
            raise camera_not_found()
        if not is_there:
            raise Unavailable(
                "the camera sends nothing at the moment; try again", code="hls-not-ready", retry_after_s=1
            )


class _Reload:
    """What a player asks of the server besides the playlist itself (bis 6.2.5)."""

    def __init__(self, msn: Msn = None, part: Part = None, skip: Skip = None) -> None:
        self.msn = msn
        self.part = part
        self.skip = skip


async def _asked(request: Request, camera: AskedCamera, viewing: AskedViewing, stream: Stream) -> _Asked:
    if not camera.enabled:
        raise Conflict("the camera is switched off; switch it on first", code="camera-disabled")
    stream_named(camera.id, stream)
    room: HlsRoom = request.app.state.hls
    watched = await room.watch(camera.id, stream)
    clock: Clock = request.app.state.services.clock
    return _Asked(room, watched, clock, viewing, camera, getattr(request.state, "admitted_ns", clock.monotonic_ns()))


Asked = Annotated[_Asked, Depends(_asked)]
Reload = Annotated[_Reload, Depends()]


async def presentation(
    request: Request,
    camera: AskedCamera,
    viewing: AskedViewing,
    stream: Annotated[str, Query(max_length=16)] = "main",
    token: Token = None,
) -> Response:
    """The multivariant playlist of a camera: where its pictures and its sound are."""
    asked = await _asked(request, camera, viewing, stream)
    sound = asked.room.sound_of(camera.id)
    if sound is not None:
        asked.watched.wants_sound.set()
    await asked.wait(lambda: bool(asked.watched.programme.pictures.closed), FIRST_S)
    told = (sound.codec_string or sound.codec.value, sound.channels) if sound is not None else None
    folder = f"hls/{stream or 'main'}"
    text = asked.watched.programme.multivariant(folder, told, query=_query(token))
    return _text(request, text)


async def media_playlist(
    request: Request, asked: Asked, track: TrackName, reload: Reload, token: Token = None
) -> Response:
    """A live playlist; with ``_HLS_msn`` the answer waits for what is asked for."""
    if reload.part is not None and reload.msn is None:
        raise Invalid("_HLS_part needs _HLS_msn", code="hls-bad-reload")
    found = await asked.track(track)
    if reload.msn is not None:
        if found.is_too_far(reload.msn, reload.part):
            message = "this is too far ahead of what there is; read the playlist again"
            raise Invalid(message, code="hls-bad-reload", newest=found.last[0])
        assert found.plan is not None
        await asked.wait(partial(found.has, reload.msn, reload.part), WAIT_TARGETS * found.plan.target_s)
    text = asked.watched.programme.playlist(track, skip=reload.skip is not None, query=_query(token))
    return _text(request, text)


async def piece(request: Request, asked: Asked, track: TrackName, piece: Piece) -> Response:
    """A part, a segment, or what stands before them. The part that comes next is waited for."""
    found = await asked.track(track)
    name = piece.partition(".")[0]
    number = int(name[1:]) if name[0] != "i" else 0
    if name[0] == "p" and number == found.next_part and found.plan is not None:
        await asked.wait(lambda: found.next_part > number, WAIT_TARGETS * found.plan.target_s)
    chunks = _chunks(found, piece, number)
    if not chunks:
        raise NotFound("this piece of the stream is gone, or not there yet", code="hls-piece-gone")
    return bytes_answer(request, b"".join(chunks), media_type=f"{track}/mp4")


def _chunks(track: Track, piece: str, number: int) -> Sequence[bytes]:
    """What a piece is made of; nothing where it is not there."""
    if piece.startswith("i"):
        init = track.inits.get(piece)
        return () if init is None else (init,)
    if piece.startswith("p"):
        part = track.part(number)
        return () if part is None else part.chunks
    segment = track.segment(number)
    return () if segment is None else [data for part in segment.parts for data in part.chunks]


async def quick_playlist(request: Request) -> Response | None:
    """`media_playlist` for a request that is plainly right."""
    asked, found = _plain_query(request), request.path_params
    if asked is None or not _is_plain(found):
        return None
    msn, part, skip = asked.get("_HLS_msn"), asked.get("_HLS_part"), asked.get("_HLS_skip")
    reload = _Reload(None if msn is None else int(msn), None if part is None else int(part), _SKIPS.get(skip or ""))
    return await media_playlist(request, await _known(request), found["track"], reload, asked.get("token"))


async def quick_piece(request: Request) -> Response | None:
    """`piece` for a request that is plainly right."""
    found = request.path_params
    if not _is_plain(found) or _PIECE.fullmatch(found["piece"]) is None:
        return None
    return await piece(request, await _known(request), found["track"], found["piece"])


def _is_plain(found: Mapping[str, str]) -> bool:
    return found["track"] in ("video", "audio") and len(found["stream"]) <= LONGEST_STREAM


def _plain_query(request: Request) -> Mapping[str, str] | None:
    """What a player asks besides; None: there is something in it that needs a longer look."""
    text = request.scope["query_string"].decode("latin-1")
    if not text:
        return {}
    pairs = [pair.partition("=")[::2] for pair in text.split("&")]
    names = {name for name, _ in pairs}
    is_plain = len(names) == len(pairs) and all(
        name in _QUERY and _QUERY[name].fullmatch(value) is not None for name, value in pairs
    )
    return dict(pairs) if is_plain else None


async def _known(request: Request) -> _Asked:
    """What the gate has found out."""
    viewing = request.app.state.viewings.of(request.state.principal)
    return await _asked(request, request.state.camera, viewing, request.path_params["stream"])


async def as_go2rtc(src: Source, token: Token = None) -> Response:
    """The address that go2rtc has for it leads to ours; who may watch is asked there."""
    return Response(status_code=307, headers={"Location": f"/{src}/index.m3u8{_query(token)}"})


def register(routes: Routes) -> None:
    """Add the routes."""
    may, below = Access.WATCH, "/{camera}/hls/{stream}"
    routes.add("GET", "/{camera}/index.m3u8", presentation, access=may, problems=(409, 503), responses=TEXT)
    playlist = f"{below}/{{track}}.m3u8"
    reading, taking = (400, 409, 503), (409, 503)
    routes.add("GET", playlist, media_playlist, access=may, problems=reading, responses=TEXT, quick=quick_playlist)
    below += "/{track}/{piece}"
    routes.add("GET", below, piece, access=may, problems=taking, responses=MEDIA, quick=quick_piece)
    routes.add(
        "GET",
        "/api/stream.m3u8",
        as_go2rtc,
        access=Access.PUBLIC,
        status=307,
        problems=(422,),
        response_class=Response,
    )


def _query(token: str | None) -> str:
    return "" if token is None else f"?token={quote(token, safe='')}"


def _text(request: Request, text: str) -> Response:
    return bytes_answer(request, text.encode(), media_type=PLAYLIST)
