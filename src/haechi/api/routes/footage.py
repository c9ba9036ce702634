"""What a camera saw: stills, the timeline, playlists, recordings, clips."""

from functools import partial
from typing import Annotated

from fastapi import Path, Query, Request, Response

from haechi.api.asked import AskedCamera, House
from haechi.api.clips import ClipShelf
from haechi.api.media import bytes_answer, clip_answer, clip_name, footage_answer
from haechi.api.policy import Access, Routes
from haechi.api.services import Services
from haechi.api.settings import time_zone
from haechi.api.shapes.events import EventOut
from haechi.api.shapes.fields import LATEST_MS
from haechi.api.shapes.footage import DayList, GapOut, SpanOut, Timeline
from haechi.api.stills import as_it_is
from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.errors import Invalid, NotFound
from haechi.base.ids import CameraId, RecordingId, stream_of
from haechi.events.event import Event, EventFilter
from haechi.events.rules import MOST_NS
from haechi.media.access_unit import VideoParams

LONGEST_TIMELINE_MS = 100 * 86_400_000
LONGEST_PLAYLIST_MS = 25 * 3_600_000
LONGEST_CLIP_MS = 3_600_000
MOST_TIMELINE_EVENTS = 2000

StartMs = Annotated[int, Query(ge=0, le=LATEST_MS)]
EndMs = Annotated[int, Query(ge=0, le=LATEST_MS)]
Width = Annotated[int | None, Query(ge=16, le=3840, description="Pixels; the height follows")]
WithSound = Annotated[bool, Query(description="With the camera's sound, where some is recorded")]
Zone = Annotated[str, Query(min_length=1, max_length=64, examples=["Asia/Seoul"])]
RecordingPath = Annotated[str, Path(pattern=r"^[0-9]{1,18}$", examples=["4711"])]

JPEG = {200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}}
MP4 = {200: {"content": {"video/mp4": {"schema": {"type": "string", "format": "binary"}}}}}
RANGES = MP4 | {206: {"description": "The part that was asked for", **MP4[200]}, 304: {"description": "Unchanged"}}
HLS = {200: {"content": {"application/vnd.apple.mpegurl": {"schema": {"type": "string"}}}}}


async def latest_still(request: Request, camera: AskedCamera, width: Width = None) -> Response:
    """The newest picture as a JPEG."""
    jpeg = await request.app.state.stills.latest(camera.id, width)
    return bytes_answer(request, jpeg, media_type="image/jpeg")


async def past_still(
    request: Request, camera: AskedCamera, house: House, at_ms: StartMs, width: Width = None
) -> Response:
    """The picture of a moment in the recording as a JPEG."""
    found = await house.playback.unit_at(stream_of(camera.id), at_ms * NS_PER_MS)
    if not isinstance(found.params, VideoParams):
        raise NotFound("there is no picture of that moment", code="no-picture")
    jpeg = as_it_is(found.units[-1], found.params, width)
    if jpeg is None:
        jpeg = await house.vision.still(found.units, found.params, width_px=width)
    return bytes_answer(request, jpeg, media_type="image/jpeg")


async def timeline(camera: AskedCamera, house: House, start_ms: StartMs, end_ms: EndMs) -> Timeline:
    """What is recorded, what is missing and why, and what happened."""
    start_ns, end_ns = _span(start_ms, end_ms, LONGEST_TIMELINE_MS)
    stream = stream_of(camera.id)
    spans = await house.index.spans(stream, start_ns, end_ns)
    gaps = await house.index.gaps(stream, start_ns, max(start_ns, min(end_ns, house.clock.wall_ns())))
    return Timeline(
        spans=[SpanOut.of(span.start_ns, span.end_ns) for span in spans],
        gaps=[GapOut.of(gap) for gap in gaps],
        events=[EventOut.of(event, camera.name) for event in await _events(house, camera.id, start_ns, end_ns)],
    )


async def days(camera: AskedCamera, house: House, zone: Zone = "UTC") -> DayList:
    """The days, in a time zone, of which something is recorded."""
    return DayList(days=await house.index.days_with_footage(stream_of(camera.id), zone))


async def playlist(camera: AskedCamera, house: House, start_ms: StartMs, end_ms: EndMs) -> Response:
    """An HLS playlist of a range; its pieces are byte ranges of the recordings."""
    start_ns, end_ns = _span(start_ms, end_ms, LONGEST_PLAYLIST_MS)
    text = await house.playback.playlist(
        stream_of(camera.id), start_ns, end_ns, lambda recording: f"recordings/{recording}.mp4"
    )
    return Response(text, media_type="application/vnd.apple.mpegurl")


async def recording(request: Request, camera: AskedCamera, house: House, recording: RecordingPath) -> Response:
    """A recording by byte range."""
    found = await house.playback.recording(stream_of(camera.id), RecordingId(int(recording)))
    etag = f'"{recording}-{found.size_bytes}"'
    return footage_answer(request, partial(house.playback.bytes_of, found), found.size_bytes, etag=etag)


async def clip(
    request: Request, camera: AskedCamera, house: House, start_ms: StartMs, end_ms: EndMs, sound: WithSound = True
) -> Response:
    """Exactly this range as an MP4 to keep."""
    start_ns, end_ns = _span(start_ms, end_ms, LONGEST_CLIP_MS)
    shelf: ClipShelf = request.app.state.clips
    made = await shelf.make(lambda: house.playback.clip(stream_of(camera.id), start_ns, end_ns, sound=sound))
    zone = time_zone((await house.settings.get()).time_zone)
    return clip_answer(request, made, clip_name(camera.name, start_ns, zone))


def register(routes: Routes) -> None:
    """Add the routes."""
    view, one = Access.CAMERA_VIEW, "/api/cameras/{camera}"
    routes.add("GET", f"{one}/latest.jpg", latest_still, access=view, problems=(422, 503), responses=JPEG)
    routes.add("GET", f"{one}/still.jpg", past_still, access=view, problems=(422, 503), responses=JPEG)
    routes.add("GET", f"{one}/timeline", timeline, access=view, problems=(422,))
    routes.add("GET", f"{one}/days", days, access=view, problems=(422,))
    routes.add("GET", f"{one}/index.m3u8", playlist, access=view, problems=(422,), responses=HLS)
    routes.add(
        "GET", f"{one}/recordings/{{recording}}.mp4", recording, access=view, problems=(416, 422), responses=RANGES
    )
    routes.add("GET", f"{one}/clip.mp4", clip, access=view, problems=(422,), responses=MP4)


async def _events(house: Services, camera: CameraId, start_ns: int, end_ns: int) -> list[Event]:
    """Events that show in a range, also those that began before it; the newest `MOST_TIMELINE_EVENTS`."""
    found: list[Event] = []
    before_ns: int | None = end_ns
    while before_ns is not None and len(found) < MOST_TIMELINE_EVENTS:
        earliest_ns = max(0, start_ns - MOST_NS)
        page = await house.events.list(EventFilter((camera,), after_ns=earliest_ns, before_ns=before_ns, limit=500))
        found += [event for event in page.events if event.last_ns >= start_ns]
        before_ns = page.next_before_ns
    return found


def _span(start_ms: int, end_ms: int, longest_ms: int) -> tuple[int, int]:
    if not 0 < end_ms - start_ms <= longest_ms:
        seconds = longest_ms * NS_PER_MS // NS_PER_S
        raise Invalid(f"end_ms must be after start_ms, by at most {seconds} s", code="bad-range", longest_s=seconds)
    return start_ms * NS_PER_MS, end_ms * NS_PER_MS
