"""Events: list, look, play, review, replay."""

from typing import Annotated

from fastapi import Query, Request, Response
from msgspec import structs

from haechi.api.asked import AskedEvent, Caller, Door, House
from haechi.api.auth.principal import Principal
from haechi.api.clips import FRESH_NS, ClipShelf
from haechi.api.media import bytes_answer, clip_name, kept_clip_answer
from haechi.api.policy import Access, Routes, camera_not_found
from haechi.api.ranges import begins
from haechi.api.routes.footage import JPEG, RANGES, Width
from haechi.api.services import Services
from haechi.api.settings import time_zone
from haechi.api.shapes.events import (
    ClipSpan,
    EventDetail,
    EventOut,
    EventPage,
    EventQuery,
    FrameBoxes,
    ModelRef,
    ReplayOut,
    ReportOut,
    ReviewIn,
    ReviewManyIn,
    event_fields,
)
from haechi.api.snapshots import Snapshots
from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.ids import CameraId, EventId
from haechi.events.event import Event, EventFilter
from haechi.events.event import EventPage as Page
from haechi.events.keeper import clip_range

SETTLED_NS = 15 * NS_PER_S
"""So long after the last picture of a clip all of it is recorded, however late the fragment was written."""


async def list_events(house: House, caller: Caller, asked: Annotated[EventQuery, Query()]) -> EventPage:
    """Events that one may see, newest first."""
    wanted = EventFilter(
        cameras=_visible(caller, asked.camera),
        label=asked.label,
        severity=asked.severity,
        reviewed=asked.reviewed,
        before_ns=None if asked.before_ms is None else asked.before_ms * NS_PER_MS,
        after_ns=None if asked.after_ms is None else asked.after_ms * NS_PER_MS,
        limit=asked.limit,
    )
    page = await house.events.list(wanted)
    found = [*page.events, *await _same_millisecond(house, wanted, page)]
    names = await camera_names(house)
    return EventPage(
        events=[EventOut.of(event, names.get(event.camera, "")) for event in found],
        next_before_ms=None if page.next_before_ns is None else page.next_before_ns // NS_PER_MS,
        unreviewed=page.unreviewed,
    )


async def get_event(event: AskedEvent, house: House) -> EventDetail:
    """One event, with every frame of it and what was seen there."""
    return await _detail(house, event)


async def snapshot(request: Request, event: AskedEvent, width: Width = None) -> Response:
    """The best frame as a JPEG: as it was stored (at most 1280 pixels wide), or no wider than ``width``."""
    shelf: Snapshots = request.app.state.snapshots
    return bytes_answer(request, await shelf.of(event.id, width), media_type="image/jpeg")


async def clip(request: Request, event: AskedEvent, house: House, caller: Caller) -> Response:
    """The clip as an MP4, also by range: players seek in it. While more of it may come, it is made anew for who begins
    to look, and stays as it is for who reads on.
    """
    shelf: ClipShelf = request.app.state.clips
    start_ns, end_ns = clip_range(event)
    zone = time_zone((await house.settings.get()).time_zone)
    name = clip_name((await camera_names(house)).get(event.camera, ""), event.start_ns, zone)
    now_ns = house.clock.wall_ns()
    is_settled = event.end_ns is not None and now_ns >= end_ns + SETTLED_NS
    state = f"{start_ns} {end_ns}" if is_settled else f"{end_ns} at {now_ns // FRESH_NS}"
    made = await shelf.read(
        f"{caller.user.id} {event.id}",
        f"{event.id} {state}",
        lambda: house.events.clip(event.id),
        begins=begins(request.headers.get("range")),
    )
    return kept_clip_answer(request, made, name)


async def review(event: AskedEvent, body: ReviewIn, house: House) -> EventOut:
    """Say that somebody looked at it, or that somebody should."""
    await house.events.set_reviewed([event.id], reviewed=body.reviewed)
    names = await camera_names(house)
    return EventOut.of(await house.events.get(event.id), names.get(event.camera, ""))


async def review_many(body: ReviewManyIn, house: House, caller: Caller, door: Door) -> None:
    """The same for several events; if one of them is not there, nothing is changed."""
    events = [await door.event(caller, EventId(event)) for event in body.ids]
    await house.events.set_reviewed([event.id for event in events], reviewed=body.reviewed)


async def replay(event: AskedEvent, house: House) -> ReplayOut:
    """Decode the recorded bytes again, detect again, and compare bit by bit."""
    report = await house.events.replay(event.id)
    return ReplayOut(
        identical=report.identical,
        stage=report.stage,
        compared=report.compared,
        differing=report.differing,
        message=report.message,
    )


def register(routes: Routes) -> None:
    """Add the routes."""
    view, one = Access.EVENT_VIEW, "/api/events/{event}"
    routes.add("GET", "/api/events", list_events, access=Access.SIGNED_IN, problems=(404, 422))
    routes.add("POST", "/api/events/review", review_many, access=Access.SIGNED_IN, status=204, problems=(404,))
    routes.add("GET", one, get_event, access=view)
    routes.add("PATCH", one, review, access=view)
    routes.add("GET", f"{one}/snapshot.jpg", snapshot, access=view, problems=(422, 503), responses=JPEG)
    routes.add("GET", f"{one}/clip.mp4", clip, access=view, problems=(416,), responses=RANGES)
    routes.add("POST", f"{one}/replay", replay, access=view, problems=(422, 503))


async def camera_names(house: Services) -> dict[CameraId, str]:
    """Names of the cameras that there are; a deleted one has none any more."""
    return {camera.id: camera.name for camera in await house.registry.list()}


def _visible(caller: Principal, camera: str | None) -> tuple[CameraId, ...] | None:
    if camera is None:
        return caller.visible()
    if not caller.may_view(CameraId(camera)):
        raise camera_not_found()
    return (CameraId(camera),)


async def _same_millisecond(house: Services, wanted: EventFilter, page: Page) -> list[Event]:
    """What else began in the last event's millisecond: the next page begins before it, and none may be lost."""
    if page.next_before_ns is None:
        return []
    last_ns = page.next_before_ns
    rest = structs.replace(
        wanted, after_ns=max(last_ns // NS_PER_MS * NS_PER_MS, wanted.after_ns or 0), before_ns=last_ns + 1, limit=500
    )
    listed = {event.id for event in page.events}
    return [event for event in (await house.events.list(rest)).events if event.id not in listed]


async def _detail(house: Services, event: Event) -> EventDetail:
    names = await camera_names(house)
    results = await house.events.detections(event.id)
    report = await house.events.report_of(event)
    start_ns, end_ns = clip_range(event)
    fields = event_fields(event, names.get(event.camera, ""))
    return EventDetail.model_validate(
        fields
        | {
            "model": ModelRef(name=event.model_name, hash=event.model_hash),
            "config_hash": event.config_hash,
            "clip": ClipSpan(start_ms=start_ns // NS_PER_MS, end_ms=-(-end_ns // NS_PER_MS)),
            "report": None if report is None else ReportOut(topic=report.topic, items=list(report.items)),
            "detections": [FrameBoxes.of(result, start_ns) for result in results],
        }
    )
