"""Footage for players that feed their own decoder on the wall clock: pieces, units, sync units only."""

from typing import Annotated

import msgspec
from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse

from haechi.api.asked import AskedCamera, House
from haechi.api.headers import NO_STORE
from haechi.api.policy import Access, Routes
from haechi.api.routes.footage import LONGEST_TIMELINE_MS, MP4, EndMs, StartMs, WithSound
from haechi.api.shapes.footage import SpanOut
from haechi.api.shapes.reel import PiecesOut, SoundSpans, UnitRow
from haechi.base.clock import NS_PER_MS
from haechi.base.errors import Invalid
from haechi.base.ids import stream_of
from haechi.media.access_unit import VideoParams
from haechi.record.playback.reel import Init

SOUND_SPANS_MOST = 2000
AUDIO = {200: {"content": {"audio/mp4": {"schema": {"type": "string", "format": "binary"}}}}}
StepMs = Annotated[int, Query(ge=40, le=3_600_000, description="Least time between two pictures")]


async def pieces(camera: AskedCamera, house: House, start_ms: StartMs, end_ms: EndMs, syncs: bool = False) -> Response:
    """The fragments that show a range, and where each stands on the wall clock; an hour or 2,000 at a time.

    The bytes are those of ``recordings/{recording}.mp4``. ``syncs``: only fragments that begin with a sync unit.
    """
    found = await house.reel.pieces(stream_of(camera.id), start_ms * NS_PER_MS, end_ms * NS_PER_MS, only_syncs=syncs)
    rows = [
        (
            piece.recording.id,
            piece.fragment.offset_bytes,
            piece.fragment.size_bytes,
            piece.first_us,
            piece.duration_us,
            piece.fragment.is_sync,
            piece.media_us,
        )
        for piece in found.pieces
    ]
    next_ms = None if found.next_ns is None else found.next_ns // NS_PER_MS
    return _json({"inits": [_init(one) for one in found.inits], "pieces": rows, "next_ms": next_ms})


async def units(camera: AskedCamera, house: House, start_ms: StartMs, end_ms: EndMs) -> Response:
    """Every unit of a range (ten minutes at most), as they are shown: for steps of one frame, and to prove when."""
    found = await house.reel.units(stream_of(camera.id), start_ms * NS_PER_MS, end_ms * NS_PER_MS)
    return _json([(one.captured_us, one.duration_us, one.is_sync, one.seq, one.run, one.shown_us) for one in found])


async def syncs(
    request: Request, camera: AskedCamera, house: House, start_ms: StartMs, end_ms: EndMs, step_ms: StepMs
) -> Response:
    """Sync units only, for fast and backward playing: an MP4 whose time 0 is ``start_ms`` and whose payloads are those
    of the recording. It ends early where the camera changed its codec."""
    parts = await house.reel.syncs(stream_of(camera.id), start_ms * NS_PER_MS, end_ms * NS_PER_MS, step_ms * NS_PER_MS)
    headers = {"Cache-Control": NO_STORE}
    if request.method == "HEAD":
        return Response(headers=headers, media_type="video/mp4")
    return StreamingResponse(parts, headers=headers, media_type="video/mp4")


async def sound(request: Request, camera: AskedCamera, house: House, start_ms: StartMs, end_ms: EndMs) -> Response:
    """The recorded sound that begins in a range of ten minutes at most, as fMP4 whose time counts from ``start_ms``.

    AAC and Opus as the camera sent them, G.711 as Opus; ``Content-Type`` names the coding. Holes stay holes;
    ranges that adjoin give sound without a seam. It is all in one coding: the first in the range.
    """
    found = await house.reel.sound(stream_of(camera.id, "audio"), start_ms * NS_PER_MS, end_ms * NS_PER_MS)
    media_type = f'audio/mp4; codecs="{found.params.codec_string}"'
    headers = {"Cache-Control": NO_STORE}
    if request.method == "HEAD":
        return Response(headers=headers, media_type=media_type)
    return StreamingResponse(found.parts, headers=headers, media_type=media_type)


async def sound_spans(camera: AskedCamera, house: House, start_ms: StartMs, end_ms: EndMs) -> SoundSpans:
    """Where sound is recorded within a range of up to 100 days."""
    if not 0 < end_ms - start_ms <= LONGEST_TIMELINE_MS:
        raise Invalid("end_ms must be after start_ms, by at most 100 days", code="bad-range")
    stream = stream_of(camera.id, "audio")
    spans = await house.index.spans(stream, start_ms * NS_PER_MS, end_ms * NS_PER_MS)
    return SoundSpans(spans=[SpanOut.of(span.start_ns, span.end_ns) for span in spans[:SOUND_SPANS_MOST]])


async def footage(
    request: Request, camera: AskedCamera, house: House, start_ms: StartMs, end_ms: EndMs, sound: WithSound = True
) -> Response:
    """A range of up to a day as one MP4 that is written while it is sent, from the sync unit at or before its start on;
    it ends early where the camera changed its coding. For exact cuts there are clips and exports."""
    span = (start_ms * NS_PER_MS, end_ms * NS_PER_MS)
    parts = await house.reel.film(stream_of(camera.id), *span, sound=sound)
    headers = {"Cache-Control": NO_STORE}
    if request.method == "HEAD":
        return Response(headers=headers, media_type="video/mp4")
    return StreamingResponse(parts, headers=headers, media_type="video/mp4")


def register(routes: Routes) -> None:
    """Add the routes."""
    view, one = Access.CAMERA_VIEW, "/api/cameras/{camera}"
    routes.add("GET", f"{one}/pieces", pieces, access=view, problems=(422,), response_model=PiecesOut)
    routes.add("GET", f"{one}/units", units, access=view, problems=(422,), response_model=list[UnitRow])
    routes.add("GET", f"{one}/footage.mp4", footage, access=view, problems=(422,), responses=MP4)
    routes.add("GET", f"{one}/sound.mp4", sound, access=view, problems=(422,), responses=AUDIO)
    routes.add("GET", f"{one}/sound", sound_spans, access=view, problems=(422,))
    routes.add("GET", f"{one}/syncs.mp4", syncs, access=view, problems=(422,), responses=MP4)


def _init(one: Init) -> dict[str, str | int]:
    video = one.params if isinstance(one.params, VideoParams) else None
    return {
        "recording": one.recording,
        "bytes": one.size_bytes,
        "key": one.key,
        "codec": one.params.codec_string,
        "width": video.width_px if video else 0,
        "height": video.height_px if video else 0,
    }


def _json(body: object) -> Response:
    """Thousands of rows: a pydantic model for each would cost more than everything else."""
    return Response(msgspec.json.encode(body), headers={"Cache-Control": NO_STORE}, media_type="application/json")
