"""WHEP (draft-ietf-wish-whep): offers to watch in, answers out."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Query, Request, Response

from haechi.api.asked import AskedCamera, AskedViewing, From, House
from haechi.api.audit import Actor
from haechi.api.auth.log_in import require_room
from haechi.api.descriptions import FRAGMENT, SDP, description_in, reached_at, tagged
from haechi.api.policy import Access, Routes
from haechi.api.rights import Viewing
from haechi.api.services import Services
from haechi.base.errors import Conflict, Invalid
from haechi.base.throttle import address_key
from haechi.fleet.cameras import Camera
from haechi.live.streams import stream_named
from haechi.live.whep.viewers import WatchWish
from haechi.media.webrtc.description import parse_fragment

PRIVATE = "private, no-store"


async def watch(
    request: Request,
    camera: AskedCamera,
    house: House,
    viewing: AskedViewing,
    peer: From,
    stream: Annotated[str, Query(max_length=16)] = "main",
) -> Response:
    """Watch a camera by WebRTC: the offer in the body, the answer in the answer; ``Location`` is the viewer."""
    if not camera.enabled:
        raise Conflict("the camera is switched off; switch it on first", code="camera-disabled")
    wanted = stream_named(camera.id, stream)
    offer = await description_in(request, SDP)
    require_room(request.app.state.offers, f"watch {address_key(peer.address)} {camera.id}")
    wish = WatchWish(offer, wanted, _may_still(house, camera, viewing), _nothing, reached_at(request))
    watching, answer = await house.whep.offer(camera.id, wish)
    headers = {**tagged(watching.etag, PRIVATE), "Location": f"/{camera.id}/whep/{watching.id}"}
    return Response(answer, 201, headers=headers, media_type=SDP)


async def change_viewer(request: Request, viewer: str, camera: AskedCamera, house: House, peer: From) -> Response:
    """Trickle candidates, which a lite agent has no use for, or restart ICE (RFC 9725 section 4.3)."""
    found = house.whep.find(camera.id, viewer)
    fragment = parse_fragment(await description_in(request, FRAGMENT))
    asked = [tag.strip() for tag in request.headers.get("if-match", "").split(",") if tag.strip()]
    if asked and asked != ["*"] and f'"{found.etag}"' not in asked:
        raise Conflict("ICE was restarted since; this belongs to before", code="viewer-changed")
    if fragment.ice == found.peer.ice.theirs:
        return Response(status_code=204, headers={"Cache-Control": PRIVATE})
    require_room(request.app.state.offers, f"watch {address_key(peer.address)} {camera.id}")
    answer = house.whep.restart(found, fragment, reached_at(request))
    return Response(answer, 200, headers=tagged(found.etag, PRIVATE), media_type=FRAGMENT)


async def end_viewer(viewer: str, camera: AskedCamera, house: House) -> None:
    """Watch no more."""
    house.whep.leave(house.whep.find(camera.id, viewer))


async def options_of_whep() -> Response:
    """What may be sent here."""
    headers = {"Allow": "POST, OPTIONS", "Accept-Post": SDP, "Cache-Control": "no-store"}
    return Response(status_code=204, headers=headers)


async def no_reading() -> Response:
    """Nothing is to be read here."""
    raise Invalid("a viewer is made by POST, changed by PATCH and ended by DELETE", code="not-for-watching")


def register(routes: Routes) -> None:
    """Add the routes."""
    may, endpoint, viewer = Access.WATCH, "/{camera}/whep", "/{camera}/whep/{viewer}"
    problems = (404, 409, 415, 503)
    routes.add("POST", endpoint, watch, access=may, status=201, problems=problems, response_class=Response)
    routes.add("OPTIONS", endpoint, options_of_whep, access=Access.PUBLIC, status=204, include_in_schema=False)
    routes.add("GET", endpoint, no_reading, access=Access.PUBLIC, include_in_schema=False)
    noted = {204: {"description": "Noted"}}
    patch = (404, 412, 415, 503)
    routes.add("PATCH", viewer, change_viewer, access=may, problems=patch, response_class=Response, responses=noted)
    routes.add("DELETE", viewer, end_viewer, access=may, status=204, problems=(404,))
    routes.add("GET", viewer, no_reading, access=Access.PUBLIC, include_in_schema=False)


def _may_still(house: Services, camera: Camera, viewing: Viewing) -> Callable[[], Awaitable[bool]]:
    """Whether who watches still may; as long as they do, that they watch is in the log."""

    async def ask() -> bool:
        if not await viewing.may_still(camera.id):
            return False
        user = viewing.principal.user
        house.keeping.audit.watching(Actor(user.id, user.name), camera.id)
        return True

    return ask


def _nothing() -> None:
    return
