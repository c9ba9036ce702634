"""Cameras: list, add, change, try, delete."""

import asyncio
import base64

import structlog

from haechi.api.asked import AskedCamera, Caller, Door, House, Log
from haechi.api.policy import Access, Routes
from haechi.api.services import Services
from haechi.api.shapes.cameras import (
    CameraAdd,
    CameraList,
    CameraOut,
    CameraPatch,
    ProbeIn,
    ProbeOut,
)
from haechi.base.errors import HaechiError, Invalid, Unavailable
from haechi.base.ids import CameraId
from haechi.fleet.address import CameraAddress, parse_address
from haechi.fleet.cameras import Camera, CameraChange
from haechi.ingest.probe import ProbeReport

log = structlog.get_logger(__name__)

MOST_PROBES = 4
PROBE_STILL_WIDTH_PX = 640
_probes = asyncio.Semaphore(MOST_PROBES)


async def list_cameras(house: House, caller: Caller) -> CameraList:
    """The cameras that one may see."""
    cameras = [camera for camera in await house.registry.list() if caller.may_view(camera.id)]
    return CameraList(cameras=[_out(house, camera) for camera in cameras])


async def add_camera(body: CameraAdd, house: House, log: Log) -> CameraOut:
    """Add a camera; it is connected to at once when it is enabled."""
    _require_one_place_for_credentials(body.url, body.username)
    camera = await house.registry.add(
        body.name,
        body.url,
        credentials=(body.username, body.password),
        transport=body.transport,
        audio=body.audio,
        enabled=body.enabled,
    )
    log.about(camera.id, "added")
    return _out(house, camera)


async def get_camera(camera: AskedCamera, house: House) -> CameraOut:
    """One camera."""
    return _out(house, camera)


async def change_camera(camera: AskedCamera, body: CameraPatch, house: House, log: Log) -> CameraOut:
    """Change a camera. A new address without credentials keeps the old ones while the host stays the same."""
    _require_one_place_for_credentials(body.url or "", body.username or "")
    changed = await house.registry.update(camera.id, CameraChange(**body.model_dump(exclude_unset=True)))
    log.about(camera.id, f"changed {', '.join(sorted(body.model_fields_set))}")
    return _out(house, changed)


async def delete_camera(camera: AskedCamera, house: House) -> None:
    """Remove a camera. Its recordings stay until retention takes them; those of a film go at once."""
    await house.films.forget_camera(camera.id)
    await house.registry.delete(camera.id)
    await house.auth.users.forget_camera(camera.id)
    await house.zones.forget(camera.id)
    await house.modules.forget(camera.id)
    await house.inspection.forget(camera.id)
    await house.lines.forget(camera.id)
    await house.views.forget(camera.id)
    await house.rules.forget(camera.id)
    await house.onvif.forget(camera.id)
    await house.reports.wishes.forget(camera.id)


async def probe_camera(body: ProbeIn, house: House, door: Door, caller: Caller) -> ProbeOut:
    """Try an address and say which hop works and which does not, with a test picture when all do."""
    _require_one_place_for_credentials(body.url, body.username)
    address = parse_address(body.url)
    if body.username:
        address = address.with_credentials(body.username, body.password)
    elif body.camera is not None and not address.username:
        known = await door.camera(caller, CameraId(body.camera))
        address = _with_stored_credentials(address, known)
    if _probes.locked():
        raise Unavailable("too many cameras are being tried at once; try again", code="busy", retry_after_s=5)
    async with _probes:
        report = await house.ingest.probe(address, body.transport)
        return ProbeOut.of(report, await _still(house, report))


def register(routes: Routes) -> None:
    """Add the routes."""
    view, admin, one = Access.CAMERA_VIEW, Access.CAMERA_ADMIN, "/api/cameras/{camera}"
    routes.add("GET", "/api/cameras", list_cameras, access=Access.SIGNED_IN)
    routes.add("POST", "/api/cameras", add_camera, access=Access.ADMIN, status=201)
    routes.add("POST", "/api/cameras/probe", probe_camera, access=Access.ADMIN, problems=(404, 503))
    routes.add("GET", one, get_camera, access=view)
    routes.add("PATCH", one, change_camera, access=admin)
    routes.add("DELETE", one, delete_camera, access=admin, status=204)


def _out(house: Services, camera: Camera) -> CameraOut:
    return CameraOut.of(camera, house.ingest.status(camera.id))


def _require_one_place_for_credentials(url: str, username: str) -> None:
    if username and "@" in url.partition("://")[2].partition("/")[0]:
        raise Invalid("give the user name in the address or in its own field, not in both", code="bad-credentials")


def _with_stored_credentials(address: CameraAddress, camera: Camera) -> CameraAddress:
    """Stored credentials go to the host that they were given for, and to no other."""
    known = camera.address
    if (address.host, address.port) != (known.host, known.port) or not known.username:
        return address
    return address.with_credentials(known.username, known.password)


async def _still(house: Services, report: ProbeReport) -> str | None:
    if not report.gop or report.params is None:
        return None
    try:
        jpeg = await house.vision.still(report.gop, report.params, width_px=PROBE_STILL_WIDTH_PX)
    except HaechiError as error:
        log.info("no test picture", code=error.code)
        return None
    return base64.b64encode(jpeg).decode("ascii")
