"""Cameras that dial out to us: where they dial, and their tokens."""

from haechi.api.asked import AskedCamera, House, Log
from haechi.api.policy import Access, Routes
from haechi.api.services import Services
from haechi.api.shapes.dialling import DialMemory, DialOut, DialToken
from haechi.base.clock import NS_PER_MS
from haechi.base.errors import NotFound
from haechi.fleet.cameras import Camera

DOOR_S = 5.0
"""The first such camera opens the door: it is there a moment later."""
STEP_S = 0.05


async def get_dial(camera: AskedCamera, house: House) -> DialOut:
    """How this camera finds us, and from where it dials."""
    _require_reverse(camera)
    return await _dial(house, camera)


async def new_token(camera: AskedCamera, house: House, log: Log) -> DialToken:
    """Make a token for a camera that dials out. The one before stops working, and its connection ends within 2 s."""
    from haechi.fleet.dialling import DialKeys

    _require_reverse(camera)
    token = await DialKeys(house.database, house.clock).issue(camera.id)
    log.about(camera.id, "new token")
    await _door(house)
    return DialToken(token=token, dial=await _dial(house, camera))


def register(routes: Routes) -> None:
    """Add the routes."""
    admin, one = Access.CAMERA_ADMIN, "/api/cameras/{camera}"
    routes.add("GET", f"{one}/dial", get_dial, access=admin, problems=(404,))
    routes.add("POST", f"{one}/dial/token", new_token, access=admin, problems=(404,))


def _require_reverse(camera: Camera) -> None:
    if not camera.address.is_reverse:
        message = "this camera is dialled by the server; only one that dials out has a token"
        raise NotFound(message, code="camera-not-reverse")


async def _door(house: Services) -> None:
    waited_s = 0.0
    while house.ingest.lines.door is None and waited_s < DOOR_S:
        await house.clock.sleep(STEP_S)
        waited_s += STEP_S


async def _dial(house: Services, camera: Camera) -> DialOut:
    from haechi.fleet.dialling import DialKeys

    door, status = house.ingest.lines.door, house.ingest.lines.status(camera.id)
    issued_ns = await DialKeys(house.database, house.clock).issued_ns(camera.id)
    return DialOut(
        listening=door is not None,
        host=door.host if door else None,
        port=door.port if door else None,
        pin=door.pin if door else None,
        issued_ms=issued_ns // NS_PER_MS or None,
        peer=status.peer or None,
        connected_ms=status.connected_ns // NS_PER_MS or None,
        rivals=status.rivals,
        rival_peer=status.rival_peer or None,
        rival_ms=status.rival_ns // NS_PER_MS or None,
        sent_to=status.sent_to or None,
        sent_ms=status.sent_ns // NS_PER_MS or None,
        memory=_memory(house, camera),
    )


def _memory(house: Services, camera: Camera) -> DialMemory | None:
    status = house.ingest.openers.memories.status(camera.id)
    if not status.limit_bytes:
        return None
    return DialMemory(
        bytes=status.bytes,
        limit_bytes=status.limit_bytes,
        waiting_ms=status.waiting_ns // NS_PER_MS,
        lost_units=status.lost_units,
    )
