"""The timeline of several cameras at once, for any range from seconds to months."""

import gzip
from typing import Annotated

import msgspec
from fastapi import Query, Request, Response
from sqlalchemy import Connection

from haechi.api.asked import Caller, House
from haechi.api.auth.principal import Principal
from haechi.api.buckets import Buckets, Hole, Stretch, packed
from haechi.api.headers import NO_STORE
from haechi.api.policy import Access, Routes, camera_not_found
from haechi.api.routes.footage import LONGEST_TIMELINE_MS
from haechi.api.services import Services
from haechi.api.shapes.timeline import CAMERAS_MOST, LanesOut, LanesQuery
from haechi.base.clock import NS_PER_MS
from haechi.base.errors import Invalid
from haechi.base.ids import CameraId, stream_of
from haechi.base.redact import redact_text
from haechi.events.marks import Marks, marks_of
from haechi.record.index.overview import Extent, GapRow, Peaks, extents_of, gaps_in, peaks_in

CELLS_MOST = 16_000
"""Buckets of all cameras together: of 25 cameras 640 each."""
GAPS_MOST = 4000
DETAILED_MOST = 400
EVENTS_MOST = 500
"""Gaps, gaps that are told in words, and events that are listed, of all cameras together: with these numbers an answer
stays below 200 kB on the wire."""
SMALL_BYTES = 4096
DETAIL_MOST = 80


class _Drawn(msgspec.Struct, frozen=True):
    """What the database says of a camera."""

    extents: list[Extent]
    gaps: list[GapRow]
    marks: Marks
    peaks: Peaks


async def timeline(request: Request, house: House, caller: Caller, query: Annotated[LanesQuery, Query()]) -> Response:
    """What is recorded and what is not and why, how much moved, what was seen and what was lost, camera by camera.

    The range is cut into buckets of ``bucket_ms``. A gap is drawn one bucket wide at least, with the worst cause in it.
    """
    if not 0 < query.end_ms - query.start_ms <= LONGEST_TIMELINE_MS:
        raise Invalid("end_ms must be after start_ms, by at most 100 days", code="bad-range")
    asked = await _asked(house, caller, query.cameras)
    scale = Buckets.of(query.start_ms, query.end_ms, min(query.buckets, CELLS_MOST // len(asked)))
    now_ns = house.clock.wall_ns()
    drawn = await house.database.read(lambda connection: _read(connection, asked, scale, now_ns))
    body = {
        "start_ms": query.start_ms,
        "end_ms": query.end_ms,
        "bucket_ms": scale.bucket_ms,
        "cameras": [_lane(camera, drawn[camera], scale, len(asked)) for camera in asked],
    }
    return _deflated(request, msgspec.json.encode(body))


def register(routes: Routes) -> None:
    """Add the routes."""
    access = Access.SIGNED_IN
    routes.add("GET", "/api/timeline", timeline, access=access, problems=(404, 422), response_model=LanesOut)


def _deflated(request: Request, body: bytes) -> Response:
    """Times that differ in their last digits are a quarter of their size. Nothing secret stands beside anything that an
    outsider could choose, so that its length tells nothing."""
    headers = {"Cache-Control": NO_STORE, "Vary": "Accept-Encoding"}
    if len(body) > SMALL_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 4, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers, media_type="application/json")


async def _asked(house: Services, caller: Principal, text: str) -> list[CameraId]:
    """The cameras that are named, each once, if all of them are there and this user's to see."""
    asked = [CameraId(part) for part in dict.fromkeys(text.split(","))]
    if len(asked) > CAMERAS_MOST:
        raise Invalid(f"ask for at most {CAMERAS_MOST} cameras", code="too-many-cameras", most=CAMERAS_MOST)
    known = {camera.id for camera in await house.registry.list()}
    if not all(camera in known and caller.may_view(camera) for camera in asked):
        raise camera_not_found()
    return asked


def _read(connection: Connection, asked: list[CameraId], scale: Buckets, now_ns: int) -> dict[CameraId, _Drawn]:
    start_ns, end_ns, bucket_ns = (ms * NS_PER_MS for ms in (scale.start_ms, scale.end_ms, scale.bucket_ms))
    streams = {camera: stream_of(camera) for camera in asked}
    extents = extents_of(connection, list(streams.values()), start_ns, end_ns)
    peaks = peaks_in(connection, list(streams.values()), start_ns, end_ns)
    marks = marks_of(connection, asked, start_ns, end_ns, bucket_ns, EVENTS_MOST)
    return {
        camera: _Drawn(
            extents[stream],
            gaps_in(connection, stream, start_ns, end_ns, bucket_ns, now_ns),
            marks[camera],
            peaks[stream],
        )
        for camera, stream in streams.items()
    }


def _lane(camera: CameraId, drawn: _Drawn, scale: Buckets, lanes: int) -> dict[str, object]:
    stretches = [Stretch(start // NS_PER_MS, -(-end // NS_PER_MS)) for start, end in drawn.extents]
    holes = [Hole(start // NS_PER_MS, -(-end // NS_PER_MS), cause, detail) for start, end, cause, detail in drawn.gaps]
    motion, score, loss = scale.lanes(drawn.peaks.hours, drawn.peaks.body)
    spans, gaps = scale.drawn(stretches, holes, GAPS_MOST // lanes)
    is_detailed = len(gaps) <= DETAILED_MOST // lanes
    return {
        "camera": camera,
        "spans": [(one.start_ms, one.end_ms) for one in spans],
        "gaps": [(one.start_ms, one.end_ms, one.cause, _words(one) if is_detailed else "") for one in gaps],
        "motion": packed(motion),
        "score": packed(score),
        "loss": packed(loss),
        "events": _events(drawn.marks),
        "event_counts": packed(scale.counts(drawn.marks.counts)),
    }


def _words(hole: Hole) -> str:
    return redact_text(hole.detail)[:DETAIL_MOST]


def _events(marks: Marks) -> list[dict[str, object]] | None:
    if marks.listed is None:
        return None
    return [
        {
            "id": one.id,
            "start_ms": one.start_ns // NS_PER_MS,
            "end_ms": -(-one.end_ns // NS_PER_MS),
            "label": one.label,
            "severity": one.severity,
        }
        for one in marks.listed
    ]
