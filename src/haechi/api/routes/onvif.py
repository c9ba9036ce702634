"""Cameras on the network: find them, ask what they are, and move those of the house."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import structlog
from fastapi import Response
from fastapi.responses import StreamingResponse

from haechi.api.asked import AskedCamera, House
from haechi.api.headers import NO_STORE
from haechi.api.policy import Access, Routes
from haechi.api.services import Services
from haechi.api.shapes.fields import Fault
from haechi.api.shapes.onvif import (
    ClockOut,
    DescribeIn,
    DescribeOut,
    DiscoverIn,
    FindIn,
    LinkIn,
    OnvifPreset,
    PresetIn,
    PtzIn,
    ReportsIn,
    ReportsOut,
    ReportTopic,
    StandingOut,
    SubStreamOut,
    TopicsOut,
    rounded,
)
from haechi.base.errors import HaechiError, Invalid, Unavailable
from haechi.base.redact import redact_text
from haechi.fleet.cameras import Camera
from haechi.fleet.onvif.discovery import Found
from haechi.fleet.onvif.links import Link
from haechi.fleet.onvif.place import Place
from haechi.fleet.onvif.ptz import Vector
from haechi.fleet.onvif.topics import kind_of
from haechi.fleet.sub_streams import sub_stream_for
from haechi.media.rtsp.auth import Credentials

log = structlog.get_logger(__name__)

NDJSON = "application/x-ndjson"
MOST_DESCRIBED = 4
_describing = asyncio.Semaphore(MOST_DESCRIBED)
_searching = asyncio.Semaphore(1)


async def discover_cameras(body: DiscoverIn, house: House) -> Response:
    """Lines of JSON: ``found`` for each camera as it answers, and at the end ``done``, or ``failed`` with a code.

    Everybody on the networks of this machine is asked (WS-Discovery). ``camera`` is the id of the one that was added
    with this address already, or null.
    """
    if _searching.locked():
        raise Unavailable("somebody is looking for cameras already; try again", code="busy", retry_after_s=5)
    known = [(camera, await house.onvif.links.get(camera.id)) for camera in await house.registry.list()]
    lines = _lines(house, body.seconds, known)
    return StreamingResponse(lines, headers={"Cache-Control": NO_STORE}, media_type=NDJSON)


async def describe_camera(body: DescribeIn, house: House) -> DescribeOut:
    """Ask a device what it is and which streams it has; says which hop works and which does not."""
    place = Place.parse(body.url)
    if _describing.locked():
        raise Unavailable("too many cameras are being tried at once; try again", code="busy", retry_after_s=5)
    async with _describing:
        return DescribeOut.of(await house.onvif.describe(place, Credentials(body.username, body.password)))


async def get_onvif(camera: AskedCamera, house: House) -> StandingOut:
    """What a camera is over ONVIF, asked now: maker, places that it remembers, how far its clock is off."""
    link = await house.onvif.links.get(camera.id)
    if link is None:
        return StandingOut(linked=False)
    known = {"url": link.place(camera).url, "sub": await _sub(house, camera)}
    try:
        standing = await house.onvif.standing(camera)
    except HaechiError as error:
        log.info("a camera does not answer over ONVIF", camera=camera.id, code=error.code)
        failed = StandingOut(linked=True, error=Fault(code=error.code, message=redact_text(error.message)))
        return failed.model_copy(update=known)
    return StandingOut(linked=False) if standing is None else StandingOut.of(standing).model_copy(update=known)


async def put_onvif(camera: AskedCamera, body: LinkIn, house: House) -> None:
    """Say where a camera speaks ONVIF: on the host of its stream, with the same user and password."""
    sub = body.sub
    stream = None
    if sub is not None:
        stream = sub_stream_for(sub.url, camera.address, sub.codec, (sub.width, sub.height), sub.fps)
    await house.onvif.link(camera, body.url, body.profile, stream)


async def delete_onvif(camera: AskedCamera, house: House) -> None:
    """Do not speak with a camera over ONVIF any more; its stream stays."""
    await house.onvif.forget(camera.id)


async def find_onvif(camera: AskedCamera, body: FindIn, house: House) -> DescribeOut:
    """Look for the device that a camera's stream comes from, and ask it with the camera's own user."""
    if _describing.locked():
        raise Unavailable("too many cameras are being tried at once; try again", code="busy", retry_after_s=5)
    async with _describing:
        return DescribeOut.of(await house.onvif.find(camera, body.url))


async def set_camera_clock(camera: AskedCamera, house: House) -> ClockOut:
    """Set a camera's clock to ours. It shows in pictures and in the camera's own log."""
    done = await house.onvif.set_clock(camera)
    return ClockOut(before_s=rounded(done.before_s), after_s=rounded(done.after_s), was_ntp=done.was_ntp)


async def get_reports(camera: AskedCamera, house: House) -> ReportsOut:
    """Whether what a camera notices by itself becomes events, and how it stands with that."""
    return ReportsOut.of(await house.reports.wishes.get(camera.id), house.reports.status(camera.id))


async def put_reports(camera: AskedCamera, body: ReportsIn, house: House) -> ReportsOut:
    """Switch it on or off, and choose."""
    wish = await house.reports.wishes.put(camera.id, body.wish())
    return ReportsOut.of(wish, house.reports.status(camera.id))


async def get_topics(camera: AskedCamera, house: House) -> TopicsOut:
    """What a camera says that it can notice, asked now."""
    try:
        topics = await house.onvif.topics(camera)
    except HaechiError as error:
        return TopicsOut(topics=[], error=Fault(code=error.code, message=redact_text(error.message)))
    return TopicsOut(topics=[ReportTopic(topic=one, kind=kind_of(one)) for one in topics])


async def move_camera(camera: AskedCamera, body: PtzIn, house: House) -> None:
    """Move a camera. It stops by itself two seconds after the last ``move``."""
    vector = Vector(body.pan, body.tilt, body.zoom)
    match body.action:
        case "move":
            await house.onvif.move(camera, vector)
        case "stop":
            await house.onvif.stop(camera)
        case "step":
            await house.onvif.step(camera, vector)
        case "preset":
            if not body.preset:
                raise Invalid("say which preset", code="bad-ptz")
            await house.onvif.go_to_preset(camera, body.preset)


async def add_preset(camera: AskedCamera, body: PresetIn, house: House) -> OnvifPreset:
    """Let a camera remember where it looks now."""
    name = " ".join(body.name.split())
    if not name or not name.isprintable():
        raise Invalid("a preset needs a name of printable characters", code="bad-ptz")
    return OnvifPreset(token=await house.onvif.remember(camera, name), name=name)


def register(routes: Routes) -> None:
    """Add the routes."""
    admin, one = Access.CAMERA_ADMIN, "/api/cameras/{camera}"
    content = {"content": {NDJSON: {"schema": {"type": "string"}}}}
    peers = (404, 502, 503)
    discover = "/api/cameras/discover"
    routes.add("POST", discover, discover_cameras, access=Access.ADMIN, problems=(503,), responses={200: content})
    routes.add("POST", "/api/cameras/describe", describe_camera, access=Access.ADMIN, problems=(503,))
    routes.add("GET", f"{one}/onvif", get_onvif, access=admin)
    routes.add("PUT", f"{one}/onvif", put_onvif, access=admin, status=204)
    routes.add("DELETE", f"{one}/onvif", delete_onvif, access=admin, status=204)
    routes.add("POST", f"{one}/onvif/find", find_onvif, access=admin, problems=(503,))
    routes.add("POST", f"{one}/onvif/clock", set_camera_clock, access=admin, problems=peers)
    routes.add("GET", f"{one}/reports", get_reports, access=admin)
    routes.add("PUT", f"{one}/reports", put_reports, access=admin)
    routes.add("GET", f"{one}/reports/topics", get_topics, access=admin)
    routes.add("POST", f"{one}/ptz", move_camera, access=admin, status=204, problems=peers)
    routes.add("POST", f"{one}/presets", add_preset, access=admin, status=201, problems=peers)


async def _sub(house: Services, camera: Camera) -> SubStreamOut | None:
    one = await house.onvif.links.sub_streams.get(camera.id)
    if one is None:
        return None
    url = one.address(camera.address).url
    return SubStreamOut(url=url, codec=one.codec, width=one.width_px, height=one.height_px, fps=one.fps)


async def _lines(house: Services, seconds: float, known: list[tuple[Camera, Link | None]]) -> AsyncIterator[bytes]:
    async with _searching:
        search = house.onvif.discover(seconds)
        count = 0
        try:
            async for found in search:
                count += 1
                yield _line({"type": "found", **_found(found, known)})
            yield _line({"type": "done", "found": count})
        except HaechiError as error:
            yield _line({"type": "failed", "code": error.code, "message": redact_text(error.message)})
        finally:
            await search.aclose()


def _found(found: Found, known: list[tuple[Camera, Link | None]]) -> dict[str, object]:
    same = [camera.id for camera, link in known if _is_same(found.place, camera, link)]
    return {
        "url": found.place.url,
        "host": found.place.host,
        "name": found.name,
        "model": found.model,
        "location": found.location,
        "camera": same[0] if same else None,
    }


def _is_same(place: Place, camera: Camera, link: Link | None) -> bool:
    """A camera that was added by its stream's address alone is known by its host; several on one by their ports."""
    return camera.address.host == place.host and (link is None or link.port == place.port)


def _line(message: dict[str, object]) -> bytes:
    return msgspec.json.encode(message) + b"\n"
