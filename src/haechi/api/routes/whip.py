"""WHIP (RFC 9725): offers in, answers out; and the tokens of those who publish."""

from fastapi import Request, Response

from haechi.api.asked import AskedCamera, From, House, Log, Visitor
from haechi.api.auth.log_in import require_room
from haechi.api.auth.principal import Principal
from haechi.api.bearers import bearer_of
from haechi.api.descriptions import FRAGMENT, SDP, description_in, reached_at, tagged
from haechi.api.policy import Access, Routes
from haechi.api.services import Services
from haechi.api.shapes.publishing import PublishOut, PublishToken
from haechi.base.clock import NS_PER_MS
from haechi.base.errors import Conflict, Invalid, NotFound
from haechi.base.throttle import Allowance, Throttle, address_key
from haechi.fleet.cameras import Camera
from haechi.ingest.whip.publishers import Grant, Publishers, Wish
from haechi.ingest.whip.source import WhipOpener
from haechi.media.webrtc.description import parse_fragment

OFFERS = Allowance(burst=20, refill_s=3)
"""Offers for one camera from one address: a browser that comes and goes, and no more."""
DOOR_S = 5.0
"""The first such camera opens the port: it is there a moment later."""
STEP_S = 0.05


async def publish(request: Request, camera: AskedCamera, house: House, peer: From, visitor: Visitor) -> Response:
    """Publish to a camera: the offer in the body, the answer in the answer; ``Location`` is the publication."""
    publishers = _publishers(camera, house)
    if not camera.enabled:
        raise Conflict("the camera is switched off; switch it on first", code="camera-disabled")
    offer = await description_in(request, SDP)
    require_room(request.app.state.offers, f"{address_key(peer.address)} {camera.id}")
    wish = Wish(
        offer,
        _grant(house, camera, request, visitor),
        peer.address,
        visitor.user.name if visitor is not None else "",
        reached_at(request),
        request.is_disconnected,
    )
    publication, answer = await publishers.offer(camera.id, wish, audio=camera.audio)
    location = f"/{camera.id}/whip/{publication.id}"
    return Response(answer, 201, headers={**tagged(publication.etag, "no-store"), "Location": location}, media_type=SDP)


async def change_publication(
    request: Request, publication: str, camera: AskedCamera, house: House, peer: From
) -> Response:
    """Trickle candidates, which a lite agent has no use for, or restart ICE (RFC 9725 section 4.3)."""
    publishers = _publishers(camera, house)
    found = publishers.find(camera.id, publication)
    fragment = parse_fragment(await description_in(request, FRAGMENT))
    asked = [tag.strip() for tag in request.headers.get("if-match", "").split(",") if tag.strip()]
    if not asked:
        message = "say with If-Match which state of the publication is meant"
        raise Invalid(message, code="publication-unnamed")
    if asked != ["*"] and f'"{found.etag}"' not in asked:
        raise Conflict("ICE was restarted since; this belongs to before", code="publication-changed")
    if fragment.ice == found.peer.ice.theirs:
        return Response(status_code=204, headers={"Cache-Control": "no-store"})
    if asked != ["*"]:
        raise Invalid('to restart ICE, send If-Match: "*"', code="bad-fragment")
    require_room(request.app.state.offers, f"{address_key(peer.address)} {camera.id}")
    answer = publishers.restart(found, fragment, reached_at(request))
    return Response(answer, 200, headers=tagged(found.etag, "no-store"), media_type=FRAGMENT)


async def end_publication(publication: str, camera: AskedCamera, house: House) -> None:
    """Stop publishing."""
    _publishers(camera, house).find(camera.id, publication).end("ended by the publisher")


async def options_of_whip() -> Response:
    """What may be sent here."""
    headers = {"Allow": "POST, OPTIONS", "Accept-Post": SDP, "Cache-Control": "no-store"}
    return Response(status_code=204, headers=headers)


async def no_reading() -> Response:
    """Nothing is to be read here (RFC 9725 section 4.1)."""
    raise Invalid("a publication is made by POST, changed by PATCH and ended by DELETE", code="not-for-publishing")


async def get_publish(camera: AskedCamera, house: House) -> PublishOut:
    """How this camera is published, and by whom at the moment."""
    return await _publish(house, camera, _publishers(camera, house))


async def new_publish_token(camera: AskedCamera, house: House, log: Log) -> PublishToken:
    """Make a token with which this camera is published. The one before stops working, also for who publishes now."""
    from haechi.fleet.publishing import PublishTokens

    publishers = _publishers(camera, house)
    if camera.address.is_phone:
        message = "a phone publishes with the token of its pairing; pair it anew for another"
        raise NotFound(message, code="camera-not-published")
    token = await PublishTokens(house.database, house.clock).issue(camera.id)
    log.about(camera.id, "new token")
    waited_s = 0.0
    while publishers.stage is None and waited_s < DOOR_S:
        await house.clock.sleep(STEP_S)
        waited_s += STEP_S
    return PublishToken(token=token, publish=await _publish(house, camera, publishers))


def register(routes: Routes) -> None:
    """Add the routes."""
    admin, may, one = Access.CAMERA_ADMIN, Access.PUBLISH, "/api/cameras/{camera}"
    routes.add("GET", f"{one}/publish", get_publish, access=admin, problems=(404,))
    routes.add("POST", f"{one}/publish/token", new_publish_token, access=admin, problems=(404,))
    endpoint, publication = "/{camera}/whip", "/{camera}/whip/{publication}"
    problems = (404, 409, 415, 503)
    routes.add("POST", endpoint, publish, access=may, status=201, problems=problems, response_class=Response)
    routes.add("OPTIONS", endpoint, options_of_whip, access=Access.PUBLIC, status=204, include_in_schema=False)
    routes.add("GET", endpoint, no_reading, access=Access.PUBLIC, include_in_schema=False)
    patch = (404, 412, 415, 428, 503)
    noted = {204: {"description": "Noted"}}
    routes.add(
        "PATCH", publication, change_publication, access=may, problems=patch, response_class=Response, responses=noted
    )
    routes.add("DELETE", publication, end_publication, access=may, problems=(404,))
    routes.add("GET", publication, no_reading, access=Access.PUBLIC, include_in_schema=False)


def offers_throttle(services: Services) -> Throttle:
    """The brake on offers; one per server."""
    return Throttle(OFFERS, services.clock)


def _publishers(camera: Camera, house: Services) -> Publishers:
    opener = house.ingest.openers.of(camera.address)
    if not isinstance(opener, WhipOpener):
        message = "nobody publishes this camera: the server gets its stream elsewhere"
        raise NotFound(message, code="camera-not-published")
    return opener.publishers


def _grant(house: Services, camera: Camera, request: Request, visitor: Principal | None) -> Grant:
    """Whether who publishes still may: the token is the camera's, or the session lives and is an administrator's."""
    from haechi.fleet.publishing import PublishTokens, digest_of

    if visitor is None:
        digest = digest_of(bearer_of(request) or "")
        tokens = PublishTokens(house.database, house.clock)

        async def holds_token() -> bool:
            return await tokens.admits(camera.id, digest)

        return holds_token

    async def is_logged_in() -> bool:
        living = await house.auth.sessions.living(frozenset({visitor.session}))
        now = living.get(visitor.session)
        return now is not None and now.is_admin

    return is_logged_in


async def _publish(house: Services, camera: Camera, publishers: Publishers) -> PublishOut:
    from haechi.fleet.publishing import PublishTokens

    status = publishers.status(camera.id)
    issued_ns = await PublishTokens(house.database, house.clock).issued_ns(camera.id)
    return PublishOut(
        listening=publishers.stage is not None,
        port=publishers.stage.port if publishers.stage is not None else None,
        path=f"/{camera.id}/whip",
        issued_ms=issued_ns // NS_PER_MS or None,
        peer=status.peer or None,
        who=status.who or None,
        connected_ms=status.connected_ns // NS_PER_MS or None,
        rivals=status.rivals,
        rival_peer=status.rival_peer or None,
        rival_ms=status.rival_ns // NS_PER_MS or None,
    )
